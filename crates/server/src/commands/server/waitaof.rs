//! WAITAOF: waits until the changes are on the disk, whatever the durability.

use firth_engine::{Locked, Lsn};
use firth_resp::{Reply, Request};

use crate::args::{Args, parse_integer};
use crate::blocked::Wait;
use crate::context::Context;
use crate::reply_error::{ReplyError, TIMEOUT_NEGATIVE, TIMEOUT_NOT_INTEGER};
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "waitaof",
    syntax: "numlocal numreplicas timeout",
    summary: "Waits until the changes made so far are on the disk, here and on so many replicas, or for so many milliseconds, and returns where they are: 1 or 0 for here, and 0 replicas.",
    since: "7.2.0",
    complexity: "O(1)",
    group: Group::Server,
    arity: 4,
    flags: Flags::BLOCKING.union(Flags::CONNECTION),
    run,
    ..Spec::BASE
};

const LOCAL_OUT_OF_RANGE: ReplyError =
    ReplyError::fixed("ERR value is out of range, must be between 0 and 1");
const REPLICAS_NEGATIVE: ReplyError =
    ReplyError::fixed("ERR value is out of range, must be positive");
const NO_LOG: ReplyError = ReplyError::fixed(
    "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
);
/// How often it is looked whether the log has got on.
const RETRY_MS: u64 = 2;

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let local = args.take_integer()?;
    if !(0..=1).contains(&local) {
        return Err(LOCAL_OUT_OF_RANGE);
    }
    let replicas = u64::try_from(args.take_integer()?).map_err(|_| REPLICAS_NEGATIVE)?;
    let timeout_ms = parse_integer(args.take()?).ok_or(TIMEOUT_NOT_INTEGER)?;
    let timeout_ms = u64::try_from(timeout_ms).map_err(|_| TIMEOUT_NEGATIVE)?;
    let engine = &cx.server.engine;
    let wanted = engine.journal().last();
    let is_durable = match engine.storage() {
        None if local > 0 => return Err(NO_LOG),
        None => false,
        Some(storage) => storage.log().durable() >= wanted,
    };
    let is_reached = replicas == 0 && (local == 0 || is_durable);
    if is_reached || !cx.may_block() {
        write(cx.reply(), is_durable);
        return Ok(());
    }
    if let Some(storage) = engine.storage() {
        storage.log().request_sync(wanted);
    }
    let mut late_reply = Vec::new();
    write(Reply::new(&mut late_reply, cx.session.protocol), is_durable);
    cx.block(Wait {
        keys: Vec::new(),
        // Without replicas there is nothing to wait for where some are asked for.
        retry: Box::new(
            move |keys| if replicas == 0 { reply_if_durable(keys, wanted) } else { None },
        ),
        watches_absence: false,
        timeout_ms: (timeout_ms > 0).then_some(timeout_ms),
        retry_after_ms: Some(RETRY_MS),
        late_reply: Some(late_reply),
    });
    Ok(())
}

fn reply_if_durable(keys: &Locked<'_>, wanted: Lsn) -> Option<Vec<u8>> {
    let log = keys.engine().storage()?.log();
    match log.durable() >= wanted {
        true => Some(b"*2\r\n:1\r\n:0\r\n".to_vec()),
        // It never will be.
        false if log.is_poisoned() => Some(b"*2\r\n:0\r\n:0\r\n".to_vec()),
        false => None,
    }
}

fn write(mut reply: Reply<'_>, is_durable: bool) {
    reply.array(2);
    reply.integer(i64::from(is_durable));
    reply.integer(0);
}
