//! Reading all that is sound of a checkpoint, also behind what is damaged.
//!
//! Behind a damaged frame reading goes on at the next sound one, in which the first item that begins
//! there is found by what the frame says. The number of keys that it says have begun tells whether
//! that item belongs to the key before the gap.

use firth_wal::Lsn;

use super::decode::{Body, Loaded, Place};
use super::decode_stream::{StreamLoss, StreamParts};
use super::frame::{self, COVERED_AT, FrameStart, HEAD_BYTES, HEADER_BYTES, Header};
use super::{CheckpointFlaw, Counts, items, tag};
use crate::blocks::BlockStore;
use crate::value::Value;

/// What there is of a checkpoint.
#[derive(Debug, Default)]
pub(crate) struct Salvaged {
    /// What is wrong, and where.
    pub(crate) flaws: Vec<(u64, CheckpointFlaw)>,
    /// How many keys of which not even the name is known are lost; `None` if the end is, too.
    pub(crate) keys_lost: Option<u64>,
    /// What is there.
    pub(crate) counts: Counts,
}

/// A key that was read, and what of it was not.
#[derive(Debug)]
pub(crate) struct SalvagedKey {
    pub(crate) loaded: Loaded,
    /// What is missing of a stream.
    pub(crate) loss: StreamLoss,
}

/// Reads what is sound of a file that should be the checkpoint of this position.
pub(crate) fn salvage(
    bytes: &[u8],
    lsn: Lsn,
    store: Option<&BlockStore>,
    visit: &mut dyn FnMut(SalvagedKey),
) -> Salvaged {
    let found = Salvaged::default();
    let mut salvage = Salvage { visit, store, open: None, keys: 0, unnamed: 0, ended: None, found };
    let header = bytes.first_chunk().ok_or(CheckpointFlaw::Header).and_then(Header::decode);
    match header {
        Ok(header) if header.lsn == lsn => {}
        Ok(_) => salvage.flaw(0, CheckpointFlaw::Name),
        Err(ref flaw) => salvage.flaw(0, flaw.clone()),
    }
    if !matches!(header, Err(CheckpointFlaw::Version { .. })) {
        salvage.frames(bytes);
    }
    salvage.finish(bytes.len())
}

struct Salvage<'v> {
    visit: &'v mut dyn FnMut(SalvagedKey),
    /// Where blocks lie that are not in the checkpoint itself.
    store: Option<&'v BlockStore>,
    open: Option<(Place, StreamParts)>,
    /// How many keys have begun, those in gaps included.
    keys: u64,
    /// How many of them began in gaps.
    unnamed: u64,
    /// What the end says.
    ended: Option<Counts>,
    found: Salvaged,
}

impl Salvage<'_> {
    fn flaw(&mut self, offset: usize, flaw: CheckpointFlaw) {
        self.found.flaws.push((offset as u64, flaw));
    }

    fn frames(&mut self, bytes: &[u8]) {
        // What has been read and is not yet a whole item; nothing behind a gap.
        let mut rest: Option<Vec<u8>> = Some(Vec::new());
        let mut at = HEADER_BYTES;
        while at < bytes.len() {
            let Some((start, payload)) = frame_at(bytes, at) else {
                self.flaw(at, CheckpointFlaw::Frame);
                rest = None;
                match next_frame(bytes, at) {
                    Some(next) => at = next,
                    None => break,
                }
                continue;
            };
            let frame_at = at;
            at += HEAD_BYTES + payload.len();
            let mut read = match rest.take() {
                Some(mut read) => {
                    read.extend_from_slice(payload);
                    read
                }
                None => match payload.get(start.first as usize..) {
                    Some(behind) if !behind.is_empty() => {
                        self.gap(start.keys);
                        behind.to_vec()
                    }
                    _ => continue,
                },
            };
            let taken = self.items(&read, frame_at);
            read.drain(..taken);
            rest = Some(read);
        }
        if self.ended.is_none() && self.found.flaws.is_empty() {
            self.flaw(bytes.len(), CheckpointFlaw::Length);
        }
    }

    /// Goes over whole items, and returns how many bytes they take.
    fn items(&mut self, bytes: &[u8], frame_at: usize) -> usize {
        let mut at = 0;
        while let Some(len) = frame::u32_at(bytes, at + 1) {
            let start = at + items::HEAD_BYTES;
            let Some(body) = bytes.get(start..start + len as usize) else { break };
            let tag = bytes.get(at).copied().unwrap_or_default();
            if self.ended.is_some() {
                self.flaw(frame_at, CheckpointFlaw::Length);
            } else if self.item(tag, body).is_none() {
                self.flaw(frame_at, CheckpointFlaw::Item(tag));
                if let Some((_, parts)) = &mut self.open {
                    parts.gap();
                }
            }
            at = start + len as usize;
        }
        at
    }

    fn item(&mut self, tag: u8, body: &[u8]) -> Option<()> {
        let mut body = Body::new(body);
        if matches!(tag, tag::STRING | tag::STREAM | tag::END) {
            self.close();
        }
        match tag {
            tag::STRING => {
                self.keys += 1;
                let place = body.place()?;
                let value = Value::String(body.text()?.to_vec());
                self.found.counts.keys += 1;
                (self.visit)(SalvagedKey {
                    loaded: place.holds(value),
                    loss: StreamLoss::default(),
                });
            }
            tag::STREAM => {
                self.keys += 1;
                self.open = Some((body.place()?, StreamParts::read(&mut body)?.salvage()));
            }
            tag::END => {
                let (keys, entries) = (body.number()?, body.number()?);
                self.ended = Some(Counts { keys, entries, rows: body.number()? });
            }
            // The key that it belongs to began in a gap.
            _ if self.open.is_none() => return Some(()),
            _ => {
                let (_, parts) = self.open.as_mut()?;
                match parts.item(tag, &mut body, self.store) {
                    // What it belongs to within the stream was in a gap.
                    None if parts.is_damaged() => return Some(()),
                    read => read?,
                }
            }
        }
        body.is_empty().then_some(())
    }

    /// Goes on behind a gap, before whose end so many keys had begun.
    fn gap(&mut self, keys: u64) {
        if keys > self.keys {
            self.close_behind_gap();
            self.unnamed += keys - self.keys;
            self.keys = keys;
        } else if let Some((_, parts)) = &mut self.open {
            parts.gap();
        }
    }

    fn close_behind_gap(&mut self) {
        if let Some((_, parts)) = &mut self.open {
            parts.gap();
        }
        self.close();
    }

    fn close(&mut self) {
        let Some((place, parts)) = self.open.take() else { return };
        let (stream, counts, loss) = parts.finish_with_loss();
        self.found.counts.add(counts);
        let loaded = place.holds(Value::Stream(Box::new(stream)));
        (self.visit)(SalvagedKey { loaded, loss });
    }

    fn finish(mut self, len: usize) -> Salvaged {
        if self.ended.is_none() {
            self.close_behind_gap();
        }
        let is_whole = self.found.flaws.is_empty();
        if is_whole && self.ended != Some(self.found.counts) {
            self.flaw(len, CheckpointFlaw::Counts);
        }
        let missing = self.ended.map(|all| all.keys.saturating_sub(self.keys));
        self.found.keys_lost = missing.map(|missing| missing + self.unnamed);
        self.found
    }
}

/// Returns what the frame at an offset says, and its payload, if it is sound.
fn frame_at(bytes: &[u8], at: usize) -> Option<(FrameStart, &[u8])> {
    let head: &[u8; HEAD_BYTES] = bytes.get(at..)?.first_chunk()?;
    let len = frame::u32_at(head, 0)? as usize;
    if len == 0 || len > frame::PAYLOAD_BYTES_MAX {
        return None;
    }
    let payload = bytes.get(at + HEAD_BYTES..at + HEAD_BYTES + len)?;
    let covered = bytes.get(at + COVERED_AT..at + HEAD_BYTES + len)?;
    let start = FrameStart::of(head);
    let is_sound = Some(crc32c::crc32c(covered)) == frame::u32_at(head, 4);
    (is_sound && start.first as usize <= len).then_some((start, payload))
}

/// Finds the next sound frame behind a damaged one.
fn next_frame(bytes: &[u8], at: usize) -> Option<usize> {
    let len = frame::u32_at(bytes, at).unwrap_or_default() as usize;
    let likely = [len, frame::PAYLOAD_BYTES].map(|len| at.saturating_add(HEAD_BYTES + len));
    let all = at + 1..bytes.len();
    likely.into_iter().chain(all).find(|&offset| frame_at(bytes, offset).is_some())
}
