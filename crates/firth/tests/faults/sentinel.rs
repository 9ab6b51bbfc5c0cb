//! Servers behind a sentinel: a broker finds the primary, and finds it again when another one has
//! taken over.

use std::sync::Arc;
use std::time::Duration;

use firth::test_kit::Sequence;

use crate::server::{Kind, Server};
use crate::workload::{Certainty, Replication, Workload};

/// A primary, a replica, and a sentinel that watches over both.
struct Watched {
    servers: [Server; 2],
    sentinel: Server,
}

impl Watched {
    async fn start(kind: Kind) -> Self {
        // A replica gets all at once; by itself the primary waits five seconds for others.
        let primary = Server::start_with(kind, &["--repl-diskless-sync-delay", "0"]);
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

    fn address(&self) -> String {
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
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn a_failover() {
    let mut watched = Watched::start(Kind::Redis7).await;
    let replication = Replication::of(&watched.servers[0]);
    let certainty = Certainty::Replica(Arc::clone(&replication));
    let workload = Workload::start(&watched.address(), certainty, Sequence::Any).await;
    watched.servers[0].kill();
    workload.is_interrupted().await;
    workload.goes_on().await;
    replication.has_taken_over();
    workload.goes_on().await;
    workload.finish().await;
}
