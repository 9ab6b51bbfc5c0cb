//! A hundred readers blocked in `XREAD BLOCK 0`, one writer; an operation is an entry that
//! arrives at a reader. The writer waits until all readers have a batch and wait again: else they
//! would find entries at once, and nothing would block.

use anyhow::{Context as _, Result};
use firth_resp::encode_request;

use super::stream::{FIELDS, KEY, id_of};
use crate::bench::measure::{Bed, Figures, Load, Tally};
use crate::bench::pace::Pace;
use crate::bench::replies::{Counter, ReplyReader};
use crate::bench::request::write_words;
use crate::bench::wires::Wires;

const READERS: usize = 100;
/// The connection behind the last reader writes.
const WRITER: usize = READERS;
const IN_FLIGHT: usize = 16;

/// Adds entries with sixteen in flight.
pub(super) fn run(bed: &mut Bed<'_>) -> Result<Figures> {
    let seed = id_of(0);
    bed.client()?.call(&format!("XADD {KEY} {seed} {FIELDS}"))?;
    let mut add = Vec::new();
    write_words(&mut add, &format!("XADD {KEY} MAXLEN ~ 100000 * {FIELDS}"));
    let tail = Tail {
        seed,
        readers: (0..=READERS).map(|_| Reader::default()).collect(),
        batch: add.repeat(IN_FLIGHT),
        pace: Pace::new(IN_FLIGHT, READERS, 1),
    };
    bed.run(READERS + 1, tail)
}

struct Tail {
    /// The id of the one entry that is there before: readers begin behind it, not at `$`, so
    /// that none misses what is added before its first read is seen.
    seed: String,
    readers: Vec<Reader>,
    batch: Vec<u8>,
    pace: Pace,
}

#[derive(Default)]
struct Reader {
    counter: Counter,
    reply: Vec<u8>,
    request: Vec<u8>,
}

impl Load for Tail {
    fn start(&mut self, wires: &mut Wires) -> Result<()> {
        for (at, reader) in self.readers.iter_mut().enumerate().take(READERS) {
            reader.ask(self.seed.as_bytes());
            wires.send(at, &reader.request)?;
        }
        self.add(wires)
    }

    fn receive(
        &mut self,
        at: usize,
        bytes: &[u8],
        wires: &mut Wires,
        tally: &mut Tally,
    ) -> Result<()> {
        let reader = self.readers.get_mut(at).context("no such connection")?;
        let complete = reader.counter.feed(bytes)?;
        if at == WRITER {
            self.pace.answer(complete);
        } else {
            reader.reply.extend_from_slice(bytes);
            if 0 < complete {
                self.pace.deliver(reader.take_reply()?, tally);
                wires.send(at, &reader.request)?;
            }
        }
        self.add(wires)
    }
}

impl Tail {
    fn add(&mut self, wires: &mut Wires) -> Result<()> {
        if self.pace.begins_batch() {
            wires.send(WRITER, &self.batch)?;
        }
        Ok(())
    }
}

impl Reader {
    /// Writes the request for what follows `id`.
    fn ask(&mut self, id: &[u8]) {
        self.request.clear();
        let words: [&[u8]; 6] = [b"XREAD", b"BLOCK", b"0", b"STREAMS", KEY.as_bytes(), id];
        encode_request(&mut self.request, &words);
    }

    /// Reads the reply, writes the next request, and returns how many entries have come.
    fn take_reply(&mut self) -> Result<usize> {
        let reply = std::mem::take(&mut self.reply);
        let mut last = None;
        let count = ReplyReader::new(&reply).one_stream(|id| last = Some(id))?;
        self.ask(last.context("a blocked read came back empty")?);
        self.reply = reply;
        self.reply.clear();
        Ok(count)
    }
}
