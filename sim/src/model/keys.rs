//! All keys and their values, and what commands that know no streams do to them.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::stream::Stream;
use crate::command::{Bytes, Command, Word};
use crate::told::Told;

/// The name of a key, in its database.
pub(crate) type Place = (u8, Bytes);

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keys {
    places: BTreeMap<Place, Rc<Entry>>,
    pub(crate) lags: Lags,
}

/// Whether the lag of a group, if it is told, is the number of entries that it has not been given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lags {
    #[default]
    Right,
    /// Ids may have been given twice, by an XSETID that goes back: then nobody knows.
    Wrong,
}

/// A value and when it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    pub(crate) expires_at_ms: Option<u64>,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(Bytes),
    Stream(Stream),
}

/// The keys while a command changes them: what it has changed is noted.
#[derive(Debug)]
pub(crate) struct Changing<'k> {
    pub(crate) keys: &'k mut Keys,
    pub(crate) now_ms: u64,
    pub(crate) changed: &'k mut Changed,
    /// Keys that are offered to those who wait for them, in order.
    pub(crate) woken: &'k mut Vec<Place>,
}

/// What keys were before they were looked at in order to change them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changed {
    before: BTreeMap<Place, Option<Rc<Entry>>>,
    /// Keys that were set or removed, be it to what they were.
    touched: BTreeSet<Place>,
}

impl Changed {
    /// Returns the keys that were set or removed, and how all differ; begins anew.
    pub(crate) fn take(&mut self, keys: &Keys) -> (BTreeSet<Place>, Differences) {
        let Changed { before, touched } = std::mem::take(self);
        let mut differences = Differences::default();
        for (place, old) in &before {
            let (new, old) = (keys.places.get(place), old.as_ref());
            if new == old {
                continue;
            }
            differences.is_any = true;
            let weight = |entry: Option<&Rc<Entry>>| entry.map(|entry| entry.without_passing());
            if weight(new) != weight(old) {
                differences.weighty.insert(place.clone());
            }
            let content = |entry: Option<&Rc<Entry>>| entry.map(|entry| entry.as_watched());
            if content(new) != content(old) {
                differences.content.insert(place.clone());
            }
        }
        (touched, differences)
    }
}

/// What is not as it was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Differences {
    /// Whether anything at all is different.
    pub(crate) is_any: bool,
    /// Keys that differ in what replies have to wait for.
    pub(crate) weighty: BTreeSet<Place>,
    /// Keys that differ in what those who watch them are told of.
    pub(crate) content: BTreeSet<Place>,
}

pub(crate) fn error(code: &str) -> Told {
    Told::Error(code.to_owned())
}

impl Keys {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Place, &Entry)> {
        self.places.iter().map(|(place, entry)| (place, &**entry))
    }

    /// Returns the keys whose time is not up.
    pub(crate) fn at(&self, now_ms: u64) -> Keys {
        let places = self.places.iter().filter(|(_, entry)| !entry.is_overdue(now_ms));
        let places = places.map(|(place, entry)| (place.clone(), entry.clone())).collect();
        Keys { places, lags: self.lags }
    }

    pub(crate) fn get(&self, place: &Place) -> Option<&Entry> {
        self.places.get(place).map(|entry| &**entry)
    }

    pub(crate) fn stream(&self, place: &Place) -> Result<Option<&Stream>, Told> {
        match self.get(place).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::Stream(stream)) => Ok(Some(stream)),
            Some(Value::Text(_)) => Err(error("WRONGTYPE")),
        }
    }
}

impl Entry {
    fn without_passing(&self) -> Entry {
        self.reduced(Stream::without_passing)
    }

    fn as_watched(&self) -> Entry {
        self.reduced(Stream::as_watched)
    }

    fn reduced(&self, reduce: impl Fn(&Stream) -> Stream) -> Entry {
        let value = match &self.value {
            Value::Text(text) => Value::Text(text.clone()),
            Value::Stream(stream) => Value::Stream(reduce(stream)),
        };
        Entry { value, expires_at_ms: self.expires_at_ms }
    }

    fn is_overdue(&self, now_ms: u64) -> bool {
        self.expires_at_ms.is_some_and(|at_ms| at_ms <= now_ms)
    }
}

impl Changing<'_> {
    /// Removes what is overdue, which clients see as gone in any case.
    pub(crate) fn expire(&mut self) {
        let now_ms = self.now_ms;
        let overdue = self.keys.places.iter().filter(|(_, entry)| entry.is_overdue(now_ms));
        let overdue: Vec<Place> = overdue.map(|(place, _)| place.clone()).collect();
        overdue.into_iter().for_each(|place| drop(self.remove(&place)));
    }

    fn keep_old(&mut self, place: &Place) {
        let old = self.keys.places.get(place);
        self.changed.before.entry(place.clone()).or_insert_with(|| old.cloned());
    }

    pub(crate) fn remove(&mut self, place: &Place) -> Option<Entry> {
        self.keep_old(place);
        self.changed.touched.insert(place.clone());
        let entry = self.keys.places.remove(place)?;
        self.woken.push(place.clone());
        Some(Rc::unwrap_or_clone(entry))
    }

    pub(crate) fn put(&mut self, place: &Place, value: Value, expires_at_ms: Option<u64>) {
        self.keep_old(place);
        self.changed.touched.insert(place.clone());
        self.keys.places.insert(place.clone(), Rc::new(Entry { value, expires_at_ms }));
        self.woken.push(place.clone());
    }

    /// Returns a stream in order to change it.
    pub(crate) fn stream_mut(&mut self, place: &Place) -> Option<&mut Stream> {
        self.keep_old(place);
        let entry = self.keys.places.get_mut(place)?;
        match &mut Rc::make_mut(entry).value {
            Value::Stream(stream) => Some(stream),
            Value::Text(_) => None,
        }
    }

    /// Runs a command that knows no streams.
    pub(crate) fn run(&mut self, db: u8, command: &Command) -> Told {
        let at = |key: &Bytes| (db, key.clone());
        match command {
            Command::Set { key, value, px } => {
                let expires_at_ms = px.map(|ms| self.now_ms + ms);
                self.put(&at(key), Value::Text(value.clone()), expires_at_ms);
                Told::ok()
            }
            Command::Get(key) => match self.keys.get(&at(key)).map(|entry| &entry.value) {
                None => Told::Nil,
                Some(Value::Text(text)) => Told::text(text),
                Some(Value::Stream(_)) => error("WRONGTYPE"),
            },
            Command::Incr(key) => self.rewrite(&at(key), |old| {
                let old = if old.is_empty() { "0" } else { std::str::from_utf8(old).ok()? };
                let number = old.parse::<i64>().ok()?.checked_add(1)?;
                Some((number.to_string().into(), Told::Integer(number)))
            }),
            Command::Append(key, text) => self.rewrite(&at(key), |old| {
                let whole = [old, text].concat();
                let len = Told::number(whole.len());
                Some((whole, len))
            }),
            Command::Del(keys) => {
                let gone = keys.iter().filter(|key| self.remove(&at(key)).is_some());
                Told::number(gone.count())
            }
            Command::PExpire(key, ms) => self.expire_in(&at(key), *ms),
            Command::Persist(key) => {
                let Some(entry) = self.keys.get(&at(key)) else { return Told::Integer(0) };
                if entry.expires_at_ms.is_none() {
                    return Told::Integer(0);
                }
                let value = entry.value.clone();
                self.put(&at(key), value, None);
                Told::Integer(1)
            }
            Command::Rename { from, to, nx } => self.rename(&at(from), &at(to), *nx),
            Command::Copy { from, to, db: to_db, replace } => {
                self.copy(&at(from), &(*to_db, to.clone()), *replace)
            }
            Command::Move(key, to_db) => self.move_to(&at(key), &(*to_db, key.clone())),
            Command::FlushDb => {
                let all: Vec<Place> =
                    self.keys.places.keys().filter(|(at, _)| *at == db).cloned().collect();
                all.into_iter().for_each(|place| drop(self.remove(&place)));
                Told::ok()
            }
            other => error(&format!("UNMODELLED {other:?}")),
        }
    }

    /// Lets two databases change places.
    pub(crate) fn swap(&mut self, one: u8, other: u8) {
        if one == other {
            return;
        }
        let of = |db: u8| -> Vec<Place> {
            self.keys.places.keys().filter(|(at, _)| *at == db).cloned().collect()
        };
        let mut moved = Vec::new();
        for place in of(one).into_iter().chain(of(other)) {
            let to = if place.0 == one { other } else { one };
            if let Some(entry) = self.remove(&place) {
                moved.push(((to, place.1), entry));
            }
        }
        for (place, Entry { value, expires_at_ms }) in moved {
            self.put(&place, value, expires_at_ms);
        }
    }

    fn rewrite(
        &mut self,
        place: &Place,
        change: impl FnOnce(&[u8]) -> Option<(Bytes, Told)>,
    ) -> Told {
        let (old, expires_at_ms) = match self.keys.get(place) {
            None => (Bytes::new(), None),
            Some(Entry { value: Value::Text(text), expires_at_ms }) => {
                (text.clone(), *expires_at_ms)
            }
            Some(_) => return error("WRONGTYPE"),
        };
        let Some((new, told)) = change(&old) else { return error("ERR") };
        self.put(place, Value::Text(new), expires_at_ms);
        told
    }

    fn expire_in(&mut self, place: &Place, ms: i64) -> Told {
        let Some(entry) = self.keys.get(place) else { return Told::Integer(0) };
        let value = entry.value.clone();
        match u64::try_from(ms) {
            Ok(ms @ 1..) => self.put(place, value, Some(self.now_ms + ms)),
            _ => drop(self.remove(place)),
        }
        Told::Integer(1)
    }

    fn rename(&mut self, from: &Place, to: &Place, nx: Word) -> Told {
        if self.keys.get(from).is_none() {
            return error("ERR");
        }
        if nx == Word::Said && self.keys.get(to).is_some() {
            return Told::Integer(0);
        }
        if from != to {
            self.shift(from, to);
        }
        if nx == Word::Said { Told::Integer(1) } else { Told::ok() }
    }

    fn move_to(&mut self, from: &Place, to: &Place) -> Told {
        if from == to {
            return error("ERR");
        }
        if self.keys.get(from).is_none() || self.keys.get(to).is_some() {
            return Told::Integer(0);
        }
        self.shift(from, to);
        Told::Integer(1)
    }

    fn shift(&mut self, from: &Place, to: &Place) {
        if let Some(Entry { value, expires_at_ms }) = self.remove(from) {
            self.put(to, value, expires_at_ms);
        }
    }

    fn copy(&mut self, from: &Place, to: &Place, replace: Word) -> Told {
        if from == to {
            return error("ERR");
        }
        let Some(Entry { value, expires_at_ms }) = self.keys.get(from).cloned() else {
            return Told::Integer(0);
        };
        if replace == Word::Left && self.keys.get(to).is_some() {
            return Told::Integer(0);
        }
        self.put(to, value, expires_at_ms);
        Told::Integer(1)
    }
}
