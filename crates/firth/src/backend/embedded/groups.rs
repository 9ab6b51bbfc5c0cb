//! Groups: changing them, claiming in them, looking at them.

use std::sync::Arc;
use std::time::Duration;

use firth_engine::stream::{
    self, AutoClaim, ClaimScope, Group, GroupStart, NoGroup, Recount, Stream, StreamMut, lag::lag,
};
use firth_engine::{Engine, Locked};

use super::DB;
use super::home::{Ran, run};
use super::reads::owned;
use super::writes::engine_ids;
use crate::backend::{
    Claim, Claimed, ConsumerInfo, GroupChange, GroupChanged, GroupInfo, Handing, Pending,
    PendingQuery, Start, StreamInfo, Which,
};
use crate::clock::millis;
use crate::{EntryId, Error, Refusal};

/// Changes a group.
pub(super) fn change(engine: &Engine, change: &GroupChange) -> Ran<GroupChanged> {
    let stream = change.stream();
    run(engine, [stream], |keys| {
        change.check()?;
        change_in(keys, stream.as_bytes(), change)
    })
}

fn change_in(
    keys: &mut Locked<'_>,
    name: &[u8],
    change: &GroupChange,
) -> Result<GroupChanged, Error> {
    Ok(match change {
        GroupChange::Create { group, start, .. } => {
            let mut stream = keys.stream_or_create(DB, name)?;
            match stream.create_group(group.as_bytes(), engine_start(*start), None) {
                Ok(()) => GroupChanged::Done,
                Err(_) => GroupChanged::Already,
            }
        }
        GroupChange::Move { group, start, .. } => {
            let mut stream = keys.stream_mut(DB, name)?.ok_or(Refusal::NoGroup)?;
            stream.move_group(group.as_bytes(), engine_start(*start), None)?;
            GroupChanged::Done
        }
        GroupChange::Destroy { group, .. } => {
            let stream = keys.stream_mut(DB, name)?;
            match stream.is_some_and(|mut found| found.destroy_group(group.as_bytes())) {
                true => GroupChanged::Done,
                false => GroupChanged::Already,
            }
        }
        GroupChange::RemoveConsumer { group, consumer, .. } => {
            let mut stream = keys.stream_mut(DB, name)?.ok_or(Refusal::NoGroup)?;
            let forgotten = stream.delete_consumer(group.as_bytes(), consumer.as_bytes())?;
            GroupChanged::Forgotten(forgotten)
        }
        GroupChange::ReplaceConsumer { group, consumer, heir, idle, .. } => {
            let mut stream = keys.stream_mut(DB, name)?.ok_or(Refusal::NoGroup)?;
            let heir = Heir { name: heir.as_bytes(), idle: *idle };
            let count = replace(&mut stream, group.as_bytes(), consumer.as_bytes(), &heir)?;
            GroupChanged::HandedOver(count)
        }
    })
}

/// Who gets what is pending for a consumer that is removed.
struct Heir<'h> {
    name: &'h [u8],
    idle: Duration,
}

/// Hands over what is pending for a consumer and removes it; returns how many entries that were.
fn replace(
    stream: &mut StreamMut<'_, '_>,
    group: &[u8],
    consumer: &[u8],
    heir: &Heir<'_>,
) -> Result<u64, Error> {
    let found = stream.stream().groups().get(group).ok_or(Refusal::NoGroup)?;
    let Some(no) = found.consumers.find(consumer) else { return Ok(0) };
    let ids: Vec<stream::EntryId> =
        found.pending.iter_of(no, stream::EntryId::MIN).map(|row| row.id).collect();
    let mut count = 0;
    if !ids.is_empty() {
        let claim = stream::Claim {
            group,
            consumer: heir.name,
            min_idle_ms: 0,
            delivered_ms: stream.now_ms().saturating_sub(millis(heir.idle)),
            recount: Recount::Keep,
            scope: ClaimScope::Pending,
            last_delivered: None,
        };
        count = stream.claim(&claim, &ids)?.len() as u64;
    }
    stream.delete_consumer(group, consumer)?;
    Ok(count)
}

/// Hands pending entries to a consumer.
pub(super) fn claim(engine: &Engine, claim: &Claim) -> Ran<Claimed> {
    run(engine, [&claim.stream], |keys| {
        let stream = keys.stream_for_groups(DB, claim.stream.as_bytes())?;
        claim_in(&mut stream.ok_or(Refusal::NoGroup)?, claim)
    })
}

fn claim_in(stream: &mut StreamMut<'_, '_>, claim: &Claim) -> Result<Claimed, Error> {
    let (recount, idle) = match claim.handing {
        Handing::Entries => (Recount::Add, Duration::ZERO),
        Handing::Lease { idle } => (Recount::Keep, idle),
    };
    let (group, consumer) = (claim.group.as_bytes(), claim.consumer.as_bytes());
    let min_idle_ms = millis(claim.min_idle);
    let (ids, gone, next) = match &claim.which {
        Which::Ids(ids) => {
            let request = stream::Claim {
                group,
                consumer,
                min_idle_ms,
                delivered_ms: stream.now_ms().saturating_sub(millis(idle)),
                recount,
                scope: ClaimScope::Pending,
                last_delivered: None,
            };
            (stream.claim(&request, &engine_ids(ids))?, Vec::new(), None)
        }
        Which::From { from, limit } => {
            let (start, count_max) = ((*from).into(), (*limit).max(1));
            let request = AutoClaim { group, consumer, min_idle_ms, start, count_max, recount };
            let portion = stream.auto_claim(&request)?;
            (portion.claimed, portion.gone, portion.next)
        }
    };
    let mut claimed = Claimed {
        gone: gone.into_iter().map(EntryId::from).collect(),
        next: next.map(EntryId::from),
        ..Claimed::default()
    };
    if claim.handing == Handing::Entries {
        let mut entries = stream.stream().entries().cursor();
        claimed.entries = ids.iter().filter_map(|id| entries.seek(*id)).map(owned).collect();
    }
    claimed.ids = ids.into_iter().map(EntryId::from).collect();
    Ok(claimed)
}

/// Lists what is pending.
pub(super) fn pending(engine: &Engine, query: &PendingQuery) -> Ran<Vec<Pending>> {
    run(engine, [&query.stream], |keys| {
        let now_ms = keys.now_ms();
        let stream = keys.stream(DB, query.stream.as_bytes())?;
        let group = find_group(stream, &query.group)?;
        let query = stream::PendingQuery {
            start: query.from.into(),
            end: query.to.into(),
            count_max: query.limit,
            min_idle_ms: millis(query.min_idle),
            consumer: query.consumer.as_ref().map(|name| name.as_bytes()),
        };
        let rows = group.query_pending(&query, now_ms);
        let pending = rows.iter().map(|row| Pending {
            id: row.id.into(),
            consumer: text(group.owner_name(row)),
            idle: Duration::from_millis(now_ms.saturating_sub(row.delivered_ms)),
            deliveries: row.deliveries,
        });
        Ok(pending.collect())
    })
}

/// Returns what is known of a stream and its groups.
pub(super) fn stream_info(engine: &Engine, name: &Arc<str>) -> Ran<Option<StreamInfo>> {
    run(engine, [name], |keys| {
        let Some(stream) = keys.stream(DB, name.as_bytes())? else { return Ok(None) };
        let entries = stream.entries();
        let (first_id, last_id) = (stream::EntryId::MIN, stream::EntryId::MAX);
        let groups = stream.groups().iter().map(|(name, group)| GroupInfo {
            name: text(name),
            consumers: group.consumers.len() as u64,
            pending: group.pending.len() as u64,
            last_delivered: group.last_delivered.into(),
            lag: lag(stream, group),
        });
        Ok(Some(StreamInfo {
            len: stream.len(),
            last_id: stream.last_id().into(),
            entries_added: stream.entries_added(),
            first: entries.range(first_id, last_id).next().map(owned),
            last: entries.range_rev(first_id, last_id).next().map(owned),
            groups: groups.collect(),
        }))
    })
}

/// Returns the consumers of a group.
pub(super) fn consumers(
    engine: &Engine,
    name: &Arc<str>,
    group: &Arc<str>,
) -> Ran<Vec<ConsumerInfo>> {
    run(engine, [name], |keys| {
        let now_ms = keys.now_ms();
        let group = find_group(keys.stream(DB, name.as_bytes())?, group)?;
        let consumers = group.consumers.iter().map(|(no, consumer)| ConsumerInfo {
            name: text(consumer.name()),
            pending: group.pending.len_of(no) as u64,
            idle: Duration::from_millis(now_ms.saturating_sub(consumer.seen_ms)),
        });
        Ok(consumers.collect())
    })
}

fn find_group<'s>(stream: Option<&'s Stream>, group: &str) -> Result<&'s Group, Error> {
    let group = stream.and_then(|found| found.groups().get(group.as_bytes()));
    group.ok_or_else(|| Refusal::NoGroup.into())
}

fn engine_start(start: Start) -> GroupStart {
    match start {
        Start::Beginning => GroupStart::After(stream::EntryId::MIN),
        Start::End => GroupStart::AtEnd,
        Start::After(id) => GroupStart::After(id.into()),
    }
}

fn text(name: &[u8]) -> Arc<str> {
    String::from_utf8_lossy(name).into()
}

impl From<NoGroup> for Error {
    fn from(_: NoGroup) -> Self {
        Error::Refused(Refusal::NoGroup)
    }
}
