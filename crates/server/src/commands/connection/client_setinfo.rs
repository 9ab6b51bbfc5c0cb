//! CLIENT SETINFO: tells which library the client uses.

use firth_resp::Request;

use super::client_setname::check_label;
use crate::args::{Args, is_word};
use crate::context::Context;
use crate::reply_error::{ReplyError, printable};
use crate::spec::{Flags, Group, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "client|setinfo",
    syntax: "<LIB-NAME libname | LIB-VER libver>",
    summary: "Tells which library the client uses.",
    since: "7.2.0",
    group: Group::Connection,
    arity: 4,
    flags: Flags::NOSCRIPT.union(Flags::LOADING).union(Flags::STALE).union(Flags::CONNECTION),
    run,
    ..Spec::BASE
};

fn run(cx: &mut Context<'_, '_>, request: Request<'_>) -> Result<(), ReplyError> {
    let mut args = Args::from(request, 2);
    let (option, value) = (args.take()?, args.take()?);
    if is_word(option, "LIB-NAME") {
        check_label(value, "lib-name")?;
        cx.session.client.labels.lock().library = value.to_vec();
    } else if is_word(option, "LIB-VER") {
        check_label(value, "lib-ver")?;
        cx.session.client.labels.lock().library_version = value.to_vec();
    } else {
        let option = printable(option, 128);
        return Err(ReplyError::new(format!("ERR Unrecognized option '{option}'")));
    }
    cx.reply().ok();
    Ok(())
}
