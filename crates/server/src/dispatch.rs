//! The one path that every request takes: lookup, arity, authentication, queueing, locking, run.

use std::sync::atomic::Ordering;

use firth_engine::blocks::{Room, Wanted};
use firth_engine::{Lsn, ShardSet, Signals};
use firth_resp::{Protocol, Reply, Request};

use crate::client::ClientState;
use crate::commands::Command;
use crate::context::Context;
use crate::local::Local;
use crate::reply_error::{self, NO_AUTH, ReplyError, unknown_command, unknown_subcommand};
use crate::server::Server;
use crate::session::{ReplyMode, Session, Transaction};
use crate::spec::{Flags, Keys, Spec};
use crate::{log_access, monitor, notification, tracking, watch};

/// What came of a request.
#[derive(Debug)]
pub enum Dispatched {
    /// It is done; its replies depend on this position.
    Done(Lsn),
    /// It has to wait until this time of the monotonic clock, and nothing was done yet.
    Paused(u64),
    /// It is to be run once more when these blocks have been read; nothing was done yet.
    Suspended(Wanted),
}

/// Runs one request of a client; its replies go to the outbox of the client.
pub fn dispatch(
    server: &Server,
    local: &mut Local,
    session: &mut Session,
    request: Request<'_>,
) -> Dispatched {
    let Some(name) = request.get(0) else { return Dispatched::Done(Lsn::ZERO) };
    let start = local.outboxes.reply.len();
    if is_http(name) {
        let (id, peer) = (session.client.id, session.client.peer.as_str());
        tracing::warn!(id, peer, "closing a client that speaks HTTP, perhaps by a trick");
        session.is_closing = true;
        return Dispatched::Done(Lsn::ZERO);
    }
    let found = find(server, name, request);
    let command = match found.and_then(|command| check(session, command, request, local)) {
        Ok(command) => command,
        Err(error) => {
            let error = end_at_bad_exec(server, local, session, name, error);
            refuse(server, local, session, start, &error);
            return Dispatched::Done(Lsn::ZERO);
        }
    };
    let spec = command.spec;
    if let Some((until_ms, which)) = server.pause.now(local.monotonic_ms)
        && (which == crate::pause::Paused::All || may_write(spec, session))
        && !is_exempt_from_pause(spec)
    {
        return Dispatched::Paused(until_ms);
    }
    if changes_keys(spec, session)
        && let Some(error) = log_access::refusal(server)
    {
        let error = end_at_bad_exec(server, local, session, name, error);
        refuse(server, local, session, start, &error);
        return Dispatched::Done(Lsn::ZERO);
    }
    match room_for(server, spec, session, request) {
        Room::Enough => {}
        // The clock of the loop may be that much behind already.
        Room::Soon => return Dispatched::Paused(local.monotonic_ms + 1),
        Room::None => {
            let error = end_at_bad_exec(server, local, session, name, reply_error::OUT_OF_MEMORY);
            refuse(server, local, session, start, &error);
            return Dispatched::Done(Lsn::ZERO);
        }
    }
    if session.transaction.is_some() && !spec.flags.contains(Flags::IMMEDIATE) {
        queue(server, local, session, spec, request);
        return Dispatched::Done(Lsn::ZERO);
    }
    match run_alone(server, local, session, command, request) {
        Ok(lsn) => {
            settle_reply_mode(local, session, start);
            Dispatched::Done(lsn)
        }
        Err(wanted) => {
            local.outboxes.reply.truncate(start);
            Dispatched::Suspended(wanted)
        }
    }
}

/// Says whether this is how an HTTP request begins, or goes on: a web page can make a browser send
/// one here, with commands for a body.
fn is_http(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
}

/// An EXEC that is refused ends its transaction all the same, and says so even if there is none.
fn end_at_bad_exec(
    server: &Server,
    local: &Local,
    session: &mut Session,
    name: &[u8],
    error: ReplyError,
) -> ReplyError {
    if !name.eq_ignore_ascii_case(b"exec") {
        return error;
    }
    watch::end_transaction(session);
    watch::unwatch_all(server, session, local.now_ms);
    let reason = error.text().trim_start_matches("ERR ");
    ReplyError::new(format!("EXECABORT Transaction discarded because of: {reason}"))
}

/// Finds the command that a request names.
fn find(server: &Server, name: &[u8], request: Request<'_>) -> Result<Command, ReplyError> {
    let unknown = || unknown_command(name, request.slice(1).iter());
    let command = server.table.find(name).ok_or_else(unknown)?;
    if !command.spec.subcommands.is_empty()
        && let Some(sub) = request.get(1)
    {
        let found = server.table.find_subcommand(command, sub);
        return found.ok_or_else(|| unknown_subcommand(command.spec.name, sub));
    }
    Ok(command)
}

/// Returns the command if the client may run it as it asks, and counts the refusal otherwise.
fn check(
    session: &Session,
    command: Command,
    request: Request<'_>,
    local: &Local,
) -> Result<Command, ReplyError> {
    let refusal = refusal(session, command.spec, request);
    if refusal.is_some()
        && let Some(stats) = local.stats.commands.get(command.index)
    {
        stats.rejected.add(1);
    }
    refusal.map_or(Ok(command), Err)
}

/// Says why a client may not run a command as it asks.
fn refusal(session: &Session, spec: &Spec, request: Request<'_>) -> Option<ReplyError> {
    if !spec.accepts(request.len()) {
        return Some(reply_error::wrong_arity(spec.name));
    }
    if !session.is_authenticated && !spec.flags.contains(Flags::NO_AUTH) {
        return Some(NO_AUTH);
    }
    if session.is_subscribed()
        && session.protocol == Protocol::Resp2
        && !spec.flags.contains(Flags::WHILE_SUBSCRIBED)
    {
        return Some(ReplyError::new(format!(
            "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET \
             are allowed in this context",
            spec.name
        )));
    }
    if session.is_monitor && (spec.flags.intersects(Flags::READONLY) || is_write(spec)) {
        return Some(reply_error::MONITOR_AND_KEYS);
    }
    if session.transaction.is_some() && spec.flags.contains(Flags::NO_MULTI) {
        return Some(ReplyError::fixed("ERR Command not allowed inside a transaction"));
    }
    None
}

/// Answers with an error before anything ran, which also breaks an open transaction.
fn refuse(
    server: &Server,
    local: &mut Local,
    session: &mut Session,
    start: usize,
    error: &ReplyError,
) {
    if let Some(transaction) = &mut session.transaction {
        transaction.is_broken = true;
    }
    write_error(server, local, session, error);
    settle_reply_mode(local, session, start);
}

fn write_error(server: &Server, local: &mut Local, session: &Session, error: &ReplyError) {
    Reply::new(&mut local.outboxes.reply, session.protocol).error(error.text());
    count_error(server, local, error.text());
}

/// Counts an error reply of this text.
pub fn count_error(server: &Server, local: &Local, text: &str) {
    local.stats.errors.add(1);
    server.count_error(text.split(' ').next().unwrap_or("ERR"));
}

fn queue(
    server: &Server,
    local: &mut Local,
    session: &mut Session,
    spec: &'static Spec,
    request: Request<'_>,
) {
    let start = local.outboxes.reply.len();
    let queued = session.transaction.get_or_insert_with(|| Box::new(Transaction::default()));
    if queued.bytes > local.config.query_bytes_max {
        refuse(server, local, session, start, &reply_error::TRANSACTION_TOO_LARGE);
        return;
    }
    let request = request.to_owned_request();
    queued.bytes += request.memory_bytes();
    queued.queue.push((spec, request));
    let count = i64::try_from(queued.queue.len()).unwrap_or(i64::MAX);
    session.client.queued.store(count, Ordering::Relaxed);
    Reply::new(&mut local.outboxes.reply, session.protocol).simple("QUEUED");
    settle_reply_mode(local, session, start);
}

/// Runs a command, or a whole transaction, under the locks of its keys. One that lacks blocks is
/// void, and what it wants is returned.
fn run_alone(
    server: &Server,
    local: &mut Local,
    session: &mut Session,
    command: Command,
    request: Request<'_>,
) -> Result<Lsn, Wanted> {
    let index = u32::try_from(command.index).unwrap_or(u32::MAX);
    session.client.last_command.store(index, Ordering::Relaxed);
    let shards = shards_of(server, session, command.spec, request);
    let mut keys = server.engine.lock(shards, local.now_ms);
    if session.client.is(ClientState::NoTouch) && command.spec.name != "touch" {
        keys.ignore_uses();
    }
    let changes_keys = changes_keys(command.spec, session);
    if !changes_keys && !server.engine.journal().admits() {
        keys.hide_overdue();
    }
    session.scan.allow(server, &mut keys, command.spec);
    let start = local.outboxes.reply.len();
    let mut cx = Context {
        server,
        local,
        session,
        keys: &mut keys,
        spec: command.spec,
        in_transaction: false,
    };
    run(&mut cx, command, request);
    if let Some(wanted) = keys.end_suspension() {
        return Err(wanted);
    }
    session.scan.end_command();
    keys.serve_waiters();
    let mut lsn = if is_about_server(command.spec) { Lsn::ZERO } else { keys.lsn() };
    let is_read = !changes_keys && local.outboxes.reply.len() > start;
    let withheld = if is_read { log_access::unsettled(&server.engine, lsn) } else { None };
    let mut signals = keys.take_signals();
    if withheld.is_some() {
        // Nobody is told of what its client is not told of.
        signals.events.clear();
        local.said.clear();
    }
    if !signals.is_empty() || !local.said.is_empty() {
        signals.lsn = signals.lsn.max(lsn);
        tell_of(server, local, Some(session.client.id), signals);
    }
    drop(keys);
    if let Some(error) = withheld {
        local.outboxes.reply.truncate(start);
        write_error(server, local, session, &error);
        lsn = Lsn::ZERO;
    }
    tracking::end_command(session, command.spec);
    // One reading serves as the end of this command and as the start of the next one.
    let started_ns = local.monotonic_ns;
    local.monotonic_ns = note_end(server, local, session, command, request, started_ns);
    Ok(lsn)
}

/// Runs a command whose keys are locked; an error takes the place of what it had replied.
pub fn run(cx: &mut Context<'_, '_>, command: Command, request: Request<'_>) {
    let start = cx.local.outboxes.reply.len();
    let mut outcome = (command.spec.run)(cx, request);
    if cx.keys.is_void() {
        match cx.keys.take_read_failure() {
            Some(failure) => outcome = Err(reply_error::read_failure(&failure)),
            None => return,
        }
    }
    if let Some(stats) = cx.local.stats.commands.get(command.index) {
        stats.calls.add(1);
        stats.failed.add(u64::from(outcome.is_err()));
    }
    // An error may say that a key is missing, which a client can remember as well.
    tracking::remember_reads(cx, request);
    if let Err(error) = outcome {
        cx.local.outboxes.reply.truncate(start);
        write_error(cx.server, cx.local, cx.session, &error);
    }
    monitor::show(cx.server, cx.local, cx.session, command.spec, request);
}

/// Tells others what happened to keys, and by which client if it was one, with what its transaction
/// has published.
pub fn tell_of(server: &Server, local: &mut Local, origin: Option<u64>, mut signals: Signals) {
    let events = std::mem::take(&mut signals.events);
    let said = std::mem::take(&mut local.said);
    notification::publish(server, local, events, said, signals.lsn);
    tracking::invalidate(server, local, origin, &signals);
}

/// Returns the shards of the keys that a command works on.
pub fn shards_of(
    server: &Server,
    session: &Session,
    spec: &Spec,
    request: Request<'_>,
) -> ShardSet {
    let shard = |key: &[u8]| ShardSet::of(server.engine.hash(key));
    match spec.keys {
        Keys::None => ShardSet::NONE,
        Keys::All => ShardSet::ALL,
        Keys::Range { first, last, .. } if usize::try_from(last) == Ok(first) => {
            request.get(first).map_or(ShardSet::NONE, shard)
        }
        Keys::Transaction => shards_of_transaction(server, session),
        keys => {
            let mut shards = ShardSet::NONE;
            for key in keys.places(request).into_iter().filter_map(|place| request.get(place)) {
                shards.add(shard(key));
            }
            shards
        }
    }
}

fn shards_of_transaction(server: &Server, session: &Session) -> ShardSet {
    let mut shards = ShardSet::NONE;
    for (spec, request) in session.transaction.iter().flat_map(|open| &open.queue) {
        shards.add(shards_of(server, session, spec, request.as_request()));
    }
    for key in session.watch.iter().flat_map(|watch| &watch.keys) {
        shards.add(ShardSet::of(server.engine.hash(&key.key)));
    }
    shards
}

/// Says whether a command only tells about the server, though it looks at all keys for that: it
/// depends on no change, and is wanted most when the log is not well.
fn is_about_server(spec: &Spec) -> bool {
    spec.keys == Keys::All && spec.flags.contains(Flags::STALE)
}

/// Says whether a command may change keys, be it by those of a transaction.
fn changes_keys(spec: &Spec, session: &Session) -> bool {
    let queue = session.transaction.iter().flat_map(|open| &open.queue);
    let changes = |spec: &Spec| spec.flags.contains(Flags::WRITE);
    changes(spec) || spec.keys == Keys::Transaction && queue.clone().any(|(spec, _)| changes(spec))
}

fn may_write(spec: &Spec, session: &Session) -> bool {
    let queue = session.transaction.iter().flat_map(|open| &open.queue);
    let queued = || queue.clone().any(|(spec, _)| is_write(spec));
    is_write(spec) || spec.keys == Keys::Transaction && queued()
}

/// Says whether there is memory for a command.
fn room_for(server: &Server, spec: &Spec, session: &Session, request: Request<'_>) -> Room {
    if server.engine.memory().limit_bytes() == 0 || !takes_memory(spec, session) {
        return Room::Enough;
    }
    let mut bytes = request.iter().map(<[u8]>::len).sum::<usize>();
    if let Some(open) = &session.transaction {
        // What is queued stays until all of it has run, and so is there twice.
        bytes = bytes.saturating_add(open.bytes).saturating_mul(2);
    }
    server.engine.make_room(if bytes < LARGE_BYTES { 0 } else { bytes })
}

/// A command that brings less than this is not looked at as to whether it fits.
pub const LARGE_BYTES: usize = 16 << 10;

/// Says whether a command may need more memory, or one of those that EXEC is going to run.
fn takes_memory(spec: &Spec, session: &Session) -> bool {
    let mut queue = session.transaction.iter().flat_map(|open| &open.queue);
    spec.flags.contains(Flags::DENYOOM)
        || spec.keys == Keys::Transaction
            && queue.any(|(spec, _)| spec.flags.contains(Flags::DENYOOM))
}

/// PUBLISH counts as a write for CLIENT PAUSE.
fn is_write(spec: &Spec) -> bool {
    spec.flags.contains(Flags::WRITE) || matches!(spec.name, "publish" | "spublish")
}

fn is_exempt_from_pause(spec: &Spec) -> bool {
    spec.name.starts_with("client|") || matches!(spec.name, "shutdown" | "auth" | "hello")
}

/// Keeps or drops the reply, as the client wants it; messages to the client follow either way.
fn settle_reply_mode(local: &mut Local, session: &mut Session, start: usize) {
    match session.reply_mode {
        ReplyMode::On => {}
        ReplyMode::Off => local.outboxes.reply.truncate(start),
        ReplyMode::SkipNext => {
            local.outboxes.reply.truncate(start);
            session.reply_mode = ReplyMode::Skip;
        }
        ReplyMode::Skip => {
            local.outboxes.reply.truncate(start);
            session.reply_mode = ReplyMode::On;
        }
    }
    local.outboxes.release_pushes();
}

/// Counts how long a command took that began at this time, and returns the time now.
pub fn note_end(
    server: &Server,
    local: &Local,
    session: &Session,
    command: Command,
    request: Request<'_>,
    started_ns: u64,
) -> u64 {
    let ended_ns = server.monotonic_ns();
    let took_ns = ended_ns.saturating_sub(started_ns);
    if let Some(stats) = local.stats.commands.get(command.index) {
        stats.note_time(took_ns);
    }
    note_slow(server, local, session, command.spec, request, took_ns / 1000);
    ended_ns
}

fn note_slow(
    server: &Server,
    local: &Local,
    session: &Session,
    spec: &Spec,
    request: Request<'_>,
    took_us: u64,
) {
    let config = &local.config;
    let took_ms = took_us / 1000;
    if config.latency_threshold_ms > 0 && took_ms >= config.latency_threshold_ms {
        let is_fast = spec.flags.contains(Flags::FAST);
        let event = if is_fast { "fast-command" } else { "command" };
        server.latency.note(event, local.now_ms / 1000, took_ms);
    }
    let is_slow = u64::try_from(config.slow_log_us).is_ok_and(|slow_us| took_us >= slow_us);
    if is_slow && !spec.flags.contains(Flags::SKIP_SLOWLOG) && config.slow_log_entries_max > 0 {
        let at_s = local.now_ms / 1000;
        let entries_max = config.slow_log_entries_max;
        server.slow_log.add(spec, request, at_s, took_us, &session.client, entries_max);
    }
}
