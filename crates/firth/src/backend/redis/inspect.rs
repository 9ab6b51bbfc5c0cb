//! What servers tell of themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use redis::{Cmd, Value};

use super::command::RETAIN;
use super::link::Failed;
use super::{Again, Remote, Turns, checked, reply};
use crate::backend::{Inspected, Inspection, Listeners, Record, SlowCommand, StreamNames};
use crate::{Error, Refusal};

/// How many keys one step of a scan looks at.
const SCAN_STEP: usize = 1000;

/// How many keys, or channels, are asked about at a time.
const ASKED_AT_ONCE: usize = 100;

impl Remote {
    pub(super) async fn inspected(&self, inspection: Inspection) -> Result<Inspected, Error> {
        Ok(match inspection {
            Inspection::Streams { limit } => Inspected::Streams(self.streams(limit).await?),
            Inspection::Sizes(keys) => Inspected::Sizes(self.sizes(keys).await?),
            Inspection::Retention(stream) => {
                let command = command(&[RETAIN, &*stream]);
                let answer = self.run(&stream, &command, Again::Harmless).await;
                Inspected::Retention(match answer {
                    Err(error) if is_unknown(&error) => None,
                    answer => reply::retention(answer?)?,
                })
            }
            Inspection::Listeners => Inspected::Listeners(self.listeners().await?),
            Inspection::Report => self.records(&["INFO", "everything"], report).await?,
            Inspection::Clients => self.records(&["CLIENT", "LIST"], clients).await?,
            Inspection::Settings => self.records(&["CONFIG", "GET", "*"], settings).await?,
            Inspection::Users => self.records(&["ACL", "LIST"], users).await?,
            Inspection::SlowCommands { limit } => {
                let limit = limit.to_string();
                let mut slow = Vec::new();
                for (node, answer) in self.every(&command(&["SLOWLOG", "GET", &limit])).await? {
                    slow.extend(reply::slow_commands(&node, answer)?);
                }
                slow.sort_by_key(|command: &SlowCommand| std::cmp::Reverse(command.at_s));
                Inspected::SlowCommands(slow)
            }
        })
    }

    /// Sends a command to all servers and returns what each answers; nothing if they do not know it.
    async fn every(&self, command: &Cmd) -> Result<Vec<(Arc<str>, Value)>, Error> {
        let mut turns = Turns::new();
        loop {
            if self.gauge.is_closed() {
                return Err(Error::Closed);
            }
            let failed = match self.every_once(command).await {
                Ok(answers) => return Ok(answers),
                Err(failed) => failed,
            };
            match turns.next(self, failed, Again::Harmless).await {
                Err(error) if is_unknown(&error) => return Ok(Vec::new()),
                next => next?,
            }
        }
    }

    async fn every_once(&self, command: &Cmd) -> Result<Vec<(Arc<str>, Value)>, Failed> {
        let links = self.servers.every().await.map_err(Failed::Before)?;
        let mut answers = Vec::with_capacity(links.len());
        for link in links {
            let answer = checked(link.send(command).await)?;
            answers.push((Arc::clone(link.name()), answer));
        }
        Ok(answers)
    }

    async fn records(
        &self,
        words: &[&str],
        read: fn(&Arc<str>, Value) -> Result<Vec<Record>, Error>,
    ) -> Result<Inspected, Error> {
        let mut records = Vec::new();
        for (node, answer) in self.every(&command(words)).await? {
            records.extend(read(&node, answer)?);
        }
        Ok(Inspected::Records(records))
    }

    async fn streams(&self, limit: usize) -> Result<StreamNames, Error> {
        let mut names = BTreeSet::new();
        let links = self.servers.every().await?;
        for link in links {
            let mut cursor: Arc<str> = "0".into();
            loop {
                let count = SCAN_STEP.to_string();
                let scan = command(&["SCAN", &*cursor, "TYPE", "stream", "COUNT", &count]);
                let answer = checked(link.send(&scan).await)?;
                let (next, found) = reply::scanned(answer)?;
                names.extend(found);
                if &*next == "0" || names.len() > limit {
                    break;
                }
                cursor = next;
            }
        }
        let is_complete = names.len() <= limit;
        Ok(StreamNames { names: names.into_iter().take(limit).collect(), is_complete })
    }

    async fn sizes(&self, keys: Vec<Arc<str>>) -> Result<Vec<Option<u64>>, Error> {
        let size = |key: Arc<str>| async move {
            let usage = command(&["MEMORY", "USAGE", &*key]);
            match self.run(&key, &usage, Again::Harmless).await {
                Ok(Value::Nil) => Ok(None),
                Err(error) if is_unknown(&error) => Ok(None),
                answer => reply::number(answer?).map(Some),
            }
        };
        stream::iter(keys).map(size).buffered(ASKED_AT_ONCE).try_collect().await
    }

    async fn listeners(&self) -> Result<Listeners, Error> {
        let mut channels: BTreeMap<Arc<str>, u64> = BTreeMap::new();
        for (_, answer) in self.every(&command(&["PUBSUB", "CHANNELS"])).await? {
            for name in reply::array(answer)? {
                channels.insert(reply::text(name)?, 0);
            }
        }
        let names: Vec<Arc<str>> = channels.keys().cloned().collect();
        for names in names.chunks(ASKED_AT_ONCE) {
            let mut numbers = command(&["PUBSUB", "NUMSUB"]);
            numbers.arg(names.iter().map(|name| &**name).collect::<Vec<_>>());
            for (_, answer) in self.every(&numbers).await? {
                for (name, count) in reply::pairs(answer)? {
                    let known = channels.entry(reply::text(name)?).or_default();
                    *known += reply::number(count)?;
                }
            }
        }
        let mut patterns = 0;
        for (_, answer) in self.every(&command(&["PUBSUB", "NUMPAT"])).await? {
            patterns += reply::number(answer)?;
        }
        Ok(Listeners { channels: channels.into_iter().collect(), patterns })
    }
}

fn command(words: &[&str]) -> Cmd {
    let mut command = Cmd::new();
    command.arg(words);
    command
}

/// Says whether a server does not know a command.
fn is_unknown(error: &Error) -> bool {
    let Error::Refused(Refusal::Other(text)) = error else { return false };
    let text = text.trim_start_matches("ERR ").to_lowercase();
    text.starts_with("unknown command") || text.starts_with("unknown subcommand")
}

/// Reads lines of `name:value`, between headings.
fn report(node: &Arc<str>, value: Value) -> Result<Vec<Record>, Error> {
    let text = reply::text(value)?;
    let fields = text.lines().filter(|line| !line.starts_with('#'));
    let fields = fields.filter_map(|line| line.split_once(':'));
    let fields = fields.map(|(name, value)| (name.into(), value.into())).collect();
    Ok(vec![Record { node: Arc::clone(node), fields }])
}

/// Reads a line of `name=value name=value` for each connection.
fn clients(node: &Arc<str>, value: Value) -> Result<Vec<Record>, Error> {
    let text = reply::text(value)?;
    let client = |line: &str| {
        let fields = line.split(' ').filter_map(|field| field.split_once('='));
        let fields = fields.map(|(name, value)| (name.into(), value.into())).collect();
        Record { node: Arc::clone(node), fields }
    };
    Ok(text.lines().filter(|line| !line.is_empty()).map(client).collect())
}

fn settings(node: &Arc<str>, value: Value) -> Result<Vec<Record>, Error> {
    let pairs = reply::pairs(value)?.into_iter();
    let fields = pairs.map(|(name, value)| Ok((reply::text(name)?, reply::text(value)?)));
    let mut fields = fields.collect::<Result<Vec<_>, Error>>()?;
    fields.sort_unstable();
    Ok(vec![Record { node: Arc::clone(node), fields }])
}

/// Reads a line of `user NAME RULE RULE` for each user.
fn users(node: &Arc<str>, value: Value) -> Result<Vec<Record>, Error> {
    let user = |value| {
        let line = reply::text(value)?;
        let mut words = line.split(' ').skip(1);
        let name = words.next().unwrap_or_default();
        let is_open = |word: &&str| !word.starts_with(['#', '>', '<', '!']);
        let rules = words.filter(is_open).collect::<Vec<_>>().join(" ");
        let fields = vec![("user".into(), name.into()), ("rules".into(), rules.into())];
        Ok(Record { node: Arc::clone(node), fields })
    };
    reply::array(value)?.into_iter().map(user).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn reports_and_clients_are_read() {
        let info = "# Server\r\nredis_version:7.0.15\r\n\r\n# Memory\r\nused_memory:12\r\n";
        let records = report(&"n".into(), text(info)).unwrap();
        assert_eq!(records[0].get("redis_version"), Some("7.0.15"));
        assert_eq!(records[0].number("used_memory"), Some(12));
        let list = "id=3 addr=127.0.0.1:1 name= cmd=client|list\nid=4 addr=/s:0 name=a cmd=NULL\n";
        let records = clients(&"n".into(), text(list)).unwrap();
        let ids: Vec<_> = records.iter().map(|record| record.number("id")).collect();
        assert_eq!(ids, [Some(3), Some(4)]);
        assert_eq!(records[0].get("name"), Some(""));
    }

    #[test]
    fn no_password_leaves() {
        let line = "user default on #5e88 nopass sanitize-payload ~* &* +@all";
        let records = users(&"n".into(), Value::Array(vec![text(line)])).unwrap();
        assert_eq!(records[0].get("user"), Some("default"));
        assert_eq!(records[0].get("rules"), Some("on nopass sanitize-payload ~* &* +@all"));
    }
}
