//! A stream as lists of what was done to it: slow, obvious, and nobody else's code.

use std::collections::BTreeMap;

use crate::command::{Add, Bytes, Id, Nearness, References, TrimTo};
use crate::told::Told;

/// For how long an attempt is remembered, and how many of them, where nothing else is set.
const ATTEMPT_MS: u64 = 100_000;
const ATTEMPTS_MAX: usize = 100;

/// A stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) entries: BTreeMap<Id, Vec<Bytes>>,
    pub(crate) last_id: Id,
    pub(crate) deleted_max: Id,
    pub(crate) added: u64,
    pub(crate) groups: BTreeMap<Bytes, Group>,
    attempts: Vec<Attempt>,
}

/// An attempt of a producer that became an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Attempt {
    producer: Bytes,
    what: Bytes,
    id: Id,
}

/// A consumer group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) last_delivered: Id,
    pub(crate) pending: BTreeMap<Id, Pending>,
    pub(crate) consumers: BTreeMap<Bytes, Consumer>,
}

/// When a consumer was last heard of, and last got something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Consumer {
    pub(crate) seen_ms: u64,
    pub(crate) active_ms: Option<u64>,
}

impl Group {
    /// Notes that a consumer asks for something.
    pub(crate) fn see(&mut self, consumer: &Bytes, now_ms: u64) {
        self.consumers.entry(consumer.clone()).or_default().seen_ms = now_ms;
    }

    /// Notes that a consumer has got something.
    pub(crate) fn note_active(&mut self, consumer: &Bytes, now_ms: u64) {
        self.consumers.entry(consumer.clone()).or_default().active_ms = Some(now_ms);
    }
}

/// How many entries a node may hold: so many may stay that an exact trim would remove.
const NODE_ENTRIES_MAX: usize = 8;

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) owner: Option<Bytes>,
    pub(crate) delivered_ms: u64,
    pub(crate) deliveries: u64,
}

impl Pending {
    pub(crate) fn is_idle(&self, min_idle_ms: u64, now_ms: u64) -> bool {
        self.owner.is_none() || now_ms.saturating_sub(self.delivered_ms) >= min_idle_ms
    }
}

/// What became of an entry that was to be added.
pub(crate) enum Added {
    Entry(Id),
    Known(Id),
    Refused,
}

impl Stream {
    /// Returns the id that the next entry gets by itself.
    fn next_id(&self, now_ms: u64) -> Id {
        Id(now_ms, 0).max(Id(self.last_id.0, self.last_id.1 + 1))
    }

    /// Adds an entry. How much of a trim that need not be exact was done is believed if it can be so:
    /// `told_len` entries are left.
    pub(crate) fn add(&mut self, add: &Add, told_len: Option<i64>, now_ms: u64) -> Added {
        let what = add.attempt.as_ref().map(|(producer, iid)| {
            let what = match iid {
                Some(iid) => [b"iid ", &iid[..]].concat(),
                None => [b"content ", &add.fields.join(&b' ')[..]].concat(),
            };
            (producer.clone(), what)
        });
        if let Some((producer, what)) = &what
            && let Some(id) = self.find_attempt(producer, what, now_ms)
        {
            return Added::Known(id);
        }
        let id = add.id.unwrap_or_else(|| self.next_id(now_ms));
        if id <= self.last_id {
            return Added::Refused;
        }
        self.entries.insert(id, add.fields.clone());
        self.last_id = id;
        self.added += 1;
        if let Some((producer, what)) = what {
            self.remember(producer, what, id);
        }
        match add.trim {
            Some((to, Nearness::Exact)) => self.drop_front(self.excess(to)),
            Some((to, Nearness::Near)) => {
                let told_len = told_len.and_then(|len| usize::try_from(len).ok());
                let gone = told_len.map_or(0, |len| self.entries.len().saturating_sub(len));
                self.drop_front(self.near(gone, to));
            }
            None => {}
        }
        Added::Entry(id)
    }

    fn find_attempt(&self, producer: &[u8], what: &[u8], now_ms: u64) -> Option<Id> {
        let is_it = |attempt: &&Attempt| attempt.producer == producer && attempt.what == what;
        let found = self.attempts.iter().find(is_it)?;
        (found.id.0.saturating_add(ATTEMPT_MS) >= now_ms).then_some(found.id)
    }

    fn remember(&mut self, producer: Bytes, what: Bytes, id: Id) {
        let of = |attempt: &Attempt| attempt.producer == producer;
        // An earlier record of the same attempt goes with all that are older still.
        if let Some(at) = self.attempts.iter().position(|a| of(a) && a.what == what) {
            let mut place = 0;
            self.attempts.retain(|attempt| {
                place += 1;
                place > at + 1 || !of(attempt)
            });
        }
        if self.attempts.iter().filter(|attempt| of(attempt)).count() >= ATTEMPTS_MAX
            && let Some(oldest) = self.attempts.iter().position(of)
        {
            self.attempts.remove(oldest);
        }
        self.attempts.push(Attempt { producer, what, id });
    }

    /// Returns how many entries go if so many are said to have gone by a trim by whole nodes.
    pub(crate) fn near(&self, told: usize, to: TrimTo) -> usize {
        let excess = self.excess(to);
        told.clamp(excess.saturating_sub(NODE_ENTRIES_MAX), excess)
    }

    /// Returns the stream without what is written when there is time.
    pub(crate) fn without_passing(&self) -> Stream {
        let mut stream = self.clone();
        for group in stream.groups.values_mut() {
            group.consumers.values_mut().for_each(|consumer| consumer.seen_ms = 0);
        }
        stream
    }

    /// Returns what those who watch the stream are told of, as on Redis: neither what groups do nor
    /// XSETID.
    pub(crate) fn as_watched(&self) -> Stream {
        Stream { groups: BTreeMap::new(), last_id: Id::default(), ..self.clone() }
    }

    /// Returns how many entries have to go at the front.
    pub(crate) fn excess(&self, to: TrimTo) -> usize {
        match to {
            TrimTo::MaxLen(len) => {
                self.entries.len().saturating_sub(usize::try_from(len).unwrap_or(usize::MAX))
            }
            TrimTo::MinId(id) => self.entries.range(..id).count(),
        }
    }

    pub(crate) fn drop_front(&mut self, count: usize) {
        for _ in 0..count {
            self.entries.pop_first();
        }
    }

    pub(crate) fn delete(&mut self, ids: &[Id]) -> usize {
        let mut gone = 0;
        for id in ids {
            if self.entries.remove(id).is_some() {
                gone += 1;
                self.deleted_max = self.deleted_max.max(*id);
            }
        }
        gone
    }

    /// Says whether a group has an entry pending, or has not come to it.
    pub(crate) fn is_referenced(&self, id: Id) -> bool {
        let holds = |group: &Group| group.pending.contains_key(&id) || id > group.last_delivered;
        self.groups.values().any(holds)
    }

    pub(crate) fn delete_heeding(&mut self, ids: &[Id], references: References) -> Told {
        let outcome = |stream: &Stream, id: Id| {
            let holds =
                |group: &Group| group.pending.contains_key(&id) || id > group.last_delivered;
            if references == References::Acked && stream.groups.values().any(holds) {
                2
            } else if stream.entries.contains_key(&id) {
                1
            } else {
                -1
            }
        };
        let outcomes: Vec<i64> = ids.iter().map(|&id| outcome(self, id)).collect();
        if references == References::Delete {
            for group in self.groups.values_mut() {
                ids.iter().for_each(|id| drop(group.pending.remove(id)));
            }
        }
        for (id, outcome) in ids.iter().zip(&outcomes) {
            if *outcome == 1 {
                self.delete(&[*id]);
            }
        }
        Told::List(outcomes.into_iter().map(Told::Integer).collect())
    }

    /// Returns an entry as clients are told of it.
    pub(crate) fn entry(&self, id: Id) -> Option<Told> {
        self.entries.get(&id).map(|fields| entry(id, fields))
    }

    /// Returns up to so many entries behind an id.
    pub(crate) fn after(&self, id: Id, count: usize) -> Vec<Id> {
        let start = std::ops::Bound::Excluded(id);
        let behind = self.entries.range((start, std::ops::Bound::Unbounded));
        behind.take(count).map(|(id, _)| *id).collect()
    }
}

/// Returns an id as clients are told of it.
pub(crate) fn id(id: Id) -> Told {
    Told::Text(id.to_string().into())
}

pub(crate) fn entry(at: Id, fields: &[Bytes]) -> Told {
    let fields = fields.iter().map(|field| Told::text(field)).collect();
    Told::List(vec![id(at), Told::List(fields)])
}
