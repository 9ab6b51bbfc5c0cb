//! The network: bytes on their way between a client and the server.

use std::collections::VecDeque;
use std::io::IoSlice;

use firth_wal::sim::Chance;

/// One connection's bytes on their way, in both directions.
#[derive(Debug, Default)]
pub(crate) struct Link {
    up: VecDeque<u8>,
    down: VecDeque<u8>,
    /// How many bytes may be on their way to the client.
    window: usize,
    /// Whether it has been cut: what was on its way is lost, or has just arrived.
    pub(crate) is_cut: bool,
}

impl Link {
    pub(crate) fn new(window: usize) -> Self {
        Link { window, ..Link::default() }
    }

    pub(crate) fn put_up(&mut self, bytes: &[u8]) {
        self.up.extend(bytes);
    }

    /// Takes what has arrived at the server: all of it, or a part.
    pub(crate) fn take_up(&mut self, chance: &mut Chance) -> Vec<u8> {
        let whole = self.up.len();
        let count = if chance.below(4) == 0 { chance.below(whole + 1) } else { whole };
        self.up.drain(..count).collect()
    }

    /// Puts bytes on their way to the client, and returns how many: as many as there is room for.
    pub(crate) fn put_down(&mut self, parts: &[IoSlice<'_>]) -> usize {
        let room = self.window.saturating_sub(self.down.len());
        let before = self.down.len();
        self.down.extend(parts.iter().flat_map(|part| part.iter()).take(room));
        self.down.len() - before
    }

    /// Takes what has arrived at the client: all of it, or a part.
    pub(crate) fn take_down(&mut self, chance: &mut Chance) -> Vec<u8> {
        let whole = self.down.len();
        let count = if chance.below(4) == 0 { chance.below(whole + 1) } else { whole };
        self.down.drain(..count).collect()
    }
}
