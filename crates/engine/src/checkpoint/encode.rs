//! Writing keys down as items.

use super::{Counts, Items, tag};
use crate::blocks::Place;
use crate::stream::pending::{Row, UNOWNED};
use crate::stream::{Block, Consumer, Group, Idempotence, Retention, Stream, Unacknowledged};
use crate::value::{Entry, Value};

impl Items {
    /// Adds a key with all that it holds.
    pub(crate) fn entry(&mut self, db: u8, entry: &Entry) {
        self.counts.keys += 1;
        match &entry.value {
            Value::String(text) => {
                self.begin(tag::STRING).place(db, &entry.key, entry.expires_at_ms).text(text);
                self.end();
            }
            Value::Stream(stream) => {
                self.begin(tag::STREAM).place(db, &entry.key, entry.expires_at_ms);
                self.stream(stream);
            }
        }
    }

    /// Adds the end, with the counts of all that stands before it.
    pub(crate) fn end_of_all(&mut self, counts: Counts) {
        let Counts { keys, entries, rows } = counts;
        self.begin(tag::END).number(keys).number(entries).number(rows);
        self.end();
    }

    fn stream(&mut self, stream: &Stream) {
        let (duration_s, entries_max) = stream.idempotence_limits;
        self.counts.entries += stream.len();
        self.id(stream.last_id).id(stream.max_deleted_id).number(stream.entries_added);
        self.number(duration_s.into()).number(entries_max.into());
        let entries = &stream.entries;
        self.id(entries.last_id().unwrap_or_default()).number(entries.node_count() as u64);
        self.end();
        // The last block grows, and is no longer what was written then.
        let last = entries.blocks().next_back().map(Block::first_id);
        self.list(tag::BLOCKS, entries.blocks(), |items, before, block| {
            items.block(before, block);
            let written = block.place().filter(|_| Some(block.first_id()) != last);
            items.content(before.and_then(Block::place), block, written);
        });
        for (name, group) in stream.groups.iter() {
            self.group(name, group);
        }
        if let Some(known) = &stream.idempotence {
            self.idempotence(known);
        }
        if let Some(policy) = stream.retention() {
            self.retention(&policy);
        }
    }

    fn block(&mut self, before: Option<&Block>, block: &Block) {
        let numbers = block.numbers();
        let before_ms = before.map_or(0, |before| before.first_id().ms);
        self.number(numbers.first_id.ms.wrapping_sub(before_ms)).number(numbers.first_id.seq);
        self.number(numbers.slots.into()).number((numbers.slots - numbers.live).into());
        self.number(numbers.dead_bytes.into()).number(numbers.listpack_bytes.into());
    }

    fn content(&mut self, before: Option<&Place>, block: &Block, place: Option<&Place>) {
        let Some(place) = place else {
            // A block that has not been written is in memory.
            self.number(tag::CONTENT_INLINE).text(block.bytes().unwrap_or_default());
            return;
        };
        let (number, offset) = (place.number(), u64::from(place.offset()));
        match before.filter(|before| before.number() == number) {
            Some(before) => {
                let end = u64::from(before.offset()) + u64::from(before.stored_len());
                self.number(tag::CONTENT_BEHIND).zigzag(offset.wrapping_sub(end));
            }
            None => {
                self.files.insert(number);
                self.number(tag::CONTENT_PLACED).number(number.into()).number(offset);
            }
        }
        self.number(place.stored_len().into());
    }

    fn group(&mut self, name: &[u8], group: &Group) {
        let Group { last_delivered, entries_read, pending, consumers } = group;
        self.counts.rows += pending.len() as u64;
        self.begin(tag::GROUP).text(name).id(*last_delivered).option(*entries_read);
        self.number(pending.next_turn());
        self.number(consumers.by_number().len() as u64).number(pending.len() as u64);
        self.end();
        self.list(tag::CONSUMERS, consumers.by_number(), Items::consumer);
        self.list(tag::ROWS, pending.rows(), Items::row);
    }

    fn consumer(&mut self, _: Option<Option<&Consumer>>, consumer: Option<&Consumer>) {
        let Some(consumer) = consumer else {
            self.number(0);
            return;
        };
        self.number(1).text(consumer.name()).number(consumer.seen_ms).option(consumer.active_ms);
    }

    fn row(&mut self, before: Option<&Row>, row: &Row) {
        let (before_ms, before_clock) = before.map_or((0, 0), |row| (row.id.ms, row.clock));
        let owner = if row.owner == UNOWNED { 0 } else { u64::from(row.owner) + 1 };
        self.number(row.id.ms.wrapping_sub(before_ms)).number(row.id.seq).number(owner);
        self.zigzag(row.clock.wrapping_sub(before_clock)).number(row.deliveries.into());
    }

    fn retention(&mut self, policy: &Retention) {
        let Retention { age_ms, bytes_max, len_max, unacknowledged } = *policy;
        self.begin(tag::RETENTION);
        for limit in [age_ms, bytes_max, len_max] {
            self.number(limit.unwrap_or(0));
        }
        self.number(u64::from(unacknowledged == Unacknowledged::Removed));
        self.end();
    }

    fn idempotence(&mut self, known: &Idempotence) {
        self.begin(tag::IDEMPOTENCE).number(known.iids_added).number(known.iids_duplicates);
        self.number(known.next_sweep()).number(known.tracked_iids() as u64);
        self.end();
        self.list(tag::ATTEMPTS, known.iter(), |items, before, (producer, iid, id)| {
            items.repeated(before.map(|(producer, ..)| producer), producer).text(iid).id(id);
        });
    }
}
