//! The only way to touch files.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What the program asks of a file system.
///
/// The real one is [`FileDisk`]; [`SimDisk`](crate::sim::SimDisk) fails on purpose. What is done to
/// names (create, rename, remove) outlives a loss of power only after [`Disk::sync_folder`], what
/// is done to bytes only after [`DiskFile::sync_data`].
pub trait Disk: Send + Sync + fmt::Debug {
    /// Creates a folder and those above it; one that is there already is fine.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Takes the exclusive lock of a file, creating it first.
    ///
    /// # Errors
    /// `WouldBlock` when somebody else holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;
    /// Reads a whole file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Replaces a file's content as a whole: after a crash it holds the old or the new bytes.
    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()>;
    /// Creates an empty file for reading and appending.
    ///
    /// # Errors
    /// `AlreadyExists` when there is one of this name.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file that exists for reading and appending.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Lists the names of a folder's files, sorted; names that are not UTF-8 are left out.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Gives a file another name, in place of a file that had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name.
    ///
    /// # Errors
    /// `AlreadyExists` when a file has that name; others where the file system has no such thing.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file, or one of its names.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// A file opened for reading and appending, by one thread at a time and through one handle.
#[expect(clippy::len_without_is_empty, reason = "nobody asks a file on a disk for that")]
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Returns the length in bytes, with what is reserved.
    fn len(&self) -> io::Result<u64>;
    /// Reads bytes from an offset on, and returns how many: fewer than asked for is no error, none
    /// means that the file ends here.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Appends the parts one behind the other, and returns how many bytes were taken: fewer than
    /// offered is no error. After an error any number of them may stand in the file.
    fn append(&self, parts: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Makes all bytes written so far durable, and the length with them.
    fn sync_data(&self) -> io::Result<()>;
    /// Cuts the file to a length, or fills it with zeros up to it; appending goes on there.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes the file longer in advance: zeros up to a length, with room for them on the disk.
    /// Appending goes on where it was, over the zeros.
    ///
    /// A sync is dearer when the length has changed as well: the file system writes its own
    /// journal, too.
    ///
    /// # Errors
    /// There is no such room, or the file system cannot do it; the file is as good as before.
    fn reserve(&self, len: u64) -> io::Result<()>;
}

/// Appends all parts, however many calls that takes.
///
/// # Errors
/// The disk refuses; after that any number of the bytes may stand in the file.
pub fn append_all(file: &dyn DiskFile, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
    // Advancing by nothing drops leading parts that are empty.
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match file.append(parts) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(taken) => IoSlice::advance_slices(&mut parts, taken),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A held lock; dropping it lets go.
pub trait DiskLock: Send + Sync + fmt::Debug {}

/// The operating system's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileDisk;

#[derive(Debug)]
struct FileLock {
    _file: File,
}

impl DiskLock for FileLock {}

#[expect(clippy::disallowed_methods, reason = "this is the one place that touches files")]
impl Disk for FileDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(FileLock { _file: file })),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let draft = draft_path(path);
        let mut file = File::create(&draft)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        // The rename itself is durable only once the folder is.
        self.sync_folder(path.parent().unwrap_or(Path::new("")))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = File::options().create_new(true).write(true).read(true).open(path)?;
        Ok(Box::new(AppendFile { file, end: AtomicU64::new(0) }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = File::options().write(true).read(true).open(path)?;
        let end = AtomicU64::new(file.metadata()?.len());
        Ok(Box::new(AppendFile { file, end }))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.extend(entry.file_name().into_string());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let here = folder.as_os_str().is_empty();
        File::open(if here { Path::new(".") } else { folder })?.sync_all()
    }
}

/// A file and the place where appending goes on, which is not the file's end if some is reserved.
#[derive(Debug)]
struct AppendFile {
    file: File,
    end: AtomicU64,
}

impl DiskFile for AppendFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(&self.file, into, offset)
    }

    fn append(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let taken = rustix::io::pwritev(&self.file, parts, self.end.load(Ordering::Relaxed))?;
        self.end.fetch_add(taken as u64, Ordering::Relaxed);
        Ok(taken)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.end.store(len, Ordering::Relaxed);
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn reserve(&self, len: u64) -> io::Result<()> {
        let end = self.end.load(Ordering::Relaxed);
        let flags = rustix::fs::FallocateFlags::empty();
        match len.checked_sub(end) {
            None | Some(0) => Ok(()),
            Some(more) => Ok(rustix::fs::fallocate(&self.file, flags, end, more)?),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn reserve(&self, _len: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

fn draft_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".draft");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("firth-disk-{name}-{}", std::process::id()));
        FileDisk.create_folder(&folder).unwrap();
        folder
    }

    #[test]
    fn a_lock_is_held_once() {
        let folder = folder("lock");
        let path = folder.join("LOCK");
        let held = FileDisk.lock(&path).unwrap();
        let refused = FileDisk.lock(&path).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        drop(held);
        FileDisk.lock(&path).unwrap();
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let folder = folder("replace");
        let path = folder.join("firth.toml");
        FileDisk.replace(&path, b"old").unwrap();
        FileDisk.replace(&path, b"new and longer").unwrap();
        assert_eq!(FileDisk.read(&path).unwrap(), b"new and longer");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no draft is left behind");
        fs::remove_dir_all(folder).unwrap();
    }
}
