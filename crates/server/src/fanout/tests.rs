//! Messages between clients of two workers.

#![allow(clippy::unwrap_used, reason = "tests")]

use crate::testing::Conversation;

/// When these conversations begin.
const NOW_MS: u64 = 1_700_000_000_123;

/// Returns bulk strings as they are on the wire.
fn bulks(texts: &[&str]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| format!("${} {text}", text.len())).collect();
    texts.join(" ")
}

fn resp3(program: &mut Conversation, worker: usize) -> usize {
    let who = program.connect(worker);
    assert!(program.say(who, "HELLO 3").starts_with('%'));
    who
}

#[test]
fn what_was_published_before_a_listener_left_comes_before_the_confirmation() {
    let cases = [
        ("SUBSCRIBE c", "UNSUBSCRIBE c", "unsubscribe", "c", &["message", "c", "hi"][..]),
        ("SUBSCRIBE c", "UNSUBSCRIBE", "unsubscribe", "c", &["message", "c", "hi"]),
        ("PSUBSCRIBE *", "PUNSUBSCRIBE", "punsubscribe", "*", &["pmessage", "*", "c", "hi"]),
    ];
    for (enter, leave, verb, name, message) in cases {
        let mut program = Conversation::among(2, NOW_MS);
        let (publisher, listener) = (program.connect(0), program.connect(1));
        program.say(listener, enter);
        assert_eq!(program.say(publisher, "PUBLISH c hi"), ":1");
        let message = format!("*{} {}", message.len(), bulks(message));
        let confirmation = format!("*3 {} :0", bulks(&[verb, name]));
        assert_eq!(program.say(listener, leave), format!("{message} {confirmation}"));
        assert_eq!(program.say(publisher, "PUBLISH c late"), ":0");
        assert_eq!(program.tick(listener), "");
    }
}

#[test]
fn all_listeners_see_the_messages_of_a_channel_in_one_order() {
    let mut program = Conversation::among(2, NOW_MS);
    let publishers = [program.connect(0), program.connect(1)];
    let listeners = [program.connect(0), program.connect(1)];
    for listener in listeners {
        program.say(listener, "SUBSCRIBE c");
    }
    let expect: Vec<String> = (0..6)
        .map(|n| {
            assert_eq!(program.say(publishers[n % 2], &format!("PUBLISH c {n}")), ":2");
            format!("*3 {}", bulks(&["message", "c", &n.to_string()]))
        })
        .collect();
    for listener in listeners {
        assert_eq!(program.tick(listener), expect.join(" "));
    }
}

#[test]
fn messages_to_oneself_follow_the_reply_and_are_never_silenced() {
    let mut program = Conversation::among(1, NOW_MS);
    let me = resp3(&mut program, 0);
    let subscribed = format!(">3 {} :1", bulks(&["subscribe", "c"]));
    let message = format!(">3 {}", bulks(&["message", "c", "hi"]));
    assert_eq!(program.say(me, "SUBSCRIBE c"), subscribed);
    assert_eq!(program.say(me, "PUBLISH c hi ; PING"), format!(":1 {message} +PONG"));
    let all = program.say(me, "MULTI ; PUBLISH c hi ; PING ; EXEC");
    assert_eq!(all, format!("+OK +QUEUED +QUEUED *2 :1 +PONG {message}"));
    let silent = "CLIENT REPLY OFF ; PING ; SUBSCRIBE c ; PUBLISH c hi ; CLIENT REPLY ON";
    assert_eq!(program.say(me, silent), format!("{subscribed} {message} +OK"));
}

#[test]
fn a_monitor_is_sent_nothing_once_it_was_reset() {
    let mut program = Conversation::among(2, NOW_MS);
    let (other, monitor) = (program.connect(0), program.connect(1));
    assert_eq!(program.say(monitor, "MONITOR"), "+OK");
    program.say(other, "PING a");
    let line = "+1700000000.123000 [0 peer-0:1] \"PING\" \"a\"";
    assert_eq!(program.say(monitor, "RESET"), format!("{line} +RESET"));
    program.say(other, "PING b");
    assert_eq!(program.tick(monitor), "");
}

#[test]
fn changed_keys_are_told_across_workers() {
    let mut program = Conversation::among(2, NOW_MS);
    let writer = program.connect(0);
    let reader = resp3(&mut program, 1);
    program.say(reader, "CLIENT TRACKING ON ; GET k");
    program.say(writer, "SET k 1");
    assert_eq!(program.tick(reader), format!(">2 {} *1 {}", bulks(&["invalidate"]), bulks(&["k"])));
    program.say(writer, "SET k 2");
    assert_eq!(program.tick(reader), "", "a key is forgotten once it was told of");
    program.say(reader, "GET k");
    program.say(writer, "SET k 3");
    assert_eq!(program.say(reader, "RESET"), "+RESET");
    assert_eq!(program.tick(reader), "", "no push may reach a client that speaks RESP2");
}

#[test]
fn own_changes_are_told_after_the_reply() {
    let mut program = Conversation::among(1, NOW_MS);
    let me = resp3(&mut program, 0);
    let told = format!(">2 {} *1 {}", bulks(&["invalidate"]), bulks(&["k"]));
    program.say(me, "CLIENT TRACKING ON");
    assert_eq!(program.say(me, "GET k ; SET k 1 ; PING"), format!("_ +OK {told} +PONG"));
    let all = program.say(me, "MULTI ; GET k ; SET k 2 ; EXEC");
    assert_eq!(all, format!("+OK +QUEUED +QUEUED *2 $1 1 +OK {told}"));
    assert_eq!(program.say(me, "CLIENT TRACKING ON NOLOOP ; GET k ; SET k 3"), "+OK $1 2 +OK");
}

#[test]
fn broadcasts_of_a_tick_go_together() {
    let mut program = Conversation::among(2, NOW_MS);
    let writer = program.connect(0);
    let reader = resp3(&mut program, 1);
    let told =
        |keys: &[&str]| format!(">2 {} *{} {}", bulks(&["invalidate"]), keys.len(), bulks(keys));
    program.say(reader, "CLIENT TRACKING ON BCAST NOLOOP PREFIX a PREFIX b");
    program.say(writer, "SET b1 1 ; SET a2 1 ; SET a1 1 ; SET c 1 ; SET a2 2");
    assert_eq!(program.tick(reader), format!("{} {}", told(&["a1", "a2"]), told(&["b1"])));
    assert_eq!(program.say(reader, "SET a1 1 ; SET b1 1"), "+OK +OK");
    program.say(writer, "SET a2 1");
    assert_eq!(program.tick(reader), told(&["a2"]));
}

#[test]
fn the_table_of_tracked_keys_is_bounded() {
    let mut program = Conversation::among(1, NOW_MS);
    let me = resp3(&mut program, 0);
    let server = program.server();
    server
        .reconfigure(|config| {
            config.tracking_keys_max = 5;
            Ok::<_, ()>(())
        })
        .unwrap();
    program.say(me, "CLIENT TRACKING ON");
    let gets: Vec<String> = (0..100).map(|n| format!("GET k{n}")).collect();
    let sent = program.say(me, &gets.join(" ; "));
    let told = sent.matches("invalidate").count();
    let tracked = server.tracked_keys.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(told as u64 + tracked, 100);
    assert!(tracked <= 5, "{tracked} keys are tracked");
}

#[test]
fn a_client_that_leaves_is_forgotten() {
    let mut program = Conversation::among(1, NOW_MS);
    let (one, two) = (resp3(&mut program, 0), program.connect(0));
    program
        .say(one, "CLIENT TRACKING ON BCAST PREFIX a ; SUBSCRIBE c ; PSUBSCRIBE p ; SSUBSCRIBE s");
    program.say(two, "MONITOR");
    for who in [one, two] {
        program.disconnect(who);
    }
    let server = program.server();
    let hub = server.engine.hub();
    let load =
        |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(load(&server.pubsub_clients), 0);
    assert_eq!(load(&server.monitor_count), 0);
    assert_eq!(server.tracking_clients.load(std::sync::atomic::Ordering::Relaxed), 0);
    assert_eq!((server.broadcasts.prefix_count(), hub.pattern_count()), (0, 0));
    assert!(!server.engine.settings().broadcasts());
    for space in [firth_engine::pubsub::Space::Channel, firth_engine::pubsub::Space::Shard] {
        assert_eq!(hub.channel_count(space), 0);
    }
}
