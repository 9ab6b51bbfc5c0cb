//! The console: people look at a broker and act on it, with a web application.
//!
//! It has a router of its own: pages from elsewhere have no business here, so that nothing of what lets them use the
//! gateway (CORS, tokens in the query) holds. Each request is judged in one place (`guard.rs`) by the row of its route
//! (`routes.rs`), and what changes something is noted (`audit.rs`).

mod actions;
mod application;
mod ask;
mod audit;
mod catalogue;
mod channels;
mod entries;
mod events;
mod group_actions;
mod groups;
mod guard;
mod health;
mod jobs;
mod letter_actions;
mod letters;
mod listing;
mod live;
mod login;
mod overview;
mod problem;
mod routes;
mod server;
mod sessions;
mod streams;
#[cfg(test)]
mod tests;
mod value;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{any, get};

use self::catalogue::Shelf;
use self::jobs::Jobs;
use self::overview::Trend;
use self::sessions::Sessions;
use crate::gateway::Shared;

/// What the requests of the console share.
#[derive(Debug, Default)]
pub(crate) struct Console {
    sessions: Sessions,
    catalogue: Arc<Shelf>,
    trend: Trend,
    jobs: Jobs,
}

/// Returns the router of the console.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/console/api/{*path}", any(guard::api))
        .route("/console", get(application::home))
        .route("/console/", get(application::file))
        .route("/console/{*path}", get(application::file))
        .layer(from_fn(application::guarded))
        .with_state(shared)
}
