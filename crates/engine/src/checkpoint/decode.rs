//! Reading items, from bytes that may be anything.

use super::decode_stream::StreamParts;
use super::{CheckpointFlaw, Counts, tag};
use crate::blocks::BlockStore;
use crate::key::DATABASES;
use crate::stream::{EntryId, varint};
use crate::value::Value;

/// A key that was read.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) db: u8,
    pub(crate) key: Box<[u8]>,
    pub(crate) expires_at_ms: u64,
    pub(crate) value: Value,
}

/// Puts keys together from items.
#[derive(Debug)]
pub(crate) struct Decoder<'s> {
    /// Where blocks lie that are not in the checkpoint itself.
    store: Option<&'s BlockStore>,
    /// The stream whose items are being read.
    open: Option<OpenStream>,
    counts: Counts,
    has_ended: bool,
}

#[derive(Debug)]
struct OpenStream {
    place: Place,
    parts: StreamParts,
}

/// A key, and until when it lives.
#[derive(Debug)]
pub(super) struct Place {
    db: u8,
    key: Box<[u8]>,
    expires_at_ms: u64,
}

impl<'s> Decoder<'s> {
    pub(crate) fn new(store: Option<&'s BlockStore>) -> Self {
        Decoder { store, open: None, counts: Counts::default(), has_ended: false }
    }

    /// Returns what has been read so far.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Says whether the last item has been read.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Takes the next item and hands over the key that it completes, which may be another one than
    /// that it belongs to: a stream is complete when the next key begins.
    ///
    /// # Errors
    /// The item makes no sense here.
    pub(crate) fn item(
        &mut self,
        tag: u8,
        body: &[u8],
        mut visit: impl FnMut(Loaded),
    ) -> Result<(), CheckpointFlaw> {
        let mut body = Body(body);
        let ended = match tag {
            tag::STRING | tag::STREAM | tag::END => self.close_stream()?,
            _ => None,
        };
        ended.into_iter().for_each(&mut visit);
        let read = match tag {
            tag::STRING => self.string(&mut body).map(visit),
            tag::STREAM => self.begin_stream(&mut body),
            tag::BLOCKS..=tag::RETENTION => {
                let store = self.store;
                self.open.as_mut().and_then(|open| open.parts.item(tag, &mut body, store))
            }
            tag::END => {
                self.end(&mut body)?;
                Some(())
            }
            _ => return Err(CheckpointFlaw::Tag(tag)),
        };
        if let Some(error) = self.open.as_mut().and_then(|open| open.parts.missing()) {
            return Err(CheckpointFlaw::Block(error));
        }
        if read.is_none() || !body.is_empty() {
            return Err(CheckpointFlaw::Item(tag));
        }
        Ok(())
    }

    fn string(&mut self, body: &mut Body<'_>) -> Option<Loaded> {
        let Place { db, key, expires_at_ms } = body.place()?;
        let value = Value::String(body.text()?.to_vec());
        self.counts.keys += 1;
        Some(Loaded { db, key, expires_at_ms, value })
    }

    fn begin_stream(&mut self, body: &mut Body<'_>) -> Option<()> {
        let place = body.place()?;
        self.open = Some(OpenStream { place, parts: StreamParts::read(body)? });
        Some(())
    }

    fn close_stream(&mut self) -> Result<Option<Loaded>, CheckpointFlaw> {
        let Some(OpenStream { place, parts }) = self.open.take() else { return Ok(None) };
        let (stream, counts) = parts.finish()?;
        self.counts.add(counts);
        let Place { db, key, expires_at_ms } = place;
        Ok(Some(Loaded { db, key, expires_at_ms, value: Value::Stream(Box::new(stream)) }))
    }

    fn end(&mut self, body: &mut Body<'_>) -> Result<(), CheckpointFlaw> {
        let mut number = || body.number().ok_or(CheckpointFlaw::Item(tag::END));
        let announced = Counts { keys: number()?, entries: number()?, rows: number()? };
        if announced != self.counts {
            return Err(CheckpointFlaw::Counts);
        }
        self.has_ended = true;
        Ok(())
    }
}

/// What is left of an item's body. Whatever is not there is `None`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Body<'b>(&'b [u8]);

impl Place {
    pub(super) fn holds(self, value: Value) -> Loaded {
        let Place { db, key, expires_at_ms } = self;
        Loaded { db, key, expires_at_ms, value }
    }
}

impl<'b> Body<'b> {
    pub(super) fn new(body: &'b [u8]) -> Self {
        Body(body)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        varint::read(&mut self.0)
    }

    pub(super) fn number_of_32_bits(&mut self) -> Option<u32> {
        u32::try_from(self.number()?).ok()
    }

    pub(super) fn zigzag(&mut self) -> Option<u64> {
        let zigzag = self.number()?;
        Some((zigzag >> 1) ^ (zigzag & 1).wrapping_neg())
    }

    pub(super) fn text(&mut self) -> Option<&'b [u8]> {
        varint::take_text(&mut self.0)
    }

    pub(super) fn option(&mut self) -> Option<Option<u64>> {
        match self.number()? {
            0 => Some(None),
            1 => Some(Some(self.number()?)),
            _ => None,
        }
    }

    /// Reads a limit, of which 0 stands for none.
    pub(super) fn limit(&mut self) -> Option<Option<u64>> {
        Some(Some(self.number()?).filter(|limit| *limit > 0))
    }

    pub(super) fn id(&mut self) -> Option<EntryId> {
        Some(EntryId::new(self.number()?, self.number()?))
    }

    /// Reads an id that lies so many milliseconds above the one before.
    pub(super) fn id_after(&mut self, before_ms: u64) -> Option<EntryId> {
        let ms = before_ms.checked_add(self.number()?)?;
        Some(EntryId::new(ms, self.number()?))
    }

    /// Reads a text that may be the one before.
    pub(super) fn repeated(&mut self, before: Option<&'b [u8]>) -> Option<&'b [u8]> {
        match varint::read_len(&mut self.0)?.checked_sub(1) {
            None => before,
            Some(len) => varint::take(&mut self.0, len),
        }
    }

    pub(super) fn place(&mut self) -> Option<Place> {
        let db = u8::try_from(self.number()?).ok().filter(|db| *db < DATABASES)?;
        let key = self.text()?.into();
        Some(Place { db, key, expires_at_ms: self.number()?.wrapping_sub(1) })
    }
}
