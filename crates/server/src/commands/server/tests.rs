//! Tests of the commands of this family, as conversations.

#![allow(clippy::unwrap_used, reason = "tests")]

use firth_resp::{Protocol, Reply, ReplyDecoder};

use super::command;
use crate::commands::Table;
use crate::commands::transaction::conversation::{Conversation, follow};
use crate::spec::{Flags, Keys};

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
        DEBUG RELOAD => -ERR Not available: state lives in memory, there is no log to read it from"
    ));
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
        LATENCY LATEST => *0
        LATENCY HISTORY command => *0
        LATENCY RESET => :0",
    );
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
