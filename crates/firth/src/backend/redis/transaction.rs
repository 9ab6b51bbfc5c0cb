//! Batches: one command, or several in a transaction, or a transaction that watches its conditions.

use redis::{Cmd, Pipeline, Value};

use super::link::{Failed, Lane, Link};
use super::{Again, Remote, Turns, checked, command, failure, reply};
use crate::backend::{Batch, Condition, Outcome, Write};
use crate::{EntryId, Error, Refusal};

/// What came of a transaction.
enum Executed {
    /// The answers of its commands.
    Done(Vec<Value>),
    /// Something that was watched has changed.
    Disturbed,
    /// A condition does not hold.
    Fails(Refusal),
}

impl Remote {
    pub(super) async fn write_batch(&self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        batch.check()?;
        self.check_features(&batch)?;
        let conditions = batch.conditions.iter().map(Condition::key);
        self.check_together(conditions.chain(batch.writes.iter().map(Write::key)))?;
        if batch.conditions.is_empty()
            && let [write] = &batch.writes[..]
        {
            if is_empty(write) {
                return Ok(vec![Outcome::Count(0)]);
            }
            let answer = self.run(write.key(), &command::write(write), Again::Never).await?;
            return Ok(vec![reply::outcome(write, answer)?]);
        }
        let key = match (batch.conditions.first(), batch.writes.first()) {
            (Some(condition), _) => condition.key(),
            (None, Some(write)) => write.key(),
            (None, None) => return Ok(Vec::new()),
        };
        let sent = batch.writes.iter().filter(|write| !is_empty(write)).map(command::write);
        let answers = self.transact(key, &batch.conditions, sent).await?;
        let mut answers = answers.into_iter();
        let mut refused = None;
        let mut outcomes = Vec::with_capacity(batch.writes.len());
        for write in &batch.writes {
            if is_empty(write) {
                outcomes.push(Outcome::Count(0));
                continue;
            }
            match reply::outcome(write, answers.next().unwrap_or(Value::Nil)) {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        refused.map_or(Ok(outcomes), Err)
    }

    /// Refuses writes that the server cannot do, or would not do as they are meant.
    fn check_features(&self, batch: &Batch) -> Result<(), Error> {
        let mut features = batch.writes.iter().filter_map(Write::feature);
        match features.find(|feature| !self.features.has(*feature)) {
            None => Ok(()),
            Some(feature) => Err(Error::Unsupported { feature, backend: "the server" }),
        }
    }

    /// Runs commands in one step, on the server of a key, if the conditions hold.
    pub(super) async fn transact(
        &self,
        key: &str,
        conditions: &[Condition],
        steps: impl IntoIterator<Item = Cmd>,
    ) -> Result<Vec<Value>, Error> {
        let mut commands = Pipeline::new();
        commands.add_command(redis::cmd("MULTI"));
        steps.into_iter().for_each(|step| _ = commands.add_command(step));
        commands.add_command(redis::cmd("EXEC"));
        let mut turns = Turns::new();
        loop {
            if self.gauge.is_closed() {
                return Err(Error::Closed);
            }
            let executed = match self.servers.of(key).await {
                Ok(link) if conditions.is_empty() => execute(&link, &commands).await,
                Ok(link) => execute_if(&link, conditions, &commands).await,
                Err(error) => Err(Failed::Before(error)),
            };
            match executed {
                Ok(Executed::Done(answers)) => return Ok(answers),
                Ok(Executed::Fails(refusal)) => return Err(refusal.into()),
                // The conditions may hold all the same.
                Ok(Executed::Disturbed) => {}
                Err(failed) => turns.next(self, failed, Again::Never).await?,
            }
        }
    }
}

/// Runs a transaction on the connection that all share: it is sent in one piece.
async fn execute(link: &Link, commands: &Pipeline) -> Result<Executed, Failed> {
    executed(link.send_all(commands).await?)
}

/// Runs a transaction on a connection of its own, if its conditions hold.
async fn execute_if(
    link: &Link,
    conditions: &[Condition],
    commands: &Pipeline,
) -> Result<Executed, Failed> {
    let mut lane = loop {
        let lane = link.lane().await;
        let mut lane = lane.map_err(|error| Failed::Before(super::unreachable(&error)))?;
        match look(&mut lane, conditions).await {
            Ok(None) => break lane,
            Ok(Some(refusal)) => {
                let unwatched = lane.connection.send_packed_command(&redis::cmd("UNWATCH")).await;
                if unwatched.is_ok() {
                    link.keep(lane);
                }
                return Ok(Executed::Fails(refusal));
            }
            Err(Failed::Answer(error)) if lane.is_stale(&error) => {}
            // Nothing has been done yet.
            Err(Failed::Answer(error)) if failure::is_connection_lost(&error) => {
                return Err(Failed::Before(super::unreachable(&error)));
            }
            Err(failed) => return Err(failed),
        }
    };
    let count = commands.cmd_iter().count();
    let answers = lane.connection.send_packed_commands(commands, 0, count).await;
    let executed = executed(answers.map_err(Failed::Answer)?);
    link.keep(lane);
    executed
}

/// Watches the keys of all conditions, then looks; returns which condition does not hold.
async fn look(lane: &mut Lane, conditions: &[Condition]) -> Result<Option<Refusal>, Failed> {
    let mut watch = redis::cmd("WATCH");
    conditions.iter().for_each(|condition| _ = watch.arg(&**condition.key()));
    let mut commands = Pipeline::new();
    commands.add_command(watch);
    conditions.iter().for_each(|condition| _ = commands.add_command(question(condition)));
    let answers = lane.connection.send_packed_commands(&commands, 0, conditions.len() + 1).await;
    let mut answers = answers.map_err(Failed::Answer)?.into_iter();
    checked(Ok(answers.next().unwrap_or(Value::Nil)))?;
    for (condition, answer) in conditions.iter().zip(answers) {
        if !holds(condition, answer)? {
            return Ok(Some(Refusal::Conflict { key: condition.key().clone() }));
        }
    }
    Ok(None)
}

fn question(condition: &Condition) -> Cmd {
    match condition {
        Condition::LastId { stream, .. } => redis::cmd("XINFO").arg("STREAM").arg(&**stream).take(),
        Condition::Value { key, .. } => redis::cmd("GET").arg(&**key).take(),
    }
}

fn holds(condition: &Condition, answer: Value) -> Result<bool, Failed> {
    match condition {
        Condition::LastId { id, .. } => match reply::stream_info(answer) {
            Ok(info) => Ok(info.last_id == *id),
            Err(Error::Refused(Refusal::NoStream)) => Ok(*id == EntryId::MIN),
            Err(error) => Err(Failed::Before(error)),
        },
        Condition::Value { value, .. } => match checked(Ok(answer))? {
            Value::Nil => Ok(value.is_none()),
            found => {
                let found = reply::bytes(found).map_err(Failed::Before)?;
                Ok(value.as_ref() == Some(&found))
            }
        },
    }
}

/// Reads the answers of MULTI, of the queued commands, and of EXEC.
fn executed(mut answers: Vec<Value>) -> Result<Executed, Failed> {
    match answers.pop() {
        Some(Value::Array(values)) => Ok(Executed::Done(values)),
        Some(Value::Nil) => Ok(Executed::Disturbed),
        Some(Value::ServerError(aborted)) => {
            // The reason lies with the command that could not be queued.
            let reason = answers.into_iter().find_map(|answer| match answer {
                Value::ServerError(error) => Some(error),
                _ => None,
            });
            Err(Failed::Answer(reason.unwrap_or(aborted).into()))
        }
        other => Err(Failed::Before(failure::strange("an array", &other.unwrap_or(Value::Nil)))),
    }
}

/// Says whether a write is about no entries, which no command can be.
fn is_empty(write: &Write) -> bool {
    match write {
        Write::Acknowledge { ids, .. } | Write::Delete { ids, .. } => ids.is_empty(),
        _ => false,
    }
}
