//! The line that CLIENT LIST and CLIENT INFO show about a client.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use crate::client::{Client, ClientState};
use crate::context::Context;

/// The memory that a connection takes for itself, about.
const CONNECTION_BYTES: u64 = 2048;

/// Returns the line, without its end. What we keep no account of is 0.
pub(super) fn line(cx: &Context<'_, '_>, client: &Client) -> String {
    let now_ms = cx.local.monotonic_ms;
    let seconds = |since_ms: u64| now_ms.saturating_sub(since_ms) / 1000;
    let get = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed);
    let labels = client.labels.lock().clone();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (waiting_in, waiting_out) = (get(&client.input_bytes), get(&client.output_bytes));
    let last = client.last_command.load(Ordering::Relaxed) as usize;
    let command = cx.server.table.all().get(last).map_or("NULL", |command| command.spec.name);
    let mut line = format!(
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={}",
        client.id,
        client.peer,
        client.local,
        client.address.token & u64::from(u32::MAX),
        text(&labels.name),
        seconds(client.connected_ms),
        seconds(get(&client.active_ms)),
        flags(client),
        client.db.load(Ordering::Relaxed),
    );
    let count = |number: &std::sync::atomic::AtomicU32| number.load(Ordering::Relaxed);
    let parts = [
        ("sub", i64::from(count(&client.channels))),
        ("psub", i64::from(count(&client.patterns))),
        ("ssub", i64::from(count(&client.shard_channels))),
        ("multi", client.queued.load(Ordering::Relaxed)),
        ("watch", i64::from(count(&client.watched))),
        ("qbuf", signed(waiting_in)),
        ("qbuf-free", 0),
        ("argv-mem", 0),
        ("multi-mem", 0),
        ("rbs", 0),
        ("rbp", 0),
        ("obl", 0),
        ("oll", i64::from(count(&client.output_pieces))),
        ("omem", signed(waiting_out)),
        ("tot-mem", signed(CONNECTION_BYTES + waiting_in + waiting_out)),
    ];
    for (name, value) in parts {
        let _ = write!(line, " {name}={value}");
    }
    let _ = write!(
        line,
        " events=r cmd={command} user=default redir={} resp={} lib-name={} lib-ver={} \
         io-thread={} tot-net-in={} tot-net-out={} tot-cmds={}",
        client.redirect.load(Ordering::Relaxed),
        client.protocol.load(Ordering::Relaxed),
        text(&labels.library),
        text(&labels.library_version),
        client.address.mailbox,
        get(&client.received_bytes),
        get(&client.sent_bytes),
        get(&client.commands),
    );
    line
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Returns the states of a client as letters, `N` for none.
fn flags(client: &Client) -> String {
    let letters = [
        ('O', client.is(ClientState::Monitor)),
        ('P', client.is(ClientState::Subscribed)),
        ('x', client.queued.load(Ordering::Relaxed) >= 0),
        ('b', client.is(ClientState::Blocked)),
        ('t', client.is(ClientState::Tracking)),
        ('R', client.is(ClientState::BrokenRedirect)),
        ('B', client.is(ClientState::Broadcast)),
        ('c', client.is_closing.load(Ordering::Relaxed)),
        ('U', client.is_unix),
        ('e', client.is(ClientState::NoEvict)),
        ('T', client.is(ClientState::NoTouch)),
    ];
    let flags: String = letters.iter().filter(|(_, holds)| *holds).map(|(c, _)| *c).collect();
    if flags.is_empty() { "N".to_owned() } else { flags }
}
