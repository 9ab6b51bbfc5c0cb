//! What clients see of streams, groups aside.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::testing::Conversation;

#[test]
fn xadd_gives_ids_and_refuses_without_a_trace() {
    Conversation::from_ms(1000).check(&[
        ("XADD s 0-0 f v", "!ERR The ID specified in XADD must be greater than 0-0"),
        ("EXISTS s", "0"),
        ("XADD s NOMKSTREAM * f v", "nil"),
        ("EXISTS s", "0"),
        ("XADD s * f v", "1000-0"),
        ("XADD s * f v", "1000-1"),
        ("XADD s 1000-* f v", "1000-2"),
        ("XADD s 1005 f v", "1005-0"),
        ("XADD s * f v", "1005-1"),
        (
            "XADD s 1004-* f v",
            "!ERR The ID specified in XADD is equal or smaller than the target stream top item",
        ),
        ("XADD s * f", "!ERR wrong number of arguments for 'xadd' command"),
        ("XADD s * f v g", "!ERR wrong number of arguments for 'xadd' command"),
        ("XADD s MAXLEN 1 * f v", "1005-2"),
        ("XLEN s", "1"),
        ("XADD s 18446744073709551615-18446744073709551615 f v", ""),
        (
            "XADD s * f v",
            "!ERR The stream has exhausted the last possible ID, unable to add more items",
        ),
        ("SET text x", "OK"),
        ("XADD text * f v", "!WRONGTYPE Operation against a key holding the wrong kind of value"),
    ]);
}

#[test]
fn repeated_attempts_add_nothing() {
    let mut clients = Conversation::from_ms(1000);
    clients.check(&[
        ("XADD s IDMP p 1 * f v", "1000-0"),
        ("XADD s IDMP p 1 * f other", "1000-0"),
        ("XADD s IDMP q 1 * f v", "1000-1"),
        ("XADD s IDMPAUTO p * f v g w", "1000-2"),
        ("XADD s IDMPAUTO p * g w f v", "1000-2"),
        ("XDEL s 1000-0", "1"),
        ("XADD s IDMP p 1 MAXLEN 0 * f v", "1000-0"),
        ("XLEN s", "2"),
        (
            "XADD s IDMP p 1 7-1 f v",
            "!ERR syntax error, IDMP/IDMPAUTO can be used only with auto-generated IDs",
        ),
        (
            "XADD s IDMP p 1 IDMPAUTO p * f v",
            "!ERR syntax error, IDMP/IDMPAUTO specified multiple times",
        ),
        ("XADD s IDMP '' 1 * f v", "!ERR syntax error, IDMP requires a non-empty producer ID"),
        ("XADD s IDMP p '' * f v", "!ERR syntax error, IDMP requires a non-empty idempotent ID"),
        (
            "XADD s IDMPAUTO '' * f v",
            "!ERR syntax error, IDMPAUTO requires a non-empty producer ID",
        ),
        ("XIDMPRECORD s p 9 1000-1", "OK"),
        ("XIDMPRECORD s p 9 1000-1", "OK"),
        (
            "XIDMPRECORD s p 9 1000-2",
            "!ERR IID already exists for this producer with a different stream ID",
        ),
        ("XIDMPRECORD s p 8 1-1", "!ERR No such message in stream"),
        ("XADD s IDMP p 9 * f v", "1000-1"),
    ]);
    clients.at_ms(1000 + 100_001);
    clients.check(&[
        ("XADD s IDMP p 1 * f v", "101001-0"),
        ("XCFGSET s IDMP-DURATION 1", "OK"),
        ("XADD s IDMP p 1 * f v", "101001-1"),
        ("XCFGSET s", "!ERR At least one parameter must be specified"),
        ("XCFGSET s IDMP-DURATION 0", "!ERR IDMP-DURATION must be between 1 and 86400 seconds"),
        ("XCFGSET s IDMP-MAXSIZE 10001", "!ERR IDMP-MAXSIZE must be between 1 and 10000 entries"),
        ("XCFGSET s IDMP-MAXSIZE 5 IDMP-MAXSIZE 5", "!ERR IDMP-MAXSIZE specified multiple times"),
        ("XCFGSET none IDMP-MAXSIZE 5", "!ERR no such key"),
    ]);
}

#[test]
fn deletion_heeds_references_as_told() {
    let mut clients = Conversation::from_ms(1000);
    for ms in 1..=6 {
        clients.ask(0, &format!("XADD s {ms} f v"));
    }
    clients.check(&[
        ("XDEL s 9 x", "!ERR Invalid stream ID specified as stream command argument"),
        ("XDEL none x", "0"),
        ("XDELEX s IDS 2 1 1", "[1 -1]"),
        ("XGROUP CREATE s g 0", "OK"),
        ("XREADGROUP GROUP g c COUNT 2 STREAMS s >", ""),
        ("XDELEX s ACKED IDS 4 2 4 9 3", "[2 2 2 2]"),
        ("XACK s g 2", "1"),
        ("XDELEX s IDS 1 2 ACKED", "[1]"),
        ("XDELEX s DELREF IDS 1 3", "[1]"),
        ("XPENDING s g", "[0 nil nil nil-array]"),
        ("XDELEX none IDS 2 1 2", "[-1 -1]"),
        ("XGROUP DESTROY s g", "1"),
        ("XDELEX s ACKED IDS 2 4 9", "[1 -1]"),
        ("XTRIM s MAXLEN 1", "1"),
        ("XTRIM none MAXLEN 1", "0"),
        ("XTRIM s MINID 7 KEEPREF", "1"),
        (
            "XTRIM s LIMIT 1",
            "!ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
        ),
        ("XTRIM s KEEPREF ACKED", "!ERR syntax error"),
        ("XLEN s", "0"),
        ("EXISTS s", "1"),
    ]);
}

#[test]
fn ranges_go_both_ways() {
    Conversation::from_ms(1000).check(&[
        ("XADD s 1-1 f v", ""),
        ("XADD s 1-2 f v g w", ""),
        ("XADD s 2-0 f v", ""),
        ("XRANGE s - +", "[[1-1 [f v]] [1-2 [f v g w]] [2-0 [f v]]]"),
        ("XRANGE s 1 1 COUNT 1", "[[1-1 [f v]]]"),
        ("XREVRANGE s + (1-2", "[[2-0 [f v]]]"),
        ("XREVRANGE s 1 - COUNT 1", "[[1-2 [f v g w]]]"),
        ("XRANGE s - + COUNT 0", "nil-array"),
        ("XRANGE none - +", "[]"),
        ("XRANGE s + -", "[]"),
        ("XRANGE s - + COUNT", "!ERR syntax error"),
        ("HELLO 3", ""),
        ("XRANGE s 2 2", "[[2-0 [f v]]]"),
        ("XRANGE s - + COUNT -1", "nil"),
    ]);
}

#[test]
fn a_read_waits_until_there_is_something_behind_its_ids() {
    let mut clients = Conversation::from_ms(1000);
    assert_eq!(clients.ask(1, "XREAD BLOCK 0 STREAMS s new $ 0"), "");
    clients.check(&[("XADD other 5 f v", "5-0"), ("XADD s 5 f v", "5-0")]);
    assert_eq!(clients.told(1), "[[s [[5-0 [f v]]]]]");
    assert_eq!(clients.ask(1, "XREAD BLOCK 50 STREAMS s $"), "");
    clients.at_ms(1049);
    assert_eq!(clients.told(1), "");
    clients.at_ms(1050);
    assert_eq!(clients.told(1), "nil-array");
    clients.ask(1, "HELLO 3");
    assert_eq!(clients.ask(1, "XREAD BLOCK 0 STREAMS s $"), "");
    clients.check(&[("DEL s", "1"), ("SET s x", "OK"), ("DEL s", "1"), ("XADD s 4 f v", "4-0")]);
    assert_eq!(clients.told(1), "", "a stream that begins anew with lower ids is no news");
    clients.check(&[("MULTI", "OK"), ("XADD s 6 f v", "QUEUED"), ("XADD s 7 f v", "QUEUED")]);
    clients.ask(0, "EXEC");
    assert_eq!(clients.told(1), "{s [[6-0 [f v]] [7-0 [f v]]]}");
}

#[test]
fn a_read_in_a_transaction_does_not_wait() {
    Conversation::from_ms(1000).check(&[
        ("MULTI", "OK"),
        ("XREAD BLOCK 0 STREAMS s $", "QUEUED"),
        ("EXEC", "[nil-array]"),
    ]);
}

#[test]
fn bad_reads_are_refused() {
    Conversation::from_ms(1000).check(&[
        ("SET text x", "OK"),
        (
            "XREAD STREAMS a b 0",
            "!ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must \
             be specified.",
        ),
        (
            "XREAD GROUP g c STREAMS a 0",
            "!ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
        ),
        (
            "XREAD NOACK STREAMS a 0",
            "!ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
        ),
        (
            "XREAD STREAMS a >",
            "!ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> \
             <consumer> option.",
        ),
        ("XREAD BLOCK -1 STREAMS a $", "!ERR timeout is negative"),
        ("XREAD COUNT 1 BLOCK 1 x", "!ERR syntax error"),
        ("XREAD STREAMS a text x 0", "!ERR Invalid stream ID specified as stream command argument"),
        (
            "XREAD STREAMS text a 0 x",
            "!WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
    ]);
}

#[test]
fn xinfo_tells_everything_in_its_order() {
    let mut clients = Conversation::from_ms(1000);
    let wrong_stream =
        "!ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.";
    let head = "length 1 radix-tree-keys 1 radix-tree-nodes 2 last-generated-id 9-0 \
                max-deleted-entry-id 4-0 entries-added 7 recorded-first-entry-id 5-0 \
                idmp-duration 100 idmp-maxsize 100 pids-tracked 0 iids-tracked 0 iids-added 0 \
                iids-duplicates 0";
    let stream = format!("[{head} groups 1 first-entry [5-0 [f v]] last-entry [5-0 [f v]]]");
    let full = format!(
        "[{head} entries [[5-0 [f v]]] groups [[name g last-delivered-id 5-0 entries-read nil lag 0 \
         pel-count 1 nacked-count 0 pending [[5-0 c 1000 1]] consumers [[name c seen-time 1000 \
         active-time 1000 pel-count 1 pending [[5-0 1000 1]]] [name d seen-time 1000 active-time \
         -1 pel-count 0 pending []]]]]]"
    );
    clients.check(&[
        ("XADD s 4 f v", ""),
        ("XADD s 5 f v", ""),
        ("XDEL s 4", "1"),
        ("XSETID s 9 ENTRIESADDED 7", "OK"),
        ("XGROUP CREATE s g 4", "OK"),
        ("XREADGROUP GROUP g c STREAMS s >", ""),
        ("XGROUP SETID s g 5", "OK"),
        ("XGROUP CREATECONSUMER s g d", "1"),
        ("XINFO STREAM s", &stream),
        ("XINFO STREAM s FULL", &full),
        ("XINFO STREAM none", "!ERR no such key"),
        ("XINFO STREAM s FULL COUNT", wrong_stream),
        ("XINFO STREAM s BRIEF", wrong_stream),
        (
            "XINFO GROUPS s",
            "[[name g consumers 2 pending 1 last-delivered-id 5-0 entries-read nil lag 0]]",
        ),
        ("XINFO CONSUMERS s x", "!NOGROUP No such consumer group 'x' for key name 's'"),
    ]);
    clients.at_ms(1300);
    clients.check(&[(
        "XINFO CONSUMERS s g",
        "[[name c pending 1 idle 300 inactive 300] [name d pending 0 idle 300 inactive -1]]",
    )]);
}

#[test]
fn xsetid_keeps_counters_consistent() {
    Conversation::from_ms(1000).check(&[
        ("XSETID none 1", "!ERR no such key"),
        ("XADD s 5 f v", ""),
        ("XADD s 6 f v", ""),
        (
            "XSETID s 5",
            "!ERR The ID specified in XSETID is smaller than the target stream top item",
        ),
        ("XSETID s 7 ENTRIESADDED -1", "!ERR entries_added must be positive"),
        (
            "XSETID s 7 ENTRIESADDED 1",
            "!ERR The entries_added specified in XSETID is smaller than the target stream length",
        ),
        (
            "XSETID s 7 MAXDELETEDID 8",
            "!ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
        ),
        ("XSETID s 9 ENTRIESADDED 4 MAXDELETEDID 8", "OK"),
        (
            "XSETID s 7",
            "!ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
        ),
        ("XADD s * f v", "1000-0"),
    ]);
}
