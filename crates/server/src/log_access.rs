//! What the log's condition lets clients do, and what they are told when it is not well.
//!
//! A command that may change something asks before it locks anything; whatever it changes then can
//! be logged. While nothing can be logged, reads go on, except those that would tell of a change
//! that is not on the disk.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use firth_engine::{AppendError, Engine, Log, LogState, Lsn};

use crate::mailbox::Mailbox;
use crate::reply_error::{self, ReplyError};
use crate::server::Server;

/// Says why nothing may be changed now, if that is so. Waits while the log has more to write than it
/// takes.
#[inline]
pub(crate) fn refusal(server: &Server) -> Option<ReplyError> {
    let journal = server.engine.journal();
    if journal.admits() {
        return None;
    }
    journal.admit().err().map(|error| match error {
        AppendError::Full(failure) => reply_error::log_full(&failure),
        AppendError::Poisoned(failure) => reply_error::log_failed(&failure),
        _ => reply_error::LOG_CLOSED,
    })
}

/// Says why a reply that depends on this position cannot be given, if the log is in such a condition
/// that it would have to wait for long or for ever.
#[inline]
pub(crate) fn unsettled(engine: &Engine, lsn: Lsn) -> Option<ReplyError> {
    if engine.journal().admits() || lsn <= engine.journal().settled() {
        return None;
    }
    match engine.storage()?.log().state() {
        LogState::Full(failure) => Some(reply_error::log_full_behind(&failure)),
        LogState::Poisoned(failure) => Some(reply_error::log_failed_behind(&failure)),
        LogState::Running | LogState::Closed => None,
    }
}

/// Has the log wake the workers that wait for it, and tell whoever runs the server how it is.
pub(crate) fn watch(log: &Arc<Log>, mailboxes: &[Arc<Mailbox>]) {
    let mailboxes: Vec<Weak<Mailbox>> = mailboxes.iter().map(Arc::downgrade).collect();
    let is_well = AtomicBool::new(true);
    log.on_durable(move |_, state| {
        say(state, &is_well);
        for mailbox in mailboxes.iter().filter_map(Weak::upgrade) {
            mailbox.wake_for_log();
        }
    });
}

/// Tells of a change for better or worse, once.
fn say(state: &LogState, is_well: &AtomicBool) {
    match state {
        LogState::Running | LogState::Closed => {
            if !is_well.swap(true, Ordering::Relaxed) {
                tracing::info!("the log is written again, and changes are taken again");
            }
        }
        LogState::Full(failure) => {
            if is_well.swap(false, Ordering::Relaxed) {
                tracing::error!("the disk is full, so nothing can be changed for now: {failure}");
            }
        }
        LogState::Poisoned(failure) => {
            is_well.store(false, Ordering::Relaxed);
            tracing::error!("nothing can be changed any more until a restart: {failure}");
        }
    }
}

#[cfg(test)]
mod tests;
