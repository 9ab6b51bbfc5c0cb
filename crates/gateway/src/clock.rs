//! The time of day, which tokens are judged by and which the console tells: the one place where the gateway asks for it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the seconds since 1970.
pub(crate) fn unix_time_s() -> u64 {
    unix_time().as_secs()
}

/// Returns the milliseconds since 1970.
pub(crate) fn unix_time_ms() -> u64 {
    u64::try_from(unix_time().as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "the gateway's clock")]
fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO)
}
