//! Keyspace events of all the commands that change something.

use super::{keys, step, streams::Streams, strings};
use crate::command::{Script, Step};
use crate::rng::Rng;
use crate::server::Kind;

/// Connection 0 works, connection 1 listens to every event.
pub(crate) fn script(rng: &mut Rng, oracle: Kind) -> Script {
    let classes = rng.pick(&["KEA", "KEA", "KEA", "KEAmn", "Kt", "Eg$", "Kxe", "E$tn", ""]);
    let classes = if classes.is_empty() { "\"\"" } else { classes };
    let mut steps = vec![
        Step::parse(&format!("CONFIG SET notify-keyspace-events {classes}")),
        Step::parse("CONFIG GET notify-keyspace-events"),
        Step::on(1, "PSUBSCRIBE __key*__:*"),
        Step::parse("XGROUP CREATE s1 g1 0 MKSTREAM"),
        Step::parse("XADD s1 1-1 f v"),
    ];
    let kind = rng.below(4);
    let mut streams = Vec::new();
    let mut source = Streams::new(rng, oracle, false);
    for _ in 0..60 {
        streams.push(source.steps());
    }
    for stream in streams {
        let line = match (kind, rng.below(10)) {
            (0, 0..8) | (1, 0) => strings::line(rng),
            (1, _) => keys::line(rng),
            (_, 0) => rng.pick(&["SET str text", "DEL s2", "RENAME s1 s3"]).into(),
            _ => {
                steps.extend(stream);
                continue;
            }
        };
        // A time in the past is `del` to Redis and `expired` to Valkey.
        let valkey = [oracle, Kind::under_test()].contains(&Kind::Valkey9);
        let expires = ["GETEX ", "EXPIRE", "PEXPIRE"].iter().any(|name| line.starts_with(name));
        // A number that only they understand is an event to them.
        let float = [" 1e400", " 0x10"].iter().any(|end| line.ends_with(end));
        if !(float || valkey && expires) {
            steps.push(step(rng, &line));
        }
    }
    steps
}
