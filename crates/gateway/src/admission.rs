//! The door: who asks, from which page, and whether there is room.

use std::sync::Arc;

use axum::Json;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::access::Access;
use crate::closing::Closing;
use crate::gateway::Shared;
use crate::sockets::Seat;

/// The part of a query that says who asks. Browsers cannot give a WebSocket or an event stream a header.
#[derive(Debug, Default)]
pub(crate) struct TokenQuery {
    pub(crate) token: Option<String>,
}

/// The upgrade of a request that asks for a WebSocket.
pub(crate) type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// Why a request is not served.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
}

impl Refused {
    pub(crate) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Refused { status, text: text.into() }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(json!({ "error": self.text }))).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, 1.into());
        }
        response
    }
}

impl From<firth::Error> for Refused {
    fn from(error: firth::Error) -> Self {
        let status = match error {
            firth::Error::Unavailable { .. } | firth::Error::Closed => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            firth::Error::Server { .. } => StatusCode::BAD_GATEWAY,
            _ => StatusCode::BAD_REQUEST,
        };
        Refused::new(status, error.to_string())
    }
}

impl Shared {
    /// Returns what a request may do, or why it may do nothing.
    pub(crate) fn access(
        &self,
        headers: &HeaderMap,
        query: &TokenQuery,
    ) -> Result<Access, Refused> {
        if !self.origins.allow(headers) {
            self.counts.refused.add(1);
            let text = "pages of this origin, or this host, are not allowed";
            return Err(Refused::new(StatusCode::FORBIDDEN, text));
        }
        self.keys.judge(bearer_of(headers).or(query.token.as_deref())).map_err(|error| {
            self.counts.refused.add(1);
            Refused::new(StatusCode::UNAUTHORIZED, error.to_string())
        })
    }

    /// Gives a socket its place, if it may be opened at all.
    pub(crate) fn enter(
        &self,
        access: Result<Access, Refused>,
    ) -> Result<(Access, Seat), TurnedAway> {
        let access = access.map_err(|refused| (Closing::Unauthorized, refused))?;
        let seat = self.seat().map_err(|closing| (closing, no_room(closing)))?;
        access.user.iter().for_each(|user| seat.belongs_to(user));
        Ok((access, seat))
    }

    /// Gives a socket its place.
    pub(crate) fn seat(&self) -> Result<Seat, Closing> {
        let seat = self.sockets.seat();
        let count = if seat.is_ok() { &self.counts.opened } else { &self.counts.refused };
        count.add(1);
        seat
    }

    /// Prepares a WebSocket: what a client may send, and how much memory it may take.
    pub(crate) fn prepare(&self, upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
        upgrade
            .max_message_size(self.limits.message_bytes)
            .max_frame_size(self.limits.message_bytes)
            .read_buffer_size(1024)
            .write_buffer_size(16 * 1024)
    }
}

/// Returns what a request has behind `Authorization: Bearer`.
fn bearer_of(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    header.and_then(|value| value.strip_prefix("Bearer "))
}

/// Before anything is judged, fetches the key that the token of a request names, if it is not known yet.
pub(crate) async fn with_key(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let query = TokenQuery::of(request.uri().query());
    let bearer = bearer_of(request.headers()).or(query.token.as_deref()).map(str::to_owned);
    if let Some(bearer) = bearer {
        shared.keys.prepare(&bearer).await;
    }
    next.run(request).await
}

/// Why a socket is not opened: as a code, and as a status.
pub(crate) type TurnedAway = (Closing, Refused);

/// Refuses a request: a WebSocket by a code that its page can see, which it could not with a status.
pub(crate) fn turn_away(upgrade: Upgrade, (closing, refused): TurnedAway) -> Response {
    match upgrade {
        Ok(upgrade) if refused.status != StatusCode::FORBIDDEN => {
            upgrade.on_upgrade(move |socket| close(socket, closing))
        }
        _ => refused.into_response(),
    }
}

/// Says how a refusal for want of room is put.
pub(crate) fn no_room(closing: Closing) -> Refused {
    Refused::new(StatusCode::SERVICE_UNAVAILABLE, closing.reason())
}

async fn close(mut socket: WebSocket, closing: Closing) {
    _ = socket.send(close_frame(closing)).await;
    // Until the client has answered, or has gone: a connection cut at once might lose the code.
    let answer = async { while let Some(Ok(_)) = socket.recv().await {} };
    _ = tokio::time::timeout(std::time::Duration::from_secs(2), answer).await;
}

pub(crate) fn close_frame(closing: Closing) -> Message {
    Message::Close(Some(CloseFrame { code: closing.code(), reason: closing.reason().into() }))
}
