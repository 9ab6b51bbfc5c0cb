//! A small seeded random number generator (splitmix64), so that a seed alone repeats a run.

/// Draws the same numbers for the same seed, on every platform.
#[derive(Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// Starts a sequence; neighbouring seeds give unrelated sequences.
    pub(crate) fn new(seed: u64) -> Self {
        Self(mixed(seed))
    }

    /// Draws 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// Draws a number under `bound` (which is not zero).
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// Says yes in `percent` of all draws.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// Picks one of the choices; naming one twice doubles its weight.
    pub(crate) fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    /// Picks `text` in `percent` of all draws, otherwise nothing.
    pub(crate) fn maybe<'a>(&mut self, percent: usize, text: &'a str) -> &'a str {
        if self.chance(percent) { text } else { "" }
    }
}

/// Spreads the bits of a number. A seed is mixed too: seeds a step of the sequence apart would
/// otherwise give the same sequence, one draw later.
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
