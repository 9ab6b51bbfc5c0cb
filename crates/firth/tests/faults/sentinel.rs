//! Servers behind a sentinel: a broker finds the primary, and finds it again when another one has
//! taken over.

use firth::Broker;

use crate::server::{Kind, Server};

/// A primary, a replica, and a sentinel that watches over both.
pub(crate) struct Watched {
    pub(crate) servers: [Server; 2],
    pub(crate) sentinel: Server,
}

impl Watched {
    pub(crate) async fn start(kind: Kind) -> Self {
        let primary = Server::start(kind);
        let port = primary.port().to_string();
        let replica = Server::start_with(kind, &["--replicaof", "127.0.0.1", &port]);
        let lines = format!(
            "sentinel monitor main 127.0.0.1 {port} 1\n\
             sentinel down-after-milliseconds main 300\n\
             sentinel failover-timeout main 2000\n"
        );
        let sentinel = Server::start_sentinel(&lines);
        let watched = Watched { servers: [primary, replica], sentinel };
        watched.wait_until_it_knows_the_replica().await;
        watched
    }

    pub(crate) fn address(&self) -> String {
        format!("redis+sentinel://127.0.0.1:{}/main", self.sentinel.port())
    }

    async fn wait_until_it_knows_the_replica(&self) {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.sentinel.port()));
        let mut sentinel = client.unwrap().get_multiplexed_async_connection().await.unwrap();
        let mut replicas = redis::cmd("SENTINEL");
        replicas.arg("REPLICAS").arg("main");
        loop {
            let known: Vec<Vec<String>> = replicas.query_async(&mut sentinel).await.unwrap();
            // One that is not linked yet is not chosen.
            if known.iter().flatten().any(|word| word == "ok") {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn a_failover() {
    let mut watched = Watched::start(Kind::Redis7).await;
    let broker = Broker::connect(&watched.address()).await.unwrap();
    let stream = broker.stream::<u32>("s");
    stream.append(&1).await.unwrap();
    watched.servers[0].kill();
    while stream.append(&2).await.is_err() {}
    assert!(stream.length().await.unwrap() >= 1);
    assert!(broker.health().connected().await);
}
