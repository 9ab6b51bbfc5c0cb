//! How much happens per second.
//!
//! INFO asks, and the answer is the average since it last asked, but over at least half a second;
//! so nothing has to be counted in the background.

use parking_lot::Mutex;

/// Over how many milliseconds is measured at least.
const SPAN_MS_MIN: u64 = 500;

/// Counts that only grow, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Commands that ran.
    pub commands: u64,
    /// Bytes that were received.
    pub received_bytes: u64,
    /// Bytes that were sent.
    pub sent_bytes: u64,
}

/// How much happens per second.
#[derive(Debug, Default)]
pub struct Rates {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    at_ms: u64,
    totals: Totals,
    per_second: Totals,
}

impl Rates {
    /// Returns how much there is per second, given how much there was altogether at this time of
    /// the monotonic clock.
    pub fn update(&self, at_ms: u64, totals: Totals) -> Totals {
        let mut state = self.state.lock();
        let span_ms = at_ms.saturating_sub(state.at_ms);
        if span_ms >= SPAN_MS_MIN {
            let rate = |now: u64, then: u64| now.saturating_sub(then) * 1000 / span_ms;
            let then = state.totals;
            state.per_second = Totals {
                commands: rate(totals.commands, then.commands),
                received_bytes: rate(totals.received_bytes, then.received_bytes),
                sent_bytes: rate(totals.sent_bytes, then.sent_bytes),
            };
            state.totals = totals;
            state.at_ms = at_ms;
        }
        state.per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_averages_since_the_last_question() {
        let rates = Rates::default();
        let totals = |commands| Totals { commands, ..Totals::default() };
        assert_eq!(rates.update(1000, totals(500)).commands, 500);
        assert_eq!(rates.update(1100, totals(900)).commands, 500);
        assert_eq!(rates.update(3000, totals(4500)).commands, 2000);
        assert_eq!(rates.update(4000, totals(0)).commands, 0);
    }
}
