//! GETEX: reads a string and changes when it expires.

use firth_engine::DeadlineRule;
use firth_resp::Request;

use super::expiry::Expiry;
use crate::args::{Args, is_word};
use crate::context::Context;
use crate::reply_error::{ReplyError, SYNTAX};
use crate::spec::{Flags, Group, Keys, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "getex",
    syntax: "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
             PXAT unix-time-milliseconds | PERSIST]",
    summary: "Returns the string that a key holds and sets or clears the key's expiration time.",
    since: "6.2.0",
    group: Group::String,
    arity: -2,
    flags: Flags::WRITE.union(Flags::FAST),
    keys: Keys::FIRST,
    run,
    ..Spec::BASE
};

#[derive(Debug)]
enum Change<'a> {
    None,
    Persist,
    Expire(Expiry<'a>),
}

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 1);
    let key = args.take()?;
    let change = Change::take(args)?;
    let (db, now_ms, name) = (cx.db(), cx.now_ms(), cx.spec.name);
    let (keys, mut reply) = cx.keys_and_reply();
    let Some(value) = keys.string(db, key)? else {
        reply.null();
        return Ok(());
    };
    reply.bulk(value);
    match change {
        Change::None => {}
        Change::Persist => {
            keys.persist(db, key);
        }
        Change::Expire(expiry) => {
            keys.set_deadline(db, key, expiry.at_ms(now_ms, name)?, DeadlineRule::default());
        }
    }
    Ok(())
}

impl<'a> Change<'a> {
    fn take(mut args: Args<'a>) -> Result<Self, ReplyError> {
        let mut change = Change::None;
        while args.left() > 0 {
            let word = args.take()?;
            change = match change {
                Change::None | Change::Persist if is_word(word, "persist") => Change::Persist,
                Change::None => Change::Expire(Expiry::after(word, &mut args, None)?),
                Change::Expire(before) => {
                    Change::Expire(Expiry::after(word, &mut args, Some(before))?)
                }
                Change::Persist => return Err(SYNTAX),
            };
        }
        Ok(change)
    }
}
