//! Client-side caching: who is told which keys have changed.

use super::{keys, step, streams::Streams, strings};
use crate::command::{Script, Step};
use crate::rng::Rng;
use crate::server::Kind;

const MODES: &[&str] = &[
    "",
    "",
    "NOLOOP",
    "OPTIN",
    "OPTIN NOLOOP",
    "OPTOUT",
    "OPTOUT NOLOOP",
    "BCAST",
    "BCAST NOLOOP",
    "BCAST PREFIX s PREFIX t",
    "BCAST PREFIX n1 PREFIX s1 NOLOOP",
    "PREFIX s",
    "OPTIN OPTOUT",
    "BCAST OPTIN",
    "BCAST PREFIX s PREFIX s1",
    "REDIRECT 999999",
];

/// Connection 0 tracks, reads and writes; connection 1 writes. Needs RESP3.
pub(crate) fn script(rng: &mut Rng, oracle: Kind) -> Script {
    let mut steps = vec![
        Step::parse("SET t1 hello"),
        Step::parse("SET n1 10"),
        Step::parse("XADD s1 1-1 f v"),
        Step::parse("XGROUP CREATE s1 g1 0"),
    ];
    for _ in 0..3 {
        let off = rng.maybe(80, "CLIENT TRACKING OFF");
        if !off.is_empty() {
            steps.push(Step::parse(off));
        }
        steps.push(Step::parse(&format!("CLIENT TRACKING ON {}", rng.pick(MODES))));
        for _ in 0..10 + rng.below(20) {
            act(rng, oracle, &mut steps);
        }
    }
    steps
}

fn act(rng: &mut Rng, oracle: Kind, steps: &mut Script) {
    match rng.below(20) {
        0 => steps.push(Step::parse("CLIENT TRACKINGINFO")),
        1 => steps.push(Step::parse("CLIENT GETREDIR")),
        2 | 3 => {
            let caching = rng.pick(&["CLIENT CACHING YES", "CLIENT CACHING NO"]);
            steps.push(Step::parse(caching));
        }
        4 => transaction(rng, steps),
        5..10 => {
            let read = reads(rng);
            steps.push(Step::parse(read));
        }
        10..14 => {
            let line = if rng.chance(50) { strings::line(rng) } else { keys::line(rng) };
            if keeps_order(&line) {
                let connection = rng.below(2);
                steps.push(Step { connection, ..step(rng, &line) });
            }
        }
        14..16 => {
            let (connection, line) = (rng.below(2), rng.pick(WRITES));
            // Before 7.2 it created its consumer only when there was something for it.
            let creates = oracle == Kind::Redis7 && line.starts_with("XREADGROUP");
            steps.push(Step::on(connection, if creates { "XLEN s1" } else { line }));
        }
        _ => {
            let connection = rng.below(2);
            let lines = Streams::new(rng, oracle, false).steps();
            steps.extend(lines.into_iter().map(|step| Step { connection, ..step }));
        }
    }
}

const WRITES: &[&str] = &[
    "SET t1 other",
    "XADD s1 * f v",
    "XTRIM s1 MAXLEN 0",
    "XGROUP SETID s1 g1 0",
    "XGROUP CREATECONSUMER s1 g1 bob",
    "XREADGROUP GROUP g1 bob COUNT 1 STREAMS s1 >",
    "XACK s1 g1 1-1",
    "XSETID s1 99999999999999-0",
    "EXPIRE n1 1000",
    "PERSIST n1",
    "DEL n1 t1 s1",
    "FLUSHDB",
    "FLUSHALL",
];

fn reads(rng: &mut Rng) -> &'static str {
    rng.pick(&[
        "GET t1",
        "GET n1",
        "GET none",
        "MGET t1 n1 t2",
        "XRANGE s1 - +",
        "XLEN s1",
        "XREAD STREAMS s1 s2 0 0",
        "XINFO STREAM s2",
        "XPENDING s1 g1",
        "EXISTS t1 n1",
        "TYPE t1",
        "TTL n1",
        "STRLEN t1",
    ])
}

/// One that reads and writes on the tracking connection.
fn transaction(rng: &mut Rng, steps: &mut Script) {
    steps.push(Step::parse("MULTI"));
    for _ in 0..1 + rng.below(3) {
        let line = if rng.chance(60) { reads(rng) } else { rng.pick(&WRITES[..5]) };
        steps.push(Step::parse(line));
    }
    steps.push(Step::parse("EXEC"));
}

/// Whether a line touches the same keys on both servers, in the same order.
fn keeps_order(line: &str) -> bool {
    !["SWAPDB", "KEYS", "SCAN", "INCRBYFLOAT"].iter().any(|name| line.starts_with(name))
}
