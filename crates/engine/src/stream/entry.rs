//! `Entry`: a borrowed view of one entry inside a packed block, read without allocation.

use super::id::EntryId;
use super::varint;

/// The field names that entries of a block share, in their order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape<'a> {
    /// Every name as a varint length and its bytes.
    pub(super) names: &'a [u8],
    /// How many names there are.
    pub(super) count: usize,
    /// Where in the block the shape is defined: the offset of its field count.
    pub(super) offset: usize,
}

impl<'a> Shape<'a> {
    /// Takes a shape definition off the front of `rest`, which begins at `offset` of the block.
    pub(super) fn read(rest: &mut &'a [u8], offset: usize) -> Option<Self> {
        let count = varint::read_len(rest)?;
        let start = *rest;
        for _ in 0..count {
            varint::take_text(rest)?;
        }
        let names = start.get(..start.len() - rest.len())?;
        Some(Self { names, count, offset })
    }
}

/// One entry of a stream, borrowed from the packed block that holds it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The identity of the entry.
    pub id: EntryId,
    count: usize,
    names: &'a [u8],
    lengths: &'a [u8],
    values: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Takes the value lengths and values of an entry of the given shape off the front of `rest`.
    #[inline]
    pub(super) fn read(rest: &mut &'a [u8], id: EntryId, shape: Shape<'a>) -> Option<Self> {
        let start = *rest;
        let mut total = 0_usize;
        for _ in 0..shape.count {
            total = total.checked_add(varint::read_len(rest)?)?;
        }
        let lengths = start.get(..start.len() - rest.len())?;
        let values = varint::take(rest, total)?;
        Some(Self { id, count: shape.count, names: shape.names, lengths, values })
    }

    /// Returns how many fields the entry has.
    #[inline]
    #[must_use]
    pub fn field_count(&self) -> usize {
        self.count
    }

    /// Returns the names and values in the order in which they were added.
    #[inline]
    #[must_use]
    pub fn fields(&self) -> Fields<'a> {
        Fields { names: self.names(), values: self.values() }
    }

    /// Returns the names in their order.
    #[inline]
    #[must_use]
    pub fn names(&self) -> Names<'a> {
        Names { rest: self.names }
    }

    /// Returns the values in the order of the names.
    #[inline]
    #[must_use]
    pub fn values(&self) -> Values<'a> {
        Values { lengths: self.lengths, rest: self.values }
    }

    /// Returns the bytes of all names and values together.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.values.len() + self.names().map(<[u8]>::len).sum::<usize>()
    }

    /// Returns a key of the entry's field names: two entries that are borrowed from the same
    /// stream at the same time and have equal keys have the same names in the same order.
    ///
    /// The reverse does not hold: every block spells its names out once. Consecutive entries mostly
    /// share the key, so whoever renders them needs to render the names only when it changes.
    #[inline]
    #[must_use]
    pub fn shape_key(&self) -> usize {
        self.names.as_ptr().addr()
    }
}

/// The names and values of an entry.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    names: Names<'a>,
    values: Values<'a>,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        Some((self.names.next()?, self.values.next()?))
    }
}

/// The names of an entry.
#[derive(Clone, Debug)]
pub struct Names<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Names<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        varint::take_text(&mut self.rest)
    }
}

/// The values of an entry.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    lengths: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let len = varint::read_len(&mut self.lengths)?;
        varint::take(&mut self.rest, len)
    }
}
