//! The gateway, on sockets of this machine and in front of an engine in the process.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod api;
mod console;
mod faults;
mod notifications;
mod protocol;
#[allow(dead_code, clippy::disallowed_methods, reason = "the harness of the server's own tests")]
#[path = "../../../server/tests/differential/server.rs"]
mod server;
mod stage;
mod streams;
mod token;
