//! A Cluster whose primary is lost: its replica takes over while work goes on.

use std::sync::Arc;

use firth::test_kit::Sequence;

use crate::cluster::Cluster;
use crate::server::Kind;
use crate::workload::{Certainty, Replication, STREAM, Workload};

async fn check(kind: Kind) {
    let mut cluster = Cluster::start(kind).await;
    let primary = cluster.node_of(STREAM).await;
    cluster.add_replica(kind, primary).await;
    let replication = Replication::of(cluster.server(primary));
    let certainty = Certainty::Replica(Arc::clone(&replication));
    let workload = Workload::start(&cluster.address(), certainty, Sequence::Any).await;
    cluster.kill(primary);
    workload.is_interrupted().await;
    workload.goes_on().await;
    replication.has_taken_over();
    workload.goes_on().await;
    workload.finish().await;
}

#[tokio::test]
async fn redis_7() {
    check(Kind::Redis7).await;
}

#[tokio::test]
async fn valkey_9() {
    check(Kind::Valkey9).await;
}
