//! Pauses between attempts.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

/// How long to wait after each failed attempt.
///
/// ```
/// use std::time::Duration;
/// use firth::Backoff;
///
/// let second = Duration::from_secs(1);
/// assert_eq!(Backoff::constant(second).pause(7), second);
/// let pauses = Backoff::list([second, 10 * second]);
/// assert_eq!((pauses.pause(0), pauses.pause(1), pauses.pause(2)), (second, 10 * second, 10 * second));
/// let doubling = Backoff::exponential(second);
/// assert!(doubling.pause(3) >= 4 * second && doubling.pause(3) <= 8 * second);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff(Pauses);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pauses {
    List(Arc<[Duration]>),
    Doubling { first: Duration, max: Duration },
}

impl Backoff {
    /// Always the same pause.
    pub fn constant(pause: Duration) -> Self {
        Backoff(Pauses::List([pause].into()))
    }

    /// These pauses, then the last of them again and again; none if there are none.
    pub fn list(pauses: impl IntoIterator<Item = Duration>) -> Self {
        Backoff(Pauses::List(pauses.into_iter().collect()))
    }

    /// A pause that doubles each time, up to five minutes. Each is shortened by chance, by half at
    /// most, so that many who have failed together do not come back together.
    pub fn exponential(first: Duration) -> Self {
        Backoff(Pauses::Doubling { first, max: Duration::from_secs(300) })
    }

    /// Sets the longest pause of an exponential backoff.
    #[must_use]
    pub fn max(mut self, longest: Duration) -> Self {
        if let Pauses::Doubling { max, .. } = &mut self.0 {
            *max = longest;
        }
        self
    }

    /// Pauses between attempts to reach a server.
    pub(crate) fn connecting() -> Self {
        Backoff::exponential(Duration::from_millis(50)).max(Duration::from_secs(5))
    }

    /// Returns the pause after so many failures before this one.
    pub fn pause(&self, failures: u32) -> Duration {
        match &self.0 {
            Pauses::List(pauses) => {
                let at = usize::try_from(failures).unwrap_or(usize::MAX);
                let pause = pauses.get(at).or_else(|| pauses.last());
                pause.copied().unwrap_or_default()
            }
            Pauses::Doubling { first, max } => {
                let full = first.saturating_mul(1 << failures.min(30)).min(*max);
                let chance = RandomState::new().hash_one(failures) as f64 / u64::MAX as f64;
                full.mul_f64(0.5 + chance / 2.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_pauses_grow_and_end() {
        let (first, max) = (Duration::from_millis(50), Duration::from_secs(5));
        let backoff = Backoff::exponential(first).max(max);
        for failures in [0, 1, 5, 10, 40, u32::MAX] {
            let full = first.saturating_mul(1 << failures.min(30)).min(max);
            assert!((full / 2..=full).contains(&backoff.pause(failures)), "{failures}");
        }
    }

    #[test]
    fn an_empty_list_has_no_pauses() {
        assert_eq!(Backoff::list([]).pause(3), Duration::ZERO);
    }
}
