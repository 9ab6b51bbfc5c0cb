//! Stream commands on a few keys, groups and consumers that meet again and again.

use super::step;
use crate::command::{Script, Step};
use crate::rng::Rng;
use crate::server::Kind;

const KEYS: &[&str] = &["s1", "s1", "s1", "s1", "s2", "s2", "s3", "none", "str"];
const GROUPS: &[&str] = &["g1", "g1", "g1", "g2", "g3"];
const CONSUMERS: &[&str] = &["alice", "alice", "bob", "carol"];
const ODD_IDS: &[&str] = &[
    "0",
    "0-0",
    "0-1",
    "-",
    "+",
    "$",
    ">",
    "*",
    "1-*",
    "7-*",
    "abc",
    "\"\"",
    "1-",
    "-1",
    "1-2-3",
    "01-02",
    "+1",
    "1-x",
    "x-1",
    "1-18446744073709551615",
    "18446744073709551615",
    "18446744073709551615-18446744073709551615",
    "18446744073709551616",
    "18446744073709551615-18446744073709551616",
    "(1",
    "(-",
    "(+",
    "(0",
    "(18446744073709551615-18446744073709551615",
    "((1",
    "1-1\u{e4}",
    "%crlf",
];
const NEW_IN_DISGUISE: &str = "18446744073709551615-18446744073709551615";
const MIN_IDLE: &[&str] = &["0", "0", "0", "1000000", "9000000000", "-5"];

/// What a stream generator remembers between commands.
pub(crate) struct Streams<'a> {
    rng: &'a mut Rng,
    oracle: Kind,
    /// The next ids of new entries grow from here.
    last_ms: u64,
    last_seq: u64,
    ids: Vec<String>,
    /// Whether `*` may be used: ids of today end the use of small explicit ones.
    wild: bool,
}

/// A script about streams.
pub(crate) fn script(rng: &mut Rng, oracle: Kind) -> Script {
    let mut steps = Vec::new();
    if rng.chance(40) {
        let entries = rng.pick(&["1", "2", "3", "5"]);
        steps.push(Step::parse(&format!("CONFIG SET stream-node-max-entries {entries}")));
    }
    if rng.chance(60) {
        steps.push(Step::parse("SET str text"));
    }
    let length = 40 + rng.below(80);
    let wild = rng.chance(15);
    let mut streams = Streams::new(rng, oracle, wild);
    steps.extend(streams.beginning().iter().map(|line| Step::parse(line)));
    for _ in 0..length {
        steps.extend(streams.steps());
    }
    steps
}

impl<'a> Streams<'a> {
    /// Starts with nothing remembered.
    pub(crate) fn new(rng: &'a mut Rng, oracle: Kind, wild: bool) -> Self {
        Self { rng, oracle, last_ms: 1, last_seq: 0, ids: vec!["1-1".into()], wild }
    }

    /// A few entries and groups, so that the commands after them have something to meet.
    fn beginning(&mut self) -> Vec<String> {
        let mut lines = vec!["XGROUP CREATE s1 g1 0 MKSTREAM".into()];
        for _ in 0..self.rng.below(8) {
            lines.push(format!("XADD s1 {} f v", self.fresh_id()));
        }
        lines.push(format!("XGROUP CREATE s1 g2 {}", self.rng.pick(&["$", "0", "2", "3-1"])));
        lines.push("XGROUP CREATECONSUMER s1 g1 alice".into());
        lines.push("XREADGROUP GROUP g1 alice COUNT 3 STREAMS s1 >".into());
        lines
    }

    /// One command, with what makes it mean the same to both servers in front of it: before 7.2
    /// reading and claiming created the consumer only when there was something for it.
    pub(crate) fn steps(&mut self) -> Script {
        let line = self.line();
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (group, consumer, keys) = match words[0] {
            "XCLAIM" | "XAUTOCLAIM" => (words[2], words[3], vec![words[1]]),
            "XREADGROUP" => (words[2], words[3], read_keys(&words)),
            _ => return vec![step(self.rng, &line)],
        };
        if self.oracle != Kind::Redis7 {
            return vec![step(self.rng, &line)];
        }
        let create = |key| format!("XGROUP CREATECONSUMER {key} {group} {consumer}");
        let mut steps: Script = keys.into_iter().map(|key| Step::parse(&create(key))).collect();
        steps.push(Step::parse(&line));
        steps
    }

    /// One command line.
    fn line(&mut self) -> String {
        match self.rng.below(100) {
            0..22 => self.xadd(),
            22..26 => self.xtrim(),
            26..30 => self.xdel(),
            30..38 => self.ranges(),
            38..44 => self.xread(),
            44..58 => self.xreadgroup(),
            58..63 => self.xack(),
            63..69 => self.xpending(),
            69..74 => self.xclaim(),
            74..78 => self.xautoclaim(),
            78..85 => self.xgroup(),
            85..93 => self.xinfo(),
            93..95 => self.xsetid(),
            _ => self.other(),
        }
    }

    fn key(&mut self) -> &'static str {
        self.rng.pick(KEYS)
    }

    fn group(&mut self) -> &'static str {
        self.rng.pick(GROUPS)
    }

    fn consumer(&mut self) -> &'static str {
        self.rng.pick(CONSUMERS)
    }

    /// An id above all the others so far.
    fn fresh_id(&mut self) -> String {
        match self.rng.below(4) {
            0 => (self.last_ms, self.last_seq) = (self.last_ms + 1 + self.rng.next() % 3, 0),
            1 => (self.last_ms, self.last_seq) = (self.last_ms + 1, self.rng.next() % 3),
            _ => self.last_seq += 1,
        }
        let id = format!("{}-{}", self.last_ms, self.last_seq);
        self.ids.push(id.clone());
        match self.rng.below(12) {
            0 => format!("{}-*", self.last_ms),
            1 if self.last_seq == 0 => self.last_ms.to_string(),
            2 if self.wild => "*".into(),
            _ => id,
        }
    }

    /// An id used before, mostly.
    fn id(&mut self) -> String {
        let recent = self.ids.len().saturating_sub(14);
        let index = recent + self.rng.below(self.ids.len() - recent);
        let seen = self.ids[index].clone();
        let odd = if self.rng.chance(3) { self.rng.pick(ODD_IDS) } else { "" };
        match self.rng.below(14) {
            0 => seen.split('-').next().unwrap_or_default().into(),
            1 => format!("{}-{}", 1 + self.rng.below(9), self.rng.below(4)),
            _ if !odd.is_empty() => odd.into(),
            _ => seen,
        }
    }

    fn ids(&mut self) -> String {
        let count = 1 + self.rng.below(4);
        (0..count).map(|_| self.id()).collect::<Vec<_>>().join(" ")
    }

    fn bound(&mut self, open: &'static str) -> String {
        match self.rng.below(10) {
            0..4 => open.into(),
            4 => format!("({}", self.id()),
            5 => self.rng.pick(ODD_IDS).into(),
            _ => self.id(),
        }
    }

    fn count(&mut self) -> &'static str {
        self.rng.pick(&[
            "",
            "",
            "",
            "COUNT 1",
            "COUNT 1",
            "COUNT 2",
            "COUNT 3",
            "COUNT 100",
            "COUNT 0",
            "COUNT -1",
            "COUNT abc",
        ])
    }

    fn trim(&mut self) -> String {
        let sign = self.rng.pick(&["", "", "=", "~", "~"]);
        let limit = match sign {
            "~" => self.rng.pick(&["", "", "LIMIT 0", "LIMIT 1", "LIMIT 3", "LIMIT 100"]),
            _ => self.rng.pick(&["", "", "", "", "", "", "", "", "LIMIT 5", "LIMIT 0"]),
        };
        match self.rng.below(12) {
            0..6 => format!("MAXLEN {sign} {} {limit}", self.rng.below(9)),
            6..10 => format!("MINID {sign} {} {limit}", self.id()),
            10 => self
                .rng
                .pick(&["MAXLEN -1", "MAXLEN abc", "MAXLEN", "LIMIT 3", "MAXLEN ~ 3 LIMIT -1"])
                .into(),
            _ => format!("MAXLEN 3 MINID {sign} {} {limit}", self.id()),
        }
    }

    fn xadd(&mut self) -> String {
        let key = self.key();
        let nomkstream = self.rng.maybe(12, "NOMKSTREAM");
        let trim = if self.rng.chance(20) { self.trim() } else { String::new() };
        let id = match self.rng.below(20) {
            0 => self.rng.pick(ODD_IDS).into(),
            1 => self.id(),
            _ => self.fresh_id(),
        };
        let id = if id == "*" && !self.wild { "3-*".into() } else { id };
        let fields = self.rng.pick(&[
            "f v",
            "f v",
            "f1 v1 f2 v2",
            "f1 v3 f2 v4",
            "f v f v2 f v3",
            "\"\" \"\"",
            "%crlf %bin",
            "n 12345",
            "n -7",
            "f",
            "",
        ]);
        format!("XADD {key} {nomkstream} {trim} {id} {fields}")
    }

    fn xtrim(&mut self) -> String {
        format!("XTRIM {} {}", self.key(), self.trim())
    }

    fn xdel(&mut self) -> String {
        format!("XDEL {} {}", self.key(), self.ids())
    }

    fn ranges(&mut self) -> String {
        let key = self.key();
        let (low, high) = (self.bound("-"), self.bound("+"));
        let count = self.count();
        match self.rng.below(5) {
            0 => format!("XLEN {key}"),
            1 | 2 => format!("XRANGE {key} {low} {high} {count}"),
            _ => format!("XREVRANGE {key} {high} {low} {count}"),
        }
    }

    fn xread(&mut self) -> String {
        let count = self.count();
        let block = self.rng.pick(&["", "", "", "", "BLOCK 1", "BLOCK 2", "BLOCK -1", "BLOCK x"]);
        let mut keys = Vec::new();
        let mut ids = Vec::new();
        for _ in 0..1 + self.rng.below(3) {
            keys.push(self.key());
            ids.push(match self.rng.below(10) {
                0 => "$".into(),
                1 | 2 => "0".into(),
                3 if self.oracle == Kind::Valkey9 => "+".into(),
                4 => self.rng.pick(ODD_IDS).into(),
                _ => self.id(),
            });
        }
        let ids = self.without_plus(ids);
        let word = self.rng.pick(&["STREAMS", "STREAMS", "STREAMS", "STREAMS", "NOACK STREAMS"]);
        let options = if self.rng.chance(50) {
            format!("{count} {block}")
        } else {
            format!("{block} {count}")
        };
        if self.rng.chance(2) {
            return format!("XREAD GROUP g1 alice STREAMS {} {}", keys.join(" "), ids.join(" "));
        }
        format!("XREAD {options} {word} {} {}", keys.join(" "), ids.join(" "))
    }

    /// Only Valkey 9 and Redis 7.4 know `+` as the last entry.
    fn without_plus(&self, ids: Vec<String>) -> Vec<String> {
        let known = self.oracle == Kind::Valkey9;
        let keep = |id: String| if id == "+" && !known { "0".into() } else { id };
        ids.into_iter().map(keep).collect()
    }

    fn xreadgroup(&mut self) -> String {
        let (group, consumer) = (self.group(), self.consumer());
        let count = self.count();
        let block = self.rng.pick(&["", "", "", "", "", "BLOCK 1", "BLOCK -2"]);
        let noack = self.rng.maybe(15, "NOACK");
        let key = self.key();
        let id = match self.rng.below(12) {
            0..7 => ">".into(),
            7 | 8 => "0".into(),
            9 => self.rng.pick(ODD_IDS).into(),
            _ => self.id(),
        };
        // The real servers keep `>` as this id.
        let id = if id == NEW_IN_DISGUISE { ">".into() } else { id };
        let head = format!("XREADGROUP GROUP {group} {consumer} {count} {block} {noack}");
        if self.rng.chance(20) {
            let other = self.key();
            return format!("{head} STREAMS {key} {other} {id} >");
        }
        format!("{head} STREAMS {key} {id}")
    }

    fn xack(&mut self) -> String {
        format!("XACK {} {} {}", self.key(), self.group(), self.ids())
    }

    fn xpending(&mut self) -> String {
        let (key, group) = (self.key(), self.group());
        if self.rng.chance(40) {
            return format!("XPENDING {key} {group}");
        }
        let idle = self.rng.pick(&["", "", "", "IDLE 0", "IDLE 1000000", "IDLE x"]);
        let (low, high) = (self.bound("-"), self.bound("+"));
        let count = self.rng.pick(&["10", "10", "10", "1", "2", "0", "-1"]);
        let consumer = self.rng.pick(&["", "", "", "alice", "bob", "nobody"]);
        format!("XPENDING {key} {group} {idle} {low} {high} {count} {consumer}")
    }

    fn xclaim(&mut self) -> String {
        let (key, group, consumer) = (self.key(), self.group(), self.consumer());
        let idle = self.rng.pick(MIN_IDLE);
        let ids = self.ids();
        let mut options = Vec::new();
        for _ in 0..self.rng.below(3) {
            options.push(match self.rng.below(10) {
                0 => "IDLE 5000000".into(),
                1 => "TIME 1".into(),
                2 => format!("RETRYCOUNT {}", self.rng.pick(&["0", "5", "1000000"])),
                3 | 4 => "FORCE".into(),
                5 | 6 => "JUSTID".into(),
                7 => format!("LASTID {}", self.id()),
                8 => self.rng.pick(&["IDLE x", "TIME x", "RETRYCOUNT -1", "BOGUS"]).into(),
                _ => "TIME 99999999999999".into(),
            });
        }
        format!("XCLAIM {key} {group} {consumer} {idle} {ids} {}", options.join(" "))
    }

    fn xautoclaim(&mut self) -> String {
        let (key, group, consumer) = (self.key(), self.group(), self.consumer());
        let idle = self.rng.pick(MIN_IDLE);
        let start = self.bound("0");
        let count = self.count();
        let justid = self.rng.maybe(30, "JUSTID");
        format!("XAUTOCLAIM {key} {group} {consumer} {idle} {start} {count} {justid}")
    }

    fn xgroup(&mut self) -> String {
        let (key, group, consumer) = (self.key(), self.group(), self.consumer());
        let id = if self.rng.chance(40) { "$".into() } else { self.bound("0") };
        let read = self.rng.pick(&[
            "",
            "",
            "",
            "ENTRIESREAD 1",
            "ENTRIESREAD 3",
            "ENTRIESREAD -1",
            "ENTRIESREAD -2",
            "ENTRIESREAD x",
        ]);
        match self.rng.below(16) {
            0..5 => {
                let make = self.rng.maybe(50, "MKSTREAM");
                format!("XGROUP CREATE {key} {group} {id} {make} {read}")
            }
            5..9 => format!("XGROUP SETID {key} {group} {id} {read}"),
            9 => format!("XGROUP DESTROY {key} {group}"),
            10..13 => format!("XGROUP CREATECONSUMER {key} {group} {consumer}"),
            13 | 14 => format!("XGROUP DELCONSUMER {key} {group} {consumer}"),
            _ => format!("XGROUP BOGUS {key} {group}"),
        }
    }

    fn xinfo(&mut self) -> String {
        let (key, group) = (self.key(), self.group());
        let count = self.count();
        match self.rng.below(12) {
            0..3 => format!("XINFO STREAM {key}"),
            3..6 => format!("XINFO STREAM {key} FULL {count}"),
            6..9 => format!("XINFO GROUPS {key}"),
            9..11 => format!("XINFO CONSUMERS {key} {group}"),
            _ => format!("XINFO BOGUS {key}"),
        }
    }

    fn xsetid(&mut self) -> String {
        let (key, id) = (self.key(), self.id());
        let options = self.rng.pick(&[
            "",
            "",
            "ENTRIESADDED 20 MAXDELETEDID 1-1",
            "ENTRIESADDED 40 MAXDELETEDID 0-0",
            "ENTRIESADDED 1 MAXDELETEDID 0-0",
            "ENTRIESADDED -1 MAXDELETEDID 0-0",
            "ENTRIESADDED 30",
            "MAXDELETEDID 9-9",
        ]);
        let id = if self.rng.chance(50) { self.fresh_id() } else { id };
        let id = if id == "*" { "9-9".into() } else { id };
        format!("XSETID {key} {id} {options}")
    }

    fn other(&mut self) -> String {
        let (key, other) = (self.key(), self.key());
        match self.rng.below(12) {
            0 => format!("DEL {key}"),
            1 => format!("RENAME {key} {other}"),
            2 => format!("COPY {key} {other} REPLACE"),
            3 => format!("COPY {key} {other}"),
            4 => format!("TYPE {key}"),
            5 => format!("OBJECT ENCODING {key}"),
            6 => format!("GET {key}"),
            7 => "SET s3 text".into(),
            8 => "SET str text".into(),
            9 => format!("EXISTS {key} {other}"),
            10 => "DEL s3".into(),
            _ => format!("EXPIRE {key} 1000"),
        }
    }
}

/// The keys of a reading command: the first half of what follows STREAMS.
fn read_keys<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let after = words.iter().position(|word| *word == "STREAMS").map_or(0, |index| index + 1);
    let rest = &words[after..];
    rest[..rest.len() / 2].to_vec()
}
