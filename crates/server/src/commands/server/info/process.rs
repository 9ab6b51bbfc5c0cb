//! What the operating system knows about the process.

use std::fs;

/// What the operating system tells about the process; zeros where it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::commands::server) struct Process {
    /// Memory that is resident now.
    pub(in crate::commands::server) resident_bytes: u64,
    /// The most memory that ever was.
    pub(in crate::commands::server) resident_bytes_peak: u64,
    /// Processor time in user mode, in milliseconds.
    pub(super) user_ms: u64,
    /// Processor time in the kernel, in milliseconds.
    pub(super) system_ms: u64,
}

/// Processor times are told in hundredths of a second.
const TICK_MS: u64 = 10;

impl Process {
    /// Asks the operating system.
    pub(in crate::commands::server) fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        Process::parse(&status, &stat)
    }

    fn parse(status: &str, stat: &str) -> Self {
        // The second field is the program's name in parentheses, which may contain spaces.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks = |place: usize| {
            let field = fields.split_ascii_whitespace().nth(place);
            field.and_then(|field| field.parse::<u64>().ok()).unwrap_or_default()
        };
        Process {
            resident_bytes: kilobytes(status, "VmRSS:") * 1024,
            resident_bytes_peak: kilobytes(status, "VmHWM:") * 1024,
            user_ms: ticks(11) * TICK_MS,
            system_ms: ticks(12) * TICK_MS,
        }
    }
}

fn kilobytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_ascii_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Returns the operating system's name and version.
pub(super) fn system() -> String {
    let read = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
        text.trim().to_owned()
    };
    let text = format!("{} {} {}", read("ostype"), read("osrelease"), std::env::consts::ARCH);
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_writes_is_understood() {
        let status = "Name:\tfirth\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 100 0 0 0 250 31 0 0 20 0 3 0 100 1 1";
        let expect = Process {
            resident_bytes: 1 << 20,
            resident_bytes_peak: 2 << 20,
            user_ms: 2500,
            system_ms: 310,
        };
        assert_eq!(Process::parse(status, stat), expect);
        assert_eq!(Process::parse("", ""), Process::default());
    }
}
