//! What is pending, and handing it over.

use std::sync::Arc;
use std::time::Duration;

use super::{Bench, cases, numbers};
use crate::backend::{
    Claim, Claimed, GroupChange, GroupChanged, GroupRead, Handing, Pending, PendingQuery, Start,
    Which, Write,
};
use crate::{EntryId, Error, Refusal};

cases![
    pending_entries_are_listed,
    a_claim_by_ids_is_a_delivery,
    a_lease_is_no_delivery,
    a_lease_may_be_short,
    idle_entries_only,
    claiming_goes_on_to_the_end,
    what_is_gone_is_named_and_forgotten,
    claims_in_a_missing_group_are_refused,
    a_replaced_consumer_hands_over,
    a_replacement_that_is_none,
    what_is_gone_is_not_handed_over,
];

/// A stream of so many entries, all delivered to `a`.
struct Delivered {
    bench: Bench,
    stream: Arc<str>,
    ids: Vec<EntryId>,
}

impl Delivered {
    async fn new(bench: Bench, count: u32) -> Self {
        let stream = bench.key("s");
        let ids = bench.fill(&stream, count).await;
        bench.create_group(&stream, "g", Start::Beginning).await;
        let read = GroupRead {
            stream: Arc::clone(&stream),
            group: "g".into(),
            consumer: "a".into(),
            limit: 100,
            wait: None,
        };
        assert_eq!(bench.backend.read_group(read).await.unwrap().len(), count as usize);
        Delivered { bench, stream, ids }
    }

    fn query(&self) -> PendingQuery {
        PendingQuery {
            stream: Arc::clone(&self.stream),
            group: "g".into(),
            from: EntryId::MIN,
            to: EntryId::MAX,
            limit: 100,
            min_idle: Duration::ZERO,
            consumer: None,
        }
    }

    async fn pending(&self, query: PendingQuery) -> Vec<Pending> {
        self.bench.backend.pending(query).await.unwrap()
    }

    fn claim(&self, which: Which, handing: Handing) -> Claim {
        Claim {
            stream: Arc::clone(&self.stream),
            group: "g".into(),
            consumer: "b".into(),
            min_idle: Duration::ZERO,
            which,
            handing,
        }
    }

    async fn replace(&self, consumer: &str, heir: &str) -> Result<GroupChanged, Error> {
        let change = GroupChange::ReplaceConsumer {
            stream: Arc::clone(&self.stream),
            group: "g".into(),
            consumer: consumer.into(),
            heir: heir.into(),
            idle: Duration::from_secs(3600),
        };
        self.bench.backend.change_group(change).await
    }

    async fn consumers(&self) -> Vec<(Arc<str>, u64)> {
        let (stream, group) = (Arc::clone(&self.stream), "g".into());
        let consumers = self.bench.backend.consumers(stream, group).await.unwrap();
        let mut rows: Vec<_> = consumers.into_iter().map(|row| (row.name, row.pending)).collect();
        rows.sort();
        rows
    }

    async fn claimed(&self, claim: Claim) -> Claimed {
        self.bench.backend.claim(claim).await.unwrap()
    }
}

/// Returns owners and delivery counts, as a text to compare with.
fn owners(pending: &[Pending]) -> String {
    let owner = |row: &Pending| format!("{}{}", row.consumer, row.deliveries);
    pending.iter().map(owner).collect::<Vec<_>>().join(" ")
}

async fn pending_entries_are_listed(bench: Bench) {
    let it = Delivered::new(bench, 4).await;
    let all = it.pending(it.query()).await;
    assert_eq!(all.iter().map(|row| row.id).collect::<Vec<_>>(), it.ids);
    assert_eq!(owners(&all), "a1 a1 a1 a1");
    let some = it.pending(PendingQuery { limit: 2, from: it.ids[1], ..it.query() }).await;
    assert_eq!(some.iter().map(|row| row.id).collect::<Vec<_>>(), it.ids[1..3]);
    let some = it.pending(PendingQuery { to: it.ids[0], ..it.query() }).await;
    assert_eq!(some.len(), 1);
    let of = |name: &str| PendingQuery { consumer: Some(name.into()), ..it.query() };
    assert_eq!(it.pending(of("a")).await.len(), 4);
    assert_eq!(it.pending(of("b")).await.len(), 0);
}

async fn a_claim_by_ids_is_a_delivery(bench: Bench) {
    let it = Delivered::new(bench, 3).await;
    let which = Which::Ids(vec![it.ids[0], it.ids[2], EntryId::MAX]);
    let claimed = it.claimed(it.claim(which, Handing::Entries)).await;
    assert_eq!(numbers(&claimed.entries), "0 2");
    assert_eq!(claimed.ids, [it.ids[0], it.ids[2]]);
    assert_eq!(owners(&it.pending(it.query()).await), "b2 a1 b2");
    let nothing = it.claimed(it.claim(Which::Ids(Vec::new()), Handing::Entries)).await;
    assert_eq!(nothing, Claimed::default());
}

async fn a_lease_is_no_delivery(bench: Bench) {
    let it = Delivered::new(bench, 2).await;
    let lease = Handing::Lease { idle: Duration::ZERO };
    let claimed = it.claimed(it.claim(Which::Ids(vec![it.ids[1]]), lease)).await;
    assert_eq!((claimed.ids, claimed.entries), (vec![it.ids[1]], Vec::new()));
    assert_eq!(owners(&it.pending(it.query()).await), "a1 b1");
    let from = Which::From { from: EntryId::MIN, limit: 10 };
    let claimed = it.claimed(it.claim(from, lease)).await;
    assert_eq!((claimed.ids, claimed.entries), (it.ids.clone(), Vec::new()));
    assert_eq!(owners(&it.pending(it.query()).await), "b1 b1");
}

async fn a_lease_may_be_short(bench: Bench) {
    let it = Delivered::new(bench, 1).await;
    let hour = Duration::from_secs(3600);
    let long_idle = it.claim(Which::Ids(it.ids.clone()), Handing::Lease { idle: hour });
    it.claimed(long_idle).await;
    let idle = it.pending(PendingQuery { min_idle: hour, ..it.query() }).await;
    assert_eq!(idle.len(), 1);
    assert!(idle[0].idle >= hour);
    let from = Which::From { from: EntryId::MIN, limit: 10 };
    let claim = Claim { min_idle: hour, ..it.claim(from, Handing::Entries) };
    assert_eq!(numbers(&it.claimed(claim).await.entries), "0");
}

async fn idle_entries_only(bench: Bench) {
    let it = Delivered::new(bench, 2).await;
    let min_idle = Duration::from_secs(3600);
    let by_ids = it.claim(Which::Ids(it.ids.clone()), Handing::Entries);
    let from = it.claim(Which::From { from: EntryId::MIN, limit: 10 }, Handing::Entries);
    for claim in [by_ids, from] {
        assert_eq!(it.claimed(Claim { min_idle, ..claim }).await, Claimed::default());
    }
    assert!(it.pending(PendingQuery { min_idle, ..it.query() }).await.is_empty());
    assert_eq!(owners(&it.pending(it.query()).await), "a1 a1");
}

async fn claiming_goes_on_to_the_end(bench: Bench) {
    let it = Delivered::new(bench, 5).await;
    let mut place = Some(EntryId::MIN);
    let mut claimed = Vec::new();
    while let Some(from) = place {
        let claim = it.claim(Which::From { from, limit: 2 }, Handing::Entries);
        let portion = it.claimed(claim).await;
        assert!(portion.entries.len() <= 2);
        claimed.extend(portion.entries);
        place = portion.next;
    }
    assert_eq!(numbers(&claimed), "0 1 2 3 4");
    assert_eq!(owners(&it.pending(it.query()).await), "b2 b2 b2 b2 b2");
}

async fn what_is_gone_is_named_and_forgotten(bench: Bench) {
    let it = Delivered::new(bench, 3).await;
    let ids = vec![it.ids[1]];
    let delete = Write::Delete { stream: Arc::clone(&it.stream), ids };
    it.bench.write(delete).await.unwrap();
    assert_eq!(owners(&it.pending(it.query()).await), "a1 a1 a1");
    let claim = it.claim(Which::From { from: EntryId::MIN, limit: 10 }, Handing::Entries);
    let claimed = it.claimed(claim).await;
    assert_eq!(numbers(&claimed.entries), "0 2");
    assert_eq!((claimed.gone, claimed.next), (vec![it.ids[1]], None));
    assert_eq!(owners(&it.pending(it.query()).await), "b2 b2");
}

async fn claims_in_a_missing_group_are_refused(bench: Bench) {
    let stream = bench.key("s");
    bench.append(&stream, 0).await;
    let it = Delivered { bench, stream, ids: vec![EntryId::new(1, 0)] };
    let by_ids = it.claim(Which::Ids(it.ids.clone()), Handing::Entries);
    let from = it.claim(Which::From { from: EntryId::MIN, limit: 10 }, Handing::Entries);
    for claim in [by_ids, from] {
        let answer = it.bench.backend.claim(claim).await;
        assert!(matches!(answer, Err(Error::Refused(Refusal::NoGroup))), "{answer:?}");
    }
    let answer = it.bench.backend.pending(it.query()).await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::NoGroup))), "{answer:?}");
}

async fn a_replaced_consumer_hands_over(bench: Bench) {
    let it = Delivered::new(bench, 3).await;
    let which = Which::Ids(vec![it.ids[1]]);
    it.claimed(Claim { consumer: "c".into(), ..it.claim(which, Handing::Entries) }).await;
    assert_eq!(it.replace("a", "b").await.unwrap(), GroupChanged::HandedOver(2));
    assert_eq!(owners(&it.pending(it.query()).await), "b1 c2 b1");
    let min_idle = Duration::from_secs(3600);
    assert_eq!(owners(&it.pending(PendingQuery { min_idle, ..it.query() }).await), "b1 b1");
    assert_eq!(it.consumers().await, [("b".into(), 2), ("c".into(), 1)]);
    assert_eq!(it.replace("b", "c").await.unwrap(), GroupChanged::HandedOver(2));
    assert_eq!(it.consumers().await, [("c".into(), 3)]);
}

async fn a_replacement_that_is_none(bench: Bench) {
    let it = Delivered::new(bench, 1).await;
    assert_eq!(it.replace("absent", "b").await.unwrap(), GroupChanged::HandedOver(0));
    let answer = it.replace("a", "a").await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::Malformed(_)))), "{answer:?}");
    assert_eq!(it.consumers().await, [("a".into(), 1)]);
    for stream in ["s", "absent"] {
        let (bench, stream) = (it.bench.clone(), it.bench.key(stream));
        let group = "g".into();
        let destroy = GroupChange::Destroy { stream: Arc::clone(&stream), group };
        bench.backend.change_group(destroy).await.unwrap();
        let answer = Delivered { bench, stream, ids: Vec::new() }.replace("a", "b").await;
        assert!(matches!(answer, Err(Error::Refused(Refusal::NoGroup))), "{answer:?}");
    }
}

async fn what_is_gone_is_not_handed_over(bench: Bench) {
    let it = Delivered::new(bench, 2).await;
    let ids = vec![it.ids[0]];
    it.bench.write(Write::Delete { stream: Arc::clone(&it.stream), ids }).await.unwrap();
    assert_eq!(it.replace("a", "b").await.unwrap(), GroupChanged::HandedOver(1));
    assert_eq!(owners(&it.pending(it.query()).await), "b1");
}
