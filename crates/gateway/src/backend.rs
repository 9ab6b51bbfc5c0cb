//! The broker behind the gateway, once it can be reached.
//!
//! The gateway listens before its backend answers, so that whoever watches it sees that it lives and is not ready.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use firth::{Backoff, Broker, Error, Health};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::admission::Refused;
use crate::query::percent_decoded;

/// How long the question whether it is ready waits for the backend.
const READY_TIME_MAX: Duration = Duration::from_secs(1);

/// How long a request of a client waits for the backend.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// The broker behind the gateway, once it can be reached. Cloning it is cheap.
#[derive(Clone, Debug)]
pub(crate) struct BackendCell {
    found: watch::Receiver<Option<Broker>>,
    /// Raised when somebody needs it.
    needed: Arc<Notify>,
    /// How the backend is called, without a password; empty if it was handed over.
    name: Arc<str>,
    /// The password that the address of the backend has.
    password: Option<Arc<str>>,
}

impl BackendCell {
    /// Takes a broker that is there already.
    pub(crate) fn of(broker: Broker) -> Self {
        // The value stays when the sender is gone.
        let found = watch::channel(Some(broker)).1;
        BackendCell { found, needed: Arc::default(), name: "".into(), password: None }
    }

    /// Returns how the backend is called, without a password.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the password by which the gateway is let in to its backend.
    pub(crate) fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    fn at(mut self, address: &str) -> Self {
        let (name, password) = split_password(address);
        (self.name, self.password) = (name.into(), password.map(Arc::from));
        self
    }

    /// Connects, and goes on trying if that fails.
    ///
    /// # Errors
    /// The address is wrong.
    pub(crate) async fn connect(address: &str) -> Result<Self, Error> {
        match Broker::connect(address).await {
            Ok(broker) => Ok(BackendCell::of(broker).at(address)),
            Err(
                error @ (Error::Address { .. } | Error::Refused(_) | Error::Unsupported { .. }),
            ) => Err(error),
            Err(error) => {
                tracing::warn!(%error, "the gateway's backend cannot be reached, trying again");
                let backend = BackendCell::connect_when_needed(address);
                backend.needed.notify_one();
                Ok(backend)
            }
        }
    }

    /// Connects as soon as somebody needs it.
    pub(crate) fn connect_when_needed(address: &str) -> Self {
        let (sender, found) = watch::channel(None);
        let needed = Arc::new(Notify::new());
        tokio::spawn(keep_connecting(address.to_owned(), sender, Arc::clone(&needed)));
        BackendCell { found, needed, name: "".into(), password: None }.at(address)
    }

    /// Returns the broker, and waits for it.
    pub(crate) async fn broker(&self) -> Result<Broker, Error> {
        self.needed.notify_one();
        let mut found = self.found.clone();
        let found = found.wait_for(Option::is_some).await.map_err(|_| Error::Closed)?;
        found.clone().ok_or(Error::Closed)
    }

    /// Returns the broker, and waits for it as long as a client may be kept waiting.
    pub(crate) async fn broker_soon(&self) -> Result<Broker, Refused> {
        soon(self.broker()).await
    }

    /// Returns the broker if it was ever reached.
    pub(crate) fn now(&self) -> Option<Broker> {
        self.found.borrow().clone()
    }

    /// Says whether requests are answered, as far as is known without asking.
    pub(crate) fn is_up(&self) -> bool {
        self.now().is_some_and(|broker| broker.health().now() == Health::Connected)
    }

    /// Says whether requests are answered, and connects if nobody has needed that before.
    pub(crate) async fn is_ready(&self) -> bool {
        let broker = timeout(READY_TIME_MAX, self.broker()).await;
        broker.is_ok_and(|broker| {
            broker.is_ok_and(|broker| broker.health().now() == Health::Connected)
        })
    }
}

/// Waits for the backend as long as a client may be kept waiting.
pub(crate) async fn soon<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Refused> {
    match timeout(WAIT_MAX, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => {
            let text = "the backend cannot be reached";
            Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, text))
        }
    }
}

/// Takes the password out of an address: of `//user:PASSWORD@host`, or of `?pass=PASSWORD` behind the path of a socket.
fn split_password(address: &str) -> (String, Option<String>) {
    let found = |text: &str| Some(percent_decoded(text)).filter(|password| !password.is_empty());
    if let Some((scheme, rest)) = address.split_once("://")
        && scheme != "unix"
    {
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let Some((user, hosts)) = authority.rsplit_once('@') else {
            return (address.to_owned(), None);
        };
        let (user, password) = user.split_once(':').unwrap_or((user, ""));
        let at = if user.is_empty() { "" } else { "@" };
        return (format!("{scheme}://{user}{at}{hosts}{path}"), found(password));
    }
    let (place, query) = address.split_once('?').unwrap_or((address, ""));
    let password = query.split('&').find_map(|pair| pair.strip_prefix("pass="));
    (place.to_owned(), password.and_then(found))
}

async fn keep_connecting(
    address: String,
    sender: watch::Sender<Option<Broker>>,
    needed: Arc<Notify>,
) {
    tokio::select! {
        () = needed.notified() => {}
        () = sender.closed() => return,
    }
    for attempts in 0.. {
        match Broker::connect(&address).await {
            Ok(broker) => {
                sender.send_replace(Some(broker));
                return;
            }
            Err(error) if attempts == 0 => {
                tracing::warn!(%error, "the gateway's backend cannot be reached, trying again");
            }
            Err(error) => tracing::debug!(%error, "the gateway's backend"),
        }
        tokio::select! {
            () = tokio::time::sleep(pauses().pause(attempts)) => {}
            () = sender.closed() => return,
        }
    }
}

/// Returns how long is waited before the backend is tried again.
pub(crate) fn pauses() -> Backoff {
    Backoff::exponential(Duration::from_millis(100)).max(Duration::from_secs(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_taken_out_of_addresses() {
        let check = |address: &str, name: &str, password: Option<&str>| {
            let expect = (name.to_owned(), password.map(str::to_owned));
            assert_eq!(split_password(address), expect, "{address}");
        };
        check("redis://h:1/2", "redis://h:1/2", None);
        check("redis://:p%40ss@h:1/2", "redis://h:1/2", Some("p@ss"));
        check("redis+cluster://u:p@a,b?x=@", "redis+cluster://u@a,b?x=@", Some("p"));
        check("redis://u@h", "redis://u@h", None);
        check("redis://:@h", "redis://h", None);
        check("unix:///a/b?db=1&pass=p+w", "unix:///a/b", Some("p+w"));
        check("unix:///a/b", "unix:///a/b", None);
        check("memory:", "memory:", None);
        check("file:/d?durability=always", "file:/d", None);
    }
}
