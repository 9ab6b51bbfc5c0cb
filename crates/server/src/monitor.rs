//! MONITOR: shows every command to those who asked for it.
//!
//! ```text
//! +1700000000.123456 [0 127.0.0.1:50000] "set" "key" "a \"value\"\n"
//!  seconds.micros     db address          arguments, escaped
//! ```
//!
//! A command is shown once it has run, those of a transaction before its EXEC. All monitors see
//! commands in one order, because they are shown under one lock.

use std::io::Write as _;
use std::sync::atomic::Ordering;

use firth_engine::Lsn;
use firth_resp::Request;

use crate::args::is_word;
use crate::client::{Address, Client, ClientState};
use crate::fanout;
use crate::local::Local;
use crate::mailbox::Mail;
use crate::server::Server;
use crate::session::Session;
use crate::spec::{Flags, Spec};

/// Commands that no monitor is shown: those that say so, and administrators'.
const HIDDEN: Flags = Flags::SKIP_MONITOR.union(Flags::ADMIN);

/// Stands in the place of user names and passwords.
const REDACTED: &[u8] = b"(redacted)";

/// Makes a client a monitor.
pub fn enter(server: &Server, session: &mut Session) {
    if session.is_monitor {
        return;
    }
    session.is_monitor = true;
    session.client.note(ClientState::Monitor, true);
    let mut monitors = server.monitors.lock();
    monitors.push(session.client.address);
    server.monitor_count.store(monitors.len() as u64, Ordering::Release);
}

/// Makes a client a monitor no longer. Whatever was shown to it before is handed over first.
pub fn leave(server: &Server, local: &mut Local, session: &mut Session) {
    if !session.is_monitor {
        return;
    }
    session.is_monitor = false;
    session.client.note(ClientState::Monitor, false);
    let mut monitors = server.monitors.lock();
    monitors.retain(|address| *address != session.client.address);
    server.monitor_count.store(monitors.len() as u64, Ordering::Release);
    drop(monitors);
    fanout::deliver_waiting(local);
}

/// Shows a command to all monitors.
#[inline]
pub fn show(
    server: &Server,
    local: &mut Local,
    session: &Session,
    spec: &Spec,
    request: Request<'_>,
) {
    if server.monitor_count.load(Ordering::Acquire) > 0 && !spec.flags.intersects(HIDDEN) {
        let monitors = server.monitors.lock();
        let now_us = server.engine.clock().now_us();
        let line = line(now_us, session.db, &session.client, spec, request);
        // A client that quits has its last reply already.
        let is_gone = |monitor: &Address| session.is_closing && *monitor == session.client.address;
        for monitor in monitors.iter().filter(|monitor| !is_gone(monitor)) {
            send(server, local, *monitor, &line);
        }
    }
}

fn send(server: &Server, local: &mut Local, monitor: Address, line: &[u8]) {
    if monitor.mailbox != local.number {
        if let Some(mailbox) = server.mailbox(monitor.mailbox) {
            mailbox.send(Mail::Push { token: monitor.token, bytes: line.to_vec() });
        }
        return;
    }
    // What other workers have shown before comes first.
    if local.mailbox.has_mail() {
        fanout::deliver_waiting(local);
    }
    local.outboxes.push(monitor.token, line, Lsn::ZERO);
}

fn line(now_us: u64, db: u8, client: &Client, spec: &Spec, request: Request<'_>) -> Vec<u8> {
    let mut line = Vec::with_capacity(128);
    let (seconds, micros) = (now_us / 1_000_000, now_us % 1_000_000);
    let (scheme, peer) = match client.peer.rsplit_once(':') {
        Some((path, _)) if client.is_unix => ("unix:", path),
        _ => ("", &*client.peer),
    };
    write!(line, "+{seconds}.{micros:06} [{db} {scheme}{peer}]").ok();
    let mut secrets = 0;
    for (place, argument) in request.iter().enumerate() {
        line.extend_from_slice(b" \"");
        let is_secret = spec.name == "auth" && place > 0 || secrets > 0;
        escape(&mut line, if is_secret { REDACTED } else { argument });
        line.push(b'"');
        secrets -= i32::from(secrets > 0);
        if spec.name == "hello" && place > 1 && !is_secret && is_word(argument, "auth") {
            secrets = 2;
        }
    }
    line.extend_from_slice(b"\r\n");
    line
}

fn escape(line: &mut Vec<u8>, bytes: &[u8]) {
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => line.extend_from_slice(&[b'\\', byte]),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\t' => line.extend_from_slice(b"\\t"),
            0x07 => line.extend_from_slice(b"\\a"),
            0x08 => line.extend_from_slice(b"\\b"),
            b' '..=b'~' => line.push(byte),
            _ => {
                write!(line, "\\x{byte:02x}").ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use firth_resp::OwnedRequest;

    use super::*;
    use crate::client::Peer;

    fn check(peer: Peer, name: &'static str, arguments: &[&[u8]], expect: &str) {
        let client = Client::new(1, Address { mailbox: 0, token: 0 }, peer, 0);
        let spec = Spec { name, ..Spec::BASE };
        let request = OwnedRequest::from_slices(arguments);
        let line = line(1_700_000_000_000_042, 3, &client, &spec, request.as_request());
        assert_eq!(String::from_utf8_lossy(&line), format!("+1700000000.000042 [3 {expect}\r\n"));
    }

    fn tcp() -> Peer {
        Peer { address: "127.0.0.1:50000".into(), ..Peer::default() }
    }

    #[test]
    fn lines_are_escaped_as_those_of_redis() {
        let arguments: &[&[u8]] = &[b"SET", b"", b"\"\\\n\r\t\x07\x08 ~\x7f\x00\xff"];
        let expect = r#"127.0.0.1:50000] "SET" "" "\"\\\n\r\t\a\b ~\x7f\x00\xff""#;
        check(tcp(), "set", arguments, expect);
        let unix = Peer { address: "/tmp/firth.sock:0".into(), is_unix: true, ..Peer::default() };
        check(unix, "ping", &[b"ping"], r#"unix:/tmp/firth.sock] "ping""#);
    }

    #[test]
    fn passwords_are_not_shown() {
        check(
            tcp(),
            "auth",
            &[b"AUTH", b"u", b"p"],
            r#"127.0.0.1:50000] "AUTH" "(redacted)" "(redacted)""#,
        );
        let hello: &[&[u8]] = &[b"HELLO", b"3", b"auth", b"auth", b"p", b"SETNAME", b"n"];
        let expect =
            r#"127.0.0.1:50000] "HELLO" "3" "auth" "(redacted)" "(redacted)" "SETNAME" "n""#;
        check(tcp(), "hello", hello, expect);
    }
}
