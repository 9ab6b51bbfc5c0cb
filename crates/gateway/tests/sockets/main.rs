//! The gateway, on sockets of this machine and in front of an engine in the process.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod api;
mod notifications;
mod protocol;
mod stage;
mod streams;
mod token;
