//! The routes: one row for each.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use crate::gateway::Shared;
use crate::notifications::notifications;
use crate::protocol::{sse, ws};

/// Returns the routes.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/notifications/{user}", get(notifications))
        .route("/ws", get(ws))
        .route("/sse", get(sse))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(shared)
}

/// The gateway lives.
async fn healthz() -> &'static str {
    "ok\n"
}

/// The gateway can do its work: its backend answers.
async fn readyz(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    if shared.backend.is_ready().await {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the backend cannot be reached\n")
    }
}
