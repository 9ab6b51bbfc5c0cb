//! How a connection to one server is made.

use std::fmt;
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
    Fixed(Client),
    /// The one that the sentinels name.
    Sentinel(Mutex<SentinelClient>),
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
            Dial::Fixed(client) => Ok(client.clone()),
            Dial::Sentinel(sentinels) => sentinels.lock().await.async_get_client().await,
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
        let client = in_time(self.client()).await?;
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// Makes a connection that listens.
    pub(super) async fn listen(&self) -> Result<PubSub, RedisError> {
        let client = in_time(self.client()).await?;
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

/// Lets something take no longer than a connection may.
async fn in_time<T>(what: impl Future<Output = Result<T, RedisError>>) -> Result<T, RedisError> {
    let late = |_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
    timeout(CONNECT_TIME_MAX, what).await.map_err(late)?
}
