//! What the kernel says of a process (`/proc`): processor time, resident memory; and pinning.
//!
//! Processor time is the sum over `/proc/PID/task/*/schedstat`, whose first field is the
//! nanoseconds that the thread has run and whose second those that it was ready to run but had
//! to wait for its core; where the kernel lacks it, `utime + stime` of `/proc/PID/stat` (fields
//! 14 and 15, in ticks of 10 ms) stand in.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Nanoseconds of one clock tick as `/proc` counts them: 100 per second on every Linux.
const TICK_NS: u64 = 10_000_000;

/// What the threads of a process have had of their cores since they started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct CpuTime {
    pub(super) ran: Duration,
    /// Ready to run, while something else ran there: the mark of a disturbed measurement.
    pub(super) waited: Duration,
}

impl CpuTime {
    /// Reads it for all living threads of process `pid`.
    pub(super) fn read(pid: u32) -> Result<Self> {
        match of_threads(pid) {
            Some(time) if time != Self::default() => Ok(time),
            _ => of_process(pid),
        }
    }

    /// What has been added since `earlier`.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            ran: self.ran.saturating_sub(earlier.ran),
            waited: self.waited.saturating_sub(earlier.waited),
        }
    }
}

/// Resident memory of process `pid` in bytes.
pub(super) fn resident_bytes(pid: u32) -> Result<u64> {
    status_bytes(pid, "VmRSS:")
}

/// The most that was resident of process `pid` since it started, in bytes.
pub(super) fn peak_bytes(pid: u32) -> Result<u64> {
    status_bytes(pid, "VmHWM:")
}

fn status_bytes(pid: u32, field: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("cannot read the memory of process {pid}"))?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .with_context(|| format!("no {field} in /proc/{pid}/status"))?;
    Ok(kib * 1024)
}

/// Keeps the calling thread, and what it spawns from now on, on one core.
pub(super) fn pin_to_core(core: usize) -> Result<()> {
    anyhow::ensure!(core < CpuSet::MAX_CPU, "there is no core {core}");
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores).with_context(|| format!("cannot run on core {core}"))
}

fn of_threads(pid: u32) -> Option<CpuTime> {
    let mut sum = CpuTime::default();
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        // A thread may end between the listing and the reading: it then counts as nothing.
        let Ok(line) = fs::read_to_string(thread.path().join("schedstat")) else { continue };
        let mut fields = line.split_whitespace();
        sum.ran += Duration::from_nanos(fields.next()?.parse().ok()?);
        sum.waited += Duration::from_nanos(fields.next()?.parse().ok()?);
    }
    Some(sum)
}

fn of_process(pid: u32) -> Result<CpuTime> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("cannot read the processor time of process {pid}"))?;
    let ticks = ticks(&stat).with_context(|| format!("odd /proc/{pid}/stat"))?;
    Ok(CpuTime { ran: Duration::from_nanos(ticks * TICK_NS), waited: Duration::ZERO })
}

/// `utime + stime` of a `/proc/PID/stat` line. The program's name may hold blanks and brackets,
/// so fields are counted from behind its last closing bracket.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    #[test]
    fn reads_its_own_growing_processor_time_and_memory() {
        let pid = std::process::id();
        let before = CpuTime::read(pid).unwrap();
        let mut sum = 0_u64;
        while CpuTime::read(pid).unwrap().since(before).ran.is_zero() {
            sum = std::hint::black_box((0..100_000_u64).fold(sum, u64::wrapping_add));
        }
        assert!(100_000 < resident_bytes(pid).unwrap());
    }

    #[test]
    fn both_sources_agree_on_a_process_that_has_worked() {
        let pid = std::process::id();
        let mut sum = 0_u64;
        while of_process(pid).unwrap().ran < Duration::from_millis(50) {
            sum = std::hint::black_box((0..100_000_u64).fold(sum, u64::wrapping_add));
        }
        // Without schedstat there is nothing to compare.
        if let Some(time) = of_threads(pid).filter(|time| *time != CpuTime::default()) {
            assert!(Duration::from_millis(10) < time.ran, "{time:?}");
        }
    }

    #[test]
    fn counts_the_fields_of_stat_behind_the_name() {
        let line = "7 (a) b) c) S 1 7 7 0 -1 4194560 100 0 0 0 25 17 0 0 20 0 4 0";
        assert_eq!(ticks(line), Some(42));
        assert_eq!(ticks("7 (a"), None);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(CpuTime::read(u32::MAX).is_err());
        assert!(resident_bytes(u32::MAX).is_err());
    }
}
