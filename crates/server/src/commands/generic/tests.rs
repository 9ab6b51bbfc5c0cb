//! Conversations about keys of any type.

use crate::testing::{Conversation, follow};

#[test]
fn deadlines_are_set_shown_and_cleared() {
    follow(
        "SET a 1 => +OK
         TTL a => :-1
         TTL x => :-2
         EXPIRE a 100 => :1
         TTL a => :100
         PTTL a => :100000
         EXPIRETIME a => :1100
         PEXPIRETIME a => :1100000
         after 501
         TTL a => :99
         EXPIRE a 50 GT => :0
         EXPIRE a 500 GT XX => :1
         EXPIRE a 500 NX => :0
         EXPIRE a 50 NX XX => -ERR NX and XX, GT or LT options at the same time are not compatible
         EXPIRE a 50 GT LT => -ERR GT and LT options at the same time are not compatible
         EXPIRE a 50 foo => -ERR Unsupported option foo
         EXPIRE a x foo => -ERR Unsupported option foo
         EXPIRE a x => -ERR value is not an integer or out of range
         EXPIRE a 9223372036854775807 => -ERR invalid expire time in 'expire' command
         PEXPIRE x 9223372036854775807 => -ERR invalid expire time in 'pexpire' command
         EXPIRE a -9223372036854775808 => -ERR invalid expire time in 'expire' command
         PERSIST a => :1
         PERSIST a => :0
         EXPIREAT a 2000 => :1
         PTTL a => :999499
         after 999499
         EXISTS a => :0
         SET a 1 => +OK
         PEXPIREAT a -1 => :1
         EXISTS a => :0
         EXPIRE a 1 => :0",
    );
}

#[test]
fn keys_are_named_copied_and_moved() {
    follow(
        "RENAME a b => -ERR no such key
         SET a 1 => +OK
         RENAMENX a a => :0
         RENAME a a => +OK
         COPY a a => -ERR source and destination objects are the same
         COPY a a DB 1 => :1
         COPY a b DB 16 => -ERR DB index is out of range
         COPY a b DB x => -ERR value is not an integer or out of range
         COPY a b REPLACE DB => -ERR syntax error
         MOVE a 1 => :0
         MOVE a 0 => -ERR source and destination objects are the same
         MOVE a 2 => :1
         EXISTS a => :0
         SWAPDB 0 2 => +OK
         GET a => $1 1
         SWAPDB x 99 => -ERR invalid first DB index
         SWAPDB 99 x => -ERR invalid second DB index
         SWAPDB 99 0 => -ERR DB index is out of range
         TYPE a => +string
         TYPE x => +none
         DEL a x a => :1",
    );
}

#[test]
fn keys_are_listed_counted_and_flushed() {
    follow(
        "RANDOMKEY => $-1
         MSET '' 1 => +OK
         KEYS * => *1 $0
         KEYS ** => *0
         SCAN 0 COUNT 1000 MATCH * => *2 $1 0 *1 $0
         SCAN 0 COUNT 1000 TYPE STRING => *2 $1 0 *1 $0
         SCAN 0 COUNT 1000 TYPE stream => *2 $1 0 *0
         SCAN x => -ERR invalid cursor
         SCAN 0 COUNT 0 => -ERR syntax error
         SCAN 0 COUNT x => -ERR value is not an integer or out of range
         SCAN 0 FOO => -ERR syntax error
         RANDOMKEY => $0
         DBSIZE => :1
         FLUSHDB FOO => -ERR syntax error
         FLUSHALL SYNC FOO => -ERR syntax error
         1: SELECT 5 => +OK
         1: FLUSHDB ASYNC => +OK
         DBSIZE => :1
         1: FLUSHALL sync => +OK
         DBSIZE => :0",
    );
}

#[test]
fn a_scan_in_steps_finds_every_key() {
    let mut clients = Conversation::new();
    for number in 0..300 {
        clients.follow(&format!("SET key-{number:03} 1 => +OK"));
    }
    let mut cursor = "0".to_owned();
    let mut found = std::collections::BTreeSet::new();
    loop {
        let reply = clients.say(0, &format!("SCAN {cursor} COUNT 7 MATCH key-*"));
        let words: Vec<&str> = reply.split(' ').collect();
        found.extend(words.iter().filter(|word| word.starts_with("key-")).map(ToString::to_string));
        cursor = words[2].to_owned();
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(found.len(), 300);
}

#[test]
fn objects_tell_how_redis_would_keep_them() {
    follow(
        "OBJECT ENCODING a => $-1
         OBJECT FREQ a => $-1
         SET a 9999 => +OK
         OBJECT ENCODING a => $3 int
         OBJECT REFCOUNT a => :2147483647
         INCR a => :10000
         OBJECT REFCOUNT a => :1
         APPEND a x => :6
         OBJECT ENCODING a => $3 raw
         after 5000
         OBJECT IDLETIME a => :5
         EXISTS a => :1
         OBJECT IDLETIME a => :5
         TOUCH a => :1
         OBJECT IDLETIME a => :0
         OBJECT NO a => -ERR unknown subcommand 'NO'. Try OBJECT HELP.",
    );
}
