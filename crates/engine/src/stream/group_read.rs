//! Reading for a consumer: what is new to its group, and what others have left lying.
//!
//! A read decides what is delivered, commits that, and returns the ids; whoever replies fetches the
//! entries from the stream as it then is, which still has all of them.

use smallvec::SmallVec;

use super::group::Group;
use super::group_admin::{Activity, NoGroup};
use super::lag::{entries_read_at, has_tombstones_in};
use super::{Entry, EntryId, Stream, StreamEffect, StreamMut};

/// Whether delivered entries are pending until they are acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acknowledgement {
    /// They are.
    Required,
    /// They are not: once delivered, they are done with (NOACK).
    Waived,
}

/// What a consumer asks for.
#[derive(Clone, Copy, Debug)]
pub struct GroupRead<'r> {
    /// The group.
    pub group: &'r [u8],
    /// The consumer, created if need be.
    pub consumer: &'r [u8],
    /// The most entries that are delivered.
    pub count_max: usize,
    /// Also deliver what is pending for anybody for so long, and before anything new.
    pub claim_min_idle_ms: Option<u64>,
    /// What becomes of new entries; claimed ones stay pending in any case.
    pub acknowledgement: Acknowledgement,
}

/// One entry that was delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivered {
    /// The entry.
    pub id: EntryId,
    /// For how long it had been pending; 0 for a new one and for one that nobody owned.
    pub idle_ms: u64,
    /// How often it had been delivered before.
    pub earlier_deliveries: u64,
}

/// What was delivered, in the order of the reply.
pub type Delivery = SmallVec<[Delivered; 10]>;

impl StreamMut<'_, '_> {
    /// Delivers entries to a consumer. `admit` is asked before each of them and ends the read by
    /// refusing one.
    ///
    /// Entries that were pending before and are new once more, because the cursor was moved back,
    /// go to this consumer and count as delivered once.
    ///
    /// # Errors
    /// There is no such group.
    pub fn read_group(
        &mut self,
        read: &GroupRead<'_>,
        mut admit: impl FnMut(&Entry<'_>) -> bool,
    ) -> Result<Delivery, NoGroup> {
        let GroupRead { group, consumer, .. } = *read;
        let due = Due::of(self.stream, read, self.now_ms, &mut admit)?;
        let Due { delivery, claimed, cursor } = due;
        if delivery.is_empty() {
            self.see_consumer(group, consumer, Activity::Asks);
            return Ok(delivery);
        }
        let owned = match read.acknowledgement {
            Acknowledgement::Required => &delivery[..],
            Acknowledgement::Waived => delivery.get(..claimed).unwrap_or_default(),
        };
        // What need not be acknowledged does not count as received.
        let activity = if owned.is_empty() { Activity::Asks } else { Activity::Receives };
        self.see_consumer(group, consumer, activity);
        self.hand_over(read, owned);
        if let Some((last_delivered, entries_read)) = cursor {
            self.commit(StreamEffect::SetGroup { group, last_delivered, entries_read });
        }
        Ok(delivery)
    }

    /// Makes delivered entries pending for the consumer.
    fn hand_over(&mut self, read: &GroupRead<'_>, delivered: &[Delivered]) {
        if delivered.is_empty() {
            return;
        }
        let row = |entry: &Delivered| (entry.id, entry.earlier_deliveries.saturating_add(1));
        let rows: SmallVec<[_; 10]> = delivered.iter().map(row).collect();
        let GroupRead { group, consumer, .. } = *read;
        let delivered_ms = self.now_ms;
        self.commit(StreamEffect::Own { group, consumer, delivered_ms, rows: &rows });
    }
}

impl Stream {
    /// Brings back the blocks that a read is going to need, by doing everything but the deliveries.
    /// For who reads several streams and must not deliver from one when another cannot be read.
    pub fn prepare_group_read(
        &self,
        read: &GroupRead<'_>,
        now_ms: u64,
        mut admit: impl FnMut(&Entry<'_>) -> bool,
    ) {
        if self.entries.cold_blocks() > 0 {
            let _ = Due::of(self, read, now_ms, &mut admit);
        }
    }
}

/// What a read is going to do. It is known as a whole before anything changes, since a block that
/// it needs may be unreadable.
struct Due {
    delivery: Delivery,
    /// How many at the front of it were pending before.
    claimed: usize,
    /// The last id and the count of entries to which the group's cursor moves.
    cursor: Option<(EntryId, Option<u64>)>,
}

impl Due {
    fn of(
        stream: &Stream,
        read: &GroupRead<'_>,
        now_ms: u64,
        admit: &mut impl FnMut(&Entry<'_>) -> bool,
    ) -> Result<Due, NoGroup> {
        let group = stream.groups.get(read.group).ok_or(NoGroup)?;
        let mut delivery = Delivery::new();
        if let Some(min_idle_ms) = read.claim_min_idle_ms {
            delivery = overdue(stream, group, min_idle_ms, now_ms, read, admit);
        }
        let claimed = delivery.len();
        if let Some(start) = group.last_delivered.next().filter(|&id| id <= stream.last_id) {
            let fresh = stream.entries.range(start, EntryId::MAX);
            let fresh = fresh.take(read.count_max - claimed).take_while(|entry| admit(entry));
            delivery.extend(fresh.map(|entry| Delivered::new(entry.id)));
        }
        let fresh = delivery.get(claimed..).unwrap_or_default();
        let cursor = fresh.last().map(|last| {
            let (from, entries_read) = (group.last_delivered, group.entries_read);
            (last.id, entries_read_after(stream, from, entries_read, fresh))
        });
        Ok(Due { delivery, claimed, cursor })
    }
}

impl Delivered {
    fn new(id: EntryId) -> Self {
        Delivered { id, idle_ms: 0, earlier_deliveries: 0 }
    }
}

/// Returns after how many milliseconds the first pending entry will have been so for `min_idle_ms`,
/// 0 if one has already; `None` if nothing is pending that is still in the stream.
#[must_use]
pub fn overdue_in_ms(stream: &Stream, group: &Group, min_idle_ms: u64, now_ms: u64) -> Option<u64> {
    let first = group.pending.oldest().find(|row| stream.entries.contains(row.id))?;
    match first.owner {
        None => Some(0),
        Some(_) => Some(first.delivered_ms.saturating_add(min_idle_ms).saturating_sub(now_ms)),
    }
}

/// Returns what is pending for long enough and still there, the longest pending first.
fn overdue(
    stream: &Stream,
    group: &Group,
    min_idle_ms: u64,
    now_ms: u64,
    read: &GroupRead<'_>,
    admit: &mut impl FnMut(&Entry<'_>) -> bool,
) -> Delivery {
    let mut entries = stream.entries.cursor();
    let mut delivery = Delivery::new();
    for row in group.pending.oldest() {
        let idle_ms = row.owner.map(|_| now_ms.saturating_sub(row.delivered_ms));
        if delivery.len() >= read.count_max || idle_ms.is_some_and(|idle_ms| idle_ms < min_idle_ms)
        {
            break;
        }
        let Some(entry) = entries.seek(row.id) else { continue };
        if !admit(&entry) {
            break;
        }
        let idle_ms = idle_ms.unwrap_or_default();
        delivery.push(Delivered { id: row.id, idle_ms, earlier_deliveries: row.deliveries });
    }
    delivery
}

/// Returns how many entries are read once the cursor has moved from `cursor` over new ones.
///
/// Counting on is right as long as no entry ahead was deleted and the cursor has not fallen out of
/// the stream at its front; else the place of the entry itself may tell. Once it is right, it stays
/// so for all that follow.
fn entries_read_after(
    stream: &Stream,
    mut cursor: EntryId,
    mut entries_read: Option<u64>,
    fresh: &[Delivered],
) -> Option<u64> {
    let first_id = stream.entries.first_id();
    for (at, entry) in fresh.iter().enumerate() {
        let is_inside = first_id.is_some_and(|first_id| cursor >= first_id);
        if let Some(read) = entries_read
            && is_inside
            && !has_tombstones_in(stream, cursor, EntryId::MAX)
        {
            return Some(read.saturating_add((fresh.len() - at) as u64));
        }
        entries_read = entries_read_at(stream, entry.id);
        cursor = entry.id;
    }
    entries_read
}
