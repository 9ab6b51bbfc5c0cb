//! What goes wrong in production, with real processes: each case shows that work goes on, and that
//! nothing is lost.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod answers;
#[path = "../cluster/mod.rs"]
mod cluster;
mod cut;
mod failover;
mod proxy;
mod restart;
mod sentinel;
#[allow(dead_code, clippy::disallowed_methods, reason = "the harness of the server's own tests")]
#[path = "../../../server/tests/differential/server.rs"]
mod server;
mod stuck;
mod tls;
mod workload;
