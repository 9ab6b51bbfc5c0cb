//! The door of the console: who asks, by which page, and whether they may.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::ask::Ask;
use super::audit;
use super::problem::Problem;
use super::routes::{Answer, Needs, ROUTES, Route};
use super::sessions::{Caller, Via};
use crate::gateway::Shared;
use crate::listener::Peer;
use crate::origin::{is_from_elsewhere, is_own_page};
use crate::query::pairs_of;

/// The most bytes of a request's body.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Answers whatever is asked below `/console/api/`.
pub(crate) async fn api(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let mut response = match served(shared, request).await {
        Ok(Answer::Json(value)) => Json(value).into_response(),
        Ok(Answer::Response(response)) => response,
        Err(problem) => problem.into_response(),
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn served(shared: Arc<Shared>, request: Request) -> Result<Answer, Problem> {
    let (head, body) = request.into_parts();
    let route = found(&head.method, head.uri.path())?;
    let address = head.extensions.get::<ConnectInfo<Peer>>().map(|info| info.0.address.ip());
    let query: Vec<_> = pairs_of(head.uri.query()).collect();
    let changes = head.method != Method::GET;
    let caller = admitted(&shared, route, &head.headers);
    if let (Err(problem), Needs::A(_), true) = (&caller, route.needs, changes) {
        let who = self::caller(&shared, &head.headers).ok();
        audit::note_refused(&shared, route.path, who.as_ref(), address, problem).await;
    }
    let caller = caller?;
    if let Some(pair) = query.iter().find(|pair| !route.query.contains(&&*pair.name)) {
        return Err(Problem::malformed(format!("the query knows no {}", pair.name)));
    }
    let body = to_bytes(body, BODY_BYTES_MAX).await;
    let body = body.map_err(|error| Problem::malformed(format!("the body: {error}")))?;
    let headers = head.headers;
    let note = (changes && route.method == Method::POST)
        .then(|| audit::Note::of(route.path, caller.as_ref(), address, &body));
    let ask = Ask { shared: Arc::clone(&shared), caller, headers, address, query, body };
    let answer = (route.run)(ask).await;
    let is_flood =
        matches!(&answer, Err(problem) if problem.status == StatusCode::TOO_MANY_REQUESTS);
    if let Some(note) = note.filter(|_| !is_flood) {
        let outcome = answer.as_ref().map_or_else(|problem| problem.text.clone(), |_| "ok".into());
        note.write(&shared, outcome).await;
    }
    answer
}

/// Returns the row of a path.
fn found(method: &Method, path: &str) -> Result<&'static Route, Problem> {
    let path = path.trim_start_matches("/console/api/");
    let mut rows = ROUTES.iter().filter(|route| route.path == path).peekable();
    if rows.peek().is_none() {
        return Err(Problem::not_found("there is no such route"));
    }
    rows.find(|route| route.method == *method).ok_or_else(Problem::method)
}

/// Returns who asks, if they may.
fn admitted(
    shared: &Shared,
    route: &Route,
    headers: &HeaderMap,
) -> Result<Option<Caller>, Problem> {
    if !shared.origins.is_host(headers) {
        return Err(Problem::forged("this host is not allowed"));
    }
    if is_from_elsewhere(headers) {
        return Err(Problem::forged("pages from elsewhere have no business here"));
    }
    let changes = route.method != Method::GET;
    let Needs::A(role) = route.needs else {
        // Who logs in has no secret to show yet.
        return match changes && !is_own_page(headers) {
            true => Err(Problem::forged("only a page of this host may ask for this")),
            false => Ok(None),
        };
    };
    let caller = caller(shared, headers)?;
    if caller.role < role {
        return Err(Problem::forbidden(role));
    }
    if changes && caller.via != Via::Bearer {
        if !is_own_page(headers) {
            return Err(Problem::forged("only a page of this host may ask for this"));
        }
        if !caller.is_shown_by(headers) {
            return Err(Problem::forged("the header X-Firth-CSRF is not that of the session"));
        }
    }
    Ok(Some(caller))
}

/// Returns who asks.
pub(crate) fn caller(shared: &Shared, headers: &HeaderMap) -> Result<Caller, Problem> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let sessions = &shared.console.sessions;
    let is_open = shared.keys.is_empty() && shared.backend.password().is_none();
    match header.and_then(|value| value.strip_prefix("Bearer ")) {
        // A page from elsewhere could not have sent the header.
        Some(_) if is_open => Ok(Caller { via: Via::Bearer, ..sessions.anybody() }),
        Some(bearer) if !shared.keys.is_empty() => {
            let access = shared.keys.judge(Some(bearer));
            let access = access.map_err(|error| Problem::unauthorized(error.to_string()))?;
            let roleless = || Problem::unauthorized("the token names no role");
            let role = access.role().ok_or_else(roleless)?;
            let (user, expires_s) = (access.user, access.expires_s);
            Ok(Caller { role, user, expires_s, via: Via::Bearer })
        }
        Some(_) => Err(Problem::unauthorized("there is no key that a token could be of")),
        None if is_open => Ok(sessions.anybody()),
        None => sessions.of(headers).ok_or_else(|| Problem::unauthorized("log in first")),
    }
}

/// Returns an address as the audit log puts it.
pub(crate) fn address_text(address: Option<IpAddr>) -> String {
    address.map(|address| address.to_string()).unwrap_or_default()
}
