//! A server's fresh folder: what it takes on disk, and how much of it the kernel remembers.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};
use rustix::fs::{Advice, fadvise, statfs};

/// Where the server's words go; not part of what it stores.
const OUTPUT: &str = "output.log";
/// Bytes that one block of a file's metadata stands for, whatever the file system.
const STAT_BLOCK: u64 = 512;
/// What `statfs` calls a file system in memory.
const TMPFS: i64 = 0x0102_1994;

/// A folder of our own; goes with its value.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Creates one inside of `base`.
    pub(super) fn create(base: &Path) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = base.join(format!("firth-bench-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The file that takes what the server says.
    pub(super) fn output(&self) -> PathBuf {
        self.0.join(OUTPUT)
    }

    /// Bytes that its files take on the disk, as `du` counts them.
    pub(super) fn disk_bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        each_file(&self.0, &mut |path| {
            let meta = fs::metadata(path);
            // A file may go between the listing and the look: it then takes nothing.
            bytes += meta.map_or(0, |meta| meta.blocks() * STAT_BLOCK);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Makes the kernel write and forget what it remembers of the files, so that the next read of
    /// each place comes from the disk.
    pub(super) fn forget_pages(&self) -> Result<()> {
        each_file(&self.0, &mut |path| {
            let file = File::open(path)?;
            file.sync_all()?;
            fadvise(&file, 0, None, Advice::DontNeed)?;
            Ok(())
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn each_file(folder: &Path, visit: &mut impl FnMut(&Path) -> Result<()>) -> Result<()> {
    for item in fs::read_dir(folder)? {
        let item = item?;
        if item.file_type()?.is_dir() {
            each_file(&item.path(), visit)?;
        } else if item.file_name() != OUTPUT {
            visit(&item.path())?;
        }
    }
    Ok(())
}

/// The folder that the fresh ones are made in when the user names none: the system's temporary
/// one, unless that lies in memory, where syncing costs nothing.
pub(super) fn default_base() -> Result<PathBuf> {
    let temporary = std::env::temp_dir();
    let kind = statfs(&temporary).map(|found| found.f_type);
    if kind == Ok(TMPFS) { Ok(std::env::current_dir()?) } else { Ok(temporary) }
}

/// The kind of file system that `folder` is on.
pub(super) fn kind(folder: &Path) -> &'static str {
    const EXT: i64 = 0xEF53;
    const XFS: i64 = 0x5846_5342;
    const BTRFS: i64 = 0x9123_683E;
    const OVERLAY: i64 = 0x794C_7630;
    match statfs(folder).map(|found| found.f_type) {
        Ok(TMPFS) => "tmpfs (in memory: syncing costs nothing)",
        Ok(EXT) => "ext4",
        Ok(XFS) => "xfs",
        Ok(BTRFS) => "btrfs",
        Ok(OVERLAY) => "overlay",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    #![expect(clippy::disallowed_methods, reason = "real files are what is tested")]
    use super::*;

    #[test]
    fn counts_what_lies_in_it_but_not_what_the_server_says() {
        let folder = Folder::create(&std::env::temp_dir()).unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("file"), vec![1; 100_000]).unwrap();
        fs::write(folder.output(), vec![1; 1_000_000]).unwrap();
        folder.forget_pages().unwrap();
        let bytes = folder.disk_bytes().unwrap();
        assert!((100_000..200_000).contains(&bytes), "{bytes}");
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
    }
}
