//! Who may what, over real sockets, for every route.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::net::SocketAddr;

use axum::http::Method;
use firth::Broker;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::routes::{Needs, ROUTES};
use crate::access::{Keys, Role};
use crate::config::Config;
use crate::gateway::Gateway;

const SECRET: &str = "a secret that nobody could ever guess";
const API_KEY: &str = "an api key of the tests";

/// An answer.
struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

async fn serve(keys: Keys) -> SocketAddr {
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), keys, ..Config::default() };
    let gateway = Gateway::bind(config).await.unwrap();
    let address = gateway.address();
    let broker = Broker::connect("memory:").await.unwrap();
    tokio::spawn(gateway.serve(broker, std::future::pending()));
    address
}

async fn with_keys() -> SocketAddr {
    serve(Keys::none().with_secret(SECRET).unwrap().with_api_key(API_KEY).unwrap()).await
}

fn token(grants: &Value) -> String {
    let claims = json!({"sub": "7", "exp": 9_999_999_999_u64, "firth": grants});
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

/// Sends a request; reads the head of the answer and, unless it is an event stream, its body.
async fn call(
    address: SocketAddr,
    method: &Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        request += &format!("Host: {address}\r\n");
    }
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        text.extend_from_slice(&buffer[..count]);
        let so_far = String::from_utf8_lossy(&text);
        let is_stream = so_far.contains("text/event-stream") && so_far.contains("\r\n\r\n");
        if count == 0 || is_stream {
            break;
        }
    }
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: serde_json::from_str(body).unwrap_or_default() }
}

/// Says whether an answer means that the door is shut, and for want of what.
fn verdict(answer: &Answer) -> &str {
    match answer.body["code"].as_str() {
        Some(code @ ("unauthorized" | "forbidden" | "csrf")) => code,
        _ => "in",
    }
}

#[tokio::test]
async fn every_route_is_open_to_its_roles_alone() {
    let address = with_keys().await;
    let roles = [Role::Viewer, Role::Operator, Role::Admin];
    for route in ROUTES {
        let Needs::A(needs) = route.needs else { continue };
        let path = format!("/console/api/{}", route.path);
        let (method, name) = (&route.method, route.path);
        let nobody = call(address, method, &path, &[], "").await;
        assert_eq!(verdict(&nobody), "unauthorized", "{name}");
        for (bearer, expect) in [
            (token(&json!({})), "unauthorized"),
            (token(&json!({"append": ["*"], "publish": ["*"]})), "unauthorized"),
            ("nonsense".to_owned(), "unauthorized"),
            (API_KEY.to_owned(), "in"),
        ] {
            let bearer = format!("Bearer {bearer}");
            let answer = call(address, method, &path, &[("Authorization", &bearer)], "").await;
            assert_eq!(verdict(&answer), expect, "{name} {bearer}");
        }
        for role in roles {
            let bearer = format!("Bearer {}", token(&json!({"role": role})));
            let answer = call(address, method, &path, &[("Authorization", &bearer)], "").await;
            let expect = if role >= needs { "in" } else { "forbidden" };
            assert_eq!(verdict(&answer), expect, "{name} {role:?}");
            if expect == "forbidden" {
                assert_eq!(answer.body["needs"], json!(needs), "{name}");
            }
        }
    }
}

#[test]
fn what_changes_something_is_not_for_viewers() {
    for route in ROUTES {
        let Needs::A(needs) = route.needs else {
            assert_eq!(route.path, "session");
            continue;
        };
        assert_eq!(route.method == Method::POST, route.method != Method::GET, "{}", route.path);
        assert!(route.method == Method::GET || needs >= Role::Operator, "{}", route.path);
        let loses = ["trim", "retain", "delete", "destroy", "purge", "remove", "move"];
        if route.method == Method::POST && loses.iter().any(|word| route.path.contains(word)) {
            assert_eq!(needs, Role::Admin, "{}", route.path);
        }
    }
}

/// Logs in by a token; returns the cookie and the second secret.
async fn log_in(address: SocketAddr, role: Role) -> (String, String) {
    let body = json!({"token": token(&json!({"role": role}))}).to_string();
    let origin = format!("http://{address}");
    let headers = [("Origin", &*origin)];
    let answer = call(address, &Method::POST, "/console/api/session", &headers, &body).await;
    assert_eq!((answer.status, &answer.body["role"]), (200, &json!(role)), "{}", answer.body);
    let cookie = answer.header("set-cookie").unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/console"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap().to_owned();
    (cookie, answer.body["csrf"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn pages_from_elsewhere_change_nothing() {
    let address = with_keys().await;
    let (cookie, csrf) = log_in(address, Role::Operator).await;
    let own = format!("http://{address}");
    let (body, path) = (r#"{"channel": "c", "payload": "x"}"#, "/console/api/publish");
    let cookie = ("Cookie", &*cookie);
    let check = async |headers: &[(&str, &str)], expect: &str| {
        let answer = call(address, &Method::POST, path, headers, body).await;
        assert_eq!(verdict(&answer), expect, "{headers:?} {}", answer.body);
    };
    let shown = ("X-Firth-CSRF", &*csrf);
    check(&[cookie, shown, ("Origin", &own)], "in").await;
    check(&[cookie, shown, ("Sec-Fetch-Site", "same-origin")], "in").await;
    check(&[cookie, ("Origin", &own)], "csrf").await;
    check(&[cookie, shown], "csrf").await;
    check(&[cookie, shown, ("Origin", "http://evil.com")], "csrf").await;
    check(&[cookie, shown, ("Origin", "null")], "csrf").await;
    check(&[cookie, shown, ("Sec-Fetch-Site", "same-site")], "csrf").await;
    check(&[cookie, ("X-Firth-CSRF", "x"), ("Origin", &own)], "csrf").await;
    check(&[shown, ("Origin", &own)], "unauthorized").await;
    // Another session's secret is none.
    let (_, other) = log_in(address, Role::Operator).await;
    check(&[cookie, ("X-Firth-CSRF", &other), ("Origin", &own)], "csrf").await;
    // Nor can such a page read, or log somebody in.
    let elsewhere = [cookie, ("Sec-Fetch-Site", "cross-site")];
    let answer = call(address, &Method::GET, "/console/api/gateway", &elsewhere, "").await;
    assert_eq!(verdict(&answer), "csrf");
    let evil = [("Origin", "http://evil.com")];
    let answer = call(address, &Method::POST, "/console/api/session", &evil, body).await;
    assert_eq!(verdict(&answer), "csrf");
}

#[tokio::test]
async fn a_session_ends_when_somebody_logs_out() {
    let address = with_keys().await;
    let (cookie, _) = log_in(address, Role::Viewer).await;
    let own = format!("http://{address}");
    let headers = [("Cookie", &*cookie), ("Origin", &*own)];
    let path = "/console/api/session";
    assert_eq!(call(address, &Method::GET, path, &headers, "").await.body["role"], "viewer");
    assert_eq!(call(address, &Method::DELETE, path, &headers, "").await.status, 204);
    let after = call(address, &Method::GET, path, &headers, "").await;
    assert_eq!((&after.body["role"], &after.body["ways"]), (&Value::Null, &json!(["token"])));
}

#[tokio::test]
async fn without_keys_everybody_on_this_machine_is_admin() {
    let address = serve(Keys::none()).await;
    let session = call(address, &Method::GET, "/console/api/session", &[], "").await;
    assert_eq!((&session.body["open"], &session.body["role"]), (&json!(true), &json!("admin")));
    let csrf = session.body["csrf"].as_str().unwrap().to_owned();
    let own = format!("http://{address}");
    let body = r#"{"stream": "s", "fields": [["a", "1"]]}"#;
    let headers = [("X-Firth-CSRF", &*csrf), ("Origin", &*own)];
    let answer = call(address, &Method::POST, "/console/api/append", &headers, body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    // A page that has made its own name point here.
    for method in [Method::GET, Method::POST] {
        let evil = [("Host", "evil.com"), ("Origin", "http://evil.com"), ("X-Firth-CSRF", &*csrf)];
        let path = if method == Method::GET { "gateway" } else { "append" };
        let answer = call(address, &method, &format!("/console/api/{path}"), &evil, body).await;
        assert_eq!(verdict(&answer), "csrf", "{method}");
    }
    let answer = call(address, &Method::POST, "/console/api/append", &[], body).await;
    assert_eq!(verdict(&answer), "csrf");
}

#[tokio::test]
async fn attempts_to_log_in_are_limited_and_noted() {
    let address = with_keys().await;
    let own = format!("http://{address}");
    let headers = [("Origin", &*own)];
    let path = "/console/api/session";
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let body = r#"{"token": "guess"}"#;
        statuses.push(call(address, &Method::POST, path, &headers, body).await.status);
    }
    assert_eq!(statuses[..5], [401; 5]);
    assert!(statuses[5..].contains(&429), "{statuses:?}");
    let bearer = [("Authorization", &*format!("Bearer {API_KEY}"))];
    let audit = call(address, &Method::GET, "/console/api/audit", &bearer, "").await;
    let item = &audit.body["items"][0];
    assert_eq!((&item["action"], &item["detail"]["token"]), (&json!("session"), &json!("***")));
    assert!(item["outcome"].as_str().unwrap().contains("token"), "{item}");
}

#[tokio::test]
async fn what_was_done_and_refused_is_noted() {
    let address = with_keys().await;
    for (role, action) in [(Role::Operator, "append"), (Role::Viewer, "delete")] {
        let bearer = format!("Bearer {}", token(&json!({"role": role})));
        let body = r#"{"stream": "s", "fields": [["a", "1"]]}"#;
        let path = format!("/console/api/{action}");
        call(address, &Method::POST, &path, &[("Authorization", &bearer)], body).await;
    }
    let bearer = [("Authorization", &*format!("Bearer {API_KEY}"))];
    let audit = call(address, &Method::GET, "/console/api/audit", &bearer, "").await;
    let [refused, done] = [0, 1].map(|at| &audit.body["items"][at]);
    assert_eq!((&done["action"], &done["target"]), (&json!("append"), &json!("s")));
    assert_eq!((&done["user"], &done["role"]), (&json!("7"), &json!("operator")));
    assert_eq!((&done["outcome"], &done["address"]), (&json!("ok"), &json!("127.0.0.1")));
    assert_eq!((&refused["action"], &refused["role"]), (&json!("delete"), &json!("viewer")));
    assert_ne!(refused["outcome"], "ok");
}

#[tokio::test]
async fn browsers_are_told_what_no_page_may_do() {
    let address = with_keys().await;
    for path in ["/console/", "/console/streams/x", "/console/api/session", "/console/api/nowhere"]
    {
        let answer = call(address, &Method::GET, path, &[("Origin", "http://evil.com")], "").await;
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'self'"), "{path} {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path} {policy}");
        assert!(!policy.contains("script-src"), "scripts have no exception: {policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
    let answer = call(address, &Method::GET, "/console", &[], "").await;
    assert_eq!((answer.status, answer.header("location")), (308, Some("/console/")));
}

#[tokio::test]
async fn mistakes_are_named() {
    let address = serve(Keys::none()).await;
    let check = async |method: Method, path: &str, body: &str, status: u16, code: &str| {
        let bearer = [("Authorization", "Bearer x")];
        let path = format!("/console/api/{path}");
        let answer = call(address, &method, &path, &bearer, body).await;
        assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{path} {body}");
    };
    check(Method::GET, "nowhere", "", 404, "not_found").await;
    check(Method::POST, "streams", "", 405, "malformed").await;
    check(Method::GET, "streams?x=1", "", 400, "malformed").await;
    check(Method::GET, "streams?sort=x", "", 400, "malformed").await;
    check(Method::GET, "stream?stream=none", "", 404, "not_found").await;
    check(Method::GET, "stream", "", 400, "malformed").await;
    check(Method::GET, "group?stream=none&group=g", "", 404, "not_found").await;
    check(Method::GET, "entries?stream=s&from=x", "", 400, "malformed").await;
    check(Method::POST, "append", r#"{"stream": "s", "fields": []}"#, 400, "malformed").await;
    check(Method::POST, "append", r#"{"stream": "s", "x": 1}"#, 400, "malformed").await;
    check(Method::POST, "delete", r#"{"stream": "s", "ids": []}"#, 400, "malformed").await;
    let body = r#"{"stream": "s", "confirm": "t"}"#;
    check(Method::POST, "delete-stream", body, 409, "conflict").await;
}
