//! Numbers at the ends of their ranges: answered, whatever the answer is, and without memory.

use crate::reply::Reply;
use crate::{check, connect, pipeline, resident_mib, with_servers};

const NUMBERS: [&str; 9] = [
    "0",
    "1",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "99999999999999999999",
    "4294967296",
    "2147483648",
];

const IDS: [&str; 6] = [
    "18446744073709551615-18446744073709551615",
    "18446744073709551615-*",
    "0-0",
    "0-1",
    "18446744073709551615",
    "18446744073709551616-0",
];

/// Commands in which `#` stands for a number and `@` for an id.
const COMMANDS: &str = "
XADD s @ f v
XADD s MAXLEN # * f v
XADD s MAXLEN ~ # LIMIT # * f v
XADD s MINID @ * f v
XTRIM s MAXLEN # 
XTRIM s MAXLEN ~ # LIMIT #
XTRIM s MINID @
XSETID s @
XSETID s @ ENTRIESADDED # MAXDELETEDID @
XGROUP CREATE s g2 @ ENTRIESREAD #
XGROUP SETID s g @ ENTRIESREAD #
XGROUP DESTROY s g2
XRANGE s @ @ COUNT #
XRANGE s (@ (@
XREVRANGE s @ @ COUNT #
XREAD COUNT # STREAMS s @
XREAD COUNT # BLOCK 1 STREAMS s @
XREADGROUP GROUP g c COUNT # STREAMS s >
XREADGROUP GROUP g c COUNT # STREAMS s @
XREADGROUP GROUP g c CLAIM # STREAMS s >
XREADGROUP GROUP g c COUNT # CLAIM # BLOCK 1 STREAMS s >
XACK s g @
XDEL s @
XDELEX s KEEPREF IDS # @
XACKDEL s g DELREF IDS # @
XPENDING s g @ @ #
XPENDING s g IDLE # - + #
XCLAIM s g c # @
XCLAIM s g c # @ IDLE #
XCLAIM s g c 0 @ TIME # FORCE
XCLAIM s g c 0 @ RETRYCOUNT # FORCE
XCLAIM s g c 0 @ LASTID @
XAUTOCLAIM s g c # 0
XAUTOCLAIM s g c 0 @ COUNT #
XINFO STREAM s FULL COUNT #
XCFGSET s IDMP-DURATION #
XCFGSET s IDMP-MAXSIZE #
SET k v EX #
SET k v PX #
SET k v EXAT #
SET k v PXAT #
GETEX k EX #
GETEX k PXAT #
SETEX k # v
PSETEX k # v
EXPIRE k #
PEXPIRE k # 
EXPIREAT k #
PEXPIREAT k #
TTL k
PTTL k
EXPIRETIME k
PEXPIRETIME k
PERSIST k
SETRANGE r # x
GETRANGE r # #
SUBSTR r # #
SET n #
INCRBY n #
DECRBY n #
INCRBYFLOAT n #
INCRBYFLOAT n 1e308
INCR n
DECR n
SCAN # COUNT #
SCAN # MATCH *
SELECT #
MOVE k #
COPY k k2 DB #
SWAPDB 0 #
CLIENT KILL ID #
CLIENT KILL MAXAGE #
CLIENT UNBLOCK #
CLIENT LIST ID #
CLIENT PAUSE 0
SLOWLOG GET #
CONFIG SET slowlog-max-len #
CONFIG SET latency-monitor-threshold #
CONFIG SET stream-node-max-entries #
CONFIG SET stream-node-max-bytes #
CONFIG SET stream-idmp-duration #
CONFIG SET stream-idmp-maxsize #
CONFIG SET tracking-table-max-keys #
CONFIG SET tcp-keepalive #
CONFIG SET timeout 0
CONFIG SET stream-node-max-entries 100
CONFIG SET stream-node-max-bytes 4096
XADD s * f v
MEMORY USAGE s SAMPLES #
OBJECT ENCODING k
DEBUG OBJECT s
WAIT # 1
LATENCY HISTOGRAM
COMMAND GETKEYS XREAD COUNT # STREAMS s @
HELLO #
";

/// Fills in what stands for numbers and ids, each time in another way.
fn variants(template: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for first in 0..NUMBERS.len() {
        for shift in 0..IDS.len() {
            let (mut number, mut id) = (first, first + shift);
            let words = template.split_ascii_whitespace().map(|word| {
                let word = word.replace('@', IDS[id % IDS.len()]);
                id += usize::from(word.len() > 1) * shift;
                let filled = word.replace('#', NUMBERS[number % NUMBERS.len()]);
                number += usize::from(filled != word) * (shift + 1);
                filled
            });
            lines.push(words.collect::<Vec<_>>().join(" "));
        }
    }
    lines.sort();
    lines.dedup();
    lines
}

#[test]
fn no_number_is_too_much() {
    with_servers(&["--proto-max-bulk-len", "64mb"], |server| {
        let mut client = connect(server);
        let before = resident_mib(server);
        let templates = COMMANDS.lines().map(str::trim).filter(|line| !line.is_empty());
        for template in templates {
            client.send_raw(&pipeline(&["SELECT 0", "XGROUP CREATE s g 0 MKSTREAM", "APPEND k v"]));
            (0..3).for_each(|_| _ = client.read());
            for line in variants(template) {
                let reply = client.call(&line);
                let answered = !matches!(reply, Reply::Silence | Reply::Closed);
                assert!(answered, "{line}: {reply}\n{}", server.log_tail());
            }
            client.call("HELLO 2");
        }
        client.call("FLUSHALL");
        let grown = resident_mib(server).saturating_sub(before);
        assert!(grown < 300, "{grown} MiB");
    });
}

#[test]
fn the_last_id_is_the_last() {
    with_servers(&[], |server| {
        let mut client = connect(server);
        let last = "18446744073709551615-18446744073709551615";
        check(&mut client, &format!("XADD s {last} f v"), last);
        assert!(client.call("XADD s * f v").is_error("ERR"));
        assert!(client.call("XADD s 18446744073709551615-* f v").is_error("ERR"));
        assert!(client.call(&format!("XADD s {last} f v")).is_error("ERR"));
        let entry = format!("*[*[{last}, *[f, v]]]");
        check(&mut client, "XRANGE s - + COUNT 9223372036854775807", &entry);
        check(&mut client, &format!("XREAD STREAMS s {last}"), "*-1");
        check(&mut client, "XGROUP CREATE s g 0 ENTRIESREAD 9223372036854775807", "+OK");
        assert_eq!(client.call("XREADGROUP GROUP g c STREAMS s >").items().len(), 1);
        check(&mut client, &format!("XACK s g {last}"), ":1");
        assert!(!matches!(client.call("XINFO STREAM s FULL"), Reply::Error(_)));
        check(&mut client, "PING", "+PONG");
    });
}

#[test]
fn large_streams_are_copied_and_renamed() {
    with_servers(&[], |server| {
        let mut client = connect(server);
        client.send_raw(&pipeline(&["XADD s * field value"]).repeat(20_000));
        (0..20_000).for_each(|_| _ = client.read());
        check(&mut client, "COPY s t", ":1");
        check(&mut client, "RENAME s u", "+OK");
        check(&mut client, "XLEN t", ":20000");
        check(&mut client, "XLEN u", ":20000");
        check(&mut client, "COPY u t", ":0");
        check(&mut client, "DEL t u", ":2");
    });
}
