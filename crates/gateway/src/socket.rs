//! One WebSocket, from its beginning to its end.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use crate::access::Access;
use crate::admission::close_frame;
use crate::clock::unix_time_s;
use crate::closing::Closing;
use crate::gateway::Shared;
use crate::outbox::Halt;
use crate::rate::Rate;
use crate::sockets::Seat;

/// How long a client has to answer the end of the connection.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(2);

/// What a client may say on a socket, and what comes of it.
pub(crate) trait Conversation: Send {
    /// Takes a message. Nothing more is read until this has answered.
    fn hear(&mut self, text: Utf8Bytes) -> impl Future<Output = Result<(), Closing>> + Send;
}

/// Nothing a client says matters.
pub(crate) struct Monologue;

impl Conversation for Monologue {
    async fn hear(&mut self, _text: Utf8Bytes) -> Result<(), Closing> {
        Ok(())
    }
}

/// A WebSocket that is open.
pub(crate) struct OpenSocket<C> {
    shared: Arc<Shared>,
    seat: Seat,
    expires: Option<Instant>,
    conversation: C,
}

/// Why a socket ends.
enum End {
    /// We close it.
    Close(Closing),
    /// The client closes it, and waits for that to be answered.
    Left,
    /// It is gone.
    Gone,
}

impl From<Halt> for End {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Close(closing) => End::Close(closing),
            Halt::Gone => End::Gone,
        }
    }
}

impl<C: Conversation> OpenSocket<C> {
    pub(crate) fn new(shared: Arc<Shared>, seat: Seat, access: &Access, conversation: C) -> Self {
        let left_s = access.expires_s.map(|at_s| at_s.saturating_sub(unix_time_s()));
        let expires = left_s.map(|left_s| Instant::now() + Duration::from_secs(left_s));
        OpenSocket { shared, seat, expires, conversation }
    }

    /// Serves the socket until it ends.
    pub(crate) async fn serve(mut self, mut socket: WebSocket) {
        let closing = match self.converse(&mut socket).await {
            End::Close(closing) => Some(closing),
            End::Left => None,
            End::Gone => return,
        };
        if closing == Some(Closing::Slow) {
            self.shared.counts.slow.add(1);
        }
        // Whatever the reason was, nothing but the end of the conversation is sent now.
        self.seat.outbox.close(closing.unwrap_or(Closing::Stopping));
        let farewell = async {
            let is_told = match closing {
                Some(closing) => socket.send(close_frame(closing)).await.is_ok(),
                None => true,
            };
            // Reading on sends the answer that is due.
            while is_told && matches!(socket.recv().await, Some(Ok(_))) {}
        };
        _ = timeout(CLOSE_TIME_MAX, farewell).await;
    }

    async fn converse(&mut self, socket: &mut WebSocket) -> End {
        let outbox = Arc::clone(&self.seat.outbox);
        let limits = self.shared.limits;
        let mut driving = std::pin::pin!(outbox.drive(limits.write_timeout));
        let mut timer = Timer::new(limits.ping, self.expires);
        let mut rate = Rate::new(limits.messages_per_second);
        // What a client said last is worked on while it is sent what comes; meanwhile it is not heard.
        let mut said: Option<Utf8Bytes> = None;
        loop {
            if let Some(text) = said.take() {
                let mut answer = std::pin::pin!(self.conversation.hear(text));
                tokio::select! {
                    answered = &mut answer => {
                        if let Err(closing) = answered {
                            return End::Close(closing);
                        }
                    }
                    halt = &mut driving => return halt.into(),
                }
            }
            tokio::select! {
                halt = &mut driving => return halt.into(),
                message = socket.recv() => {
                    timer.is_heard = true;
                    match heard(message, &mut rate) {
                        Ok(text) => said = text,
                        Err(end) => return end,
                    }
                    self.shared.counts.requests.add(u64::from(said.is_some()));
                }
                tick = timer.tick() => {
                    if let Err(closing) = tick {
                        return End::Close(closing);
                    }
                    // This puts it into the queue, and never waits.
                    if socket.send(Message::Ping(Default::default())).await.is_err() {
                        return End::Gone;
                    }
                }
            }
        }
    }
}

/// Judges what has come from a client; text is handed on.
fn heard(
    message: Option<Result<Message, axum::Error>>,
    rate: &mut Rate,
) -> Result<Option<Utf8Bytes>, End> {
    let message = match message {
        None => return Err(End::Gone),
        Some(Err(error)) => {
            // The limit of a message has no error of its own in what we are given.
            let is_too_large = error.to_string().contains("too long");
            return Err(if is_too_large { End::Close(Closing::TooLarge) } else { End::Gone });
        }
        Some(Ok(message)) => message,
    };
    if !matches!(message, Message::Pong(_)) && !rate.allows() {
        return Err(End::Close(Closing::TooMany));
    }
    match message {
        Message::Text(text) => Ok(Some(text)),
        Message::Close(_) => Err(End::Left),
        _ => Ok(None),
    }
}

/// When a socket is pinged, and when it has been silent for too long.
struct Timer {
    ping: Duration,
    expires: Option<Instant>,
    is_heard: bool,
    sleep: std::pin::Pin<Box<Sleep>>,
}

impl Timer {
    fn new(ping: Duration, expires: Option<Instant>) -> Self {
        let sleep = Box::pin(sleep_until(first(ping, expires)));
        Timer { ping, expires, is_heard: true, sleep }
    }

    /// Waits until it is time for a ping, or to close the socket. Cancel-safe.
    async fn tick(&mut self) -> Result<(), Closing> {
        self.sleep.as_mut().await;
        if self.expires.is_some_and(|expires| expires <= Instant::now()) {
            return Err(Closing::Expired);
        }
        if !self.is_heard {
            return Err(Closing::Silent);
        }
        self.is_heard = false;
        self.sleep.as_mut().reset(first(self.ping, self.expires));
        Ok(())
    }
}

fn first(ping: Duration, expires: Option<Instant>) -> Instant {
    let next = Instant::now() + ping;
    expires.map_or(next, |expires| expires.min(next))
}
