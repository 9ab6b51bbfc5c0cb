//! A gateway that runs, and clients for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use firth::backend::{Append, Batch, Exactness, Fields, Keep, Outcome, Trim, Write};
use firth::{Broker, EntryId};
use firth_gateway::{Config, Gateway};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// Longer than anything here takes, on whatever machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway that runs, and the broker behind it.
pub(crate) struct Stage {
    pub(crate) broker: Broker,
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl Stage {
    pub(crate) async fn open(config: Config) -> Self {
        Stage::on(Broker::connect("memory:").await.unwrap(), config).await
    }

    async fn on(broker: Broker, config: Config) -> Self {
        let (gateway, stop, stopped) = Stage::bind(config).await;
        let address = gateway.address();
        let serving = gateway.serve(broker.clone(), async { _ = stopped.await });
        let running = tokio::spawn(async { serving.await.unwrap() });
        Stage { broker, address, stop: Some(stop), running }
    }

    /// Opens a gateway in front of a server, which need not be there; the broker of the stage is another one, which is
    /// `memory:` if the server is not there.
    pub(crate) async fn at(url: &str, config: Config) -> Self {
        let (gateway, stop, stopped) = Stage::bind(config).await;
        let address = gateway.address();
        let broker = match Broker::connect(url).await {
            Ok(broker) => broker,
            Err(_) => Broker::connect("memory:").await.unwrap(),
        };
        let url = url.to_owned();
        let running = tokio::spawn(async move {
            gateway.serve_at(&url, async { _ = stopped.await }).await.unwrap();
        });
        Stage { broker, address, stop: Some(stop), running }
    }

    async fn bind(config: Config) -> (Gateway, oneshot::Sender<()>, oneshot::Receiver<()>) {
        let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..config };
        let gateway = Gateway::bind(config).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        (gateway, stop, stopped)
    }

    pub(crate) async fn publish(&self, channel: &str, payload: &str) -> u64 {
        let payload = bytes::Bytes::copy_from_slice(payload.as_bytes());
        self.broker.backend().publish(channel.into(), payload).await.unwrap()
    }

    pub(crate) async fn socket(&self, path: &str) -> Socket {
        self.socket_with(path, &[]).await.unwrap()
    }

    /// Opens `/ws` and hears the greeting.
    pub(crate) async fn client(&self, query: &str) -> Socket {
        let mut client = self.socket(&format!("/ws{query}")).await;
        assert_eq!(client.heard().await["type"], "hello");
        client
    }

    pub(crate) async fn append(&self, stream: &str, n: u64) -> EntryId {
        self.append_with(stream, n, None).await
    }

    pub(crate) async fn append_with(&self, stream: &str, n: u64, keep: Option<u64>) -> EntryId {
        let exactness = Exactness::Exact;
        let trim = keep.map(|keep| Trim { keep: Keep::Newest(keep), exactness });
        let fields = Fields::from([("n", n.to_string())]);
        let append = Append { trim, ..Append::new(Arc::<str>::from(stream), fields) };
        let outcomes = self.broker.backend().write(Batch::of(Write::Append(append))).await;
        match outcomes.unwrap().first() {
            Some(Outcome::Appended(id)) => *id,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn socket_with(
        &self,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Socket, tungstenite::Error> {
        let url = format!("ws://{}{path}", self.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(self.address).await.unwrap();
        Ok(Socket(client_async(request, stream).await?.0))
    }

    /// Sends a request and returns the status and the body, read to its end.
    pub(crate) async fn request(&self, method: &str, path: &str, more: &str) -> (u16, String) {
        let mut answer = self.open_request(method, path, more).await;
        let mut text = String::new();
        timeout(PATIENCE, answer.read_to_string(&mut text)).await.unwrap().unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        self.request("GET", path, "").await
    }

    /// Sends a request without waiting for an answer. `more` is further headers, and a body if there is an empty line.
    pub(crate) async fn open_request(&self, method: &str, path: &str, more: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let address = self.address;
        let (headers, body) = more.split_once("\r\n\r\n").unwrap_or((more, ""));
        let headers = if headers.is_empty() { String::new() } else { format!("{headers}\r\n") };
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        let request = format!("{head}{headers}Content-Length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    pub(crate) async fn events(&self, path: &str, headers: &str) -> Events {
        let mut events =
            Events { stream: self.open_request("GET", path, headers).await, text: String::new() };
        let head = events.until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        events
    }

    /// Stops the gateway and waits until it has ended.
    pub(crate) async fn stop(&mut self) {
        drop(self.stop.take());
        timeout(PATIENCE, &mut self.running).await.unwrap().unwrap();
    }
}

/// A client's end of a WebSocket.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    pub(crate) async fn say(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.unwrap();
    }

    /// Returns the next message that is not about the connection; its end as `closed CODE`.
    pub(crate) async fn next(&mut self) -> String {
        loop {
            match timeout(PATIENCE, self.0.next()).await.unwrap() {
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(Message::Binary(bytes))) => return format!("binary {bytes:?}"),
                Some(Ok(Message::Close(frame))) => {
                    return format!("closed {}", frame.map_or(0, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return format!("error {error}"),
                None => return "gone".to_owned(),
            }
        }
    }

    pub(crate) fn of(stream: WebSocketStream<TcpStream>) -> Self {
        Socket(stream)
    }

    /// Says something, and returns the answer.
    pub(crate) async fn ask(&mut self, request: Value) -> Value {
        self.say(request.to_string()).await;
        self.heard().await
    }

    /// Returns the next message, as JSON.
    pub(crate) async fn heard(&mut self) -> Value {
        let text = self.next().await;
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
    }

    /// Reads nothing more, but keeps the connection.
    pub(crate) fn stall(self) -> WebSocketStream<TcpStream> {
        self.0
    }
}

/// A client's end of an event stream.
pub(crate) struct Events {
    stream: TcpStream,
    text: String,
}

impl Events {
    /// Returns what comes up to and without a mark.
    async fn until(&mut self, mark: &str) -> String {
        loop {
            if let Some((found, rest)) = self.text.split_once(mark) {
                let (found, rest) = (found.to_owned(), rest.to_owned());
                self.text = rest;
                return found;
            }
            let mut buffer = [0; 4096];
            let count = timeout(PATIENCE, self.stream.read(&mut buffer)).await.unwrap().unwrap();
            assert!(count > 0, "the stream has ended: {}", self.text);
            self.text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
    }

    /// Returns the next event, as it was sent, without the empty line.
    pub(crate) async fn next(&mut self) -> String {
        loop {
            // A chunk: its length, then the events in it.
            let event = self.until("\n\n").await;
            let event = event.trim_start_matches("\r\n").split("\r\n").last().unwrap().to_owned();
            if !event.starts_with("retry") && event != ":" {
                return event;
            }
        }
    }
}
