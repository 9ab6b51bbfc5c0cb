//! Browsers and programs that speak HTTP, in front of a broker.
//!
//! A [`Gateway`] serves WebSockets and event streams (SSE). It speaks to its backend through [`firth::Broker`] alone, so it
//! means the same in front of a Firth server, Redis, Valkey and the engine in the process.
//!
//! - `/notifications/{user}`: what is published to a user and to everybody, as it was sent.
//! - `/ws`, `/sse`: channels, streams that are resumed, presence, the inbox; see docs/gateway-protocol.md.
//! - `/api/...`, described by `/openapi.json`; `/metrics` for Prometheus; `/firth.js`, the client for pages.
//! - `/console/`: people look at the broker and act on it.
//! - `/healthz`, `/readyz`: whether it lives, and whether its backend answers.
//!
//! Every queue has a bound: what a socket does not take is not kept for it, but it is closed with a code that tells its
//! client to come back.
mod access;
mod admission;
mod api;
mod backend;
mod catching_up;
mod clock;
mod closing;
mod config;
mod console;
mod cors;
mod counts;
mod events;
mod feed;
mod feeds;
mod flights;
mod frame;
mod gateway;
mod hub;
mod line;
mod listener;
mod metrics;
mod news;
mod notifications;
mod openapi;
mod operations;
mod origin;
mod outbox;
mod presence;
mod protocol;
mod query;
mod rate;
mod request;
mod routes;
mod session;
mod socket;
mod sockets;
mod state;
mod token;

pub use access::{Keys, KeysError};
pub use config::{Config, Limits};
pub use gateway::{Gateway, GatewayError};
