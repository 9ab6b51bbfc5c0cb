//! What XINFO tells of groups and their consumers.

use super::keys::{Changing, Lags, Place, error};
use super::stream::{self, Group, Stream};
use super::streams::Found;
use crate::command::Bytes;
use crate::told::Told;

impl Stream {
    /// Returns how many entries a group has not been given.
    pub(crate) fn lag(&self, group: &Group) -> usize {
        self.entries.keys().filter(|id| **id > group.last_delivered).count()
    }
}

impl Changing<'_> {
    /// Tells of the groups of a stream. A lag may be unknown, but is right if it is told; how many
    /// entries were read is known to nobody else.
    pub(super) fn tell_groups(&self, place: &Place, told: &Told) -> Found<Told> {
        let stream = self.keys.stream(place)?.ok_or(error("ERR"))?;
        let tell = |(at, (name, group)): (usize, (&Bytes, &Group))| {
            let told = told.list().get(at).unwrap_or(&Told::Nil);
            let field = |name: &str| told.field(name).cloned().unwrap_or(Told::Nil);
            let lag = match field("lag") {
                lag if lag == Told::Nil || self.keys.lags == Lags::Wrong => lag,
                _ => Told::number(stream.lag(group)),
            };
            Told::List(vec![
                Told::text(b"name"),
                Told::text(name),
                Told::text(b"consumers"),
                Told::number(group.consumers.len()),
                Told::text(b"pending"),
                Told::number(group.pending.len()),
                Told::text(b"last-delivered-id"),
                stream::id(group.last_delivered),
                Told::text(b"entries-read"),
                field("entries-read"),
                Told::text(b"lag"),
                lag,
            ])
        };
        Ok(Told::List(stream.groups.iter().enumerate().map(tell).collect()))
    }

    /// Tells of the consumers of a group.
    pub(super) fn tell_consumers(&self, place: &Place, name: &[u8]) -> Found<Told> {
        self.keys.stream(place)?.ok_or(error("ERR"))?;
        let group = self.group(place, name)?;
        let since = |ms: u64| Told::Integer(self.now_ms.saturating_sub(ms).cast_signed());
        let tell = |(name, consumer): (&Bytes, &stream::Consumer)| {
            let mine = group.pending.values().filter(|row| row.owner.as_ref() == Some(name));
            Told::List(vec![
                Told::text(b"name"),
                Told::text(name),
                Told::text(b"pending"),
                Told::number(mine.count()),
                Told::text(b"idle"),
                since(consumer.seen_ms),
                Told::text(b"inactive"),
                consumer.active_ms.map_or(Told::Integer(-1), since),
            ])
        };
        Ok(Told::List(group.consumers.iter().map(tell).collect()))
    }
}
