//! What every disk does, the real one and the simulated one.

use std::io::{ErrorKind, IoSlice};

use firth_wal::{Disk, FileDisk};

use super::*;

fn check(name: &str, test: impl Fn(&dyn Disk, &Path)) {
    test(&SimDisk::new(1), Path::new("folder"));
    let folder = std::env::temp_dir().join(format!("firth-disks-{name}-{}", std::process::id()));
    FileDisk.create_folder(&folder).unwrap();
    test(&FileDisk, &folder);
    std::fs::remove_dir_all(folder).unwrap();
}

fn kind<T: std::fmt::Debug>(result: std::io::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn bytes_are_appended_read_and_cut() {
    check("bytes", |disk, folder| {
        let path = folder.join("a");
        let file = disk.create(&path).unwrap();
        assert_eq!(
            file.append(&[IoSlice::new(b"abc"), IoSlice::new(b""), IoSlice::new(b"de")]).unwrap(),
            5
        );
        file.sync_data().unwrap();
        assert_eq!(file.len().unwrap(), 5);
        let mut into = [0; 4];
        assert_eq!(file.read_at(3, &mut into).unwrap(), 2);
        assert_eq!(&into[..2], b"de");
        assert_eq!(file.read_at(5, &mut into).unwrap(), 0);
        assert_eq!(file.read_at(900, &mut into).unwrap(), 0);
        file.set_len(2).unwrap();
        file.append(&[IoSlice::new(b"X")]).unwrap();
        file.set_len(5).unwrap();
        assert_eq!(disk.read(&path).unwrap(), b"abX\0\0");
        let again = disk.open(&path).unwrap();
        again.append(&[IoSlice::new(b"!")]).unwrap();
        assert_eq!(file.len().unwrap(), 6);
    });
}

#[test]
fn what_is_reserved_is_written_over() {
    check("reserved", |disk, folder| {
        let path = folder.join("a");
        let file = disk.create(&path).unwrap();
        file.append(&[IoSlice::new(b"ab")]).unwrap();
        if let Err(error) = file.reserve(8) {
            // Not every file system can do it; then nothing has changed.
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            return;
        }
        assert_eq!(file.len().unwrap(), 8);
        file.append(&[IoSlice::new(b"cd")]).unwrap();
        file.reserve(3).unwrap();
        assert_eq!(disk.read(&path).unwrap(), b"abcd\0\0\0\0");
        file.append(&[IoSlice::new(b"efghi")]).unwrap();
        assert_eq!(disk.read(&path).unwrap(), b"abcdefghi");
        file.reserve(20).unwrap();
        file.set_len(3).unwrap();
        file.append(&[IoSlice::new(b"!")]).unwrap();
        assert_eq!(disk.read(&path).unwrap(), b"abc!");
    });
}

#[test]
fn names_come_and_go() {
    check("names", |disk, folder| {
        let [a, b] = ["a", "b"].map(|name| folder.join(name));
        assert_eq!(kind(disk.open(&a)), ErrorKind::NotFound);
        assert_eq!(kind(disk.read(&a)), ErrorKind::NotFound);
        assert_eq!(kind(disk.remove(&a)), ErrorKind::NotFound);
        assert_eq!(kind(disk.rename(&a, &b)), ErrorKind::NotFound);
        disk.create(&b).unwrap();
        disk.create(&a).unwrap().append(&[IoSlice::new(b"a")]).unwrap();
        assert_eq!(kind(disk.create(&a)), ErrorKind::AlreadyExists);
        assert_eq!(disk.list(folder).unwrap(), ["a", "b"]);
        disk.rename(&a, &b).unwrap();
        disk.sync_folder(folder).unwrap();
        assert_eq!(disk.list(folder).unwrap(), ["b"]);
        assert_eq!(disk.read(&b).unwrap(), b"a");
        disk.replace(&b, b"whole").unwrap();
        assert_eq!(disk.read(&b).unwrap(), b"whole");
        disk.remove(&b).unwrap();
        assert_eq!(disk.list(folder).unwrap(), [""; 0]);
    });
}

#[test]
fn a_file_has_two_names() {
    check("links", |disk, folder| {
        let [a, b] = ["a", "b"].map(|name| folder.join(name));
        assert_eq!(kind(disk.link(&a, &b)), ErrorKind::NotFound);
        let file = disk.create(&a).unwrap();
        disk.link(&a, &b).unwrap();
        assert_eq!(kind(disk.link(&a, &b)), ErrorKind::AlreadyExists);
        file.append(&[IoSlice::new(b"both")]).unwrap();
        disk.remove(&a).unwrap();
        assert_eq!(disk.list(folder).unwrap(), ["b"]);
        assert_eq!(disk.read(&b).unwrap(), b"both");
    });
}

#[test]
fn a_lock_is_held_by_one() {
    check("lock", |disk, folder| {
        let path = folder.join("LOCK");
        let held = disk.lock(&path).unwrap();
        assert_eq!(kind(disk.lock(&path)), ErrorKind::WouldBlock);
        assert_eq!(kind(disk.lock(&path)), ErrorKind::WouldBlock);
        drop(held);
        disk.lock(&path).unwrap();
    });
}

#[test]
fn a_log_on_real_files_is_found_again() {
    let folder = std::env::temp_dir().join(format!("firth-log-{}", std::process::id()));
    let options = Options { segment_bytes: 4000, ..Options::default() };
    let disk: Arc<dyn Disk> = Arc::new(FileDisk);
    for round in 0..3u64 {
        let (log, recovery) = Log::open(folder.join("log"), Arc::clone(&disk), options).unwrap();
        assert_eq!(recovery.cut(), None);
        let found = records(&recovery).unwrap();
        let expect: Vec<Record> = (1..=round * 400).map(|i| (Lsn(i), payload(i))).collect();
        assert_eq!(found, expect);
        for i in 1..=400 {
            let lsn = log.append(&payload(round * 400 + i)).unwrap();
            if i % 50 == 0 {
                log.wait_durable(lsn).unwrap();
            }
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_was_synced_outlives_a_crash_and_nothing_else_is_promised() {
    let path = Path::new("folder/a");
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let disk = SimDisk::new(seed);
        let file = disk.create(path).unwrap();
        file.append(&[IoSlice::new(b"safe")]).unwrap();
        file.sync_data().unwrap();
        disk.sync_folder(Path::new("folder")).unwrap();
        file.append(&[IoSlice::new(b"12")]).unwrap();
        file.append(&[IoSlice::new(b"34")]).unwrap();
        let after = disk.crash().contents()[path].clone();
        assert_eq!(&after[..4], b"safe");
        seen.insert(after[4..].to_vec());
    }
    for expect in [&b""[..], b"1", b"12", b"1234", b"\0\x0034", b"1\x0034"] {
        assert!(seen.contains(expect), "{expect:?} in {seen:?}");
    }
}

#[test]
fn a_failed_sync_is_not_made_good_by_the_next() {
    let path = Path::new("folder/a");
    let lost = (0..50).any(|seed| {
        let disk = SimDisk::new(seed);
        let file = disk.create(path).unwrap();
        disk.sync_folder(Path::new("folder")).unwrap();
        file.append(&[IoSlice::new(b"doubtful")]).unwrap();
        disk.fail_sync(1, ErrorKind::Other);
        file.sync_data().unwrap_err();
        file.sync_data().unwrap();
        assert_eq!(disk.read(path).unwrap(), b"doubtful");
        disk.crash().contents()[path].is_empty()
    });
    assert!(lost);
}

/// Does something to a disk, every operation once, and returns what went wrong.
fn work(disk: &SimDisk) -> std::io::Result<()> {
    let [a, b, c] = ["a", "b", "c"].map(|name| Path::new("folder").join(name));
    disk.create_folder(Path::new("folder"))?;
    let file = disk.create(&a)?;
    file.append(&[IoSlice::new(b"abcdef")])?;
    file.sync_data()?;
    disk.sync_folder(Path::new("folder"))?;
    file.append(&[IoSlice::new(b"ghi")])?;
    file.set_len(4)?;
    file.read_at(0, &mut [0; 3])?;
    disk.rename(&a, &b)?;
    disk.sync_folder(Path::new("folder"))?;
    disk.replace(&c, b"whole")?;
    disk.remove(&c)?;
    file.sync_data()?;
    disk.list(Path::new("folder"))?;
    disk.read(&b).map(|_| ())
}

#[test]
fn a_disk_stops_in_the_middle_of_any_operation() {
    for seed in 0..40 {
        let whole = SimDisk::new(seed);
        work(&whole).unwrap();
        for nth in 1..=whole.operations() {
            let disk = SimDisk::new(seed);
            disk.stop_at(nth);
            work(&disk).unwrap_err();
            assert!(disk.is_stopped());
            let stopped = disk.contents();
            work(&disk).unwrap_err();
            assert_eq!(disk.contents(), stopped, "nothing has an effect any more");
            let after = disk.crash();
            assert!(!after.is_stopped());
            let contents = after.contents();
            if nth > 7 {
                let first = contents.values().next().unwrap();
                assert!(first.starts_with(b"abcd"), "what was synced is there: {contents:?}");
            }
            if let Some(replaced) = contents.get(Path::new("folder/c")) {
                assert_eq!(replaced, b"whole");
            }
        }
    }
}

#[test]
fn any_operation_fails_without_an_effect() {
    use firth_wal::sim::Operation::{Cut, Name, Read};
    let check = |operation, nth, expect: &[&str]| {
        let disk = SimDisk::new(1);
        disk.fail(operation, nth, ErrorKind::PermissionDenied);
        assert_eq!(kind(work(&disk)), ErrorKind::PermissionDenied, "{operation:?} {nth}");
        disk.fail(Read, 1, ErrorKind::PermissionDenied);
        disk.forget_failures();
        assert_eq!(disk.list(Path::new("folder")).unwrap(), expect, "{operation:?} {nth}");
    };
    check(Read, 1, &["a"]);
    check(Read, 3, &["b"]);
    check(Name, 1, &[]);
    check(Name, 2, &[]);
    check(Name, 3, &["a"]);
    check(Name, 4, &["b", "c"]);
    check(Cut, 1, &["a"]);
}

#[test]
fn reads_are_short_but_bring_everything_in_the_end() {
    let disk = SimDisk::new(1);
    disk.put(Path::new("a"), b"abcdefghijklmnop");
    disk.set_short_reads(1);
    let file = disk.open(Path::new("a")).unwrap();
    let (mut all, mut reads) = (Vec::new(), 0);
    while all.len() < 16 {
        let mut into = [0; 16];
        let count = file.read_at(all.len() as u64, &mut into).unwrap();
        assert!(count > 0);
        all.extend_from_slice(&into[..count]);
        reads += 1;
    }
    assert_eq!(all, b"abcdefghijklmnop");
    assert!(reads > 1);
}

#[test]
fn a_process_that_ends_loses_nothing_and_makes_nothing_durable() {
    let gone = (0..40).filter(|&seed| {
        let disk = SimDisk::new(seed);
        let file = disk.create(Path::new("a")).unwrap();
        file.append(&[IoSlice::new(b"abc")]).unwrap();
        let _held = disk.lock(Path::new("LOCK")).unwrap();
        let next = disk.reopen();
        next.lock(Path::new("LOCK")).unwrap();
        assert_eq!(next.read(Path::new("a")).unwrap(), b"abc");
        next.crash().read(Path::new("a")).is_err()
    });
    assert!(gone.count() > 5);
}
