//! The protocol on `/ws`: channels, presence, the inbox, rights and mistakes.

use firth_gateway::{Config, Keys, Limits};
use serde_json::{Value, json};

use crate::stage::{Socket, Stage};
use crate::token::{SECRET, token};

async fn with_keys() -> Stage {
    let keys = Keys::none().with_secret(SECRET).unwrap();
    Stage::open(Config { keys, ..Config::default() }).await
}

/// Opens `/ws` as a user.
async fn client(stage: &Stage, user: &str, grants: Value) -> Socket {
    stage.client(&format!("?token={}", token(user, &grants))).await
}

#[tokio::test]
async fn channels_are_subscribed_and_left() {
    let stage = Stage::open(Config::default()).await;
    let mut client = stage.client("").await;
    let subscribe = json!({"do": "subscribe", "channel": "news", "seq": 1});
    assert_eq!(client.ask(subscribe.clone()).await, json!({"type": "reply", "seq": 1}));
    stage.publish("news", r#"{"a":1}"#).await;
    let message = json!({"type": "message", "channel": "news", "data": r#"{"a":1}"#});
    assert_eq!(client.heard().await, message);
    let again = client.ask(subscribe).await;
    assert_eq!((&again["type"], &again["code"]), (&json!("error"), &json!("refused")));
    let left = client.ask(json!({"do": "unsubscribe", "channel": "news"})).await;
    assert_eq!(left, json!({"type": "reply", "unsubscribed": true}));
    while stage.publish("news", "not heard").await > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        client.ask(json!({"do": "ping", "seq": 2})).await,
        json!({"type": "reply", "seq": 2})
    );
}

#[tokio::test]
async fn what_is_published_arrives_as_the_text_or_as_json() {
    let stage = Stage::open(Config::default()).await;
    let mut client = stage.client("").await;
    client.ask(json!({"do": "subscribe", "channel": "news"})).await;
    for (data, arrives) in [(json!("plain"), "plain"), (json!({"a": [1]}), r#"{"a":[1]}"#)] {
        client.say(json!({"do": "publish", "channel": "news", "data": data}).to_string()).await;
        // The message may come before the answer or behind it.
        let both = [client.heard().await, client.heard().await];
        let reply = both.iter().find(|heard| heard["type"] == "reply").unwrap();
        let message = both.iter().find(|heard| heard["type"] == "message").unwrap();
        assert_eq!((&reply["receivers"], &message["data"]), (&json!(1), &json!(arrives)));
    }
}

#[tokio::test]
async fn it_is_known_who_is_on_a_channel() {
    let stage = with_keys().await;
    let grants = json!({"subscribe": ["room"]});
    let mut ben = client(&stage, "ben", grants.clone()).await;
    let seen = ben.ask(json!({"do": "subscribe", "channel": "room", "presence": true})).await;
    assert_eq!(seen["members"], json!({"ben": 1}));
    let mut anna = client(&stage, "anna", grants).await;
    anna.ask(json!({"do": "subscribe", "channel": "room"})).await;
    assert_eq!(ben.heard().await, json!({"type": "join", "channel": "room", "user": "anna"}));
    let present = anna.ask(json!({"do": "presence", "channel": "room"})).await;
    let members = json!({"anna": 1, "ben": 1});
    assert_eq!(present, json!({"type": "reply", "members": members, "nameless": 0}));
    drop(anna);
    assert_eq!(ben.heard().await, json!({"type": "leave", "channel": "room", "user": "anna"}));
}

#[tokio::test]
async fn an_inbox_is_the_same_on_all_devices() {
    let stage = with_keys().await;
    let notifications = stage.broker.notifications();
    let inbox = notifications.inbox::<Value>("anna").unwrap();
    let first = inbox.deliver(&json!({"text": "one"})).await.unwrap();
    let mut phone = client(&stage, "anna", json!({})).await;
    let mut desk = client(&stage, "anna", json!({})).await;
    for device in [&mut phone, &mut desk] {
        let reply = device.ask(json!({"do": "subscribe", "inbox": true})).await;
        assert_eq!(reply, json!({"type": "reply", "after": "0-0", "gap": null}));
        let notification = json!({"type": "notification", "id": first, "data": r#"{"text":"one"}"#, "read": false});
        assert_eq!(device.heard().await, notification);
    }
    let second = inbox.deliver(&json!({"text": "two"})).await.unwrap();
    assert_eq!(phone.heard().await["id"], json!(second));
    assert_eq!(desk.heard().await["id"], json!(second));
    phone.say(json!({"do": "read", "upTo": first, "seq": 1}).to_string()).await;
    let both = [phone.heard().await, phone.heard().await];
    assert!(
        both.contains(&json!({"type": "reply", "seq": 1, "marked": 1, "unread": 1})),
        "{both:?}"
    );
    let told = json!({"type": "read", "upTo": first, "unread": 1});
    assert!(both.contains(&told), "{both:?}");
    assert_eq!(desk.heard().await, told);
    let listed = desk.ask(json!({"do": "inbox"})).await;
    let items = json!([
        {"id": second, "data": {"text": "two"}, "read": false},
        {"id": first, "data": {"text": "one"}, "read": true},
    ]);
    assert_eq!(listed, json!({"type": "reply", "items": items, "unread": 1}));
    // A device that was away gets what nobody has read yet.
    let mut tablet = client(&stage, "anna", json!({})).await;
    let reply = tablet.ask(json!({"do": "subscribe", "inbox": true})).await;
    assert_eq!(reply["after"], json!(first));
    assert_eq!(tablet.heard().await["id"], json!(second));
}

#[tokio::test]
async fn what_a_token_does_not_grant_is_denied() {
    let stage = with_keys().await;
    let grants = json!({"subscribe": ["news"], "publish": ["chat:*"], "read": ["orders"]});
    let mut anna = client(&stage, "anna", grants).await;
    for request in [
        json!({"do": "subscribe", "channel": "chat:1"}),
        json!({"do": "subscribe", "stream": "news"}),
        json!({"do": "publish", "channel": "news", "data": ""}),
        json!({"do": "append", "stream": "orders", "fields": {"a": "1"}}),
        json!({"do": "presence", "channel": "chat:1"}),
        json!({"do": "history", "stream": "payments"}),
    ] {
        let answer = anna.ask(request.clone()).await;
        assert_eq!(answer["code"], "denied", "{request}: {answer}");
    }
    for request in [
        json!({"do": "subscribe", "channel": "news"}),
        json!({"do": "subscribe", "stream": "orders"}),
        json!({"do": "publish", "channel": "chat:1", "data": ""}),
        json!({"do": "history", "stream": "orders"}),
    ] {
        let answer = anna.ask(request.clone()).await;
        assert_eq!(answer["type"], "reply", "{request}: {answer}");
    }
    let mut nobody = stage.socket("/ws").await;
    assert_eq!(nobody.next().await, "closed 4500");
}

#[tokio::test]
async fn mistakes_are_answered_and_the_socket_lives() {
    let limits = Limits { subscriptions: 1, ..Limits::default() };
    let stage = Stage::open(Config { limits, ..Config::default() }).await;
    let mut client = stage.client("").await;
    let answer = client.ask(json!({"do": "dance", "seq": 9})).await;
    assert_eq!((&answer["code"], &answer["seq"]), (&json!("malformed"), &json!(9)));
    client.say("nonsense").await;
    assert_eq!(client.heard().await["code"], "malformed");
    assert_eq!(client.ask(json!({"do": "inbox"})).await["code"], "denied");
    client.ask(json!({"do": "subscribe", "channel": "a"})).await;
    let more = client.ask(json!({"do": "subscribe", "channel": "b"})).await;
    assert_eq!(more["code"], "limit");
    stage.append("taken", 1).await;
    assert_eq!(stage.get("/ws").await.0, 426);
}

#[tokio::test]
async fn event_streams_tell_who_is_on_a_channel() {
    let keys = Keys::none().with_secret(SECRET).unwrap();
    let stage = Stage::open(Config { keys, ..Config::default() }).await;
    let grants = json!({"subscribe": ["c"]});
    let path = |user| format!("channel=c&token={}", token(user, &grants));
    let mut anna = stage.events(&format!("/sse?presence=true&{}", path("anna")), "").await;
    let present = r#"data: {"type":"present","channel":"c","members":{"anna":1},"nameless":0}"#;
    assert_eq!(anna.next().await, present);
    let ben = stage.events(&format!("/sse?{}", path("ben")), "").await;
    assert_eq!(anna.next().await, r#"data: {"type":"join","channel":"c","user":"ben"}"#);
    drop(ben);
    assert_eq!(anna.next().await, r#"data: {"type":"leave","channel":"c","user":"ben"}"#);
}
