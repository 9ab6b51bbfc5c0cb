//! CLIENT UNBLOCK: ends the wait of another client.

use std::sync::atomic::Ordering;

use firth_engine::Lsn;
use firth_resp::{Protocol, Reply, Request};

use crate::args::{Args, integer, is_word};
use crate::blocked::BlockedReader;
use crate::client::Client;
use crate::context::Context;
use crate::mailbox::Mail;
use crate::reply_error::{ReplyError, UNBLOCKED, subcommand_syntax};
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "client|unblock",
    syntax: "client-id [TIMEOUT | ERROR]",
    summary: "Ends the wait of a blocked client, as if its time were up or with an error.",
    since: "5.0.0",
    group: Group::Connection,
    arity: -3,
    flags: Flags::NOSCRIPT
        .union(Flags::LOADING)
        .union(Flags::STALE)
        .union(Flags::CONNECTION)
        .union(Flags::ADMIN),
    run,
    ..Spec::BASE
};

const BAD_REASON: ReplyError =
    ReplyError::fixed("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    if let Some(name) = request.get(1)
        && request.len() > 4
    {
        return Err(subcommand_syntax("CLIENT", name));
    }
    let mut args = Args::from(request, 2);
    let id = args.take()?;
    let how = match args.peek() {
        None => Ending::Timeout,
        Some(how) if is_word(how, "TIMEOUT") => Ending::Timeout,
        Some(how) if is_word(how, "ERROR") => Ending::Error,
        Some(_) => return Err(BAD_REASON),
    };
    let id = integer(id)?;
    let client = u64::try_from(id).ok().and_then(|id| cx.server.clients.get(id));
    let reader = client.as_ref().and_then(|client| client.blocked.lock().clone());
    let ended = match (client, reader) {
        (Some(client), Some(reader)) if reader.claim() => {
            let reply = farewell(&client, &reader, how);
            let token = client.address.token;
            if let Some(mailbox) = cx.server.mailbox(client.address.mailbox) {
                mailbox.send(Mail::Served { token, wait: reader.id, reply, lsn: Lsn::ZERO });
            }
            true
        }
        _ => false,
    };
    cx.reply().integer(ended.into());
    Ok(())
}

/// How the wait ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Timeout,
    Error,
}

/// Returns what the blocked command answers.
fn farewell(client: &Client, reader: &BlockedReader, how: Ending) -> Vec<u8> {
    let is_resp3 = client.protocol.load(Ordering::Relaxed) == 3;
    let protocol = if is_resp3 { Protocol::Resp3 } else { Protocol::Resp2 };
    if how == Ending::Timeout {
        return reader.late_reply(protocol);
    }
    let mut out = Vec::new();
    Reply::new(&mut out, protocol).error(UNBLOCKED.text());
    out
}
