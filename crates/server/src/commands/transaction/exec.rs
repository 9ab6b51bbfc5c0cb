//! EXEC: runs the commands of a transaction.

use firth_resp::Request;

use super::multi;
use crate::commands::Command;
use crate::context::Context;
use crate::dispatch;
use crate::reply_error::{EXEC_ABORT, EXEC_WITHOUT_MULTI, ReplyError};
use crate::server::Server;
use crate::spec::{Flags, Keys, Spec};
use crate::watch;

pub(super) const SPEC: Spec = Spec {
    name: "exec",
    summary: "Runs the queued commands of a transaction, none of anybody else's between them.",
    complexity: "That of the queued commands",
    flags: multi::SPEC.flags.difference(Flags::FAST).union(Flags::SKIP_SLOWLOG),
    keys: Keys::Transaction,
    run,
    ..multi::SPEC
};

/// The keys of all queued commands and all watched keys are locked.
fn run(cx: &mut Context<'_, '_>, _: Request<'_>) -> Result<(), ReplyError> {
    let transaction = watch::end_transaction(cx.session).ok_or(EXEC_WITHOUT_MULTI)?;
    let is_changed = watch::take_verdict(cx.session, cx.keys);
    if transaction.is_broken {
        return Err(EXEC_ABORT);
    }
    if is_changed {
        cx.reply().null_array();
        return Ok(());
    }
    cx.reply().array(transaction.queue.len());
    let mut started_ns = cx.server.monotonic_ns();
    for (spec, queued) in &transaction.queue {
        let request = queued.as_request();
        let Some(command) = command(cx.server, spec, request) else { continue };
        run_queued(cx, command, request);
        let Context { server, local, session, .. } = cx;
        started_ns = dispatch::note_end(server, local, session, command, request, started_ns);
    }
    Ok(())
}

fn run_queued(cx: &mut Context<'_, '_>, command: Command, request: Request<'_>) {
    let mut cx = Context {
        server: cx.server,
        local: cx.local,
        session: cx.session,
        keys: cx.keys,
        spec: command.spec,
        in_transaction: true,
    };
    dispatch::run(&mut cx, command, request);
}

/// Finds a queued command's place in the counters; it was found by the same words when it was
/// queued.
fn command(server: &Server, spec: &Spec, request: Request<'_>) -> Option<Command> {
    let container = server.table.find(request.get(0)?)?;
    if spec.name.contains('|') {
        server.table.find_subcommand(container, request.get(1)?)
    } else {
        Some(container)
    }
}
