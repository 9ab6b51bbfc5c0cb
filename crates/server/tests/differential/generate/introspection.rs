//! Commands about the connection and the server whose answers stay the same.

use super::step;
use crate::command::Script;
use crate::rng::Rng;
use crate::server::Kind;

const LINES: &[&str] = &[
    "COMMAND GETKEYS XADD s1 * f v",
    "COMMAND GETKEYS XREAD COUNT 2 STREAMS a b 0 0",
    "COMMAND GETKEYS XREADGROUP GROUP g c STREAMS a b > >",
    "COMMAND GETKEYS XGROUP CREATE s g $",
    "COMMAND GETKEYS XINFO STREAM s",
    "COMMAND GETKEYS MSET a 1 b 2 c 3",
    "COMMAND GETKEYS MGET a b c",
    "COMMAND GETKEYS SET k v",
    "COMMAND GETKEYS COPY a b",
    "COMMAND GETKEYS RENAME a b",
    "COMMAND GETKEYS PING",
    "COMMAND GETKEYS GET",
    "COMMAND GETKEYS BOGUS",
    "COMMAND GETKEYS",
    "COMMAND BOGUS",
    "CLIENT GETNAME",
    "CLIENT GETNAME",
    "CLIENT SETNAME me",
    "CLIENT SETNAME \"\"",
    "CLIENT SETNAME %crlf",
    "CLIENT SETNAME",
    "CLIENT BOGUS",
    "CLIENT NO-EVICT ON",
    "CLIENT NO-EVICT x",
    "CLIENT UNBLOCK 999999",
    "CLIENT UNBLOCK x",
    "CLIENT UNBLOCK 999999 BOGUS",
    "CLIENT KILL ID 999999",
    "CLIENT KILL ID x",
    "CLIENT KILL 1.2.3.4:5",
    "CLIENT KILL BOGUS x",
    "CLIENT KILL TYPE bogus",
    "CLIENT REPLY ON",
    "CLIENT REPLY BOGUS",
    "CLIENT GETREDIR",
    "CLIENT TRACKINGINFO",
    "CLIENT CACHING YES",
    "CLIENT CACHING x",
    "CLIENT PAUSE x",
    "CLIENT UNPAUSE",
    "CLIENT LIST TYPE bogus",
    "CLIENT LIST ID",
    "CONFIG GET stream-node-*",
    "CONFIG GET stream-node-max-entries stream-node-max-bytes",
    "CONFIG GET no-such-option",
    "CONFIG GET",
    "CONFIG SET stream-node-max-entries 7",
    "CONFIG SET stream-node-max-entries x",
    "CONFIG SET stream-node-max-entries -1",
    "CONFIG SET no-such-option 1",
    "CONFIG SET stream-node-max-entries",
    "CONFIG SET stream-node-max-bytes 100 stream-node-max-bytes 200",
    "CONFIG SET notify-keyspace-events KEA",
    "CONFIG SET notify-keyspace-events Kq",
    "CONFIG SET notify-keyspace-events Exg",
    "CONFIG GET notify-keyspace-events",
    "CONFIG RESETSTAT",
    "CONFIG BOGUS",
    "PING",
    "PING hello",
    "PING a b",
    "ECHO hello",
    "ECHO",
    "SELECT 0",
    "SELECT 16",
    "SELECT x",
    "HELLO 4",
    "HELLO x",
    "HELLO 2 BOGUS",
    "HELLO 3 SETNAME",
    "AUTH nobody wrong",
    "AUTH wrong",
    "AUTH a b c",
    "EXEC",
    "DISCARD",
    "UNWATCH",
    "RESET",
    "BOGUS",
    "BOGUS a b c",
    "bogus \"\" %crlf %bin",
    "XBOGUS averyveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryvery\
     veryveryveryveryveryveryverylongargument second third",
    "OBJECT ENCODING none",
    "OBJECT BOGUS",
    "OBJECT",
    "WAIT 0 0",
    "WAIT x 0",
    "WAIT 0 -1",
    "DBSIZE",
    "LASTSAVE x",
    "ROLE x",
    "CLUSTER INFO",
    "CLUSTER KEYSLOT abc",
    "CLUSTER BOGUS",
    "MEMORY USAGE none",
    "MEMORY BOGUS",
    "SCRIPT BOGUS",
    "ACL WHOAMI",
    "ACL BOGUS",
    "SLOWLOG BOGUS",
    "LATENCY BOGUS",
    "XGROUP",
    "XINFO",
    "XGROUP BOGUS",
    "XGROUP CREATE",
    "XINFO STREAM",
    "XINFO GROUPS a b",
];

/// What a spoilt line may turn into and no two servers answer alike.
const UNSTABLE: &[&str] = &[
    "CLIENT ID",
    "CLIENT LIST",
    "CLIENT INFO",
    "COMMAND",
    "COMMAND COUNT",
    "CONFIG GET *",
    "HELLO",
    "HELLO 2",
    "HELLO 3",
    "LASTSAVE",
];

/// A script of such commands in any order.
pub(crate) fn script(rng: &mut Rng, _oracle: Kind) -> Script {
    let mut steps = Vec::new();
    while steps.len() < 60 {
        let line = rng.pick(LINES);
        let step = step(rng, line);
        let written = step.command.to_string().to_ascii_uppercase();
        if !UNSTABLE.contains(&written.as_str()) {
            steps.push(step);
        }
    }
    steps
}
