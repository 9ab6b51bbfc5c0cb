//! The patterns do the same on every backend: each case runs on all of them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod cache;
#[path = "../cluster/mod.rs"]
mod cluster;
mod dead_letters;
mod document;
mod event_bus;
mod event_store;
mod faulty;
#[path = "../folder/mod.rs"]
mod folder;
mod groups;
mod later;
mod notifications;
mod ordered;
mod removed;
#[allow(dead_code, clippy::disallowed_methods, reason = "the harness of the server's own tests")]
#[path = "../../../server/tests/differential/server.rs"]
mod server;
mod streams;
mod worker;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use firth::Broker;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use self::cluster::Cluster;
use self::server::{Kind, Server};

/// Something that a pattern does.
struct Case {
    name: &'static str,
    run: fn(Bench) -> BoxFuture<'static, ()>,
}

/// Makes cases of the functions that are named.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        pub(crate) const CASES: &[crate::Case] = &[$(crate::Case {
            name: stringify!($name),
            run: |bench| Box::pin($name(bench)),
        }),*];
    };
}
use cases;

/// Where a case runs, and under which names.
#[derive(Clone)]
struct Bench {
    address: Arc<str>,
    broker: Broker,
    case: &'static str,
}

impl Bench {
    /// Returns a name that no other case uses.
    fn name(&self, name: &str) -> String {
        format!("{}:{name}", self.case)
    }

    /// Connects once more, as another process would; where there can be but one, it is the same.
    async fn another(&self) -> Broker {
        match self.is_shared() {
            true => Broker::connect(&self.address).await.unwrap(),
            false => self.broker.clone(),
        }
    }

    /// Says whether several processes can work on this backend.
    fn is_shared(&self) -> bool {
        self.address.starts_with("redis")
    }

    fn is_cluster(&self) -> bool {
        self.address.starts_with("redis+cluster")
    }
}

async fn check(address: &str) {
    let broker = Broker::connect(address).await.unwrap();
    let mut failed = Vec::new();
    let cases = [
        dead_letters::CASES,
        cache::CASES,
        event_bus::CASES,
        event_store::CASES,
        groups::CASES,
        later::CASES,
        notifications::CASES,
        streams::CASES,
        worker::CASES,
        ordered::CASES,
        removed::CASES,
    ];
    for case in cases.into_iter().flatten() {
        let bench = Bench { address: address.into(), broker: broker.clone(), case: case.name };
        if AssertUnwindSafe((case.run)(bench)).catch_unwind().await.is_err() {
            failed.push(case.name);
        }
    }
    assert!(failed.is_empty(), "on {address}: {}", failed.join(", "));
}

async fn check_server(kind: Kind) {
    let server = Server::start(kind);
    check(&format!("redis://127.0.0.1:{}", server.port())).await;
}

#[tokio::test]
async fn memory() {
    check("memory:").await;
}

#[tokio::test]
async fn folder_of_files() {
    check(&folder::Folder::new("patterns").address("data")).await;
}

#[tokio::test]
async fn firth_server() {
    check_server(Kind::Firth).await;
}

#[tokio::test]
async fn redis_7() {
    check_server(Kind::Redis7).await;
}

#[tokio::test]
async fn valkey_9() {
    check_server(Kind::Valkey9).await;
}

#[tokio::test]
async fn cluster_of_three() {
    let cluster = Cluster::start(Kind::Valkey9).await;
    check(&cluster.address()).await;
}
