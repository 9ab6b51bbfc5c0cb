//! Consumers of a group: read ten entries, acknowledge them; an operation is a message read and
//! acknowledged.
//!
//! A stream that is read to its end is handed out again: all is acknowledged by then, so
//! `XGROUP SETID ... 0` makes it as new.

use anyhow::Result;
use firth_resp::encode_request;

use super::stream::{ENTRIES, GROUP, KEY, create_group, fill};
use crate::bench::measure::{Bed, Figures};
use crate::bench::pump::{Kept, Pump, Script};
use crate::bench::replies::ReplyReader;
use crate::bench::request::write_words;

const PIPELINED_CONSUMERS: usize = 16;

/// One consumer that awaits the acknowledgement before it reads on. A latency is that of one
/// round trip, of which there are two for ten messages.
pub(super) fn awaited(bed: &mut Bed<'_>) -> Result<Figures> {
    run(bed, 1, Acknowledge::Awaited)
}

/// Sixteen consumers that send the acknowledgement and the next read in one go.
pub(super) fn pipelined(bed: &mut Bed<'_>) -> Result<Figures> {
    run(bed, PIPELINED_CONSUMERS, Acknowledge::WithNextRead)
}

fn run(bed: &Bed<'_>, count: usize, acknowledge: Acknowledge) -> Result<Figures> {
    let mut client = bed.client()?;
    fill(&mut client, ENTRIES)?;
    create_group(&mut client)?;
    let script = Consumers { acknowledge, consumers: (0..count).map(Consumer::new).collect() };
    bed.run(count, Pump::new(script))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Acknowledge {
    Awaited,
    WithNextRead,
}

struct Consumers {
    acknowledge: Acknowledge,
    consumers: Vec<Consumer>,
}

struct Consumer {
    /// The read request, encoded.
    read: Vec<u8>,
    /// The request that comes before the next read: `XACK` of what was read last, or `XGROUP
    /// SETID` where that was nothing; empty before the first read.
    before: Vec<u8>,
    /// What the batch under way asks for.
    asked: Asked,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Read,
    Before,
    BeforeAndRead,
}

impl Consumer {
    fn new(number: usize) -> Self {
        let mut read = Vec::new();
        let line = format!("XREADGROUP GROUP {GROUP} c{number} COUNT 10 STREAMS {KEY} >");
        write_words(&mut read, &line);
        Self { read, before: Vec::new(), asked: Asked::Before }
    }

    fn next(&self, acknowledge: Acknowledge) -> Asked {
        match (self.asked, acknowledge) {
            _ if self.before.is_empty() => Asked::Read,
            (Asked::Read, Acknowledge::Awaited) => Asked::Before,
            (_, Acknowledge::Awaited) => Asked::Read,
            (_, Acknowledge::WithNextRead) => Asked::BeforeAndRead,
        }
    }

    /// Takes the reply of a read; returns how many messages it brought.
    fn take_read(&mut self, reader: &mut ReplyReader<'_>) -> Result<u64> {
        let mut words: Vec<&[u8]> = vec![b"XACK", KEY.as_bytes(), GROUP.as_bytes()];
        let count = reader.one_stream(|id| words.push(id))?;
        self.before.clear();
        match count {
            0 => write_words(&mut self.before, &format!("XGROUP SETID {KEY} {GROUP} 0")),
            _ => encode_request(&mut self.before, &words),
        }
        Ok(count as u64)
    }
}

impl Script for Consumers {
    const KEPT: Kept = Kept::Replies;

    fn write(&mut self, at: usize, batch: &mut Vec<u8>) -> usize {
        batch.clear();
        let Some(consumer) = self.consumers.get_mut(at) else { return 0 };
        consumer.asked = consumer.next(self.acknowledge);
        if consumer.asked != Asked::Read {
            batch.extend_from_slice(&consumer.before);
        }
        if consumer.asked != Asked::Before {
            batch.extend_from_slice(&consumer.read);
        }
        if consumer.asked == Asked::BeforeAndRead { 2 } else { 1 }
    }

    fn done(&mut self, at: usize, replies: &[u8]) -> Result<u64> {
        let Some(consumer) = self.consumers.get_mut(at) else { return Ok(0) };
        let mut reader = ReplyReader::new(replies);
        if consumer.asked != Asked::Read {
            reader.skip()?;
        }
        if consumer.asked == Asked::Before { Ok(0) } else { consumer.take_read(&mut reader) }
    }
}
