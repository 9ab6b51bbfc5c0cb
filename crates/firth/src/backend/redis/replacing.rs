//! Removing a consumer without losing what is pending for it.
//!
//! XGROUP DELCONSUMER forgets what is pending, no command claims by owner, and WATCH sees no
//! deliveries. So the entries are claimed first, and in the step that removes the consumer it is asked
//! what is pending for it after all: what it was given in between is put back with XCLAIM FORCE.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value};

use super::{Again, Remote, command, reply};
use crate::backend::{Claim, GroupChange, Handing, Pending, PendingQuery, Which};
use crate::{EntryId, Error};

/// How many entries are claimed at once.
const PAGE: usize = 1000;

/// How many entries a consumer can be given between two requests, at most.
const SUDDEN_MAX: usize = 1_000_000;

impl Remote {
    /// Carries out [`GroupChange::ReplaceConsumer`] and returns how many entries the heir got.
    pub(super) async fn replace_consumer(&self, change: GroupChange) -> Result<u64, Error> {
        let GroupChange::ReplaceConsumer { stream, group, consumer, heir, idle } = change else {
            return Ok(0);
        };
        let replacing = Replacing { remote: self, stream, group, consumer, heir, idle };
        let mut count = replacing.claim_all().await?;
        for (deliveries, ids) in replacing.remove().await? {
            let mut claim = replacing.claim(ids, Duration::ZERO);
            claim.arg("FORCE").arg("RETRYCOUNT").arg(deliveries);
            count += replacing.claimed(&claim).await?;
        }
        Ok(count)
    }
}

/// A consumer that is removed for another one.
struct Replacing<'r> {
    remote: &'r Remote,
    stream: Arc<str>,
    group: Arc<str>,
    consumer: Arc<str>,
    heir: Arc<str>,
    idle: Duration,
}

impl Replacing<'_> {
    /// Claims what is pending for the consumer, piece by piece.
    async fn claim_all(&self) -> Result<u64, Error> {
        let (mut from, mut count) = (EntryId::MIN, 0);
        loop {
            let query = command::pending(&self.pending(from, PAGE));
            let rows = self.remote.run(&self.stream, &query, Again::Harmless).await?;
            let rows = reply::pending(rows)?;
            let Some(last) = rows.last().map(|row| row.id) else { return Ok(count) };
            let is_last = rows.len() < PAGE;
            count += self.claim_rows(rows).await?;
            match last.next() {
                Some(next) if !is_last => from = next,
                _ => return Ok(count),
            }
        }
    }

    /// Claims entries, but not from somebody who has taken them over since they were listed: they would
    /// be less idle.
    async fn claim_rows(&self, rows: Vec<Pending>) -> Result<u64, Error> {
        let min_idle = rows.iter().map(|row| row.idle).min().unwrap_or_default();
        let ids = rows.into_iter().map(|row| row.id).collect();
        self.claimed(&self.claim(ids, min_idle)).await
    }

    /// Removes the consumer and returns what was pending for it then: entries that were delivered
    /// equally often go together.
    async fn remove(&self) -> Result<BTreeMap<u64, Vec<EntryId>>, Error> {
        let removal = GroupChange::RemoveConsumer {
            stream: Arc::clone(&self.stream),
            group: Arc::clone(&self.group),
            consumer: Arc::clone(&self.consumer),
        };
        let query = self.pending(EntryId::MIN, SUDDEN_MAX);
        let steps = [command::pending(&query), command::change_group(&removal)];
        let mut answers = self.remote.transact(&self.stream, &[], steps).await?.into_iter();
        let mut answer = || answers.next().unwrap_or(Value::Nil);
        let late = reply::pending(answer())?;
        reply::number(answer())?;
        let mut by_deliveries: BTreeMap<u64, Vec<EntryId>> = BTreeMap::new();
        for row in late {
            by_deliveries.entry(row.deliveries).or_default().push(row.id);
        }
        Ok(by_deliveries)
    }

    fn pending(&self, from: EntryId, limit: usize) -> PendingQuery {
        PendingQuery {
            stream: Arc::clone(&self.stream),
            group: Arc::clone(&self.group),
            from,
            to: EntryId::MAX,
            limit,
            min_idle: Duration::ZERO,
            consumer: Some(Arc::clone(&self.consumer)),
        }
    }

    fn claim(&self, ids: Vec<EntryId>, min_idle: Duration) -> Cmd {
        command::claim(&Claim {
            stream: Arc::clone(&self.stream),
            group: Arc::clone(&self.group),
            consumer: Arc::clone(&self.heir),
            min_idle,
            which: Which::Ids(ids),
            handing: Handing::Lease { idle: self.idle },
        })
    }

    async fn claimed(&self, claim: &Cmd) -> Result<u64, Error> {
        let answer = self.remote.run(&self.stream, claim, Again::Never).await?;
        Ok(reply::claimed(answer)?.ids.len() as u64)
    }
}
