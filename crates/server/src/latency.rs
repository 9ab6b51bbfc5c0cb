//! The latency monitor: delays above a threshold, by the kind of event that they happened in.

use std::collections::{BTreeMap, VecDeque};

use parking_lot::Mutex;

/// How many delays are kept of each kind.
const SAMPLES_MAX: usize = 160;

/// What is known about delays.
#[derive(Debug, Default)]
pub struct Latency {
    events: Mutex<BTreeMap<&'static str, LatencyEvent>>,
}

/// The delays of one kind.
#[derive(Clone, Debug, Default)]
pub struct LatencyEvent {
    /// The newest delays, the oldest first, the longest of each second.
    pub samples: VecDeque<LatencySample>,
    /// The longest delay ever, in milliseconds.
    pub longest_ms: u64,
}

/// A delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencySample {
    /// When it was, in Unix seconds.
    pub at_s: u64,
    /// How long it was, in milliseconds.
    pub took_ms: u64,
}

impl Latency {
    /// Keeps a delay.
    pub fn note(&self, event: &'static str, at_s: u64, took_ms: u64) {
        let mut events = self.events.lock();
        let event = events.entry(event).or_default();
        event.longest_ms = event.longest_ms.max(took_ms);
        match event.samples.back_mut() {
            Some(last) if last.at_s == at_s => last.took_ms = last.took_ms.max(took_ms),
            _ => event.samples.push_back(LatencySample { at_s, took_ms }),
        }
        if event.samples.len() > SAMPLES_MAX {
            event.samples.pop_front();
        }
    }

    /// Returns all kinds of events that there were, by name.
    pub fn events(&self) -> BTreeMap<&'static str, LatencyEvent> {
        self.events.lock().clone()
    }

    /// Forgets the kinds of events for which `is_meant` holds; returns how many those were.
    pub fn forget(&self, mut is_meant: impl FnMut(&str) -> bool) -> usize {
        let mut events = self.events.lock();
        let before = events.len();
        events.retain(|name, _| !is_meant(name));
        before - events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_of_a_second_is_kept() {
        let latency = Latency::default();
        for (at_s, took_ms) in [(1, 5), (1, 9), (1, 7), (2, 3)] {
            latency.note("command", at_s, took_ms);
        }
        let event = latency.events().remove("command").unwrap_or_default();
        let samples: Vec<_> = event.samples.iter().map(|s| (s.at_s, s.took_ms)).collect();
        assert_eq!((samples, event.longest_ms), (vec![(1, 9), (2, 3)], 9));
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let latency = Latency::default();
        for at_s in 0..1000 {
            latency.note("command", at_s, 1);
        }
        let event = latency.events().remove("command").unwrap_or_default();
        assert_eq!((event.samples.len(), event.samples[0].at_s), (SAMPLES_MAX, 840));
        assert_eq!(latency.forget(|name| name == "command"), 1);
        assert!(latency.events().is_empty());
    }
}
