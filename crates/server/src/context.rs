//! What a running command sees.

use std::sync::Arc;

use firth_engine::Locked;
use firth_engine::blocks::Room;
use firth_resp::{Protocol, Reply};

use crate::blocked::{BlockedReader, Wait};
use crate::client::ClientState;
use crate::config::ReadReply;
use crate::dispatch;
use crate::local::Local;
use crate::reply_error::{self, ReplyError};
use crate::server::Server;
use crate::session::{Blocked, Session};
use crate::spec::Spec;

/// A wait that time alone can end is tried again at least this often, since others may shorten it.
const RETRY_MS_MAX: u64 = 100;

/// Everything that a command may use: the server, its client's session, and the keys that it has
/// declared, locked.
#[derive(Debug)]
pub struct Context<'a, 'e> {
    /// What all workers share.
    pub server: &'e Server,
    /// What belongs to the worker: outboxes, configuration, clocks.
    pub local: &'a mut Local,
    /// The client's session.
    pub session: &'a mut Session,
    /// The command's keys, locked.
    pub keys: &'a mut Locked<'e>,
    /// The command's declaration.
    pub spec: &'static Spec,
    /// Whether the command runs within EXEC.
    pub in_transaction: bool,
}

impl<'e> Context<'_, 'e> {
    /// Returns the writer of the command's reply.
    #[inline]
    pub fn reply(&mut self) -> Reply<'_> {
        Reply::new(&mut self.local.outboxes.reply, self.session.protocol)
    }

    /// Returns the keys and the writer of the reply, to encode one from the other.
    #[inline]
    pub fn keys_and_reply(&mut self) -> (&mut Locked<'e>, Reply<'_>) {
        (self.keys, Reply::new(&mut self.local.outboxes.reply, self.session.protocol))
    }

    /// Returns the database that the client has selected.
    #[inline]
    pub fn db(&self) -> u8 {
        self.session.db
    }

    /// Returns the time at which the command runs, in Unix milliseconds.
    #[inline]
    pub fn now_ms(&self) -> u64 {
        self.keys.now_ms()
    }

    /// Refuses what would take so many bytes of memory if there is no room for them, for commands that
    /// make more than they bring.
    ///
    /// # Errors
    /// There is no room, and none can be made.
    pub fn check_room(&self, bytes: usize) -> Result<(), ReplyError> {
        let is_small = bytes < dispatch::LARGE_BYTES;
        if is_small || self.server.engine.make_room(bytes) != Room::None {
            return Ok(());
        }
        Err(reply_error::OUT_OF_MEMORY)
    }

    /// Says whether XREAD and XREADGROUP answer this client with a map from streams to entries.
    pub fn answers_reads_with_map(&self) -> bool {
        let how = self.session.read_reply.unwrap_or(self.local.config.stream_read_reply);
        self.session.protocol == Protocol::Resp3 && how == ReadReply::Map
    }

    /// Says whether the command may block its client.
    pub fn may_block(&self) -> bool {
        !self.in_transaction
    }

    /// Blocks the client until its wait is over, and returns the number of the wait; the command
    /// then writes no reply.
    pub fn block(&mut self, wait: Wait) -> Option<u64> {
        if self.keys.is_void() {
            // It has not seen all that there is.
            return None;
        }
        let mailbox = self.server.mailbox(self.local.number)?.clone();
        let now_ms = self.local.monotonic_ms;
        let deadline_ms = wait.timeout_ms.map(|timeout_ms| now_ms.saturating_add(timeout_ms));
        let retry_every_ms = wait.retry_after_ms.unwrap_or(RETRY_MS_MAX).clamp(1, RETRY_MS_MAX);
        let retry_ms = wait.retry_after_ms.map(|_| now_ms + retry_every_ms);
        let id = self.server.next_wait();
        let reader = Arc::new(BlockedReader::new(id, self.session.client.address, mailbox, wait));
        for key in &reader.keys {
            self.keys.park(key.db, &key.key, reader.clone());
        }
        if let Some(at_ms) = deadline_ms.into_iter().chain(retry_ms).min() {
            self.local.timers.insert((at_ms, self.session.token));
        }
        *self.session.client.blocked.lock() = Some(reader.clone());
        self.session.client.note(ClientState::Blocked, true);
        self.session.blocked = Some(Blocked { reader, deadline_ms, retry_ms, retry_every_ms });
        Some(id)
    }
}
