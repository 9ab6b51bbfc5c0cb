//! Batches of writes.

use firth_engine::stream::{
    self, AppendError, CreateStream, References, Stream, TrimLimit, TrimTo,
};
use firth_engine::{Deadline, Engine, Locked, Presence};

use super::DB;
use super::home::{Ran, run};
use crate::backend::{
    Append, Batch, Condition, Exactness, Keep, NewId, Outcome, Retention, SetValue, Trim, When,
    Write,
};
use crate::clock::millis;
use crate::{EntryId, Error, Refusal};

/// How many keys whose time is up are removed by one write of a value that expires.
const EXPIRED_KEYS_MAX: usize = 8;

/// Carries out a batch.
pub(super) fn write(engine: &Engine, batch: &Batch) -> Ran<Vec<Outcome>> {
    let conditions = batch.conditions.iter().map(Condition::key);
    run(engine, conditions.chain(batch.writes.iter().map(Write::key)), |keys| {
        batch.check()?;
        for condition in &batch.conditions {
            if !holds(keys, condition)? {
                return Err(Refusal::Conflict { key: condition.key().clone() }.into());
            }
        }
        let mut refused = None;
        let mut outcomes = Vec::with_capacity(batch.writes.len());
        for write in &batch.writes {
            match apply(keys, write) {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        refused.map_or(Ok(outcomes), Err)
    })
}

fn holds(keys: &mut Locked<'_>, condition: &Condition) -> Result<bool, Error> {
    match condition {
        Condition::LastId { stream, id } => {
            let stream = keys.stream(DB, stream.as_bytes())?;
            Ok(EntryId::from(stream.map(Stream::last_id).unwrap_or_default()) == *id)
        }
        Condition::Value { key, value } => Ok(keys.string(DB, key.as_bytes())? == value.as_deref()),
    }
}

fn apply(keys: &mut Locked<'_>, write: &Write) -> Result<Outcome, Error> {
    match write {
        Write::Append(entry) => append(keys, entry).map(Outcome::Appended),
        Write::Acknowledge { stream, group, ids } => {
            let ids = engine_ids(ids);
            let stream = keys.stream_for_groups(DB, stream.as_bytes())?;
            let count = stream.map_or(0, |mut found| found.acknowledge(group.as_bytes(), &ids));
            Ok(Outcome::Count(count))
        }
        Write::Delete { stream, ids } => {
            let ids = engine_ids(ids);
            let stream = keys.stream_mut(DB, stream.as_bytes())?;
            Ok(Outcome::Count(stream.map_or(0, |mut found| found.delete(&ids))))
        }
        Write::Trim { stream, trim } => {
            let trim = engine_trim(*trim);
            let stream = keys.stream_mut(DB, stream.as_bytes())?;
            Ok(Outcome::Count(stream.map_or(0, |mut found| found.trim(&trim))))
        }
        Write::Retain { stream, retention } => {
            retain(keys, stream.as_bytes(), retention)?;
            Ok(Outcome::Set)
        }
        Write::Set(value) => Ok(set(keys, value)),
        Write::Remove { key } => Ok(Outcome::Count(keys.delete(DB, key.as_bytes()).into())),
    }
}

fn append(keys: &mut Locked<'_>, append: &Append) -> Result<EntryId, Error> {
    let texts = append.fields.iter().flat_map(|(name, value)| [&name[..], &value[..]]);
    let fields: Vec<&[u8]> = texts.collect();
    let entry = stream::Append {
        id: match append.id {
            NewId::Auto => stream::NewId::Auto,
            NewId::Explicit(id) => stream::NewId::Explicit(id.into()),
        },
        fields: &fields,
        attempt: append.attempt.as_ref().map(|attempt| stream::Attempt {
            producer: attempt.producer.as_bytes(),
            iid: Some(attempt.name.as_bytes()),
        }),
        trim: append.trim.map(engine_trim),
    };
    let added = keys.append_to_stream(DB, append.stream.as_bytes(), &entry, CreateStream::IfAbsent);
    match added {
        Ok(Some(id)) => Ok(id.into()),
        Ok(None) => Err(Refusal::NoStream.into()),
        Err(error) => Err(refusal(error).into()),
    }
}

fn refusal(error: AppendError) -> Refusal {
    match error {
        AppendError::WrongType => Refusal::WrongType,
        AppendError::ZeroId | AppendError::IdNotGreater | AppendError::Exhausted => {
            Refusal::IdNotGreater
        }
        AppendError::TooLarge => Refusal::TooLarge,
        other => Refusal::Other(other.to_string().into()),
    }
}

fn retain(keys: &mut Locked<'_>, key: &[u8], retention: &Retention) -> Result<(), Error> {
    if !retention.is_unlimited() {
        keys.stream_or_create(DB, key)?.set_retention(retention.into());
    } else if keys.stream(DB, key)?.is_some_and(|stream| stream.retention().is_some())
        && let Some(mut stream) = keys.stream_mut(DB, key)?
    {
        stream.set_retention(retention.into());
    }
    Ok(())
}

fn set(keys: &mut Locked<'_>, set: &SetValue) -> Outcome {
    let deadline = set.expires_in.map_or(Deadline::Clear, |expires_in| {
        Deadline::At(keys.now_ms().saturating_add(millis(expires_in).max(1)))
    });
    let presence = match set.when {
        When::Always => None,
        When::Absent => Some(Presence::Absent),
    };
    if set.expires_in.is_some() {
        keys.expire_overdue(EXPIRED_KEYS_MAX);
    }
    match keys.set_string(DB, set.key.as_bytes(), &set.value, deadline, presence) {
        true => Outcome::Set,
        false => Outcome::NotSet,
    }
}

fn engine_trim(trim: Trim) -> stream::Trim {
    stream::Trim {
        to: match trim.keep {
            Keep::Newest(len) => TrimTo::MaxLen(len),
            Keep::From(id) => TrimTo::MinId(id.into()),
        },
        exactness: match trim.exactness {
            Exactness::Exact => stream::Exactness::Exact,
            Exactness::Approximate => stream::Exactness::WholeNodes,
        },
        limit: TrimLimit::Default,
        references: References::Keep,
    }
}

pub(super) fn engine_ids(ids: &[EntryId]) -> Vec<stream::EntryId> {
    ids.iter().map(|&id| id.into()).collect()
}
