//! Publishing and listening.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};

use super::{Bench, cases};
use crate::backend::{
    Feature, Gap, GapReason, Inbox, Message, Overflow, QueueLimits, Received, Subscription, Topic,
};

cases![
    nobody_listens,
    messages_arrive_in_order,
    patterns_match_names,
    a_channel_and_a_pattern_both_match,
    several_subscriptions_are_one_connection,
    whoever_leaves_gets_nothing_more,
    a_topic_can_be_listened_to_again,
    a_full_queue_is_a_gap,
    several_subscriptions_share_an_inbox,
];

/// Publishes, and checks how many connections receive it if the backend can say.
async fn publish(bench: &Bench, channel: &Arc<str>, payload: &'static str, receivers: u64) {
    let payload = Bytes::from_static(payload.as_bytes());
    let counted = bench.backend.publish(Arc::clone(channel), payload).await.unwrap();
    if bench.backend.features().has(Feature::CountsReceivers) {
        assert_eq!(counted, receivers);
    }
}

async fn listen(bench: &Bench, topics: Vec<Topic>) -> Subscription {
    bench.backend.subscribe(topics, Inbox::new(QueueLimits::default())).await.unwrap()
}

async fn message(subscription: &mut Subscription) -> Message {
    match subscription.next().await {
        Some(Received::Message(message)) => message,
        other => panic!("{other:?}"),
    }
}

async fn nobody_listens(bench: Bench) {
    publish(&bench, &bench.key("c"), "x", 0).await;
}

async fn messages_arrive_in_order(bench: Bench) {
    let channel = bench.key("c");
    let mut listening = listen(&bench, vec![Topic::Channel(Arc::clone(&channel))]).await;
    for payload in ["1", "", "\0\r\n", "2"] {
        publish(&bench, &channel, payload, 1).await;
    }
    for payload in ["1", "", "\0\r\n", "2"] {
        let payload = Bytes::from_static(payload.as_bytes());
        let expect = Message { channel: Arc::clone(&channel), pattern: None, payload };
        assert_eq!(message(&mut listening).await, expect);
    }
}

async fn patterns_match_names(bench: Bench) {
    // Braces have no meaning in a pattern.
    let pattern: Arc<str> = bench.key("user.[ab]?*");
    let mut listening = listen(&bench, vec![Topic::Pattern(Arc::clone(&pattern))]).await;
    publish(&bench, &bench.key("user.c1"), "0", 0).await;
    publish(&bench, &bench.key("user.a"), "0", 0).await;
    let channel = bench.key("user.a1");
    publish(&bench, &channel, "1", 1).await;
    let payload = Bytes::from_static(b"1");
    let expect = Message { channel, pattern: Some(pattern), payload };
    assert_eq!(message(&mut listening).await, expect);
}

async fn a_channel_and_a_pattern_both_match(bench: Bench) {
    let (channel, pattern) = (bench.key("c1"), bench.key("c*"));
    let topics = vec![Topic::Channel(Arc::clone(&channel)), Topic::Pattern(Arc::clone(&pattern))];
    let mut listening = listen(&bench, topics).await;
    publish(&bench, &channel, "x", 2).await;
    let mut patterns =
        [message(&mut listening).await.pattern, message(&mut listening).await.pattern];
    patterns.sort();
    assert_eq!(patterns, [None, Some(pattern)]);
}

async fn several_subscriptions_are_one_connection(bench: Bench) {
    let channel = bench.key("c");
    let topic = Topic::Channel(Arc::clone(&channel));
    let mut one = listen(&bench, vec![topic.clone()]).await;
    let mut other = listen(&bench, vec![topic.clone(), topic]).await;
    publish(&bench, &channel, "x", 1).await;
    assert_eq!(message(&mut one).await.payload, "x");
    assert_eq!(message(&mut other).await.payload, "x");
    assert!(other.next().now_or_never().is_none());
}

async fn whoever_leaves_gets_nothing_more(bench: Bench) {
    let channel = bench.key("c");
    let topic = Topic::Channel(Arc::clone(&channel));
    let leaving = listen(&bench, vec![topic.clone()]).await;
    let mut staying = listen(&bench, vec![topic]).await;
    drop(leaving);
    publish(&bench, &channel, "x", 1).await;
    assert_eq!(message(&mut staying).await.payload, "x");
    drop(staying);
    // A server learns of it soon, not at once.
    let counts = bench.backend.features().has(Feature::CountsReceivers);
    while counts && bench.backend.publish(Arc::clone(&channel), Bytes::new()).await.unwrap() > 0 {
        tokio::task::yield_now().await;
    }
}

async fn a_topic_can_be_listened_to_again(bench: Bench) {
    let channel = bench.key("c");
    for _ in 0..20 {
        let mut listening = listen(&bench, vec![Topic::Channel(Arc::clone(&channel))]).await;
        publish(&bench, &channel, "x", 1).await;
        assert_eq!(message(&mut listening).await.payload, "x");
    }
}

async fn a_full_queue_is_a_gap(bench: Bench) {
    let channel = bench.key("c");
    let topics = vec![Topic::Channel(Arc::clone(&channel))];
    let limits = QueueLimits { messages: 2, overflow: Overflow::DropOldest };
    let mut slow = bench.backend.subscribe(topics.clone(), Inbox::new(limits)).await.unwrap();
    let mut quick = listen(&bench, topics).await;
    for payload in ["1", "2", "3", "4"] {
        publish(&bench, &channel, payload, 1).await;
    }
    // All subscriptions get a message at the same time, so the slow one has got them too.
    for payload in ["1", "2", "3", "4"] {
        assert_eq!(message(&mut quick).await.payload, payload);
    }
    let gap = Gap { reason: GapReason::Overflow, missed: Some(2) };
    assert_eq!(slow.next().await, Some(Received::Gap(gap)));
    assert_eq!(message(&mut slow).await.payload, "3");
    assert_eq!(message(&mut slow).await.payload, "4");
}

async fn several_subscriptions_share_an_inbox(bench: Bench) {
    let (one, other) = (bench.key("c1"), bench.key("c2"));
    let inbox = Inbox::new(QueueLimits::default());
    let subscribe = async |channel: &Arc<str>| {
        let topics = vec![Topic::Channel(Arc::clone(channel))];
        bench.backend.subscribe(topics, Arc::clone(&inbox)).await.unwrap()
    };
    let mut listening = subscribe(&one).await;
    let second = subscribe(&other).await;
    for (n, payload) in ["1", "2", "3", "4"].into_iter().enumerate() {
        publish(&bench, if n % 2 == 0 { &one } else { &other }, payload, 1).await;
    }
    for payload in ["1", "2", "3", "4"] {
        assert_eq!(message(&mut listening).await.payload, payload);
    }
    // One that leaves takes its topics along, and nothing else.
    drop(second);
    publish(&bench, &one, "5", 1).await;
    assert_eq!(message(&mut listening).await.payload, "5");
}
