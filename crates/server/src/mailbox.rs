//! How one worker reaches another, and the rest of the program reaches a worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use firth_engine::Lsn;
use firth_engine::pubsub::Tokens;
use parking_lot::Mutex;

use crate::fanout::Message;

/// How many bytes of messages may wait in one mailbox before its listeners count as too slow.
const MESSAGE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Something for a worker to do.
#[derive(Debug)]
pub enum Mail {
    /// Give a message to these listeners.
    Message {
        /// The message.
        message: Arc<Message>,
        /// The listeners' tokens.
        listeners: Arc<Tokens>,
    },
    /// Give bytes to one client, encoded for its protocol already.
    Push {
        /// The client's token.
        token: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A blocked client has got its reply.
    Served {
        /// The client's token.
        token: u64,
        /// Which of its waits was served.
        wait: u64,
        /// The reply.
        reply: Vec<u8>,
        /// What the reply depends on.
        lsn: Lsn,
    },
    /// Tell a client that keys it may hold a copy of have changed; `None` stands for all keys.
    Invalidate {
        /// The client's token.
        token: u64,
        /// The keys.
        keys: Option<Arc<[Box<[u8]>]>>,
    },
    /// Close these clients' connections.
    Close {
        /// The clients' tokens.
        tokens: Vec<u64>,
        /// Why.
        reason: CloseReason,
    },
}

/// Why a connection is closed from this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Somebody asked for it.
    Killed,
    /// It reads more slowly than it is sent to.
    OutputLimit,
    /// It was idle for longer than is allowed.
    Idle,
    /// More of its requests wait than is allowed.
    InputLimit,
}

/// The mail of one worker. Sending wakes the worker at most once until it looks.
#[derive(Default)]
pub struct Mailbox {
    mail: Mutex<Vec<Mail>>,
    has_mail: AtomicBool,
    message_bytes: AtomicUsize,
    waker: Mutex<Option<Box<dyn Fn() + Send + Sync>>>,
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox").field("mail", &self.mail.lock().len()).finish_non_exhaustive()
    }
}

impl Mailbox {
    /// Sets what wakes the worker.
    pub fn on_mail(&self, wake: impl Fn() + Send + Sync + 'static) {
        *self.waker.lock() = Some(Box::new(wake));
    }

    /// Sends mail.
    ///
    /// When too many bytes of messages wait already, a message is not sent and its listeners are
    /// closed instead, as slow ones.
    pub fn send(&self, mail: Mail) {
        let mail = match mail {
            Mail::Message { message, listeners } => {
                let waiting = self.message_bytes.fetch_add(message.len(), Ordering::Relaxed);
                if waiting > MESSAGE_BYTES_MAX {
                    self.message_bytes.fetch_sub(message.len(), Ordering::Relaxed);
                    let tokens = listeners.as_slice().to_vec();
                    Mail::Close { tokens, reason: CloseReason::OutputLimit }
                } else {
                    Mail::Message { message, listeners }
                }
            }
            other => other,
        };
        self.mail.lock().push(mail);
        self.wake();
    }

    /// Wakes the worker, unless that was done since it last looked.
    pub fn wake(&self) {
        if !self.has_mail.swap(true, Ordering::AcqRel)
            && let Some(wake) = &*self.waker.lock()
        {
            wake();
        }
    }

    /// Says whether the worker has reason to look.
    #[inline]
    pub fn has_mail(&self) -> bool {
        self.has_mail.load(Ordering::Acquire)
    }

    /// Takes all mail.
    pub fn take(&self) -> Vec<Mail> {
        if !self.has_mail.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        self.message_bytes.store(0, Ordering::Relaxed);
        std::mem::take(&mut *self.mail.lock())
    }
}
