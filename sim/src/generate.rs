//! What clients say, by chance, about what there is.

use firth_wal::sim::Chance;

use crate::command::{
    Add, Bytes, Command, From, Id, NackMode, Nearness, Read, Reader, References, TrimTo, Word,
};
use crate::dump::DATABASES;
use crate::model::{Model, Place, Value};

/// Keys on which clients wait; they do not expire.
const LASTING: [&str; 4] = ["s0", "s1", "s2", "s3"];
/// Keys of any type that may expire.
const MORTAL: [&str; 4] = ["m0", "m1", "m2", "m3"];
const GROUPS: [&str; 2] = ["g", "h"];
const CONSUMERS: [&str; 3] = ["a", "b", "c"];

/// What the generator heeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Habits {
    /// Whether keys are given a time to live.
    pub(crate) expires: bool,
}

/// Draws commands.
#[derive(Debug)]
pub(crate) struct Generator<'g> {
    pub(crate) chance: &'g mut Chance,
    pub(crate) model: &'g Model,
    pub(crate) habits: Habits,
    /// A number that no other payload has.
    pub(crate) number: u64,
}

impl Generator<'_> {
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.chance.below(from.len())]
    }

    fn name(&mut self, from: &[&str]) -> Bytes {
        self.pick(from).into()
    }

    fn word(&mut self, one_in: usize) -> Word {
        if self.chance.below(one_in) == 0 { Word::Said } else { Word::Left }
    }

    fn stream_key(&mut self) -> Bytes {
        if self.chance.below(5) == 0 { self.name(&MORTAL) } else { self.name(&LASTING) }
    }

    fn text(&mut self) -> Bytes {
        self.number += 1;
        let len = if self.chance.below(20) == 0 { 300 } else { 8 };
        let mut text = format!("v{}", self.number).into_bytes();
        text.resize(text.len().max(self.chance.below(len)), b'.');
        text
    }

    /// Returns some ids, ascending: of entries, of what is pending, and of nothing.
    fn ids(&mut self, key: &Bytes) -> Vec<Id> {
        let mut known = Vec::new();
        for db in 0..DATABASES {
            let place: Place = (db, key.clone());
            if let Some(Value::Stream(stream)) = self.model.keys.get(&place).map(|e| &e.value) {
                known.extend(stream.entries.keys().copied());
                known
                    .extend(stream.groups.values().flat_map(|group| group.pending.keys().copied()));
            }
        }
        let mut ids: Vec<Id> = (0..1 + self.chance.below(4))
            .map(|_| {
                if known.is_empty() || self.chance.below(10) == 0 {
                    Id(1 + self.chance.below(2000) as u64, 0)
                } else {
                    known[self.chance.below(known.len())]
                }
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn id(&mut self, key: &Bytes) -> Id {
        self.ids(key).first().copied().unwrap_or_default()
    }

    fn references(&mut self) -> References {
        self.pick(&[References::Keep, References::Delete, References::Acked])
    }

    fn reader(&mut self) -> Reader {
        let (group, consumer) = (self.name(&GROUPS), self.name(&CONSUMERS));
        Reader { group, consumer, noack: self.word(10) }
    }

    /// Returns any command but those that frame transactions.
    pub(crate) fn command(&mut self) -> Command {
        match self.chance.below(100) {
            0..34 => Command::Add(self.add()),
            34..58 => self.reading(),
            58..72 => self.group_command(),
            72..82 => self.entry_command(),
            82..97 => self.key_command(),
            97 if self.chance.coin() => self.watch(),
            97 => Command::Ping,
            98 => Command::Select(self.pick(&[0, 0, 1])),
            _ => self.publish(),
        }
    }

    /// Returns a command that watches keys, or no key any more.
    pub(crate) fn watch(&mut self) -> Command {
        if self.chance.below(8) == 0 {
            return Command::Unwatch;
        }
        let keys = (0..1 + self.chance.below(2)).map(|_| match self.chance.coin() {
            true => self.name(&LASTING),
            false => self.name(&MORTAL),
        });
        Command::Watch(keys.collect())
    }

    /// Returns commands of a transaction that tell how much was trimmed by whole nodes.
    pub(crate) fn near_trim(&mut self) -> [Command; 2] {
        let mut add = self.add();
        add.trim = Some((self.trim_to(&add.key), Nearness::Near));
        let key = add.key.clone();
        [Command::Add(add), Command::Len(key)]
    }

    pub(crate) fn publish(&mut self) -> Command {
        Command::Publish(self.name(&["news", "other"]), self.text())
    }

    fn add(&mut self) -> Add {
        let key = self.stream_key();
        let mut fields = vec![b"n".to_vec(), self.text()];
        if self.chance.below(4) == 0 {
            fields.extend([b"kind".to_vec(), b"same".to_vec()]);
        }
        let plain = self.chance.below(3) > 0;
        let (mut id, mut trim, mut attempt) = (None, None, None);
        match self.chance.below(6) {
            _ if plain => {}
            0 | 1 => {
                let Id(ms, seq) = self.id(&key);
                id = Some(Id(ms + self.chance.below(3) as u64, seq + 1));
            }
            2 | 3 => trim = Some((self.trim_to(&key), Nearness::Exact)),
            4 => {
                let iid = self.name(&["1", "2", "3", "4"]);
                attempt = Some((self.name(&["p", "q"]), Some(iid)));
            }
            _ => {
                fields = vec![b"n".to_vec(), self.name(&["x", "y", "z"])];
                attempt = Some((self.name(&["p", "q"]), None));
            }
        }
        let nomkstream = self.word(20);
        Add { key, id, fields, trim, attempt, nomkstream }
    }

    fn trim_to(&mut self, key: &Bytes) -> TrimTo {
        if self.chance.coin() {
            TrimTo::MaxLen(self.chance.below(30) as u64)
        } else {
            TrimTo::MinId(self.id(key))
        }
    }

    fn reading(&mut self) -> Command {
        let count = 1 + self.chance.below(6);
        match self.chance.below(10) {
            0 => Command::Len(self.stream_key()),
            1 | 2 => {
                let key = self.stream_key();
                let start = if self.chance.coin() { Id::default() } else { self.id(&key) };
                let end = if self.chance.coin() { None } else { Some(self.id(&key)) };
                Command::Range { key, start, end, count, reverse: self.word(3) }
            }
            kind => self.read(kind, count),
        }
    }

    fn read(&mut self, kind: usize, count: usize) -> Command {
        let block_ms = match self.chance.below(4) {
            0 => Some(self.pick(&[1, 20, 500, 0])),
            _ => None,
        };
        let key = if block_ms.is_some() { self.name(&LASTING) } else { self.stream_key() };
        let reader = (kind > 4).then(|| self.reader());
        let from = match self.chance.below(3) {
            0 if reader.is_none() || block_ms.is_none() => From::After(self.id(&key)),
            _ => From::New,
        };
        let mut sources = vec![(key, from)];
        if self.chance.below(5) == 0 {
            let key = self.name(&LASTING);
            if sources[0].0 != key {
                sources.push((key, From::New));
            }
        }
        Command::Read(Read { reader, count, block_ms, sources })
    }

    fn entry_command(&mut self) -> Command {
        let key = self.stream_key();
        match self.chance.below(8) {
            0..3 => Command::XDel { ids: self.ids(&key), key },
            3 | 4 => {
                let references = self.references();
                Command::XDelEx { ids: self.ids(&key), key, references }
            }
            5 | 6 => {
                let nearness = self.pick(&[Nearness::Exact, Nearness::Near]);
                Command::Trim { to: self.trim_to(&key), key, nearness }
            }
            _ => {
                let Id(ms, seq) = self.id(&key);
                Command::SetId { key, id: Id(ms, seq + self.chance.below(3) as u64) }
            }
        }
    }

    fn group_command(&mut self) -> Command {
        let key = self.stream_key();
        let (reader, min_idle_ms) = (self.reader(), self.pick(&[0, 0, 5, 1000]));
        let Reader { group, consumer, .. } = reader.clone();
        let at = if self.chance.coin() { From::New } else { From::After(Id::default()) };
        match self.chance.below(20) {
            0..4 => Command::Ack { ids: self.ids(&key), key, group },
            4 => {
                let references = self.references();
                Command::AckDel { ids: self.ids(&key), key, group, references }
            }
            5 | 6 => Command::Claim {
                ids: self.ids(&key),
                key,
                reader,
                min_idle_ms,
                just: self.word(3),
                force: self.word(4),
            },
            7 | 8 => {
                let start = if self.chance.coin() { Id::default() } else { self.id(&key) };
                let (count, just) = (1 + self.chance.below(5), self.word(3));
                Command::AutoClaim { key, reader, min_idle_ms, start, count, just }
            }
            9 | 10 => {
                let mode = self.pick(&[NackMode::Silent, NackMode::Fail, NackMode::Fatal]);
                Command::Nack { ids: self.ids(&key), key, group, mode }
            }
            11..15 => Command::GroupCreate { key, group, at, mkstream: self.word(2) },
            15 => Command::GroupSetId { at: From::After(self.id(&key)), key, group },
            16 if self.chance.coin() => Command::GroupDestroy { key, group },
            16 | 17 => Command::CreateConsumer { key, group, consumer },
            18 if self.chance.coin() => Command::DelConsumer { key, group, consumer },
            19 if self.chance.coin() => Command::Groups(key),
            19 if self.chance.coin() => Command::Consumers { key, group },
            _ => Command::Pending { key, group, count: 1 + self.chance.below(10) },
        }
    }

    fn key_command(&mut self) -> Command {
        let key = self.name(&MORTAL);
        let px = (self.habits.expires && self.chance.below(3) == 0)
            .then(|| 1 + self.chance.below(3000) as u64);
        let lasting = self.name(&LASTING);
        let from = if self.chance.coin() { lasting.clone() } else { key.clone() };
        match self.chance.below(26) {
            0..5 => Command::Set { key, value: self.text(), px },
            5..8 => Command::Get(key),
            8..11 => Command::Incr(key),
            11 | 12 => Command::Append(key, self.text()),
            13 | 14 => Command::Del(vec![key, self.name(&MORTAL)]),
            15 if self.chance.below(3) == 0 => Command::Del(vec![lasting]),
            15..18 => match px {
                Some(ms) => Command::PExpire(key, ms.cast_signed() - 1),
                None => Command::Persist(key),
            },
            18..20 => Command::Rename { from, to: self.name(&MORTAL), nx: self.word(2) },
            20 => Command::Rename { from: lasting, to: self.name(&LASTING), nx: self.word(2) },
            21..23 => {
                let (to, db) = (self.name(&MORTAL), self.pick(&[0, 1]));
                Command::Copy { from, to, db, replace: self.word(2) }
            }
            23 => {
                let (to, db) = (self.name(&LASTING), self.pick(&[0, 1]));
                Command::Copy { from: lasting, to, db, replace: self.word(2) }
            }
            24 => Command::Move(from, self.pick(&[0, 1])),
            _ if self.chance.below(6) == 0 => Command::FlushDb,
            _ if self.chance.below(6) == 0 => Command::SwapDb(0, self.pick(&[0, 1])),
            _ => Command::Set { key: lasting, value: self.text(), px: None },
        }
    }
}
