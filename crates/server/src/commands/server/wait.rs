//! WAIT: waits for replicas, of which there are none.

use firth_resp::Request;

use crate::args::{Args, parse_integer};
use crate::blocked::Wait;
use crate::context::Context;
use crate::reply_error::{ReplyError, TIMEOUT_NEGATIVE, TIMEOUT_NOT_INTEGER};
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "wait",
    syntax: "numreplicas timeout",
    summary: "Waits until so many replicas have the changes of this connection, or for so many milliseconds, and returns how many have them: none.",
    since: "3.0.0",
    complexity: "O(1)",
    group: Group::Server,
    arity: 3,
    flags: Flags::BLOCKING.union(Flags::CONNECTION),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let replicas = args.take_integer()?;
    let timeout_ms = parse_integer(args.take()?).ok_or(TIMEOUT_NOT_INTEGER)?;
    let timeout_ms = u64::try_from(timeout_ms).map_err(|_| TIMEOUT_NEGATIVE)?;
    if replicas <= 0 || !cx.may_block() {
        cx.reply().integer(0);
        return Ok(());
    }
    // Nothing can end the wait but time.
    cx.block(Wait {
        keys: Vec::new(),
        retry: Box::new(|_| None),
        watches_absence: false,
        timeout_ms: (timeout_ms > 0).then_some(timeout_ms),
        retry_after_ms: None,
        late_reply: Some(b":0\r\n".to_vec()),
    });
    Ok(())
}
