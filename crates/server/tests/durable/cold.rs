//! Streams several times as large as memory: what comes back from the disk is what was written,
//! whatever is done to it and by how many at once, and memory stays within its limit.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::command::Command;
use crate::reply::Reply;
use crate::server::{Kind, Server};
use crate::{Dice, PATIENCE, ask, connect, integer, text};

const MEMORY_MIB: u64 = 6;
const FLAGS: &[&str] = &["--maxmemory", "6mb", "--durability", "everysec"];
/// What the program takes without any data, with what waits between two of its parts.
const BASE_MIB: u64 = 40;
const CLIENTS: u64 = 3;
const SHARED_ENTRIES: u64 = 30_000;
const OWN_ENTRIES: u64 = 20_000;

/// A stream and what has to be in it: entries are made of the stream's name and their number, which
/// is their millisecond too.
#[derive(Clone, Debug)]
struct Model {
    key: String,
    alive: BTreeSet<u64>,
    last: u64,
    /// What the only group has been delivered up to, and what is pending there.
    cursor: u64,
    pending: BTreeSet<u64>,
}

impl Model {
    /// Adds a stream of so many entries.
    fn fill(client: &mut Client, key: &str, entries: u64) -> Model {
        for first in (1..=entries).step_by(500) {
            let numbers = first..(first + 500).min(entries + 1);
            let add = |n: u64| format!("XADD {key} {n}-0 n {n} text {}", payload(key, n));
            let batch = numbers.clone().map(|n| Command::parse(&add(n)).encode());
            client.send_raw(&batch.collect::<Vec<_>>().concat());
            for n in numbers {
                assert_eq!(text(&client.read_within(PATIENCE)), format!("{n}-0"));
            }
        }
        let (alive, last) = ((1..=entries).collect(), entries);
        Model { key: key.to_owned(), alive, last, cursor: 0, pending: BTreeSet::new() }
    }

    /// Asks for entries and compares them.
    fn expect(&self, client: &mut Client, line: &str, numbers: impl Iterator<Item = u64>) {
        let reply = ask(client, line);
        self.compare(line, reply.items(), numbers);
    }

    fn compare(&self, line: &str, entries: &[Reply], numbers: impl Iterator<Item = u64>) {
        let numbers: Vec<u64> = numbers.collect();
        let found = entries.iter().map(|entry| text(&entry.items()[0]));
        let found: Vec<String> = found.collect();
        let must: Vec<String> = numbers.iter().map(|n| format!("{n}-0")).collect();
        assert_eq!(found, must, "{line}: {:?}", entries.first());
        for (n, entry) in numbers.into_iter().zip(entries) {
            let fields: Vec<String> = entry.items()[1].items().iter().map(text).collect();
            assert_eq!(fields, ["n", &n.to_string(), "text", &payload(&self.key, n)], "{line}");
        }
    }

    /// Reads somewhere.
    fn read(&self, client: &mut Client, dice: &mut Dice) {
        let key = &self.key;
        let (start, count) = (1 + dice.below(self.last), 1 + dice.below(120));
        let number = usize::try_from(count).unwrap();
        match dice.below(3) {
            0 => {
                let numbers = self.alive.range(start..).take(number).copied();
                self.expect(client, &format!("XRANGE {key} {start} + COUNT {count}"), numbers);
            }
            1 => {
                let numbers = self.alive.range(..=start).rev().take(number).copied();
                self.expect(client, &format!("XREVRANGE {key} {start} - COUNT {count}"), numbers);
            }
            _ => {
                let line = format!("XREAD COUNT {count} STREAMS {key} {start}-1");
                let numbers: Vec<u64> =
                    self.alive.range(start + 1..).take(number).copied().collect();
                let reply = ask(client, &line);
                let streams = reply.items();
                let entries = streams.first().map_or(&[][..], |stream| stream.items()[1].items());
                self.compare(&line, entries, numbers.into_iter());
            }
        }
    }

    /// Changes something somewhere.
    fn change(&mut self, client: &mut Client, dice: &mut Dice) {
        let key = self.key.clone();
        match dice.below(8) {
            0..4 => {
                let mut ids: Vec<u64> =
                    (0..1 + dice.below(30)).map(|_| 1 + dice.below(self.last)).collect();
                ids.dedup();
                let words: Vec<String> = ids.iter().map(u64::to_string).collect();
                let gone: BTreeSet<u64> =
                    ids.into_iter().filter(|n| self.alive.remove(n)).collect();
                let reply = ask(client, &format!("XDEL {key} {}", words.join(" ")));
                assert_eq!(integer(&reply), i64::try_from(gone.len()).unwrap());
            }
            4 => {
                let first = self.alive.first().copied().unwrap_or(self.last);
                let below = first + dice.below(300);
                let staying = self.alive.split_off(&below);
                let gone = std::mem::replace(&mut self.alive, staying);
                let reply = ask(client, &format!("XTRIM {key} MINID {below}"));
                assert_eq!(integer(&reply), i64::try_from(gone.len()).unwrap());
            }
            5 | 6 => self.read_group(client, dice),
            _ => self.claim(client, dice),
        }
    }

    fn read_group(&mut self, client: &mut Client, dice: &mut Dice) {
        let key = &self.key;
        if dice.below(2) == 0 {
            self.cursor += dice.below(self.last / 10);
            ask(client, &format!("XGROUP SETID {key} g {}", self.cursor));
        }
        let line = format!("XREADGROUP GROUP g one COUNT 40 STREAMS {key} >");
        let numbers: Vec<u64> = self.alive.range(self.cursor + 1..).take(40).copied().collect();
        let reply = ask(client, &line);
        let entries = reply.items().first().map_or(&[][..], |stream| stream.items()[1].items());
        self.compare(&line, entries, numbers.iter().copied());
        self.cursor = numbers.last().copied().unwrap_or(self.cursor);
        self.pending.extend(numbers);
    }

    fn claim(&mut self, client: &mut Client, dice: &mut Dice) {
        let start = dice.below(self.last);
        let line = format!("XAUTOCLAIM {} g two 0 {start} COUNT 5000", self.key);
        let reply = ask(client, &line);
        let concerned: Vec<u64> = self.pending.range(start..).copied().collect();
        let (there, gone): (Vec<u64>, Vec<u64>) =
            concerned.into_iter().partition(|n| self.alive.contains(n));
        self.compare(&line, reply.items()[1].items(), there.into_iter());
        let told: Vec<String> = reply.items()[2].items().iter().map(text).collect();
        assert_eq!(told, gone.iter().map(|n| format!("{n}-0")).collect::<Vec<_>>());
        gone.iter().for_each(|n| _ = self.pending.remove(n));
    }

    /// Compares all there is.
    fn check(&self, client: &mut Client) {
        let key = &self.key;
        let len = integer(&ask(client, &format!("XLEN {key}")));
        assert_eq!(len, i64::try_from(self.alive.len()).unwrap());
        let mut rest = self.alive.iter().copied().peekable();
        while let Some(&start) = rest.peek() {
            let numbers: Vec<u64> = rest.by_ref().take(1000).collect();
            self.expect(client, &format!("XRANGE {key} {start} + COUNT 1000"), numbers.into_iter());
        }
    }
}

/// Returns what an entry says, of some length between 20 and 900 letters.
fn payload(key: &str, n: u64) -> String {
    let seed = key.bytes().fold(n + 1, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let words = if dice.below(8) == 0 { 50 } else { 1 + dice.below(40) };
    (0..words).map(|_| format!("{:018x}", dice.next())).collect()
}

fn info(client: &mut Client, field: &str) -> u64 {
    let told = text(&ask(client, "INFO memory"));
    let value = told.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("no {field} in {told}")).parse().unwrap()
}

/// Returns how much memory a process has resident, and has had at most.
fn resident_mib(server: &Server) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    };
    (field("VmRSS:"), field("VmHWM:"))
}

fn check_memory(server: &Server, client: &mut Client) {
    let (now, most) = resident_mib(server);
    let limit = MEMORY_MIB * 12 / 10 + BASE_MIB;
    assert!(most <= limit, "{now} MiB are resident, {most} MiB have been, {limit} may be");
    let [used, cold, blocks, live, bytes] = [
        "used_memory_dataset",
        "stream_blocks_on_disk_alone",
        "stream_blocks",
        "block_files_live_bytes",
        "block_files_bytes",
    ]
    .map(|field| info(client, field));
    assert_eq!(info(client, "maxmemory"), MEMORY_MIB << 20);
    assert!(used < 2 * (MEMORY_MIB << 20) && used > 1 << 20, "{used}");
    assert!(cold < blocks && cold > blocks / 2, "{cold} of {blocks}");
    assert!(live <= bytes && live > MEMORY_MIB << 20, "{live} of {bytes}");
}

/// Has several clients at once read and change streams somewhere.
fn work(port: u16, shared: &Model, own: &mut [Model], seed: u64) {
    thread::scope(|scope| {
        for (model, number) in own.iter_mut().zip(1..) {
            scope.spawn(move || {
                let mut client = connect(port);
                let mut dice = Dice(seed ^ (number << 32));
                for _ in 0..120 {
                    shared.read(&mut client, &mut dice);
                    model.read(&mut client, &mut dice);
                    model.change(&mut client, &mut dice);
                }
            });
        }
    });
}

#[test]
fn streams_larger_than_memory_are_what_was_written() {
    let mut server = Server::start_with(Kind::Firth, FLAGS);
    let port = server.port();
    let mut client = connect(port);
    let shared = Model::fill(&mut client, "shared", SHARED_ENTRIES);
    let own = (0..CLIENTS).map(|n| Model::fill(&mut client, &format!("own{n}"), OWN_ENTRIES));
    let mut own: Vec<Model> = own.collect();
    for model in &own {
        ask(&mut client, &format!("XGROUP CREATE {} g 0", model.key));
    }
    check_memory(&server, &mut client);
    work(port, &shared, &mut own, 0x1234_5678_9ABC);
    check_memory(&server, &mut client);
    server.signal("TERM");
    assert!(server.wait_for_end().success(), "{}", server.log_tail());
    server.start_again(Kind::Firth, FLAGS);
    let mut client = connect(port);
    work(port, &shared, &mut own, 0x9876_5432_1234);
    own.iter().chain([&shared]).for_each(|model| model.check(&mut client));
    check_memory(&server, &mut client);
    assert!(info(&mut client, "block_loads") > 0);
    let file = damage(&server, &shared);
    remove(&mut server, &file);
}

/// Damages a block file while the server runs, and returns its name.
fn damage(server: &Server, shared: &Model) -> String {
    let mut client = connect(server.port());
    // All but the newest blocks are on the disk alone when memory is short.
    ask(&mut client, "CONFIG SET maxmemory 1");
    let deadline = Instant::now() + PATIENCE;
    while info(&mut client, "stream_blocks") > info(&mut client, "stream_blocks_on_disk_alone") + 8
    {
        assert!(Instant::now() < deadline, "blocks stay in memory");
        thread::sleep(Duration::from_millis(20));
    }
    let folder = server.dir().join("blocks");
    let (file, len) = files(&folder).into_iter().max_by_key(|(_, len)| *len).unwrap();
    let path = folder.join(&file);
    fs::File::options().write(true).open(&path).unwrap().set_len(len / 8).unwrap();
    let (mut sound, mut refused) = (0, 0);
    for start in (1..SHARED_ENTRIES).step_by(97) {
        let line = format!("XRANGE shared {start} + COUNT 1");
        match ask(&mut client, &line) {
            Reply::Error(error) => {
                let (named, rest) = error.split_once(" is not sound at offset ").expect("a place");
                assert!(named.ends_with(&format!("blocks/{file}")), "{error}");
                let offset = rest.split(':').next().unwrap().parse::<u64>().expect("an offset");
                assert!(offset < len && error.contains("ends too early"), "{error}");
                refused += 1;
            }
            reply => {
                shared.compare(&line, reply.items(), [start].into_iter());
                sound += 1;
            }
        }
    }
    assert!(sound > 20 && refused > 20, "{sound} are sound, {refused} are not");
    assert!(!crate::log(server).contains("panicked"));
    file
}

/// Removes a block file that is needed: the folder is not opened.
fn remove(server: &mut Server, file: &str) {
    server.kill();
    fs::remove_file(server.dir().join("blocks").join(file)).unwrap();
    let mut program = std::process::Command::new(Kind::Firth.program().unwrap());
    let refused = program.args(["serve", "--port", "0", "--dir"]).arg(server.dir());
    let refused = refused.arg("--unixsocket").arg(server.dir().join("socket"));
    let refused = refused.output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    let number = file.trim_end_matches(".blk");
    assert!(!refused.status.success() && said.contains(number), "{said}");
    assert!(said.contains("firth check "), "{said}");
}

/// Returns the files of a folder with their lengths.
fn files(folder: &Path) -> BTreeMap<String, u64> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let lens = entries.filter_map(|entry| {
        let len = entry.metadata().ok()?.len();
        Some((entry.file_name().into_string().unwrap(), len))
    });
    lens.collect()
}

#[test]
fn scattered_deletes_give_their_space_back() {
    const ENTRIES: u64 = 200_000;
    let mut server =
        Server::start_with(Kind::Firth, &["--maxmemory", "4mb", "--durability", "everysec"]);
    let port = server.port();
    let mut client = connect(port);
    let value =
        |n: u64| format!("{:032x}", Dice((n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)).next());
    for first in (0..ENTRIES).step_by(1000) {
        let add = |n: u64| Command::parse(&format!("XADD s {}-0 v {}", n + 1, value(n))).encode();
        client.send_raw(&(first..first + 1000).map(add).collect::<Vec<_>>().concat());
        (0..1000).for_each(|_| assert!(matches!(client.read_within(PATIENCE), Reply::Bulk(_))));
    }
    ask(&mut client, "SAVE");
    let folder = server.dir().join("blocks");
    let before: u64 = files(&folder).values().sum();
    assert!(before > 3 << 20, "{before}");
    // Every seventh thousand stays, and one of each ten in a part of the rest.
    let stays = |n: u64| n / 1000 % 7 == 3 || (n > 150_000 && n.is_multiple_of(10));
    for first in (0..ENTRIES).step_by(1000) {
        let ids = (first..first + 1000).filter(|n| !stays(*n)).map(|n| (n + 1).to_string());
        let ids: Vec<String> = ids.collect();
        if !ids.is_empty() {
            let reply = ask(&mut client, &format!("XDEL s {}", ids.join(" ")));
            assert_eq!(integer(&reply), i64::try_from(ids.len()).unwrap());
        }
    }
    let deadline = Instant::now() + PATIENCE;
    // Whole files of deleted entries may go before any is rewritten, and that is not what is meant.
    while files(&folder).values().sum::<u64>() > before / 2
        || info(&mut client, "block_compactions") == 0
    {
        assert!(Instant::now() < deadline, "{:?} of {before}", files(&folder));
        thread::sleep(Duration::from_millis(100));
        ask(&mut client, "SAVE");
    }
    assert!(info(&mut client, "block_compacted_bytes") > 0);
    assert_eq!(info(&mut client, "block_compaction_errors"), 0);
    let expect: Vec<u64> = (0..ENTRIES).filter(|n| stays(*n)).collect();
    for is_new in [false, true] {
        if is_new {
            server.kill();
            server.start_again(Kind::Firth, &["--maxmemory", "4mb"]);
            client = connect(port);
        }
        let mut start = "-".to_owned();
        let mut found = Vec::new();
        loop {
            let page = ask(&mut client, &format!("XRANGE s {start} + COUNT 2000"));
            for entry in page.items() {
                let (id, fields) = (text(&entry.items()[0]), entry.items()[1].items());
                let n = id.trim_end_matches("-0").parse::<u64>().unwrap() - 1;
                assert_eq!(text(&fields[1]), value(n));
                found.push(n);
            }
            let Some(last) = found.last().filter(|_| !page.items().is_empty()) else { break };
            start = format!("({}-0", last + 1);
        }
        assert!(found == expect, "{} entries instead of {}", found.len(), expect.len());
    }
}
