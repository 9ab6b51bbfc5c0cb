//! What the servers behind the broker tell of themselves.

use std::sync::Arc;

use firth::backend::{Inspected, Inspection, Record};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::ask::Ask;
use super::listing::{Matcher, Sort, Source, page};
use super::problem::Problem;
use super::routes::Answer;
use crate::clock::unix_time_ms;

const SLOW_USUAL: usize = 100;

/// Settings whose values are secrets have one of these in their names.
const SECRETS: [&str; 4] = ["pass", "auth", "secret", "api-key"];

/// A connection to a server.
#[derive(Debug, Serialize)]
struct ClientRow {
    node: Arc<str>,
    fields: Map,
}

/// Names and values, in their order.
#[derive(Debug)]
struct Map(Vec<(Arc<str>, Arc<str>)>);

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl ClientRow {
    fn text(&self, name: &str) -> &str {
        let field = self.fields.0.iter().find(|(known, _)| **known == *name);
        field.map_or("", |(_, value)| value)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.text(name).parse().ok()
    }
}

const CLIENT_SORTS: &[Sort<ClientRow>] = &[
    ("id", |a, b| (&a.node, a.number("id")).cmp(&(&b.node, b.number("id")))),
    ("age", |a, b| a.number("age").cmp(&b.number("age"))),
    ("idle", |a, b| a.number("idle").cmp(&b.number("idle"))),
    ("name", |a, b| a.text("name").cmp(b.text("name"))),
    ("address", |a, b| a.text("addr").cmp(b.text("addr"))),
    ("command", |a, b| a.text("cmd").cmp(b.text("cmd"))),
    ("memory", |a, b| a.number("tot-mem").cmp(&b.number("tot-mem"))),
];

impl Ask {
    async fn records(&self, inspection: Inspection) -> Result<Vec<Record>, Problem> {
        match self.broker().await?.backend().inspect(inspection).await? {
            Inspected::Records(records) => Ok(records),
            _ => Ok(Vec::new()),
        }
    }
}

/// `GET clients`
pub(crate) async fn clients(ask: Ask) -> Result<Answer, Problem> {
    let records = ask.records(Inspection::Clients).await?;
    let row = |record: Record| ClientRow { node: record.node, fields: Map(record.fields) };
    let rows: Vec<_> = records.into_iter().map(row).collect();
    let source = Source { as_of_ms: unix_time_ms(), is_complete: true };
    let name =
        |row: &ClientRow| ["addr", "name", "cmd", "lib-name"].map(|name| row.text(name)).join(" ");
    page(&ask, source, &rows, name, CLIENT_SORTS).map(Answer::Json)
}

/// `GET slow-log`
pub(crate) async fn slow_log(ask: Ask) -> Result<Answer, Problem> {
    let limit = ask.limit(SLOW_USUAL)?;
    let asked = Inspection::SlowCommands { limit };
    let slow = match ask.broker().await?.backend().inspect(asked).await? {
        Inspected::SlowCommands(slow) => slow,
        _ => Vec::new(),
    };
    let told = |slow: &firth::backend::SlowCommand| {
        json!({
            "node": slow.node, "id": slow.id, "atMs": slow.at_s * 1000, "tookUs": slow.took_us,
            "args": slow.args, "client": slow.client, "name": slow.name,
        })
    };
    let items: Vec<Value> = slow.iter().take(limit).map(told).collect();
    Ok(Answer::Json(json!({"items": items})))
}

/// `GET config`
pub(crate) async fn config(ask: Ask) -> Result<Answer, Problem> {
    let matcher = Matcher::of(ask.text("match"));
    let mut items = Vec::new();
    for record in ask.records(Inspection::Settings).await? {
        for (name, value) in &record.fields {
            if matcher.matches(name) {
                let value = shown(name, value);
                items.push(json!({"node": record.node, "name": name, "value": value}));
            }
        }
    }
    Ok(Answer::Json(json!({"items": items})))
}

fn shown<'v>(name: &str, value: &'v str) -> &'v str {
    let is_secret = SECRETS.iter().any(|secret| name.contains(secret));
    if is_secret && !value.is_empty() { "***" } else { value }
}

/// `GET acl`
pub(crate) async fn acl(ask: Ask) -> Result<Answer, Problem> {
    let records = ask.records(Inspection::Users).await?;
    let told = |record: &Record| {
        json!({
            "node": record.node, "user": record.get("user"), "rules": record.get("rules"),
        })
    };
    let items: Vec<Value> = records.iter().map(told).collect();
    Ok(Answer::Json(json!({"items": items})))
}

/// `GET info`
pub(crate) async fn info(ask: Ask) -> Result<Answer, Problem> {
    let records = ask.records(Inspection::Report).await?;
    let told = |record: Record| json!({"node": record.node, "fields": Map(record.fields)});
    let items: Vec<Value> = records.into_iter().map(told).collect();
    Ok(Answer::Json(json!({"items": items})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        for name in ["requirepass", "masterauth", "tls-key-file-pass", "gateway-secret"] {
            assert_eq!((shown(name, "x"), shown(name, "")), ("***", ""), "{name}");
        }
        assert_eq!(shown("maxmemory", "0"), "0");
    }
}
