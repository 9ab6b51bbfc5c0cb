//! Everything that can change a stream.

use super::group::Group;
use super::idempotence::Idempotence;
use super::policy::{Retained, Retention};
use super::{EntryId, Node, Stream};

/// One change of a stream, as it was decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StreamEffect<'a> {
    /// An entry was added; `fields` holds names and values in turn.
    Append {
        /// The entry's id, above the stream's last.
        id: EntryId,
        /// Names and values in turn.
        fields: &'a [&'a [u8]],
        /// The node that it is added to: the limits of nodes are configuration.
        node: Node,
    },
    /// All entries below this id went.
    TrimFront {
        /// The first id that may stay.
        below: EntryId,
    },
    /// Entries went by trimming, though not all below some id.
    TrimEntries {
        /// Their ids.
        ids: &'a [EntryId],
    },
    /// Entries were deleted by name.
    Delete {
        /// Their ids.
        ids: &'a [EntryId],
    },
    /// The stream's counters were set.
    SetCounters {
        /// The last id that was ever given.
        last_id: EntryId,
        /// How many entries were ever added.
        entries_added: u64,
        /// The highest id that was ever deleted.
        max_deleted_id: EntryId,
    },
    /// A group was created, or its cursor was moved.
    SetGroup {
        /// The group.
        group: &'a [u8],
        /// The last id that was delivered.
        last_delivered: EntryId,
        /// How many entries were read, if that is known.
        entries_read: Option<u64>,
    },
    /// A group went, with all that was pending in it.
    DestroyGroup {
        /// The group.
        group: &'a [u8],
    },
    /// A consumer was created if need be, and was seen.
    SeeConsumer {
        /// The group.
        group: &'a [u8],
        /// The consumer.
        consumer: &'a [u8],
        /// When it was seen, in Unix milliseconds.
        seen_ms: u64,
        /// When it last was given something, if it was now.
        active_ms: Option<u64>,
    },
    /// A consumer went, with all that was pending for it.
    DeleteConsumer {
        /// The group.
        group: &'a [u8],
        /// The consumer.
        consumer: &'a [u8],
    },
    /// Entries are pending for this consumer, whoever they were pending for before.
    Own {
        /// The group.
        group: &'a [u8],
        /// The consumer.
        consumer: &'a [u8],
        /// When they were delivered, in Unix milliseconds.
        delivered_ms: u64,
        /// The entries' ids, each with the number of its deliveries.
        rows: &'a [(EntryId, u64)],
    },
    /// Entries are pending for nobody in particular.
    Release {
        /// The group.
        group: &'a [u8],
        /// The entries' ids, each with the number of its deliveries.
        rows: &'a [(EntryId, u64)],
    },
    /// Entries are no longer pending in this group.
    Forget {
        /// The group.
        group: &'a [u8],
        /// The entries' ids.
        ids: &'a [EntryId],
    },
    /// Entries are no longer pending in any group.
    ForgetEverywhere {
        /// The entries' ids.
        ids: &'a [EntryId],
    },
    /// A producer's idempotent id stands for this entry.
    Remember {
        /// The producer.
        producer: &'a [u8],
        /// The idempotent id.
        iid: &'a [u8],
        /// The entry.
        id: EntryId,
    },
    /// A producer's attempt was recognized as one that had been made before.
    CountDuplicate,
    /// How long idempotent ids are remembered was set.
    ConfigureIdempotence {
        /// For how many seconds.
        duration_s: u32,
        /// How many of each producer.
        entries_max: u32,
    },
    /// How much of the stream is retained was set; without limits, all of it is.
    SetRetention {
        /// The policy.
        policy: Retention,
    },
}

impl Stream {
    /// Applies a change. It cannot fail: what it speaks of and is not there is passed over.
    pub(crate) fn apply(&mut self, change: &StreamEffect<'_>) {
        match *change {
            StreamEffect::Append { id, fields, node } => {
                self.entries.append(id, fields, node);
                self.last_id = id;
                self.entries_added += 1;
            }
            StreamEffect::TrimFront { below } => {
                self.entries.trim_front(below);
            }
            StreamEffect::TrimEntries { ids } => {
                for &id in ids {
                    self.entries.remove(id);
                }
            }
            StreamEffect::Delete { ids } => {
                for &id in ids {
                    if self.entries.remove(id) {
                        self.max_deleted_id = self.max_deleted_id.max(id);
                    }
                }
            }
            StreamEffect::SetCounters { last_id, entries_added, max_deleted_id } => {
                self.last_id = last_id;
                self.entries_added = entries_added;
                self.max_deleted_id = max_deleted_id;
            }
            StreamEffect::Remember { producer, iid, id } => {
                self.idempotence_mut().record(producer, iid, id);
            }
            StreamEffect::CountDuplicate => self.idempotence_mut().iids_duplicates += 1,
            StreamEffect::ConfigureIdempotence { duration_s, entries_max } => {
                self.idempotence_mut().configure(duration_s, entries_max);
                self.idempotence_limits = (duration_s, entries_max);
            }
            StreamEffect::SetRetention { policy } => self.retained = Retained::new(policy),
            _ => self.apply_to_group(change),
        }
    }

    fn apply_to_group(&mut self, change: &StreamEffect<'_>) {
        let groups = &mut self.groups;
        match *change {
            StreamEffect::SetGroup { group, last_delivered, entries_read } => {
                match groups.get_mut(group) {
                    Some(known) => {
                        known.last_delivered = last_delivered;
                        known.entries_read = entries_read;
                    }
                    None => {
                        groups.insert(group, Group::new(last_delivered, entries_read));
                    }
                }
            }
            StreamEffect::DestroyGroup { group } => {
                groups.remove(group);
            }
            StreamEffect::SeeConsumer { group, consumer, seen_ms, active_ms } => {
                if let Some(group) = groups.get_mut(group) {
                    see_consumer(group, consumer, seen_ms, active_ms);
                }
            }
            StreamEffect::DeleteConsumer { group, consumer } => {
                if let Some(group) = groups.get_mut(group) {
                    group.remove_consumer(consumer);
                }
            }
            StreamEffect::Own { group, consumer, delivered_ms, rows } => {
                if let Some(group) = groups.get_mut(group) {
                    let consumer = group.create_consumer(consumer, delivered_ms);
                    for &(id, deliveries) in rows {
                        group.pending.own(id, consumer, delivered_ms, deliveries);
                    }
                }
            }
            StreamEffect::Release { group, rows } => {
                for &(id, deliveries) in rows {
                    if let Some(group) = groups.get_mut(group) {
                        group.pending.release(id, deliveries);
                    }
                }
            }
            StreamEffect::Forget { group, ids } => {
                if let Some(group) = groups.get_mut(group) {
                    for &id in ids {
                        group.pending.remove(id);
                    }
                }
            }
            StreamEffect::ForgetEverywhere { ids } => {
                for &id in ids {
                    groups.forget_everywhere(id);
                }
            }
            _ => {}
        }
    }

    fn idempotence_mut(&mut self) -> &mut Idempotence {
        let (duration_s, entries_max) = self.idempotence_limits;
        self.idempotence.get_or_insert_with(|| Box::new(Idempotence::new(duration_s, entries_max)))
    }
}

fn see_consumer(group: &mut Group, name: &[u8], seen_ms: u64, active_ms: Option<u64>) {
    let no = group.create_consumer(name, seen_ms);
    group.consumers.touch_seen(no, seen_ms);
    if let Some(active_ms) = active_ms {
        group.consumers.touch_active(no, active_ms);
    }
}
