//! What changes streams, entries and channels.

use std::sync::Arc;
use std::time::Duration;

use firth::EntryId;
use firth::backend::{
    Append, Backend, Batch, Exactness, Keep, NewId, Order, Outcome, Retention, Trim as TrimTo,
    Write,
};
use serde::Deserialize;
use serde_json::json;

use super::ask::Ask;
use super::entries::Walk;
use super::problem::Problem;
use super::routes::Answer;
use super::streams::info_of;
use super::value::{Given, given_fields};

/// The most ids of one request.
const IDS_MAX: usize = 1000;

/// Entries that one request is about.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Vec<EntryId>")]
pub(crate) struct Ids(pub(crate) Vec<EntryId>);

impl TryFrom<Vec<EntryId>> for Ids {
    type Error = String;

    fn try_from(ids: Vec<EntryId>) -> Result<Self, String> {
        match ids.len() {
            0 => Err("ids: there is none".to_owned()),
            1..=IDS_MAX => Ok(Ids(ids)),
            _ => Err(format!("ids: at most {IDS_MAX} at a time")),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Appended {
    stream: Arc<str>,
    fields: Vec<(Given, Given)>,
    id: Option<EntryId>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Trimmed {
    stream: Arc<str>,
    max_length: Option<u64>,
    before: Option<EntryId>,
    #[serde(default)]
    dry_run: bool,
}

/// A policy as a whole: what is not named is no limit.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Retained {
    stream: Arc<str>,
    max_age_ms: Option<u64>,
    max_bytes: Option<u64>,
    max_entries: Option<u64>,
    #[serde(default)]
    even_unacknowledged: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deleted {
    stream: Arc<str>,
    ids: Ids,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Removed {
    stream: Arc<str>,
    confirm: Arc<str>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    channel: Arc<str>,
    payload: Given,
}

/// `POST append`
pub(crate) async fn append(ask: Ask) -> Result<Answer, Problem> {
    let Appended { stream, fields, id } = ask.wish()?;
    let id = id.map_or(NewId::Auto, NewId::Explicit);
    let append = Append { id, ..Append::new(stream, given_fields(&fields)?) };
    match written(&ask, Write::Append(append)).await? {
        Outcome::Appended(id) => Ok(Answer::Json(json!({"id": id}))),
        _ => Ok(Answer::Json(json!({"id": null}))),
    }
}

/// `POST trim`
pub(crate) async fn trim(ask: Ask) -> Result<Answer, Problem> {
    let Trimmed { stream, max_length, before, dry_run } = ask.wish()?;
    let keep = match (max_length, before) {
        (Some(length), None) => Keep::Newest(length),
        (None, Some(id)) => Keep::From(id),
        _ => return Err(Problem::malformed("either maxLength or before says how much stays")),
    };
    let broker = ask.broker().await?;
    let info = info_of(broker.backend(), &stream).await?;
    if dry_run {
        let (count, is_complete) = match keep {
            Keep::Newest(length) => (info.len.saturating_sub(length), true),
            Keep::From(id) => count_before(broker.backend(), &stream, id).await?,
            _ => (0, false),
        };
        let told = json!({"count": count, "complete": is_complete, "dryRun": true});
        return Ok(Answer::Json(told));
    }
    let trim = TrimTo { keep, exactness: Exactness::Exact };
    counted(&ask, Write::Trim { stream, trim }).await
}

/// Counts what comes before an id, as far as one request may look; says whether that is all.
async fn count_before(
    backend: &Arc<dyn Backend>,
    stream: &Arc<str>,
    id: EntryId,
) -> Result<(u64, bool), Problem> {
    let Some(to) = id.prev() else { return Ok((0, true)) };
    let walk = Walk {
        stream: Arc::clone(stream),
        from: EntryId::MIN,
        to,
        order: Order::Forward,
        limit: 1,
    };
    let walked = walk.through(backend, |_| false).await?;
    Ok((walked.scanned as u64, walked.next.is_none()))
}

/// `POST retain`
pub(crate) async fn retain(ask: Ask) -> Result<Answer, Problem> {
    let wish: Retained = ask.wish()?;
    let limits = Retention::unlimited()
        .age(Duration::from_millis(wish.max_age_ms.unwrap_or(0)))
        .bytes(wish.max_bytes.unwrap_or(0))
        .entries(wish.max_entries.unwrap_or(0));
    let retention = if wish.even_unacknowledged { limits.even_unacknowledged() } else { limits };
    // A policy would create the stream, which is not what the console is asked to do.
    info_of(ask.broker().await?.backend(), &wish.stream).await?;
    written(&ask, Write::Retain { stream: wish.stream, retention }).await?;
    Ok(Answer::Json(json!({"retained": !retention.is_unlimited()})))
}

/// `POST delete`
pub(crate) async fn delete(ask: Ask) -> Result<Answer, Problem> {
    let Deleted { stream, ids: Ids(ids) } = ask.wish()?;
    counted(&ask, Write::Delete { stream, ids }).await
}

/// `POST delete-stream`
pub(crate) async fn delete_stream(ask: Ask) -> Result<Answer, Problem> {
    let Removed { stream, confirm } = ask.wish()?;
    confirmed(&confirm, &stream)?;
    // A key that holds something else is not ours to remove.
    info_of(ask.broker().await?.backend(), &stream).await?;
    counted(&ask, Write::Remove { key: stream }).await
}

/// `POST publish`
pub(crate) async fn publish(ask: Ask) -> Result<Answer, Problem> {
    let Published { channel, payload } = ask.wish()?;
    let receivers = ask.broker().await?.backend().publish(channel, payload.bytes()?).await?;
    Ok(Answer::Json(json!({"receivers": receivers})))
}

/// Checks that somebody has typed the name of what they are about to lose.
pub(crate) fn confirmed(confirm: &str, name: &str) -> Result<(), Problem> {
    match confirm == name {
        true => Ok(()),
        false => Err(Problem::conflict(format!("confirm must be `{name}`"))),
    }
}

/// Writes, and answers with how many there were.
pub(crate) async fn counted(ask: &Ask, write: Write) -> Result<Answer, Problem> {
    let count = match written(ask, write).await? {
        Outcome::Count(count) => count,
        _ => 0,
    };
    Ok(Answer::Json(json!({"count": count})))
}

async fn written(ask: &Ask, write: Write) -> Result<Outcome, Problem> {
    let outcomes = ask.broker().await?.backend().write(Batch::of(write)).await?;
    Ok(outcomes.into_iter().next().unwrap_or(Outcome::NotSet))
}
