//! What there is of the machine.

use std::path::Path;

use firth_engine::Disk;

/// Where limits of a control group stand, of either version.
const GROUP_LIMITS: [&str; 2] =
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// Returns how many bytes of memory this process may use: all of the machine's, or what its
/// control group is given; 0 if that is not known.
pub(crate) fn memory_bytes(disk: &dyn Disk) -> usize {
    let read = |path: &str| {
        let bytes = disk.read(Path::new(path)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let limits = GROUP_LIMITS.map(read).into_iter().filter_map(|text| text.trim().parse().ok());
    limits.chain(total_bytes(&read("/proc/meminfo"))).min().unwrap_or(0)
}

/// Returns the machine's memory by what the kernel tells about it.
fn total_bytes(text: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: usize = line.split_ascii_whitespace().next()?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use firth_wal::sim::SimDisk;

    use super::*;

    #[test]
    fn the_least_of_what_is_known_counts() {
        let disk = SimDisk::new(1);
        assert_eq!(memory_bytes(&disk), 0);
        disk.put(Path::new("/proc/meminfo"), b"MemTotal:        2048 kB\nMemFree: 7 kB\n");
        assert_eq!(memory_bytes(&disk), 2 << 20);
        disk.put(Path::new(GROUP_LIMITS[0]), b"max\n");
        assert_eq!(memory_bytes(&disk), 2 << 20);
        disk.put(Path::new(GROUP_LIMITS[1]), b"1048576\n");
        assert_eq!(memory_bytes(&disk), 1 << 20);
    }
}
