//! XTRIM: trims a stream from its front.

use firth_resp::Request;

use super::trim_args::TrimArgs;
use crate::args::Args;
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "xtrim",
    syntax: "key <MAXLEN|MINID> [=|~] threshold [LIMIT count] [KEEPREF|DELREF|ACKED]",
    summary: "Removes the oldest entries of a stream.",
    complexity: "O(N) for N removed entries",
    since: "5.0.0",
    group: Group::Stream,
    arity: -4,
    flags: Flags::WRITE,
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

const NO_STRATEGY: ReplyError =
    ReplyError::fixed("ERR syntax error, XTRIM must be called with a trimming strategy");

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let key = args.take()?;
    let mut trim = TrimArgs::default();
    while args.left() > 0 {
        if !trim.take_option(&mut args)? {
            return Err(SYNTAX);
        }
    }
    let trim = trim.finish()?.ok_or(NO_STRATEGY)?;
    let db = cx.db();
    let removed = cx.keys.stream_mut(db, key)?.map_or(0, |mut stream| stream.trim(&trim));
    cx.reply().integer(removed.cast_signed());
    Ok(())
}
