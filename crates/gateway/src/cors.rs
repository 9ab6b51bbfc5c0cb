//! What tells a browser that a page from elsewhere may read an answer.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::gateway::Shared;

/// Answers the question that a browser asks first, and lets pages that are allowed read all answers.
pub(crate) async fn cors(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let reader = shared.origins.reader(request.headers()).map(HeaderValue::from_str);
    let Some(Ok(reader)) = reader else { return next.run(request).await };
    let mut response = if request.method() == Method::OPTIONS {
        (StatusCode::NO_CONTENT, asked()).into_response()
    } else {
        next.run(request).await
    };
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, reader);
    response.headers_mut().append(VARY, HeaderValue::from_static("Origin"));
    response
}

fn asked() -> HeaderMap {
    let headers = "authorization, content-type, last-event-id";
    HeaderMap::from_iter([
        (ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST")),
        (ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(headers)),
        (ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600")),
    ])
}
