//! The audit log: who has asked to change what, and what came of it.
//!
//! It is a stream of the backend, so that all gateways in front of it share it and it outlives them, and besides a line
//! in the log of this process, which the console cannot remove.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use firth::backend::{Append, Batch, Entry, Exactness, Fields, Keep, Order, Trim, Write};
use serde_json::{Value, json};

use super::ask::Ask;
use super::entries::Search;
use super::guard::address_text;
use super::problem::Problem;
use super::routes::Answer;
use super::sessions::Caller;
use crate::access::Role;
use crate::backend::soon;
use crate::clock::unix_time_ms;
use crate::gateway::Shared;

/// The stream.
pub(crate) const STREAM: &str = "firth:console:audit";

/// How many entries are kept, about.
const ENTRIES_MAX: u64 = 10_000;

/// Longer texts of a request are cut.
const TEXT_BYTES_MAX: usize = 256;

/// More values of a list are counted only.
const VALUES_MAX: usize = 20;

/// What was asked for, before it is known what comes of it.
#[derive(Debug)]
pub(crate) struct Note {
    at_ms: u64,
    user: Arc<str>,
    role: Option<Role>,
    action: &'static str,
    target: String,
    detail: Value,
    address: String,
}

impl Note {
    /// Takes down what is asked for.
    pub(crate) fn of(
        action: &'static str,
        caller: Option<&Caller>,
        address: Option<IpAddr>,
        body: &Bytes,
    ) -> Self {
        let mut detail = serde_json::from_slice(body).unwrap_or(Value::Null);
        for secret in ["password", "token"] {
            if let Some(value) = detail.get_mut(secret) {
                *value = "***".into();
            }
        }
        let target = ["stream", "channel", "id"].iter().find_map(|name| detail.get(name)?.as_str());
        Note {
            at_ms: unix_time_ms(),
            user: caller.and_then(|caller| caller.user.clone()).unwrap_or_default(),
            role: caller.map(|caller| caller.role),
            action,
            target: cut(target.unwrap_or_default()).to_owned(),
            detail: shortened(&detail),
            address: address_text(address),
        }
    }

    /// Notes what came of it.
    pub(crate) async fn write(self, shared: &Shared, outcome: String) {
        // What only looks changes nothing.
        if self.detail["dryRun"] != true {
            self.put(shared, &outcome).await;
        }
    }

    async fn put(self, shared: &Shared, outcome: &str) {
        let role =
            self.role.map(|role| json!(role)).and_then(|role| Some(role.as_str()?.to_owned()));
        let (role, detail) = (role.unwrap_or_default(), self.detail.to_string());
        tracing::info!(
            user = %self.user, %role, action = self.action, target = %self.target,
            %detail, %outcome, address = %self.address, "console"
        );
        let fields = Fields::from([
            ("at_ms", self.at_ms.to_string()),
            ("user", self.user.to_string()),
            ("role", role),
            ("action", self.action.to_owned()),
            ("target", self.target),
            ("detail", detail),
            ("outcome", cut(outcome).to_owned()),
            ("address", self.address),
        ]);
        let trim = Trim { keep: Keep::Newest(ENTRIES_MAX), exactness: Exactness::Approximate };
        let append = Append { trim: Some(trim), ..Append::new(STREAM, fields) };
        let written = soon(async {
            let broker = shared.backend.broker().await?;
            broker.backend().write(Batch::of(Write::Append(append))).await
        });
        if let Err(error) = written.await {
            tracing::warn!(error = %error.text, "the audit log could not be written");
        }
    }
}

/// Notes that somebody who is known asked for what they may not do.
pub(crate) async fn note_refused(
    shared: &Shared,
    action: &'static str,
    who: Option<&Caller>,
    address: Option<IpAddr>,
    problem: &Problem,
) {
    // Strangers must not be able to fill the log.
    if who.is_some() {
        let note = Note::of(action, who, address, &Bytes::new());
        note.put(shared, &problem.text).await;
    }
}

/// `GET audit`
pub(crate) async fn list(ask: Ask) -> Result<Answer, Problem> {
    let walk = ask.walk_of(STREAM.into(), Order::Backward)?;
    let (search, broker) = (Search::of(&ask), ask.broker().await?);
    let walked = walk.through(broker.backend(), |entry| search.finds(entry)).await?;
    Ok(Answer::Json(walked.told(told)))
}

fn told(entry: &Entry) -> Value {
    let text = |name| entry.fields.text(name).unwrap_or_default();
    let detail = serde_json::from_str::<Value>(text("detail")).unwrap_or(Value::Null);
    json!({
        "id": entry.id, "atMs": text("at_ms").parse::<u64>().unwrap_or(entry.id.ms),
        "user": text("user"), "role": text("role"), "action": text("action"),
        "target": text("target"), "detail": detail, "outcome": text("outcome"),
        "address": text("address"),
    })
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}

/// Shortens long texts and lists.
fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) if text.len() > TEXT_BYTES_MAX => format!("{}...", cut(text)).into(),
        Value::Array(values) if values.len() > VALUES_MAX => json!({"count": values.len()}),
        Value::Array(values) => values.iter().map(shortened).collect(),
        Value::Object(map) => {
            map.iter().map(|(name, value)| (name.clone(), shortened(value))).collect()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    fn noted(body: &Value) -> Note {
        Note::of("append", None, None, &Bytes::from(body.to_string()))
    }

    #[test]
    fn secrets_are_not_noted() {
        assert_eq!(noted(&json!({"password": "p"})).detail, json!({"password": "***"}));
        assert_eq!(noted(&json!({"token": "t"})).detail, json!({"token": "***"}));
    }

    #[test]
    fn what_is_long_is_cut() {
        let note = noted(&json!({"stream": "s", "ids": vec!["1-1"; 21], "x": "y".repeat(300)}));
        assert_eq!((&*note.target, &note.detail["ids"]), ("s", &json!({"count": 21})));
        assert_eq!(note.detail["x"].as_str().map(str::len), Some(259));
    }
}
