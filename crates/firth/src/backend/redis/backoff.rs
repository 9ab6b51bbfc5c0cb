//! Pauses between attempts to connect.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const MAX: Duration = Duration::from_secs(5);

/// Returns the pause after so many failed attempts: it doubles up to five seconds, and varies by
/// half, so that many who lost the same server do not come back at the same moment.
pub(super) fn pause(attempts: u32) -> Duration {
    let full = FIRST.saturating_mul(1 << attempts.min(10)).min(MAX);
    let chance = RandomState::new().hash_one(attempts) as f64 / u64::MAX as f64;
    full.mul_f64(0.5 + chance / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        for attempts in 0..40 {
            let full = FIRST.saturating_mul(1 << attempts.min(10)).min(MAX);
            assert!((full / 2..=full).contains(&pause(attempts)));
        }
        assert!(pause(u32::MAX) <= MAX);
    }
}
