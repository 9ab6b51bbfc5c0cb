//! Readers that wait on connections 1 and 2 while connection 0 acts.

use crate::command::{Script, Step};
use crate::rng::Rng;
use crate::server::Kind;

const READS: &[&str] = &[
    "XREAD BLOCK 0 STREAMS s1 $",
    "XREAD BLOCK 0 STREAMS s1 $",
    "XREAD BLOCK 0 COUNT 1 STREAMS s1 s2 $ $",
    "XREAD BLOCK 0 STREAMS s2 s1 5-0 30-0",
    "XREAD BLOCK 0 STREAMS none s1 0 $",
    "XREAD BLOCK 0 STREAMS s1 s1 $ $",
    "XREADGROUP GROUP g1 alice BLOCK 0 STREAMS s1 >",
    "XREADGROUP GROUP g1 alice BLOCK 0 COUNT 1 STREAMS s1 >",
    "XREADGROUP GROUP g1 bob BLOCK 0 STREAMS s1 >",
    "XREADGROUP GROUP g1 bob BLOCK 0 NOACK STREAMS s1 >",
    "XREADGROUP GROUP g1 bob BLOCK 0 STREAMS s1 s2 > >",
    "XREADGROUP GROUP g1 alice BLOCK 0 STREAMS s1 0",
];
const ACTS: &[&str] = &[
    "DEL s1",
    "DEL s2",
    "UNLINK s1",
    "EXPIRE s1 -1",
    "RENAME s1 s2",
    "RENAME s2 s1",
    "COPY s2 s1 REPLACE",
    "SET s1 text",
    "XGROUP DESTROY s1 g1",
    "XGROUP CREATE s1 g1 $ MKSTREAM",
    "XGROUP SETID s1 g1 0",
    "XGROUP DELCONSUMER s1 g1 alice",
    "FLUSHDB",
    "FLUSHALL",
    "SWAPDB 0 1",
    "MOVE s1 1",
    "XTRIM s1 MAXLEN 0",
    "XSETID s1 99-0",
    "CLIENT UNBLOCK %id1",
    "CLIENT UNBLOCK %id2 ERROR",
    "CLIENT UNBLOCK %id1 TIMEOUT",
    "XINFO GROUPS s1",
    "XPENDING s1 g1",
    "XLEN s1",
];

/// A script of waits and of what ends them.
pub(crate) fn script(rng: &mut Rng, oracle: Kind) -> Script {
    let mut steps = Vec::new();
    let mut ms = 1;
    // A real server runs the whole read again when one of its keys is touched, and may meet
    // another one that holds text by then. Firth only looks at the keys that were touched.
    let with_text = rng.chance(30);
    let fits = |line: &str| match with_text {
        true => !line.contains("s1 s2") && !line.contains("s2 s1") && !line.contains("none"),
        false => !line.starts_with("SET "),
    };
    beginning(&mut steps, &mut ms);
    for _ in 0..40 {
        match rng.below(14) {
            0..5 => {
                let read = rng.pick(READS);
                steps.push(Step::on(1 + rng.below(2), if fits(read) { read } else { READS[0] }));
            }
            5..8 => {
                ms += 1;
                let key = rng.pick(&["s1", "s1", "s2", "none"]);
                steps.push(Step::parse(&format!("XADD {key} {ms}-0 f v")));
            }
            8 => transaction(rng, &mut steps, &mut ms),
            9 => beginning(&mut steps, &mut ms),
            _ => {
                // Redis 7.0 answered an empty list to a reader whose stream was swapped away, or
                // had got a greater last id without an entry.
                let act = rng.pick(ACTS);
                let old = ["SWAPDB", "XTRIM", "XSETID"].iter().any(|name| act.starts_with(name));
                let known = oracle == Kind::Redis7 && old || !fits(act);
                steps.push(Step::parse(if known { "PING" } else { act }));
            }
        }
    }
    steps
}

/// Both streams and their groups; the consumers exist before they read, as only later servers
/// create them by reading nothing.
fn beginning(steps: &mut Script, ms: &mut u64) {
    for key in ["s1", "s2"] {
        *ms += 1;
        steps.push(Step::parse(&format!("XGROUP CREATE {key} g1 $ MKSTREAM")));
        for consumer in ["alice", "bob"] {
            let create = format!("XGROUP CREATECONSUMER {key} g1 {consumer}");
            steps.push(Step::parse(&create));
        }
        steps.push(Step::parse(&format!("XADD {key} {ms}-0 f v")));
    }
}

/// Readers are woken after EXEC, and see all that it did at once.
fn transaction(rng: &mut Rng, steps: &mut Script, ms: &mut u64) {
    steps.push(Step::parse("MULTI"));
    for _ in 0..2 {
        *ms += 1;
        steps.push(Step::parse(&format!("XADD s1 {ms}-0 f v")));
    }
    if rng.chance(30) {
        steps.push(Step::parse(rng.pick(&["DEL s1", "XDEL s1 1-0", "XTRIM s1 MAXLEN 1"])));
    }
    if rng.chance(20) {
        steps.push(Step::parse("XREAD BLOCK 0 STREAMS s1 $"));
    }
    steps.push(Step::parse(rng.pick(&["EXEC", "EXEC", "EXEC", "DISCARD"])));
}
