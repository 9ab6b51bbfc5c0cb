//! Tests of the commands of this family, as conversations.

#![allow(clippy::unwrap_used, reason = "tests")]

use firth_resp::{Protocol, Reply, ReplyDecoder};

use super::command;
use crate::commands::Table;
use crate::spec::{Flags, Keys};
use crate::testing::{Conversation, follow};

#[test]
fn settings_are_read_and_changed() {
    follow(
        "CONFIG GET TIMEOUT nothing => *2 $7 timeout $1 0
        CONFIG GET slowlog-* => *4 $23 slowlog-log-slower-than $5 10000 $15 slowlog-max-len $3 128
        CONFIG SET timeout 5 slowlog-max-len 7 => +OK
        CONFIG GET timeout slowlog-max-len => *4 $7 timeout $1 5 $15 slowlog-max-len $1 7
        HELLO 3 => %7 $6 server $5 redis $7 version $5 8.2.3 $5 proto :3 $2 id :1 $4 mode \
         $10 standalone $4 role $6 master $7 modules *0
        CONFIG GET timeout => %1 $7 timeout $1 5
        CONFIG REWRITE => -ERR The server is running without a config file
        CONFIG RESETSTAT => +OK",
    );
}

#[test]
fn all_settings_are_changed_or_none() {
    let failed = "-ERR CONFIG SET failed (possibly related to argument";
    follow(&format!(
        "CONFIG SET timeout 5 maxclients x => {failed} 'maxclients') - argument couldn't be \
         parsed into an integer
        CONFIG SET timeout 5 nothing 1 => -ERR Unknown option or number of arguments for CONFIG \
         SET - 'nothing'
        CONFIG SET timeout 5 port 1 => {failed} 'port') - can't set immutable config
        CONFIG SET appendonly no => {failed} 'appendonly') - can't set immutable config
        CONFIG SET appendonly yes => +OK
        CONFIG SET timeout 5 TIMEOUT 6 => {failed} 'timeout') - duplicate parameter
        CONFIG SET timeout 5 save => -ERR syntax error
        CONFIG GET timeout => *2 $7 timeout $1 0"
    ));
}

#[test]
fn every_command_describes_itself_in_valid_replies() {
    for command in Table::new().all() {
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            let mut out = Vec::new();
            command::write_info(&mut Reply::new(&mut out, protocol), command.spec);
            let (value, used) = ReplyDecoder::new().decode(&out).unwrap().unwrap();
            assert_eq!(used, out.len(), "{}", command.spec.name);
            assert_eq!(value.as_array().unwrap().len(), 10);
            let mut out = Vec::new();
            let mut reply = Reply::new(&mut out, protocol);
            reply.map(1);
            command::write_docs(&mut reply, command.spec);
            let (_, used) = ReplyDecoder::new().decode(&out).unwrap().unwrap();
            assert_eq!(used, out.len(), "{}", command.spec.name);
        }
    }
}

#[test]
fn flags_and_keys_of_commands_fit_together() {
    for command in Table::new().all() {
        let (name, flags) = (command.spec.name, command.spec.flags);
        let categories = command.spec.categories();
        let speeds = categories.iter().filter(|name| matches!(**name, "@fast" | "@slow"));
        assert_eq!(speeds.count(), 1, "{name}");
        assert!(!flags.contains(Flags::WRITE | Flags::READONLY), "{name}");
        if flags.contains(Flags::MOVABLE_KEYS) {
            assert!(matches!(command.spec.keys, Keys::Streams { .. }), "{name}");
        }
        if let Keys::Range { first, step, .. } = command.spec.keys {
            assert!(first > 0 && step > 0, "{name}");
            let arity = command.spec.arity.unsigned_abs() as usize;
            assert!(arity > first, "{name} can be called without its key");
        }
    }
}

#[test]
fn keys_are_found_in_commands() {
    follow(
        "COMMAND GETKEYS GET k => *1 $1 k
        COMMAND GETKEYS MSET a 1 b 2 => *2 $1 a $1 b
        COMMAND GETKEYS XREAD COUNT 1 STREAMS a b 0 0 => *2 $1 a $1 b
        COMMAND GETKEYS XGROUP CREATE s g $ => *1 $1 s
        COMMAND GETKEYSANDFLAGS GET k => *1 *2 $1 k *2 +RO +access
        COMMAND GETKEYSANDFLAGS SET k GET => *1 *2 $1 k *2 +OW +update
        COMMAND GETKEYSANDFLAGS SET k v EX 5 get => *1 *2 $1 k *3 +RW +access +update
        COMMAND GETKEYSANDFLAGS MSET a 1 b 2 => *2 *2 $1 a *2 +OW +update *2 $1 b *2 +OW +update
        COMMAND GETKEYSANDFLAGS XADD s * f v => *1 *2 $1 s *2 +RW +update
        COMMAND GETKEYS PING => -ERR The command has no key arguments
        COMMAND GETKEYS NOTHING k => -ERR Invalid command specified
        COMMAND GETKEYS GET a b => -ERR Invalid number of arguments specified for command
        COMMAND INFO nothing => *1 $-1
        COMMAND LIST FILTERBY PATTERN xl* => *1 $4 xlen
        COMMAND LIST FILTERBY MODULE x => *0
        COMMAND LIST FILTERBY x => -ERR syntax error
        COMMAND DOCS nothing => *0",
    );
}

#[test]
fn information_comes_in_sections() {
    let mut conversation = Conversation::new();
    let mut check = |ask: &str, holds: &[&str], lacks: &[&str]| {
        let text = conversation.say(0, ask);
        for part in holds {
            assert!(text.contains(part), "{ask} lacks {part}: {text}");
        }
        for part in lacks {
            assert!(!text.contains(part), "{ask} has {part}: {text}");
        }
    };
    check("SET k v", &["+OK"], &[]);
    check("GET nothing", &["$-1"], &[]);
    check("XLEN k", &["-WRONGTYPE"], &[]);
    check("INFO", &["# Server", "redis_version:8.2.3", "# Keyspace"], &["# Commandstats"]);
    check("INFO server CLUSTER", &["# Server", "# Cluster"], &["# Clients"]);
    check("INFO nothing", &[], &["#"]);
    check("INFO all", &["# Commandstats", "cmdstat_set:calls=1,", "# Latencystats"], &[]);
    check("INFO errorstats", &["errorstat_WRONGTYPE:count=1"], &[]);
    check("INFO keyspace", &["db0:keys=1,expires=0"], &["db1"]);
    check("INFO stats", &["keyspace_misses:1", "total_error_replies:1"], &[]);
    check("INFO clients", &["connected_clients:3"], &[]);
    check("CONFIG RESETSTAT", &["+OK"], &[]);
    check("INFO stats errorstats", &["keyspace_misses:0"], &["WRONGTYPE"]);
}

/// The fields that clients and frameworks read, section by section; numbers unless told otherwise.
const FIELDS: &[(&str, &str)] = &[
    (
        "Server",
        "redis_version=8.2.3 redis_mode=standalone os=text process_id run_id=hex tcp_port=6379 \
         uptime_in_seconds=7",
    ),
    (
        "Clients",
        "connected_clients=3 blocked_clients=1 tracking_clients=1 pubsub_clients=1 \
         total_blocking_keys=1",
    ),
    (
        "Memory",
        "used_memory used_memory_human=text used_memory_rss maxmemory=0 \
         maxmemory_policy=noeviction mem_fragmentation_ratio=decimal",
    ),
    (
        "Persistence",
        "loading=0 aof_enabled=0 rdb_last_save_time=0 rdb_bgsave_in_progress=0 \
         rdb_last_bgsave_status=ok aof_last_write_status=ok",
    ),
    (
        "Stats",
        "total_connections_received=3 total_commands_processed instantaneous_ops_per_sec \
         keyspace_hits=2 keyspace_misses expired_keys=0 evicted_keys=0 pubsub_channels=1 \
         pubsub_patterns=1 pubsubshard_channels=1 total_error_replies=1 \
         client_output_buffer_limit_disconnections=0 rejected_connections=0 \
         tracking_total_keys=0 tracking_total_items=0 tracking_total_prefixes=2",
    ),
    ("Replication", "role=master connected_slaves=0 master_replid=hex master_repl_offset=0"),
    ("CPU", "used_cpu_sys=decimal used_cpu_user=decimal"),
    ("Modules", ""),
    ("Commandstats", "cmdstat_set=text cmdstat_client|tracking=text"),
    ("Errorstats", "errorstat_WRONGTYPE=text"),
    ("Latencystats", "latency_percentiles_usec_set=text"),
    ("Cluster", "cluster_enabled=0"),
    ("Keyspace", "db0=text"),
];

#[test]
fn information_holds_what_clients_look_for() {
    let mut conversation = Conversation::new();
    conversation.follow(
        "SET k v EX 100 => +OK
        GET k => $1 v
        GET nothing => $-1
        XLEN k => -WRONGTYPE Operation against a key holding the wrong kind of value
        CLIENT TRACKING ON BCAST PREFIX a PREFIX b => +OK
        1: XREAD BLOCK 0 STREAMS s $ =>
        after 7000",
    );
    conversation.say(2, "SUBSCRIBE c ; PSUBSCRIBE p* ; SSUBSCRIBE s");
    let text = conversation.ask(0, "INFO everything");
    let sections = sections(&text);
    for (section, fields) in FIELDS {
        let found = sections.iter().find(|(name, _)| name == section);
        let (_, found) = found.unwrap_or_else(|| panic!("{section} is missing: {text}"));
        for field in fields.split_ascii_whitespace() {
            let (name, expect) = field.split_once('=').unwrap_or((field, "number"));
            let value = found.iter().find(|(field, _)| field == name).map(|(_, value)| value);
            let value = value.unwrap_or_else(|| panic!("{name} is missing: {text}"));
            assert!(is_plausible(value, expect), "{name}:{value} rather than {expect}");
        }
    }
}

/// Reads INFO as the strictest of its readers do.
fn sections(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    assert!(text.ends_with("\r\n") && !text.replace("\r\n", "").contains(['\r', '\n']), "{text}");
    let mut sections = Vec::new();
    for part in text.trim_end().split("\r\n\r\n") {
        let mut lines = part.split("\r\n");
        let title = lines.next().and_then(|line| line.strip_prefix("# ")).unwrap();
        let pair = |line: &str| line.split_once(':').map(|(k, v)| (k.to_owned(), v.to_owned()));
        let pairs: Option<Vec<_>> = lines.map(pair).collect();
        let pairs = pairs.unwrap_or_else(|| panic!("a line of {title} has no colon: {part}"));
        let mut names: Vec<_> = pairs.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), pairs.len(), "{title} has a field twice: {part}");
        sections.push((title.to_owned(), pairs));
    }
    sections
}

fn is_plausible(value: &str, expect: &str) -> bool {
    match expect {
        "number" => value.parse::<u64>().is_ok(),
        "decimal" => value.parse::<f64>().is_ok(),
        "hex" => value.len() == 40 && value.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "text" => !value.is_empty(),
        exactly => value == exactly,
    }
}

#[test]
fn refusals_and_failures_are_counted_apart() {
    let mut conversation = Conversation::new();
    conversation.follow(
        "LLAMA => -ERR unknown command 'LLAMA', with args beginning with:
        GET => -ERR wrong number of arguments for 'get' command
        SET k v => +OK
        INCR k => -ERR value is not an integer or out of range
        XGROUP CREATE s g $ MKSTREAM => +OK
        1: XREADGROUP GROUP g c BLOCK 0 STREAMS s > =>
        2: XREADGROUP GROUP g c BLOCK 0 STREAMS s > =>
        DEL s => :1",
    );
    conversation.read_mail();
    let text = conversation.say(0, "INFO commandstats errorstats stats");
    for part in [
        "cmdstat_get:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0",
        "cmdstat_xreadgroup:calls=2,",
        "errorstat_ERR:count=3",
        "errorstat_NOGROUP:count=2",
        "total_error_replies:5",
    ] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    let failed = text.split("cmdstat_xreadgroup:").nth(1).unwrap();
    assert!(
        failed.split(' ').next().unwrap().ends_with("rejected_calls=0,failed_calls=2"),
        "{text}"
    );
}

#[test]
fn the_list_of_commands_has_subcommands() {
    let text = Conversation::new().say(0, "COMMAND LIST");
    for name in ["$3 get ", "$5 xinfo ", "$12 xinfo|stream ", "$11 client|list "] {
        assert!(text.contains(name), "{name}: {text}");
    }
}

#[test]
fn what_there_is_not_is_said_clearly() {
    let no_cluster = "-ERR This instance has cluster support disabled";
    follow(&format!(
        "CLUSTER SLOTS => {no_cluster}
        READONLY => {no_cluster}
        REPLICAOF NO ONE => +OK
        SLAVEOF no one => +OK
        REPLICAOF host 1 => -ERR Replication is not available: this server can only be a primary
        ROLE => *3 $6 master :0 *0
        MODULE LIST => *0
        ACL WHOAMI => $7 default
        ACL SETUSER x => -ERR unknown subcommand 'SETUSER'. Try ACL HELP.
        WAIT 0 0 => :0
        WAIT x 0 => -ERR value is not an integer or out of range
        WAIT 1 -1 => -ERR timeout is negative
        SHUTDOWN ABORT => -ERR No shutdown in progress.
        SHUTDOWN x => -ERR syntax error
        DEBUG RELOAD MERGE => -ERR DEBUG RELOAD MERGE and NOFLUSH are not supported: a reload is of \
         all keys"
    ));
}

#[test]
fn checkpoints_are_asked_for_as_snapshots_are() {
    follow(
        "SAVE => +OK
        SAVE x => -ERR wrong number of arguments for 'save' command
        BGSAVE => +Background saving started
        BGSAVE SCHEDULE => +Background saving started
        BGSAVE x => -ERR syntax error
        BGREWRITEAOF => +Background append only file rewriting started
        LASTSAVE => :0
        MULTI => +OK
        SAVE => -ERR Command not allowed inside a transaction
        DISCARD => +OK",
    );
}

#[test]
fn keys_are_the_same_after_they_have_been_read_again() {
    follow(
        "XADD s 1-1 f v => $3 1-1
        XGROUP CREATE s g 0 => +OK
        XREADGROUP GROUP g c COUNT 1 STREAMS s > => *1 *2 $1 s *1 *2 $3 1-1 *2 $1 f $1 v
        SET k v PXAT 2000000 => +OK
        SELECT 3 => +OK
        SET other v => +OK
        DEBUG RELOAD => +OK
        DEBUG LOADAOF => +OK
        GET other => $1 v
        SELECT 0 => +OK
        PEXPIRETIME k => :2000000
        XPENDING s g => *4 :1 $3 1-1 $3 1-1 *1 *2 $1 c $1 1
        DBSIZE => :2",
    );
}

#[test]
fn details_of_keys_and_memory() {
    follow(
        "MEMORY USAGE nothing => $-1
        SET k v => +OK
        MEMORY USAGE k SAMPLES x => -ERR value is not an integer or out of range
        MEMORY USAGE k x => -ERR syntax error
        DEBUG OBJECT nothing => -ERR no such key
        DEBUG STRINGMATCH-LEN 3 a?a => :1
        DEBUG STRINGMATCH-LEN 3 a => :0
        DEBUG SET-ACTIVE-EXPIRE 0 => +OK
        DEBUG SLEEP 0 => +OK
        DEBUG SLEEP x => -ERR value is not a valid float",
    );
}

#[test]
fn slow_commands_are_kept_and_forgotten() {
    follow(
        "SLOWLOG LEN => :0
        CONFIG SET slowlog-log-slower-than 0 latency-monitor-threshold 0 => +OK
        GET k => $-1
        SLOWLOG LEN => :1
        SLOWLOG GET -2 => -ERR count should be greater than or equal to -1
        CONFIG SET slowlog-log-slower-than -1 => +OK
        SLOWLOG RESET => +OK
        SLOWLOG LEN => :0
        CONFIG SET slowlog-log-slower-than 0 => +OK
        MULTI => +OK
        GET k => +QUEUED
        EXEC => *1 $-1
        SLOWLOG LEN => :2
        CONFIG SET slowlog-log-slower-than -1 => +OK
        LATENCY LATEST => *0
        LATENCY HISTORY command => *0
        LATENCY RESET => :0",
    );
}

#[test]
fn the_password_does_not_get_into_the_slow_log() {
    let mut conversation = Conversation::new();
    conversation.follow("CONFIG SET slowlog-log-slower-than 0 => +OK");
    conversation.follow("CONFIG SET timeout 0 RequirePass sesame => +OK");
    conversation.follow("MULTI => +OK\n CONFIG SET requirepass sesame => +QUEUED\n EXEC => *1 +OK");
    conversation.follow("AUTH sesame => +OK");
    let text = conversation.say(0, "SLOWLOG GET");
    assert_eq!(text.matches("(redacted)").count(), 2, "{text}");
    assert!(!text.contains("sesame"), "{text}");
}

#[test]
fn a_wait_for_replicas_takes_its_time() {
    let mut conversation = Conversation::new();
    assert_eq!(conversation.say(1, "WAIT 1 50"), "");
    assert!(conversation.say(0, "CLIENT LIST ID 2").contains("flags=b"));
    conversation.follow(
        "CLIENT UNBLOCK 2 => :1
        MULTI => +OK
        WAIT 1 0 => +QUEUED
        EXEC => *1 :0",
    );
}
