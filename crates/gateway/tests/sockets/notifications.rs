//! The route of the users' document.

use std::time::Duration;

use firth_gateway::{Config, Keys, Limits};
use futures_util::future::join_all;
use serde_json::json;

use crate::stage::Stage;
use crate::token::{SECRET, token, token_until};

#[tokio::test]
async fn messages_arrive_as_they_were_sent() {
    let stage = Stage::open(Config::default()).await;
    let mut anna = stage.socket("/notifications/anna").await;
    let mut ben = stage.socket("/notifications/ben").await;
    let mut events = stage.events("/notifications/anna", "").await;
    let message = r#"{ "text":"Hello, \u00e4nna" }"#;
    stage.publish("notifications:anna", message).await;
    stage.publish("notifications:broadcast", "[1,\n2]").await;
    stage.publish("notifications:ben", "").await;
    assert_eq!(anna.next().await, message);
    assert_eq!(anna.next().await, "[1,\n2]");
    assert_eq!(ben.next().await, "[1,\n2]");
    assert_eq!(ben.next().await, "");
    assert_eq!(events.next().await, format!("data: {message}"));
    assert_eq!(events.next().await, "data: [1,\ndata: 2]");
    let channel = "notifications:ben".into();
    stage.broker.backend().publish(channel, bytes::Bytes::from_static(b"\xff")).await.unwrap();
    assert_eq!(ben.next().await, r#"binary b"\xff""#);
}

#[tokio::test]
async fn what_is_published_to_one_and_to_all_keeps_its_order() {
    let stage = Stage::open(Config::default()).await;
    let mut anna = stage.socket("/notifications/anna").await;
    for n in 0..40 {
        let channel = if n % 3 == 0 { "notifications:broadcast" } else { "notifications:anna" };
        stage.publish(channel, &n.to_string()).await;
    }
    for n in 0..40 {
        assert_eq!(anna.next().await, n.to_string());
    }
}

#[tokio::test]
async fn what_a_client_says_is_ignored() {
    let stage = Stage::open(Config::default()).await;
    let mut anna = stage.socket("/notifications/anna").await;
    anna.say("hello?").await;
    stage.publish("notifications:anna", "1").await;
    assert_eq!(anna.next().await, "1");
}

#[tokio::test]
async fn a_channel_is_subscribed_once_for_all_sockets() {
    let stage = Stage::open(Config::default()).await;
    let mut sockets = join_all((0..50).map(|_| stage.socket("/notifications/anna"))).await;
    let heard = join_all(sockets.iter_mut().map(|socket| socket.next()));
    let (receivers, heard) = tokio::join!(stage.publish("notifications:anna", "1"), heard);
    assert_eq!(receivers, 1);
    assert_eq!(heard, vec!["1"; 50]);
    // And no longer than there is one.
    drop(sockets);
    while stage.publish("notifications:anna", "2").await > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_thousand_sockets_hear_everything_in_order() {
    let stage = Stage::open(Config::default()).await;
    let paths: Vec<String> = (0..1000).map(|n| format!("/notifications/user-{n}")).collect();
    let mut sockets = join_all(paths.iter().map(|path| stage.socket(path))).await;
    for n in 0..20 {
        stage.publish("notifications:broadcast", &format!("to all {n}")).await;
    }
    for n in 0..1000 {
        stage.publish(&format!("notifications:user-{n}"), &format!("to {n}")).await;
    }
    for (n, socket) in sockets.iter_mut().enumerate() {
        for m in 0..20 {
            assert_eq!(socket.next().await, format!("to all {m}"));
        }
        assert_eq!(socket.next().await, format!("to {n}"));
    }
}

#[tokio::test]
async fn a_slow_socket_is_closed_and_the_others_are_served() {
    let limits = Limits { queue_messages: 64, ..Limits::default() };
    let stage = Stage::open(Config { limits, ..Config::default() }).await;
    let slow = stage.socket("/notifications/anna").await.stall();
    let mut quick = stage.socket("/notifications/anna").await;
    // More than the buffers of the system take, many times.
    let message = "x".repeat(256 * 1024);
    for _ in 0..200 {
        stage.publish("notifications:anna", &message).await;
        assert_eq!(quick.next().await.len(), message.len());
    }
    let mut slow = crate::stage::Socket::of(slow);
    let mut last = String::new();
    let mut received = 0;
    while !last.starts_with("closed") && !last.starts_with("error") && last != "gone" {
        last = slow.next().await;
        received += 1;
    }
    assert!(received < 200, "{received}");
    // What it had not read by then may be lost with the connection, and so may the code.
    assert!(!last.starts_with("closed") || last == "closed 4000", "{last}");
    stage.publish("notifications:anna", "still").await;
    assert_eq!(quick.next().await, "still");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_event_stream_that_is_not_read_gives_up_its_place() {
    let limits = Limits { write_timeout: Duration::from_millis(500), ..Limits::default() };
    let stage = Stage::open(Config { limits, ..Config::default() }).await;
    let events = stage.events("/notifications/anna", "").await;
    let message = "x".repeat(256 * 1024);
    // It neither reads nor goes away, and nobody listens any more.
    while stage.publish("notifications:anna", &message).await > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (_, numbers) = stage.get("/metrics").await;
    assert!(numbers.contains("firth_gateway_sockets 0"), "{numbers}");
    drop(events);
}

#[tokio::test]
async fn when_the_gateway_stops_sockets_are_told_to_come_back() {
    let mut stage = Stage::open(Config::default()).await;
    let mut anna = stage.socket("/notifications/anna").await;
    let mut events = stage.events("/notifications/anna", "").await;
    let (said, ended, ()) = tokio::join!(anna.next(), events.next(), stage.stop());
    assert_eq!(said, "closed 1001");
    assert!(ended.starts_with("event: close\ndata: {\"code\":1001,"), "{ended}");
}

#[tokio::test]
async fn a_socket_that_does_not_answer_is_closed() {
    let limits = Limits { ping: Duration::from_millis(50), ..Limits::default() };
    let stage = Stage::open(Config { limits, ..Config::default() }).await;
    let mut lively = stage.socket("/notifications/anna").await;
    let silent = stage.socket("/notifications/ben").await.stall();
    // The client answers pings while it reads.
    let heard = tokio::spawn(async move { lively.next().await });
    while stage.publish("notifications:ben", "x").await > 0 {
        tokio::task::yield_now().await;
    }
    stage.publish("notifications:anna", "still here").await;
    assert_eq!(heard.await.unwrap(), "still here");
    drop(silent);
}

#[tokio::test]
async fn more_sockets_than_allowed_are_told_to_come_back_later() {
    let limits = Limits { sockets: 1, ..Limits::default() };
    let stage = Stage::open(Config { limits, ..Config::default() }).await;
    let first = stage.socket("/notifications/anna").await;
    assert_eq!(stage.socket("/notifications/anna").await.next().await, "closed 4003");
    assert_eq!(stage.get("/notifications/anna").await.0, 503);
    drop(first);
    while stage.publish("notifications:anna", "x").await > 0 {
        tokio::task::yield_now().await;
    }
    let mut again = stage.socket("/notifications/anna").await;
    stage.publish("notifications:anna", "1").await;
    assert_eq!(again.next().await, "1");
}

#[tokio::test]
async fn what_is_too_large_or_too_much_closes_the_socket() {
    let limits = Limits { message_bytes: 100, messages_per_second: 5, ..Limits::default() };
    let stage = Stage::open(Config { limits, ..Config::default() }).await;
    let mut anna = stage.socket("/notifications/anna").await;
    anna.say("x".repeat(101)).await;
    assert_eq!(anna.next().await, "closed 1009");
    let mut anna = stage.socket("/notifications/anna").await;
    for _ in 0..11 {
        anna.say("x").await;
    }
    assert_eq!(anna.next().await, "closed 4502");
}

#[tokio::test]
async fn only_the_users_own_token_opens_the_route() {
    let keys = Keys::none().with_secret(SECRET).unwrap();
    let stage = Stage::open(Config { keys, ..Config::default() }).await;
    let own = token("anna", &json!({}));
    let mut by_query = stage.socket(&format!("/notifications/anna?token={own}")).await;
    let bearer = format!("Bearer {own}");
    let header = [("authorization", &*bearer)];
    let mut by_header = stage.socket_with("/notifications/anna", &header).await.unwrap();
    stage.publish("notifications:anna", "1").await;
    assert_eq!((by_query.next().await, by_header.next().await), ("1".into(), "1".into()));
    for path in ["/notifications/anna", "/notifications/anna?token=x"] {
        assert_eq!(stage.socket(path).await.next().await, "closed 4500");
        assert_eq!(stage.get(path).await.0, 401);
    }
    let of_another = format!("/notifications/ben?token={own}");
    assert_eq!(stage.socket(&of_another).await.next().await, "closed 4500");
    assert_eq!(stage.get(&of_another).await.0, 401);
}

#[tokio::test]
async fn a_socket_ends_with_its_token() {
    let keys = Keys::none().with_secret(SECRET).unwrap();
    let stage = Stage::open(Config { keys, ..Config::default() }).await;
    let expired = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() - 1;
    // Clocks differ, so a token is taken for a minute longer; the socket then ends at once.
    let token = token_until("anna", expired, &json!({}));
    let mut anna = stage.socket(&format!("/notifications/anna?token={token}")).await;
    assert_eq!(anna.next().await, "closed 4002");
}

#[tokio::test]
async fn pages_from_elsewhere_are_refused() {
    let stage = Stage::open(Config::default()).await;
    let host = stage.address.to_string();
    let same = format!("http://{host}");
    for (origin, is_allowed) in [(&*same, true), ("https://evil.com", false)] {
        let opened = stage.socket_with("/notifications/anna", &[("origin", origin)]).await;
        assert_eq!(opened.is_ok(), is_allowed, "{origin}");
        let header = format!("Origin: {origin}");
        if !is_allowed {
            assert_eq!(stage.request("GET", "/notifications/anna", &header).await.0, 403);
        }
    }
}

#[tokio::test]
async fn it_says_that_it_lives_and_that_it_is_ready() {
    let stage = Stage::open(Config::default()).await;
    assert_eq!(stage.get("/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(stage.get("/readyz").await, (200, "ready\n".to_owned()));
    stage.broker.close().await;
    assert_eq!(stage.get("/readyz").await.0, 503);
    assert_eq!(stage.get("/healthz").await.0, 200);
}

#[tokio::test]
async fn without_keys_it_listens_on_this_machine_only() {
    let listen = ([0, 0, 0, 0], 0).into();
    let refused = firth_gateway::Gateway::bind(Config { listen, ..Config::default() }).await;
    let text = refused.map(|_| ()).unwrap_err().to_string();
    assert!(text.contains("0.0.0.0") && text.contains("gateway-secret"), "{text}");
    let keys = Keys::none().with_secret(SECRET).unwrap();
    firth_gateway::Gateway::bind(Config { listen, keys, ..Config::default() }).await.unwrap();
}
