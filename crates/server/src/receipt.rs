//! Work done on other workers that a client waits for.

use std::sync::Arc;

use firth_engine::Lsn;

use crate::blocked::Wait;
use crate::context::Context;
use crate::mailbox::{Mail, Mailbox};

/// How long a client waits at the most, should a worker be busy for so long.
const WAIT_MS_MAX: u64 = 5_000;

/// A reply that is sent when the last holder of the receipt lets go of it.
#[derive(Debug)]
pub struct Receipt {
    mailbox: Arc<Mailbox>,
    token: u64,
    wait: u64,
    reply: Vec<u8>,
}

impl Receipt {
    /// Lets the client of a command wait until the receipt is dropped and gives it this encoded
    /// reply then, or when that takes too long; nothing within a transaction, which cannot wait.
    pub fn wait_for(cx: &mut Context<'_, '_>, reply: Vec<u8>) -> Option<Arc<Receipt>> {
        if !cx.may_block() {
            return None;
        }
        let wait = Wait {
            keys: Vec::new(),
            retry: Box::new(|_| None),
            watches_absence: false,
            timeout_ms: Some(WAIT_MS_MAX),
            retry_after_ms: None,
            late_reply: Some(reply.clone()),
        };
        let wait = cx.block(wait)?;
        let (mailbox, token) = (cx.local.mailbox.clone(), cx.session.token);
        Some(Arc::new(Receipt { mailbox, token, wait, reply }))
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        let reply = std::mem::take(&mut self.reply);
        let (token, wait) = (self.token, self.wait);
        self.mailbox.send(Mail::Served { token, wait, reply, lsn: Lsn::ZERO });
    }
}
