//! The backend goes away and comes back, with the real program.

use std::time::Duration;

use firth_gateway::{Config, Limits};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::server::{Kind, Server};
use crate::stage::{Socket, Stage};

/// Waits until the gateway says that its backend answers, or that it does not.
async fn until_ready_is(stage: &Stage, status: u16) {
    while stage.get("/readyz").await.0 != status {
        sleep(Duration::from_millis(10)).await;
    }
}

/// Expects entries with these numbers. Told of a gap, the client would not be sure, and so the test is not.
async fn expect(client: &mut Socket, numbers: std::ops::Range<u64>) {
    for n in numbers {
        let heard = client.heard().await;
        assert_eq!(heard["fields"], json!({"n": n.to_string()}), "{heard}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_was_killed_and_came_back_loses_no_entry() {
    let mut server = Server::start(Kind::Firth);
    let url = format!("redis://127.0.0.1:{}", server.port());
    let mut stage = Stage::at(&url, Config::default()).await;
    let mut anna = stage.socket("/notifications/anna").await;
    let mut listener = stage.client("").await;
    listener.ask(json!({"do": "subscribe", "channel": "news"})).await;
    let mut follower = stage.client("").await;
    follower.ask(json!({"do": "subscribe", "stream": "s"})).await;
    for n in 0..10 {
        stage.append("s", n).await;
    }
    expect(&mut follower, 0..10).await;

    server.kill();
    until_ready_is(&stage, 503).await;
    // Sockets that are open stay so, and what needs the backend says that it is not there.
    let refused = listener.ask(json!({"do": "publish", "channel": "x", "data": ""})).await;
    assert_eq!(refused["code"], "unavailable", "{refused}");
    server.start_again(Kind::Firth, &[]);
    until_ready_is(&stage, 200).await;
    stage.broker = firth::Broker::connect(&url).await.unwrap();

    // Whoever follows a stream misses nothing; whoever listens to a channel may have, and is told.
    for n in 10..20 {
        stage.append("s", n).await;
    }
    expect(&mut follower, 10..20).await;
    let gap = json!({"type": "gap", "channel": "news", "reason": "reconnected"});
    assert_eq!(listener.heard().await, gap);
    assert_eq!(stage.publish("news", "hi").await, 1);
    assert_eq!(listener.heard().await["data"], "hi");
    stage.publish("notifications:anna", "welcome back").await;
    assert_eq!(anna.next().await, "welcome back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_starts_without_its_backend_and_finds_it() {
    let mut server = Server::start(Kind::Firth);
    server.kill();
    let url = format!("redis://127.0.0.1:{}", server.port());
    let stage = Stage::at(&url, Config::default()).await;
    assert_eq!(stage.get("/healthz").await.0, 200);
    assert_eq!(stage.get("/readyz").await.0, 503);
    assert_eq!(stage.get("/notifications/anna").await.0, 503);
    server.start_again(Kind::Firth, &[]);
    until_ready_is(&stage, 200).await;
    let mut anna = stage.socket("/notifications/anna").await;
    let body = r#"{"channel":"notifications:anna","data":"at last"}"#;
    let (status, answer) = stage.request("POST", "/api/publish", &format!("\r\n\r\n{body}")).await;
    assert_eq!((status, &*answer), (200, r#"{"receivers":1}"#));
    assert_eq!(anna.next().await, "at last");
}

#[tokio::test]
async fn a_backend_that_cannot_be_one_is_refused_at_once() {
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    let gateway = firth_gateway::Gateway::bind(config).await.unwrap();
    let error = gateway.serve_at("nonsense", std::future::pending()).await.unwrap_err();
    assert_eq!(error.to_string(), "the gateway cannot use its backend");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("nonsense"), "{source}");
}

/// Reads until the gateway closes the connection.
async fn until_closed(stream: &mut (impl AsyncRead + Unpin)) {
    let mut buffer = [0; 1024];
    while !matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)) {}
}

#[tokio::test]
async fn a_client_that_never_comes_to_an_end_is_cut_off() {
    let limits = Limits { ping: Duration::from_millis(50), ..Limits::default() };
    let stage = Stage::open(Config { limits, ..Config::default() }).await;
    // What is quiet but of use stays.
    let mut events = stage.events("/sse?channel=news", "").await;
    let mut silent = TcpStream::connect(stage.address).await.unwrap();
    let mut slow = TcpStream::connect(stage.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let (mut reader, mut writer) = slow.into_split();
    let trickling = tokio::spawn(async move {
        while writer.write_all(b"a: b\r\n").await.is_ok() {
            sleep(Duration::from_millis(10)).await;
        }
    });
    until_closed(&mut silent).await;
    until_closed(&mut reader).await;
    trickling.await.unwrap();
    stage.publish("news", "hi").await;
    assert!(events.next().await.contains("hi"));
}

#[tokio::test]
async fn there_are_not_too_many_connections() {
    let limits = Limits { sockets: 1, ..Limits::default() };
    let stage = Stage::open(Config { limits, ..Config::default() }).await;
    let mut all = Vec::new();
    for _ in 0..1001 {
        all.push(TcpStream::connect(stage.address).await.unwrap());
    }
    until_closed(&mut TcpStream::connect(stage.address).await.unwrap()).await;
    all.pop();
    loop {
        let mut stream = TcpStream::connect(stage.address).await.unwrap();
        let request = format!(
            "GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            stage.address
        );
        _ = stream.write_all(request.as_bytes()).await;
        let mut answer = String::new();
        if stream.read_to_string(&mut answer).await.is_ok() && answer.contains("200 OK") {
            return;
        }
    }
}
