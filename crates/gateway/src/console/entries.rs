//! Entries of a stream: pages of them, a search through them, one of them.

use std::sync::Arc;

use firth::EntryId;
use firth::backend::{Backend, Entry, Order, Range};
use serde_json::{Value, json};

use super::ask::Ask;
use super::problem::Problem;
use super::routes::Answer;
use super::value::{Extent, entry as told};

/// How many entries a search looks at per request.
pub(crate) const SCANNED_MAX: usize = 20_000;

/// How many entries a search reads at a time.
const STEP: usize = 1000;

const ENTRIES_USUAL: usize = 100;

/// Which entries are looked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Search {
    /// Within names and values, without regard to case.
    text: Option<String>,
    /// Only in this field.
    field: Option<String>,
}

/// A walk through a stream, as far as one request may go.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    pub(crate) stream: Arc<str>,
    pub(crate) from: EntryId,
    pub(crate) to: EntryId,
    pub(crate) order: Order,
    pub(crate) limit: usize,
}

/// What a walk has found.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    pub(crate) entries: Vec<Entry>,
    /// Where it goes on; `None` if there is nothing more.
    pub(crate) next: Option<EntryId>,
    pub(crate) scanned: usize,
}

impl Search {
    pub(crate) fn of(ask: &Ask) -> Self {
        let text = ask.text("match").map(str::to_lowercase);
        Search { text, field: ask.text("field").map(str::to_owned) }
    }

    pub(crate) fn finds(&self, entry: &Entry) -> bool {
        let has = |bytes: &[u8]| match &self.text {
            None => true,
            Some(text) => String::from_utf8_lossy(bytes).to_lowercase().contains(text),
        };
        match &self.field {
            Some(field) => {
                let mut named = entry.fields.iter().filter(|(name, _)| name == field.as_bytes());
                named.any(|(_, value)| has(value))
            }
            None => {
                self.text.is_none()
                    || entry.fields.iter().any(|(name, value)| has(name) || has(value))
            }
        }
    }
}

impl Walk {
    /// Walks until enough is found, or enough was looked at, or there is nothing more.
    pub(crate) async fn through(
        mut self,
        backend: &Arc<dyn Backend>,
        mut is_wanted: impl FnMut(&Entry) -> bool,
    ) -> Result<Walked, Problem> {
        let mut walked = Walked::default();
        while walked.entries.len() < self.limit && walked.scanned < SCANNED_MAX {
            // Where all are wanted, no more is read than is shown.
            let first = if walked.scanned == 0 { self.limit + 1 } else { STEP };
            let limit = first.min(STEP);
            let range = Range {
                stream: Arc::clone(&self.stream),
                from: self.from,
                to: self.to,
                order: self.order,
                limit,
            };
            let entries = backend.range(range).await?;
            let is_end = entries.len() < limit;
            for entry in entries {
                if walked.entries.len() >= self.limit {
                    walked.next = Some(entry.id);
                    return Ok(walked);
                }
                walked.scanned += 1;
                let behind = match self.order {
                    Order::Forward => entry.id.next(),
                    Order::Backward => entry.id.prev(),
                };
                if is_wanted(&entry) {
                    walked.entries.push(entry);
                }
                match (behind, self.order) {
                    (None, _) => return Ok(walked),
                    (Some(behind), Order::Forward) => self.from = behind,
                    (Some(behind), Order::Backward) => self.to = behind,
                }
            }
            if is_end {
                return Ok(walked);
            }
        }
        walked.next = Some(match self.order {
            Order::Forward => self.from,
            Order::Backward => self.to,
        });
        Ok(walked)
    }
}

impl Walked {
    /// Tells what was found, each entry in a way of one's own.
    pub(crate) fn told(&self, tell: impl Fn(&Entry) -> Value) -> Value {
        let items: Vec<Value> = self.entries.iter().map(tell).collect();
        json!({"items": items, "next": self.next, "scanned": self.scanned})
    }
}

impl Ask {
    /// Returns which entries are asked for.
    pub(crate) fn walk(&self, usual: Order) -> Result<Walk, Problem> {
        self.walk_of(self.name("stream")?, usual)
    }

    /// Returns which entries of a stream are asked for.
    pub(crate) fn walk_of(&self, stream: Arc<str>, usual: Order) -> Result<Walk, Problem> {
        let order = match self.text("order") {
            None => usual,
            Some("asc") => Order::Forward,
            Some("desc") => Order::Backward,
            Some(_) => return Err(Problem::malformed("order is asc or desc")),
        };
        Ok(Walk {
            stream,
            from: self.id("from", 0)?.unwrap_or(EntryId::MIN),
            to: self.id("to", u64::MAX)?.unwrap_or(EntryId::MAX),
            order,
            limit: self.limit(ENTRIES_USUAL)?,
        })
    }

    /// Returns an id of the query; a time alone stands for the id with that number behind it.
    fn id(&self, name: &str, seq: u64) -> Result<Option<EntryId>, Problem> {
        match self.text(name) {
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok(self.parsed::<u64>(name)?.map(|ms| EntryId::new(ms, seq)))
            }
            _ => self.parsed(name),
        }
    }
}

/// `GET entries`
pub(crate) async fn list(ask: Ask) -> Result<Answer, Problem> {
    let (walk, search) = (ask.walk(Order::Backward)?, Search::of(&ask));
    let broker = ask.broker().await?;
    let walked = walk.through(broker.backend(), |entry| search.finds(entry)).await?;
    Ok(Answer::Json(walked.told(|entry| told(entry, Extent::Beginning))))
}

/// `GET entry`
pub(crate) async fn one(ask: Ask) -> Result<Answer, Problem> {
    let stream = ask.name("stream")?;
    let id = ask.parsed("id")?.ok_or_else(|| Problem::malformed("the query lacks id"))?;
    let entries = ask.broker().await?.backend().range(Range::one(stream, id)).await?;
    let entry = entries.first().ok_or_else(|| Problem::not_found("there is no such entry"))?;
    Ok(Answer::Json(told(entry, Extent::Whole)))
}
