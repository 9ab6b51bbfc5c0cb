//! Channels that are listened to, and who is connected to this gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use firth::backend::{Inspected, Inspection};
use serde::Serialize;
use serde_json::{Value, json};

use super::ask::Ask;
use super::listing::{Sort, Source, page};
use super::problem::Problem;
use super::routes::Answer;
use crate::clock::unix_time_ms;
use crate::gateway::Shared;

#[derive(Debug, Serialize)]
struct ChannelRow {
    name: Arc<str>,
    subscribers: u64,
}

const CHANNEL_SORTS: &[Sort<ChannelRow>] = &[
    ("name", |a, b| a.name.cmp(&b.name)),
    ("subscribers", |a, b| a.subscribers.cmp(&b.subscribers)),
];

/// A user of this gateway.
#[derive(Debug, Default, Serialize)]
pub(crate) struct UserRow {
    user: Option<Arc<str>>,
    sockets: u64,
    channels: BTreeSet<Arc<str>>,
}

const USER_SORTS: &[Sort<UserRow>] =
    &[("user", |a, b| a.user.cmp(&b.user)), ("sockets", |a, b| a.sockets.cmp(&b.sockets))];

fn now() -> Source {
    Source { as_of_ms: unix_time_ms(), is_complete: true }
}

/// `GET channels`
pub(crate) async fn list(ask: Ask) -> Result<Answer, Problem> {
    let broker = ask.broker().await?;
    let (channels, patterns) = match broker.backend().inspect(Inspection::Listeners).await? {
        Inspected::Listeners(listeners) => (listeners.channels, listeners.patterns),
        _ => (Vec::new(), 0),
    };
    let rows = channels.into_iter().map(|(name, subscribers)| ChannelRow { name, subscribers });
    let rows: Vec<_> = rows.collect();
    let mut told = page(&ask, now(), &rows, |row| row.name.to_string(), CHANNEL_SORTS)?;
    told["patterns"] = json!(patterns);
    Ok(Answer::Json(told))
}

/// `GET gateway`
pub(crate) async fn gateway(ask: Ask) -> Result<Answer, Problem> {
    Ok(Answer::Json(numbers(&ask.shared)))
}

/// Tells how this gateway does.
pub(crate) fn numbers(shared: &Shared) -> Value {
    let counts = &shared.counts;
    let users = shared.sockets.users();
    json!({
        "sockets": shared.sockets.len(), "socketsMax": shared.limits.sockets,
        "users": users.keys().flatten().count(),
        "opened": counts.opened.get(), "refused": counts.refused.get(),
        "received": counts.received.get(), "delivered": counts.delivered.get(),
        "slow": counts.slow.get(), "channels": shared.hub.channels(), "streams": shared.feeds.len(),
    })
}

/// `GET gateway/users`
pub(crate) async fn users(ask: Ask) -> Result<Answer, Problem> {
    let rows: Vec<UserRow> = rows(&ask.shared).into_values().collect();
    let name = |row: &UserRow| row.user.as_deref().unwrap_or_default().to_owned();
    page(&ask, now(), &rows, name, USER_SORTS).map(Answer::Json)
}

/// Tells where a user is: `{"channels": [...], "sockets": 2}`.
pub(crate) fn whereabouts(shared: &Shared, user: &str) -> Value {
    let row = rows(shared).remove(&Some(Arc::from(user))).unwrap_or_default();
    json!({"channels": row.channels, "sockets": row.sockets})
}

fn rows(shared: &Shared) -> BTreeMap<Option<Arc<str>>, UserRow> {
    let mut rows: BTreeMap<Option<Arc<str>>, UserRow> = BTreeMap::new();
    for (user, sockets) in shared.sockets.users() {
        let row = UserRow { user: user.clone(), sockets, channels: BTreeSet::new() };
        rows.insert(user, row);
    }
    for (channel, user) in shared.presence.whereabouts() {
        if let Some(row) = rows.get_mut(&user) {
            row.channels.insert(channel);
        }
    }
    rows
}
