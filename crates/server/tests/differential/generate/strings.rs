//! String commands on keys that hold text, numbers, or a stream.

use super::step;
use crate::command::{Script, Step};
use crate::rng::Rng;
use crate::server::Kind;

const KEYS: &[&str] = &["t1", "t1", "t2", "t2", "n1", "n1", "n2", "none", "st"];
const NUMBERS: &[&str] =
    &["1", "5", "-3", "0", "100", "9223372036854775807", "-9223372036854775808", "1.5", "x", "01"];
const FLOATS: &[&str] =
    &["1", "0.1", "-2.5", "3.0e3", "5.0e-3", "1e400", "inf", "nan", "x", "0x10", "1e17", "-0"];

/// A script about strings.
pub(crate) fn script(rng: &mut Rng, _oracle: Kind) -> Script {
    let mut steps =
        vec![Step::parse("SET t1 hello"), Step::parse("SET n1 10"), Step::parse("XADD st 1-1 f v")];
    for _ in 0..40 + rng.below(60) {
        let line = line(rng);
        steps.push(step(rng, &line));
    }
    steps
}

/// One command line.
pub(crate) fn line(rng: &mut Rng) -> String {
    let (key, other) = (rng.pick(KEYS), rng.pick(KEYS));
    let value = value(rng);
    match rng.below(32) {
        0..4 => set(rng, key, value),
        4..7 => format!("GET {key}"),
        7 => format!("GETDEL {key}"),
        8 | 9 => getex(rng, key),
        10 => format!("GETSET {key} {value}"),
        11 => format!("SETNX {key} {value}"),
        12 => format!("SETEX {key} {} {value}", seconds(rng)),
        13 => format!("PSETEX {key} {}000 {value}", seconds(rng)),
        14 => format!("MGET {key} {other} none {key}"),
        15 => format!("MSET {key} {value} {other} {value}"),
        16 => format!("MSETNX {key} {value} {other} {value}"),
        17 | 18 => format!("APPEND {key} {value}"),
        19 => format!("STRLEN {key}"),
        20 => format!("INCR {key}"),
        21 => format!("DECR {key}"),
        22 => format!("INCRBY {key} {}", rng.pick(NUMBERS)),
        23 => format!("DECRBY {key} {}", rng.pick(NUMBERS)),
        24 | 25 => format!("INCRBYFLOAT {key} {}", rng.pick(FLOATS)),
        26 => {
            let bounds = &["0", "1", "-1", "-3", "2", "100", "-100", "x", "9223372036854775807"];
            format!("GETRANGE {key} {} {}", rng.pick(bounds), rng.pick(bounds))
        }
        27 => format!(
            "SETRANGE {key} {} {value}",
            rng.pick(&["0", "1", "3", "40", "-1", "x", "536870912", "9223372036854775807"])
        ),
        28 => format!("TTL {key}"),
        29 => format!("DEL {key}"),
        30 => format!("OBJECT ENCODING {key}"),
        _ => format!("SUBSTR {key} 0 -1"),
    }
}

fn value(rng: &mut Rng) -> &'static str {
    rng.pick(&[
        "v",
        "hello",
        "10",
        "-7",
        "007",
        "1.5",
        "9223372036854775807",
        "9223372036854775808",
        "\"\"",
        "%bin",
        "%crlf",
        "forty-four-bytes-is-where-embedded-strings-end",
    ])
}

fn seconds(rng: &mut Rng) -> &'static str {
    rng.pick(&["100", "1000", "1000", "0", "-1", "x", "9223372036854775807"])
}

fn expiry(rng: &mut Rng, others: &[&'static str]) -> String {
    match rng.below(8) {
        0 => format!("EX {}", seconds(rng)),
        1 => format!("PX {}000", seconds(rng)),
        2 => format!("EXAT {}", rng.pick(&["4000000000", "4000000000", "0", "x"])),
        3 => format!("PXAT {}", rng.pick(&["4000000000000", "4000000000001", "-1"])),
        4 => rng.pick(&["EX", "EX 100 PX 100000", "KEEPTTL EX 100", "BOGUS"]).into(),
        _ => rng.pick(others).into(),
    }
}

/// GETEX with a time in the past deletes at once; SET with one may leave that to later.
fn getex(rng: &mut Rng, key: &str) -> String {
    let expiry = expiry(rng, &["", "", "PERSIST", "PERSIST EX 100", "EXAT 1", "PXAT 1"]);
    format!("GETEX {key} {expiry}")
}

fn set(rng: &mut Rng, key: &str, value: &str) -> String {
    let condition = rng.pick(&["", "", "", "NX", "XX", "NX XX"]);
    let get = rng.pick(&["", "", "", "GET"]);
    let expiry = expiry(rng, &["", "", "", "KEEPTTL"]);
    format!("SET {key} {value} {condition} {get} {expiry}")
}
