//! How numbers and times are spelled for people.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Spells a number that may be unknown.
pub(super) fn number(number: Option<u64>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

/// Spells how long ago a time was, given in Unix milliseconds.
pub(super) fn age(ms: Option<u64>) -> String {
    let ago = |ms: u64| span(Duration::from_millis(now_ms().saturating_sub(ms)));
    ms.map_or_else(|| "-".to_owned(), ago)
}

/// Spells a span of time by its two largest units.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0 => format!("{}ms", span.subsec_millis()),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{}s", seconds % 60),
        3600..86_400 => format!("{hours}h{}m", minutes % 60),
        _ => format!("{days}d{}h", hours % 24),
    }
}

#[expect(clippy::disallowed_methods, reason = "people are told how long ago something was")]
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_their_two_largest_units() {
        let check = |ms: u64, expect: &str| assert_eq!(span(Duration::from_millis(ms)), expect);
        check(0, "0ms");
        check(999, "999ms");
        check(59_999, "59s");
        check(61_000, "1m1s");
        check(3_600_000, "1h0m");
        check(90_000_000, "1d1h");
        assert_eq!(
            (number(None), number(Some(3)), age(None)),
            ("-".into(), "3".into(), "-".into())
        );
    }
}
