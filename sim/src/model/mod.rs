//! A naive model of the server: it runs each command as it was run, and says what its client must
//! be told. Its data are lists, its code is its own.

mod groups;
mod info;
mod keys;
mod stream;
mod streams;
mod watching;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use keys::{Entry, Keys, Lags, Place, Value};
pub(crate) use stream::{Consumer, Group};

use crate::command::{Bytes, Command, From, Read};
use crate::told::Told;
use keys::{Changed, Changing, Differences, error};
use streams::Again;

/// The number of a connection, which no other one has.
pub(crate) type ClientNo = u64;

/// What must come of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Reply(Told),
    /// Nothing for now: the client waits.
    Waits,
    /// Messages only.
    Silence,
}

/// What a client has to be sent beside replies.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) client: ClientNo,
    pub(crate) told: Told,
}

/// The server as it should be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) keys: Keys,
    changed: Changed,
    looked_at: BTreeSet<Place>,
    woken: Vec<Place>,
    sessions: BTreeMap<ClientNo, Session>,
    waiters: Vec<Waiter>,
    channels: BTreeMap<Bytes, Vec<ClientNo>>,
    /// Whether keys whose time is up may be there, hidden, since their removal cannot be logged.
    pub(crate) may_hide: bool,
    /// What clients have to be sent beside replies, in order.
    pub(crate) messages: Vec<Message>,
    /// The replies of those who waited.
    pub(crate) served: Vec<(ClientNo, Told)>,
}

#[derive(Clone, Debug, Default)]
struct Session {
    db: u8,
    transaction: Option<Transaction>,
    subscribed: usize,
    watched: watching::Watched,
}

#[derive(Clone, Debug, Default)]
struct Transaction {
    queue: Vec<Command>,
    is_broken: bool,
}

#[derive(Clone, Debug)]
struct Waiter {
    client: ClientNo,
    db: u8,
    read: Read,
}

impl Model {
    /// Returns the model of a server that has just come up with these keys.
    pub(crate) fn with(keys: Keys) -> Self {
        Model { keys, ..Model::default() }
    }

    pub(crate) fn connect(&mut self, client: ClientNo) {
        self.sessions.insert(client, Session::default());
    }

    pub(crate) fn disconnect(&mut self, client: ClientNo) {
        self.sessions.remove(&client);
        self.waiters.retain(|waiter| waiter.client != client);
        self.channels.values_mut().for_each(|clients| clients.retain(|other| *other != client));
    }

    /// Returns the keys that have been changed since it was last asked.
    pub(crate) fn take_changed(&mut self) -> Differences {
        let (touched, differences) = self.changed.take(&self.keys);
        self.note_fates(&touched, &differences.content);
        differences
    }

    /// Returns the keys that have been looked at since it was last asked.
    pub(crate) fn take_looked_at(&mut self) -> BTreeSet<Place> {
        std::mem::take(&mut self.looked_at)
    }

    /// Takes note that a command was refused before it did anything.
    pub(crate) fn refused(&mut self, client: ClientNo, command: &Command) {
        let Some(session) = self.sessions.get_mut(&client) else { return };
        if *command == Command::Exec {
            session.transaction = None;
            session.watched.clear();
        } else if let Some(transaction) = &mut session.transaction {
            transaction.is_broken = true;
        }
    }

    /// Ends the wait of a client whose time is up; says whether it did wait.
    pub(crate) fn time_out(&mut self, client: ClientNo) -> bool {
        let before = self.waiters.len();
        self.waiters.retain(|waiter| waiter.client != client);
        before > self.waiters.len()
    }

    /// Removes what is overdue.
    pub(crate) fn expire(&mut self, now_ms: u64) {
        self.changing(now_ms).expire();
        self.serve(now_ms);
    }

    /// Runs a command of a client that was told this at once, if it was told anything.
    pub(crate) fn run(
        &mut self,
        client: ClientNo,
        command: &Command,
        told: &Told,
        now_ms: u64,
    ) -> Answer {
        let Some(session) = self.sessions.get_mut(&client) else { return Answer::Silence };
        match (command, &mut session.transaction) {
            (Command::Exec, transaction) => {
                let answer = match transaction.take() {
                    None => error("ERR"),
                    Some(Transaction { is_broken, queue }) => {
                        let is_stale = self.is_stale(client, told);
                        if is_broken {
                            error("EXECABORT")
                        } else if is_stale {
                            Told::Nil
                        } else {
                            self.execute(client, &queue, told, now_ms)
                        }
                    }
                };
                self.serve(now_ms);
                return Answer::Reply(answer);
            }
            (Command::Discard, transaction) => {
                let was_open = transaction.take().is_some();
                if was_open {
                    self.unwatch(client);
                }
                return Answer::Reply(if was_open { Told::ok() } else { error("ERR") });
            }
            (Command::Multi, transaction) => {
                let was_open = transaction.is_some();
                transaction.get_or_insert_default();
                return Answer::Reply(if was_open { error("ERR") } else { Told::ok() });
            }
            (queued, Some(transaction)) => {
                transaction.queue.push(queued.clone());
                return Answer::Reply(Told::text(b"QUEUED"));
            }
            _ => {}
        }
        self.changing(now_ms).expire();
        let answer = self.run_one(client, command, told, now_ms);
        self.serve(now_ms);
        answer
    }

    fn execute(&mut self, client: ClientNo, queue: &[Command], told: &Told, now_ms: u64) -> Told {
        self.changing(now_ms).expire();
        let mut answers = Vec::new();
        for (at, command) in queue.iter().enumerate() {
            let mut answer = told.list().get(at).unwrap_or(&Told::Nil);
            let waiters = self.waiters.len();
            if let Told::Error(text) = answer
                && (text.starts_with("OOM") || text.contains("data/blocks/"))
            {
                answers.push(error(text.split(' ').next().unwrap_or_default()));
                continue;
            }
            if let (Command::Add(add), Some(Command::Len(key))) = (command, queue.get(at + 1))
                && add.key == *key
            {
                // The answer to that says how much was trimmed.
                answer = told.list().get(at + 1).unwrap_or(&Told::Nil);
            }
            match self.run_one(client, command, answer, now_ms) {
                Answer::Reply(answer) => answers.push(answer),
                Answer::Waits => {
                    // Nobody waits within a transaction.
                    self.waiters.truncate(waiters);
                    answers.push(Told::Nil);
                }
                Answer::Silence => {}
            }
        }
        Told::List(answers)
    }

    fn changing(&mut self, now_ms: u64) -> Changing<'_> {
        let Model { keys, changed, woken, .. } = self;
        Changing { keys, now_ms, changed, woken }
    }

    fn db(&self, client: ClientNo) -> u8 {
        self.sessions.get(&client).map_or(0, |session| session.db)
    }

    fn run_one(&mut self, client: ClientNo, command: &Command, told: &Told, now_ms: u64) -> Answer {
        let db = self.db(client);
        self.looked_at.extend(command.keys().into_iter().map(|key| (db, key)));
        let answer = match command {
            // What is told of the server is not modelled.
            Command::Hello => told.clone(),
            Command::Ping => Told::text(b"PONG"),
            Command::Watch(keys) => {
                self.watch(client, keys.iter().map(|key| (db, key.clone())));
                Told::ok()
            }
            Command::Unwatch => {
                self.unwatch(client);
                Told::ok()
            }
            Command::Select(db) => {
                self.sessions.entry(client).or_default().db = *db;
                Told::ok()
            }
            Command::Subscribe(channel) => {
                self.subscribe(client, channel);
                return Answer::Silence;
            }
            Command::Publish(channel, text) => self.publish(channel, text),
            Command::Read(read) => {
                return match self.changing(now_ms).read(db, read, Again::No) {
                    Ok(Some(found)) => Answer::Reply(found),
                    Ok(None) if read.block_ms.is_some() => {
                        self.wait(client, db, read);
                        Answer::Waits
                    }
                    Ok(None) => Answer::Reply(Told::Nil),
                    Err(refusal) => Answer::Reply(refusal),
                };
            }
            Command::Add(add) => {
                let added = self.added(db, &add.key);
                let answer = self.changing(now_ms).run_stream(db, command, told);
                if self.added(db, &add.key) != added {
                    let channel = event_channel(db, &add.key);
                    self.publish(&channel, b"xadd");
                }
                answer
            }
            Command::SwapDb(one, other) => {
                self.changing(now_ms).swap(*one, *other);
                Told::ok()
            }
            _ if command.is_of_streams() => self.changing(now_ms).run_stream(db, command, told),
            _ => self.changing(now_ms).run(db, command),
        };
        Answer::Reply(answer)
    }

    /// Returns how many entries were ever added to a stream.
    fn added(&self, db: u8, key: &Bytes) -> u64 {
        let stream = self.keys.stream(&(db, key.clone()));
        stream.ok().flatten().map_or(0, |stream| stream.added)
    }

    fn subscribe(&mut self, client: ClientNo, channel: &Bytes) {
        let listeners = self.channels.entry(channel.clone()).or_default();
        let session = self.sessions.entry(client).or_default();
        if !listeners.contains(&client) {
            listeners.push(client);
            session.subscribed += 1;
        }
        let count = Told::number(session.subscribed);
        let message = vec![Told::text(b"subscribe"), Told::text(channel), count];
        let told = Told::List(message);
        self.messages.push(Message { client, told });
    }

    fn publish(&mut self, channel: &[u8], text: &[u8]) -> Told {
        let listeners = self.channels.get(channel).cloned().unwrap_or_default();
        let told = vec![Told::text(b"message"), Told::text(channel), Told::text(text)];
        let told = Told::List(told);
        let count = listeners.len();
        let message = |client| Message { client, told: told.clone() };
        self.messages.extend(listeners.into_iter().map(message));
        Told::number(count)
    }

    fn wait(&mut self, client: ClientNo, db: u8, read: &Read) {
        let mut read = read.clone();
        if read.reader.is_none() {
            for (key, from) in &mut read.sources {
                if *from == From::New {
                    let stream = self.keys.stream(&(db, key.clone()));
                    *from =
                        From::After(stream.ok().flatten().map(|s| s.last_id).unwrap_or_default());
                }
            }
        }
        self.waiters.push(Waiter { client, db, read });
    }

    /// Offers what has changed to those who wait for it, first come first served.
    fn serve(&mut self, now_ms: u64) {
        for place in std::mem::take(&mut self.woken) {
            let waits = |waiter: &Waiter| {
                let mut keys = waiter.read.sources.iter();
                waiter.db == place.0 && keys.any(|(key, _)| *key == place.1)
            };
            let waiting: Vec<Waiter> = self.waiters.iter().filter(|w| waits(w)).cloned().collect();
            for Waiter { client, db, read } in waiting {
                let told = match self.changing(now_ms).read(db, &read, Again::Yes) {
                    Ok(None) => continue,
                    Ok(Some(found)) => found,
                    Err(refusal) => refusal,
                };
                self.waiters.retain(|waiter| waiter.client != client);
                self.served.push((client, told));
            }
        }
    }
}

/// Returns the channel that tells what happens to a key.
pub(crate) fn event_channel(db: u8, key: &[u8]) -> Bytes {
    [format!("__keyspace@{db}__:").as_bytes(), key].concat()
}
