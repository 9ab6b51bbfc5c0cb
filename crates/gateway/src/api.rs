//! The HTTP API: what a program, or a page without a WebSocket, can ask for.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::access::{Access, Deed};
use crate::admission::{Refused, TokenQuery};
use crate::gateway::Shared;
use crate::notifications::BROADCAST;
use crate::operations::{HistoryQuery, Keeping, Marking, text_of};
use crate::query::{QueryPair, pairs_of};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Publish {
    channel: String,
    data: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Broadcast {
    data: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notify {
    user: String,
    data: Value,
    #[serde(default)]
    keep: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Append {
    stream: String,
    fields: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Read {
    user: Option<String>,
    #[serde(flatten)]
    marking: Marking,
}

/// A good answer, or why there is none.
type Answered = Result<Json<Value>, Refused>;

/// What a request with a body may do, and what it asks for.
pub(crate) struct Asked<T> {
    access: Access,
    wish: T,
}

/// `POST /api/publish`
pub(crate) async fn publish(
    State(shared): State<Arc<Shared>>,
    Asked { access, wish: publish }: Asked<Publish>,
) -> Answered {
    let payload = text_of(&publish.data).into();
    let receivers = shared.publish(&access, &publish.channel, payload).await?;
    Ok(Json(json!({"receivers": receivers})))
}

/// `POST /api/broadcast`
pub(crate) async fn broadcast(
    State(shared): State<Arc<Shared>>,
    Asked { access, wish: broadcast }: Asked<Broadcast>,
) -> Answered {
    let payload = text_of(&broadcast.data).into();
    let receivers = shared.publish(&access, BROADCAST, payload).await?;
    Ok(Json(json!({"receivers": receivers})))
}

/// `POST /api/notify`
pub(crate) async fn notify(
    State(shared): State<Arc<Shared>>,
    Asked { access, wish: notify }: Asked<Notify>,
) -> Answered {
    let keep = if notify.keep { Keeping::Inbox } else { Keeping::Live };
    let id = shared.notify(&access, &notify.user, &notify.data, keep).await?;
    Ok(Json(json!({"id": id})))
}

/// `POST /api/append`
pub(crate) async fn append(
    State(shared): State<Arc<Shared>>,
    Asked { access, wish: append }: Asked<Append>,
) -> Answered {
    let id = shared.append(&access, &append.stream, &append.fields).await?;
    Ok(Json(json!({"id": id})))
}

/// `POST /api/read`
pub(crate) async fn read(
    State(shared): State<Arc<Shared>>,
    Asked { access, wish: read }: Asked<Read>,
) -> Answered {
    let user = user_of(&access, read.user)?;
    let (marked, unread) = shared.mark(&access, &user, &read.marking).await?;
    Ok(Json(json!({"marked": marked, "unread": unread})))
}

/// `GET /api/history`
pub(crate) async fn history(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answered {
    let access = shared.access(&headers, &TokenQuery::of(query.as_deref()))?;
    let (mut stream, mut wish) = (None, HistoryQuery::default());
    for QueryPair { name, value } in pairs_of(query.as_deref()) {
        match &*name {
            "stream" => stream = Some(value),
            "from" => wish.from = Some(parsed(&name, &value)?),
            "to" => wish.to = Some(parsed(&name, &value)?),
            "limit" => wish.limit = Some(parsed(&name, &value)?),
            "newest" => wish.newest = parsed(&name, &value)?,
            _ => only_token(&name)?,
        }
    }
    let stream = stream.ok_or_else(|| bad("the query lacks stream"))?;
    Ok(Json(json!({"entries": shared.history(&access, &stream, &wish).await?})))
}

/// `GET /api/presence`
pub(crate) async fn presence(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answered {
    let access = shared.access(&headers, &TokenQuery::of(query.as_deref()))?;
    let mut channel = None;
    for QueryPair { name, value } in pairs_of(query.as_deref()) {
        match &*name {
            "channel" => channel = Some(value),
            _ => only_token(&name)?,
        }
    }
    let channel = channel.ok_or_else(|| bad("the query lacks channel"))?;
    Ok(Json(json!(shared.present(&access, &channel)?)))
}

/// `GET /api/inbox`
pub(crate) async fn inbox(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answered {
    let access = shared.access(&headers, &TokenQuery::of(query.as_deref()))?;
    let (mut user, mut limit) = (None, None);
    for QueryPair { name, value } in pairs_of(query.as_deref()) {
        match &*name {
            "user" => user = Some(value),
            "limit" => limit = Some(parsed(&name, &value)?),
            _ => only_token(&name)?,
        }
    }
    let user = user_of(&access, user)?;
    let (items, unread) = shared.inbox(&access, &user, limit).await?;
    Ok(Json(json!({"items": items, "unread": unread})))
}

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Asked<T> {
    type Rejection = Response;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Response> {
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, shared).await;
        let body = body.map_err(IntoResponse::into_response)?;
        shared.asked(&headers, &body).map_err(IntoResponse::into_response)
    }
}

impl Shared {
    fn asked<T: DeserializeOwned>(
        &self,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Asked<T>, Refused> {
        let access = self.access(headers, &TokenQuery::default())?;
        let wish = serde_json::from_slice(body);
        let wish = wish.map_err(|error| bad(&format!("the body: {error}")))?;
        Ok(Asked { access, wish })
    }
}

/// Returns of which user an inbox is asked for.
fn user_of(access: &Access, named: Option<String>) -> Result<String, Refused> {
    let user = named.or_else(|| access.user.as_deref().map(str::to_owned));
    let user = user.ok_or_else(|| bad("neither the request nor the token names a user"))?;
    if access.allows(Deed::Notifications(&user)) {
        return Ok(user);
    }
    Err(Refused::new(StatusCode::FORBIDDEN, "this is the inbox of another user"))
}

fn parsed<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, Refused> {
    value.parse().map_err(|_| bad(&format!("{name}: `{value}` is none")))
}

fn only_token(name: &str) -> Result<(), Refused> {
    if name == "token" { Ok(()) } else { Err(bad(&format!("the query knows no {name}"))) }
}

fn bad(text: &str) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, text)
}
