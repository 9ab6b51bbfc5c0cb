//! What changes groups and what is pending in them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use firth::backend::{
    Backend, Claim, GroupChange, GroupChanged, Handing, PendingQuery, Start, Which, Write,
};
use firth::{EntryId, Refusal};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::{Ids, confirmed, counted};
use super::ask::Ask;
use super::problem::Problem;
use super::routes::Answer;
use super::streams::info_of;

/// How many pending entries are asked about at a time.
const ASKED_AT_ONCE: usize = 32;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Acknowledged {
    stream: Arc<str>,
    group: Arc<str>,
    ids: Ids,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClaimedFor {
    stream: Arc<str>,
    group: Arc<str>,
    consumer: Arc<str>,
    ids: Ids,
    #[serde(default)]
    min_idle_ms: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Placed {
    stream: Arc<str>,
    group: Arc<str>,
    start: Place,
}

/// Where a group begins.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Place(Start);

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match &*text {
            "beginning" => Ok(Place(Start::Beginning)),
            "end" => Ok(Place(Start::End)),
            id => {
                let id = id.parse().map_err(|_| "start: beginning, end or an id".to_owned())?;
                Ok(Place(Start::After(id)))
            }
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Destroyed {
    stream: Arc<str>,
    group: Arc<str>,
    confirm: Arc<str>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dismissed {
    stream: Arc<str>,
    group: Arc<str>,
    consumer: Arc<str>,
    confirm: Arc<str>,
}

/// `POST ack`
pub(crate) async fn acknowledge(ask: Ask) -> Result<Answer, Problem> {
    let Acknowledged { stream, group, ids: Ids(ids) } = ask.wish()?;
    counted(&ask, Write::Acknowledge { stream, group, ids }).await
}

/// `POST claim`
pub(crate) async fn claim(ask: Ask) -> Result<Answer, Problem> {
    let ClaimedFor { stream, group, consumer, ids: Ids(ids), min_idle_ms } = ask.wish()?;
    let claim = Claim {
        stream,
        group,
        consumer,
        min_idle: Duration::from_millis(min_idle_ms),
        which: Which::Ids(ids),
        handing: Handing::Lease { idle: Duration::ZERO },
    };
    let claimed = ask.broker().await?.backend().claim(claim).await?;
    Ok(told(&claimed.ids, &claimed.gone))
}

/// `POST hand-back`
pub(crate) async fn hand_back(ask: Ask) -> Result<Answer, Problem> {
    let Acknowledged { stream, group, ids: Ids(ids) } = ask.wish()?;
    let broker = ask.broker().await?;
    let backend = broker.backend();
    let handle = broker.stream::<Value>(Arc::clone(&stream)).group(Arc::clone(&group));
    let mut handed = Vec::new();
    for (consumer, ids) in owners(backend, &stream, &group, ids.clone()).await? {
        handed.extend(handle.give_back(consumer, ids).await?);
    }
    let gone: Vec<EntryId> = ids.into_iter().filter(|id| !handed.contains(id)).collect();
    Ok(told(&handed, &gone))
}

fn told(ids: &[EntryId], gone: &[EntryId]) -> Answer {
    Answer::Json(json!({"ids": ids, "gone": gone}))
}

/// Returns whose the entries are that are pending.
async fn owners(
    backend: &Arc<dyn Backend>,
    stream: &Arc<str>,
    group: &Arc<str>,
    ids: Vec<EntryId>,
) -> Result<BTreeMap<Arc<str>, Vec<EntryId>>, Problem> {
    let ask = |id| {
        backend.pending(PendingQuery {
            stream: Arc::clone(stream),
            group: Arc::clone(group),
            from: id,
            to: id,
            limit: 1,
            min_idle: Duration::ZERO,
            consumer: None,
        })
    };
    let found = stream::iter(ids).map(ask).buffered(ASKED_AT_ONCE);
    let found: Vec<_> = found.try_collect().await?;
    let mut owners: BTreeMap<Arc<str>, Vec<EntryId>> = BTreeMap::new();
    for row in found.into_iter().flatten() {
        owners.entry(row.consumer).or_default().push(row.id);
    }
    Ok(owners)
}

/// `POST group-create`
pub(crate) async fn create(ask: Ask) -> Result<Answer, Problem> {
    let Placed { stream, group, start: Place(start) } = ask.wish()?;
    info_of(ask.broker().await?.backend(), &stream).await?;
    match changed(&ask, GroupChange::Create { stream, group, start }).await? {
        GroupChanged::Already => Err(Problem::conflict("there is such a group already")),
        _ => Ok(done()),
    }
}

/// `POST group-move`
pub(crate) async fn relocate(ask: Ask) -> Result<Answer, Problem> {
    let Placed { stream, group, start: Place(start) } = ask.wish()?;
    changed(&ask, GroupChange::Move { stream, group, start }).await?;
    Ok(done())
}

/// `POST group-destroy`
pub(crate) async fn destroy(ask: Ask) -> Result<Answer, Problem> {
    let Destroyed { stream, group, confirm } = ask.wish()?;
    confirmed(&confirm, &group)?;
    match changed(&ask, GroupChange::Destroy { stream, group }).await? {
        GroupChanged::Already => Err(firth::Error::from(Refusal::NoGroup).into()),
        _ => Ok(done()),
    }
}

/// `POST consumer-remove`
pub(crate) async fn dismiss(ask: Ask) -> Result<Answer, Problem> {
    let Dismissed { stream, group, consumer, confirm } = ask.wish()?;
    confirmed(&confirm, &consumer)?;
    let change = GroupChange::RemoveConsumer { stream, group, consumer };
    let pending = match changed(&ask, change).await? {
        GroupChanged::Forgotten(pending) => pending,
        _ => 0,
    };
    Ok(Answer::Json(json!({"pending": pending})))
}

async fn changed(ask: &Ask, change: GroupChange) -> Result<GroupChanged, Problem> {
    Ok(ask.broker().await?.backend().change_group(change).await?)
}

fn done() -> Answer {
    Answer::Json(json!({"done": true}))
}
