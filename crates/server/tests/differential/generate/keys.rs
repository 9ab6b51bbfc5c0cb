//! Commands that treat keys as names: expiry, renaming, copying, databases.

use super::step;
use crate::command::{Script, Step};
use crate::rng::Rng;
use crate::server::Kind;

const KEYS: &[&str] = &["a", "a", "b", "b", "c", "d", "none"];

/// A script about keys of two types in three databases.
pub(crate) fn script(rng: &mut Rng, _oracle: Kind) -> Script {
    let mut steps = vec![
        Step::parse("SET a text"),
        Step::parse("XADD b 1-1 f v"),
        Step::parse("XGROUP CREATE b g 0"),
    ];
    for _ in 0..40 + rng.below(60) {
        let line = line(rng);
        steps.push(step(rng, &line));
    }
    steps
}

/// One command line.
pub(crate) fn line(rng: &mut Rng) -> String {
    let (key, other) = (rng.pick(KEYS), rng.pick(KEYS));
    match rng.below(34) {
        0 => format!("DEL {key} {other}"),
        1 => format!("UNLINK {key}"),
        2 => format!("EXISTS {key} {other} {key}"),
        3 | 4 => format!("TYPE {key}"),
        5..9 => expire(rng, key),
        9 => format!("TTL {key}"),
        10 => format!("PTTL {key}"),
        11 => format!("EXPIRETIME {key}"),
        12 => format!("PEXPIRETIME {key}"),
        13 => format!("PERSIST {key}"),
        14 | 15 => format!("RENAME {key} {other}"),
        16 => format!("RENAMENX {key} {other}"),
        17..20 => copy(rng, key, other),
        20 => format!("MOVE {key} {}", database(rng)),
        21 => format!("SWAPDB {} {}", database(rng), database(rng)),
        22 | 23 => format!("SELECT {}", database(rng)),
        24 => format!("TOUCH {key} {other}"),
        25 => "DBSIZE".into(),
        26 => object(rng, key),
        27 => format!("KEYS {}", rng.pick(&["a*", "[b]", "nothing?", "a"])),
        28 => rng.pick(&["FLUSHDB", "FLUSHDB ASYNC", "FLUSHDB SYNC", "FLUSHDB BOGUS"]).into(),
        29 => format!("SCAN 0 MATCH {key} COUNT 1000"),
        30 => format!("SCAN {}", rng.pick(&["x", "-1", "0 COUNT 0", "0 COUNT x", "0 MATCH"])),
        31 | 32 => format!("SET {key} {}", rng.pick(&["12", "text", "1.5"])),
        _ => format!("XADD {key} 9-* f v"),
    }
}

fn database(rng: &mut Rng) -> &'static str {
    rng.pick(&["0", "0", "0", "1", "1", "2", "15", "16", "-1", "x", "99999999999"])
}

fn expire(rng: &mut Rng, key: &str) -> String {
    let condition =
        rng.pick(&["", "", "", "NX", "XX", "GT", "LT", "XX GT", "XX LT", "NX XX", "GT LT", "ZZ"]);
    let seconds = rng.pick(&[
        "100",
        "1000",
        "1000",
        "5000",
        "200000",
        "0",
        "-1",
        "9223372036854775807",
        "9223372036854775",
        "x",
    ]);
    match rng.below(5) {
        0 | 1 => format!("EXPIRE {key} {seconds} {condition}"),
        2 if seconds.len() < 4 => format!("PEXPIRE {key} {} {condition}", rng.pick(&["0", "-1"])),
        2 => format!("PEXPIRE {key} {}00 {condition}", seconds.trim_end_matches("807")),
        3 => {
            let at = rng.pick(&["4000000000", "5000000000", "1", "0", "-1", "x"]);
            format!("EXPIREAT {key} {at} {condition}")
        }
        _ => {
            let at = rng.pick(&["4000000000000", "5000000000000", "1", "9223372036854775807"]);
            format!("PEXPIREAT {key} {at} {condition}")
        }
    }
}

fn copy(rng: &mut Rng, key: &str, other: &str) -> String {
    let options = match rng.below(6) {
        0 | 1 => String::new(),
        2 => "REPLACE".into(),
        3 => format!("DB {}", database(rng)),
        4 => format!("DB {} REPLACE", database(rng)),
        _ => rng.pick(&["BOGUS", "DB", "REPLACE REPLACE"]).into(),
    };
    format!("COPY {key} {other} {options}")
}

fn object(rng: &mut Rng, key: &str) -> String {
    let subcommand = rng.pick(&["ENCODING", "ENCODING", "ENCODING", "REFCOUNT", "FREQ", "BOGUS"]);
    format!("OBJECT {subcommand} {key}")
}
