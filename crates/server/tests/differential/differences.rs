//! The known differences between the server under test, which answers as Redis 8.10 does, and
//! the older servers it is compared with.
//!
//! Each row names its reason and evens out exactly what it explains; whatever stays unequal
//! after all rows is a fault.

use crate::command::Command;
use crate::reply::Reply;
use crate::server::Kind;

/// One command with both replies, which a row may change.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) command: &'a Command,
    pub(crate) ours: &'a mut Reply,
    pub(crate) theirs: &'a mut Reply,
}

/// What a row did to a case.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// The row has nothing to say about this case.
    None,
    /// The difference only concerns the reply.
    Evened,
    /// The servers hold different data from now on: the script ends here.
    Parted,
}

struct Row {
    /// Read by people: the test prints nothing about known differences.
    #[expect(dead_code, reason = "documents the row where a comment could be forgotten")]
    reason: &'static str,
    oracles: &'static [Kind],
    apply: fn(&mut Case<'_>) -> Effect,
}

const BOTH: &[Kind] = &[Kind::Redis7, Kind::Valkey9];
const REDIS7: &[Kind] = &[Kind::Redis7];
const VALKEY9: &[Kind] = &[Kind::Valkey9];

/// Redis 7.0 wrote pushes in front of the reply of the command that caused them, later servers
/// behind it; against 7.0 the order between replies and pushes is therefore not compared.
pub(crate) fn even_out_order(oracle: Kind, frames: &mut [Reply]) {
    if oracle == Kind::Redis7 {
        frames.sort_by_key(|frame| matches!(frame, Reply::Push(_)));
    }
}

/// Applies every row for this oracle; true when the data of the two servers have parted.
pub(crate) fn even_out(oracle: Kind, mut case: Case<'_>) -> bool {
    let mut parted = apply_rows(oracle, &mut case);
    if Kind::under_test() != Kind::Firth {
        let Case { command, ours, theirs } = case;
        let mut turned = Case { command, ours: theirs, theirs: ours };
        parted |= apply_rows(Kind::under_test(), &mut turned);
    }
    parted
}

fn apply_rows(oracle: Kind, case: &mut Case<'_>) -> bool {
    let rows = ROWS.iter().filter(|row| row.oracles.contains(&oracle));
    let effects: Vec<Effect> = rows.map(|row| (row.apply)(case)).collect();
    effects.contains(&Effect::Parted)
}

const ROWS: &[Row] = &[
    Row {
        reason: "radix-tree-keys and -nodes describe a storage layout, not the data",
        oracles: BOTH,
        apply: |case| set_fields(case, "XINFO", &["radix-tree-keys", "radix-tree-nodes"]),
    },
    Row {
        reason: "Redis 8.6 added idempotent production to XINFO STREAM, 8.8 nacked-count",
        oracles: BOTH,
        apply: |case| {
            drop_fields(
                case,
                "XINFO",
                &[
                    "idmp-duration",
                    "idmp-maxsize",
                    "pids-tracked",
                    "iids-tracked",
                    "iids-added",
                    "iids-duplicates",
                    "nacked-count",
                ],
            )
        },
    },
    Row {
        reason: "Redis 7.2 added inactive and active-time to consumers",
        oracles: REDIS7,
        apply: |case| drop_fields(case, "XINFO", &["inactive", "active-time"]),
    },
    Row {
        reason: "Redis 8.2 limits ENTRIESREAD to the entries ever added; lag follows from it",
        oracles: BOTH,
        apply: |case| {
            if case.command.name() != "XINFO" {
                return Effect::None;
            }
            take_larger_counters(case.ours, case.theirs);
            Effect::Evened
        },
    },
    Row {
        reason: "Redis 8.2 computes lag with another formula, which heeds all deletions",
        oracles: BOTH,
        apply: |case| drop_fields(case, "XINFO", &["lag"]),
    },
    Row {
        reason: "Valkey embeds longer strings than Redis, which stops at 44 bytes",
        oracles: VALKEY9,
        apply: |case| {
            let encoding = case.command.word(1) == "ENCODING";
            if !encoding || case.ours.bytes() != b"raw" || case.theirs.bytes() != b"embstr" {
                return Effect::None;
            }
            *case.ours = case.theirs.clone();
            Effect::Evened
        },
    },
    Row {
        reason: "7.0 did not know how much a group has read when entries before its cursor went",
        oracles: REDIS7,
        apply: |case| drop_fields(case, "XINFO", &["entries-read"]),
    },
    Row {
        reason: "XSETID heeds what was deleted from a stream that is empty since 7.2",
        oracles: REDIS7,
        apply: |case| {
            let current = "ERR The ID specified in XSETID is smaller than current";
            if !case.ours.is_error(current) {
                return Effect::None;
            }
            accept(case, true, "ERR The ID specified in XSETID is smaller than the target");
            if *case.theirs != Reply::Simple("OK".into()) {
                return Effect::None;
            }
            *case.ours = case.theirs.clone();
            Effect::Parted
        },
    },
    Row {
        reason: "a blocked XREADGROUP creates its consumer since 7.2",
        oracles: REDIS7,
        apply: |case| {
            let creates = case.command.word(1) == "CREATECONSUMER";
            let late = *case.ours == Reply::Integer(0) && *case.theirs == Reply::Integer(1);
            if !creates || !late {
                return Effect::None;
            }
            *case.ours = case.theirs.clone();
            Effect::Evened
        },
    },
    Row {
        reason: "a node ends at its last entry to them, in Firth at the last that is left",
        oracles: BOTH,
        apply: |case| {
            let trim = case.command.name() == "XTRIM" && case.command.word(2) == "MINID";
            let whole = trim && case.command.word(3) == "~";
            let (Reply::Integer(ours), Reply::Integer(theirs)) = (&*case.ours, &*case.theirs)
            else {
                return Effect::None;
            };
            if !whole || ours < theirs {
                return Effect::None;
            }
            *case.ours = case.theirs.clone();
            Effect::Parted
        },
    },
    Row {
        reason: "XREAD + was blind to the last entry when one behind it was deleted before 7.4.1",
        oracles: VALKEY9,
        apply: |case| {
            let last = case.command.name() == "XREAD" && case.command.0.contains(&b"+".to_vec());
            if !last || case.ours.items().len() <= case.theirs.items().len() {
                return Effect::None;
            }
            *case.ours = case.theirs.clone();
            Effect::Evened
        },
    },
    Row {
        reason: "Valkey shares no small numbers",
        oracles: VALKEY9,
        apply: |case| {
            let count = case.command.word(1) == "REFCOUNT";
            if !count || *case.ours != Reply::Integer(i64::from(i32::MAX)) {
                return Effect::None;
            }
            *case.ours = case.theirs.clone();
            Effect::Evened
        },
    },
    Row {
        reason: "Valkey kills several clients by id",
        oracles: VALKEY9,
        apply: |case| {
            let kill = case.command.word(1) == "KILL" && case.command.word(2) == "ID";
            if !kill || !matches!(case.ours, Reply::Error(_)) {
                return Effect::None;
            }
            *case.ours = case.theirs.clone();
            Effect::Evened
        },
    },
    Row {
        reason: "they look for the word STREAMS alone, whatever comes before it",
        oracles: BOTH,
        apply: |case| {
            let streams = match case.command.word(3).as_str() {
                "GROUP" => 6,
                "COUNT" => 5,
                _ => 0,
            };
            let right = case.command.word(streams) == "STREAMS";
            let keys = case.command.word(1) == "GETKEYS" && !case.theirs.items().is_empty();
            if right || !keys || !case.ours.is_error("ERR Invalid arguments specified") {
                return Effect::None;
            }
            *case.ours = case.theirs.clone();
            Effect::Evened
        },
    },
    Row {
        reason: "Firth does not look at the arguments of CLUSTER, as it has none",
        oracles: BOTH,
        apply: |case| {
            let ours = case.ours.is_error("ERR This instance has cluster support disabled");
            accept(case, ours, "ERR wrong number of arguments for 'cluster|")
        },
    },
    Row {
        reason: "Redis 8.2 and 8.8 added classes of keyspace events",
        oracles: BOTH,
        apply: |case| {
            let known = case.theirs.is_error("ERR CONFIG SET failed")
                && case.command.word(2) == "NOTIFY-KEYSPACE-EVENTS";
            if known && *case.ours == Reply::Simple("OK".into()) {
                *case.ours = case.theirs.clone();
                return Effect::Parted;
            }
            if let Reply::Error(text) = &mut *case.ours {
                *text = text.replace("'Ag$lshzxeKEtmdnoca'", "'Ag$lshzxeKEtmdn'");
            }
            Effect::Evened
        },
    },
    Row {
        reason: "a group reader whose stream went away was told so in other words before 7.2",
        oracles: REDIS7,
        apply: |case| {
            let gone =
                case.ours.is_error("NOGROUP No such key") || case.ours.is_error("WRONGTYPE ");
            accept(case, gone, "UNBLOCKED the stream key no longer exists")
        },
    },
    Row {
        reason: "and one whose group was destroyed, too",
        oracles: REDIS7,
        apply: |case| {
            let nogroup = case.ours.is_error("NOGROUP No such key");
            accept(case, nogroup, "NOGROUP the consumer group this client was blocked on no longer")
        },
    },
    Row {
        reason: "7.2 runs a woken read again as a whole, and meets keys of other types then",
        oracles: REDIS7,
        apply: |case| {
            let readers = !case.theirs.items().is_empty() && case.ours.is_error("WRONGTYPE ");
            if !readers || case.command.name() == "EXEC" {
                return Effect::None;
            }
            *case.ours = case.theirs.clone();
            Effect::Parted
        },
    },
    Row {
        reason: "a blocked reader that named a key twice got it once before 7.2",
        oracles: REDIS7,
        apply: |case| {
            let twice = [case.theirs.items(), case.theirs.items()].concat();
            if twice.is_empty() || case.ours.items() != twice {
                return Effect::None;
            }
            *case.ours = case.theirs.clone();
            Effect::Evened
        },
    },
    Row {
        reason: "Valkey answers CLUSTER KEYSLOT without a cluster",
        oracles: VALKEY9,
        apply: |case| {
            let slot =
                case.command.word(1) == "KEYSLOT" && matches!(case.theirs, Reply::Integer(_));
            if !slot || !case.ours.is_error("ERR This instance has cluster support disabled") {
                return Effect::None;
            }
            *case.ours = case.theirs.clone();
            Effect::Evened
        },
    },
    Row {
        reason: "Valkey refuses nested MULTI and WATCH in other words, which spoils the transaction",
        oracles: VALKEY9,
        apply: |case| {
            let nested = matches!(case.command.name().as_str(), "MULTI" | "WATCH");
            if accept(case, nested, "ERR Command '") == Effect::Evened {
                return Effect::Parted;
            }
            Effect::None
        },
    },
    Row {
        reason: "7.2 quoted the name in the unbalanced text, 7.4 added '+' to it; Valkey did not",
        oracles: BOTH,
        apply: |case| {
            wording(
                case,
                "ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' \
                 must be specified.",
                &[
                    "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must \
                     be specified.",
                    "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' \
                     must be specified.",
                ],
            )
        },
    },
    Row {
        reason: "7.2 quoted the name in the unbalanced text",
        oracles: REDIS7,
        apply: |case| {
            wording(
                case,
                "ERR Unbalanced 'xreadgroup' list of streams: for each stream key an ID or '>' \
                 must be specified.",
                &["ERR Unbalanced XREADGROUP list of streams: for each stream key an ID or '>' \
                   must be specified."],
            )
        },
    },
    Row {
        reason: "XREAD knows + since 7.4, and XREADGROUP has a sentence about it",
        oracles: REDIS7,
        apply: |case| {
            let sentence = case.ours.is_error("ERR The + ID is meaningless in the context of");
            accept(case, sentence, "ERR Invalid stream ID")
        },
    },
    Row {
        reason: "COMMAND GETKEYS takes commands of one word since 7.2",
        oracles: REDIS7,
        apply: |case| {
            let later = case.command.word(1) == "GETKEYS";
            accept(case, later, "ERR wrong number of arguments for 'command|getkeys' command")
        },
    },
    Row {
        reason: "negative cursors are large ones, all to Redis 7.0 and very low ones to Valkey; 7.0 \
                 takes no text for 0 and looks at the options first",
        oracles: BOTH,
        apply: |case| {
            let cursor = case.command.word(1);
            let odd = cursor.is_empty() || cursor.starts_with('-');
            let scan = case.command.name() == "SCAN" && case.ours.is_error("ERR invalid cursor");
            if !scan || !odd {
                return Effect::None;
            }
            *case.ours = case.theirs.clone();
            Effect::Evened
        },
    },
    Row {
        reason: "Valkey has its own words for a client id that is no number",
        oracles: VALKEY9,
        apply: |case| {
            wording(case, "ERR client-id should be greater than 0", &["ERR syntax error"])
        },
    },
    Row {
        reason: "Valkey reads broken CLIENT LIST ID and CLIENT UNBLOCK lines differently",
        oracles: VALKEY9,
        apply: |case| {
            let broken = matches!(case.command.word(1).as_str(), "LIST" | "UNBLOCK");
            if case.command.name() != "CLIENT" || !broken || !case.ours.is_error("ERR ") {
                return Effect::None;
            }
            *case.ours = case.theirs.clone();
            Effect::Evened
        },
    },
    Row {
        reason: "HELLO tells who the server is",
        oracles: BOTH,
        apply: |case| {
            let greeted = case.command.name() == "HELLO" && !case.ours.items().is_empty();
            if !greeted || case.theirs.items().len() != case.ours.items().len() {
                return Effect::None;
            }
            *case.ours = case.theirs.clone();
            Effect::Evened
        },
    },
    Row {
        reason: "commands that are not in Firth are unknown to it",
        oracles: BOTH,
        apply: |case| {
            let name = case.command.name();
            let named = String::from_utf8_lossy(&case.command.0[0]);
            let unknown = format!("ERR unknown command '{named}', with args beginning with: ");
            let absent = NOT_IN_FIRTH.split_whitespace().any(|absent| absent == name);
            if !absent || !case.ours.is_error(&unknown) {
                return Effect::None;
            }
            *case.ours = case.theirs.clone();
            Effect::Evened
        },
    },
    Row {
        reason: "the limits of nodes have 32 bits in Firth",
        oracles: BOTH,
        apply: |case| {
            let ours = case.ours.is_error(NODE_LIMIT_ERROR);
            accept(case, ours, "ERR CONFIG SET failed (possibly related to argument 'stream-node-")
        },
    },
    Row {
        reason: "they add binary floats of 80 bits, which shows, Firth adds decimal numbers",
        oracles: BOTH,
        apply: |case| {
            let number = |reply: &Reply| -> Option<f64> {
                std::str::from_utf8(reply.bytes()).ok()?.parse().ok()
            };
            let Some((ours, theirs)) = number(case.ours).zip(number(case.theirs)) else {
                return Effect::None;
            };
            let close = (ours - theirs).abs() <= theirs.abs() * 1e-15;
            if case.command.name() != "INCRBYFLOAT" || !close {
                return Effect::None;
            }
            *case.ours = case.theirs.clone();
            Effect::Parted
        },
    },
    Row {
        reason: "they have greater floats than those of 64 bits, and hexadecimal ones",
        oracles: BOTH,
        apply: |case| {
            let infinite = case.ours.is_error("ERR increment would produce NaN or Infinity");
            let hex = case.ours.is_error("ERR value is not a valid float")
                && case.command.word(2).starts_with("0X");
            if case.command.name() != "INCRBYFLOAT" || !(infinite || hex) {
                return Effect::None;
            }
            *case.ours = case.theirs.clone();
            Effect::Parted
        },
    },
    Row {
        reason: "the older ones do not tell of the class of new keys beside A",
        oracles: BOTH,
        apply: |case| {
            let flags = case.ours.items_mut().and_then(|items| items.get_mut(1));
            if case.command.word(1) == "GET"
                && let Some(Reply::Bulk(flags)) = flags
                && flags.starts_with(b"An")
            {
                flags.remove(1);
                return Effect::Evened;
            }
            Effect::None
        },
    },
    Row {
        reason: "Valkey checks the expiry of GETEX before it looks for the key",
        oracles: VALKEY9,
        apply: |case| {
            let no_text = matches!(case.ours, Reply::Null | Reply::NullBulk)
                || case.ours.is_error("WRONGTYPE ");
            accept(case, no_text && case.command.name() == "GETEX", "ERR ")
        },
    },
];

const NODE_LIMIT_ERROR: &str = "ERR CONFIG SET failed (possibly related to argument \
    'stream-node-max-entries') - argument must be between 0 and 2147483647 inclusive";

/// Commands of the real servers that some script names.
const NOT_IN_FIRTH: &str = "LASTSAVE SCRIPT DUMP RESTORE";

/// Takes over their entries-read where ours is smaller, and the lag behind it.
fn take_larger_counters(ours: &mut Reply, theirs: &Reply) {
    let theirs = theirs.items();
    let Some(ours) = ours.items_mut() else { return };
    let name = |index: usize| theirs.get(index).map_or(&b""[..], Reply::bytes);
    for index in 1..ours.len().min(theirs.len()) {
        let smaller = match (&ours[index], &theirs[index]) {
            (Reply::Integer(mine), Reply::Integer(other)) => mine < other,
            _ => false,
        };
        if name(index - 1) == b"entries-read" && smaller {
            ours[index] = theirs[index].clone();
            if name(index + 1) == b"lag" && index + 2 < ours.len() && index + 2 < theirs.len() {
                ours[index + 2] = theirs[index + 2].clone();
            }
        }
    }
    for (mine, other) in ours.iter_mut().zip(theirs) {
        take_larger_counters(mine, other);
    }
}

/// Accepts other words of an error, as long as Firth uses those of Redis 8.10.
fn wording(case: &mut Case<'_>, newest: &str, others: &[&str]) -> Effect {
    let is = |reply: &Reply, text: &str| *reply == Reply::Error(text.into());
    let known = |reply: &Reply| is(reply, newest) || others.iter().any(|text| is(reply, text));
    let ours = is(case.ours, newest) || (Kind::under_test() != Kind::Firth && known(case.ours));
    if ours && known(case.theirs) {
        *case.ours = case.theirs.clone();
    }
    Effect::Evened
}

/// Takes our reply for theirs when `holds` and theirs is an error that starts so.
fn accept(case: &mut Case<'_>, holds: bool, theirs: &str) -> Effect {
    if !holds || !case.theirs.is_error(theirs) {
        return Effect::None;
    }
    *case.ours = case.theirs.clone();
    Effect::Evened
}

fn set_fields(case: &mut Case<'_>, command: &str, names: &[&str]) -> Effect {
    if case.command.name() != command {
        return Effect::None;
    }
    for reply in [&mut *case.ours, &mut *case.theirs] {
        each_field(reply, names, &mut |items, index| {
            if matches!(items[index + 1], Reply::Integer(_)) {
                items[index + 1] = Reply::Integer(0);
            }
            index + 2
        });
    }
    Effect::Evened
}

fn drop_fields(case: &mut Case<'_>, command: &str, names: &[&str]) -> Effect {
    if case.command.name() != command {
        return Effect::None;
    }
    for reply in [&mut *case.ours, &mut *case.theirs] {
        each_field(reply, names, &mut |items, index| {
            items.drain(index..index + 2);
            index
        });
    }
    Effect::Evened
}

/// Calls `act` with every place that holds one of the names and has a value behind it, in all
/// collections inside `reply`; `act` answers where to go on.
fn each_field(
    reply: &mut Reply,
    names: &[&str],
    act: &mut dyn FnMut(&mut Vec<Reply>, usize) -> usize,
) {
    let Some(items) = reply.items_mut() else { return };
    let mut index = 0;
    while index + 1 < items.len() {
        let named = names.iter().any(|name| items[index].bytes() == name.as_bytes());
        index = if named { act(items, index) } else { index + 1 };
    }
    for item in items {
        each_field(item, names, act);
    }
}
