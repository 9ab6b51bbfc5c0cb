//! XREAD: reads streams from given ids on, and waits if there is nothing yet.

use firth_engine::stream::{EntryId, Stream};
use firth_engine::{DbKey, Locked};
use firth_resp::{ArrayMark, MapMark, Protocol, Reply, Request};
use smallvec::SmallVec;

use super::entry_reply::EntryWriter;
use super::id_arg;
use super::read_args::{ReadArgs, keys_and_ids};
use super::read_budget::ReadBudget;
use crate::args::Args;
use crate::blocked::Wait;
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
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
        Some(timeout_ms) if cx.may_block() => cx.block(wait(db, &sources, limits, layout, timeout_ms)),
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

/// How a reply is laid out.
#[derive(Clone, Copy, Debug)]
struct Layout {
    protocol: Protocol,
    is_map: bool,
}

impl Layout {
    fn of(cx: &Context<'_, '_>) -> Self {
        Layout { protocol: cx.session.protocol, is_map: cx.answers_reads_with_map() }
    }

    fn open(self, reply: &mut Reply<'_>) -> Mark {
        if self.is_map { Mark::Map(reply.open_map()) } else { Mark::Array(reply.open_array()) }
    }
}

/// The place of a reply whose length is not known yet.
enum Mark {
    Map(MapMark),
    Array(ArrayMark),
}

impl Mark {
    /// Ends the reply, or takes it back if there is nothing in it.
    fn close(self, reply: &mut Reply<'_>, streams: usize) {
        match self {
            Mark::Map(mark) if streams == 0 => reply.cancel_map(mark),
            Mark::Map(mark) => reply.close_map(mark, streams),
            Mark::Array(mark) if streams == 0 => reply.cancel_array(mark),
            Mark::Array(mark) => reply.close_array(mark, streams),
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
        if !layout.is_map {
            reply.array(2);
        }
        reply.bulk(key);
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
    let owned = |source: &Source<&[u8]>| Source::<Box<[u8]>> {
        key: source.key.into(),
        from: source.from,
    };
    let sources: Vec<_> = sources.iter().map(owned).collect();
    let mut keys: Vec<DbKey> = Vec::with_capacity(sources.len());
    for source in &sources {
        if !keys.iter().any(|known| known.key == source.key) {
            keys.push(DbKey::new(db, &source.key));
        }
    }
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
    }
}
