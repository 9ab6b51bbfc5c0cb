//! What consumer groups do.

use super::stream::{self, Group, Pending, Stream};
use crate::command::{Bytes, From, Id, NackMode, Reader, References, Word};
use crate::told::Told;

/// As how often delivered an entry counts that never can be worked on.
const DELIVERIES_FATAL: u64 = i64::MAX as u64;

/// From here on a count is as high as can be counted.
const DELIVERIES_MAX: u64 = u32::MAX as u64;

fn counted(deliveries: u64) -> u64 {
    if deliveries >= DELIVERIES_MAX { DELIVERIES_FATAL } else { deliveries }
}

/// What is read for a consumer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'r> {
    pub(crate) reader: &'r Reader,
    pub(crate) from: From,
    pub(crate) count: usize,
    pub(crate) now_ms: u64,
}

impl Stream {
    fn group(&mut self, name: &[u8]) -> &mut Group {
        self.groups.entry(name.to_vec()).or_default()
    }

    /// Reads for a consumer; the group is there.
    pub(crate) fn read_group(&mut self, reading: Reading<'_>) -> Vec<Told> {
        let Reading { reader, from, count, now_ms } = reading;
        let group = self.group(&reader.group);
        group.see(&reader.consumer, now_ms);
        let own = |deliveries| Pending {
            owner: Some(reader.consumer.clone()),
            delivered_ms: now_ms,
            deliveries,
        };
        if let From::After(after) = from {
            let is_own = |pending: &Pending| pending.owner.as_ref() == Some(&reader.consumer);
            let mine = group.pending.iter().filter(|(id, row)| **id > after && is_own(row));
            let mine: Vec<Id> = mine.map(|(id, _)| *id).take(count).collect();
            return mine.into_iter().map(|id| self.redeliver(&reader.group, id, now_ms)).collect();
        }
        let last = group.last_delivered;
        let fresh = self.after(last, count);
        let told = fresh.iter().filter_map(|&id| self.entry(id)).collect();
        let group = self.group(&reader.group);
        if let Some(last) = fresh.last() {
            group.last_delivered = *last;
        }
        if reader.noack == Word::Left && !fresh.is_empty() {
            group.note_active(&reader.consumer, now_ms);
            for id in fresh {
                group.pending.insert(id, own(1));
            }
        }
        told
    }

    fn redeliver(&mut self, group: &[u8], id: Id, now_ms: u64) -> Told {
        let Some(entry) = self.entry(id) else {
            return Told::List(vec![stream::id(id), Told::Nil]);
        };
        if let Some(row) = self.group(group).pending.get_mut(&id) {
            row.deliveries = counted(row.deliveries.saturating_add(1));
            row.delivered_ms = now_ms;
        }
        entry
    }

    pub(crate) fn claim(
        &mut self,
        reader: &Reader,
        min_idle_ms: u64,
        ids: &[Id],
        words: [Word; 2],
        now_ms: u64,
    ) -> Vec<Told> {
        let [just, force] = words;
        let mut told = Vec::new();
        self.group(&reader.group).see(&reader.consumer, now_ms);
        for &id in ids {
            let entry = self.entry(id);
            let group = self.group(&reader.group);
            let deliveries = match (group.pending.get(&id), &entry) {
                (Some(_), None) => {
                    group.pending.remove(&id);
                    continue;
                }
                (Some(row), Some(_)) if row.is_idle(min_idle_ms, now_ms) => row.deliveries,
                (None, Some(_)) if force == Word::Said => 1,
                _ => continue,
            };
            told.extend(take_over(group, reader, (id, deliveries), just, now_ms).or(entry));
        }
        told
    }

    pub(crate) fn auto_claim(
        &mut self,
        reader: &Reader,
        min_idle_ms: u64,
        (start, count): (Id, usize),
        just: Word,
        now_ms: u64,
    ) -> Told {
        let (mut claimed, mut gone, mut next) = (Vec::new(), Vec::new(), Id::default());
        let group = self.group(&reader.group);
        group.see(&reader.consumer, now_ms);
        let rows: Vec<(Id, Pending)> =
            group.pending.range(start..).map(|(id, row)| (*id, row.clone())).collect();
        for (looks, (id, row)) in rows.into_iter().enumerate() {
            if looks == count * 10 || claimed.len() + gone.len() >= count {
                next = id;
                break;
            }
            let entry = self.entry(id);
            let group = self.group(&reader.group);
            if entry.is_none() {
                group.pending.remove(&id);
                gone.push(stream::id(id));
            } else if row.is_idle(min_idle_ms, now_ms) {
                let taken = take_over(group, reader, (id, row.deliveries), just, now_ms);
                claimed.extend(taken.or(entry));
            }
        }
        Told::List(vec![stream::id(next), Told::List(claimed), Told::List(gone)])
    }

    pub(crate) fn nack(&mut self, group: &[u8], mode: NackMode, ids: &[Id]) -> usize {
        let mut released = 0;
        for id in ids {
            let Some(row) = self.group(group).pending.get_mut(id) else { continue };
            row.owner = None;
            row.deliveries = counted(match mode {
                NackMode::Silent => row.deliveries.saturating_sub(1),
                NackMode::Fail => row.deliveries,
                NackMode::Fatal => DELIVERIES_FATAL,
            });
            released += 1;
        }
        released
    }

    pub(crate) fn acknowledge(&mut self, group: &[u8], ids: &[Id]) -> usize {
        let Some(group) = self.groups.get_mut(group) else { return 0 };
        ids.iter().filter(|id| group.pending.remove(id).is_some()).count()
    }

    /// Acknowledges, and deletes what is done with; 1 for deleted, 2 for kept, -1 for not pending.
    pub(crate) fn acknowledge_and_delete(
        &mut self,
        group: &[u8],
        ids: &[Id],
        references: References,
    ) -> Told {
        let mut outcomes = Vec::new();
        let mut done = Vec::new();
        for &id in ids {
            outcomes.push(Told::Integer(if self.acknowledge(group, &[id]) == 0 {
                -1
            } else if references == References::Acked && self.is_referenced(id) {
                2
            } else {
                done.push(id);
                1
            }));
        }
        if references == References::Delete {
            for group in self.groups.values_mut() {
                done.iter().for_each(|id| drop(group.pending.remove(id)));
            }
        }
        self.delete(&done);
        Told::List(outcomes)
    }

    pub(crate) fn delete_consumer(&mut self, group: &[u8], consumer: &Bytes) -> usize {
        let group = self.group(group);
        group.consumers.remove(consumer);
        let before = group.pending.len();
        group.pending.retain(|_, row| row.owner.as_ref() != Some(consumer));
        before - group.pending.len()
    }

    /// Returns what XPENDING shows.
    pub(crate) fn pending(&self, group: &[u8], count: usize, now_ms: u64) -> Told {
        let rows = self.groups.get(group).into_iter().flat_map(|group| &group.pending);
        let row = |(id, row): (&Id, &Pending)| {
            let idle_ms = match row.owner {
                Some(_) => now_ms.saturating_sub(row.delivered_ms).cast_signed(),
                None => -1,
            };
            let owner = row.owner.clone().unwrap_or_default();
            let deliveries = Told::Integer(row.deliveries.cast_signed());
            let idle = Told::Integer(idle_ms);
            Told::List(vec![stream::id(*id), Told::Text(owner), idle, deliveries])
        };
        Told::List(rows.take(count).map(row).collect())
    }
}

/// Makes an entry pending for somebody; returns its id if that is all that is asked for.
fn take_over(
    group: &mut Group,
    reader: &Reader,
    (id, deliveries): (Id, u64),
    just: Word,
    now_ms: u64,
) -> Option<Told> {
    let added = u64::from(just == Word::Left);
    let row = Pending {
        owner: Some(reader.consumer.clone()),
        delivered_ms: now_ms,
        deliveries: counted(deliveries.saturating_add(added)),
    };
    group.pending.insert(id, row);
    group.note_active(&reader.consumer, now_ms);
    (just == Word::Said).then(|| stream::id(id))
}
