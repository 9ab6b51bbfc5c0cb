//! MULTI, EXEC, DISCARD and WATCH, with a second connection that gets in between.

use super::{keys, step, streams::Streams, strings};
use crate::command::{Script, Step};
use crate::rng::Rng;
use crate::server::Kind;

/// A script of several transactions on connection 0; connection 1 writes what 0 watches.
pub(crate) fn script(rng: &mut Rng, oracle: Kind) -> Script {
    let mut steps = vec![
        Step::parse("SET t1 hello"),
        Step::parse("SET n1 10"),
        Step::parse("XADD s1 1-1 f v"),
        Step::parse("XGROUP CREATE s1 g1 0"),
    ];
    for _ in 0..6 {
        transaction(rng, oracle, &mut steps);
    }
    steps
}

fn transaction(rng: &mut Rng, oracle: Kind, steps: &mut Script) {
    if rng.chance(50) {
        let watched = rng.pick(&["t1", "n1", "s1", "none", "t1 n1", "s1 s1 a"]);
        steps.push(Step::parse(&format!("WATCH {watched}")));
    }
    if rng.chance(60) {
        for _ in 0..1 + rng.below(3) {
            let line = interference(rng, oracle);
            steps.push(Step::on(rng.below(4).min(1), line));
        }
    }
    if rng.chance(10) {
        steps.push(Step::parse("UNWATCH"));
    }
    if rng.chance(92) {
        steps.push(Step::parse("MULTI"));
    }
    for _ in 0..rng.below(8) {
        if rng.chance(30) {
            steps.extend(Streams::new(rng, oracle, false).steps());
            continue;
        }
        let line = body(rng, oracle);
        steps.push(step(rng, &line));
    }
    if rng.chance(25) {
        let line = interference(rng, oracle);
        steps.push(Step::on(1, line));
    }
    let ending = rng.pick(&["EXEC", "EXEC", "EXEC", "EXEC", "EXEC", "DISCARD", "RESET", "EXEC x"]);
    steps.push(Step::parse(ending));
    if ending == "EXEC x" {
        steps.push(Step::parse("DISCARD"));
    }
    if ending == "RESET" {
        steps.push(Step::parse("SELECT 0"));
    }
}

/// Writes that touch watched keys, really or only apparently.
fn interference(rng: &mut Rng, oracle: Kind) -> &'static str {
    let line = rng.pick(&[
        "SET t1 other",
        "INCR n1",
        "XADD s1 * f v",
        "XLEN s1",
        "GET t1",
        "DEL t1",
        "DEL none",
        "SET none x",
        "XDEL s1 99-99",
        "XTRIM s1 MAXLEN 100",
        "XTRIM s1 MAXLEN 0",
        "EXPIRE n1 1000",
        "EXPIRE none 1000",
        "EXPIRE t1 -1",
        "PERSIST t1",
        "XGROUP CREATE s1 g2 0",
        "XGROUP DESTROY s1 g2",
        "XGROUP CREATECONSUMER s1 g1 bob",
        "XGROUP SETID s1 g1 0",
        "XREADGROUP GROUP g1 alice COUNT 1 STREAMS s1 >",
        "XACK s1 g1 1-1",
        "XCLAIM s1 g1 bob 0 1-1",
        "RENAME t1 n1",
        "COPY n1 t1 REPLACE",
        "APPEND t1 x",
        "SETRANGE t1 0 \"\"",
        "GETEX t1 EX 100",
        "FLUSHALL",
        "SWAPDB 0 1",
        "MOVE t1 1",
        "TOUCH t1",
        "WATCH t1",
    ]);
    // Before 7.2 these two created their consumer only when there was something for it.
    let creates = line.starts_with("XCLAIM") || line.starts_with("XREADGROUP");
    if creates && oracle == Kind::Redis7 { "XLEN s1" } else { line }
}

/// Nothing blocks inside a transaction; outside the wait has to end.
const BLOCKING: &[&str] = &[
    "XREAD BLOCK 20 STREAMS s1 $",
    "XREAD BLOCK 20 STREAMS s1 none $ 0",
    "XREAD BLOCK 20 COUNT 1 STREAMS s1 0",
    "XREADGROUP GROUP g1 alice BLOCK 20 STREAMS s1 >",
    "XREADGROUP GROUP g1 alice BLOCK 20 NOACK STREAMS s1 0",
];

fn body(rng: &mut Rng, oracle: Kind) -> String {
    // Valkey 9 has other words for these two and lets them spoil the transaction.
    let nested = if oracle == Kind::Redis7 { &["MULTI", "WATCH t1"] } else { &["PING", "PING x"] };
    match rng.below(14) {
        0..4 => keys::line(rng),
        4..9 => strings::line(rng),
        9 | 10 => rng.pick(nested).into(),
        11 => rng.pick(&["BOGUS a b", "GET", "XADD s1", "XGROUP BOGUS s1 g1", "UNWATCH"]).into(),
        12 => rng.pick(&["PING", "ECHO x", "PUBLISH c m", "SPUBLISH c m", "SELECT 0"]).into(),
        // Nothing blocks inside a transaction, not even without end.
        // Before 7.2 the last two created their consumer only when there was something for it.
        _ if oracle == Kind::Redis7 => rng.pick(&BLOCKING[..3]).into(),
        _ => rng.pick(BLOCKING).into(),
    }
}
