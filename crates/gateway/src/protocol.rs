//! `GET /ws` and `GET /sse`: the whole protocol, and its one-way half for those who cannot have WebSockets.

use std::sync::Arc;

use axum::extract::{ConnectInfo, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use firth::EntryId;
use firth::notifications::Marks;

use crate::access::{Access, Deed};
use crate::admission::{Refused, TokenQuery, Upgrade, no_room, turn_away};
use crate::events;
use crate::feed::Source;
use crate::feeds::{Following, Start};
use crate::gateway::Shared;
use crate::hub::Listening;
use crate::listener::Peer;
use crate::news::{self, Form, News, What};
use crate::operations::{inbox_source, marks_channel};
use crate::outbox::Outbox;
use crate::presence::Attendance;
use crate::query::{QueryPair, pairs_of};
use crate::session::Session;
use crate::socket::OpenSocket;

/// `GET /ws`
pub(crate) async fn ws(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    ConnectInfo(peer): ConnectInfo<Peer>,
    upgrade: Upgrade,
) -> Response {
    let access = shared.access(&headers, &TokenQuery::of(query.as_deref()));
    let (access, seat) = match shared.enter(access) {
        Ok(entered) => entered,
        Err(turned_away) => return turn_away(upgrade, turned_away),
    };
    match upgrade {
        Ok(upgrade) => shared.prepare(upgrade).on_upgrade(async move |socket| {
            let outbox = Arc::clone(&seat.outbox);
            let session = Session::new(Arc::clone(&shared), access.clone(), outbox);
            peer.line.hand_over(&seat.outbox);
            OpenSocket::new(shared, seat, &access, session).serve(socket).await;
        }),
        Err(_) => {
            let text = "this is for WebSockets: events are at /sse";
            Refused::new(StatusCode::UPGRADE_REQUIRED, text).into_response()
        }
    }
}

/// What an event stream is asked for: any number of channels, and one stream or the inbox.
#[derive(Debug, Default)]
struct Wish {
    channels: Vec<Arc<str>>,
    source: Option<Source>,
    inbox_of: Option<Arc<str>>,
    after: Option<EntryId>,
    /// Whether to be told who is on the channels.
    presence: bool,
}

/// `GET /sse`
pub(crate) async fn sse(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    shared.open_events(query.as_deref(), &headers).await
}

impl Shared {
    async fn open_events(
        self: &Arc<Self>,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Response, Refused> {
        let access = self.access(headers, &TokenQuery::of(query))?;
        let wish = self.wish(&access, query, headers)?;
        let seat = self.seat().map_err(no_room)?;
        access.user.iter().for_each(|user| seat.belongs_to(user));
        let (listening, following) = self.grant(&wish, &seat.outbox).await?;
        let attending = self.attend(&wish, access.user.as_ref(), &seat.outbox);
        let keeps = (listening, following, attending);
        Ok(events::stream(seat, &access, &self.limits, keeps))
    }

    fn wish(
        &self,
        access: &Access,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Wish, Refused> {
        let bad = |text: &str| Refused::new(StatusCode::BAD_REQUEST, text);
        let mut wish = Wish::default();
        for QueryPair { name, value } in pairs_of(query) {
            match &*name {
                "channel" => {
                    self.check(access, Deed::Subscribe(&value))?;
                    wish.channels.push(value.into());
                }
                "stream" | "inbox" if wish.source.is_some() => {
                    return Err(bad("an event stream has one stream, or the inbox: open another"));
                }
                "stream" => {
                    self.check(access, Deed::Read(&value))?;
                    wish.source = Some(Source::Stream(value.into()));
                }
                "inbox" => {
                    let user = access.user.clone().ok_or_else(|| bad("the token names no user"))?;
                    wish.source = Some(inbox_source(&user));
                    wish.inbox_of = Some(user);
                }
                "after" => {
                    let id =
                        value.parse().map_err(|_| bad("after: not an id of the form ms-seq"))?;
                    wish.after = Some(id);
                }
                "presence" => wish.presence = value == "true",
                "token" => {}
                _ => {
                    let known = "the query knows channel, stream, inbox, after, presence and token";
                    return Err(bad(known));
                }
            }
        }
        // A browser that comes back names the last event that it has, which wins over where it began.
        if let Some(last) = headers.get("last-event-id") {
            let id = last.to_str().ok().and_then(|id| id.parse().ok());
            wish.after = Some(id.ok_or_else(|| bad("Last-Event-ID: not an id of an entry"))?);
        }
        let count = wish.channels.len() + usize::from(wish.source.is_some());
        if count == 0 || count > self.limits.subscriptions {
            return Err(bad("name some channels, a stream or the inbox, and not too many"));
        }
        Ok(wish)
    }

    /// Comes to the channels, and tells who is there if that is asked for.
    fn attend(
        &self,
        wish: &Wish,
        user: Option<&Arc<str>>,
        outbox: &Arc<Outbox>,
    ) -> Vec<Attendance> {
        let attend = |channel: &Arc<str>| {
            let watcher = wish.presence.then_some((Form::JsonEvent, outbox));
            let attendance = self.presence.attend(channel, user, watcher);
            if wish.presence {
                let (channel, present) = (Arc::clone(channel), self.presence.of(channel));
                outbox.tell(&News::new(What::Present { channel, present }), Form::JsonEvent);
            }
            attendance
        };
        wish.channels.iter().map(attend).collect()
    }

    async fn grant(
        &self,
        wish: &Wish,
        outbox: &Arc<Outbox>,
    ) -> Result<(Vec<Listening>, Option<Following>), Refused> {
        let mut listening = Vec::new();
        if !wish.channels.is_empty() {
            listening.push(self.listen_to(&wish.channels, Form::JsonEvent, outbox).await?);
        }
        let Some(source) = wish.source.clone() else { return Ok((listening, None)) };
        let (marks, after) = match &wish.inbox_of {
            None => (Marks::default(), wish.after),
            Some(user) => {
                let channel = marks_channel(user);
                listening.push(self.listen_to(&[channel], Form::MarksEvent, outbox).await?);
                let marks = self.marks(user).await?;
                let after = wish.after.unwrap_or(marks.up_to);
                (marks, Some(after))
            }
        };
        let start = after.map_or(Start::Now, Start::After);
        let mut following = self.follow(source, start, marks).await?;
        if matches!(start, Start::Now) {
            // Whoever is cut off before the first entry must know where to go on.
            outbox.push(news::place(following.after));
        }
        following.begin(Form::JsonEvent, outbox);
        Ok((listening, Some(following)))
    }
}

impl TokenQuery {
    /// Reads the token of a query, whatever else there is.
    pub(crate) fn of(query: Option<&str>) -> Self {
        let found = pairs_of(query).find(|pair| pair.name == "token");
        TokenQuery { token: found.map(|pair| pair.value) }
    }
}
