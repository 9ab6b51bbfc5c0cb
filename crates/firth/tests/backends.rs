//! Every backend passes the suite of `firth::conformance`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod cluster;
mod folder;
#[allow(dead_code, clippy::disallowed_methods, reason = "the harness of the server's own tests")]
#[path = "../../server/tests/differential/server.rs"]
mod server;

use std::cell::Cell;

use firth::{Broker, conformance};

use self::cluster::Cluster;
use self::folder::Folder;
use self::server::{Kind, Server};

async fn check_server(kind: Kind) {
    let server = Server::start(kind);
    let address = format!("redis://127.0.0.1:{}", server.port());
    conformance::check(async || Broker::connect(&address).await.unwrap()).await;
}

#[tokio::test]
async fn memory() {
    conformance::check(async || Broker::connect("memory:").await.unwrap()).await;
}

#[tokio::test]
async fn folder_of_files() {
    let folder = Folder::new("suite");
    let opened = Cell::new(0);
    conformance::check(async || {
        opened.set(opened.get() + 1);
        Broker::connect(&folder.address(&opened.get().to_string())).await.unwrap()
    })
    .await;
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
async fn resp3() {
    let server = Server::start(Kind::Redis7);
    let address = format!("redis://127.0.0.1:{}/?protocol=resp3", server.port());
    conformance::check(async || Broker::connect(&address).await.unwrap()).await;
}

#[tokio::test]
async fn unix_socket() {
    let socket = std::env::temp_dir().join(format!("firth-test-{}.sock", std::process::id()));
    let flags = ["--unixsocket", socket.to_str().unwrap()];
    let _server = Server::start_with(Kind::Redis7, &flags);
    let address = format!("unix://{}", socket.display());
    conformance::check(async || Broker::connect(&address).await.unwrap()).await;
}

#[tokio::test]
async fn cluster_of_three() {
    let cluster = Cluster::start(Kind::Valkey9).await;
    let address = cluster.address();
    conformance::check(async || Broker::connect(&address).await.unwrap()).await;
}
