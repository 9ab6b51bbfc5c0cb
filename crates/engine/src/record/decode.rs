//! Reading effects, from bytes that may be anything.

use smallvec::SmallVec;

use super::{Flaw, RecordError, tag};
use crate::effect::Effect;
use crate::key::DATABASES;
use crate::stream::entries::Node;
use crate::stream::{EntryId, Retention, StreamEffect, Unacknowledged, varint};

/// How far into a string something may be written: farther than any memory goes.
const TEXT_OFFSET_MAX: u64 = 1 << 40;

/// Calls `visit` with each effect of a record and its database.
///
/// Effects borrow from the record; their lists live only as long as the call. Lists grow with what
/// is there, whatever length they announce.
///
/// # Errors
/// The record is malformed. The effects before the flaw have been visited.
pub(crate) fn decode(
    record: &[u8],
    mut visit: impl FnMut(u8, &Effect<'_>),
) -> Result<(), RecordError> {
    let mut reader = Reader { len: record.len(), rest: record, key: &[] };
    let mut db = 0;
    loop {
        let offset = reader.offset();
        let Some((&tag, rest)) = reader.rest.split_first() else { return Ok(()) };
        reader.rest = rest;
        let is_known = match tag {
            tag::DATABASE => {
                db = reader.database()?;
                true
            }
            tag::SET_STRING..tag::APPEND => {
                reader.effect_on_key(tag)?.inspect(|e| visit(db, e)).is_some()
            }
            _ => reader.change(tag, |key, change| visit(db, &Effect::Stream { key, change }))?,
        };
        if !is_known {
            return Err(RecordError { offset, flaw: Flaw::Tag(tag) });
        }
    }
}

/// What is left of a record.
struct Reader<'r> {
    len: usize,
    rest: &'r [u8],
    /// The key of the effect before.
    key: &'r [u8],
}

impl<'r> Reader<'r> {
    fn effect_on_key(&mut self, tag: u8) -> Result<Option<Effect<'r>>, RecordError> {
        Ok(Some(match tag {
            tag::SET_STRING => {
                let (key, value) = (self.key()?, self.bytes()?);
                Effect::SetString { key, value, expires_at_ms: self.deadline()? }
            }
            tag::REPLACE_STRING => Effect::ReplaceString { key: self.key()?, value: self.bytes()? },
            tag::WRITE_STRING => {
                let (key, offset) = (self.key()?, self.text_offset()?);
                Effect::WriteString { key, offset, bytes: self.bytes()? }
            }
            tag::SET_DEADLINE => {
                Effect::SetDeadline { key: self.key()?, expires_at_ms: self.deadline()? }
            }
            tag::DELETE_KEY => Effect::Delete { key: self.key()? },
            tag::RENAME => {
                let (key, to_db) = (self.key()?, self.database()?);
                Effect::Rename { key, to_db, to: self.bytes()? }
            }
            tag::COPY => {
                let (key, to_db) = (self.key()?, self.database()?);
                Effect::Copy { key, to_db, to: self.bytes()? }
            }
            tag::FLUSH => Effect::Flush,
            tag::SWAP => Effect::Swap { other: self.database()? },
            tag::CREATE_STREAM => {
                let (key, duration_s) = (self.key()?, self.number_of_32_bits()?);
                Effect::CreateStream { key, duration_s, entries_max: self.number_of_32_bits()? }
            }
            _ => return Ok(None),
        }))
    }

    /// Reads a change of a stream; returns whether there is such a tag.
    fn change(
        &mut self,
        tag: u8,
        mut visit: impl FnMut(&'r [u8], StreamEffect<'_>),
    ) -> Result<bool, RecordError> {
        if !(tag::APPEND..=tag::SET_RETENTION).contains(&tag) {
            return Ok(false);
        }
        let key = self.key()?;
        if let Some(change) = self.change_without_list(tag)? {
            visit(key, change);
            return Ok(true);
        }
        match tag {
            tag::APPEND | tag::APPEND_TO_NEW_NODE => {
                let node = if tag == tag::APPEND { Node::Last } else { Node::New };
                let (id, fields) = (self.id()?, self.fields()?);
                visit(key, StreamEffect::Append { id, fields: &fields, node });
            }
            tag::TRIM_ENTRIES => visit(key, StreamEffect::TrimEntries { ids: &self.ids()? }),
            tag::DELETE_ENTRIES => visit(key, StreamEffect::Delete { ids: &self.ids()? }),
            tag::OWN => {
                let (group, consumer) = (self.bytes()?, self.bytes()?);
                let (delivered_ms, rows) = (self.number()?, self.rows()?);
                visit(key, StreamEffect::Own { group, consumer, delivered_ms, rows: &rows });
            }
            tag::RELEASE => {
                let (group, rows) = (self.bytes()?, self.rows()?);
                visit(key, StreamEffect::Release { group, rows: &rows });
            }
            tag::FORGET => {
                let (group, ids) = (self.bytes()?, self.ids()?);
                visit(key, StreamEffect::Forget { group, ids: &ids });
            }
            tag::FORGET_EVERYWHERE => {
                visit(key, StreamEffect::ForgetEverywhere { ids: &self.ids()? });
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn change_without_list(&mut self, tag: u8) -> Result<Option<StreamEffect<'r>>, RecordError> {
        Ok(Some(match tag {
            tag::TRIM_FRONT => StreamEffect::TrimFront { below: self.id()? },
            tag::SET_COUNTERS => {
                let (last_id, entries_added) = (self.id()?, self.number()?);
                StreamEffect::SetCounters { last_id, entries_added, max_deleted_id: self.id()? }
            }
            tag::SET_GROUP => {
                let (group, last_delivered) = (self.bytes()?, self.id()?);
                StreamEffect::SetGroup { group, last_delivered, entries_read: self.option()? }
            }
            tag::DESTROY_GROUP => StreamEffect::DestroyGroup { group: self.bytes()? },
            tag::SEE_CONSUMER => {
                let (group, consumer) = (self.bytes()?, self.bytes()?);
                let (seen_ms, active_ms) = (self.number()?, self.option()?);
                StreamEffect::SeeConsumer { group, consumer, seen_ms, active_ms }
            }
            tag::DELETE_CONSUMER => {
                StreamEffect::DeleteConsumer { group: self.bytes()?, consumer: self.bytes()? }
            }
            tag::REMEMBER => {
                let (producer, iid) = (self.bytes()?, self.bytes()?);
                StreamEffect::Remember { producer, iid, id: self.id()? }
            }
            tag::COUNT_DUPLICATE => StreamEffect::CountDuplicate,
            tag::CONFIGURE_IDEMPOTENCE => {
                let (duration_s, entries_max) =
                    (self.number_of_32_bits()?, self.number_of_32_bits()?);
                StreamEffect::ConfigureIdempotence { duration_s, entries_max }
            }
            tag::SET_RETENTION => StreamEffect::SetRetention { policy: self.retention()? },
            _ => return Ok(None),
        }))
    }

    fn offset(&self) -> usize {
        self.len - self.rest.len()
    }

    fn number(&mut self) -> Result<u64, RecordError> {
        let offset = self.offset();
        varint::read(&mut self.rest).ok_or(RecordError { offset, flaw: Flaw::Number })
    }

    fn number_of_32_bits(&mut self) -> Result<u32, RecordError> {
        let offset = self.offset();
        let number = self.number()?;
        u32::try_from(number).map_err(|_| RecordError { offset, flaw: Flaw::Number })
    }

    fn text_offset(&mut self) -> Result<usize, RecordError> {
        let offset = self.offset();
        let number = self.number()?;
        let place = usize::try_from(number).ok().filter(|_| number <= TEXT_OFFSET_MAX);
        place.ok_or(RecordError { offset, flaw: Flaw::Number })
    }

    fn database(&mut self) -> Result<u8, RecordError> {
        let offset = self.offset();
        let number = self.number()?;
        let db = u8::try_from(number).ok().filter(|db| *db < DATABASES);
        db.ok_or(RecordError { offset, flaw: Flaw::Database })
    }

    fn take(&mut self, offset: usize, len: u64) -> Result<&'r [u8], RecordError> {
        let taken = usize::try_from(len).ok().and_then(|len| varint::take(&mut self.rest, len));
        taken.ok_or(RecordError { offset, flaw: Flaw::Bytes })
    }

    fn bytes(&mut self) -> Result<&'r [u8], RecordError> {
        let offset = self.offset();
        let len = self.number()?;
        self.take(offset, len)
    }

    fn key(&mut self) -> Result<&'r [u8], RecordError> {
        let offset = self.offset();
        if let Some(len) = self.number()?.checked_sub(1) {
            self.key = self.take(offset, len)?;
        }
        Ok(self.key)
    }

    fn deadline(&mut self) -> Result<u64, RecordError> {
        Ok(self.number()?.wrapping_sub(1))
    }

    fn option(&mut self) -> Result<Option<u64>, RecordError> {
        let offset = self.offset();
        match self.number()? {
            0 => Ok(None),
            1 => self.number().map(Some),
            _ => Err(RecordError { offset, flaw: Flaw::Number }),
        }
    }

    fn retention(&mut self) -> Result<Retention, RecordError> {
        let (age_ms, bytes_max, len_max) = (self.limit()?, self.limit()?, self.limit()?);
        let offset = self.offset();
        let unacknowledged = match self.number()? {
            0 => Unacknowledged::Kept,
            1 => Unacknowledged::Removed,
            _ => return Err(RecordError { offset, flaw: Flaw::Number }),
        };
        Ok(Retention { age_ms, bytes_max, len_max, unacknowledged })
    }

    fn limit(&mut self) -> Result<Option<u64>, RecordError> {
        Ok(Some(self.number()?).filter(|limit| *limit > 0))
    }

    fn id(&mut self) -> Result<EntryId, RecordError> {
        Ok(EntryId::new(self.number()?, self.number()?))
    }

    fn fields(&mut self) -> Result<SmallVec<[&'r [u8]; 32]>, RecordError> {
        let mut fields = SmallVec::new();
        for _ in 0..self.number()? {
            fields.push(self.bytes()?);
            fields.push(self.bytes()?);
        }
        Ok(fields)
    }

    fn ids(&mut self) -> Result<SmallVec<[EntryId; 16]>, RecordError> {
        let mut ids = SmallVec::new();
        let mut before_ms = 0;
        for _ in 0..self.number()? {
            let id = self.step(before_ms)?;
            before_ms = id.ms;
            ids.push(id);
        }
        Ok(ids)
    }

    fn rows(&mut self) -> Result<SmallVec<[(EntryId, u64); 16]>, RecordError> {
        let mut rows = SmallVec::new();
        let mut before_ms = 0;
        for _ in 0..self.number()? {
            let id = self.step(before_ms)?;
            before_ms = id.ms;
            rows.push((id, self.number()?));
        }
        Ok(rows)
    }

    fn step(&mut self, before_ms: u64) -> Result<EntryId, RecordError> {
        let zigzag = self.number()?;
        let step = (zigzag >> 1) ^ (zigzag & 1).wrapping_neg();
        Ok(EntryId::new(before_ms.wrapping_add(step), self.number()?))
    }
}
