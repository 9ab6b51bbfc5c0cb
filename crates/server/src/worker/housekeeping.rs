//! What a worker looks after now and then: keys whose time is up, retention, idle clients,
//! the rest of the log.

use std::sync::atomic::Ordering;

use firth_engine::ShardSet;

use super::Worker;
use crate::dispatch;
use crate::mailbox::CloseReason;
use crate::retention;
use crate::session::Session;

/// How many overdue keys of one shard are removed at a time.
const EXPIRED_KEYS_MAX: usize = 200;
/// How often what no reply waits for is written to the log.
const REST_MS: u64 = 1000;

impl Worker {
    pub(super) fn keep_house(&mut self) {
        if self.local.number == 0 && self.server.expires_actively.load(Ordering::Relaxed) {
            self.expire_keys();
        }
        if self.local.number == 0 {
            retention::observe(&self.server, &mut self.local);
            self.write_rest();
        }
        let now_ms = self.local.monotonic_ms;
        let idle_ms = self.local.config.idle_timeout_s.saturating_mul(1000);
        if idle_ms == 0 {
            return;
        }
        let sessions = self.sessions.iter().filter_map(|slot| slot.session.as_deref());
        let is_idle = |session: &&Session| {
            let active_ms = session.client.active_ms.load(Ordering::Relaxed);
            let is_waiting = session.blocked.is_some() || session.is_subscribed();
            !is_waiting && now_ms.saturating_sub(active_ms) > idle_ms
        };
        let idle: Vec<u64> = sessions.filter(is_idle).map(|session| session.token).collect();
        for token in idle {
            self.local.doom(token, CloseReason::Idle);
        }
    }

    /// Has the log write, once per second, what no reply waits for.
    fn write_rest(&mut self) {
        let now_ms = self.local.monotonic_ms;
        if self.rest_written_ms + REST_MS <= now_ms {
            self.rest_written_ms = now_ms;
            if let Some(storage) = self.server.engine.storage() {
                storage.log().commit();
            }
        }
    }

    fn expire_keys(&mut self) {
        let server = self.server.clone();
        if !server.engine.journal().admits() {
            return;
        }
        for shard in ShardSet::each() {
            let mut keys = server.engine.lock(shard, self.local.now_ms);
            while keys.expire_overdue(EXPIRED_KEYS_MAX) == EXPIRED_KEYS_MAX {}
            keys.serve_waiters();
            let signals = keys.take_signals();
            dispatch::tell_of(&server, &mut self.local, None, signals);
        }
    }
}
