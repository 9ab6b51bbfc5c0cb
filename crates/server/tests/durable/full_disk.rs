//! A real file system that fills up: writes are refused with the reason, reads go on, and when
//! there is space again everything goes on by itself. Nothing that was acknowledged is lost.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::reply::Reply;
use crate::server::{Kind, Server};
use crate::{PATIENCE, ask, connect, integer, log, text};

/// Size of the file system, and of the file that takes a part of it until space is needed.
const SIZE_MIB: u64 = 64;
const BALLAST_MIB: u64 = 44;
const VALUE_BYTES: usize = 1000;

/// A small file system in memory; it goes with its value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one, where that is allowed.
    fn mount(name: &str) -> Option<Self> {
        let path =
            std::env::temp_dir().join(format!("firth-small-disk-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let size = format!("size={SIZE_MIB}m");
        let mount = ["-t", "tmpfs", "-o", &size, "none"];
        let done = Command::new("mount").args(mount).arg(&path).status();
        if done.is_ok_and(|status| status.success()) {
            return Some(Self(path));
        }
        fs::remove_dir(&path).unwrap();
        eprintln!("SKIPPED: no file system can be mounted for this test");
        // Continuous integration runs as a user who may.
        assert!(std::env::var_os("CI").is_none(), "a file system cannot be mounted");
        None
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    fn put_ballast(&self) {
        let bytes = vec![1; (BALLAST_MIB << 20) as usize];
        File::create(self.ballast()).unwrap().write_all(&bytes).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(&self.0).status().ok();
        fs::remove_dir(&self.0).ok();
    }
}

/// For how long an answer that is held back does not come.
const HELD: Duration = Duration::from_secs(1);

/// Adds until an answer does not come at once, and returns how many were acknowledged. The one
/// whose answer is missing has been taken before the disk was known to be full: it is answered
/// when it is on the disk.
fn fill(client: &mut Client) -> u64 {
    let value = "v".repeat(VALUE_BYTES);
    let deadline = Instant::now() + PATIENCE;
    for next in 1_u64.. {
        assert!(Instant::now() < deadline, "the disk does not get full");
        client.send_raw(&crate::command::Command::parse(&add(next, &value)).encode());
        match client.read_within(HELD) {
            Reply::Bulk(id) => assert_eq!(id, format!("1-{next}").as_bytes()),
            Reply::Silence => return next - 1,
            other => panic!("{other}"),
        }
    }
    0
}

fn add(number: u64, value: &str) -> String {
    format!("XADD s 1-{number} n {number} v {value}")
}

/// Waits until a write is taken again.
fn wait_until_written(client: &mut Client, line: &str) {
    let start = Instant::now();
    while let Reply::Error(error) = ask(client, line) {
        assert!(error.starts_with("MISCONF"), "{error}");
        assert!(start.elapsed() < PATIENCE, "still {error}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Keys that are there before the disk fills up.
const OLD: usize = 20;

fn add_old(client: &mut Client) {
    for number in 0..OLD {
        let set = ask(client, &format!("SET before{number} here"));
        assert_eq!(set, Reply::Simple("OK".into()));
        assert_eq!(text(&ask(client, &format!("XADD old{number} 1-1 f v"))), "1-1");
    }
}

/// Reads what does not depend on the change that waits for room, which is never shown. A read
/// waits for the last change of its shard, so that it may meet some other keys as well.
fn check_reads(client: &mut Client, acknowledged: u64) {
    assert_eq!(ask(client, "PING"), Reply::Simple("PONG".into()));
    let mut answered = 0;
    for number in 0..OLD {
        let value = ask(client, &format!("GET before{number}"));
        let entries = ask(client, &format!("XRANGE old{number} - +"));
        let length = ask(client, &format!("XLEN old{number}"));
        let is_told = value.is_error("MISCONF") || text(&value) == "here";
        assert!(is_told, "{value}");
        let is_told = length.is_error("MISCONF") || length == Reply::Integer(1);
        assert!(is_told, "{length}");
        let is_right = text(&value) == "here" && entries.items().len() == 1;
        answered += usize::from(is_right);
    }
    assert!(OLD / 2 < answered, "only {answered} of {OLD} can be read");
    let length = ask(client, "XLEN s");
    let is_told = length.is_error("MISCONF") || length == Reply::Integer(acknowledged as i64);
    assert!(is_told, "{length}");
}

/// Messages go on, and INFO and the refusal say what has happened.
fn check_talk(server: &Server, refusal: &Reply) {
    let (mut listener, mut client) = (connect(server.port()), connect(server.port()));
    assert_eq!(ask(&mut listener, "SUBSCRIBE c").items().len(), 3);
    assert_eq!(integer(&ask(&mut client, "PUBLISH c hello")), 1);
    assert_eq!(text(&listener.read_within(PATIENCE).items()[2]), "hello");
    assert_eq!(info(&mut client, "aof_last_write_status"), "err");
    assert_eq!(info(&mut client, "log_state"), "full");
    let reason = info(&mut client, "log_failure");
    let told = refusal.to_string();
    for words in ["data/log/", "cannot write"] {
        assert!(reason.contains(words) && told.contains(words), "{reason} {told}");
    }
}

fn check_all(client: &mut Client, acknowledged: u64) {
    for number in 0..OLD {
        assert_eq!(text(&ask(client, &format!("GET before{number}"))), "here");
    }
    assert_eq!(integer(&ask(client, "XLEN s")) as u64, acknowledged);
    for start in (1..=acknowledged).step_by(100) {
        let reply = ask(client, &format!("XRANGE s 1-{start} + COUNT 100"));
        for (entry, number) in reply.items().iter().zip(start..) {
            let [id, fields] = entry.items() else { panic!("{entry}") };
            assert_eq!(text(id), format!("1-{number}"));
            assert_eq!(text(&fields.items()[1]), number.to_string());
            assert_eq!(fields.items()[3].bytes().len(), VALUE_BYTES);
        }
    }
}

fn in_folder(disk: &SmallDisk) -> String {
    disk.0.join("data").display().to_string()
}

fn fills_up_and_goes_on(saving: Saving) {
    let Some(disk) = SmallDisk::mount(if saving == Saving::Never { "log" } else { "saving" })
    else {
        return;
    };
    disk.put_ballast();
    let dir = in_folder(&disk);
    let mut server = Server::start_in(Kind::Firth, Path::new(&dir), &[]);
    let mut client = connect(server.port());
    add_old(&mut client);
    let mut filler = connect(server.port());
    let acknowledged = fill(&mut filler);
    assert!(1000 < acknowledged, "full after {acknowledged}");
    check_reads(&mut client, acknowledged);
    if saving == Saving::WhileFull {
        save_in_vain(&mut client);
    }
    let refusal = ask(&mut client, "SET other value");
    assert!(refusal.is_error("MISCONF"), "{refusal}");
    check_talk(&server, &refusal);
    let other = ask(&mut client, "GET other");
    assert!(other == Reply::NullBulk || other.is_error("MISCONF"), "{other}");
    check_reads(&mut client, acknowledged);
    fs::remove_file(disk.ballast()).unwrap();
    wait_until_written(&mut client, "SET other value");
    assert_eq!(text(&ask(&mut client, "GET other")), "value");
    let held = filler.read_within(PATIENCE);
    assert_eq!(text(&held), format!("1-{}", acknowledged + 1), "{held}");
    check_all(&mut client, acknowledged + 1);
    if saving == Saving::WhileFull {
        save(&mut client);
    }
    let next = acknowledged + 2;
    let more = ask(&mut client, &add(next, &"v".repeat(VALUE_BYTES)));
    assert_eq!(text(&more), format!("1-{next}"));
    server.kill();
    server.start_again(Kind::Firth, &[]);
    let mut client = connect(server.port());
    check_all(&mut client, next);
    assert_eq!(text(&ask(&mut client, "GET other")), "value");
    let log = log(&server);
    assert!(!log.contains("panicked"), "{log}");
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Saving {
    Never,
    WhileFull,
}

/// Asks for a checkpoint that cannot be written.
fn save_in_vain(client: &mut Client) {
    let begun = ask(client, "BGSAVE");
    if begun == Reply::Simple("Background saving started".into()) {
        wait_until_saved(client);
        let status = info(client, "rdb_last_bgsave_status");
        assert_eq!(status, "err", "there was no space for a checkpoint");
    } else {
        assert!(matches!(begun, Reply::Error(_)), "{begun}");
    }
}

fn save(client: &mut Client) {
    let begun = ask(client, "BGSAVE");
    assert_eq!(begun, Reply::Simple("Background saving started".into()));
    wait_until_saved(client);
    assert_eq!(info(client, "rdb_last_bgsave_status"), "ok");
}

fn wait_until_saved(client: &mut Client) {
    let deadline = Instant::now() + PATIENCE;
    while info(client, "rdb_bgsave_in_progress") == "1" {
        assert!(Instant::now() < deadline, "a checkpoint does not end");
        thread::sleep(Duration::from_millis(10));
    }
}

fn info(client: &mut Client, field: &str) -> String {
    let reply = ask(client, "INFO persistence");
    let text = text(&reply);
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_default().to_owned()
}

#[test]
fn a_full_disk_refuses_writes_until_there_is_space() {
    fills_up_and_goes_on(Saving::Never);
}

#[test]
fn a_checkpoint_that_finds_no_room_harms_nothing() {
    fills_up_and_goes_on(Saving::WhileFull);
}
