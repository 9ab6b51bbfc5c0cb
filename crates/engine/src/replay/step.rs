//! Anything that a client can do to keys, chosen by a few bytes.

#![allow(clippy::indexing_slicing, dropping_copy_types, reason = "tests")]

use crate::stream::{
    Acknowledgement, Append, Attempt, AutoClaim, Claim, ClaimScope, Counters, CreateStream,
    EntryId, Exactness, GroupRead, GroupStart, Nack, NackMode, NackScope, NewId, NodeLimits,
    Recount, References, Retention, StreamMut, Trim, TrimLimit, TrimTo, Unacknowledged,
};
use crate::strings::StringForm;
use crate::{Deadline, DeadlineRule, Locked, Overwrite};

/// One operation: what it does, and the choices that it has.
pub(crate) type Step = [u8; 6];

/// How many kinds of steps there are.
pub(crate) const KINDS: u8 = 46;

const KEYS: [&[u8]; 4] = [b"", b"k", b"stream", b"other"];
const TEXTS: [&[u8]; 4] = [b"", b"a", b"longer text", b"\xff\x00"];
const DATABASES: u8 = 3;

fn pick<T: Copy>(from: &[T], choice: u8) -> T {
    from[usize::from(choice) % from.len()]
}

/// Runs a step. Whether it is refused is all the same.
pub(crate) fn run(keys: &mut Locked<'_>, step: Step) {
    let [kind, db, key, a, b, c] = step;
    let (db, key) = (db % DATABASES, pick(&KEYS, key));
    match kind % KINDS {
        0..12 => run_on_keys(keys, kind % KINDS, db, key, [a, b, c]),
        12..22 => append(keys, db, key, [a, b, c]),
        45 => retain(keys, db, key, [a, b, c]),
        22 => {
            let (entries_max, bytes_max) = (u32::from(a % 6), pick(&[0, 40, 4096], b));
            let limits = NodeLimits { entries_max, bytes_max };
            keys.engine().settings().set_node_limits(limits);
            keys.engine().settings().set_idempotence(u32::from(b), u32::from(c));
        }
        kind => {
            let Ok(Some(mut stream)) = keys.stream_mut(db, key) else { return };
            if kind < 29 {
                run_on_entries(&mut stream, kind, [a, b, c]);
            } else {
                run_on_groups(&mut stream, kind, [a, b, c]);
            }
        }
    }
}

fn run_on_keys(keys: &mut Locked<'_>, kind: u8, db: u8, key: &[u8], [a, b, c]: [u8; 3]) {
    let (other_db, other) = (b % DATABASES, pick(&KEYS, a));
    let overwrite = pick(&[Overwrite::Allowed, Overwrite::Refused], c);
    let soon_ms = keys.now_ms() + u64::from(c);
    match kind {
        0 => {
            let past = Deadline::At(u64::from(a % 2) * keys.now_ms());
            let deadline = pick(&[Deadline::Clear, Deadline::Keep, Deadline::At(soon_ms), past], b);
            keys.set_string(db, key, pick(&TEXTS, a), deadline, None);
        }
        1 => {
            let text = pick(&TEXTS, a);
            drop(keys.replace_string(db, key, text, StringForm::Whole, "incrby"));
        }
        2 => drop(keys.write_string_at(db, key, usize::from(b % 9), pick(&TEXTS, a), "append")),
        3 | 4 => {
            keys.set_deadline(db, key, soon_ms, DeadlineRule::default());
        }
        5 if a % 2 == 0 => drop(keys.persist(db, key)),
        5 => drop(keys.delete(db, key)),
        6 => drop(keys.rename(db, key, other, overwrite)),
        7 => drop(keys.move_to(db, key, other_db)),
        8 | 9 => drop(keys.copy(db, key, other_db, other, overwrite)),
        10 if a % 16 == 0 => drop(keys.flush(db)),
        10 => drop(keys.expire_overdue(usize::from(a))),
        _ if a % 4 == 0 => keys.swap(db, other_db),
        _ => drop(keys.set_string(db, key, pick(&TEXTS, a), Deadline::At(soon_ms), None)),
    }
}

fn append(keys: &mut Locked<'_>, db: u8, key: &[u8], [a, b, c]: [u8; 3]) {
    let fields: [&[u8]; 6] = [b"f", pick(&TEXTS, a), pick(&TEXTS, b), b"v", b"n", &[a, b, c]];
    let ms = u64::from(c);
    let explicit = NewId::Explicit(EntryId::new(keys.now_ms() + ms, ms));
    let attempt = Attempt {
        producer: pick(&TEXTS, b),
        iid: pick(&[None, Some(&b"1"[..]), Some(&b"2"[..])], c / 4),
    };
    let append = Append {
        id: pick(&[NewId::Auto, NewId::Auto, NewId::AutoSeq(keys.now_ms()), explicit], a / 4),
        fields: &fields[..2 * (1 + usize::from(b % 3))],
        attempt: (a % 3 == 0).then_some(attempt),
        trim: (b % 5 == 0).then(|| trim(EntryId::new(keys.now_ms(), 0), [a, b, c])),
    };
    let create = pick(&[CreateStream::IfAbsent, CreateStream::Never], c / 128);
    drop(keys.append_to_stream(db, key, &append, create));
}

fn retain(keys: &mut Locked<'_>, db: u8, key: &[u8], [a, b, c]: [u8; 3]) {
    let limit = |choice: u8, factor: u64| {
        Some(u64::from(choice / 4) * factor).filter(|limit| choice.is_multiple_of(4) && *limit > 0)
    };
    let policy = Retention {
        age_ms: limit(a, 4),
        bytes_max: limit(b, 20),
        len_max: limit(c, 1),
        unacknowledged: pick(&[Unacknowledged::Kept, Unacknowledged::Removed], a / 2),
    };
    if let Ok(Some(mut stream)) = keys.stream_mut(db, key) {
        stream.set_retention(policy);
    }
    keys.observe_retention(3);
}

fn references(choice: u8) -> References {
    pick(&[References::Keep, References::Delete, References::Acked], choice)
}

fn trim(until: EntryId, [a, b, c]: [u8; 3]) -> Trim {
    Trim {
        to: pick(&[TrimTo::MaxLen(u64::from(a % 8)), TrimTo::MinId(until)], b / 8),
        exactness: pick(&[Exactness::Exact, Exactness::WholeNodes], c / 4),
        limit: pick(&[TrimLimit::Default, TrimLimit::None, TrimLimit::Entries(3)], c / 16),
        references: references(c),
    }
}

/// Some ids of entries that are there or pending, possibly one of them twice, and one that is not.
fn some_ids(stream: &StreamMut<'_, '_>, [a, b]: [u8; 2]) -> Vec<EntryId> {
    let state = stream.stream();
    let mut ids: Vec<EntryId> =
        state.entries().range(EntryId::MIN, EntryId::MAX).map(|entry| entry.id).collect();
    for (_, group) in state.groups().iter() {
        ids.extend(group.pending.iter_from(EntryId::MIN).map(|row| row.id));
    }
    ids.push(EntryId::new(u64::from(a), u64::from(b)));
    let start = usize::from(a) % ids.len();
    ids.rotate_left(start);
    ids.truncate(1 + usize::from(b % 5));
    if b > 200 {
        ids.reverse();
    }
    ids
}

fn run_on_entries(stream: &mut StreamMut<'_, '_>, kind: u8, [a, b, c]: [u8; 3]) {
    let ids = some_ids(stream, [a, b]);
    let first = ids.first().copied().unwrap_or_default();
    match kind {
        23 => drop(stream.trim(&trim(first, [a, b, c]))),
        24 => drop(stream.delete(&ids)),
        25 => drop(stream.delete_referenced(&ids, references(c))),
        26 => {
            let state = stream.stream();
            let last_id = EntryId::new(state.last_id().ms + u64::from(a % 3), u64::from(b));
            let entries_added = (c % 2 == 0).then_some(state.entries_added() + u64::from(b));
            let max_deleted_id = (c % 3 == 0).then_some(first);
            drop(stream.set_counters(&Counters { last_id, entries_added, max_deleted_id }));
        }
        27 if a % 4 == 0 => {
            stream.configure_idempotence(Some(u32::from(b)), (c % 2 == 0).then_some(3));
        }
        _ => drop(stream.record_attempt(pick(&TEXTS, b), pick(&TEXTS, c), first)),
    }
}

fn run_on_groups(stream: &mut StreamMut<'_, '_>, kind: u8, [a, b, c]: [u8; 3]) {
    let ids = some_ids(stream, [a, b]);
    let (group, consumer): (&[u8], &[u8]) = (pick(&[b"g", b"h"], c), pick(&TEXTS, c / 2));
    let start = pick(&[GroupStart::AtEnd, GroupStart::After(ids[0])], a / 2);
    let start = if c % 3 == 0 { GroupStart::After(EntryId::MIN) } else { start };
    let entries_read = (b % 2 == 0).then_some(u64::from(a % 9));
    let recount = pick(&[Recount::Add, Recount::Keep, Recount::Set(u64::from(b))], a);
    let (count_max, min_idle_ms) = (1 + usize::from(a % 4), u64::from(b % 16));
    match kind {
        29 | 30 => drop(stream.create_group(group, start, entries_read)),
        31 => drop(stream.move_group(group, start, entries_read)),
        32 if a % 4 == 0 => drop(stream.destroy_group(group)),
        32 => drop(stream.create_consumer(group, consumer)),
        33..37 => {
            let waived = pick(&[Acknowledgement::Required, Acknowledgement::Waived], b / 64);
            let claim_min_idle_ms = (b % 2 == 0).then_some(min_idle_ms);
            let acknowledgement = waived;
            let read = GroupRead { group, consumer, count_max, claim_min_idle_ms, acknowledgement };
            drop(stream.read_group(&read, |_| true));
        }
        37 => drop(stream.reread_group(group, consumer, EntryId::MIN, count_max, |_| true)),
        38 => {
            let scope = pick(&[ClaimScope::Pending, ClaimScope::Existing], b / 2);
            let delivered_ms = stream.now_ms().saturating_sub(u64::from(c));
            let last_delivered = (a % 3 == 0).then_some(ids[0]);
            let claim = Claim {
                group,
                consumer,
                min_idle_ms,
                delivered_ms,
                recount,
                scope,
                last_delivered,
            };
            drop(stream.claim(&claim, &ids));
        }
        39 => {
            let start = EntryId::MIN;
            let claim = AutoClaim { group, consumer, min_idle_ms, start, count_max, recount };
            drop(stream.auto_claim(&claim));
        }
        40 | 41 => {
            let mode = pick(&[NackMode::Silent, NackMode::Fail, NackMode::Fatal], a);
            let scope = pick(&[NackScope::Pending, NackScope::Existing], b / 2);
            let deliveries = (c % 5 == 0).then_some(u64::from(a));
            drop(stream.nack(&Nack { group, mode, deliveries, scope }, &ids));
        }
        42 => drop(stream.acknowledge(group, &ids)),
        43 => drop(stream.delete_consumer(group, consumer)),
        _ => drop(stream.acknowledge_and_delete(group, &ids, references(a))),
    }
}
