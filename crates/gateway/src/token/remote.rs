//! Keys that are kept at a URL, which may change there at any time.
//!
//! They are fetched at the beginning, every ten minutes, and when a token names a key that is not among them, but not more
//! often than every five seconds, however many such tokens there are. When they cannot be had, the last ones remain.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::decode_header;
use parking_lot::RwLock;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::fetch::{FETCH_TIME_MAX, KeyUrl};
use super::{Claims, TokenError, TokenKeys};
use crate::access::KeysError;

/// How often they are fetched when nobody asks for others.
const FETCH_EVERY: Duration = Duration::from_secs(600);

/// How long after one attempt the next one begins at the earliest.
const PAUSE: Duration = Duration::from_secs(5);

/// Keys that are kept at a URL.
#[derive(Debug)]
pub(crate) struct RemoteKeys {
    url: KeyUrl,
    last: RwLock<Arc<TokenKeys>>,
    /// Raised when a token names a key that is not there.
    wanted: Notify,
    phase: watch::Sender<Phase>,
}

/// What the task that fetches them does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Fetching,
    /// It has fetched them, or tried to, a moment ago.
    Resting,
    Waiting,
}

impl RemoteKeys {
    pub(crate) fn at(url: &str) -> Result<Arc<Self>, KeysError> {
        let (last, phase) = (RwLock::default(), watch::Sender::new(Phase::Fetching));
        Ok(Arc::new(RemoteKeys { url: KeyUrl::parse(url)?, last, wanted: Notify::new(), phase }))
    }

    /// Returns the claims of a token that one of the keys has signed and that has not expired.
    pub(crate) fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let last = Arc::clone(&self.last.read());
        last.verify(token)
    }

    /// Lets the keys be fetched if a token names one that is not there, and waits for that; not if it was tried a moment ago.
    pub(crate) async fn prepare(&self, token: &str) {
        if self.knows(token) {
            return;
        }
        let mut phase = self.phase.subscribe();
        match *phase.borrow_and_update() {
            Phase::Resting => return,
            Phase::Waiting => self.wanted.notify_one(),
            Phase::Fetching => {}
        }
        let fetched = phase.wait_for(|phase| *phase == Phase::Resting);
        _ = timeout(FETCH_TIME_MAX + PAUSE, fetched).await;
    }

    /// Says whether the key that a token names is there. What is no token is not worth asking for.
    fn knows(&self, token: &str) -> bool {
        let Ok(header) = decode_header(token) else { return true };
        self.last.read().names(header.kid.as_deref())
    }

    /// Fetches them again and again.
    pub(crate) async fn keep(self: Arc<Self>) {
        loop {
            self.phase.send_replace(Phase::Fetching);
            match self.fetch().await {
                Ok(keys) => *self.last.write() = Arc::new(keys),
                Err(error) => {
                    tracing::warn!(%error, "the keys of tokens cannot be fetched: the last ones remain");
                }
            }
            self.phase.send_replace(Phase::Resting);
            sleep(PAUSE).await;
            self.phase.send_replace(Phase::Waiting);
            // If there are none at all, they are not only fetched when somebody needs them.
            let every = if self.last.read().is_empty() { PAUSE } else { FETCH_EVERY };
            _ = timeout(every, self.wanted.notified()).await;
        }
    }

    async fn fetch(&self) -> Result<TokenKeys, Box<dyn std::error::Error + Send + Sync>> {
        let answer = self.url.fetch().await?;
        let mut keys = TokenKeys::default();
        keys.add_set(std::str::from_utf8(&answer)?)?;
        Ok(keys)
    }
}
