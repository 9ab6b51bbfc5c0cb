//! CLIENT LIST: returns a line about each connection.

use firth_resp::Request;

use super::client_class::ClientClass;
use super::client_line;
use crate::args::{Args, parse_integer};
use crate::context::Context;
use crate::reply_error::ReplyError;
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "client|list",
    syntax: "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
    summary: "Returns a line about each connection.",
    since: "2.4.0",
    group: Group::Connection,
    arity: -2,
    flags: Flags::NOSCRIPT
        .union(Flags::LOADING)
        .union(Flags::STALE)
        .union(Flags::CONNECTION)
        .union(Flags::ADMIN),
    run,
    ..Spec::BASE
};

const BAD_ID: ReplyError = ReplyError::fixed("ERR Invalid client ID");

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 2);
    let mut clients = cx.server.clients.all();
    if args.left() == 2 && args.take_word("TYPE") {
        let class = ClientClass::parse(args.take()?)?;
        clients.retain(|client| ClientClass::of(client) == class);
    } else if args.left() > 1 && args.take_word("ID") {
        let mut ids = Vec::new();
        for id in args.rest() {
            ids.push(parse_integer(id).and_then(|id| u64::try_from(id).ok()).ok_or(BAD_ID)?);
        }
        clients.retain(|client| ids.contains(&client.id));
    } else {
        args.finish()?;
    }
    let mut text = String::new();
    for client in clients {
        text.push_str(&client_line::line(cx, &client));
        text.push('\n');
    }
    cx.reply().verbatim(b"txt", text.as_bytes());
    Ok(())
}
