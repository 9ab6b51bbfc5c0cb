//! Tests of everything that groups do, through a real engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;

use firth_wal::FileDisk;

use super::lag::lag;
use super::*;
use crate::{Engine, EventMask, ManualClock, Options, ShardSet};

const KEY: &[u8] = b"s";
pub(super) const G: &[u8] = b"g";
pub(super) const ALICE: &[u8] = b"alice";
pub(super) const BOB: &[u8] = b"bob";

pub(super) fn id(ms: u64) -> EntryId {
    EntryId::new(ms, 0)
}

pub(super) fn ids(ms: &[u64]) -> Vec<EntryId> {
    ms.iter().map(|&ms| id(ms)).collect()
}

pub(super) fn numbers(ids: impl IntoIterator<Item = EntryId>) -> Vec<u64> {
    ids.into_iter().map(|id| id.ms).collect()
}

/// A stream with the entries 1 to `len` and the group `g` at its beginning.
pub(super) struct Bench {
    engine: Engine,
}

impl Bench {
    pub(super) fn new(len: u64) -> Self {
        let clock = Arc::new(ManualClock::at_ms(1_000));
        let engine = Engine::open(&Options::new(), clock, Arc::new(FileDisk)).unwrap().0;
        engine.settings().set_event_mask(EventMask(u32::MAX));
        let bench = Bench { engine };
        bench.at(0, |stream| {
            for ms in 1..=len {
                append(stream, ms);
            }
            stream.create_group(G, GroupStart::After(EntryId::MIN), None).unwrap();
        });
        bench
    }

    pub(super) fn at<T>(&self, now_ms: u64, run: impl FnOnce(&mut StreamMut<'_, '_>) -> T) -> T {
        let mut locked = self.engine.lock(ShardSet::ALL, now_ms);
        run(&mut locked.stream_or_create(0, KEY).unwrap())
    }

    fn events(&self, now_ms: u64, run: impl FnOnce(&mut StreamMut<'_, '_>)) -> Vec<&'static str> {
        let mut locked = self.engine.lock(ShardSet::ALL, now_ms);
        run(&mut locked.stream_or_create(0, KEY).unwrap());
        locked.take_signals().events.iter().map(|event| event.name).collect()
    }
}

pub(super) fn append(stream: &mut StreamMut<'_, '_>, ms: u64) {
    stream.commit(StreamEffect::Append { id: id(ms), fields: &[b"f", b"v"], node: Node::Last });
}

pub(super) fn delete(stream: &mut StreamMut<'_, '_>, ms: &[u64]) {
    stream.commit(StreamEffect::Delete { ids: &ids(ms) });
}

pub(super) fn read_of(consumer: &[u8], count_max: usize) -> GroupRead<'_> {
    GroupRead {
        group: G,
        consumer,
        count_max,
        claim_min_idle_ms: None,
        acknowledgement: Acknowledgement::Required,
    }
}

pub(super) fn read(stream: &mut StreamMut<'_, '_>, consumer: &[u8], count_max: usize) -> Vec<u64> {
    let delivery = stream.read_group(&read_of(consumer, count_max), |_| true).unwrap();
    numbers(delivery.iter().map(|entry| entry.id))
}

/// What is pending: id, owner, delivery time, deliveries.
pub(super) fn pending(stream: &StreamMut<'_, '_>) -> Vec<(u64, String, u64, u64)> {
    let group = stream.stream().groups().get(G).unwrap();
    let row = |row: Pending| {
        let owner = String::from_utf8_lossy(group.owner_name(&row)).into_owned();
        (row.id.ms, owner, row.delivered_ms, row.deliveries)
    };
    group.pending.iter_from(EntryId::MIN).map(row).collect()
}

pub(super) fn row(ms: u64, owner: &[u8], at: u64, deliveries: u64) -> (u64, String, u64, u64) {
    (ms, String::from_utf8_lossy(owner).into_owned(), at, deliveries)
}

pub(super) fn claim_for(consumer: &[u8], min_idle_ms: u64, now_ms: u64) -> Claim<'_> {
    Claim {
        group: G,
        consumer,
        min_idle_ms,
        delivered_ms: now_ms,
        recount: Recount::Add,
        scope: ClaimScope::Pending,
        last_delivered: None,
    }
}

#[test]
fn new_entries_become_pending_and_are_not_delivered_twice() {
    let bench = Bench::new(3);
    bench.at(5, |stream| {
        assert_eq!(read(stream, ALICE, 2), [1, 2]);
        assert_eq!(read(stream, BOB, 9), [3]);
        assert!(read(stream, BOB, 9).is_empty());
        assert_eq!(pending(stream), [row(1, ALICE, 5, 1), row(2, ALICE, 5, 1), row(3, BOB, 5, 1)]);
        assert_eq!(stream.acknowledge(G, &ids(&[2, 1, 2, 9])), 2);
        assert_eq!(stream.acknowledge(b"none", &ids(&[3])), 0);
        assert_eq!(pending(stream), [row(3, BOB, 5, 1)]);
    });
}

#[test]
fn a_read_without_acknowledgement_moves_the_cursor_only() {
    let bench = Bench::new(3);
    bench.at(5, |stream| {
        let waived = Acknowledgement::Waived;
        let read = GroupRead { acknowledgement: waived, ..read_of(ALICE, 2) };
        assert_eq!(stream.read_group(&read, |_| true).unwrap().len(), 2);
        assert!(pending(stream).is_empty());
        let group = stream.stream().groups().get(G).unwrap();
        assert_eq!((group.last_delivered, group.entries_read), (id(2), Some(2)));
    });
}

#[test]
fn a_refused_entry_stays_new() {
    let bench = Bench::new(3);
    bench.at(5, |stream| {
        let mut left = 2;
        let admit = |_: &Entry<'_>| {
            left -= 1;
            left >= 0
        };
        assert_eq!(stream.read_group(&read_of(ALICE, 9), admit).unwrap().len(), 2);
        assert_eq!(read(stream, ALICE, 9), [3]);
    });
}

#[test]
fn moving_the_cursor_back_hands_pending_entries_to_the_next_reader() {
    let bench = Bench::new(2);
    bench.at(5, |stream| {
        read(stream, ALICE, 9);
        stream.reread_group(G, ALICE, EntryId::MIN, 9, |_| true).unwrap();
        stream.move_group(G, GroupStart::After(id(1)), None).unwrap();
        assert_eq!(read(stream, BOB, 9), [2]);
        assert_eq!(pending(stream), [row(1, ALICE, 5, 2), row(2, BOB, 5, 1)]);
    });
}

#[test]
fn history_is_the_consumers_own_and_counts_what_is_still_there() {
    let bench = Bench::new(4);
    bench.at(5, |stream| {
        read(stream, ALICE, 3);
        read(stream, BOB, 1);
        delete(stream, &[2]);
    });
    bench.at(9, |stream| {
        let again = stream.reread_group(G, ALICE, EntryId::MIN, 9, |_| true).unwrap();
        use Redelivered::{Entry, Gone};
        assert_eq!(again[..], [Entry(id(1)), Gone(id(2)), Entry(id(3))]);
        let rows =
            [row(1, ALICE, 9, 2), row(2, ALICE, 5, 1), row(3, ALICE, 9, 2), row(4, BOB, 5, 1)];
        assert_eq!(pending(stream), rows);
        let again = stream.reread_group(G, ALICE, id(1), 1, |_| true).unwrap();
        assert_eq!(again[..], [Gone(id(2))]);
        assert!(stream.reread_group(G, ALICE, EntryId::MAX, 9, |_| true).unwrap().is_empty());
    });
}

#[test]
fn overdue_entries_come_first_the_unowned_before_the_oldest() {
    let bench = Bench::new(6);
    bench.at(100, |stream| read(stream, ALICE, 2));
    bench.at(200, |stream| read(stream, ALICE, 2));
    bench.at(300, |stream| {
        let nack =
            Nack { group: G, mode: NackMode::Fail, deliveries: None, scope: NackScope::Pending };
        assert_eq!(stream.nack(&nack, &ids(&[4, 3])).unwrap(), 2);
        delete(stream, &[1]);
        let claiming = |min_idle_ms, count_max| GroupRead {
            claim_min_idle_ms: Some(min_idle_ms),
            ..read_of(BOB, count_max)
        };
        let delivery = stream.read_group(&claiming(200, 4), |_| true).unwrap();
        let seen: Vec<_> =
            delivery.iter().map(|it| (it.id.ms, it.idle_ms, it.earlier_deliveries)).collect();
        assert_eq!(seen, [(4, 0, 1), (3, 0, 1), (2, 200, 1), (5, 0, 0)]);
        assert_eq!(
            pending(stream)[1..4],
            [row(2, BOB, 300, 2), row(3, BOB, 300, 2), row(4, BOB, 300, 2)]
        );
        let group = stream.stream().groups().get(G).unwrap();
        assert_eq!(overdue_in_ms(stream.stream(), group, 50, 320), Some(30));
        assert_eq!(overdue_in_ms(stream.stream(), group, 50, 900), Some(0));
        assert_eq!(
            numbers(stream.read_group(&claiming(1, 9), |_| true).unwrap().iter().map(|it| it.id)),
            [6]
        );
    });
}

#[test]
fn consumers_are_seen_whenever_they_ask_and_active_when_they_get_something() {
    let bench = Bench::new(1);
    let times = |stream: &StreamMut<'_, '_>| {
        let group = stream.stream().groups().get(G).unwrap();
        let alice = group.consumers.get(group.consumers.find(ALICE).unwrap()).unwrap();
        (alice.seen_ms, alice.active_ms)
    };
    let check = |at, expect, run: &dyn Fn(&mut StreamMut<'_, '_>)| {
        bench.at(at, |stream| {
            run(stream);
            assert_eq!(times(stream), expect, "{at}");
        });
    };
    check(5, (5, None), &|stream| assert!(stream.create_consumer(G, ALICE).unwrap()));
    check(6, (5, None), &|stream| assert!(!stream.create_consumer(G, ALICE).unwrap()));
    check(7, (7, Some(7)), &|stream| assert_eq!(read(stream, ALICE, 1), [1]));
    check(8, (8, Some(7)), &|stream| assert!(read(stream, ALICE, 1).is_empty()));
    check(9, (9, Some(7)), &|stream| {
        assert!(stream.claim(&claim_for(ALICE, 99, 9), &ids(&[1])).unwrap().is_empty());
    });
    check(10, (10, Some(10)), &|stream| {
        assert_eq!(stream.claim(&claim_for(ALICE, 0, 10), &ids(&[1])).unwrap(), ids(&[1]));
    });
}

#[test]
fn events_tell_of_groups_and_consumers() {
    let bench = Bench::new(1);
    let check = |expect: &[&str], run: &dyn Fn(&mut StreamMut<'_, '_>)| {
        assert_eq!(bench.events(9, run), expect);
    };
    check(&["xgroup-create"], &|s| s.create_group(b"h", GroupStart::AtEnd, Some(9)).unwrap());
    check(&[], &|s| assert!(s.create_group(b"h", GroupStart::AtEnd, None).is_err()));
    check(&["xgroup-setid"], &|s| s.move_group(b"h", GroupStart::AtEnd, None).unwrap());
    check(&["xgroup-createconsumer"], &|s| drop(read(s, ALICE, 9)));
    check(&[], &|s| drop(read(s, ALICE, 9)));
    check(&["xgroup-delconsumer"], &|s| assert_eq!(s.delete_consumer(G, ALICE), Ok(1)));
    check(&[], &|s| assert_eq!(s.delete_consumer(G, ALICE), Ok(0)));
    check(&["xgroup-destroy"], &|s| assert!(s.destroy_group(b"h")));
    check(&[], &|s| assert!(!s.destroy_group(b"h")));
    check(&[], &|s| assert_eq!(s.delete_consumer(b"h", ALICE), Err(NoGroup)));
}

#[test]
fn entries_read_are_clamped_and_counted_on_or_inferred() {
    let bench = Bench::new(10);
    bench.at(5, |stream| {
        let check = |stream: &StreamMut<'_, '_>, read: Option<u64>, behind: Option<u64>| {
            let group = stream.stream().groups().get(G).unwrap();
            assert_eq!((group.entries_read, lag(stream.stream(), group)), (read, behind));
        };
        check(stream, None, Some(10));
        read(stream, ALICE, 3);
        check(stream, Some(3), Some(7));
        stream.move_group(G, GroupStart::After(id(3)), None).unwrap();
        check(stream, None, None);
        read(stream, ALICE, 2);
        check(stream, None, None);
        read(stream, ALICE, 5);
        check(stream, Some(10), Some(0));
        stream.move_group(G, GroupStart::After(id(3)), Some(99)).unwrap();
        check(stream, Some(10), Some(0));
        stream.move_group(G, GroupStart::After(id(3)), Some(3)).unwrap();
        delete(stream, &[7]);
        read(stream, ALICE, 2);
        check(stream, None, None);
    });
    let bench = Bench::new(10);
    bench.at(5, |stream| {
        stream.move_group(G, GroupStart::After(EntryId::MIN), Some(0)).unwrap();
        stream.commit(StreamEffect::TrimFront { below: id(8) });
        read(stream, ALICE, 1);
        assert_eq!(stream.stream().groups().get(G).unwrap().entries_read, Some(8));
    });
}

#[test]
fn claims_keep_count_as_they_are_told() {
    let check = |recount, scope, expect: &[(u64, String, u64, u64)]| {
        let bench = Bench::new(3);
        bench.at(5, |stream| {
            read(stream, ALICE, 2);
            delete(stream, &[2]);
        });
        bench.at(50, |stream| {
            let claim = Claim {
                recount,
                scope,
                delivered_ms: 40,
                last_delivered: Some(id(7)),
                ..claim_for(BOB, 45, 50)
            };
            let claimed = stream.claim(&claim, &ids(&[3, 2, 1])).unwrap();
            let mut of_bob = numbers(claimed);
            of_bob.sort_unstable();
            assert_eq!(of_bob, expect.iter().map(|row| row.0).collect::<Vec<_>>());
            assert_eq!(pending(stream), expect);
            assert_eq!(stream.stream().groups().get(G).unwrap().last_delivered, id(7));
        });
    };
    check(Recount::Add, ClaimScope::Pending, &[row(1, BOB, 40, 2)]);
    check(Recount::Keep, ClaimScope::Pending, &[row(1, BOB, 40, 1)]);
    check(Recount::Set(9), ClaimScope::Existing, &[row(1, BOB, 40, 9), row(3, BOB, 40, 9)]);
}

#[test]
fn an_id_that_is_named_twice_is_claimed_twice() {
    let bench = Bench::new(1);
    bench.at(5, |stream| {
        read(stream, ALICE, 1);
        let claimed = stream.claim(&claim_for(BOB, 0, 5), &ids(&[1, 1])).unwrap();
        assert_eq!(claimed, ids(&[1, 1]));
        assert_eq!(pending(stream), [row(1, BOB, 5, 3)]);
        assert_eq!(stream.claim(&claim_for(ALICE, 1, 5), &ids(&[1])).unwrap(), []);
    });
}

#[test]
fn released_entries_are_free_at_once() {
    let check = |mode, deliveries, expect: u64| {
        let bench = Bench::new(2);
        bench.at(5, |stream| {
            read(stream, ALICE, 1);
            let nack = Nack { group: G, mode, deliveries, scope: NackScope::Pending };
            assert_eq!(stream.nack(&nack, &ids(&[1, 2])).unwrap(), 1);
            assert_eq!(pending(stream), [row(1, b"", 0, expect)]);
            let claimed = stream.claim(&claim_for(BOB, 1_000, 5), &ids(&[1])).unwrap();
            assert_eq!(claimed, ids(&[1]));
        });
    };
    check(NackMode::Silent, None, 0);
    check(NackMode::Fail, None, 1);
    check(NackMode::Fatal, None, i64::MAX as u64);
    check(NackMode::Fatal, Some(4), 4);
    let bench = Bench::new(2);
    bench.at(5, |stream| {
        let scope = NackScope::Existing;
        let nack = Nack { group: G, mode: NackMode::Silent, deliveries: None, scope };
        assert_eq!(stream.nack(&nack, &ids(&[2, 7, 1])).unwrap(), 2);
        assert_eq!(pending(stream), [row(1, b"", 0, 0), row(2, b"", 0, 0)]);
    });
}

#[test]
fn portions_add_up_to_the_whole() {
    let bench = Bench::new(25);
    bench.at(5, |stream| {
        read(stream, ALICE, 25);
        delete(stream, &[4, 5]);
    });
    bench.at(50, |stream| {
        let portion = |start| AutoClaim {
            group: G,
            consumer: BOB,
            min_idle_ms: 45,
            start,
            count_max: 5,
            recount: Recount::Add,
        };
        let first = stream.auto_claim(&portion(EntryId::MIN)).unwrap();
        assert_eq!((numbers(first.claimed), numbers(first.gone)), (vec![1, 2, 3], vec![4, 5]));
        assert_eq!(first.next, Some(id(6)));
        let last = stream.auto_claim(&AutoClaim { count_max: 50, ..portion(id(6)) }).unwrap();
        assert_eq!((last.claimed.len(), last.next), (20, None));
        // Nothing is old enough any more, and a portion gives up after so many looks.
        let none = stream.auto_claim(&AutoClaim { count_max: 1, ..portion(EntryId::MIN) }).unwrap();
        assert_eq!((none.claimed.len(), none.next), (0, Some(id(13))));
        assert_eq!(pending(stream).len(), 23);
    });
}

#[test]
fn pending_entries_are_found_by_range_idle_time_and_owner() {
    let bench = Bench::new(5);
    bench.at(10, |stream| read(stream, ALICE, 2));
    bench.at(20, |stream| read(stream, BOB, 2));
    bench.at(30, |stream| {
        let nack =
            Nack { group: G, mode: NackMode::Fail, deliveries: None, scope: NackScope::Pending };
        stream.nack(&nack, &ids(&[4])).unwrap();
        let group = stream.stream().groups().get(G).unwrap();
        let check = |from: u64, to: u64, count_max, min_idle_ms, consumer, expect: &[u64]| {
            let (start, end) = (id(from), id(to));
            let query = PendingQuery { start, end, count_max, min_idle_ms, consumer };
            let found = group.query_pending(&query, 30);
            assert_eq!(numbers(found.iter().map(|row| row.id)), expect, "{query:?}");
        };
        check(0, 9, 9, 0, None, &[1, 2, 3, 4]);
        check(2, 3, 9, 0, None, &[2, 3]);
        check(0, 9, 1, 0, None, &[1]);
        check(0, 9, 9, 15, None, &[1, 2, 4]);
        check(0, 9, 9, 0, Some(BOB), &[3]);
        check(0, 9, 9, 0, Some(b"carol"), &[]);
        let busy: Vec<_> = group.busy_consumers().map(|(it, n)| (it.name(), n)).collect();
        assert_eq!(busy, [(ALICE, 2), (BOB, 1)]);
    });
}

#[test]
fn acknowledged_entries_are_deleted_unless_others_still_need_them() {
    use AckDeletion::{Deleted, Kept, NotPending};
    let check = |references, expect: &[AckDeletion], left: &[u64], of_others: &[u64]| {
        let bench = Bench::new(5);
        bench.at(5, |stream| {
            read(stream, ALICE, 4);
            stream.create_group(b"h", GroupStart::After(id(3)), None).unwrap();
            let rows = [(id(2), 1), (id(3), 1)];
            let own =
                StreamEffect::Own { group: b"h", consumer: BOB, delivered_ms: 5, rows: &rows };
            stream.commit(own);
            delete(stream, &[3]);
            let asked = ids(&[4, 1, 2, 3, 1, 5]);
            let outcomes = stream.acknowledge_and_delete(G, &asked, references);
            assert_eq!(outcomes, expect);
            assert_eq!(testing::ids(stream.stream()), left);
            assert!(pending(stream).is_empty());
            let others = stream.stream().groups().get(b"h").unwrap();
            let others = others.pending.iter_from(EntryId::MIN).map(|row| row.id);
            assert_eq!(numbers(others), of_others);
            assert_eq!(
                stream.acknowledge_and_delete(b"none", &ids(&[5]), references),
                [NotPending]
            );
        });
    };
    let all = [Deleted, Deleted, Deleted, Deleted, NotPending, NotPending];
    check(References::Keep, &all, &[5], &[2, 3]);
    check(References::Delete, &all, &[5], &[]);
    check(
        References::Acked,
        &[Kept, Deleted, Kept, Kept, NotPending, NotPending],
        &[2, 4, 5],
        &[2, 3],
    );
}
