//! The routes: one row for each, from which the router and the OpenAPI document derive.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};

use crate::api;
use crate::cors::cors;
use crate::gateway::Shared;
use crate::metrics::metrics;
use crate::notifications::notifications;
use crate::openapi::document;
use crate::protocol::{sse, ws};

/// One route.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    /// Parameters of the query: name, type, and whether it must be there.
    pub(crate) query: &'static [(&'static str, &'static str, Must)],
    /// Members of the body, likewise.
    pub(crate) body: &'static [(&'static str, &'static str, Must)],
    /// What a good answer is.
    pub(crate) answer: Answer,
    pub(crate) asks: Asks,
    handler: fn() -> MethodRouter<Arc<Shared>>,
}

/// Whether something must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Must {
    Be,
    MayBe,
}

/// What a good answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// JSON, with these members.
    Json(&'static [(&'static str, &'static str)]),
    Text(&'static str),
    WebSocket,
}

/// Whether a request needs a token or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    ForToken,
    Nobody,
}

use Answer::{Json as Object, Text, WebSocket};
use Asks::{ForToken, Nobody};
use Must::{Be, MayBe};

const EVENTS: Answer = Text("text/event-stream");

/// All routes.
pub(crate) const ROUTES: &[Route] = &[
    Route {
        method: "get",
        path: "/notifications/{user}",
        name: "notifications",
        summary: "What is published to a user and to everybody, as it was sent: a WebSocket, or events",
        query: &[("token", "string", MayBe)],
        body: &[],
        answer: EVENTS,
        asks: ForToken,
        handler: || get(notifications),
    },
    Route {
        method: "get",
        path: "/ws",
        name: "ws",
        summary: "A WebSocket with the whole protocol: docs/gateway-protocol.md",
        query: &[("token", "string", MayBe)],
        body: &[],
        answer: WebSocket,
        asks: ForToken,
        handler: || get(ws),
    },
    Route {
        method: "get",
        path: "/sse",
        name: "sse",
        summary: "Events of channels, and of one stream or the inbox; Last-Event-ID goes on behind an entry",
        query: &[
            ("channel", "string", MayBe),
            ("stream", "string", MayBe),
            ("inbox", "boolean", MayBe),
            ("after", "string", MayBe),
            ("presence", "boolean", MayBe),
            ("token", "string", MayBe),
        ],
        body: &[],
        answer: EVENTS,
        asks: ForToken,
        handler: || get(sse),
    },
    Route {
        method: "post",
        path: "/api/publish",
        name: "publish",
        summary: "Publishes on a channel: a text as it is, any other JSON as its text",
        query: &[],
        body: &[("channel", "string", Be), ("data", "any", Be)],
        answer: Object(&[("receivers", "integer")]),
        asks: ForToken,
        handler: || post(api::publish),
    },
    Route {
        method: "post",
        path: "/api/broadcast",
        name: "broadcast",
        summary: "Notifies every user who is there",
        query: &[],
        body: &[("data", "any", Be)],
        answer: Object(&[("receivers", "integer")]),
        asks: ForToken,
        handler: || post(api::broadcast),
    },
    Route {
        method: "post",
        path: "/api/notify",
        name: "notify",
        summary: "Notifies a user, live; with `keep`, the inbox keeps it as well. Takes an API key",
        query: &[],
        body: &[("user", "string", Be), ("data", "any", Be), ("keep", "boolean", MayBe)],
        answer: Object(&[("id", "string")]),
        asks: ForToken,
        handler: || post(api::notify),
    },
    Route {
        method: "post",
        path: "/api/append",
        name: "append",
        summary: "Appends an entry to a stream",
        query: &[],
        body: &[("stream", "string", Be), ("fields", "object", Be)],
        answer: Object(&[("id", "string")]),
        asks: ForToken,
        handler: || post(api::append),
    },
    Route {
        method: "get",
        path: "/api/history",
        name: "history",
        summary: "Entries of a stream, at most 1000",
        query: &[
            ("stream", "string", Be),
            ("from", "string", MayBe),
            ("to", "string", MayBe),
            ("limit", "integer", MayBe),
            ("newest", "boolean", MayBe),
        ],
        body: &[],
        answer: Object(&[("entries", "array")]),
        asks: ForToken,
        handler: || get(api::history),
    },
    Route {
        method: "get",
        path: "/api/presence",
        name: "presence",
        summary: "Who is on a channel, by way of this gateway",
        query: &[("channel", "string", Be)],
        body: &[],
        answer: Object(&[("members", "object"), ("nameless", "integer")]),
        asks: ForToken,
        handler: || get(api::presence),
    },
    Route {
        method: "get",
        path: "/api/inbox",
        name: "inbox",
        summary: "The newest notifications of a user, by default of the token's, and how many are unread",
        query: &[("user", "string", MayBe), ("limit", "integer", MayBe)],
        body: &[],
        answer: Object(&[("items", "array"), ("unread", "integer")]),
        asks: ForToken,
        handler: || get(api::inbox),
    },
    Route {
        method: "post",
        path: "/api/read",
        name: "read",
        summary: "Marks notifications as read, and tells the user's devices",
        query: &[],
        body: &[("user", "string", MayBe), ("upTo", "string", MayBe), ("ids", "array", MayBe)],
        answer: Object(&[("marked", "integer"), ("unread", "integer")]),
        asks: ForToken,
        handler: || post(api::read),
    },
    Route {
        method: "get",
        path: "/metrics",
        name: "metrics",
        summary: "Numbers for Prometheus. Takes an API key",
        query: &[],
        body: &[],
        answer: Text("text/plain"),
        asks: ForToken,
        handler: || get(metrics),
    },
    Route {
        method: "get",
        path: "/healthz",
        name: "healthz",
        summary: "Whether the gateway lives",
        query: &[],
        body: &[],
        answer: Text("text/plain"),
        asks: Nobody,
        handler: || get(async || "ok\n"),
    },
    Route {
        method: "get",
        path: "/readyz",
        name: "readyz",
        summary: "Whether the backend answers",
        query: &[],
        body: &[],
        answer: Text("text/plain"),
        asks: Nobody,
        handler: || get(readyz),
    },
    Route {
        method: "get",
        path: "/openapi.json",
        name: "openapi",
        summary: "This document",
        query: &[],
        body: &[],
        answer: Object(&[("openapi", "string")]),
        asks: Nobody,
        handler: || get(async || Json(document())),
    },
    Route {
        method: "get",
        path: "/firth.js",
        name: "client",
        summary: "The client for browsers, a module",
        query: &[],
        body: &[],
        answer: Text("text/javascript"),
        asks: Nobody,
        handler: || get(async || script("text/javascript", include_str!("../client/firth.js"))),
    },
    Route {
        method: "get",
        path: "/firth.d.ts",
        name: "clientTypes",
        summary: "The types of the client",
        query: &[],
        body: &[],
        answer: Text("text/plain"),
        asks: Nobody,
        handler: || get(async || script("text/plain", include_str!("../client/firth.d.ts"))),
    },
];

/// Returns the router.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let add =
        |router: Router<Arc<Shared>>, route: &Route| router.route(route.path, (route.handler)());
    ROUTES
        .iter()
        .fold(Router::new(), add)
        .layer(DefaultBodyLimit::max(shared.limits.message_bytes))
        .layer(from_fn_with_state(Arc::clone(&shared), cors))
        .with_state(shared)
}

/// The gateway can do its work: its backend answers.
async fn readyz(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    if shared.backend.is_ready().await {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the backend cannot be reached\n")
    }
}

fn script(kind: &str, text: &'static str) -> impl IntoResponse + use<> {
    ([(CONTENT_TYPE, format!("{kind}; charset=utf-8"))], text)
}
