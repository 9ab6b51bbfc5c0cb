//! The HTTP API, its document, and the numbers.

use firth_gateway::{Config, Keys};
use serde_json::{Value, json};

use crate::stage::Stage;
use crate::token::{SECRET, token};

const API_KEY: &str = "an api key of the tests";

async fn with_keys() -> Stage {
    let keys = Keys::none().with_secret(SECRET).unwrap().with_api_key(API_KEY).unwrap();
    Stage::open(Config { keys, ..Config::default() }).await
}

/// Sends a request as the bearer of a token or key; returns the status and the JSON.
async fn call(stage: &Stage, method: &str, path: &str, bearer: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let more = format!("Authorization: Bearer {bearer}\r\n\r\n{body}");
    let (status, text) = stage.request(method, path, &more).await;
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status} {text}")))
}

#[tokio::test]
async fn a_program_publishes_and_notifies() {
    let stage = with_keys().await;
    let mut anna =
        stage.socket(&format!("/notifications/anna?token={}", token("anna", &json!({})))).await;
    for (path, body, hears) in [
        ("/api/publish", json!({"channel": "notifications:anna", "data": "one"}), "one"),
        (
            "/api/publish",
            json!({"channel": "notifications:anna", "data": {"b": 1, "a": 2}}),
            r#"{"b":1,"a":2}"#,
        ),
        ("/api/broadcast", json!({"data": {"n": 2}}), r#"{"n":2}"#),
        ("/api/notify", json!({"user": "anna", "data": {"n": 3}, "keep": true}), r#"{"n":3}"#),
    ] {
        assert_eq!(call(&stage, "POST", path, API_KEY, &body).await.0, 200, "{path}");
        assert_eq!(anna.next().await, hears);
    }
    let own = token("anna", &json!({}));
    let (_, inbox) = call(&stage, "GET", "/api/inbox", &own, &Value::Null).await;
    assert_eq!((&inbox["unread"], &inbox["items"][0]["data"]), (&json!(1), &json!({"n": 3})));
    let read = json!({"upTo": inbox["items"][0]["id"]});
    let marked = json!({"marked": 1, "unread": 0});
    assert_eq!(call(&stage, "POST", "/api/read", &own, &read).await, (200, marked));
}

#[tokio::test]
async fn streams_are_appended_to_and_read() {
    let stage = with_keys().await;
    let body = json!({"stream": "orders", "fields": {"type": "paid", "n": 1}});
    let (_, appended) = call(&stage, "POST", "/api/append", API_KEY, &body).await;
    let (_, history) =
        call(&stage, "GET", "/api/history?stream=orders", API_KEY, &Value::Null).await;
    let entry = json!({"id": appended["id"], "fields": {"type": "paid", "n": "1"}});
    // As text, for the order of the fields counts.
    assert_eq!(history.to_string(), json!({"entries": [entry]}).to_string());
}

#[tokio::test]
async fn a_token_grants_no_more_over_http_than_elsewhere() {
    let stage = with_keys().await;
    let anna = token("anna", &json!({"publish": ["chat"], "subscribe": ["chat"], "read": ["s"]}));
    let nothing = Value::Null;
    for (method, path, body, expect) in [
        ("POST", "/api/publish", json!({"channel": "chat", "data": ""}), 200),
        ("POST", "/api/publish", json!({"channel": "news", "data": ""}), 403),
        ("POST", "/api/broadcast", json!({"data": ""}), 403),
        ("POST", "/api/notify", json!({"user": "anna", "data": ""}), 403),
        ("POST", "/api/append", json!({"stream": "s", "fields": {"a": 1}}), 403),
        ("POST", "/api/publish", json!({"channel": "chat"}), 400),
        ("GET", "/api/history?stream=s", nothing.clone(), 200),
        ("GET", "/api/history?stream=other", nothing.clone(), 403),
        ("GET", "/api/history?stream=s&limit=x", nothing.clone(), 400),
        ("GET", "/api/presence?channel=chat", nothing.clone(), 200),
        ("GET", "/api/presence?channel=news", nothing.clone(), 403),
        ("GET", "/api/inbox?user=ben", nothing.clone(), 403),
        ("GET", "/metrics", nothing.clone(), 403),
    ] {
        assert_eq!(call(&stage, method, path, &anna, &body).await.0, expect, "{path} {body}");
        let (status, _) = call(&stage, method, path, "nonsense", &body).await;
        assert_eq!(status, 401, "{path} without a token");
    }
}

#[tokio::test]
async fn every_route_of_the_document_is_there() {
    let stage = with_keys().await;
    let (status, text) = stage.get("/openapi.json").await;
    assert_eq!(status, 200);
    let document: Value = serde_json::from_str(&text).unwrap();
    let mut count = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            count += 1;
            let path = path.replace("{user}", "anna");
            let (status, _) = stage.request(&method.to_uppercase(), &path, "").await;
            let asks = operation.get("security").is_some();
            // Without a token each says that it wants one, or does its work.
            assert_eq!(status, if asks { 401 } else { 200 }, "{method} {path}");
            let declared = operation["responses"].get(status.to_string());
            assert!(declared.is_some(), "{method} {path} answers {status}");
            let other = if method == "get" { "DELETE" } else { "GET" };
            assert_eq!(stage.request(other, &path, "").await.0, 405, "{other} {path}");
        }
    }
    assert!(count >= 15, "{count}");
    assert_eq!(stage.get("/nowhere").await.0, 404);
}

#[tokio::test]
async fn numbers_are_counted() {
    let stage = Stage::open(Config::default()).await;
    let mut anna = stage.socket("/notifications/anna").await;
    stage.publish("notifications:anna", "1").await;
    anna.next().await;
    let (_, text) = stage.get("/metrics").await;
    for line in [
        "firth_gateway_sockets 1",
        "firth_gateway_channels 2",
        "firth_gateway_backend_up 1",
        "firth_gateway_delivered_total 1",
        "# TYPE firth_gateway_slow_total counter",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
}

#[tokio::test]
async fn pages_that_are_allowed_may_read_answers() {
    let origins = vec!["https://shop.example".to_owned()];
    let stage = Stage::open(Config { origins, ..Config::default() }).await;
    let ask = async |method: &str, origin: &str| {
        let mut stream =
            stage.open_request(method, "/api/inbox", &format!("Origin: {origin}")).await;
        let mut text = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut text).await.unwrap();
        text
    };
    for method in ["OPTIONS", "GET"] {
        let allowed = ask(method, "https://shop.example").await;
        assert!(allowed.contains("access-control-allow-origin: https://shop.example"), "{allowed}");
        assert!(!ask(method, "https://evil.example").await.contains("access-control-allow-origin"));
    }
    assert!(ask("OPTIONS", "https://shop.example").await.starts_with("HTTP/1.1 204"));
}

#[tokio::test]
async fn the_client_is_served() {
    let stage = Stage::open(Config::default()).await;
    for path in ["/firth.js", "/firth.d.ts"] {
        let (status, text) = stage.get(path).await;
        assert!(status == 200 && text.contains("export function connect("), "{path}");
    }
}
