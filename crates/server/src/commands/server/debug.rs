//! DEBUG: what tests of clients lean on.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use firth_engine::Value;
use firth_engine::pubsub::glob;
use firth_resp::Request;

use crate::args::{self, Args};
use crate::context::Context;
use crate::help;
use crate::reply_error::{NO_SUCH_KEY, ReplyError, SYNTAX};
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "debug",
    syntax: "subcommand [argument ...]",
    summary: "Does what tests of clients lean on.",
    complexity: "Depends on the subcommand",
    group: Group::Server,
    arity: -2,
    subcommands: &[
        help::spec("debug|help", Group::Server),
        LOADAOF,
        OBJECT,
        RELOAD,
        SET_ACTIVE_EXPIRE,
        SLEEP,
        STRINGMATCH_LEN,
    ],
    ..Spec::BASE
};

const BASE: Spec = Spec {
    group: Group::Server,
    flags: Flags::ADMIN.union(Flags::NOSCRIPT).union(Flags::LOADING).union(Flags::STALE),
    arity: 3,
    ..Spec::BASE
};

const LOADAOF: Spec = Spec {
    name: "debug|loadaof",
    summary: "Writes all keys down as the log's checkpoint does, and reads them again.",
    arity: 2,
    run: loadaof,
    ..BASE
};

const RELOAD: Spec = Spec {
    name: "debug|reload",
    syntax: "[MERGE] [NOFLUSH] [NOSAVE]",
    summary: "Makes a checkpoint, writes all keys down as it does, and reads them again.",
    arity: -2,
    run: reload,
    ..BASE
};

const OBJECT: Spec = Spec {
    name: "debug|object",
    syntax: "key",
    summary: "Returns details about a key and its value.",
    keys: Keys::SECOND,
    run: object,
    ..BASE
};

const SET_ACTIVE_EXPIRE: Spec = Spec {
    name: "debug|set-active-expire",
    syntax: "<0 | 1>",
    summary: "Says whether keys whose time is up are removed although nobody looks at them.",
    run: set_active_expire,
    ..BASE
};

const SLEEP: Spec = Spec {
    name: "debug|sleep",
    syntax: "seconds",
    summary: "Stops the thread that serves this connection, and all others that it serves.",
    run: sleep,
    ..BASE
};

const STRINGMATCH_LEN: Spec = Spec {
    name: "debug|stringmatch-len",
    syntax: "length pattern",
    summary: "Matches a pattern with so many letters a.",
    arity: 4,
    run: stringmatch_len,
    ..BASE
};

const MERGE: ReplyError = ReplyError::fixed(
    "ERR DEBUG RELOAD MERGE and NOFLUSH are not supported: a reload is of all keys",
);
const SLEEP_SECONDS_MAX: f64 = 3600.0;
const MATCH_BYTES_MAX: i64 = 64 << 20;

fn reload(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 2);
    let mut saves = true;
    while args.left() > 0 {
        if args.take_word("NOSAVE") {
            saves = false;
        } else if args.take_word("MERGE") || args.take_word("NOFLUSH") {
            return Err(MERGE);
        } else {
            return Err(SYNTAX);
        }
    }
    if saves {
        let saved = cx.server.engine.checkpoint();
        saved.map_err(|error| ReplyError::new(format!("ERR {error}")))?;
    }
    loadaof(cx, request)
}

fn loadaof(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let reloaded = cx.server.engine.reload();
    reloaded.map_err(|flaw| ReplyError::new(format!("ERR {flaw}")))?;
    cx.reply().ok();
    Ok(())
}

fn object(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let key = Args::from(request, 2).take()?;
    let (db, now_s) = (cx.db(), cx.now_ms() / 1000);
    let entry = cx.keys.peek(db, key).ok_or(NO_SUCH_KEY)?;
    let encoding = match entry.value() {
        Value::Stream(_) => "stream",
        Value::String(bytes) if args::parse_integer(bytes).is_some() => "int",
        Value::String(_) => "raw",
    };
    let text = format!(
        "Value at:0x0 refcount:1 encoding:{encoding} serializedlength:{} lru:{} \
         lru_seconds_idle:{}",
        entry.value().memory_bytes(),
        entry.used_at_s(),
        now_s.saturating_sub(entry.used_at_s()),
    );
    cx.reply().simple(&text);
    Ok(())
}

fn set_active_expire(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let is_on = Args::from(request, 2).take_integer()? != 0;
    cx.server.expires_actively.store(is_on, Ordering::Relaxed);
    cx.reply().ok();
    Ok(())
}

fn sleep(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let seconds = args::float(Args::from(request, 2).take()?)?;
    thread::sleep(Duration::from_secs_f64(seconds.clamp(0.0, SLEEP_SECONDS_MAX)));
    cx.reply().ok();
    Ok(())
}

fn stringmatch_len(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 2);
    let len = args.take_integer()?.clamp(0, MATCH_BYTES_MAX);
    let text = vec![b'a'; usize::try_from(len).unwrap_or_default()];
    let matches = glob::matches(args.take()?, &text);
    cx.reply().integer(matches.into());
    Ok(())
}
