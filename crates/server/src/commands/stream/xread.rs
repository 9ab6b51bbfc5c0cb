//! XREAD: reads streams from given ids on, and waits if there is nothing yet.

use firth_engine::stream::{EntryId, Stream};
use firth_engine::{DbKey, Locked};
use firth_resp::{Reply, Request};
use smallvec::SmallVec;

use super::entry_reply::EntryWriter;
use super::id_arg;
use super::read_args::{ReadArgs, keys_and_ids};
use super::read_budget::ReadBudget;
use super::read_layout::Layout;
use crate::args::Args;
use crate::blocked::Wait;
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::session::Set;
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xread",
    syntax: "[COUNT count] [MAXCOUNT count] [MAXSIZE bytes] [BLOCK milliseconds] \
             STREAMS key [key ...] id [id ...]",
    summary: "Returns the entries of streams behind given ids, and waits if there are none.",
    complexity: "O(N) for N returned entries",
    since: "5.0.0",
    group: Group::Stream,
    arity: -4,
    flags: Flags::READONLY.union(Flags::BLOCKING).union(Flags::MOVABLE_KEYS),
    keys: Keys::Streams { from: 1 },
    run,
    ..Spec::BASE
};

const UNBALANCED: ReplyError = ReplyError::fixed(
    "ERR Unbalanced 'xread' list of streams: for each stream key an ID, '+', or '$' must be \
     specified.",
);
const GREATER_ID: ReplyError = ReplyError::fixed(
    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> \
     <consumer> option.",
);

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let limits = take_options(&mut args)?;
    let pairs = keys_and_ids(args).ok_or(UNBALANCED)?;
    let db = cx.db();
    let mut sources = SmallVec::<[Source<&[u8]>; 4]>::new();
    for (key, id) in pairs {
        let stream = cx.keys.stream(db, key)?;
        sources.push(Source { key, from: From::parse(id, stream)? });
    }
    let layout = Layout::of(cx);
    let found = {
        let (keys, mut reply) = cx.keys_and_reply();
        read(keys, db, &sources, &limits, layout, &mut reply)
    };
    match limits.block_ms {
        _ if found => {}
        Some(timeout_ms) if cx.may_block() => {
            cx.block(wait(db, &sources, limits, layout, timeout_ms));
        }
        _ => cx.reply().null_array(),
    }
    Ok(())
}

fn take_options(args: &mut Args<'_>) -> Result<ReadArgs, ReplyError> {
    let mut limits = ReadArgs::default();
    while !args.take_word("STREAMS") {
        if limits.take_option(args)? {
            continue;
        }
        for (word, arguments) in [("GROUP", 3), ("NOACK", 1), ("CLAIM", 2)] {
            if args.left() >= arguments && args.take_word(word) {
                return Err(ReplyError::new(format!(
                    "ERR The {word} option is only supported by XREADGROUP. You called XREAD \
                     instead."
                )));
            }
        }
        return Err(SYNTAX);
    }
    limits.check()?;
    Ok(limits)
}

/// A stream that is read, and from where on.
#[derive(Clone, Debug)]
struct Source<K> {
    key: K,
    from: From,
}

/// From where on a stream is read.
#[derive(Clone, Copy, Debug)]
enum From {
    /// Behind this id.
    After(EntryId),
    /// Its last entry only.
    Last,
}

impl From {
    fn parse(argument: &[u8], stream: Option<&Stream>) -> Result<Self, ReplyError> {
        match argument {
            b"$" => Ok(From::After(stream.map_or(EntryId::MIN, Stream::last_id))),
            b"+" => Ok(From::Last),
            b">" => Err(GREATER_ID),
            _ => id_arg::id(argument).map(From::After),
        }
    }

    /// Returns the first id that may be returned; `None` if there can be nothing.
    fn start(self, stream: &Stream) -> Option<EntryId> {
        let last = stream.entries().last_id()?;
        match self {
            From::After(id) => id.next().filter(|start| *start <= last),
            From::Last => Some(last),
        }
    }
}

/// Reads what there is; returns whether there was something, and writes nothing otherwise.
///
/// Streams whose shards are not locked are passed over: they have not changed since they were last
/// looked at.
fn read<K: AsRef<[u8]>>(
    keys: &mut Locked<'_>,
    db: u8,
    sources: &[Source<K>],
    limits: &ReadArgs,
    layout: Layout,
    reply: &mut Reply<'_>,
) -> bool {
    let mut budget = ReadBudget::new(limits.count_max, limits.bytes_max);
    let mark = layout.open(reply);
    let mut streams = 0;
    for Source { key, from } in sources {
        let key = key.as_ref();
        if budget.is_spent() || !keys.covers(key) {
            continue;
        }
        let Ok(Some(stream)) = keys.stream(db, key) else { continue };
        let Some(start) = from.start(stream) else { continue };
        let before = reply.out().len();
        layout.write_key(reply, key);
        if write_entries(reply, stream, start, limits.count, &mut budget) {
            streams += 1;
        } else {
            reply.out().truncate(before);
        }
    }
    mark.close(reply, streams);
    streams > 0
}

/// Appends the array of entries; returns whether it has any.
fn write_entries(
    reply: &mut Reply<'_>,
    stream: &Stream,
    start: EntryId,
    count: Option<usize>,
    budget: &mut ReadBudget,
) -> bool {
    let array = reply.open_array();
    let mut writer = EntryWriter::new();
    let mut written = 0;
    let entries = stream.entries().range(start, EntryId::MAX);
    for entry in entries.take(count.unwrap_or(usize::MAX)) {
        if !budget.admit(&entry) {
            break;
        }
        writer.write(reply.out(), &entry);
        written += 1;
    }
    reply.close_array(array, written);
    written > 0
}

/// Returns what there is to wait for: the same read, with everything that it needs.
fn wait(
    db: u8,
    sources: &[Source<&[u8]>],
    limits: ReadArgs,
    layout: Layout,
    timeout_ms: u64,
) -> Wait {
    let owned =
        |source: &Source<&[u8]>| Source::<Box<[u8]>> { key: source.key.into(), from: source.from };
    let sources: Vec<_> = sources.iter().map(owned).collect();
    let keys: Set<&[u8]> = sources.iter().map(|source| &*source.key).collect();
    let keys = keys.into_iter().map(|key| DbKey::new(db, key)).collect();
    Wait {
        keys,
        retry: Box::new(move |keys| {
            let mut out = Vec::new();
            let mut reply = Reply::new(&mut out, layout.protocol);
            read(keys, db, &sources, &limits, layout, &mut reply).then_some(out)
        }),
        watches_absence: false,
        timeout_ms: (timeout_ms > 0).then_some(timeout_ms),
        retry_after_ms: None,
        late_reply: None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use std::sync::Arc;

    use firth_engine::stream::{Append, CreateStream, NewId};
    use firth_engine::{Engine, FileDisk, ManualClock, Options, ShardSet};
    use firth_resp::Protocol;

    use super::*;

    const RESP2: Layout = Layout { protocol: Protocol::Resp2, is_map: false };
    const MAP: Layout = Layout { protocol: Protocol::Resp3, is_map: true };
    const PAIRS: Layout = Layout { protocol: Protocol::Resp3, is_map: false };

    fn engine() -> Engine {
        let clock = Arc::new(ManualClock::at_ms(1));
        Engine::open(&Options::new(), clock, Arc::new(FileDisk)).unwrap().0
    }

    fn add(keys: &mut Locked<'_>, key: &str, ids: &[u64]) {
        for ms in ids {
            let id = NewId::Explicit(EntryId::new(*ms, 0));
            let append = Append { id, fields: &[b"f", b"v"], attempt: None, trim: None };
            let create = CreateStream::IfAbsent;
            keys.append_to_stream(0, key.as_bytes(), &append, create).unwrap();
        }
    }

    /// Streams `a` with entries 1 to 5, `b` with 7 and 8, and `empty`, which lost its only entry 3.
    fn prepared(engine: &Engine) -> Locked<'_> {
        let mut keys = engine.lock(ShardSet::ALL, 1);
        add(&mut keys, "a", &[1, 2, 3, 4, 5]);
        add(&mut keys, "b", &[7, 8]);
        add(&mut keys, "empty", &[3]);
        keys.stream_mut(0, b"empty").unwrap().unwrap().delete(&[EntryId::new(3, 0)]);
        keys
    }

    /// Reads `key id key id ...` and shows the reply as `key:ms,ms key:ms`.
    fn shown(keys: &mut Locked<'_>, limits: &ReadArgs, pairs: &str) -> String {
        let words: Vec<&[u8]> = pairs.split_ascii_whitespace().map(str::as_bytes).collect();
        let mut sources = Vec::new();
        for pair in words.chunks(2) {
            let from = From::parse(pair[1], keys.stream(0, pair[0]).unwrap()).unwrap();
            sources.push(Source { key: pair[0], from });
        }
        let mut out = Vec::new();
        let found = {
            let mut reply = Reply::new(&mut out, RESP2.protocol);
            read(keys, 0, &sources, limits, RESP2, &mut reply)
        };
        assert_eq!(found, !out.is_empty());
        String::from_utf8(out).unwrap().split("\r\n").filter_map(readable).collect::<String>()
    }

    /// Keeps keys and ids of a reply whose every key has one letter more than none.
    fn readable(line: &str) -> Option<String> {
        match line {
            "a" | "b" | "empty" => Some(format!(" {line}:")),
            _ => line.strip_suffix("-0").map(|ms| format!("{ms},")),
        }
    }

    #[track_caller]
    fn check(limits: ReadArgs, pairs: &str, expect: &str) {
        let engine = engine();
        let found = shown(&mut prepared(&engine), &limits, pairs);
        assert_eq!(found.trim_start(), expect, "{limits:?} {pairs}");
    }

    #[test]
    fn entries_come_from_behind_the_ids_within_the_limits() {
        let none = ReadArgs::default();
        check(none, "a 3 b 0", "a:4,5, b:7,8,");
        check(none, "b 7-0 a 9 none 0 empty 0", "b:8,");
        check(none, "a 4-18446744073709551615 a 4-1", "a:5, a:5,");
        check(none, "a $ b $", "");
        check(none, "a + b + empty + none +", "a:5, b:8,");
        check(none, "a 18446744073709551615-18446744073709551615", "");
        let count = ReadArgs { count: Some(2), ..none };
        check(count, "a 0 b 0", "a:1,2, b:7,8,");
        check(ReadArgs { count: Some(1), ..none }, "a + a 0", "a:5, a:1,");
        let in_all = ReadArgs { count_max: Some(3), ..count };
        check(in_all, "a 0 b 0", "a:1,2, b:7,");
        check(ReadArgs { count_max: Some(2), ..none }, "a 0 b 0", "a:1,2,");
        check(ReadArgs { bytes_max: Some(1), ..none }, "a 0 b 0", "a:1,");
        check(ReadArgs { bytes_max: Some(10_000), ..none }, "a 3 b 7", "a:4,5, b:8,");
    }

    #[test]
    fn the_layout_follows_the_protocol_and_the_setting() {
        let engine = engine();
        let mut keys = prepared(&engine);
        let sources = [Source { key: b"b", from: From::After(EntryId::new(7, 0)) }];
        for (layout, expect) in [(RESP2, "*1 *2 $1 b"), (PAIRS, "*1 *2 $1 b"), (MAP, "%1 $1 b")] {
            let mut out = Vec::new();
            let mut reply = Reply::new(&mut out, layout.protocol);
            assert!(read(&mut keys, 0, &sources, &ReadArgs::default(), layout, &mut reply));
            let text = String::from_utf8(out).unwrap().replace("\r\n", " ");
            let entry = "*1 *2 $3 8-0 *2 $1 f $1 v";
            assert_eq!(text.trim_end(), format!("{expect} {entry}"), "{layout:?}");
        }
    }

    #[test]
    fn a_waiting_read_tries_again_with_what_it_was_given() {
        let engine = engine();
        let mut keys = prepared(&engine);
        let after = |ms| From::After(EntryId::new(ms, 0));
        let sources = [("a", after(5)), ("empty", From::Last), ("a", after(6)), ("none", after(0))];
        let sources = sources.map(|(key, from)| Source { key: key.as_bytes(), from });
        let limits = ReadArgs { count: Some(1), ..ReadArgs::default() };
        let wait = wait(0, &sources, limits, MAP, 0);
        assert_eq!((wait.keys.len(), wait.timeout_ms), (3, None));
        assert_eq!((wait.retry)(&mut keys), None);
        add(&mut keys, "empty", &[4, 5]);
        let reply = (wait.retry)(&mut keys).unwrap();
        let text = String::from_utf8(reply).unwrap();
        assert!(text.starts_with("%1\r\n$5\r\nempty\r\n*1\r\n*2\r\n$3\r\n5-0\r\n"), "{text}");
        keys.set_string(0, b"a", b"not a stream", firth_engine::Deadline::Clear, None);
        assert!((wait.retry)(&mut keys).is_some(), "a key of another type is passed over");
    }
}
