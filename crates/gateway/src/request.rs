//! What a client may say on `/ws`, and how it is answered. docs/gateway-protocol.md tells it to those who write clients.

use std::sync::Arc;

use axum::http::StatusCode;
use firth::EntryId;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::admission::Refused;
use crate::frame::Frame;
use crate::operations::{HistoryQuery, Marking};

/// A message from a client.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope {
    /// The client's own number for it, which the answer repeats.
    #[serde(default)]
    pub(crate) seq: Option<u64>,
    #[serde(flatten)]
    pub(crate) request: Request,
}

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub(crate) enum Request {
    Subscribe {
        #[serde(flatten)]
        target: Target,
        /// For a stream or an inbox: behind which entry to begin.
        #[serde(default)]
        after: Option<EntryId>,
        /// For a channel: whether to be told of who comes and goes.
        #[serde(default)]
        presence: bool,
    },
    Unsubscribe {
        #[serde(flatten)]
        target: Target,
    },
    Publish {
        channel: String,
        data: Value,
    },
    Append {
        stream: String,
        fields: Map<String, Value>,
    },
    Presence {
        channel: String,
    },
    History {
        stream: String,
        #[serde(flatten)]
        query: HistoryQuery,
    },
    Inbox {
        #[serde(default)]
        limit: Option<usize>,
    },
    Read {
        #[serde(flatten)]
        marking: Marking,
    },
    Ping,
}

/// What is subscribed to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Target {
    Channel(Arc<str>),
    Stream(Arc<str>),
    /// The inbox of the user.
    Inbox(bool),
}

/// Reads a message.
pub(crate) fn parse(text: &str) -> Result<Envelope, (Option<u64>, Refused)> {
    serde_json::from_str(text).map_err(|error| {
        let value: Option<Value> = serde_json::from_str(text).ok();
        let seq = value.and_then(|value| value.get("seq")?.as_u64());
        (seq, Refused::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
    })
}

/// Writes the answer to a request. `content` must be an object.
pub(crate) fn answer(seq: Option<u64>, content: Result<Value, Refused>) -> Frame {
    let mut message = match content {
        Ok(mut content) => {
            content["type"] = "reply".into();
            content
        }
        Err(refused) => {
            json!({"type": "error", "code": code(refused.status), "text": refused.text})
        }
    };
    if let Some(seq) = seq {
        message["seq"] = seq.into();
    }
    Frame::text(&message.to_string())
}

/// Returns the word for why a request was refused.
fn code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "denied",
        StatusCode::UNPROCESSABLE_ENTITY => "malformed",
        StatusCode::TOO_MANY_REQUESTS => "limit",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        _ => "refused",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    fn check(text: &str, expect: &str) {
        let said = match parse(text) {
            Ok(envelope) => format!("{:?} {:?}", envelope.seq, envelope.request),
            Err((seq, refused)) => format!("{seq:?} {}", refused.text),
        };
        assert!(said.contains(expect), "{said}");
    }

    #[test]
    fn messages_are_read() {
        let subscribe = r#"{"do":"subscribe","channel":"c","presence":true,"seq":1}"#;
        check(
            subscribe,
            r#"Some(1) Subscribe { target: Channel("c"), after: None, presence: true }"#,
        );
        let follow = r#"{"do":"subscribe","stream":"s","after":"5-1"}"#;
        check(
            follow,
            r#"None Subscribe { target: Stream("s"), after: Some(EntryId { ms: 5, seq: 1 })"#,
        );
        check(r#"{"do":"subscribe","inbox":true}"#, "target: Inbox(true)");
        check(r#"{"do":"read","upTo":"5-1"}"#, "UpTo(EntryId { ms: 5, seq: 1 })");
        check(r#"{"do":"read","ids":["5-1"]}"#, "Ids([EntryId { ms: 5, seq: 1 }])");
        check(r#"{"do":"ping"}"#, "None Ping");
    }

    #[test]
    fn mistakes_are_named() {
        check(r#"{"do":"dance","seq":7}"#, "Some(7) unknown variant `dance`");
        check(r#"{"do":"subscribe"}"#, "no variant of enum Target");
        check(r#"{"do":"publish","channel":"c"}"#, "missing field `data`");
        check(r#"{"do":"subscribe","stream":"s","after":"x"}"#, "ms-seq");
        check("[]", "");
        check("nonsense", "None expected");
    }
}
