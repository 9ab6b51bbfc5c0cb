//! A group against a plain map: any steps have the same outcome.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::group_tests::{
    ALICE, BOB, Bench, G, append, claim_for, delete, id, ids, numbers, pending, read, read_of, row,
};
use super::*;

/// What the property test does to a group.
#[derive(Clone, Debug)]
enum Step {
    Append,
    Delete(u64),
    Read(u8, usize),
    Reread(u8),
    Ack(Vec<u64>),
    Nack(Vec<u64>),
    Claim(u8, Vec<u64>),
    AutoClaim(u8, u64),
    Overdue(u8, usize),
    DeleteConsumer(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let some = || prop::collection::vec(1..30_u64, 1..5);
    let step = prop_oneof![
        4 => Just(Step::Append),
        1 => (1..30_u64).prop_map(Step::Delete),
        3 => (0..3_u8, 1..4_usize).prop_map(|(who, n)| Step::Read(who, n)),
        1 => (0..3_u8).prop_map(Step::Reread),
        2 => some().prop_map(Step::Ack),
        1 => some().prop_map(Step::Nack),
        1 => (0..3_u8, some()).prop_map(|(who, ids)| Step::Claim(who, ids)),
        1 => (0..3_u8, 0..30_u64).prop_map(|(who, start)| Step::AutoClaim(who, start)),
        1 => (0..3_u8, 1..4_usize).prop_map(|(who, n)| Step::Overdue(who, n)),
        1 => (0..3_u8).prop_map(Step::DeleteConsumer),
    ];
    prop::collection::vec(step, 1..60)
}

/// A group as a plain map: each pending id with its owner, time of delivery and deliveries.
#[derive(Default)]
struct Naive {
    entries: Vec<u64>,
    last: u64,
    cursor: u64,
    rows: BTreeMap<u64, (Option<u8>, u64, u64)>,
}

/// The idle time that claims of the property test ask for.
const MIN_IDLE_MS: u64 = 5;

impl Naive {
    fn is_there(&self, ms: u64) -> bool {
        self.entries.contains(&ms)
    }

    fn is_due(&self, ms: u64, now: u64) -> bool {
        let due =
            |&(owner, at, _): &(Option<u8>, u64, u64)| owner.is_none() || now - at >= MIN_IDLE_MS;
        self.rows.get(&ms).is_some_and(due)
    }

    fn own(&mut self, ms: u64, who: u8, now: u64, fresh: bool) {
        let before = if fresh { 0 } else { self.rows.get(&ms).map_or(0, |row| row.2) };
        self.rows.insert(ms, (Some(who), now, before + 1));
    }

    fn fresh(&mut self, who: u8, now: u64, count_max: usize) -> Vec<u64> {
        let cursor = self.cursor;
        let above = self.entries.iter().copied().filter(|&ms| ms > cursor);
        let fresh: Vec<u64> = above.take(count_max).collect();
        for &ms in &fresh {
            self.own(ms, who, now, true);
            self.cursor = ms;
        }
        fresh
    }

    fn claim(&mut self, who: u8, now: u64, ids: &[u64]) -> Vec<u64> {
        let mut claimed = Vec::new();
        for &ms in ids {
            if !self.is_there(ms) {
                self.rows.remove(&ms);
            } else if self.is_due(ms, now) {
                self.own(ms, who, now, false);
                claimed.push(ms);
            }
        }
        claimed
    }
}

fn name_of(who: u8) -> &'static [u8] {
    [ALICE, BOB, b"carol"][usize::from(who)]
}

/// Does a step to both and compares what came of it.
fn run(stream: &mut StreamMut<'_, '_>, naive: &mut Naive, step: &Step, now: u64) {
    match step {
        Step::Append => {
            naive.last += 1;
            naive.entries.push(naive.last);
            append(stream, naive.last);
        }
        Step::Delete(ms) => {
            naive.entries.retain(|other| other != ms);
            delete(stream, &[*ms]);
        }
        Step::Read(who, n) => {
            assert_eq!(read(stream, name_of(*who), *n), naive.fresh(*who, now, *n));
        }
        Step::Reread(who) => reread(stream, naive, *who, now),
        Step::Ack(list) => {
            let acked = list.iter().filter(|ms| naive.rows.remove(ms).is_some()).count();
            assert_eq!(stream.acknowledge(G, &ids(list)), acked as u64);
        }
        Step::Nack(list) => nack(stream, naive, list),
        Step::Claim(who, list) => {
            let claim = claim_for(name_of(*who), MIN_IDLE_MS, now);
            let claimed = stream.claim(&claim, &ids(list)).unwrap();
            assert_eq!(numbers(claimed), naive.claim(*who, now, list));
        }
        Step::AutoClaim(who, start) => auto_claim(stream, naive, *who, *start, now),
        Step::Overdue(who, n) => read_overdue(stream, naive, *who, *n, now),
        Step::DeleteConsumer(who) => {
            let before = naive.rows.len();
            naive.rows.retain(|_, row| row.0 != Some(*who));
            let forgotten = (before - naive.rows.len()) as u64;
            assert_eq!(stream.delete_consumer(G, name_of(*who)), Ok(forgotten));
        }
    }
}

fn reread(stream: &mut StreamMut<'_, '_>, naive: &mut Naive, who: u8, now: u64) {
    let again = stream.reread_group(G, name_of(who), EntryId::MIN, 99, |_| true).unwrap();
    let own: Vec<u64> =
        naive.rows.iter().filter(|(_, row)| row.0 == Some(who)).map(|(&ms, _)| ms).collect();
    assert_eq!(again.len(), own.len());
    for (redelivered, ms) in again.into_iter().zip(own) {
        if naive.is_there(ms) {
            assert_eq!(redelivered, Redelivered::Entry(id(ms)));
            naive.own(ms, who, now, false);
        } else {
            assert_eq!(redelivered, Redelivered::Gone(id(ms)));
        }
    }
}

fn nack(stream: &mut StreamMut<'_, '_>, naive: &mut Naive, list: &[u64]) {
    let nack = Nack { group: G, mode: NackMode::Fail, deliveries: None, scope: NackScope::Pending };
    let mut released = 0;
    for ms in list {
        if let Some(row) = naive.rows.get_mut(ms) {
            (row.0, row.1) = (None, 0);
            released += 1;
        }
    }
    assert_eq!(stream.nack(&nack, &ids(list)), Ok(released));
}

fn auto_claim(stream: &mut StreamMut<'_, '_>, naive: &mut Naive, who: u8, start: u64, now: u64) {
    let claim = AutoClaim {
        group: G,
        consumer: name_of(who),
        min_idle_ms: MIN_IDLE_MS,
        start: id(start),
        count_max: 99,
        recount: Recount::Add,
    };
    let list: Vec<u64> = naive.rows.range(start..).map(|(&ms, _)| ms).collect();
    let claimed = stream.auto_claim(&claim).unwrap();
    let gone: Vec<u64> = list.iter().copied().filter(|&ms| !naive.is_there(ms)).collect();
    assert_eq!(numbers(claimed.gone), gone);
    assert_eq!(numbers(claimed.claimed), naive.claim(who, now, &list));
}

fn read_overdue(stream: &mut StreamMut<'_, '_>, naive: &mut Naive, who: u8, n: usize, now: u64) {
    let read = GroupRead { claim_min_idle_ms: Some(MIN_IDLE_MS), ..read_of(name_of(who), n) };
    let delivery = stream.read_group(&read, |_| true).unwrap();
    let delivered = numbers(delivery.iter().map(|entry| entry.id));
    let due = naive.rows.keys().filter(|&&ms| naive.is_there(ms) && naive.is_due(ms, now)).count();
    let (claimed, fresh) = delivered.split_at(due.min(n));
    assert_eq!(naive.claim(who, now, claimed), claimed);
    assert_eq!(naive.fresh(who, now, n - claimed.len()), fresh);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn groups_behave_like_a_plain_map(steps in steps()) {
        let bench = Bench::new(0);
        let mut naive = Naive::default();
        for (now, step) in (100..).zip(&steps) {
            bench.at(now, |stream| {
                run(stream, &mut naive, step, now);
                let expect: Vec<_> = naive.rows.iter().map(|(&ms, &(owner, at, deliveries))| {
                    row(ms, owner.map_or(b"", name_of), at, deliveries)
                }).collect();
                assert_eq!(pending(stream), expect);
            });
        }
    }
}
