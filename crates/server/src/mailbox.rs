//! How one worker reaches another, and the rest of the program reaches a worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

use firth_engine::Lsn;
use firth_engine::pubsub::Tokens;
use parking_lot::Mutex;

use crate::fanout::Message;
use crate::receipt::Receipt;

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
    /// The blocks that a client's command has waited for were read.
    Loaded {
        /// The client's token.
        token: u64,
    },
    /// Tell a client that keys it may hold a copy of have changed; `None` stands for all keys.
    Invalidate {
        /// The client's token.
        token: u64,
        /// The keys.
        keys: crate::tracking::Keys,
        /// What the message depends on.
        lsn: Lsn,
    },
    /// Tell a client that the one that it redirects invalidation messages to is gone.
    RedirectBroken {
        /// The client's token.
        token: u64,
        /// The number of the client that is gone.
        redirect: u64,
    },
    /// Let the clients that CLIENT PAUSE has stopped go on.
    PauseEnded,
    /// Close these clients' connections.
    Close {
        /// The clients' tokens.
        tokens: Vec<u64>,
        /// Why.
        reason: CloseReason,
        /// Dropped when it is done, for somebody who waits for that.
        receipt: Option<Arc<Receipt>>,
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
    /// What it is to be told can never become durable.
    LogFailed,
}

/// The mail of one worker. A worker that sleeps is woken by the first mail; one that is awake looks
/// at its mail before it goes to sleep.
#[derive(Default)]
pub struct Mailbox {
    mail: Mutex<Vec<Mail>>,
    count: AtomicUsize,
    message_bytes: AtomicUsize,
    is_awake: AtomicBool,
    /// Whether the worker has replies that wait for the log.
    holds_replies: AtomicBool,
    waker: Mutex<Option<Box<dyn Fn() + Send + Sync>>>,
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox").field("mail", &self.count).finish_non_exhaustive()
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
        let bytes = match &mail {
            Mail::Message { message, .. } => message.len(),
            Mail::Push { bytes, .. } => bytes.len(),
            _ => 0,
        };
        let waiting = self.message_bytes.fetch_add(bytes, Ordering::Relaxed);
        let mail = match mail {
            Mail::Message { listeners, .. } if waiting > MESSAGE_BYTES_MAX => {
                let tokens = listeners.as_slice().to_vec();
                let reason = CloseReason::OutputLimit;
                Mail::Close { tokens, reason, receipt: None }
            }
            Mail::Push { token, .. } if waiting > MESSAGE_BYTES_MAX => {
                Mail::Close { tokens: vec![token], reason: CloseReason::OutputLimit, receipt: None }
            }
            other => other,
        };
        let mut waiting = self.mail.lock();
        waiting.push(mail);
        self.count.store(waiting.len(), Ordering::SeqCst);
        drop(waiting);
        self.wake();
    }

    /// Wakes the worker if it sleeps.
    pub fn wake(&self) {
        if !self.is_awake.swap(true, Ordering::SeqCst)
            && let Some(wake) = &*self.waker.lock()
        {
            wake();
        }
    }

    /// Notes whether the worker has replies that wait for the log. To be called before it goes to
    /// sleep; behind that it has to look at the log once more.
    pub fn set_holds_replies(&self, holds: bool) {
        self.holds_replies.store(holds, Ordering::SeqCst);
    }

    /// Wakes the worker if it has replies that wait for the log, after something has happened there.
    pub fn wake_for_log(&self) {
        // The worker notes first that it waits and that it sleeps, and then looks at the log; the
        // log changes first, and then this looks at the worker. One of the two sees the other.
        fence(Ordering::SeqCst);
        if self.holds_replies.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Says whether there is mail.
    #[inline]
    pub fn has_mail(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
    }

    /// Takes all mail.
    pub fn take(&self) -> Vec<Mail> {
        let mut waiting = self.mail.lock();
        self.count.store(0, Ordering::SeqCst);
        self.message_bytes.store(0, Ordering::Relaxed);
        std::mem::take(&mut *waiting)
    }

    /// Notes that the worker goes to sleep; false if it must not, since there is mail.
    pub fn go_to_sleep(&self) -> bool {
        self.is_awake.store(false, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        !self.has_mail()
    }

    /// Notes that the worker is awake.
    pub fn wake_up(&self) {
        self.is_awake.store(true, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(token: u64) -> Mail {
        Mail::Push { token, bytes: Vec::new() }
    }

    #[test]
    fn the_log_wakes_only_who_waits_for_it() {
        let mailbox = Mailbox::default();
        let wakes = Arc::new(AtomicUsize::new(0));
        let counter = wakes.clone();
        mailbox.on_mail(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        for (holds, expect) in [(false, 0), (true, 1), (true, 2), (false, 2)] {
            mailbox.wake_up();
            mailbox.set_holds_replies(holds);
            assert!(mailbox.go_to_sleep());
            mailbox.wake_for_log();
            assert_eq!(wakes.load(Ordering::SeqCst), expect);
        }
    }

    #[test]
    fn a_sleeping_worker_is_woken_once_and_an_awake_one_not_at_all() {
        let mailbox = Mailbox::default();
        let wakes = Arc::new(AtomicUsize::new(0));
        let counter = wakes.clone();
        mailbox.on_mail(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        mailbox.wake_up();
        mailbox.send(push(1));
        assert_eq!(wakes.load(Ordering::SeqCst), 0);
        assert!(!mailbox.go_to_sleep(), "there is mail");
        mailbox.wake_up();
        assert_eq!(mailbox.take().len(), 1);
        assert!(mailbox.go_to_sleep());
        mailbox.send(push(2));
        mailbox.send(push(3));
        assert_eq!(wakes.load(Ordering::SeqCst), 1);
        assert_eq!(mailbox.take().len(), 2);
    }
}
