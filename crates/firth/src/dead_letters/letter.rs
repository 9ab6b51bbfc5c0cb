//! A dead letter: an entry that could not be handled, and why.
//!
//! It is an entry of a stream of its own. First comes where it is from and why it is dead, which is what
//! the document's `moveToDeadLetter` writes, and two fields of ours:
//!
//! | field | what it is |
//! |---|---|
//! | `original_stream`, `original_id`, `original_group` | where it is from |
//! | `reason` | why it is dead, in one line |
//! | `moved_at` | when it was moved, in Unix milliseconds |
//! | `deliveries` | how often it was delivered; absent in letters of the document's |
//! | `error_chain` | the error and its causes as a JSON array of texts; absent if it had none |
//!
//! Then come the fields of the entry as they were. The last of them is `firth_redriven` if the entry has
//! been among the dead letters before and was brought back: how often.

use std::sync::Arc;

use bytes::Bytes;

use crate::backend::{Append, Entry, Fields};
use crate::format::{Format, Item, Unreadable};
use crate::payload::{from_json, to_json};
use crate::{EntryId, clock};

/// How often an entry has been brought back: a field that travels with it.
const REDRIVEN: &str = "firth_redriven";

/// What a letter begins with.
const HEAD: [&str; 7] = [
    "original_stream",
    "original_id",
    "original_group",
    "reason",
    "moved_at",
    "deliveries",
    "error_chain",
];

/// An entry that could not be handled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter<T> {
    /// The identity of the letter in the stream of dead letters.
    pub id: EntryId,
    /// The stream that the entry is from.
    pub original_stream: Arc<str>,
    /// The entry's identity there.
    pub original_id: EntryId,
    /// The group that could not handle it.
    pub original_group: Arc<str>,
    /// Why, in one line.
    pub reason: String,
    /// The error and its causes, the outermost first; empty if it had no causes.
    pub error_chain: Vec<String>,
    /// When it was moved to the dead letters, in Unix milliseconds.
    pub moved_at_ms: u64,
    /// How often it had been delivered; `None` if who moved it did not say.
    pub deliveries: Option<u64>,
    /// How often it had been brought back from the dead letters before.
    pub redriven: u32,
    /// The content of the entry as it was.
    pub fields: Fields,
    /// The value that the entry stands for, if it does.
    pub value: Result<T, Unreadable>,
}

/// Why an entry is dead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Death<'d> {
    pub(crate) stream: &'d str,
    pub(crate) group: &'d str,
    pub(crate) id: EntryId,
    /// The error, and its causes a line each.
    pub(crate) reason: &'d str,
    pub(crate) deliveries: u64,
}

/// Returns the append of a dead letter.
pub(crate) fn letter(dead_letters: &Arc<str>, death: &Death<'_>, fields: &Fields) -> Append {
    let chain: Vec<&str> = death.reason.lines().filter(|line| !line.trim().is_empty()).collect();
    let mut letter = Fields::from([
        ("original_stream", death.stream.to_owned()),
        ("original_id", death.id.to_string()),
        ("original_group", death.group.to_owned()),
        ("reason", chain.first().copied().unwrap_or_default().to_owned()),
        ("moved_at", clock::now_ms().to_string()),
        ("deliveries", death.deliveries.to_string()),
    ]);
    if chain.len() > 1
        && let Ok(json) = to_json(&chain)
    {
        letter.push("error_chain", json);
    }
    letter.extend(fields.iter().cloned());
    Append::new(Arc::clone(dead_letters), letter)
}

/// Reads a letter; whatever else is in the stream is handed over as it is.
pub(crate) fn read<T>(entry: Entry, format: Format<T>) -> Item<DeadLetter<T>> {
    let id = entry.id;
    let letter = Head::split(&entry.fields).and_then(|(head, fields)| head.letter(id, fields));
    let value = match letter {
        Some(letter) => Ok(letter.map(format)),
        None => {
            let reason = "it is not a dead letter".to_owned();
            Err(Unreadable { fields: entry.fields, reason })
        }
    };
    Item { id, value }
}

/// The fields that a letter begins with, by their place in [`HEAD`].
#[derive(Default)]
struct Head([Option<Bytes>; HEAD.len()]);

impl Head {
    /// Takes the head off the fields, whatever its order. A name that comes again is the entry's own.
    fn split(fields: &Fields) -> Option<(Head, Fields)> {
        let mut head = Head::default();
        let mut count = 0;
        for (name, value) in fields.iter() {
            let place = HEAD.iter().position(|known| name == known.as_bytes());
            let Some(free) = place.and_then(|place| head.0.get_mut(place)) else { break };
            if free.is_some() {
                break;
            }
            *free = Some(value.clone());
            count += 1;
        }
        Some((head, fields.iter().skip(count).cloned().collect()))
    }

    fn letter(&self, id: EntryId, mut fields: Fields) -> Option<DeadLetter<()>> {
        let [stream, original_id, group, reason, moved_at, deliveries, chain] = &self.0;
        let text = |field: &Option<Bytes>| String::from_utf8(field.as_ref()?.to_vec()).ok();
        let number = |field: &Option<Bytes>| text(field)?.parse::<u64>().ok();
        let redriven = take_redriven(&mut fields);
        Some(DeadLetter {
            id,
            original_stream: text(stream)?.into(),
            original_id: text(original_id)?.parse().ok()?,
            original_group: text(group)?.into(),
            reason: text(reason)?,
            error_chain: chain.as_ref().and_then(|json| from_json(json).ok()).unwrap_or_default(),
            moved_at_ms: number(moved_at)?,
            deliveries: number(deliveries),
            redriven,
            fields,
            value: Ok(()),
        })
    }
}

/// Takes off the fields how often the entry has been brought back.
fn take_redriven(fields: &mut Fields) -> u32 {
    let Some((name, value)) = fields.iter().last() else { return 0 };
    let count = std::str::from_utf8(value).ok().and_then(|count| count.parse().ok());
    let Some(count) = count.filter(|_| name == REDRIVEN.as_bytes()) else { return 0 };
    *fields = fields.iter().take(fields.len() - 1).cloned().collect();
    count
}

impl DeadLetter<()> {
    fn map<T>(self, format: Format<T>) -> DeadLetter<T> {
        let entry = Entry { id: self.original_id, fields: self.fields.clone() };
        DeadLetter {
            id: self.id,
            original_stream: self.original_stream,
            original_id: self.original_id,
            original_group: self.original_group,
            reason: self.reason,
            error_chain: self.error_chain,
            moved_at_ms: self.moved_at_ms,
            deliveries: self.deliveries,
            redriven: self.redriven,
            fields: self.fields,
            value: format.item(entry).value,
        }
    }
}

impl<T> DeadLetter<T> {
    /// Returns the append that brings the entry back.
    pub(crate) fn revival(&self, stream: &Arc<str>) -> Append {
        let mut fields = self.fields.clone();
        fields.push(REDRIVEN, self.redriven.saturating_add(1).to_string());
        Append::new(Arc::clone(stream), fields)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    fn death(reason: &str) -> Death<'_> {
        Death { stream: "s", group: "g", id: EntryId::new(5, 1), reason, deliveries: 3 }
    }

    fn written(reason: &str, fields: &Fields) -> Fields {
        letter(&"dead".into(), &death(reason), fields).fields
    }

    fn check(fields: Fields) -> Option<DeadLetter<Fields>> {
        read(Entry { id: EntryId::new(9, 0), fields }, Format::raw()).value.ok()
    }

    #[test]
    fn what_is_written_is_read() {
        let fields = Fields::from([("reason", "its own"), ("a", "1")]);
        let letter = check(written("no stock\nout of tea\n\n", &fields)).unwrap();
        assert_eq!((&*letter.original_stream, &*letter.original_group), ("s", "g"));
        assert_eq!((letter.original_id, letter.id), (EntryId::new(5, 1), EntryId::new(9, 0)));
        assert_eq!((&*letter.reason, letter.deliveries), ("no stock", Some(3)));
        assert_eq!(letter.error_chain, ["no stock", "out of tea"]);
        assert_eq!((&letter.fields, letter.redriven), (&fields, 0));
        assert_eq!(letter.value, Ok(fields));
    }

    #[test]
    fn the_count_travels_with_the_entry() {
        let mut fields = Fields::from([("a", "1")]);
        for redriven in 0..3 {
            let letter = check(written("no", &fields)).unwrap();
            assert_eq!(letter.redriven, redriven);
            assert_eq!(letter.fields, Fields::from([("a", "1")]));
            fields = letter.revival(&"s".into()).fields;
        }
    }

    #[test]
    fn letters_of_the_document_are_read() {
        let mut fields = Fields::from([
            ("original_stream", "s"),
            ("original_id", "5-1"),
            ("original_group", "g"),
            ("reason", "no"),
            ("moved_at", "1700000000000"),
        ]);
        let bare = check(fields.clone()).unwrap();
        assert_eq!((bare.deliveries, bare.moved_at_ms), (None, 1_700_000_000_000));
        assert!(bare.fields.is_empty() && bare.error_chain.is_empty());
        fields.push("item", "tea");
        assert_eq!(check(fields).unwrap().fields, Fields::from([("item", "tea")]));
    }

    #[test]
    fn what_is_no_letter_is_handed_over() {
        for (name, value) in [("a", "1"), ("original_id", "x"), ("original_stream", "s")] {
            let fields = Fields::from([(name, value)]);
            let entry = Entry { id: EntryId::MIN, fields: fields.clone() };
            assert_eq!(read(entry, Format::raw()).value.unwrap_err().fields, fields);
        }
    }
}
