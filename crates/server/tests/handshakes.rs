//! What client libraries send when they connect is answered as they expect: command by command, in
//! order, in both protocols, with and without a password, and no connection is closed.
//!
//! A handshake is a script, one command and its answer a line:
//!
//! ```text
//! HELLO 3 [AUTH default sesame] => hello 3    what is in brackets is sent if there is a password
//! + SELECT 2                    => +OK        goes out with the command above, in one write
//! --- for a reason                            from here on over a new connection
//! ```
//!
//! An answer is what [`check_answer`] says. `FIRTH_TEST_SERVER=valkey` compares the scripts with
//! another server (one of Redis 7.0 does not know CLIENT SETINFO yet).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    dead_code,
    reason = "tests may panic and read the real clock; the launcher is shared with another test program"
)]

#[path = "differential/server.rs"]
mod server;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use firth_resp::{ReplyDecoder, Value, encode_request};

use server::{Kind, Server};

/// How long an answer may take before it counts as missing.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pipelines everything; asks INFO whether the server is ready.
const IOREDIS: [&str; 2] = [
    "HELLO 3 [AUTH default sesame] => hello 3
    + SELECT 2 => +OK
    + CLIENT SETNAME app => +OK
    + READONLY => +OK or -ERR
    + CLIENT SETINFO LIB-VER 6.0.0 => +OK
    + CLIENT SETINFO LIB-NAME ioredis => +OK
    INFO => info loading role redis_version
    --- as a member of a cluster
    [AUTH sesame => +OK]
    CLUSTER SLOTS => -ERR This instance has cluster support disabled
    + CLUSTER INFO => -ERR This instance has cluster support disabled
    --- as if of a sentinel
    [AUTH sesame => +OK]
    SENTINEL get-master-addr-by-name mymaster => -ERR unknown command
    + SENTINEL sentinels mymaster => -ERR unknown command",
    "[AUTH sesame => +OK]
    + SELECT 2 => +OK
    + CLIENT SETNAME app => +OK
    + READONLY => +OK or -ERR
    + CLIENT SETINFO LIB-VER 6.0.0 => +OK
    + CLIENT SETINFO LIB-NAME ioredis(app_v1.0) => +OK
    INFO => info loading role redis_version
    SUBSCRIBE news => subscribed news 1",
];

/// Pipelines everything; an error in a reply to CLIENT SETINFO is ignored.
const NODE_REDIS: [&str; 2] = [
    "HELLO 3 [AUTH default sesame] SETNAME app => hello 3
    + SELECT 2 => +OK
    + READONLY => +OK or -ERR
    + CLIENT SETINFO LIB-VER 6.2.1 => +OK
    + CLIENT SETINFO LIB-NAME node-redis => +OK
    + CLIENT TRACKING ON => +OK
    + CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type external-ip => -ERR unknown subcommand
    CLIENT GETNAME => $app
    PING => +PONG
    --- as a member of a cluster
    [AUTH sesame => +OK]
    CLUSTER SLOTS => -ERR This instance has cluster support disabled
    --- as if of a sentinel
    [AUTH sesame => +OK]
    SENTINEL MASTER mymaster => -ERR unknown command
    + SENTINEL REPLICAS mymaster => -ERR unknown command
    + SENTINEL SENTINELS mymaster => -ERR unknown command",
    "[AUTH default sesame => +OK]
    + CLIENT SETNAME app => +OK
    + SELECT 2 => +OK
    + CLIENT SETINFO LIB-VER 6.2.1 => +OK
    + CLIENT SETINFO LIB-NAME node-redis(my_extension) => +OK
    CLIENT GETNAME => $app
    PING => +PONG",
];

/// Reads the map of HELLO and relies on pushes.
const BUN: [&str; 2] = [
    "HELLO 3 [AUTH default sesame] => hello 3
    + SELECT 2 => +OK
    SUBSCRIBE news => subscribed news 1
    PING => +PONG",
    "[AUTH default sesame => +OK]
    + SELECT 2 => +OK
    PING => +PONG",
];

/// Waits for each answer but those to CLIENT SETINFO.
const REDIS_PY: [&str; 2] = [
    "HELLO 3 [AUTH default sesame] => hello 3
    CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type none => -ERR unknown subcommand
    CLIENT SETNAME app => +OK
    CLIENT SETINFO LIB-NAME redis-py => +OK
    + CLIENT SETINFO LIB-VER 8.0.0 => +OK
    SELECT 2 => +OK
    PING => +PONG
    --- as a member of a cluster
    HELLO 3 [AUTH default sesame] => hello 3
    COMMAND => commands
    CLUSTER SLOTS => -ERR This instance has cluster support disabled",
    "[AUTH default sesame => +OK]
    CLIENT SETNAME app => +OK
    CLIENT SETINFO LIB-NAME redis-py(upstream_v1.0) => +OK
    + CLIENT SETINFO LIB-VER '' => +OK
    SELECT 2 => +OK
    PING => +PONG
    COMMAND => commands
    SUBSCRIBE news => subscribed news 1
    PING redis-py-health-check => pong redis-py-health-check",
];

/// Says HELLO in both protocols, then sends pipelines.
const GO_REDIS: [&str; 2] = [
    "HELLO 3 [AUTH default sesame] SETNAME app => hello 3
    SELECT 2 => +OK
    + READONLY => +OK or -ERR
    + CLIENT SETNAME app => +OK
    + CLIENT TRACKING ON => +OK
    CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type external-ip => -ERR unknown subcommand
    CLIENT SETINFO LIB-NAME go-redis(,go1.24.1) => +OK
    + CLIENT SETINFO LIB-VER 9.22.0 => +OK
    PING => +PONG
    --- as a member of a cluster
    HELLO 3 [AUTH default sesame] => hello 3
    CLUSTER SLOTS => -ERR This instance has cluster support disabled
    COMMAND => commands",
    "HELLO 2 [AUTH default sesame] SETNAME app => hello 2
    SELECT 2 => +OK
    + CLIENT SETNAME app => +OK
    CLIENT SETINFO LIB-NAME go-redis(app,go1.24.1) => +OK
    + CLIENT SETINFO LIB-VER 9.22.0 => +OK
    COMMAND => commands",
];

/// Sends everything in one pipeline.
const REDIS_RS: [&str; 2] = [
    "HELLO 3 [AUTH default sesame] => hello 3
    + SELECT 2 => +OK
    + CLIENT TRACKING ON => +OK
    + CLIENT SETINFO LIB-NAME redis-rs => +OK
    + CLIENT SETINFO LIB-VER 1.6.0 => +OK
    READONLY => +OK or -ERR
    CLUSTER SLOTS => -ERR This instance has cluster support disabled
    ROLE => role
    PING => +PONG",
    "[AUTH sesame => +OK]
    + SELECT 2 => +OK
    + CLIENT TRACKING ON OPTIN => +OK
    + CLIENT SETINFO LIB-NAME redis-rs => +OK
    + CLIENT SETINFO LIB-VER 1.6.0 => +OK
    ROLE => role
    SENTINEL masters => -ERR unknown command
    PING => +PONG",
];

/// Waits for each answer; takes features from the version.
const FRED: [&str; 2] = [
    "HELLO 3 [AUTH default sesame] => hello 3
    CLIENT SETNAME fred-RRkHnVkmSJ => +OK
    SELECT 2 => +OK
    CLIENT ID => id
    INFO server => info redis_version
    PING => +PONG
    ROLE => role
    CLUSTER SLOTS => -ERR This instance has cluster support disabled
    SENTINEL MASTERS => -ERR unknown command",
    "[AUTH default sesame => +OK]
    CLIENT SETNAME fred-RRkHnVkmSJ => +OK
    SELECT 2 => +OK
    CLIENT ID => id
    INFO server => info redis_version
    PING => +PONG
    ROLE => role",
];

/// Pipelines what follows the authentication.
const JEDIS: [&str; 2] = [
    "HELLO 3 [AUTH default sesame] => hello 3
    CLIENT SETNAME app => +OK
    + CLIENT SETINFO LIB-NAME jedis => +OK
    + CLIENT SETINFO LIB-VER 7.0.0 => +OK
    + READONLY => +OK or -ERR
    SELECT 2 => +OK
    PING => +PONG
    CLUSTER SLOTS => -ERR This instance has cluster support disabled
    SENTINEL get-master-addr-by-name mymaster => -ERR unknown command",
    "[AUTH sesame => +OK]
    CLIENT SETNAME app => +OK
    + CLIENT SETINFO LIB-NAME jedis(spring-data-redis_v4.0.0) => +OK
    + CLIENT SETINFO LIB-VER 7.0.0-SNAPSHOT => +OK
    SELECT 2 => +OK
    PING => +PONG",
];

/// Reads the id, mode, version and role of HELLO; looks at the topology.
const LETTUCE: [&str; 2] = [
    "HELLO 3 [AUTH default sesame] SETNAME app => hello 3
    SELECT 2 => +OK
    + READONLY => +OK or -ERR
    + CLIENT SETINFO lib-name Lettuce => +OK
    + CLIENT SETINFO lib-ver 7.0.0.RELEASE/4cb1d2a => +OK
    + CLIENT MAINT_NOTIFICATIONS ON MOVING-ENDPOINT-TYPE internal-ip => -ERR unknown subcommand
    CLIENT ID => id
    --- to look at the topology
    HELLO 3 [AUTH default sesame] => hello 3
    CLUSTER NODES => -ERR This instance has cluster support disabled
    + INFO => info redis_version role
    + CLIENT LIST => text id=
    ROLE => role",
    "[AUTH sesame => +OK]
    PING => +PONG
    SELECT 2 => +OK
    + CLIENT SETNAME app => +OK
    + CLIENT SETINFO lib-name Lettuce => +OK
    + CLIENT SETINFO lib-ver 7.0.0 => +OK
    ROLE => role
    CLUSTER MYID => -ERR This instance has cluster support disabled",
];

/// Sends all of it without waiting for an answer; whatever fails is told by an error.
const STACK_EXCHANGE: [&str; 2] = [
    "[AUTH sesame => +OK]
    + HELLO 3 => hello 3
    + CLIENT SETNAME WEB01(SE.Redis-v2.9.17) => +OK
    + CLIENT SETINFO lib-name SE.Redis => +OK
    + CLIENT SETINFO lib-ver 2.9.17 => +OK
    + CLIENT ID => id
    + CONFIG GET timeout => config timeout 0
    + CONFIG GET replica-read-only => config replica-read-only yes
    + CONFIG GET databases => config databases 16
    + SENTINEL masters => -ERR unknown command
    + INFO replication => info role master_replid
    + INFO server => info redis_version run_id
    + CLUSTER NODES => -ERR This instance has cluster support disabled
    + GET __Booksleeve_TieBreak => nil
    + ECHO <guid> => guid
    SUBSCRIBE __Booksleeve_MasterChanged => subscribed __Booksleeve_MasterChanged 1
    PING => +PONG",
    "[AUTH default sesame => +OK]
    + CLIENT SETNAME WEB01(SE.Redis-v2.9.17) => +OK
    + CLIENT SETINFO lib-name SE.Redis => +OK
    + CLIENT SETINFO lib-ver 2.9.17 => +OK
    + CLIENT ID => id
    + CONFIG GET timeout => config timeout 0
    + CONFIG GET slave-read-only => any
    + CONFIG GET databases => config databases 16
    + INFO replication => info role
    + INFO server => info redis_version
    + SET <guid> slave_read_only PX 1 NX => any
    + CLUSTER NODES => -ERR This instance has cluster support disabled
    + GET __Booksleeve_TieBreak => nil
    + ECHO <guid> => guid
    --- for subscriptions
    [AUTH default sesame => +OK]
    + CLIENT SETNAME WEB01(SE.Redis-v2.9.17) => +OK
    + CLIENT SETINFO lib-name SE.Redis => +OK
    + CLIENT SETINFO lib-ver 2.9.17 => +OK
    + CLIENT ID => id
    SUBSCRIBE __Booksleeve_MasterChanged => subscribed __Booksleeve_MasterChanged 1
    PING => pong",
];

/// Pipelines its set-up; a client of its cluster mode looks for slots.
const VALKEY_GLIDE: [&str; 2] = [
    "HELLO 3 [AUTH default sesame] => hello 3
    + SELECT 2 => +OK
    + CLIENT SETNAME app => +OK
    + CLIENT SETINFO LIB-NAME GlidePy => +OK
    + CLIENT SETINFO LIB-VER 2.1.0 => +OK
    READONLY => +OK or -ERR
    INFO REPLICATION => info role
    CLUSTER SLOTS => -ERR This instance has cluster support disabled
    CLUSTER INFO => -ERR This instance has cluster support disabled
    PING => +PONG",
    "[AUTH sesame => +OK]
    + SELECT 2 => +OK
    + CLIENT SETNAME app => +OK
    + CLIENT SETINFO LIB-NAME GlideJS => +OK
    + CLIENT SETINFO LIB-VER unknown => +OK
    INFO REPLICATION => info role
    PING => +PONG",
];

/// Learns the commands for its help, and serves as the tool for everything.
const REDIS_CLI: [&str; 2] = [
    "[AUTH sesame => +OK]
    SELECT 2 => +OK
    HELLO 3 => hello 3
    COMMAND DOCS => docs
    INFO server => info redis_version
    COMMAND => commands
    CONFIG GET databases => config databases 16
    SCAN 0 => scanned
    DBSIZE => :0
    TYPE missing => +none
    MEMORY USAGE missing => nil
    OBJECT FREQ missing => any
    SLOWLOG GET => array
    LATENCY LATEST => array
    LATENCY DOCTOR => any
    CLUSTER COUNTKEYSINSLOT 7 => -ERR This instance has cluster support disabled",
    "[AUTH default sesame => +OK]
    SELECT 2 => +OK
    COMMAND DOCS => docs
    COMMAND => commands
    INFO => info redis_version
    MEMORY USAGE missing => nil
    SUBSCRIBE news => subscribed news 1",
];

#[test]
fn ioredis() {
    check(IOREDIS);
}

#[test]
fn node_redis() {
    check(NODE_REDIS);
}

#[test]
fn bun() {
    check(BUN);
}

#[test]
fn redis_py() {
    check(REDIS_PY);
}

#[test]
fn go_redis() {
    check(GO_REDIS);
}

#[test]
fn redis_rs() {
    check(REDIS_RS);
}

#[test]
fn fred() {
    check(FRED);
}

#[test]
fn jedis() {
    check(JEDIS);
}

#[test]
fn lettuce() {
    check(LETTUCE);
}

#[test]
fn stack_exchange_redis() {
    check(STACK_EXCHANGE);
}

#[test]
fn valkey_glide() {
    check(VALKEY_GLIDE);
}

#[test]
fn redis_cli() {
    check(REDIS_CLI);
}

/// A client that does not get in must hear so for each command, or it waits for the rest.
#[test]
fn those_who_do_not_know_the_password_are_answered_too() {
    let server = Server::start(Kind::under_test());
    require_password(&server);
    let handshake = "HELLO 3 => -NOAUTH HELLO must be called with the client already authenticated
        + HELLO 3 AUTH default wrong => -WRONGPASS invalid username-password pair
        + AUTH wrong => -WRONGPASS
        + AUTH default wrong => -WRONGPASS
        + SELECT 2 => -NOAUTH Authentication required.
        + CLIENT SETINFO LIB-NAME app => -NOAUTH
        + CLIENT MAINT_NOTIFICATIONS ON => any
        + INFO => -NOAUTH
        + COMMAND DOCS => -NOAUTH
        + SENTINEL masters => any
        + PING => -NOAUTH
        + HELLO 3 AUTH default sesame => hello 3
        + PING => +PONG";
    follow(&server, handshake, Password::None);
}

/// Libraries that try a newer protocol first go on with an older one over the same connection.
#[test]
fn a_refused_introduction_leaves_the_connection_as_it_was() {
    let server = Server::start(Kind::under_test());
    let handshake = "HELLO 4 => -NOPROTO unsupported protocol version
        + HELLO three => -ERR Protocol version is not an integer or out of range
        + HELLO 3 SETNAME => -ERR Syntax error in HELLO option 'SETNAME'
        + HELLO 3 AVAILABILITY => -ERR Syntax error in HELLO option 'AVAILABILITY'
        + CLIENT SETINFO LIB-NAME ioredis\twith\ttabs => -ERR
        + CLIENT SETINFO LIB-FLAVOUR sweet => -ERR Unrecognized option 'LIB-FLAVOUR'
        + CLIENT SETINFO LIB-NAME => -ERR wrong number of arguments for 'client|setinfo' command
        + HELLO => hello 2
        + GET missing => nil2
        + HELLO 3 SETNAME app => hello 3
        + GET missing => nil
        + CLIENT GETNAME => $app
        + HELLO 2 => hello 2
        + GET missing => nil2";
    follow(&server, handshake, Password::None);
}

/// Whether the server wants a password.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Password {
    None,
    Required,
}

/// Shakes hands in RESP3 and in RESP2, first without a password and then with one.
#[track_caller]
fn check(handshakes: [&str; 2]) {
    let server = Server::start(Kind::under_test());
    for password in [Password::None, Password::Required] {
        if password == Password::Required {
            require_password(&server);
        }
        for handshake in handshakes {
            follow(&server, handshake, password);
        }
    }
}

fn require_password(server: &Server) {
    let mut client = Client::connect(server);
    client.send(&["CONFIG SET requirepass sesame"]);
    assert_eq!(client.read(), Value::Simple(b"OK".to_vec()));
}

/// Goes through a handshake. The PING at the end of each connection comes back only if the
/// connection lives, and in its place only if there was one answer to each command.
#[track_caller]
fn follow(server: &Server, handshake: &str, password: Password) {
    let mut client = Client::connect(server);
    let mut name = "to begin with";
    let mut unsent = Vec::new();
    let mut unread = Vec::new();
    for line in handshake.lines().map(str::trim) {
        if let Some(next) = line.strip_prefix("--- ") {
            flush(&mut client, &mut unsent, &mut unread);
            client.end(name);
            client = Client::connect(server);
            name = next;
            continue;
        }
        let (joins, line) = match line.strip_prefix("+ ") {
            Some(line) => (true, line),
            None => (false, line),
        };
        if !joins {
            flush(&mut client, &mut unsent, &mut unread);
        }
        let line = with_or_without(line, password);
        if let Some((command, answer)) = line.split_once(" => ") {
            unsent.push(command.trim().to_owned());
            unread.push(answer.to_owned());
        }
    }
    flush(&mut client, &mut unsent, &mut unread);
    client.end(name);
}

/// Sends what has been gathered in one write, and compares the answers.
#[track_caller]
fn flush(client: &mut Client, unsent: &mut Vec<String>, unread: &mut Vec<String>) {
    client.send(unsent);
    for (command, answer) in unsent.drain(..).zip(unread.drain(..)) {
        let value = client.read();
        if let Some(id) = hello_id(&value) {
            client.id = Some(id);
        }
        let outcome = check_answer(&value, &answer, client.id);
        assert!(outcome.is_some(), "{command}\n  is answered {value:?}\n  rather than {answer}");
    }
    assert!(client.unread.is_empty(), "there is more than one answer to a command");
}

/// Takes off the brackets, or all that is within them.
fn with_or_without(line: &str, password: Password) -> String {
    match (line.split_once('['), password) {
        (None, _) => line.to_owned(),
        (Some(_), Password::Required) => line.replacen(['[', ']'], "", 2),
        (Some((before, rest)), Password::None) => {
            let (_, after) = rest.split_once(']').unwrap();
            format!("{before}{after}")
        }
    }
}

/// Compares a value with an answer of a script, and returns nothing if it is not the one.
///
/// | answer | value |
/// |---|---|
/// | `+text`, `-text`, `:1`, `$text` | of this type; an error begins with the text |
/// | `nil`, `nil2` | nothing, in any protocol or in RESP2 |
/// | `hello 3` | the introduction, of all fields in their types |
/// | `id` | the number of the client, as HELLO told it |
/// | `info a b` | a text of INFO with these fields |
/// | `text a` | a text with this part |
/// | `config a b` | a setting and its value |
/// | `role` | the role of a primary |
/// | `commands`, `docs` | the table of commands, the descriptions of the commands |
/// | `subscribed c 1`, `pong x` | a confirmation, an answer to PING in between |
/// | `guid`, `scanned`, `array` | what ECHO, SCAN and lists give |
/// | `+OK or -ERR` | what must be answered but is not needed |
/// | `any` | any one value |
fn check_answer(value: &Value, answer: &str, id: Option<i64>) -> Option<()> {
    let (kind, rest) = answer.split_once(' ').unwrap_or((answer, ""));
    let is_ours = match (answer.get(..1)?, value) {
        ("+", Value::Error(text)) if rest == "or -ERR" => text.starts_with(b"ERR "),
        ("+", Value::Simple(text)) if rest == "or -ERR" => text == b"OK",
        ("+", Value::Simple(_)) | ("$", Value::Bulk(_)) => value.as_str()? == &answer[1..],
        ("-", Value::Error(_)) => value.as_str()?.starts_with(&answer[1..]),
        (":", Value::Integer(number)) => number.to_string() == answer[1..],
        ("+" | "-" | ":" | "$", _) => false,
        _ => match kind {
            "any" => true,
            "nil" => matches!(value, Value::Null | Value::NullBulk),
            "nil2" => *value == Value::NullBulk,
            "hello" => is_introduction(value, rest.parse().ok()?)?,
            "id" => value.as_int()? > 0 && id.is_none_or(|id| value.as_int() == Some(id)),
            "info" => rest.split(' ').all(|field| info_field(value, field).is_some()),
            "text" => value.as_str()?.contains(rest),
            "config" => is_setting(value, rest)?,
            "role" => is_role(value)?,
            "commands" => value.as_array()?.len() > 100 && value.as_array()?.iter().all(is_command),
            "docs" => is_docs(value)?,
            "subscribed" => texts(value)? == format!("subscribe {rest}"),
            "pong" => texts(value)? == format!("pong {rest}"),
            "guid" => *value == Value::Bulk(GUID.to_vec()),
            "scanned" => matches!(value.as_array()?, [Value::Bulk(_), Value::Array(_)]),
            "array" => matches!(value, Value::Array(_)),
            _ => panic!("no answer is called {answer}"),
        },
    };
    is_ours.then_some(())
}

fn is_introduction(value: &Value, protocol: i64) -> Option<bool> {
    let pairs = pairs(value)?;
    let is_map = matches!(value, Value::Map(_));
    let field = |name: &str| {
        let mut found = pairs.iter().filter(|(key, _)| key.as_str() == Some(name));
        let (_, value) = found.next()?;
        found.next().is_none().then_some(value)
    };
    let text = |name: &str| match field(name)? {
        Value::Bulk(text) => std::str::from_utf8(text).ok(),
        _ => None,
    };
    let version = text("version")?;
    Some(
        is_map == (protocol == 3)
            && matches!(text("server")?, "redis" | "valkey")
            && version.split('.').count() == 3
            && version.split('.').all(|part| part.parse::<u32>().is_ok())
            && field("proto")?.as_int()? == protocol
            && field("id")?.as_int()? > 0
            && text("mode")? == "standalone"
            && text("role")? == "master"
            && matches!(field("modules")?, Value::Array(_)),
    )
}

fn hello_id(value: &Value) -> Option<i64> {
    let pairs = pairs(value)?;
    let is_hello = pairs.first()?.0.as_str() == Some("server");
    let (_, id) = pairs.iter().find(|(key, _)| key.as_str() == Some("id"))?;
    id.as_int().filter(|_| is_hello)
}

/// Reads INFO as libraries do: sections begin with `# `, lines end with CRLF, and the first colon
/// of a line is behind the name.
fn info_field(value: &Value, name: &str) -> Option<String> {
    let text = match value {
        Value::Bulk(text) => text,
        Value::Verbatim { format: [b't', b'x', b't'], text } => text,
        _ => return None,
    };
    let text = std::str::from_utf8(text).ok()?;
    let mut fields = text.split_terminator("\r\n").filter_map(|line| line.split_once(':'));
    let (_, found) = fields.find(|(field, _)| *field == name)?;
    (text.starts_with("# ") && !found.is_empty()).then(|| found.to_owned())
}

fn is_setting(value: &Value, expect: &str) -> Option<bool> {
    let pairs = pairs(value)?;
    let [(name, value)] = &pairs[..] else { return None };
    Some(format!("{} {}", name.as_str()?, value.as_str()?) == expect)
}

fn is_role(value: &Value) -> Option<bool> {
    let [role, offset, replicas] = value.as_array()? else { return None };
    Some(role.as_str()? == "master" && offset.as_int()? >= 0 && replicas.as_array()?.is_empty())
}

/// A command has its name, arity, flags, first, last and step of its keys, and maybe more.
fn is_command(value: &Value) -> bool {
    let fields = value.as_array().unwrap_or_default();
    let types = |fields: &[Value]| match fields {
        [Value::Bulk(name), Value::Integer(_), flags, first, last, step, ..] => {
            let numbers = [first, last, step].iter().all(|number| number.as_int().is_some());
            !name.is_empty() && flags.as_array().is_some() && numbers
        }
        _ => false,
    };
    types(fields)
}

/// The documents are a map from names to maps with a summary and a group.
fn is_docs(value: &Value) -> Option<bool> {
    let documented = pairs(value)?;
    let describes = |doc: &Value| {
        let fields = pairs(doc).unwrap_or_default();
        let has = |name: &str| fields.iter().any(|(key, _)| key.as_str() == Some(name));
        has("summary") && has("since") && has("group")
    };
    let all = documented.iter().all(|(name, doc)| name.as_str().is_some() && describes(doc));
    Some(documented.len() > 100 && all)
}

/// Returns the pairs of a map, which RESP2 has as a list.
fn pairs(value: &Value) -> Option<Vec<(Value, Value)>> {
    match value {
        Value::Map(pairs) => Some(pairs.clone()),
        Value::Array(values) if values.len() % 2 == 0 => {
            let pairs = values.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone()));
            Some(pairs.collect())
        }
        _ => None,
    }
}

/// Returns the texts and numbers of a list or a push.
fn texts(value: &Value) -> Option<String> {
    let text = |value: &Value| match value.as_int() {
        Some(number) => Some(number.to_string()),
        None => value.as_str().map(str::to_owned),
    };
    let texts: Option<Vec<String>> = value.as_array()?.iter().map(text).collect();
    texts.map(|texts| texts.join(" "))
}

/// Sixteen bytes that no text would have; StackExchange.Redis tells its tracers by such ones.
const GUID: &[u8] = b"\0\r\n$-1\r\n*3\xff\xfe\x80 +:";

struct Client {
    socket: TcpStream,
    unread: Vec<u8>,
    /// What HELLO has told.
    id: Option<i64>,
}

impl Client {
    fn connect(server: &Server) -> Self {
        let socket = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { socket, unread: Vec::new(), id: None }
    }

    /// Sends commands in one write.
    fn send(&mut self, commands: &[impl AsRef<str>]) {
        let mut bytes = Vec::new();
        for command in commands {
            let words = command.as_ref().split(' ').filter(|word| !word.is_empty());
            let words = words.map(|word| match word {
                "<guid>" => GUID,
                "''" => b"",
                word => word.as_bytes(),
            });
            encode_request(&mut bytes, &words.collect::<Vec<_>>());
        }
        self.socket.write_all(&bytes).unwrap();
    }

    /// Makes sure that the connection lives and that nothing is left to be read.
    #[track_caller]
    fn end(&mut self, name: &str) {
        self.send(&["PING"]);
        let value = self.read();
        let is_pong = value == Value::Simple(b"PONG".to_vec())
            || texts(&value).is_some_and(|texts| texts == "pong ");
        assert!(is_pong && self.unread.is_empty(), "the connection ({name}) ends with {value:?}");
    }

    #[track_caller]
    fn read(&mut self) -> Value {
        loop {
            if let Some((value, used)) = ReplyDecoder::new().decode(&self.unread).unwrap() {
                self.unread.drain(..used);
                return value;
            }
            let mut chunk = [0; 64 * 1024];
            let count = self.socket.read(&mut chunk).expect("an answer in time");
            assert!(count > 0, "the connection was closed");
            self.unread.extend_from_slice(&chunk[..count]);
        }
    }
}
