//! Dead letters, to look at: which there are, and for which reasons.

use std::collections::BTreeMap;
use std::sync::Arc;

use firth::EntryId;
use firth::backend::{Entry, Order};
use serde::Serialize;
use serde_json::{Value, json};

use super::ask::Ask;
use super::catalogue::StreamRow;
use super::entries::{Search, Walk};
use super::listing::{Sort, page};
use super::problem::Problem;
use super::routes::Answer;
use super::value::{Extent, fields};

/// What a dead letter says of itself before the fields of the entry; the last two may be absent.
const HEAD: [&str; 7] = [
    "original_stream",
    "original_id",
    "original_group",
    "reason",
    "moved_at",
    "deliveries",
    "error_chain",
];

/// How many of them there are at least.
const HEAD_MIN: usize = 5;

/// A stream of dead letters.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LettersRow {
    stream: Arc<str>,
    length: u64,
    oldest_ms: Option<u64>,
    newest_ms: Option<u64>,
}

const SORTS: &[Sort<LettersRow>] = &[
    ("stream", |a, b| a.stream.cmp(&b.stream)),
    ("length", |a, b| a.length.cmp(&b.length)),
    ("oldest", |a, b| a.oldest_ms.cmp(&b.oldest_ms)),
    ("newest", |a, b| a.newest_ms.cmp(&b.newest_ms)),
];

/// How many dead letters of a kind there are.
#[derive(Clone, Copy, Debug)]
struct Kind {
    count: u64,
    oldest_ms: u64,
    newest_ms: u64,
}

/// Which dead letters are meant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Which {
    pub(crate) reason: Option<String>,
    pub(crate) original: Option<String>,
    pub(crate) group: Option<String>,
}

impl Which {
    pub(crate) fn is(&self, letter: &Entry) -> bool {
        let says = |name, wanted: &Option<String>| {
            wanted.as_deref().is_none_or(|wanted| head(letter, name) == wanted)
        };
        says("reason", &self.reason)
            && says("original_stream", &self.original)
            && says("original_group", &self.group)
    }
}

fn head<'l>(letter: &'l Entry, name: &str) -> &'l str {
    letter.fields.text(name).unwrap_or_default()
}

/// `GET dead-letters`
pub(crate) async fn list(ask: Ask) -> Result<Answer, Problem> {
    let catalogue = ask.catalogue().await?;
    let row = |row: &StreamRow| LettersRow {
        stream: Arc::clone(&row.name),
        length: row.length,
        oldest_ms: row.oldest_ms,
        newest_ms: row.newest_ms,
    };
    let rows: Vec<_> = catalogue.streams.iter().filter(|row| row.dead_letter).map(row).collect();
    let name = |row: &LettersRow| row.stream.to_string();
    page(&ask, catalogue.source(), &rows, name, SORTS).map(Answer::Json)
}

/// `GET dead-letters/reasons`
pub(crate) async fn reasons(ask: Ask) -> Result<Answer, Problem> {
    let mut kinds: BTreeMap<[String; 3], Kind> = BTreeMap::new();
    let is_complete = ask
        .look_through(|letter| {
            let kind = ["reason", "original_stream", "original_group"];
            let kind = kind.map(|name| head(letter, name).to_owned());
            let ms = letter.id.ms;
            let kind = kinds.entry(kind).or_insert(Kind { count: 0, oldest_ms: ms, newest_ms: ms });
            kind.count += 1;
            kind.oldest_ms = ms.min(kind.oldest_ms);
            kind.newest_ms = ms.max(kind.newest_ms);
        })
        .await?;
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, kind)| std::cmp::Reverse(kind.count));
    let told = |([reason, original, group], kind): ([String; 3], Kind)| {
        json!({
            "reason": reason, "original": original, "group": group, "count": kind.count,
            "oldestMs": kind.oldest_ms, "newestMs": kind.newest_ms,
        })
    };
    let items: Vec<Value> = kinds.into_iter().map(told).collect();
    Ok(Answer::Json(json!({"items": items, "complete": is_complete})))
}

/// `GET dead-letters/letters`
pub(crate) async fn letters(ask: Ask) -> Result<Answer, Problem> {
    let (walk, search) = (ask.walk(Order::Backward)?, Search::of(&ask));
    let wanted = |name| ask.text(name).map(str::to_owned);
    let which =
        Which { reason: wanted("reason"), original: wanted("original"), group: wanted("group") };
    let broker = ask.broker().await?;
    let is_wanted = |letter: &Entry| which.is(letter) && search.finds(letter);
    let walked = walk.through(broker.backend(), is_wanted).await?;
    Ok(Answer::Json(walked.told(told)))
}

/// Returns how many fields at the beginning of a letter are not the entry's own; 0 if it is no letter.
pub(crate) fn head_len(letter: &Entry) -> usize {
    let mut seen = [false; HEAD.len()];
    let mut count = 0;
    for (name, _) in letter.fields.iter() {
        // A name that comes again is the entry's own.
        let place = HEAD.iter().position(|known| name == known.as_bytes());
        match place.and_then(|place| seen.get_mut(place)) {
            Some(seen) if !*seen => *seen = true,
            _ => break,
        }
        count += 1;
    }
    if count < HEAD_MIN { 0 } else { count }
}

/// Tells a dead letter.
pub(crate) fn told(letter: &Entry) -> Value {
    let number = |name| head(letter, name).parse::<u64>().ok();
    let rest = letter.fields.iter().skip(head_len(letter));
    let chain = serde_json::from_str::<Value>(head(letter, "error_chain"));
    json!({
        "id": letter.id,
        "movedAtMs": number("moved_at").unwrap_or(letter.id.ms),
        "originalStream": head(letter, "original_stream"),
        "originalId": head(letter, "original_id"),
        "originalGroup": head(letter, "original_group"),
        "reason": head(letter, "reason"),
        "deliveries": number("deliveries"),
        "errorChain": chain.unwrap_or_else(|_| json!([])),
        "fields": fields(rest, Extent::Beginning),
    })
}

impl Ask {
    /// Looks at the newest entries of a stream; returns whether these are all.
    pub(crate) async fn look_through(&self, mut look: impl FnMut(&Entry)) -> Result<bool, Problem> {
        let walk = Walk {
            stream: self.name("stream")?,
            from: EntryId::MIN,
            to: EntryId::MAX,
            order: Order::Backward,
            limit: 1,
        };
        let broker = self.broker().await?;
        // Nothing is wanted, so that the walk goes on until it has looked at enough.
        let nothing = |entry: &Entry| {
            look(entry);
            false
        };
        let walked = walk.through(broker.backend(), nothing).await?;
        Ok(walked.next.is_none())
    }
}
