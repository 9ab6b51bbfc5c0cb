//! Reads that wait, each on a connection of its own.

use std::time::Duration;

use redis::{Cmd, RedisError, Value};
use tokio::time::{Instant, timeout};

use super::link::{Age, Failed, Lane};
use super::{Again, Remote, Turns, checked, command, failure, reply};
use crate::backend::{Entry, GroupChange, GroupChanged, GroupRead, Read, StreamEntries};
use crate::{Error, Refusal};

/// The longest piece of a wait. A connection that has died without a word is found out after it.
const PIECE_MAX: Duration = Duration::from_secs(30);

/// How much longer than its wait an answer may take.
const MARGIN: Duration = Duration::from_secs(10);

impl Remote {
    pub(super) async fn read_streams(&self, read: Read) -> Result<Vec<StreamEntries>, Error> {
        self.check_together(read.streams.iter().map(|(stream, _)| stream))?;
        let Some((first, _)) = read.streams.first() else { return Ok(Vec::new()) };
        let answer = match read.wait {
            None => self.run(first, &command::read(&read, None), Again::Harmless).await?,
            Some(wait) => {
                let command = |block_ms| command::read(&read, Some(block_ms));
                self.wait(first, wait, command, Again::Harmless).await?
            }
        };
        reply::streams(answer)
    }

    pub(super) async fn read_for_group(&self, read: GroupRead) -> Result<Vec<Entry>, Error> {
        let stream = &read.stream;
        let answer = match read.wait {
            None => self.run(stream, &command::read_group(&read, None), Again::Never).await?,
            Some(wait) => {
                let command = |block_ms| command::read_group(&read, Some(block_ms));
                self.wait(stream, wait, command, Again::Never).await?
            }
        };
        let streams = reply::streams(answer)?;
        Ok(streams.into_iter().flat_map(|found| found.entries).collect())
    }

    /// Runs a command that waits, piece by piece, until there is an answer or the time is up.
    ///
    /// When a connection breaks, nobody knows whether it did so before the command was sent or with an
    /// answer under way. What was delivered to a consumer in such an answer is pending, and the caller
    /// must look for it: such a command is never sent again here.
    async fn wait(
        &self,
        key: &str,
        wait: Duration,
        command: impl Fn(u64) -> Cmd,
        again: Again,
    ) -> Result<Value, Error> {
        let start = Instant::now();
        let mut turns = Turns::new();
        loop {
            let piece = wait.saturating_sub(start.elapsed()).min(PIECE_MAX);
            // To wait for 0 means for ever.
            let command = command(command::millis(piece).max(1));
            let answer = tokio::select! {
                answer = self.wait_once(key, &command, piece + MARGIN, again) => answer,
                () = self.gauge.closed() => return Err(Error::Closed),
            };
            match answer {
                Ok(Value::Nil) if start.elapsed() < wait => turns = Turns::new(),
                Ok(value) => return Ok(value),
                Err(failed) => turns.next(self, failed, Again::Never).await?,
            }
        }
    }

    async fn wait_once(
        &self,
        key: &str,
        command: &Cmd,
        time_max: Duration,
        again: Again,
    ) -> Result<Value, Failed> {
        let link = self.servers.of(key).await.map_err(Failed::Before)?;
        loop {
            let lane = link.lane().await;
            let mut lane = lane.map_err(|error| {
                link.suspect();
                Failed::Before(super::unreachable(&error))
            })?;
            let answer = timeout(time_max, lane.connection.send_packed_command(command)).await;
            let late = |_| RedisError::from(std::io::Error::from(std::io::ErrorKind::TimedOut));
            match answer.map_err(late).and_then(|answer| answer) {
                Ok(value) => {
                    link.keep(lane);
                    return checked(Ok(value));
                }
                Err(error) => {
                    link.suspect();
                    // It may have been lost while nobody used it.
                    if again == Again::Never || !lane.is_stale(&error) {
                        return Err(Failed::Answer(error));
                    }
                }
            }
        }
    }

    pub(super) async fn change(&self, change: GroupChange) -> Result<GroupChanged, Error> {
        change.check()?;
        if let GroupChange::ReplaceConsumer { .. } = change {
            return self.replace_consumer(change).await.map(GroupChanged::HandedOver);
        }
        let command = command::change_group(&change);
        let answer = self.run(change.stream(), &command, Again::Never).await;
        match (&change, answer) {
            (GroupChange::Create { .. }, Err(Error::Refused(Refusal::Other(text))))
                if text.starts_with("BUSYGROUP") =>
            {
                Ok(GroupChanged::Already)
            }
            (GroupChange::Destroy { .. }, Err(Error::Refused(Refusal::NoGroup))) => {
                Ok(GroupChanged::Already)
            }
            (_, Err(error)) => Err(error),
            (GroupChange::Destroy { .. }, Ok(value)) => match reply::number(value)? {
                0 => Ok(GroupChanged::Already),
                _ => Ok(GroupChanged::Done),
            },
            (GroupChange::RemoveConsumer { .. }, Ok(value)) => {
                reply::number(value).map(GroupChanged::Forgotten)
            }
            (_, Ok(_)) => Ok(GroupChanged::Done),
        }
    }
}

impl Lane {
    /// Says whether the connection may have been lost before it was used.
    pub(super) fn is_stale(&self, error: &RedisError) -> bool {
        self.age == Age::Kept && failure::is_connection_lost(error) && !error.is_timeout()
    }
}
