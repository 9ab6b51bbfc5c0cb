//! Wrong arity of every command, and bytes that are no RESP.

use std::time::Duration;

use crate::client::{Client, Protocol};
use crate::command::Command;
use crate::compare::{Pair, Verdict, compare};
use crate::reply::Reply;
use crate::server::{Kind, Server};

/// Commands that need arguments, each tried with too few and, where the number is fixed, with
/// too many.
const NAMES: &str = "append copy decr decrby del dump echo exists expire expireat expiretime get \
    getdel getex getrange getset incr incrby incrbyfloat keys mget move mset msetnx object \
    persist pexpire pexpireat pexpiretime psetex pttl publish pubsub psubscribe rename renamenx \
    restore scan select set setex setnx setrange spublish ssubscribe strlen subscribe swapdb \
    touch ttl type unlink wait watch xack xadd xautoclaim xclaim xdel xgroup xinfo xlen xpending \
    xrange xread xreadgroup xrevrange xsetid xtrim client config memory acl script auth";
/// Commands with a fixed number of arguments.
const FIXED: &str = "append decr decrby dump echo exec discard dbsize expiretime get getdel \
    getrange getset incr incrby incrbyfloat keys move multi persist pexpiretime psetex pttl \
    publish rename renamenx select setex setnx setrange spublish strlen swapdb ttl type \
    unwatch randomkey time xlen";
const CONTAINERS: &str = "xgroup xinfo pubsub client config object memory acl script command \
    latency slowlog cluster";
const SUBCOMMANDS: &str = "xgroup|create xgroup|setid xgroup|destroy xgroup|createconsumer \
    xgroup|delconsumer xinfo|stream xinfo|groups xinfo|consumers client|setname client|kill \
    client|unblock client|pause client|reply client|tracking client|caching client|no-evict \
    config|get config|set object|encoding object|freq object|idletime memory|usage \
    pubsub|numpat";

/// Compares the errors for too few and too many arguments and unknown subcommands.
pub(crate) fn wrong_arity(oracle: Kind) {
    let (ours, theirs) = (Server::start(Kind::under_test()), Server::start(oracle));
    let mut lines = Vec::new();
    lines.extend(NAMES.split_whitespace().map(String::from));
    lines.extend(NAMES.split_whitespace().map(str::to_ascii_uppercase));
    lines.extend(FIXED.split_whitespace().map(|name| format!("{name} a b c d e f g")));
    lines.extend(CONTAINERS.split_whitespace().map(|name| format!("{name} BOGUS a")));
    lines.extend(CONTAINERS.split_whitespace().map(|name| format!("{name} %crlf")));
    for name in SUBCOMMANDS.split_whitespace() {
        lines.push(name.replace('|', " "));
    }
    let mut mine = Client::connect(ours.port(), Protocol::Resp2);
    let mut other = Client::connect(theirs.port(), Protocol::Resp2);
    let mut faults = Vec::new();
    for line in lines {
        let pair = Pair { ours: vec![mine.call(&line)], theirs: vec![other.call(&line)] };
        if compare(oracle, &Command::parse(&line), &[], &pair) == Verdict::Different {
            faults
                .push(format!("{line}\n   ours   {}\n   theirs {}", pair.ours[0], pair.theirs[0]));
        }
    }
    assert!(faults.is_empty(), "against {oracle:?}:\n{}", faults.join("\n"));
}

/// What a server says to each of these, and whether it then closes.
const BROKEN_BYTES: &[&[u8]] = &[
    b"*x\r\n",
    // Not `*1048577`: the real servers wait for so many arguments, Firth refuses more than 1 Mi.
    b"*2147483648\r\n",
    b"*1\r\n+PING\r\n",
    b"*1\r\n\r\n",
    b"*1\r\n$x\r\n",
    b"*1\r\n$-1\r\n",
    b"*1\r\n$536870913\r\n",
    b"*1\r\n$9223372036854775808\r\n",
    b"*0\r\n*-1\r\nPING\r\n",
    b"*-5\r\nPING\r\n",
    b"\r\n\r\nPING\r\n",
    b"PING\r\n",
    b"PING\n",
    b"  PING   hello  \r\n",
    b"ECHO \"a b\"\r\n",
    b"ECHO \"\\x41\\n\"\r\n",
    b"ECHO 'it\\'s'\r\n",
    b"ECHO \"open\r\n",
    b"ECHO \"a\"b\r\n",
    b"SET x 'a\r\n",
    b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n",
    b"*1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n",
    b"*1\r\n$0\r\n\r\n",
    b"*2\r\n$3\r\nGET\r\n$1\r\n",
    b"$4\r\nPING\r\n",
    b"GET / HTTP/1.1\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"PING\r\n*1\r\n$4\r\nPING\r\n*y\r\nPING\r\n",
];

/// Valkey 9 ends a word at the closing quote, Redis wants a blank there.
const VALKEY_SPLITS: &[u8] = b"ECHO \"a\"b\r\n";

/// Compares what both servers answer to bytes outside the protocol, each on a new connection.
pub(crate) fn protocol_errors(oracle: Kind) {
    let (ours, theirs) = (Server::start(Kind::under_test()), Server::start(oracle));
    let mut inputs: Vec<Vec<u8>> = BROKEN_BYTES.iter().map(|bytes| bytes.to_vec()).collect();
    inputs.push([&b"*1"[..], &[b'1'; 70_000]].concat());
    inputs.push([&b"*1\r\n$1"[..], &[b'1'; 70_000]].concat());
    inputs.push(vec![b'x'; 70_000]);
    let mut faults = Vec::new();
    for input in inputs {
        let mine = answers(&ours, &input);
        let other = answers(&theirs, &input);
        let valkey = [oracle, Kind::under_test()].contains(&Kind::Valkey9);
        let kept = valkey && input == VALKEY_SPLITS;
        if mine != other && !kept {
            let shown = crate::command::quoted(&input[..input.len().min(60)]);
            faults.push(format!("{shown}\n   ours   {mine:?}\n   theirs {other:?}"));
        }
    }
    assert!(faults.is_empty(), "against {oracle:?}:\n{}", faults.join("\n"));
}

/// All frames up to the end of the connection or a silence.
fn answers(server: &Server, input: &[u8]) -> Vec<Reply> {
    let mut client = Client::connect(server.port(), Protocol::Resp2);
    client.send_raw(input);
    let mut frames = Vec::new();
    loop {
        let frame = client.read_within(Duration::from_millis(60));
        let last = matches!(frame, Reply::Closed | Reply::Silence);
        frames.push(frame);
        if last {
            return frames;
        }
    }
}
