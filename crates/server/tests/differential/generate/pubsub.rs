//! Publishing and subscribing on three connections.

use crate::command::{Script, Step};
use crate::rng::Rng;
use crate::server::Kind;

const CHANNELS: &[&str] = &["news", "news", "news.art", "sport", "h?llo", "\"\"", "%bin", "a*"];
const PATTERNS: &[&str] =
    &["news*", "news*", "*", "n?ws", "s[o-q]ort", "[^n]*", "h\\?llo", "[", "\"\"", "a\\", "*z"];

/// A script of three connections, any of which may subscribe and publish.
pub(crate) fn script(rng: &mut Rng, oracle: Kind) -> Script {
    let mut steps = Vec::new();
    for _ in 0..40 + rng.below(40) {
        let connection = rng.below(3);
        if rng.chance(3) {
            let inside = subscription(rng);
            // Before 7.2 a push could come in the middle of the reply of EXEC.
            let publish = if oracle == Kind::Redis7 { "ECHO x" } else { "SPUBLISH news inside" };
            for line in ["MULTI", &inside, publish, "EXEC"] {
                steps.push(Step::on(connection, line));
            }
            continue;
        }
        let line = line(rng);
        steps.push(Step::on(connection, &line));
    }
    steps
}

fn line(rng: &mut Rng) -> String {
    let payload = rng.pick(&["m1", "m2", "\"\"", "%bin", "%crlf"]);
    match rng.below(20) {
        0..6 => subscription(rng),
        6..12 => format!("PUBLISH {} {payload}", rng.pick(CHANNELS)),
        12 | 13 => format!("SPUBLISH {} {payload}", rng.pick(CHANNELS)),
        14..17 => introspection(rng),
        17 => format!("PING {}", rng.maybe(50, "text")),
        18 => rng.pick(&["GET x", "PUBLISH", "SUBSCRIBE", "RESET", "ECHO x", "MULTI x"]).into(),
        _ => rng.pick(&["UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"]).into(),
    }
}

fn subscription(rng: &mut Rng) -> String {
    let (name, names) = match rng.below(11) {
        0..3 => ("SUBSCRIBE", CHANNELS),
        3..5 => ("PSUBSCRIBE", PATTERNS),
        5 | 6 => ("SSUBSCRIBE", CHANNELS),
        7 | 8 => ("UNSUBSCRIBE", CHANNELS),
        9 => ("PUNSUBSCRIBE", PATTERNS),
        _ => ("SUNSUBSCRIBE", CHANNELS),
    };
    let names: Vec<&str> = (0..1 + rng.below(3)).map(|_| rng.pick(names)).collect();
    format!("{name} {}", names.join(" "))
}

fn introspection(rng: &mut Rng) -> String {
    match rng.below(7) {
        0 => format!("PUBSUB CHANNELS {}", rng.pick(PATTERNS)),
        1 => "PUBSUB CHANNELS".into(),
        2 => format!("PUBSUB NUMSUB {} {}", rng.pick(CHANNELS), rng.pick(CHANNELS)),
        3 => "PUBSUB NUMPAT".into(),
        4 => format!("PUBSUB SHARDCHANNELS {}", rng.maybe(50, "n*")),
        5 => format!("PUBSUB SHARDNUMSUB {}", rng.pick(CHANNELS)),
        _ => rng.pick(&["PUBSUB", "PUBSUB BOGUS", "PUBSUB NUMSUB", "PUBSUB NUMPAT x"]).into(),
    }
}
