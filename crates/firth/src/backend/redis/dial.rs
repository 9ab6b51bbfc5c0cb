//! How a connection to one server is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{MultiplexedConnection, PubSub};
use redis::sentinel::SentinelClient;
use redis::{AsyncConnectionConfig, Client, RedisError};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long the making of a connection may take.
pub(super) const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// How long an ordinary answer may take. The crate's own half second would take a long reply on a
/// busy server for a lost connection.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(15);

/// Makes connections to one server.
pub(super) enum Dial {
    /// Always the same one.
    Fixed(Box<Client>),
    /// The one that the sentinels name.
    Sentinel(Arc<Mutex<SentinelClient>>),
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Answers come soon.
    Ordinary,
    /// Answers may be waited for, and whoever waits has the time in hand.
    Waiting,
}

impl Dial {
    async fn client(&self) -> Result<Client, RedisError> {
        match self {
            Dial::Fixed(client) => Ok(Client::clone(client)),
            Dial::Sentinel(sentinels) => {
                // In a task of its own: who asks may not be polled for a while, and must not hold up
                // others who ask.
                let sentinels = Arc::clone(sentinels);
                let asking = async move { in_time(ask(&sentinels)).await };
                tokio::spawn(asking).await.unwrap_or_else(|_| Err(late()))
            }
        }
    }

    /// Makes a connection.
    pub(super) async fn connect(&self, usage: Use) -> Result<MultiplexedConnection, RedisError> {
        let response_timeout = match usage {
            Use::Ordinary => Some(ANSWER_TIME_MAX),
            Use::Waiting => None,
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIME_MAX))
            .set_response_timeout(response_timeout);
        let client = self.client().await?;
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Makes a connection that listens.
    pub(super) async fn listen(&self) -> Result<PubSub, RedisError> {
        let client = self.client().await?;
        in_time(client.get_async_pubsub()).await
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A client's own form would show the password.
        f.write_str(match self {
            Dial::Fixed(_) => "Fixed",
            Dial::Sentinel(_) => "Sentinel",
        })
    }
}

/// Has the sentinels name the primary.
async fn ask(sentinels: &Mutex<SentinelClient>) -> Result<Client, RedisError> {
    sentinels.lock().await.async_get_client().await
}

/// Lets something take no longer than a connection may.
async fn in_time<T>(what: impl Future<Output = Result<T, RedisError>>) -> Result<T, RedisError> {
    timeout(CONNECT_TIME_MAX, what).await.map_err(|_| late())?
}

fn late() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}
