//! Putting a stream together from its items.

mod loss;

use std::collections::VecDeque;

use self::loss::Salvage;
pub(crate) use self::loss::{StreamLoss, UnreadBlock};
use super::decode::Body;
use super::{CheckpointFlaw, Counts, tag};
use crate::blocks::{BlockStore, ReadError};
use crate::stream::pending::{PendingList, Row, UNOWNED};
use crate::stream::policy::Retained;
use crate::stream::{
    Block, BlockContent, BlockNumbers, Entries, EntryId, Group, Idempotence, Retention, Stream,
    Unacknowledged,
};

/// The lists of a stream hardly have a length beyond this reserved before they are there.
const RESERVE_MAX: usize = 1 << 20;

/// A stream of which not all items have been read.
#[derive(Debug)]
pub(super) struct StreamParts {
    /// Everything but the entries.
    stream: Stream,
    last_live_id: EntryId,
    blocks: VecDeque<Block>,
    blocks_announced: u64,
    group: Option<GroupParts>,
    /// How many attempts are still to come.
    attempts_left: u64,
    rows: u64,
    /// Why a block is not where it should be.
    missing: Option<Box<ReadError>>,
    /// What is lost; `None` while that is to be refused.
    salvage: Option<Box<Salvage>>,
}

/// Where a block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockSpot {
    pub(crate) number: u32,
    pub(crate) offset: u32,
    pub(crate) stored_len: u32,
}

impl BlockSpot {
    /// Reads where a block lies, perhaps behind the one before.
    fn read(kind: u64, before: Option<BlockSpot>, body: &mut Body<'_>) -> Option<Self> {
        let (number, offset) = match kind {
            tag::CONTENT_BEHIND => {
                let BlockSpot { number, offset, stored_len } = before?;
                let end = u64::from(offset) + u64::from(stored_len);
                (number, u32::try_from(end.wrapping_add(body.zigzag()?)).ok()?)
            }
            tag::CONTENT_PLACED => (body.number_of_32_bits()?, body.number_of_32_bits()?),
            _ => return None,
        };
        Some(BlockSpot { number, offset, stored_len: body.number_of_32_bits()? })
    }
}

/// A group of which not all items have been read.
#[derive(Debug)]
struct GroupParts {
    name: Box<[u8]>,
    group: Group,
    next_turn: u64,
    numbers_announced: u64,
    rows: Vec<Row>,
    rows_announced: u64,
}

impl StreamParts {
    /// Reads what the first item says of a stream, behind the key.
    pub(super) fn read(body: &mut Body<'_>) -> Option<Self> {
        let (last_id, max_deleted_id, entries_added) = (body.id()?, body.id()?, body.number()?);
        let (duration_s, entries_max) = (body.number_of_32_bits()?, body.number_of_32_bits()?);
        let mut stream = Stream::new(duration_s, entries_max);
        stream.last_id = last_id;
        stream.max_deleted_id = max_deleted_id;
        stream.entries_added = entries_added;
        let (last_live_id, blocks_announced) = (body.id()?, body.number()?);
        let reserve = usize::try_from(blocks_announced).unwrap_or(RESERVE_MAX).min(RESERVE_MAX);
        Some(StreamParts {
            stream,
            last_live_id,
            blocks: VecDeque::with_capacity(reserve),
            blocks_announced,
            group: None,
            attempts_left: 0,
            rows: 0,
            missing: None,
            salvage: None,
        })
    }

    /// Takes an item that belongs to the stream.
    pub(super) fn item(
        &mut self,
        tag: u8,
        body: &mut Body<'_>,
        store: Option<&BlockStore>,
    ) -> Option<()> {
        match tag {
            tag::BLOCKS => self.blocks(body, store),
            tag::GROUP => {
                self.close_group()?;
                self.group = Some(GroupParts::read(body)?);
                Some(())
            }
            tag::CONSUMERS => self.group.as_mut()?.consumers(body),
            tag::ROWS => self.group.as_mut()?.rows(body),
            tag::IDEMPOTENCE => self.begin_idempotence(body),
            tag::ATTEMPTS => self.attempts(body),
            tag::RETENTION => self.retention(body),
            _ => None,
        }
    }

    /// Takes out why a block is not where it should be, if that is why an item made no sense.
    pub(super) fn missing(&mut self) -> Option<Box<ReadError>> {
        self.missing.take()
    }

    /// Returns the stream, and what it holds.
    pub(super) fn finish(mut self) -> Result<(Stream, Counts), CheckpointFlaw> {
        self.close_group().ok_or(CheckpointFlaw::Counts)?;
        if self.attempts_left > 0 || self.blocks.len() as u64 != self.blocks_announced {
            return Err(CheckpointFlaw::Counts);
        }
        // It grows, and its end has to be known for that.
        if self.blocks.back().is_some_and(|last| last.bytes().is_none()) {
            return Err(CheckpointFlaw::Item(tag::BLOCKS));
        }
        self.stream.entries = Entries::of_blocks(self.blocks, self.last_live_id);
        let entries = self.stream.len();
        Ok((self.stream, Counts { keys: 1, entries, rows: self.rows }))
    }

    fn blocks(&mut self, body: &mut Body<'_>, store: Option<&BlockStore>) -> Option<()> {
        let mut before_ms = 0;
        let mut before = None;
        while !body.is_empty() {
            let first_id = body.id_after(before_ms)?;
            before_ms = first_id.ms;
            let (slots, deleted) = (body.number_of_32_bits()?, body.number_of_32_bits()?);
            let (dead_bytes, listpack_bytes) =
                (body.number_of_32_bits()?, body.number_of_32_bits()?);
            let live = slots.checked_sub(deleted).filter(|live| *live > 0)?;
            let numbers = BlockNumbers { first_id, live, slots, dead_bytes, listpack_bytes };
            let content = match body.number()? {
                tag::CONTENT_INLINE => {
                    before = None;
                    Some(BlockContent::Resident(body.text()?.to_vec()))
                }
                kind => {
                    let spot = BlockSpot::read(kind, before, body)?;
                    before = Some(spot);
                    self.content(store, spot, &numbers)?
                }
            };
            self.end_gap(first_id);
            let Some(content) = content else { continue };
            if self.blocks.back().is_some_and(|before| before.first_id() >= first_id) {
                return None;
            }
            self.blocks.push_back(Block::of(numbers, content));
        }
        Some(())
    }

    /// Finds a block in a block file; nothing if it is lost and that is not to be refused.
    fn content(
        &mut self,
        store: Option<&BlockStore>,
        spot: BlockSpot,
        numbers: &BlockNumbers,
    ) -> Option<Option<BlockContent>> {
        let BlockSpot { number, offset, stored_len } = spot;
        match store.map(|store| store.place(number, offset, stored_len)) {
            Some(Ok(place)) => Some(Some(BlockContent::Cold(place))),
            found if self.salvage.is_some() => {
                let error = found.and_then(Result::err);
                let bytes = store.and_then(|store| store.read_headless(number, offset, stored_len));
                let first_id = numbers.first_id;
                self.lose(UnreadBlock {
                    first_id,
                    live: numbers.live,
                    spot,
                    error,
                    is_lost: bytes.is_none(),
                });
                Some(bytes.map(BlockContent::Resident))
            }
            found => {
                self.missing = found.and_then(Result::err).map(Box::new);
                None
            }
        }
    }

    fn close_group(&mut self) -> Option<()> {
        let Some(parts) = self.group.take() else { return Some(()) };
        self.rows += parts.rows_announced;
        let (name, group) = parts.finish()?;
        self.stream.groups.insert(&name, group).is_none().then_some(())
    }

    fn retention(&mut self, body: &mut Body<'_>) -> Option<()> {
        let (age_ms, bytes_max, len_max) = (body.limit()?, body.limit()?, body.limit()?);
        let unacknowledged = match body.number()? {
            0 => Unacknowledged::Kept,
            1 => Unacknowledged::Removed,
            _ => return None,
        };
        let policy = Retention { age_ms, bytes_max, len_max, unacknowledged };
        self.stream.retained = Some(Retained::new(policy)?);
        Some(())
    }

    fn begin_idempotence(&mut self, body: &mut Body<'_>) -> Option<()> {
        let (duration_s, entries_max) = self.stream.idempotence_limits;
        let mut known = Idempotence::new(duration_s, entries_max);
        known.iids_added = body.number()?;
        known.iids_duplicates = body.number()?;
        known.set_next_sweep(body.number()?);
        self.attempts_left = body.number()?;
        self.stream.idempotence = Some(Box::new(known));
        Some(())
    }

    fn attempts(&mut self, body: &mut Body<'_>) -> Option<()> {
        let known = self.stream.idempotence.as_mut()?;
        let mut producer = None;
        while !body.is_empty() {
            producer = Some(body.repeated(producer)?);
            let (iid, id) = (body.text()?, body.id()?);
            known.restore(producer?, iid, id)?;
            self.attempts_left = self.attempts_left.checked_sub(1)?;
        }
        Some(())
    }
}

impl GroupParts {
    fn read(body: &mut Body<'_>) -> Option<Self> {
        let name = body.text()?.into();
        let group = Group::new(body.id()?, body.option()?);
        let next_turn = body.number()?;
        let (numbers_announced, rows_announced) = (body.number()?, body.number()?);
        let reserve = usize::try_from(rows_announced).unwrap_or(RESERVE_MAX).min(RESERVE_MAX);
        let rows = Vec::with_capacity(reserve);
        Some(GroupParts { name, group, next_turn, numbers_announced, rows, rows_announced })
    }

    fn consumers(&mut self, body: &mut Body<'_>) -> Option<()> {
        while !body.is_empty() {
            let consumer = match body.number()? {
                0 => None,
                1 => Some((body.text()?, body.number()?, body.option()?)),
                _ => return None,
            };
            self.group.consumers.restore(consumer)?;
        }
        Some(())
    }

    fn rows(&mut self, body: &mut Body<'_>) -> Option<()> {
        let (mut before_ms, mut clock) = (0, 0_u64);
        while !body.is_empty() {
            let id = body.id_after(before_ms)?;
            before_ms = id.ms;
            let owner = match body.number()?.checked_sub(1) {
                None => UNOWNED,
                Some(owner) => u32::try_from(owner).ok()?,
            };
            clock = clock.wrapping_add(body.zigzag()?);
            let is_known = owner == UNOWNED || self.group.consumers.has(owner);
            let ascends = self.rows.last().is_none_or(|before| before.id < id);
            if !is_known || !ascends {
                return None;
            }
            self.rows.push(Row { id, clock, deliveries: body.number_of_32_bits()?, owner });
        }
        Some(())
    }

    fn finish(self) -> Option<(Box<[u8]>, Group)> {
        let GroupParts { name, mut group, next_turn, rows, .. } = self;
        if group.consumers.by_number().len() as u64 != self.numbers_announced
            || rows.len() as u64 != self.rows_announced
        {
            return None;
        }
        group.pending = PendingList::of_rows(&rows, next_turn);
        Some((name, group))
    }
}
