//! The Redis-protocol server of Firth: sessions, the command table, and the workers.

pub mod args;
pub mod blocked;
pub mod client;
pub mod commands;
pub mod config;
pub mod context;
pub mod dispatch;
pub mod fanout;
mod help;
pub mod keeping;
pub mod latency;
pub mod launch;
pub mod local;
mod log_access;
pub mod mailbox;
pub mod monitor;
pub mod net;
pub mod notification;
pub mod outbox;
pub mod outboxes;
pub mod pause;
pub mod rates;
pub mod receipt;
pub mod reply_error;
pub mod server;
pub mod session;
pub mod settings;
pub mod slow_log;
pub mod spec;
pub mod stats;
pub mod subscription;
pub mod syntax;
#[cfg(test)]
mod testing;
pub mod tracking;
pub mod watch;
pub mod worker;
