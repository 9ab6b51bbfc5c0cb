//! XINFO STREAM FULL: a stream with its entries, its groups and all that is pending in them.

use firth_engine::stream::lag::lag;
use firth_engine::stream::{Consumer, ConsumerNo, EntryId, Group, Stream};
use firth_resp::Reply;

use super::super::entry_reply::write_id;
use super::super::xrange::write_entries;
use super::stream::{head_pairs, write_head};
use super::{id, number, number_or_null};

/// Appends the full account, with at most `count` entries and as many pending ones in each list.
pub(super) fn write(reply: &mut Reply<'_>, stream: &Stream, count: usize, now_ms: u64) {
    reply.map(head_pairs(stream) + 2);
    write_head(reply, stream, now_ms);
    reply.bulk(b"entries");
    write_entries(reply, stream.entries().range(EntryId::MIN, EntryId::MAX), count);
    reply.bulk(b"groups");
    reply.array(stream.groups().len());
    for (name, group) in stream.groups().iter() {
        write_group(reply, stream, name, group, count);
    }
}

fn write_group(reply: &mut Reply<'_>, stream: &Stream, name: &[u8], group: &Group, count: usize) {
    reply.map(8);
    reply.bulk(b"name");
    reply.bulk(name);
    id(reply, "last-delivered-id", group.last_delivered);
    number_or_null(reply, "entries-read", group.entries_read);
    number_or_null(reply, "lag", lag(stream, group));
    number(reply, "pel-count", group.pending.len() as u64);
    number(reply, "nacked-count", group.pending.nacked_len() as u64);
    reply.bulk(b"pending");
    reply.array(group.pending.len().min(count));
    for row in group.pending.iter_from(EntryId::MIN).take(count) {
        let owner = row.owner.and_then(|owner| group.consumers.get(owner));
        reply.array(4);
        write_id(reply.out(), row.id);
        reply.bulk(owner.map_or(b"", Consumer::name));
        reply.integer(row.delivered_ms.cast_signed());
        reply.integer(row.deliveries.cast_signed());
    }
    reply.bulk(b"consumers");
    reply.array(group.consumers.len());
    for (no, consumer) in group.consumers.iter() {
        write_consumer(reply, group, no, consumer, count);
    }
}

fn write_consumer(
    reply: &mut Reply<'_>,
    group: &Group,
    no: ConsumerNo,
    consumer: &Consumer,
    count: usize,
) {
    let pending = group.pending.len_of(no);
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(consumer.name());
    number(reply, "seen-time", consumer.seen_ms);
    reply.bulk(b"active-time");
    reply.integer(consumer.active_ms.map_or(-1, u64::cast_signed));
    number(reply, "pel-count", pending as u64);
    reply.bulk(b"pending");
    reply.array(pending.min(count));
    for row in group.pending.iter_of(no, EntryId::MIN).take(count) {
        reply.array(3);
        write_id(reply.out(), row.id);
        reply.integer(row.delivered_ms.cast_signed());
        reply.integer(row.deliveries.cast_signed());
    }
}
