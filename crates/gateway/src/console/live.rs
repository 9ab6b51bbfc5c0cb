//! Live views: event streams for the application, that end with the session they were opened in.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use firth::EntryId;
use firth::backend::{
    Backend, Entry, Inbox, Overflow, QueueLimits, Read, Received, Subscription, Topic,
};
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt as _};
use serde_json::{Value, json};
use tokio::time::{Instant, Interval, interval_at};

use super::ask::Ask;
use super::channels::whereabouts;
use super::entries::Search;
use super::problem::Problem;
use super::routes::Answer;
use super::value::{Extent, entry as told, value};
use crate::admission::no_room;
use crate::clock::{unix_time_ms, unix_time_s};
use crate::news::event;
use crate::notifications::BROADCAST;

/// How long one read of a stream waits.
const READ_TIME_MAX: Duration = Duration::from_secs(10);

/// How many entries are read at a time.
const ENTRIES_AT_ONCE: usize = 200;

/// How many messages wait for a browser; the oldest go first.
const QUEUE: QueueLimits = QueueLimits { messages: 1000, overflow: Overflow::DropOldest };

/// How often it is looked where a user is.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What is sent before all else: after how many milliseconds a browser comes back.
const BEGINNING: &[u8] = b"retry: 2000\n\n";

/// What is sent when there is nothing to say.
const ALIVE: &[u8] = b":\n\n";

/// `GET live/overview`
pub(crate) async fn overview(ask: Ask) -> Result<Answer, Problem> {
    let newest = ask.shared.console.trend.follow(&ask.shared);
    let events = stream::unfold((newest, true), |(mut newest, is_first)| async move {
        if !is_first {
            newest.changed().await.ok()?;
        }
        newest.wait_for(Option::is_some).await.ok()?;
        let told = newest.borrow_and_update().clone()?;
        Some((said(None, "overview", &told), (newest, false)))
    });
    answer(&ask, events)
}

/// `GET live/stream`
pub(crate) async fn entries(ask: Ask) -> Result<Answer, Problem> {
    let (stream, search) = (ask.name("stream")?, Search::of(&ask));
    let broker = ask.broker().await?;
    let backend = Arc::clone(broker.backend());
    let seen = ask.headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let after = match seen.or(ask.parsed("after")?) {
        Some(after) => after,
        None => {
            let info = backend.stream_info(Arc::clone(&stream)).await?;
            info.map_or(EntryId::MIN, |info| info.last_id)
        }
    };
    let tail = Tail { backend, stream, after, search };
    let events = stream::unfold(tail, Tail::next);
    answer(&ask, events)
}

/// A stream that is followed.
struct Tail {
    backend: Arc<dyn Backend>,
    stream: Arc<str>,
    after: EntryId,
    search: Search,
}

impl Tail {
    /// Returns the events of the next entries; none if there were none for a while.
    async fn next(mut self) -> Option<(Bytes, Self)> {
        let read = Read {
            streams: vec![(Arc::clone(&self.stream), self.after)],
            limit: ENTRIES_AT_ONCE,
            wait: Some(READ_TIME_MAX),
        };
        let found = match self.backend.read(read).await {
            Ok(found) => found,
            Err(firth::Error::Unavailable { .. }) => {
                tokio::time::sleep(LOOK_EVERY).await;
                return Some((Bytes::from_static(ALIVE), self));
            }
            // The browser comes back, and learns it from the answer then.
            Err(_) => return None,
        };
        let mut events = Vec::new();
        for entry in found.iter().flat_map(|found| &found.entries) {
            self.after = self.after.max(entry.id);
            if self.search.finds(entry) {
                events.extend_from_slice(&of_entry(entry));
            }
        }
        Some((if events.is_empty() { Bytes::from_static(ALIVE) } else { events.into() }, self))
    }
}

fn of_entry(entry: &Entry) -> Bytes {
    said(Some(entry.id), "entry", &told(entry, Extent::Beginning))
}

/// `GET live/channel`
pub(crate) async fn messages(ask: Ask) -> Result<Answer, Problem> {
    let topic = match (ask.text("channel"), ask.text("pattern")) {
        (Some(channel), None) => Topic::Channel(channel.into()),
        (None, Some(pattern)) => Topic::Pattern(pattern.into()),
        _ => return Err(Problem::malformed("the query names a channel or a pattern")),
    };
    let wanted = ask.text("match").map(str::to_lowercase);
    let broker = ask.broker().await?;
    let subscription = broker.backend().subscribe(vec![topic], Inbox::new(QUEUE)).await?;
    answer(&ask, received(subscription, wanted))
}

/// `GET live/user`
pub(crate) async fn user(ask: Ask) -> Result<Answer, Problem> {
    let user = ask.name("user")?;
    let topics = vec![
        Topic::Channel(format!("notifications:{user}").into()),
        Topic::Channel(BROADCAST.into()),
    ];
    let broker = ask.broker().await?;
    let subscription = broker.backend().subscribe(topics, Inbox::new(QUEUE)).await?;
    let (shared, looks) = (Arc::clone(&ask.shared), ticks(Duration::ZERO, LOOK_EVERY));
    let mut before = Value::Null;
    let places = looks.filter_map(move |()| {
        let now = whereabouts(&shared, &user);
        let is_news = now != before;
        before.clone_from(&now);
        let event = is_news.then(|| {
            let mut now = now;
            now["atMs"] = json!(unix_time_ms());
            said(None, "presence", &now)
        });
        std::future::ready(event)
    });
    answer(&ask, stream::select(received(subscription, None), places))
}

/// Returns the events of what a subscription receives.
fn received(
    subscription: Subscription,
    wanted: Option<String>,
) -> impl Stream<Item = Bytes> + Send {
    subscription.filter_map(move |received| {
        let event = match received {
            Received::Message(message) => {
                let is_wanted = wanted.as_ref().is_none_or(|wanted| {
                    String::from_utf8_lossy(&message.payload).to_lowercase().contains(wanted)
                });
                is_wanted.then(|| {
                    let payload = value(&message.payload, Extent::Beginning);
                    let at_ms = unix_time_ms();
                    let told =
                        json!({"channel": message.channel, "payload": payload, "atMs": at_ms});
                    said(None, "message", &told)
                })
            }
            Received::Gap(gap) => Some(said(None, "dropped", &json!({"count": gap.missed}))),
            _ => None,
        };
        std::future::ready(event)
    })
}

fn said(id: Option<EntryId>, name: &str, data: &Value) -> Bytes {
    event(id, name, &data.to_string()).into_bytes()
}

fn ticks(first: Duration, every: Duration) -> impl Stream<Item = ()> + Send {
    let interval = interval_at(Instant::now() + first, every);
    stream::unfold(interval, async |mut interval: Interval| {
        interval.tick().await;
        Some(((), interval))
    })
}

/// Answers with events, until the session or the gateway ends.
fn answer(
    ask: &Ask,
    events: impl Stream<Item = Bytes> + Send + 'static,
) -> Result<Answer, Problem> {
    let seat = ask.shared.seat().map_err(no_room)?;
    let left_s = ask.caller.as_ref().and_then(|caller| caller.expires_s);
    let left_s = left_s.map(|at_s| at_s.saturating_sub(unix_time_s()));
    let end = async move {
        let expired = async {
            match left_s {
                Some(left_s) => tokio::time::sleep(Duration::from_secs(left_s)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _closing = seat.outbox.closed() => {}
            () = expired => {}
        }
    };
    let ping = ask.shared.limits.ping;
    let alive = ticks(ping, ping).map(|()| Bytes::from_static(ALIVE));
    let beginning = stream::iter([Bytes::from_static(BEGINNING)]);
    let events: BoxStream<'static, Bytes> = Box::pin(beginning.chain(events));
    // What keeps the connection alive does not keep it open.
    let events = until_first_ends(events, alive).take_until(Box::pin(end));
    let body = Body::from_stream(events.map(Ok::<_, std::convert::Infallible>));
    let headers = [(CONTENT_TYPE.as_str(), "text/event-stream"), ("x-accel-buffering", "no")];
    Ok(Answer::Response((headers, body).into_response()))
}

/// Mixes two streams, and ends with the first.
fn until_first_ends(
    events: BoxStream<'static, Bytes>,
    alive: impl Stream<Item = Bytes> + Send + 'static,
) -> impl Stream<Item = Bytes> + Send {
    let events = events.map(Some).chain(stream::iter([None]));
    let mixed = stream::select(events, alive.map(Some));
    let mixed: Pin<Box<dyn Stream<Item = Option<Bytes>> + Send>> = Box::pin(mixed);
    mixed.take_while(|event| std::future::ready(event.is_some())).filter_map(std::future::ready)
}
