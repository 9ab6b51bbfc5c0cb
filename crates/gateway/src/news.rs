//! What sockets are told of: encoded once for each form, and shared by all.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use firth::EntryId;
use firth::backend::{Entry, Fields};
use serde::ser::{SerializeMap as _, SerializeStruct as _};
use serde::{Serialize, Serializer};

use crate::frame::Frame;
use crate::outbox::{Outbox, Put};
use crate::presence::Present;

/// How something is put to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A WebSocket message that is what was published, and nothing else.
    Plain,
    /// A WebSocket message of the protocol.
    Json,
    /// An event whose data is what was published.
    PlainEvent,
    /// An event whose data is a message of the protocol.
    JsonEvent,
    /// A WebSocket message of the protocol that tells what was read of an inbox.
    Marks,
    /// An event whose data is such a message.
    MarksEvent,
}

/// Something that has happened.
#[derive(Debug)]
pub(crate) struct News {
    what: What,
    frames: [OnceLock<Option<Frame>>; 6],
}

/// What has happened.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum What {
    /// Something was published.
    Message {
        channel: Arc<str>,
        #[serde(flatten)]
        data: Data,
    },
    /// An entry was added to a stream.
    Entry {
        stream: Arc<str>,
        id: EntryId,
        #[serde(serialize_with = "fields_as_map")]
        fields: Fields,
    },
    /// A notification is in the inbox.
    Notification {
        id: EntryId,
        #[serde(flatten)]
        data: Data,
        read: bool,
    },
    /// Notifications were marked as read.
    Read {
        #[serde(flatten)]
        marks: serde_json::Value,
    },
    /// Something may have been missed between what came before and what comes next.
    Gap {
        #[serde(flatten)]
        place: Place,
        reason: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        missed: Option<u64>,
    },
    /// What was followed is followed no more.
    Ended {
        #[serde(flatten)]
        place: Place,
        error: String,
    },
    /// Who is on a channel.
    Present {
        channel: Arc<str>,
        #[serde(flatten)]
        present: Present,
    },
    /// Somebody has come to a channel.
    Join { channel: Arc<str>, user: Arc<str> },
    /// Somebody has left a channel.
    Leave { channel: Arc<str>, user: Arc<str> },
}

/// Where something may have been missed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    Channel(Arc<str>),
    Stream(Arc<str>),
    Inbox(bool),
}

/// Bytes as `"data": "text"`, or as `"base64": "..."` if they are no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Data(pub(crate) Bytes);

impl News {
    pub(crate) fn new(what: What) -> Arc<Self> {
        Arc::new(News { what, frames: Default::default() })
    }

    /// Returns it as it is sent in one of the forms; `None` if that form has no words for it.
    fn frame(&self, form: Form) -> Option<Frame> {
        let [plain, json, plain_event, json_event, marks, marks_event] = &self.frames;
        let (once, encode): (_, fn(&What) -> Option<Frame>) = match form {
            Form::Plain => (plain, plain_of),
            Form::Json => (json, json_of),
            Form::PlainEvent => (plain_event, plain_event_of),
            Form::JsonEvent => (json_event, json_event_of),
            Form::Marks => (marks, marks_of),
            Form::MarksEvent => (marks_event, marks_event_of),
        };
        once.get_or_init(|| encode(&self.what)).clone()
    }
}

impl Outbox {
    /// Puts news in and sends them, unless that form has no words for them.
    pub(crate) fn tell(&self, news: &News, form: Form) {
        if self.note(news, form) == Some(Put::Due) {
            self.flush();
        }
    }

    /// Puts news in without sending them yet; `None` if that form has no words for them.
    pub(crate) fn note(&self, news: &News, form: Form) -> Option<Put> {
        news.frame(form).map(|frame| self.put(frame))
    }
}

fn plain_of(what: &What) -> Option<Frame> {
    let What::Message { data: Data(payload), .. } = what else { return None };
    Some(match std::str::from_utf8(payload) {
        Ok(text) => Frame::text(text),
        Err(_) => Frame::binary(payload),
    })
}

fn json_of(what: &What) -> Option<Frame> {
    serde_json::to_string(what).ok().map(|json| Frame::text(&json))
}

fn plain_event_of(what: &What) -> Option<Frame> {
    match what {
        What::Message { data: Data(payload), .. } => {
            Some(event(None, "", &String::from_utf8_lossy(payload)))
        }
        What::Gap { reason, .. } => Some(event(None, "gap", reason)),
        _ => None,
    }
}

fn json_event_of(what: &What) -> Option<Frame> {
    let json = serde_json::to_string(what).ok()?;
    Some(match what {
        What::Entry { id, .. } | What::Notification { id, .. } => event(Some(*id), "", &json),
        _ => event(None, "", &json),
    })
}

/// Returns what a message on the channel of an inbox's marks tells; gaps there matter to nobody, since the inbox itself
/// can be asked.
fn marks_json(what: &What) -> Option<String> {
    let What::Message { data: Data(payload), .. } = what else { return None };
    let marks: serde_json::Value = serde_json::from_slice(payload).ok()?;
    let is_object = marks.is_object();
    is_object.then(|| serde_json::to_string(&What::Read { marks }).ok())?
}

fn marks_of(what: &What) -> Option<Frame> {
    marks_json(what).map(|json| Frame::text(&json))
}

fn marks_event_of(what: &What) -> Option<Frame> {
    marks_json(what).map(|json| event(None, "", &json))
}

/// Writes an event of an event stream. Each line of the data becomes a line of its own; a lone carriage return, which
/// the format has no words for, arrives as the end of a line.
pub(crate) fn event(id: Option<EntryId>, name: &str, data: &str) -> Frame {
    let mut text = String::with_capacity(data.len() + 32);
    if let Some(id) = id {
        _ = writeln!(text, "id: {id}");
    }
    if !name.is_empty() {
        _ = writeln!(text, "event: {name}");
    }
    for line in data.replace("\r\n", "\n").split(['\n', '\r']) {
        text.push_str("data: ");
        text.push_str(line);
        text.push('\n');
    }
    text.push('\n');
    Frame::raw(text)
}

/// Returns what tells a browser alone where it is in a stream: an event without data is none that a page sees.
pub(crate) fn place(id: EntryId) -> Frame {
    Frame::raw(format!("id: {id}\n\n"))
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut data = serializer.serialize_struct("Data", 1)?;
        match std::str::from_utf8(&self.0) {
            Ok(text) => data.serialize_field("data", text)?,
            Err(_) => data.serialize_field("base64", &STANDARD.encode(&self.0))?,
        }
        data.end()
    }
}

/// Fields as an object, in their order. A value that is no text is an object with `base64`.
pub(crate) fn fields_as_map<S: Serializer>(
    fields: &Fields,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(fields.len()))?;
    for (name, value) in fields.iter() {
        let name = String::from_utf8_lossy(name);
        match std::str::from_utf8(value) {
            Ok(text) => map.serialize_entry(&name, text)?,
            Err(_) => map.serialize_entry(&name, &Data(value.clone()))?,
        }
    }
    map.end()
}

/// Returns the news of an entry.
pub(crate) fn entry_of(stream: &Arc<str>, entry: Entry) -> What {
    What::Entry { stream: Arc::clone(stream), id: entry.id, fields: entry.fields }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    fn message(payload: &'static [u8]) -> What {
        What::Message { channel: "c".into(), data: Data(Bytes::from_static(payload)) }
    }

    #[track_caller]
    fn check(what: What, form: Form, expect: Option<&str>) {
        let frame = News::new(what).frame(form);
        assert_eq!(frame.as_ref().map(Frame::content), expect);
    }

    #[test]
    fn what_was_published_arrives_as_it_was() {
        check(message(br#"{"a": 1}"#), Form::Plain, Some(r#"{"a": 1}"#));
        check(message(b"\xff"), Form::Plain, Some("not text"));
        check(message(b"one\ntwo"), Form::PlainEvent, Some("data: one\ndata: two\n\n"));
        check(message(b""), Form::PlainEvent, Some("data: \n\n"));
    }

    #[test]
    fn the_protocol_has_words_for_everything() {
        let json = r#"{"type":"message","channel":"c","data":"hi\n"}"#;
        check(message(b"hi\n"), Form::Json, Some(json));
        let base64 = r#"{"type":"message","channel":"c","base64":"/w=="}"#;
        check(message(b"\xff"), Form::Json, Some(base64));
        let pairs: [(&[u8], &[u8]); 3] = [(b"b", b"1"), (b"a", b"\xff"), (b"b", b"2")];
        let fields = pairs.map(|(name, value)| (Bytes::from(name), Bytes::from(value)));
        let entry_news = || {
            entry_of(&"s".into(), Entry { id: EntryId::new(5, 1), fields: fields.clone().into() })
        };
        let json = r#"{"type":"entry","stream":"s","id":"5-1","fields":{"b":"1","a":{"base64":"/w=="},"b":"2"}}"#;
        check(entry_news(), Form::Json, Some(json));
        check(entry_news(), Form::JsonEvent, Some(&format!("id: 5-1\ndata: {json}\n\n")));
        check(entry_news(), Form::Plain, None);
        let gap = || {
            let place = Place::Channel("c".into());
            What::Gap { place, reason: "reconnected", missed: None }
        };
        let json = r#"{"type":"gap","channel":"c","reason":"reconnected"}"#;
        check(gap(), Form::Json, Some(json));
        check(gap(), Form::Plain, None);
        let marks = r#"{"type":"read","upTo":"5-1","unread":1}"#;
        check(message(br#"{"upTo":"5-1","unread":1}"#), Form::Marks, Some(marks));
        check(message(b"nonsense"), Form::Marks, None);
        check(gap(), Form::Marks, None);
        check(gap(), Form::PlainEvent, Some("event: gap\ndata: reconnected\n\n"));
    }
}
