//! SET: sets a string, under conditions and for a while if so wished.

use firth_engine::{Deadline, Presence};
use firth_resp::Request;

use super::expiry::Expiry;
use crate::args::{Args, is_word};
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "set",
    syntax: "key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
             PXAT unix-time-milliseconds | KEEPTTL]",
    summary: "Sets a key to a string, whatever it held before.",
    group: Group::String,
    arity: -3,
    flags: Flags::WRITE.union(Flags::DENYOOM),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

#[derive(Debug, Default)]
struct Options<'a> {
    presence: Option<Presence>,
    expiry: Option<Expiry<'a>>,
    keeps_deadline: bool,
    answers_old: bool,
}

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let (key, value) = (args.take()?, args.take()?);
    let options = Options::take(args)?;
    let deadline = match options.expiry {
        Some(expiry) => Deadline::At(expiry.at_ms(cx.now_ms(), cx.spec.name)?),
        None if options.keeps_deadline => Deadline::Keep,
        None => Deadline::Clear,
    };
    let db = cx.db();
    let (keys, mut reply) = cx.keys_and_reply();
    if options.answers_old {
        match keys.string(db, key)? {
            Some(old) => reply.bulk(old),
            None => reply.null(),
        }
    }
    let is_done = keys.set_string(db, key, value, deadline, options.presence);
    match (options.answers_old, is_done) {
        (true, _) => {}
        (false, true) => reply.ok(),
        (false, false) => reply.null(),
    }
    Ok(())
}

impl<'a> Options<'a> {
    fn take(mut args: Args<'a>) -> Result<Self, ReplyError> {
        let mut options = Options::default();
        while args.left() > 0 {
            let word = args.take()?;
            if is_word(word, "nx") && options.presence != Some(Presence::Present) {
                options.presence = Some(Presence::Absent);
            } else if is_word(word, "xx") && options.presence != Some(Presence::Absent) {
                options.presence = Some(Presence::Present);
            } else if is_word(word, "get") {
                options.answers_old = true;
            } else if is_word(word, "keepttl") && options.expiry.is_none() {
                options.keeps_deadline = true;
            } else if options.keeps_deadline {
                return Err(SYNTAX);
            } else {
                options.expiry = Some(Expiry::after(word, &mut args, options.expiry)?);
            }
        }
        Ok(options)
    }
}
