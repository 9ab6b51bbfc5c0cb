//! What is on its way to all clients of one worker.

use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;

use firth_engine::Lsn;
use firth_resp::Protocol;

use crate::outbox::Outbox;

/// Buffers of free memory that are kept for the next replies, and how large they may be.
const SPARES_MAX: usize = 64;
const SPARE_BYTES_MAX: usize = 64 * 1024;

/// How much of a reply buffer is kept from one client to the next.
const REPLY_BYTES_KEPT: usize = 256 * 1024;

/// How much may wait for a client before none of its requests is run and nothing more is read from it.
pub const OUTPUT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The same for a client that has not given the password yet.
const UNAUTHENTICATED_OUTPUT_BYTES_MAX: usize = 16 * 1024;

/// The outboxes of a worker's clients, and the buffers that they share.
///
/// While a client's commands run, its replies gather in [`reply`](Self::reply). Messages to it go
/// there too, each after the reply to the command that ran when it came.
/// Everything depends on a position of the log, and is sent once that is [settled](Self::settle).
#[derive(Debug, Default)]
pub struct Outboxes {
    slots: Vec<Slot>,
    /// Messages of this tick, each once, encoded for RESP2 and for RESP3.
    ticks: [Vec<u8>; 2],
    /// The replies of the client whose commands run now.
    pub reply: Vec<u8>,
    /// Messages to that client, which wait for the end of its command: none of them may stand
    /// within a reply, or be dropped together with one.
    pub pushes: Vec<u8>,
    current: Option<u64>,
    /// What the messages to that client depend on.
    pushes_lsn: Lsn,
    dirty: Vec<u64>,
    /// Clients for which something waits that is not settled.
    held: Vec<u64>,
    settled: Lsn,
    /// The highest position that anything depends on which was put here since
    /// [`take_lsn`](Self::take_lsn).
    lsn: Lsn,
    spares: Vec<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Slot {
    token: u64,
    protocol: Protocol,
    outbox: Outbox,
    is_dirty: bool,
    is_held: bool,
}

/// A message of this tick in the shared buffers: where it lies in either encoding.
#[derive(Debug, Default)]
pub struct TickMessage {
    places: [Option<Range<usize>>; 2],
}

fn index(protocol: Protocol) -> usize {
    match protocol {
        Protocol::Resp2 => 0,
        Protocol::Resp3 => 1,
    }
}

/// Returns the place that a token names.
pub(crate) fn slot_of(token: u64) -> usize {
    (token & u64::from(u32::MAX)) as usize
}

impl Outboxes {
    /// Makes room for a client.
    pub fn open(&mut self, token: u64) {
        let slot = slot_of(token);
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, Slot::default);
        }
        self.slots[slot] = Slot { token, ..Slot::default() };
    }

    /// Forgets a client and what was on its way to it.
    pub fn close(&mut self, token: u64) {
        if let Some(slot) = self.slot_mut(token) {
            *slot = Slot { token: u64::MAX, ..Slot::default() };
        }
    }

    /// Begins to gather the replies of a client.
    pub fn begin(&mut self, token: u64) {
        self.current = Some(token);
        self.reply.clear();
        self.pushes.clear();
    }

    /// Puts the messages to the client whose commands run behind what it was replied so far.
    #[inline]
    pub fn release_pushes(&mut self) {
        self.reply.append(&mut self.pushes);
    }

    /// Puts the gathered replies on their way, to be sent once `lsn` is settled.
    pub fn end(&mut self, lsn: Lsn) {
        let Some(token) = self.current.take() else { return };
        let lsn = lsn.max(std::mem::take(&mut self.pushes_lsn));
        self.lsn = self.lsn.max(lsn);
        self.release_pushes();
        if self.reply.is_empty() {
            return;
        }
        let reply = std::mem::take(&mut self.reply);
        let spare = if reply.len() > SPARE_BYTES_MAX {
            if let Some(slot) = self.slot_mut(token) {
                slot.outbox.push_whole(reply, lsn);
            }
            None
        } else {
            self.push(token, &reply, lsn);
            Some(reply)
        };
        self.mark(token);
        self.reply = spare.filter(|spare| spare.capacity() <= REPLY_BYTES_KEPT).unwrap_or_default();
    }

    /// Puts bytes on their way to a client, encoded for its protocol.
    pub fn push(&mut self, token: u64, bytes: &[u8], lsn: Lsn) {
        self.lsn = self.lsn.max(lsn);
        if self.current == Some(token) {
            self.pushes_lsn = self.pushes_lsn.max(lsn);
            self.pushes.extend_from_slice(bytes);
            return;
        }
        let Outboxes { slots, spares, .. } = self;
        if let Some(slot) = slots.get_mut(slot_of(token)).filter(|slot| slot.token == token) {
            slot.outbox.push(bytes, lsn, || spares.pop().unwrap_or_default());
        }
        self.mark(token);
    }

    /// Puts a message on its way to a client; `encode` writes it for a protocol, which is done
    /// once for all the clients that speak it, and which is sent once `lsn` is settled. Returns how
    /// many bytes wait for the client then, or nothing if it is gone.
    #[inline]
    pub fn deliver(
        &mut self,
        token: u64,
        message: &mut TickMessage,
        lsn: Lsn,
        encode: impl FnOnce(&mut Vec<u8>, Protocol),
    ) -> Option<usize> {
        let Outboxes { slots, ticks, dirty, reply, pushes, pushes_lsn, current, lsn: high, .. } =
            self;
        *high = lsn.max(*high);
        let slot = slots.get_mut(slot_of(token)).filter(|slot| slot.token == token)?;
        let which = index(slot.protocol);
        let tick = ticks.get_mut(which)?;
        let place = message.places[which].get_or_insert_with(|| {
            let start = tick.len();
            encode(tick, slot.protocol);
            start..tick.len()
        });
        if *current == Some(token) {
            pushes.extend_from_slice(tick.get(place.clone()).unwrap_or_default());
            *pushes_lsn = lsn.max(*pushes_lsn);
            return Some(slot.outbox.len() + reply.len() + pushes.len());
        }
        slot.outbox.push_tick(place.clone(), lsn);
        if !slot.is_dirty {
            slot.is_dirty = true;
            dirty.push(token);
        }
        Some(slot.outbox.len())
    }

    /// Returns the protocol that a client speaks.
    pub fn protocol(&self, token: u64) -> Option<Protocol> {
        self.slot(token).map(|slot| slot.protocol)
    }

    /// Sets the protocol that a client speaks.
    pub fn set_protocol(&mut self, token: u64, protocol: Protocol) {
        let Outboxes { slots, ticks, .. } = self;
        if let Some(slot) = slots.get_mut(slot_of(token)).filter(|slot| slot.token == token) {
            if slot.protocol != protocol && slot.outbox.holds_tick() {
                // Its messages of this tick lie in the other buffer, so it gets a copy of them.
                slot.outbox.keep(&Arc::new(ticks[index(slot.protocol)].clone()));
            }
            slot.protocol = protocol;
        }
    }

    /// Returns the outbox of a client.
    pub fn outbox(&self, token: u64) -> Option<&Outbox> {
        self.slot(token).map(|slot| &slot.outbox)
    }

    /// Returns how many bytes of replies there is room for until a client has to read some.
    pub fn room(&self, token: u64, is_authenticated: bool) -> usize {
        let bytes_max =
            if is_authenticated { OUTPUT_BYTES_MAX } else { UNAUTHENTICATED_OUTPUT_BYTES_MAX };
        bytes_max.saturating_sub(self.outbox(token).map_or(0, Outbox::len))
    }

    /// Returns the clients that something was put on its way to since the last call.
    pub fn take_dirty(&mut self) -> Vec<u64> {
        let dirty = std::mem::take(&mut self.dirty);
        for &token in &dirty {
            if let Some(slot) = self.slot_mut(token) {
                slot.is_dirty = false;
            }
        }
        dirty
    }

    /// Gives an emptied list of clients back, to be used again.
    pub fn give_back(&mut self, mut dirty: Vec<u64>) {
        dirty.clear();
        if self.dirty.is_empty() {
            self.dirty = dirty;
        }
    }

    /// Notes that a client is to be looked after at the end of the tick.
    pub fn mark(&mut self, token: u64) {
        let Outboxes { slots, dirty, .. } = self;
        if let Some(slot) = slots.get_mut(slot_of(token)).filter(|slot| slot.token == token)
            && !slot.is_dirty
        {
            slot.is_dirty = true;
            dirty.push(token);
        }
    }

    /// Returns the bytes that may be sent to a client, as far as the slices reach.
    pub fn slices<'a>(&'a self, token: u64, slices: &mut [IoSlice<'a>]) -> usize {
        self.slot(token).map_or(0, |slot| {
            slot.outbox.slices(&self.ticks[index(slot.protocol)], self.settled, slices)
        })
    }

    /// Notes up to which position everything is settled. Clients for which something waits are
    /// looked after again.
    pub fn settle(&mut self, settled: Lsn) {
        if settled != self.settled {
            self.settled = settled;
            for token in self.take_held() {
                self.mark(token);
            }
        }
    }

    /// Returns the position up to which everything is settled, as far as this worker knows.
    pub fn settled(&self) -> Lsn {
        self.settled
    }

    /// Notes that nothing more can be sent to a client until more is settled.
    pub fn hold(&mut self, token: u64) {
        if let Some(slot) = self.slot_mut(token).filter(|slot| !slot.is_held) {
            slot.is_held = true;
            self.held.push(token);
        }
    }

    /// Says whether anything waits for being settled.
    pub fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes the clients for which something waits that is not settled.
    pub fn take_held(&mut self) -> Vec<u64> {
        let held = std::mem::take(&mut self.held);
        for &token in &held {
            if let Some(slot) = self.slot_mut(token) {
                slot.is_held = false;
            }
        }
        held
    }

    /// Returns the highest position that anything depends on which was put here since the last call.
    pub fn take_lsn(&mut self) -> Lsn {
        std::mem::take(&mut self.lsn)
    }

    /// Returns a copy of all bytes that wait for a client, whether they may be sent or not: for who
    /// drives a worker and wants to know what was answered.
    pub fn waiting(&self, token: u64) -> Vec<u8> {
        let Some(slot) = self.slot(token) else { return Vec::new() };
        let mut slices = vec![IoSlice::new(&[]); slot.outbox.segments()];
        let tick = &self.ticks[index(slot.protocol)];
        let used = slot.outbox.slices(tick, Lsn::MAX, &mut slices);
        slices.iter().take(used).flat_map(|slice| slice.iter().copied()).collect()
    }

    /// Takes note that this many bytes were sent to a client.
    pub fn advance(&mut self, token: u64, bytes: usize) {
        let Outboxes { slots, spares, .. } = self;
        if let Some(slot) = slots.get_mut(slot_of(token)).filter(|slot| slot.token == token) {
            slot.outbox.advance(bytes, |mut spare| {
                if spares.len() < SPARES_MAX && spare.capacity() <= SPARE_BYTES_MAX {
                    spare.clear();
                    spares.push(spare);
                }
            });
        }
    }

    /// Ends the tick: its shared buffers are free again, and what could not be sent to these
    /// clients is kept for them.
    pub fn end_tick(&mut self, unsent: &[u64]) {
        let mut kept: [Option<Arc<Vec<u8>>>; 2] = [None, None];
        for &token in unsent {
            let Outboxes { slots, ticks, .. } = self;
            let slot = slots.get_mut(slot_of(token)).filter(|slot| slot.token == token);
            if let Some(slot) = slot.filter(|slot| slot.outbox.holds_tick()) {
                let which = index(slot.protocol);
                let take = || Arc::new(std::mem::take(&mut ticks[which]));
                slot.outbox.keep(kept[which].get_or_insert_with(take));
            }
        }
        for tick in &mut self.ticks {
            tick.clear();
            tick.shrink_to(REPLY_BYTES_KEPT);
        }
    }

    fn slot(&self, token: u64) -> Option<&Slot> {
        self.slots.get(slot_of(token)).filter(|slot| slot.token == token)
    }

    fn slot_mut(&mut self, token: u64) -> Option<&mut Slot> {
        self.slots.get_mut(slot_of(token)).filter(|slot| slot.token == token)
    }
}
