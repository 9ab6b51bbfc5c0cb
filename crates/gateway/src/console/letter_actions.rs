//! What changes dead letters: moving entries there, bringing them back, removing them.

use std::collections::BTreeSet;
use std::sync::Arc;

use firth::backend::{Append, Batch, Entry, Fields, Order, Outcome, Write};
use firth::dead_letters::{DeadLetters, LetterFilter};
use firth::{Broker, EntryId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::{Ids, confirmed};
use super::ask::Ask;
use super::entries::Walk;
use super::groups::entries_of;
use super::jobs::Task;
use super::letters::{self, head_len};
use super::problem::Problem;
use super::routes::Answer;
use super::value::{Given, given_fields};

/// How many letters a dry run shows.
const SAMPLE: usize = 10;

/// A field that the library adds to what comes back.
const REDRIVEN: &[u8] = b"firth_redriven";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Buried {
    stream: Arc<str>,
    group: Arc<str>,
    ids: Ids,
    reason: String,
    dead_letters: Option<Arc<str>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Redriven {
    stream: Arc<str>,
    ids: Option<Ids>,
    reason: Option<String>,
    original: Option<Arc<str>>,
    group: Option<Arc<str>>,
    to: Option<Arc<str>>,
    per_second: Option<u32>,
    max_times: Option<u32>,
    #[serde(default)]
    dry_run: bool,
    edit: Option<Edit>,
}

/// A letter that is brought back with other content.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    id: EntryId,
    fields: Vec<(Given, Given)>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Purged {
    stream: Arc<str>,
    ids: Option<Ids>,
    reason: Option<String>,
    original: Option<Arc<str>>,
    group: Option<Arc<str>>,
    confirm: Option<Arc<str>>,
    #[serde(default)]
    dry_run: bool,
}

/// `POST dead-letter`
pub(crate) async fn bury(ask: Ask) -> Result<Answer, Problem> {
    let Buried { stream, group, ids: Ids(ids), reason, dead_letters } = ask.wish()?;
    let mut letters = ask.broker().await?.raw_stream(stream).dead_letters();
    if let Some(name) = dead_letters {
        letters = letters.named(name);
    }
    let mut moved = 0;
    for id in ids {
        moved += u64::from(letters.bury(Arc::clone(&group), id, &reason).await?.is_some());
    }
    Ok(Answer::Json(json!({"moved": moved, "deadLetters": letters.name()})))
}

/// `POST dead-letters/redrive`
pub(crate) async fn redrive(ask: Ask) -> Result<Answer, Problem> {
    let wish: Redriven = ask.wish()?;
    let broker = ask.broker().await?;
    let letters = letters_of(&broker, &wish.stream);
    let ids = match (&wish.ids, &wish.edit) {
        (_, None) => wish.ids.clone().map(|Ids(ids)| ids),
        (None, Some(edit)) if wish.dry_run => Some(vec![edit.id]),
        (None, Some(edit)) => Some(vec![edited(&broker, &wish.stream, edit).await?]),
        _ => return Err(Problem::malformed("either ids or edit")),
    };
    let which = (wish.reason.as_ref(), wish.original.as_ref(), wish.group.as_ref());
    let filter = filter(ids.as_deref(), which);
    let times = wish.max_times.unwrap_or(u32::MAX);
    let by = by(&ask);
    let dry = letters.redrive(&by).filter(filter.clone()).max_times(times).dry_run().await?;
    let total = dry.redriven;
    if wish.dry_run {
        let sample = sample(&broker, &wish, ids.as_deref()).await?;
        let told = json!({
            "count": total, "exhausted": dry.exhausted, "dryRun": true, "sample": sample,
        });
        return Ok(Answer::Json(told));
    }
    let task = Task { what: "redrive", stream: wish.stream, by: by.clone(), total };
    let id = ask.shared.console.jobs.begin(task, |job| {
        let counted = filter.matching(move |_| {
            job.add();
            true
        });
        let mut redrive = letters.redrive(by).filter(counted).max_times(times);
        if let Some(to) = wish.to {
            redrive = redrive.to(to);
        }
        if let Some(rate) = wish.per_second {
            redrive = redrive.rate(rate);
        }
        async move { redrive.await.map(|report| report.redriven) }
    })?;
    Ok(Answer::Json(json!({"job": id.to_string()})))
}

/// `POST dead-letters/purge`
pub(crate) async fn purge(ask: Ask) -> Result<Answer, Problem> {
    let wish: Purged = ask.wish()?;
    let is_all = wish.ids.is_none()
        && wish.reason.is_none()
        && wish.original.is_none()
        && wish.group.is_none();
    let letters = letters_of(&ask.broker().await?, &wish.stream);
    let ids = wish.ids.map(|Ids(ids)| ids);
    let which = (wish.reason.as_ref(), wish.original.as_ref(), wish.group.as_ref());
    let filter = filter(ids.as_deref(), which);
    let by = by(&ask);
    if wish.dry_run {
        let dry = letters.redrive(by).filter(filter).max_times(u32::MAX).dry_run().await?;
        return Ok(Answer::Json(json!({"count": dry.redriven, "dryRun": true})));
    }
    if is_all {
        confirmed(wish.confirm.as_deref().unwrap_or_default(), &wish.stream)?;
    }
    let count = letters.purge(&by, filter).await?;
    Ok(Answer::Json(json!({"count": count})))
}

/// Returns the letters that a stream has.
fn letters_of(broker: &Broker, name: &Arc<str>) -> DeadLetters<Fields> {
    // Each letter says itself where it is from.
    broker.raw_stream(Arc::clone(name)).dead_letters().named(Arc::clone(name))
}

fn filter(
    ids: Option<&[EntryId]>,
    (reason, original, group): (Option<&String>, Option<&Arc<str>>, Option<&Arc<str>>),
) -> LetterFilter<Fields> {
    let mut filter = LetterFilter::all();
    if let Some(ids) = ids {
        let ids: BTreeSet<EntryId> = ids.iter().copied().collect();
        if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
            filter = filter.ids(*first..=*last);
        }
        filter = filter.matching(move |letter| ids.contains(&letter.id));
    }
    if let Some(reason) = reason {
        filter = filter.reason(reason);
    }
    if let Some(original) = original {
        filter = filter.original_stream(Arc::clone(original));
    }
    if let Some(group) = group {
        filter = filter.group(Arc::clone(group));
    }
    filter
}

/// Returns the name under which somebody does this.
fn by(ask: &Ask) -> String {
    let user = ask.caller.as_ref().and_then(|caller| caller.user.as_deref());
    user.map_or_else(|| "console".to_owned(), |user| format!("console: {user}"))
}

/// Returns the first of the letters that are meant.
async fn sample(
    broker: &Broker,
    wish: &Redriven,
    ids: Option<&[EntryId]>,
) -> Result<Vec<Value>, Problem> {
    let which = letters::Which {
        reason: wish.reason.clone(),
        original: wish.original.as_deref().map(str::to_owned),
        group: wish.group.as_deref().map(str::to_owned),
    };
    let walk = Walk {
        stream: Arc::clone(&wish.stream),
        from: EntryId::MIN,
        to: EntryId::MAX,
        order: Order::Forward,
        limit: SAMPLE,
    };
    let is_meant = |letter: &Entry| {
        head_len(letter) > 0 && which.is(letter) && ids.is_none_or(|ids| ids.contains(&letter.id))
    };
    let walked = walk.through(broker.backend(), is_meant).await?;
    Ok(walked.entries.iter().map(letters::told).collect())
}

/// Gives a letter other content, in one step; returns its new id.
async fn edited(broker: &Broker, stream: &Arc<str>, edit: &Edit) -> Result<EntryId, Problem> {
    let gone = || Problem::not_found("there is no such dead letter");
    let mut found = entries_of(broker.backend(), stream, [edit.id]).await?;
    let letter = found.remove(&edit.id).ok_or_else(gone)?;
    let head = head_len(&letter);
    if head == 0 {
        return Err(gone());
    }
    let mut fields: Fields = letter.fields.iter().take(head).cloned().collect();
    fields.extend(given_fields(&edit.fields)?);
    let redriven = letter.fields.iter().skip(head).last().filter(|(name, _)| name == REDRIVEN);
    fields.extend(redriven.cloned());
    let append = Write::Append(Append::new(Arc::clone(stream), fields));
    let delete = |id| Write::Delete { stream: Arc::clone(stream), ids: vec![id] };
    let outcomes = broker.backend().write(Batch::of(append).and(delete(edit.id))).await?;
    match outcomes[..] {
        [Outcome::Appended(id), Outcome::Count(1)] => Ok(id),
        // Somebody was faster: it is not to be there twice.
        [Outcome::Appended(id), _] => {
            broker.backend().write(Batch::of(delete(id))).await?;
            Err(gone())
        }
        _ => Err(gone()),
    }
}
