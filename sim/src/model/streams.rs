//! What the commands of streams do and answer.

use super::groups::Reading;
use super::keys::{Changing, Lags, Place, Value, error};
use super::stream::{self, Added, Group, Stream};
use crate::command::{Add, Bytes, Command, From, Id, Nearness, Read, References, TrimTo, Word};
use crate::told::Told;

/// Who a command finds, or what it answers instead.
pub(super) type Found<T> = Result<T, Told>;

impl Changing<'_> {
    /// Runs a command of streams; of what can only be known from the reply, `told` is believed if it
    /// can be true.
    pub(crate) fn run_stream(&mut self, db: u8, command: &Command, told: &Told) -> Told {
        let outcome = match command {
            Command::Add(add) => self.add(&(db, add.key.clone()), add, told.integer()),
            Command::Len(key) => self.len(&(db, key.clone())),
            Command::Range { key, start, end, count, reverse } => {
                self.range(&(db, key.clone()), (*start, *end), *count, *reverse)
            }
            Command::XDel { key, ids } => self.delete(&(db, key.clone()), ids),
            Command::XDelEx { key, references, ids } => {
                self.delete_heeding(&(db, key.clone()), *references, ids)
            }
            Command::Trim { key, to, nearness } => {
                self.trim(&(db, key.clone()), *to, *nearness, told)
            }
            Command::SetId { key, id } => self.set_id(&(db, key.clone()), *id),
            Command::Groups(key) => self.tell_groups(&(db, key.clone()), told),
            Command::Consumers { key, group } => self.tell_consumers(&(db, key.clone()), group),
            _ => self.run_group(db, command),
        };
        outcome.unwrap_or_else(|refusal| refusal)
    }

    fn add(&mut self, place: &Place, add: &Add, told_len: Option<i64>) -> Found<Told> {
        let now_ms = self.now_ms;
        if self.keys.stream(place)?.is_none() {
            if add.nomkstream == Word::Said {
                return Ok(Told::Nil);
            }
            let mut stream = Stream::default();
            if let Added::Refused = stream.add(add, told_len, now_ms) {
                return Err(error("ERR"));
            }
            let id = stream.last_id;
            self.put(place, Value::Stream(stream), None);
            return Ok(stream::id(id));
        }
        let Some(stream) = self.stream_mut(place) else { return Ok(Told::Nil) };
        match stream.add(add, told_len, now_ms) {
            Added::Entry(id) => {
                self.woken.push(place.clone());
                Ok(stream::id(id))
            }
            Added::Known(id) => Ok(stream::id(id)),
            Added::Refused => Err(error("ERR")),
        }
    }

    fn len(&self, place: &Place) -> Found<Told> {
        let stream = self.keys.stream(place)?;
        Ok(Told::number(stream.map_or(0, |stream| stream.entries.len())))
    }

    fn range(
        &self,
        place: &Place,
        (start, end): (Id, Option<Id>),
        count: usize,
        reverse: Word,
    ) -> Found<Told> {
        let end = end.unwrap_or(Id(u64::MAX, u64::MAX));
        let Some(stream) = self.keys.stream(place)?.filter(|_| start <= end) else {
            return Ok(Told::List(Vec::new()));
        };
        let entries = stream.entries.range(start..=end);
        let told = |(id, fields): (&Id, &Vec<Bytes>)| stream::entry(*id, fields);
        Ok(Told::List(match reverse {
            Word::Left => entries.take(count).map(told).collect(),
            Word::Said => entries.rev().take(count).map(told).collect(),
        }))
    }

    fn delete(&mut self, place: &Place, ids: &[Id]) -> Found<Told> {
        let found = self.keys.stream(place)?;
        let gone = found.is_some_and(|s| ids.iter().any(|id| s.entries.contains_key(id)));
        let stream = gone.then(|| self.stream_mut(place)).flatten();
        Ok(Told::number(stream.map_or(0, |stream| stream.delete(ids))))
    }

    fn delete_heeding(&mut self, place: &Place, references: References, ids: &[Id]) -> Found<Told> {
        if self.keys.stream(place)?.is_none() {
            return Ok(Told::List(ids.iter().map(|_| Told::Integer(-1)).collect()));
        }
        let stream = self.stream_mut(place).ok_or(Told::Nil)?;
        Ok(stream.delete_heeding(ids, references))
    }

    fn trim(&mut self, place: &Place, to: TrimTo, nearness: Nearness, told: &Told) -> Found<Told> {
        let Some(stream) = self.keys.stream(place)? else { return Ok(Told::Integer(0)) };
        let count = match nearness {
            Nearness::Exact => stream.excess(to),
            Nearness::Near => {
                let told = told.integer().and_then(|count| usize::try_from(count).ok());
                stream.near(told.unwrap_or_default(), to)
            }
        };
        if count > 0 {
            self.stream_mut(place).into_iter().for_each(|stream| stream.drop_front(count));
        }
        Ok(Told::number(count))
    }

    fn set_id(&mut self, place: &Place, id: Id) -> Found<Told> {
        let stream = self.keys.stream(place)?.ok_or(error("ERR"))?;
        let last = stream.entries.last_key_value().map(|(id, _)| *id);
        if id < stream.deleted_max || last.is_some_and(|last| id < last) {
            return Err(error("ERR"));
        }
        if id < stream.last_id {
            self.keys.lags = Lags::Wrong;
        }
        self.stream_mut(place).into_iter().for_each(|stream| stream.last_id = id);
        Ok(Told::ok())
    }

    /// Finds a group; without one the commands answer alike.
    pub(super) fn group(&self, place: &Place, name: &[u8]) -> Found<&Group> {
        let stream = self.keys.stream(place)?;
        stream.and_then(|stream| stream.groups.get(name)).ok_or(error("NOGROUP"))
    }

    fn run_group(&mut self, db: u8, command: &Command) -> Found<Told> {
        let now_ms = self.now_ms;
        match command {
            Command::Ack { key, group, ids } => {
                let place = (db, key.clone());
                self.keys.stream(&place)?;
                let pends =
                    |id: &Id| self.group(&place, group).is_ok_and(|g| g.pending.contains_key(id));
                if !ids.iter().any(pends) {
                    return Ok(Told::Integer(0));
                }
                let stream = self.stream_mut(&place);
                Ok(Told::number(stream.map_or(0, |stream| stream.acknowledge(group, ids))))
            }
            Command::AckDel { key, group, references, ids } => {
                let place = (db, key.clone());
                if self.keys.stream(&place)?.is_none_or(|s| !s.groups.contains_key(group)) {
                    return Ok(Told::List(ids.iter().map(|_| Told::Integer(-1)).collect()));
                }
                let stream = self.stream_mut(&place).ok_or(Told::Nil)?;
                Ok(stream.acknowledge_and_delete(group, ids, *references))
            }
            Command::Claim { key, reader, min_idle_ms, ids, just, force } => {
                let place = (db, key.clone());
                self.group(&place, &reader.group)?;
                let stream = self.stream_mut(&place).ok_or(Told::Nil)?;
                let words = [*just, *force];
                Ok(Told::List(stream.claim(reader, *min_idle_ms, ids, words, now_ms)))
            }
            Command::AutoClaim { key, reader, min_idle_ms, start, count, just } => {
                let place = (db, key.clone());
                self.group(&place, &reader.group)?;
                let stream = self.stream_mut(&place).ok_or(Told::Nil)?;
                Ok(stream.auto_claim(reader, *min_idle_ms, (*start, *count), *just, now_ms))
            }
            Command::Nack { key, group, mode, ids } => {
                let place = (db, key.clone());
                self.group(&place, group)?;
                let stream = self.stream_mut(&place).ok_or(Told::Nil)?;
                let released = stream.nack(group, *mode, ids);
                if released > 0 {
                    self.woken.push(place);
                }
                Ok(Told::number(released))
            }
            Command::Pending { key, group, count } => {
                let place = (db, key.clone());
                self.group(&place, group)?;
                let stream = self.keys.stream(&place)?.ok_or(Told::Nil)?;
                Ok(stream.pending(group, *count, now_ms))
            }
            _ => self.administer_group(db, command),
        }
    }

    fn administer_group(&mut self, db: u8, command: &Command) -> Found<Told> {
        match command {
            Command::GroupCreate { key, group, at, mkstream } => {
                let place = (db, key.clone());
                match self.keys.stream(&place)? {
                    None if *mkstream == Word::Left => return Err(error("ERR")),
                    None => self.put(&place, Value::Stream(Stream::default()), None),
                    Some(stream) if stream.groups.contains_key(group) => {
                        return Err(error("BUSYGROUP"));
                    }
                    Some(_) => {}
                }
                self.place_group(&place, group, *at);
                Ok(Told::ok())
            }
            Command::GroupSetId { key, group, at } => {
                let place = (db, key.clone());
                self.keys.stream(&place)?.ok_or(error("ERR"))?;
                self.group(&place, group)?;
                self.place_group(&place, group, *at);
                Ok(Told::ok())
            }
            Command::GroupDestroy { key, group } => {
                let place = (db, key.clone());
                self.keys.stream(&place)?.ok_or(error("ERR"))?;
                if self.group(&place, group).is_err() {
                    return Ok(Told::Integer(0));
                }
                self.stream_mut(&place).into_iter().for_each(|s| drop(s.groups.remove(group)));
                self.woken.push(place);
                Ok(Told::Integer(1))
            }
            Command::CreateConsumer { key, group, consumer } => {
                let place = (db, key.clone());
                self.keys.stream(&place)?.ok_or(error("ERR"))?;
                if self.group(&place, group)?.consumers.contains_key(consumer) {
                    return Ok(Told::Integer(0));
                }
                let now_ms = self.now_ms;
                let stream = self.stream_mut(&place).ok_or(Told::Nil)?;
                let group = stream.groups.entry(group.clone()).or_default();
                group.see(consumer, now_ms);
                Ok(Told::Integer(1))
            }
            Command::DelConsumer { key, group, consumer } => {
                let place = (db, key.clone());
                self.keys.stream(&place)?.ok_or(error("ERR"))?;
                if !self.group(&place, group)?.consumers.contains_key(consumer) {
                    return Ok(Told::Integer(0));
                }
                let stream = self.stream_mut(&place).ok_or(Told::Nil)?;
                Ok(Told::number(stream.delete_consumer(group, consumer)))
            }
            other => Err(error(&format!("UNMODELLED {other:?}"))),
        }
    }

    fn place_group(&mut self, place: &Place, name: &Bytes, at: From) {
        let Some(stream) = self.stream_mut(place) else { return };
        let last_id = stream.last_id;
        let group = stream.groups.entry(name.clone()).or_default();
        group.last_delivered = match at {
            From::New => last_id,
            From::After(id) => id,
        };
    }

    /// Reads streams; `None` if there is nothing to read, `again` if the client has waited.
    pub(crate) fn read(&mut self, db: u8, read: &Read, again: Again) -> Found<Option<Told>> {
        if let Some(reader) = &read.reader {
            for (key, _) in &read.sources {
                self.group(&(db, key.clone()), &reader.group)?;
            }
        } else if again == Again::No {
            for (key, _) in &read.sources {
                self.keys.stream(&(db, key.clone()))?;
            }
        }
        let mut found = Vec::new();
        for (key, from) in &read.sources {
            let place = (db, key.clone());
            let entries = match (&read.reader, self.keys.stream(&place)) {
                (_, Err(_) | Ok(None)) => continue,
                (None, Ok(Some(stream))) => {
                    let From::After(after) = *from else { continue };
                    let ids = stream.after(after, read.count);
                    ids.into_iter().filter_map(|id| stream.entry(id)).collect()
                }
                (Some(reader), Ok(Some(stream))) => {
                    let has_news = stream.groups.get(&reader.group).is_some_and(|group| {
                        stream.entries.keys().any(|id| *id > group.last_delivered)
                    });
                    if again == Again::Yes && !has_news {
                        continue;
                    }
                    let (from, count, now_ms) = (*from, read.count, self.now_ms);
                    let reading = Reading { reader, from, count, now_ms };
                    let stream = self.stream_mut(&place).ok_or(Told::Nil)?;
                    stream.read_group(reading)
                }
            };
            let is_history = read.reader.is_some() && *from != From::New;
            if !entries.is_empty() || is_history {
                found.push(Told::text(key));
                found.push(Told::List(entries));
            }
        }
        Ok((!found.is_empty()).then_some(Told::List(found)))
    }
}

/// Whether a read is tried for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    No,
    Yes,
}
