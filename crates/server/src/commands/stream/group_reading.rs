//! One attempt of XREADGROUP to read several streams.

use firth_engine::stream::{
    Acknowledgement, Delivered, EntryId, GroupRead, Redelivered, Stream, overdue_in_ms,
};
use firth_engine::{Entry, Locked, Value};
use firth_resp::{Reply, write_array_header, write_integer};
use smallvec::SmallVec;

use super::entry_reply::{EntryWriter, write_id};
use super::group_error::no_key_or_group_to_read;
use super::read_budget::ReadBudget;
use super::read_layout::Layout;
use super::xreadgroup::From;
use crate::reply_error::ReplyError;

/// Which attempt of a command this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Attempt {
    /// The command has just come.
    First,
    /// Its client waits, and something has changed.
    Again,
}

/// What is to be read, from streams that are there and have the group.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) group: &'a [u8],
    pub(super) consumer: &'a [u8],
    pub(super) streams: SmallVec<[(&'a [u8], From); 4]>,
    pub(super) count_max: usize,
    pub(super) claim_min_idle_ms: Option<u64>,
    pub(super) acknowledgement: Acknowledgement,
    pub(super) budget: ReadBudget,
    pub(super) attempt: Attempt,
}

impl<'a> Reading<'a> {
    /// Reads and writes the reply; returns whether there was anything, and writes nothing else.
    pub(super) fn serve(
        &mut self,
        keys: &mut Locked<'_>,
        db: u8,
        reply: &mut Reply<'_>,
        layout: Layout,
    ) -> Result<bool, ReplyError> {
        let streams = std::mem::take(&mut self.streams);
        if streams.len() > 1 && !self.prepare(keys, db, &streams) {
            return Ok(false);
        }
        let mut served = 0;
        let mark = layout.open(reply);
        for (key, from) in &streams {
            if self.budget.is_spent() {
                break;
            }
            let before = reply.out().len();
            layout.write_key(reply, key);
            let is_served = match from {
                From::New => self.serve_new(keys, db, key, reply)?,
                From::Pending(after) => self.serve_pending(keys, db, key, *after, reply)?,
            };
            if is_served {
                served += 1;
            } else {
                reply.out().truncate(before);
            }
        }
        self.streams = streams;
        mark.close(reply, served);
        Ok(served > 0)
    }

    /// Brings back all blocks that the streams need, so that nothing is delivered of one of them when
    /// another cannot be read; says whether they are there.
    fn prepare(&self, keys: &mut Locked<'_>, db: u8, streams: &[(&[u8], From)]) -> bool {
        let now_ms = keys.now_ms();
        for (key, from) in streams {
            let Some(Value::Stream(stream)) = keys.peek(db, key).map(Entry::value) else {
                continue;
            };
            if self.attempt == Attempt::Again && !self.has_news(stream, now_ms) {
                continue;
            }
            // The same stream may be named several times, and then each read goes on behind the last.
            let times = streams.iter().filter(|(other, _)| other == key).count();
            let count_max = self.count_max.saturating_mul(times);
            let mut budget = self.budget;
            match from {
                From::New => {
                    let read = GroupRead { count_max, ..self.group_read() };
                    stream.prepare_group_read(&read, now_ms, |entry| budget.admit(entry));
                }
                From::Pending(after) => {
                    let (group, consumer) = (self.group, self.consumer);
                    stream.prepare_reread(group, consumer, *after, count_max, |entry| {
                        budget.admit(entry)
                    });
                }
            }
        }
        !keys.is_void()
    }

    fn group_read(&self) -> GroupRead<'a> {
        GroupRead {
            group: self.group,
            consumer: self.consumer,
            count_max: self.count_max,
            claim_min_idle_ms: self.claim_min_idle_ms,
            acknowledgement: self.acknowledgement,
        }
    }

    /// Returns after how many milliseconds there may be something to claim although nothing
    /// happens; `None` if nothing is to be claimed.
    pub(super) fn overdue_in_ms(&self, keys: &mut Locked<'_>, db: u8) -> Option<u64> {
        let min_idle_ms = self.claim_min_idle_ms?;
        let now_ms = keys.now_ms();
        let mut soonest_ms = min_idle_ms;
        for (key, _) in &self.streams {
            let Ok(Some(stream)) = keys.stream(db, key) else { continue };
            let group = stream.groups().get(self.group);
            let overdue_ms =
                group.and_then(|group| overdue_in_ms(stream, group, min_idle_ms, now_ms));
            soonest_ms = soonest_ms.min(overdue_ms.unwrap_or(u64::MAX));
        }
        Some(soonest_ms)
    }

    fn serve_new(
        &mut self,
        keys: &mut Locked<'_>,
        db: u8,
        key: &[u8],
        reply: &mut Reply<'_>,
    ) -> Result<bool, ReplyError> {
        let missing = || no_key_or_group_to_read(key, self.group);
        let mut stream = keys.stream_mut(db, key)?.ok_or_else(missing)?;
        if self.attempt == Attempt::Again && !self.has_news(stream.stream(), stream.now_ms()) {
            return Ok(false);
        }
        let read = self.group_read();
        let mut budget = self.budget;
        if self.claim_min_idle_ms.is_none() {
            // Nothing but the entries is told, so that they can be written while they are read.
            let mut writer = EntryWriter::new();
            let mark = reply.open_array();
            let delivery = stream.read_group(&read, |entry| {
                let is_admitted = budget.admit(entry);
                if is_admitted {
                    writer.write(reply.out(), entry);
                }
                is_admitted
            });
            let delivery = delivery.map_err(|_| missing())?;
            self.budget = budget;
            reply.close_array(mark, delivery.len());
            return Ok(!delivery.is_empty());
        }
        let delivery = stream.read_group(&read, |entry| budget.admit(entry));
        let delivery = delivery.map_err(|_| missing())?;
        self.budget = budget;
        write_claimed(reply, stream.stream(), &delivery);
        Ok(!delivery.is_empty())
    }

    fn serve_pending(
        &mut self,
        keys: &mut Locked<'_>,
        db: u8,
        key: &[u8],
        after: EntryId,
        reply: &mut Reply<'_>,
    ) -> Result<bool, ReplyError> {
        let missing = || no_key_or_group_to_read(key, self.group);
        let mut stream = keys.stream_mut(db, key)?.ok_or_else(missing)?;
        let mut budget = self.budget;
        let (group, consumer) = (self.group, self.consumer);
        let entries = stream
            .reread_group(group, consumer, after, self.count_max, |entry| budget.admit(entry))
            .map_err(|_| missing())?;
        self.budget = budget;
        write_redelivered(reply, stream.stream(), &entries);
        Ok(true)
    }

    /// Says whether there is something to read, which leaves no trace.
    fn has_news(&self, stream: &Stream, now_ms: u64) -> bool {
        let Some(group) = stream.groups().get(self.group) else { return true };
        if stream.entries().last_id().is_some_and(|last| last > group.last_delivered) {
            return true;
        }
        let min_idle_ms = self.claim_min_idle_ms;
        let overdue_ms = min_idle_ms.and_then(|ms| overdue_in_ms(stream, group, ms, now_ms));
        overdue_ms == Some(0)
    }
}

/// Writes entries with the time for which they were pending and the number of earlier deliveries.
fn write_claimed(reply: &mut Reply<'_>, stream: &Stream, delivery: &[Delivered]) {
    let mut entries = stream.entries().cursor();
    let mut writer = EntryWriter::new();
    reply.array(delivery.len());
    for delivered in delivery {
        let Some(entry) = entries.seek(delivered.id) else {
            reply.null_array();
            continue;
        };
        let out = reply.out();
        write_array_header(out, 4);
        writer.write_id_and_fields(out, &entry);
        write_integer(out, i64::try_from(delivered.idle_ms).unwrap_or(i64::MAX));
        write_integer(out, i64::try_from(delivered.earlier_deliveries).unwrap_or(i64::MAX));
    }
}

/// Writes entries; those that are gone have no fields.
fn write_redelivered(reply: &mut Reply<'_>, stream: &Stream, redelivered: &[Redelivered]) {
    let mut entries = stream.entries().cursor();
    let mut writer = EntryWriter::new();
    reply.array(redelivered.len());
    for redelivered in redelivered {
        let (Redelivered::Entry(id) | Redelivered::Gone(id)) = *redelivered;
        match entries.seek(id) {
            Some(entry) => writer.write(reply.out(), &entry),
            None => {
                reply.array(2);
                write_id(reply.out(), id);
                reply.null_array();
            }
        }
    }
}
