//! What the figures were taken on: processor, cores, kernel, date.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// The machine and the day, as text.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) kernel: String,
    /// `YYYY-MM-DD`, UTC.
    pub(super) date: String,
}

impl Machine {
    /// Asks the kernel; what it does not say is `unknown`.
    pub(super) fn read() -> Self {
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field =
            |line: &str| Some(line.strip_prefix("model name")?.split_once(':')?.1.to_owned());
        let processor = processors.lines().find_map(field).unwrap_or_else(|| "unknown".to_owned());
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            processor: processor.trim().to_owned(),
            cores: processors.lines().filter(|line| line.starts_with("processor")).count(),
            kernel: kernel.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned()),
            date: date_of_day(now.as_secs() / 86_400),
        }
    }
}

/// The date of a day counted from 1970-01-01, by counting off whole years, then whole months.
fn date_of_day(mut day: u64) -> String {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    while 365 + u64::from(is_leap(year)) <= day {
        day -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let check = |day: u64, expect: &str| assert_eq!(date_of_day(day), expect);
        check(0, "1970-01-01");
        check(58, "1970-02-28");
        check(59, "1970-03-01");
        check(364, "1970-12-31");
        check(365, "1971-01-01");
        check(11_016, "2000-02-29");
        check(11_017, "2000-03-01");
        check(20_454, "2026-01-01");
    }
}
