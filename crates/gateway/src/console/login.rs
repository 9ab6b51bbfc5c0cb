//! Logging in to the console and out of it.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::IntoResponse as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ask::Ask;
use super::guard::caller;
use super::problem::Problem;
use super::routes::Answer;
use super::sessions::{Caller, cookie};
use crate::access::is_same;
use crate::gateway::Shared;

/// What somebody logs in with.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Proof {
    /// The password by which the gateway is let in to its backend.
    Password(String),
    /// A token with a role, or an API key.
    Token(String),
}

/// `GET session`
pub(crate) async fn who(ask: Ask) -> Result<Answer, Problem> {
    let caller = caller(&ask.shared, &ask.headers).ok();
    Ok(Answer::Json(told(&ask.shared, caller.as_ref())))
}

/// `POST session`
pub(crate) async fn log_in(ask: Ask) -> Result<Answer, Problem> {
    let sessions = &ask.shared.console.sessions;
    sessions.attempt(ask.address)?;
    let (name, caller) = match ask.wish()? {
        Proof::Password(given) => {
            let password = ask.shared.backend.password();
            if !password.is_some_and(|password| is_same(password, &given)) {
                return Err(Problem::unauthorized("this is not the server's password"));
            }
            sessions.begin(crate::access::Role::Admin, None, None)
        }
        Proof::Token(given) => {
            if ask.shared.keys.is_empty() {
                return Err(Problem::unauthorized("there is no key that a token could be of"));
            }
            ask.shared.keys.prepare(&given).await;
            let access = ask.shared.keys.judge(Some(&given));
            let access = access.map_err(|error| Problem::unauthorized(error.to_string()))?;
            let roleless = "the token names no role: \"firth\": {\"role\": \"viewer\"}";
            let role = access.role().ok_or_else(|| Problem::unauthorized(roleless))?;
            sessions.begin(role, access.user, access.expires_s)
        }
    };
    let cookie = cookie(Some(&name), &ask.headers);
    let body = Json(told(&ask.shared, Some(&caller)));
    Ok(Answer::Response(([(SET_COOKIE, cookie)], body).into_response()))
}

/// `DELETE session`
pub(crate) async fn log_out(ask: Ask) -> Result<Answer, Problem> {
    ask.shared.console.sessions.end(&ask.headers);
    let cookie = cookie(None, &ask.headers);
    Ok(Answer::Response((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response()))
}

fn told(shared: &Shared, caller: Option<&Caller>) -> Value {
    let ways = [
        shared.backend.password().map(|_| "password"),
        (!shared.keys.is_empty()).then_some("token"),
    ];
    let ways: Vec<&str> = ways.into_iter().flatten().collect();
    json!({
        "role": caller.map(|caller| caller.role),
        "user": caller.and_then(|caller| caller.user.as_deref()),
        "expiresMs": caller.and_then(|caller| caller.expires_s).map(|at_s| at_s * 1000),
        "csrf": caller.and_then(Caller::csrf),
        "open": ways.is_empty(),
        "ways": ways,
        "backend": shared.backend.name(),
        "version": env!("CARGO_PKG_VERSION"),
        "deadLetters": true,
    })
}
