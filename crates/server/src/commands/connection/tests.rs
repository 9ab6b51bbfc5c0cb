//! Tests of the commands of this family, as conversations.

use crate::testing::{Conversation, follow};

#[test]
fn the_protocol_is_agreed_on() {
    let map = "$6 server $5 redis $7 version $5 8.2.3 $5 proto :3 $2 id :1 $4 mode \
               $10 standalone $4 role $6 master $7 modules *0";
    let list = map.replace("proto :3", "proto :2");
    follow(&format!(
        "HELLO => *14 {list}
        HELLO 4 => -NOPROTO unsupported protocol version
        HELLO x => -ERR Protocol version is not an integer or out of range
        HELLO 3 FOO => -ERR Syntax error in HELLO option 'FOO'
        HELLO 3 SETNAME => -ERR Syntax error in HELLO option 'SETNAME'
        GET nothing => $-1
        HELLO 3 SETNAME me => %7 {map}
        GET nothing => _
        CLIENT GETNAME => $2 me
        HELLO 2 => *14 {list}
        GET nothing => $-1"
    ));
}

#[test]
fn passwords_let_in() {
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.";
    follow(&format!(
        "AUTH x => -ERR AUTH <password> called without any password configured for the default \
         user. Are you sure your configuration is correct?
        AUTH default x => +OK
        AUTH somebody x => {wrong}
        AUTH a b c => -ERR syntax error
        CONFIG SET requirepass sesame => +OK
        PING => +PONG
        RESET => +RESET
        PING => -NOAUTH Authentication required.
        HELLO 3 => -NOAUTH HELLO must be called with the client already authenticated, otherwise \
         the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and \
         select the RESP protocol version at the same time
        AUTH sesam => {wrong}
        HELLO 3 AUTH default sesam => {wrong}
        AUTH sesame => +OK
        PING => +PONG"
    ));
}

#[test]
fn a_reset_connection_is_as_new() {
    follow(
        "SELECT 3 => +OK
        CLIENT SETNAME me => +OK
        CLIENT NO-EVICT ON => +OK
        MULTI => +OK
        SET k v => +QUEUED
        RESET => +RESET
        EXEC => -ERR EXEC without MULTI
        CLIENT GETNAME => $-1
        SUBSCRIBE c => *3 $9 subscribe $1 c :1
        RESET => +RESET
        GET k => $-1
        PUBSUB NUMSUB c => *2 $1 c :0",
    );
}

#[test]
fn databases_are_selected() {
    follow(
        "SET k 0 => +OK
        SELECT 15 => +OK
        GET k => $-1
        SELECT 16 => -ERR DB index is out of range
        SELECT -1 => -ERR DB index is out of range
        SELECT x => -ERR value is not an integer or out of range
        SELECT 0 => +OK
        GET k => $1 0",
    );
}

#[test]
fn replies_can_be_switched_off() {
    follow(
        "CLIENT REPLY OFF =>
        PING =>
        CLIENT REPLY SKIP =>
        PING =>
        CLIENT REPLY ON => +OK
        CLIENT REPLY SKIP =>
        PING =>
        PING => +PONG
        CLIENT REPLY x => -ERR syntax error",
    );
}

#[test]
fn clients_name_themselves() {
    follow(
        "CLIENT ID => :1
        1: CLIENT ID => :2
        CLIENT GETNAME => $-1
        CLIENT SETNAME a\u{7f}b => -ERR Client names cannot contain spaces, newlines or special \
         characters.
        CLIENT SETNAME ab => +OK
        CLIENT GETNAME => $2 ab
        CLIENT SETNAME '' => +OK
        CLIENT GETNAME => $-1
        CLIENT SETINFO LIB-NAME lib => +OK
        CLIENT SETINFO lib-ver 1.2 => +OK
        CLIENT SETINFO x y => -ERR Unrecognized option 'x'
        CLIENT MAINT_NOTIFICATIONS ON => -ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try \
         CLIENT HELP.
        CLIENT => -ERR wrong number of arguments for 'client' command",
    );
}

#[test]
fn lists_tell_what_clients_are_in() {
    let mut conversation = Conversation::new();
    conversation.say(1, "SUBSCRIBE c");
    conversation.say(2, "CLIENT SETNAME third");
    let check = |conversation: &mut Conversation, ask: &str, holds: &[&str], lacks: &[&str]| {
        let list = conversation.say(0, ask);
        for text in holds {
            assert!(list.contains(text), "{ask}: {list}");
        }
        for text in lacks {
            assert!(!list.contains(text), "{ask}: {list}");
        }
    };
    check(&mut conversation, "CLIENT LIST", &["id=1 ", "id=2 ", "id=3 "], &[]);
    check(&mut conversation, "CLIENT LIST TYPE pubsub", &["id=2 ", "flags=P"], &["id=1 "]);
    check(&mut conversation, "CLIENT LIST ID 3 9", &["name=third "], &["id=1 "]);
    check(&mut conversation, "CLIENT INFO", &["id=1 ", "cmd=client|info"], &["id=2 "]);
    conversation.follow(
        "CLIENT LIST TYPE x => -ERR Unknown client type 'x'
        CLIENT LIST ID x => -ERR Invalid client ID
        CLIENT LIST x => -ERR syntax error",
    );
}

#[test]
fn clients_are_killed_by_filters() {
    follow(
        "CLIENT KILL 1.2.3.4:5 => -ERR No such client
        CLIENT KILL ID 0 => -ERR client-id should be greater than 0
        CLIENT KILL ID x => -ERR client-id should be greater than 0
        CLIENT KILL USER nobody => -ERR No such user 'nobody'
        CLIENT KILL ID => -ERR No such client
        CLIENT KILL ID 1 SKIPME maybe => -ERR syntax error
        CLIENT KILL ID 1 => :0
        CLIENT KILL TYPE pubsub => :0
        CLIENT KILL MAXAGE 1000 => :0
        2: CLIENT KILL ID 3 SKIPME no => :1
        CLIENT KILL ID 2 USER default =>",
    );
}

#[test]
fn only_blocked_clients_are_unblocked() {
    follow(
        "CLIENT UNBLOCK 2 => :0
        CLIENT UNBLOCK 99 => :0
        CLIENT UNBLOCK x => -ERR value is not an integer or out of range
        CLIENT UNBLOCK 2 x => -ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR
        1: XREAD BLOCK 0 STREAMS s $ =>
        CLIENT UNBLOCK 2 ERROR => :1
        CLIENT UNBLOCK 2 => :0",
    );
}

#[test]
fn pauses_have_sensible_lengths() {
    follow(
        "CLIENT PAUSE x => -ERR timeout is not an integer or out of range
        CLIENT PAUSE -1 => -ERR timeout is negative
        CLIENT PAUSE 10 x => -ERR CLIENT PAUSE mode must be WRITE or ALL
        CLIENT PAUSE 1000 WRITE => +OK
        GET k => $-1
        CLIENT UNPAUSE => +OK
        SET k v => +OK",
    );
}

#[test]
fn who_waits_for_the_end_of_a_pause_counts_as_blocked() {
    let mut conversation = Conversation::new();
    conversation.follow("2: MULTI => +OK\n 2: SET k w => +QUEUED");
    conversation.follow("CLIENT PAUSE 1000 WRITE => +OK");
    conversation.send_in_vain(1, "SET k v");
    conversation.send_in_vain(2, "EXEC");
    assert!(conversation.say(0, "INFO clients").contains("blocked_clients:2"));
    assert!(conversation.say(0, "CLIENT LIST ID 2").contains(" flags=b "));
    conversation.follow("CLIENT UNBLOCK 2 => :0\n CLIENT UNPAUSE => +OK");
    conversation.read_mail();
    assert!(conversation.say(0, "INFO clients").contains("blocked_clients:0"));
    conversation.follow("1: SET k v => +OK\n 2: EXEC => *1 +OK");
    // Time ends it as well.
    conversation.follow("CLIENT PAUSE 1000 => +OK");
    conversation.send_in_vain(1, "GET k");
    conversation.at_ms(1_002_000);
    assert!(conversation.say(0, "INFO clients").contains("blocked_clients:0"));
    conversation.follow("1: GET k => $1 w");
}

#[test]
fn what_is_run_counts_as_waiting_input() {
    let line = Conversation::new().say(0, "CLIENT INFO");
    assert!(line.contains(" qbuf=26 ") && line.contains(" cmd=client|info "), "{line}");
}
