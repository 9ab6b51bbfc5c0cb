//! A real Cluster of three primaries, each with a third of the slots.

use redis::aio::MultiplexedConnection;

use crate::server::{Kind, Server};

/// A Cluster; dropping it ends all its nodes.
pub(crate) struct Cluster {
    nodes: Vec<Server>,
}

/// The slots of the three primaries.
const SLOTS: [(u16, u16); 3] = [(0, 5460), (5461, 10_922), (10_923, 16_383)];

const FLAGS: [&str; 6] = [
    "--cluster-enabled",
    "yes",
    "--cluster-node-timeout",
    "1000",
    "--repl-diskless-sync-delay",
    "0",
];

impl Cluster {
    /// Starts three nodes, gives each its slots, and waits until all of them agree on that.
    pub(crate) async fn start(kind: Kind) -> Self {
        let nodes: Vec<Server> = SLOTS.iter().map(|_| Server::start_with(kind, &FLAGS)).collect();
        let cluster = Cluster { nodes };
        for (node, (first, last)) in SLOTS.iter().enumerate() {
            let range = [first.to_string(), last.to_string()];
            cluster.ask(node, &["ADDSLOTSRANGE", &range[0], &range[1]]).await;
            cluster.ask(node, &["SET-CONFIG-EPOCH", &(node + 1).to_string()]).await;
        }
        for node in 1..SLOTS.len() {
            let port = cluster.nodes[0].port().to_string();
            cluster.ask(node, &["MEET", "127.0.0.1", &port]).await;
        }
        for node in 0..SLOTS.len() {
            while !cluster.agrees(node).await {
                tokio::task::yield_now().await;
            }
        }
        cluster
    }

    /// The address of a broker on it, naming one node alone: the others are found.
    pub(crate) fn address(&self) -> String {
        format!("redis+cluster://127.0.0.1:{}", self.nodes[0].port())
    }

    async fn agrees(&self, node: usize) -> bool {
        let info = self.ask(node, &["INFO"]).await;
        let has = |line: &str| info.lines().any(|known| known == line);
        has("cluster_state:ok") && has("cluster_slots_ok:16384") && has("cluster_size:3")
    }

    async fn ask(&self, node: usize, words: &[&str]) -> String {
        let mut connection = self.connect(node).await;
        let answer: redis::Value =
            redis::cmd("CLUSTER").arg(words).query_async(&mut connection).await.expect("an answer");
        match answer {
            redis::Value::BulkString(text) => String::from_utf8(text).expect("text"),
            redis::Value::VerbatimString { text, .. } => text,
            _ => String::new(),
        }
    }

    async fn connect(&self, node: usize) -> MultiplexedConnection {
        let address = format!("redis://127.0.0.1:{}", self.nodes[node].port());
        let client = redis::Client::open(address).expect("an address");
        client.get_multiplexed_async_connection().await.expect("a connection")
    }
}

#[allow(dead_code, reason = "not every test program needs them")]
impl Cluster {
    /// Starts another node that follows one of them, and waits until it has all that one has.
    pub(crate) async fn add_replica(&mut self, kind: Kind, node: usize) {
        let mut connection = self.connect(node).await;
        let my_id = redis::cmd("CLUSTER").arg("MYID").take();
        let id: String = my_id.query_async(&mut connection).await.expect("an id");
        self.nodes.push(Server::start_with(kind, &FLAGS));
        let replica = self.nodes.len() - 1;
        let port = self.nodes[node].port().to_string();
        self.ask(replica, &["MEET", "127.0.0.1", &port]).await;
        while !self.agrees(replica).await {
            tokio::task::yield_now().await;
        }
        self.ask(replica, &["REPLICATE", &id]).await;
        for known in 0..self.nodes.len() {
            // Whoever does not know it does not vote for it.
            while !self.ask(known, &["NODES"]).await.contains("slave") {
                tokio::task::yield_now().await;
            }
        }
        let mut connection = self.connect(replica).await;
        let replication = redis::cmd("INFO").arg("replication").take();
        loop {
            let info: String = replication.query_async(&mut connection).await.expect("an answer");
            if info.contains("master_link_status:up") {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Returns which of the first three nodes has a key.
    pub(crate) async fn node_of(&self, key: &str) -> usize {
        let mut connection = self.connect(0).await;
        let slot = redis::cmd("CLUSTER").arg("KEYSLOT").arg(key).take();
        let slot: u16 = slot.query_async(&mut connection).await.expect("a slot");
        SLOTS.iter().position(|(first, last)| (*first..=*last).contains(&slot)).expect("a node")
    }

    pub(crate) fn server(&self, node: usize) -> &Server {
        &self.nodes[node]
    }

    /// Ends a node without warning.
    pub(crate) fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
    }
}
