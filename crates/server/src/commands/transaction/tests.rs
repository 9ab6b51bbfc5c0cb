//! Conversations with transactions.

use std::sync::atomic::Ordering;

use crate::client::ClientState;
use crate::testing::{Conversation, follow};

#[test]
fn commands_are_queued_and_run_together() {
    follow(
        "MULTI => +OK
         SET a 1 => +QUEUED
         1: GET a => $-1
         INCR a => +QUEUED
         INCRBY a x => +QUEUED
         XADD a * f v => +QUEUED
         SELECT 3 => +QUEUED
         SET a 3 => +QUEUED
         GET a => +QUEUED
         DBSIZE => +QUEUED
         UNWATCH => +QUEUED
         EXEC => *9 +OK :2 -ERR value is not an integer or out of range -WRONGTYPE Operation \
                 against a key holding the wrong kind of value +OK +OK $1 3 :1 +OK
         GET a => $1 3
         1: GET a => $1 2
         MULTI => +OK
         EXEC => *0",
    );
}

#[test]
fn transactions_begin_and_end_once() {
    follow(
        "EXEC => -ERR EXEC without MULTI
         DISCARD => -ERR DISCARD without MULTI
         MULTI => +OK
         MULTI => -ERR MULTI calls can not be nested
         WATCH a => -ERR WATCH inside MULTI is not allowed
         SET a 1 => +QUEUED
         EXEC => *1 +OK
         MULTI => +OK
         SET a 2 => +QUEUED
         GET => -ERR wrong number of arguments for 'get' command
         EXEC => -EXECABORT Transaction discarded because of previous errors.
         EXEC => -ERR EXEC without MULTI
         EXEC x => -EXECABORT Transaction discarded because of: wrong number of arguments for \
                   'exec' command
         MULTI => +OK
         SET a 2 => +QUEUED
         DISCARD => +OK
         GET a => $1 1",
    );
}

/// Client 0 watches `a` and `b`, client 1 does something, and client 0 runs a transaction.
#[track_caller]
fn check_watch(meanwhile: &str, expect: &str) {
    let mut clients = Conversation::new();
    clients.follow(
        "SET a 1 => +OK
         SET soon 1 PX 5 => +OK
         SET later 1 PX 50 => +OK
         after 10
         WATCH a b a soon => +OK
         WATCH later => +OK",
    );
    clients.follow(meanwhile);
    let transaction = format!("MULTI => +OK\n PING => +QUEUED\n EXEC => {expect}\n");
    clients.follow(&transaction);
    clients.follow("1: SET a 9 => +OK\n MULTI => +OK\n PING => +QUEUED\n EXEC => *1 +PONG");
}

#[test]
fn transactions_depend_on_watched_keys() {
    let (runs, aborts) = ("*1 +PONG", "*-1");
    check_watch("", runs);
    check_watch("GET a => $1 1", runs);
    check_watch("1: SET c 1 => +OK", runs);
    check_watch("1: SET a 1 => +OK", aborts);
    check_watch("SET a 1 => +OK", aborts);
    check_watch("1: SET b 1 => +OK\n 1: DEL b => :1", aborts);
    check_watch("1: EXPIRE a 100 => :1", aborts);
    check_watch("1: PERSIST a => :0", runs);
    check_watch("1: RENAME a c => +OK", aborts);
    check_watch("1: COPY a b => :1", aborts);
    check_watch("1: COPY b a REPLACE => :0", runs);
    check_watch("1: MOVE a 3 => :1", aborts);
    check_watch("1: APPEND a 2 => :2", aborts);
    check_watch("1: SETNX a 2 => :0", runs);
    check_watch("1: FLUSHALL => +OK", aborts);
    check_watch("1: FLUSHDB => +OK", aborts);
    check_watch("1: SELECT 1 => +OK\n 1: FLUSHDB => +OK\n 1: SET a 1 => +OK", runs);
    check_watch("1: SWAPDB 0 1 => +OK", aborts);
    check_watch("1: SWAPDB 1 2 => +OK", runs);
    // An overdue key that comes from the other database is as good as none.
    let overdue = "1: SELECT 1 => +OK\n 1: SET b 1 PX 5 => +OK\n after 10\n";
    let clean = "DEL a => :1\n UNWATCH => +OK\n WATCH b => +OK\n";
    check_watch(&format!("{clean}{overdue} 1: SWAPDB 0 1 => +OK"), runs);
    check_watch(&format!("{clean}{overdue} 1: SWAPDB 1 0 => +OK\n SET c 1 => +OK"), runs);
    check_watch(
        &format!("1: SET b 1 PX 5 => +OK\n UNWATCH => +OK\n {clean}{overdue} 1: SWAPDB 0 1 => +OK"),
        aborts,
    );
    check_watch("1: SET a 2 => +OK\n UNWATCH => +OK", runs);
    check_watch("1: SET a 2 => +OK\n MULTI => +OK\n DISCARD => +OK", runs);
    check_watch("MULTI => +OK\n EXEC => *0\n 1: SET a 2 => +OK", runs);
    let refused = "EXEC x => -EXECABORT Transaction discarded because of: wrong number of \
                   arguments for 'exec' command\n 1: SET a 2 => +OK";
    check_watch(refused, runs);
    // A key that was overdue when its watching began has not changed when it goes.
    check_watch("1: GET soon => $-1", runs);
    check_watch("after 30", runs);
    check_watch("after 50", aborts);
    check_watch("after 50\n 1: GET later => $-1", aborts);
}

#[test]
fn an_aborted_transaction_is_null_in_both_protocols() {
    let mut clients = Conversation::new();
    assert!(clients.say(0, "HELLO 3").starts_with('%'));
    clients.follow(
        "WATCH a => +OK
         1: SET a 1 => +OK
         MULTI => +OK
         EXEC => _",
    );
}

#[test]
fn others_see_what_a_client_is_in() {
    let mut clients = Conversation::new();
    let check = |clients: &Conversation, queued: i64, watched: u32| {
        let client = clients.client(0);
        assert_eq!(client.queued.load(Ordering::Relaxed), queued);
        assert_eq!(client.watched.load(Ordering::Relaxed), watched);
        assert_eq!(client.is(ClientState::Multi), queued >= 0);
    };
    check(&clients, -1, 0);
    clients.follow("WATCH a b => +OK");
    clients.follow("WATCH a c => +OK");
    check(&clients, -1, 3);
    clients.follow("MULTI => +OK");
    check(&clients, 0, 3);
    clients.follow("PING => +QUEUED\n PING => +QUEUED");
    check(&clients, 2, 3);
    clients.follow("EXEC => *2 +PONG +PONG");
    check(&clients, -1, 0);
    clients.follow("WATCH a => +OK\n MULTI => +OK\n DISCARD => +OK");
    check(&clients, -1, 0);
}
