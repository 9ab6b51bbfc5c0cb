//! Servers that are killed and started again on what they have kept.

use firth::test_kit::Sequence;

use crate::proxy::Proxy;
use crate::server::{Kind, Server};
use crate::workload::{Certainty, Workload};

async fn check_restarts(kind: Kind, flags: &[&str], sequence: Sequence) {
    let mut server = Server::start_with(kind, flags);
    let address = format!("redis://127.0.0.1:{}", server.port());
    let workload = Workload::start(&address, Certainty::Answer, sequence).await;
    for _ in 0..3 {
        server.kill();
        workload.is_interrupted().await;
        server.start_again(kind, flags);
        workload.goes_on().await;
    }
    workload.finish().await;
}

/// What the servers answer is on the disk by then.
const FIRTH: [&str; 2] = ["--durability", "always"];
const REDIS: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

#[tokio::test]
async fn firth_server() {
    check_restarts(Kind::Firth, &FIRTH, Sequence::Any).await;
}

#[tokio::test]
async fn firth_server_in_order() {
    check_restarts(Kind::Firth, &FIRTH, Sequence::ByKey).await;
}

#[tokio::test]
async fn redis_7() {
    check_restarts(Kind::Redis7, &REDIS, Sequence::ByKey).await;
}

async fn check_cuts(kind: Kind, sequence: Sequence) {
    let server = Server::start(kind);
    let proxy = Proxy::start(server.port()).await;
    let address = format!("redis://127.0.0.1:{}", proxy.port());
    let workload = Workload::start(&address, Certainty::Answer, sequence).await;
    for _ in 0..5 {
        proxy.cut();
        workload.is_interrupted().await;
        proxy.mend();
        workload.goes_on().await;
    }
    workload.finish().await;
}

#[tokio::test]
async fn cut_from_a_firth_server() {
    check_cuts(Kind::Firth, Sequence::ByKey).await;
}

#[tokio::test]
async fn cut_from_redis_7() {
    check_cuts(Kind::Redis7, Sequence::Any).await;
}
