//! `firth dlq`: the dead letters of a stream: looked at, brought back, removed.

use std::collections::BTreeMap;
use std::env;
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use firth::backend::Fields;
use firth::dead_letters::{
    AuditRecord, DeadLetter, Deed, LetterFilter, ReasonCount, RedriveReport,
};
use firth::{Broker, DeadLetters, EntryId};
use futures_util::TryStreamExt as _;
use serde::Serialize;
use serde_json::{Map, Value};

use super::entry::{in_one_line, members};
use super::link::Link;
use super::output::{Line, Output, Record, Row};
use super::spell;

/// Looks at the dead letters of a stream, brings them back, or removes them
#[derive(Debug, Args)]
pub(crate) struct LettersArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists dead letters, the newest first
    List {
        #[command(flatten)]
        wanted: Wanted,
        /// The most letters that are listed
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
    /// Counts dead letters by their reasons
    Reasons {
        #[command(flatten)]
        place: Place,
    },
    /// Shows a dead letter whole
    Show {
        #[command(flatten)]
        place: Place,
        /// The identity of the letter
        id: EntryId,
    },
    /// Brings dead letters back to their stream, the oldest first
    Redrive(Redrive),
    /// Removes dead letters for good
    Purge {
        #[command(flatten)]
        wanted: Wanted,
        /// Only says how many would be removed
        #[arg(long)]
        dry_run: bool,
        /// Who does it, for the records
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Lists who has brought back and removed what, the newest first
    Audit {
        #[command(flatten)]
        place: Place,
        /// The most records that are listed
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
}

/// Whose dead letters are meant.
#[derive(Debug, Args)]
struct Place {
    /// The stream that they are from
    stream: String,
    /// The stream that they are in, if that is not `{STREAM}:dead`
    #[arg(long, value_name = "STREAM")]
    dead: Option<String>,
    #[command(flatten)]
    link: Link,
}

/// Which dead letters are meant.
#[derive(Debug, Args)]
struct Wanted {
    #[command(flatten)]
    place: Place,
    /// Only those with exactly this reason
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Only those of this group
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
}

/// How letters are brought back.
#[derive(Debug, Args)]
struct Redrive {
    #[command(flatten)]
    wanted: Wanted,
    /// Only says what would be brought back
    #[arg(long)]
    dry_run: bool,
    /// So many a second at most
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
    /// So many in all at most
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Leaves those that have come back so often already
    #[arg(long, value_name = "N", default_value_t = 3)]
    max_times: u32,
    /// To this stream, instead of the one that they are from
    #[arg(long, value_name = "STREAM")]
    to: Option<String>,
    /// Who does it, for the records
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

/// A dead letter, in a list or whole.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LetterRow {
    id: EntryId,
    original_stream: Arc<str>,
    original_id: EntryId,
    group: Arc<str>,
    reason: String,
    error_chain: Vec<String>,
    moved_at_ms: u64,
    deliveries: Option<u64>,
    redriven: u32,
    fields: Map<String, Value>,
}

/// How many letters have a reason.
#[derive(Debug, Serialize)]
struct ReasonRow {
    count: u64,
    group: Arc<str>,
    reason: String,
    oldest: EntryId,
    newest: EntryId,
}

/// What a redrive has done, or would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Redriven {
    dry_run: bool,
    redriven: u64,
    exhausted: u64,
    unreadable: u64,
    reasons: BTreeMap<String, u64>,
}

/// What a purge has done, or would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Purged {
    dry_run: bool,
    removed: u64,
}

/// Who has done what.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AuditRow {
    at_ms: u64,
    deed: String,
    by: String,
    count: u64,
    letter: EntryId,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Row for LetterRow {
    const HEADS: &'static [&'static str] =
        &["LETTER", "ENTRY", "GROUP", "MOVED", "DELIVERIES", "REDRIVEN", "REASON"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.original_id.to_string(),
            self.group.to_string(),
            spell::age(Some(self.moved_at_ms)),
            spell::number(self.deliveries),
            self.redriven.to_string(),
            self.reason.clone(),
        ]
    }
}

impl Row for ReasonRow {
    const HEADS: &'static [&'static str] = &["COUNT", "GROUP", "OLDEST", "NEWEST", "REASON"];

    fn cells(&self) -> Vec<String> {
        let age = |id: EntryId| spell::age(Some(id.ms));
        let (count, group) = (self.count.to_string(), self.group.to_string());
        vec![count, group, age(self.oldest), age(self.newest), self.reason.clone()]
    }
}

impl Row for AuditRow {
    const HEADS: &'static [&'static str] =
        &["WHEN", "BY", "DEED", "COUNT", "LETTER", "TO", "REASON"];

    fn cells(&self) -> Vec<String> {
        vec![
            spell::age(Some(self.at_ms)),
            self.by.clone(),
            self.deed.clone(),
            self.count.to_string(),
            self.letter.to_string(),
            self.to.clone().unwrap_or_default(),
            self.reason.clone().unwrap_or_default(),
        ]
    }
}

impl Line for Redriven {
    fn text(&self) -> String {
        let done = if self.dry_run { "would be brought back" } else { "brought back" };
        let mut text = format!("{} {done}", self.redriven);
        if self.exhausted > 0 {
            text += &format!(", {} stay: they have come back too often", self.exhausted);
        }
        if self.unreadable > 0 {
            text += &format!(", {} entries are no dead letters", self.unreadable);
        }
        for (reason, count) in &self.reasons {
            text += &format!("; {count} for: {reason}");
        }
        text
    }
}

impl Line for Purged {
    fn text(&self) -> String {
        let done = if self.dry_run { "would be removed" } else { "removed" };
        format!("{} {done}", self.removed)
    }
}

impl Record for LetterRow {
    fn pairs(&self) -> Vec<(&'static str, String)> {
        vec![
            ("letter", self.id.to_string()),
            ("entry", format!("{} of {}", self.original_id, self.original_stream)),
            ("group", self.group.to_string()),
            ("reason", self.reason.clone()),
            ("causes", self.error_chain.iter().skip(1).cloned().collect::<Vec<_>>().join(" <- ")),
            ("moved", format!("{} ago", spell::age(Some(self.moved_at_ms)))),
            ("deliveries", spell::number(self.deliveries)),
            ("came back", format!("{} times", self.redriven)),
            ("fields", in_one_line(&self.fields)),
        ]
    }
}

impl From<DeadLetter<Fields>> for LetterRow {
    fn from(letter: DeadLetter<Fields>) -> Self {
        LetterRow {
            id: letter.id,
            original_stream: letter.original_stream,
            original_id: letter.original_id,
            group: letter.original_group,
            reason: letter.reason,
            error_chain: letter.error_chain,
            moved_at_ms: letter.moved_at_ms,
            deliveries: letter.deliveries,
            redriven: letter.redriven,
            fields: members(&letter.fields),
        }
    }
}

impl From<ReasonCount> for ReasonRow {
    fn from(reason: ReasonCount) -> Self {
        let ReasonCount { reason, group, count, first, last, .. } = reason;
        ReasonRow { count, group, reason, oldest: first, newest: last }
    }
}

impl From<AuditRecord> for AuditRow {
    fn from(record: AuditRecord) -> Self {
        let deed = match record.deed {
            Deed::Redrive => "redrive",
            Deed::Purge => "purge",
            _ => "other",
        };
        AuditRow {
            at_ms: record.at_ms,
            deed: deed.to_owned(),
            by: record.by,
            count: record.count,
            letter: record.letter,
            to: record.to,
            reason: record.reason,
        }
    }
}

impl Place {
    fn letters(&self, broker: &Broker) -> DeadLetters<Fields> {
        let letters = broker.raw_stream(&*self.stream).dead_letters();
        match &self.dead {
            Some(dead) => letters.named(&**dead),
            None => letters,
        }
    }
}

impl Wanted {
    fn filter(&self) -> LetterFilter<Fields> {
        let mut filter = LetterFilter::all();
        if let Some(reason) = &self.reason {
            filter = filter.reason(reason);
        }
        if let Some(group) = &self.group {
            filter = filter.group(&**group);
        }
        filter
    }

    fn takes(&self, letter: &DeadLetter<Fields>) -> bool {
        let is_reason = self.reason.as_ref().is_none_or(|reason| *reason == letter.reason);
        let is_group = self.group.as_ref().is_none_or(|group| **group == *letter.original_group);
        is_reason && is_group
    }
}

impl LettersArgs {
    /// Runs `firth dlq`.
    pub(crate) fn run(self) -> Result<()> {
        match self.verb {
            Verb::List { wanted, limit } => wanted
                .place
                .link
                .run(async |broker, output| list(&wanted, limit, broker, output).await),
            Verb::Reasons { place } => {
                place.link.run(async |broker, output| reasons(&place.letters(broker), output).await)
            }
            Verb::Show { place, id } => place
                .link
                .run(async |broker, output| show(&place.letters(broker), id, output).await),
            Verb::Redrive(redrive) => redrive
                .wanted
                .place
                .link
                .run(async |broker, output| redrive.run(broker, output).await),
            Verb::Purge { wanted, dry_run, by } => wanted.place.link.run(async |broker, output| {
                let letters = wanted.place.letters(broker);
                let removed = match dry_run {
                    true => count(&wanted, &letters).await?,
                    false => letters.purge(&who(by.clone()), wanted.filter()).await?,
                };
                output.line(&Purged { dry_run, removed })
            }),
            Verb::Audit { place, limit } => place
                .link
                .run(async |broker, output| audit(&place.letters(broker), limit, output).await),
        }
    }
}

impl Redrive {
    async fn run(&self, broker: &Broker, output: &mut Output) -> Result<()> {
        let letters = self.wanted.place.letters(broker);
        let mut request = letters
            .redrive(who(self.by.clone()))
            .filter(self.wanted.filter())
            .max_times(self.max_times);
        if let Some(rate) = self.rate {
            request = request.rate(rate);
        }
        if let Some(limit) = self.limit {
            request = request.limit(limit);
        }
        if let Some(to) = &self.to {
            request = request.to(&**to);
        }
        if self.dry_run {
            request = request.dry_run();
        }
        let RedriveReport { redriven, exhausted, unreadable, reasons, .. } = request.await?;
        let dry_run = self.dry_run;
        output.line(&Redriven { dry_run, redriven, exhausted, unreadable, reasons })
    }
}

async fn list(wanted: &Wanted, limit: usize, broker: &Broker, output: &mut Output) -> Result<()> {
    let mut letters = wanted.place.letters(broker).list(..).backward().all();
    let mut rows = Vec::new();
    while rows.len() < limit
        && let Some(item) = letters.try_next().await?
    {
        // What is no dead letter is counted by `reasons`.
        rows.extend(item.value.ok().filter(|letter| wanted.takes(letter)).map(LetterRow::from));
    }
    if rows.is_empty() {
        return output.remark("there are no such dead letters");
    }
    output.table(&rows)
}

async fn reasons(letters: &DeadLetters<Fields>, output: &mut Output) -> Result<()> {
    let found = letters.reasons().await?;
    let rows: Vec<ReasonRow> = found.by_reason.into_iter().map(ReasonRow::from).collect();
    match rows.is_empty() {
        true => output.remark("there are no dead letters")?,
        false => output.table(&rows)?,
    }
    if found.others > 0 {
        output.remark(&format!("and {} for further reasons", found.others))?;
    }
    if found.unreadable > 0 {
        output.remark(&format!("{} entries are no dead letters", found.unreadable))?;
    }
    Ok(())
}

async fn show(letters: &DeadLetters<Fields>, id: EntryId, output: &mut Output) -> Result<()> {
    let Some(item) = letters.list(id..=id).await?.pop() else {
        bail!("there is no dead letter {id} in {}", letters.name());
    };
    match item.value {
        Ok(letter) => output.record(&LetterRow::from(letter)),
        Err(unreadable) => {
            bail!("{id} is no dead letter: {}", in_one_line(&members(&unreadable.fields)))
        }
    }
}

async fn count(wanted: &Wanted, letters: &DeadLetters<Fields>) -> Result<u64> {
    let mut items = letters.list(..).all();
    let mut count = 0;
    while let Some(item) = items.try_next().await? {
        count += u64::from(item.value.is_ok_and(|letter| wanted.takes(&letter)));
    }
    Ok(count)
}

async fn audit(letters: &DeadLetters<Fields>, limit: usize, output: &mut Output) -> Result<()> {
    let items = letters.audit().range(..).backward().limit(limit).await?;
    let records = items.into_iter().filter_map(|item| item.value.ok());
    let rows: Vec<AuditRow> = records.map(AuditRow::from).collect();
    match rows.is_empty() {
        true => output.remark("nobody has brought back or removed any"),
        false => output.table(&rows),
    }
}

/// Returns who does something: who is said, or who is logged in.
fn who(by: Option<String>) -> String {
    by.or_else(|| env::var("USER").ok()).unwrap_or_else(|| "firth dlq".to_owned())
}
