//! `firth tail`: prints the last entries of streams, and those that come.

use std::str::FromStr;

use anyhow::Result;
use clap::Args;
use firth::backend::Fields;
use firth::{EntryId, Item, ParseIdError, Stream, TailStart};
use futures_util::stream::{SelectAll, StreamExt as _};

use super::entry::{EntryLine, Field};
use super::link::Link;
use super::output::{Line, Output};

/// Prints the last entries of streams, and those that come
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// The streams
    #[arg(required = true)]
    streams: Vec<String>,
    /// Begins with so many of the last entries of each stream
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10, conflicts_with = "after")]
    lines: usize,
    /// Begins behind an entry: an id, `start` for the oldest entry, `end` for what comes from now on
    #[arg(short, long, value_name = "ID")]
    after: Option<After>,
    /// Prints only entries of which a field's name or value holds a text
    #[arg(short, long, value_name = "TEXT")]
    grep: Option<String>,
    /// Prints only entries with such a field; may be given several times
    #[arg(long = "field", value_name = "NAME=VALUE")]
    fields: Vec<Field>,
    /// Ends after so many entries
    #[arg(short, long, value_name = "N")]
    count: Option<u64>,
    /// Ends when all that is there has been printed
    #[arg(long)]
    no_follow: bool,
    #[command(flatten)]
    link: Link,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Start,
    End,
    Id(EntryId),
}

impl FromStr for After {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        match text {
            "start" => Ok(After::Start),
            "end" => Ok(After::End),
            id => id.parse().map(After::Id),
        }
    }
}

/// Which entries are printed.
#[derive(Debug)]
struct Filter {
    grep: Option<String>,
    fields: Vec<Field>,
    left: u64,
}

/// An entry of one of several streams.
struct Named(EntryLine);

impl serde::Serialize for Named {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Line for Named {
    fn text(&self) -> String {
        format!("{} {}", self.0.stream, self.0.text())
    }
}

impl Filter {
    fn takes(&self, entry: &EntryLine) -> bool {
        self.grep.as_ref().is_none_or(|text| entry.contains(text))
            && self.fields.iter().all(|field| entry.has(&field.name, &field.value))
    }
}

impl TailArgs {
    /// Runs `firth tail`.
    pub(crate) fn run(self) -> Result<()> {
        let left = self.count.unwrap_or(u64::MAX);
        let filter = Filter { grep: self.grep, fields: self.fields, left };
        let printer = Printer { filter, with_names: self.streams.len() > 1 };
        let (streams, begin) = (self.streams, self.after.ok_or(self.lines));
        let follow = !self.no_follow;
        self.link.run(async |broker, output| {
            let mut printer = printer;
            let mut tails = SelectAll::new();
            for name in streams {
                let stream = broker.raw_stream(name);
                let after = printer.begin(&stream, begin, output).await?;
                let tail = stream.tail(TailStart::After(after));
                tails.push(tail.map(move |item| (stream.name().clone(), item)).boxed());
            }
            while follow && printer.filter.left > 0 {
                let Some((name, item)) = tails.next().await else { break };
                printer.print(&name, &item?, output)?;
            }
            Ok(())
        })
    }
}

/// Prints entries that the filter takes.
#[derive(Debug)]
struct Printer {
    filter: Filter,
    with_names: bool,
}

impl Printer {
    /// Prints what is there already, and returns the entry behind which to go on.
    async fn begin(
        &mut self,
        stream: &Stream<Fields>,
        begin: Result<After, usize>,
        output: &mut Output,
    ) -> Result<EntryId> {
        let last = stream.info().await?.map_or(EntryId::MIN, |info| info.last_id);
        let first = match begin {
            Ok(After::End) => return Ok(last),
            Ok(After::Start) => Some(EntryId::MIN),
            Ok(After::Id(id)) => id.next(),
            Err(0) => return Ok(last),
            Err(lines) => {
                let mut newest = stream.range(..=last).backward().limit(lines).await?;
                newest.reverse();
                for item in &newest {
                    self.print(stream.name(), item, output)?;
                }
                return Ok(last);
            }
        };
        let Some(first) = first.filter(|first| *first <= last) else { return Ok(last) };
        let mut items = stream.range(first..=last).all();
        while let Some(item) = items.next().await {
            self.print(stream.name(), &item?, output)?;
        }
        Ok(last)
    }

    fn print(&mut self, name: &str, item: &Item<Fields>, output: &mut Output) -> Result<()> {
        let fields = match &item.value {
            Ok(fields) => fields,
            Err(unreadable) => &unreadable.fields,
        };
        let entry = EntryLine::new(name, item.id, fields);
        if self.filter.left == 0 || !self.filter.takes(&entry) {
            return Ok(());
        }
        self.filter.left -= 1;
        if self.with_names { output.line(&Named(entry)) } else { output.line(&entry) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn where_to_begin_is_read() {
        let check = |text: &str, expect: After| assert_eq!(text.parse(), Ok(expect));
        check("start", After::Start);
        check("end", After::End);
        check("5-1", After::Id(EntryId::new(5, 1)));
        assert!(After::from_str("yesterday").is_err());
    }

    #[test]
    fn filters_take_what_fulfils_all_of_them() {
        let fields = Fields::from([("type", "paid"), ("id", "123")]);
        let entry = EntryLine::new("orders", EntryId::MIN, &fields);
        let check = |grep: Option<&str>, fields: &[&str], expect: bool| {
            let fields = fields.iter().map(|field| field.parse().unwrap()).collect();
            let filter = Filter { grep: grep.map(str::to_owned), fields, left: 1 };
            assert_eq!(filter.takes(&entry), expect, "{filter:?}");
        };
        check(None, &[], true);
        check(Some("12"), &[], true);
        check(Some("13"), &[], false);
        check(Some("12"), &["type=paid"], true);
        check(None, &["type=paid", "id=12"], false);
        check(None, &["type=paid", "id=123"], true);
    }
}
