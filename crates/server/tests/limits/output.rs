//! Limits of what waits to be sent.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::{check, connect, info, pipeline, resident_mib, wait_for_info, with_servers};

const CLOSES: &str = "client_output_buffer_limit_disconnections";

#[test]
fn a_subscriber_that_does_not_read_is_closed_at_the_hard_limit() {
    let limit = "pubsub 1mb 0 0";
    with_servers(&["--client-output-buffer-limit", limit], |server| {
        let mut publisher = connect(server);
        let mut good = connect(server);
        good.call("SUBSCRIBE c");
        let mut silent = connect(server);
        silent.call("SUBSCRIBE c");
        let before = resident_mib(server);
        let message = format!("PUBLISH c {}", "m".repeat(100_000));
        for _ in 0..500 {
            publisher.call(&message);
            assert_eq!(good.read().items().len(), 3);
        }
        wait_for_info(&mut publisher, &[(CLOSES, "1"), ("pubsub_clients", "1")]);
        assert!(server.log_tail().contains("closing a client that reads too slowly"));
        let grown = resident_mib(server).saturating_sub(before);
        assert!(grown < 64, "{grown} MiB");
        check(&mut publisher, "PUBLISH c last", ":1");
    });
}

#[test]
fn a_subscriber_that_is_over_the_soft_limit_is_closed_although_nothing_more_comes() {
    let limit = "pubsub 0 100kb 1";
    with_servers(&["--client-output-buffer-limit", limit], |server| {
        let mut publisher = connect(server);
        let mut silent = connect(server);
        silent.call("SUBSCRIBE c");
        let message = format!("PUBLISH c {}", "m".repeat(1_000_000));
        for _ in 0..20 {
            publisher.call(&message);
        }
        assert_eq!(info(&mut publisher, CLOSES), "0");
        wait_for_info(&mut publisher, &[(CLOSES, "1"), ("pubsub_clients", "0")]);
    });
}

#[test]
fn a_client_that_asks_and_does_not_read_is_not_served_further() {
    with_servers(&[], |server| {
        let mut witness = connect(server);
        check(&mut witness, &format!("SET big {}", "b".repeat(1_000_000)), "+OK");
        let port = server.port();
        let before = resident_mib(server);
        let mut silent = connect(server);
        let asker = thread::spawn(move || {
            silent.send_raw(&pipeline(&["GET big"]).repeat(2000));
            silent
        });
        let mut slowest = Duration::ZERO;
        for _ in 0..50 {
            let started = Instant::now();
            check(&mut witness, "PING", "+PONG");
            slowest = slowest.max(started.elapsed());
            thread::sleep(Duration::from_millis(10));
        }
        let grown = resident_mib(server).saturating_sub(before);
        assert!(grown < 256, "{grown} MiB of {} for {port}", 2000);
        assert!(slowest < Duration::from_secs(2), "{slowest:?}");
        // It gets everything once it reads.
        let mut silent = asker.join().unwrap();
        for _ in 0..200 {
            assert_eq!(silent.read().bytes().len(), 1_000_000);
        }
        drop(silent);
        wait_for_info(&mut witness, &[("connected_clients", "1")]);
    });
}

#[test]
fn a_client_that_only_says_what_it_wants_gets_it() {
    with_servers(&[], |server| {
        for commands in [&["PING"][..], &["PING", "XREAD BLOCK 0 STREAMS s $"], &["PING", "QUIT"]] {
            let mut socket = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
            socket.write_all(&pipeline(commands)).unwrap();
            socket.shutdown(Shutdown::Write).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let mut answer = String::new();
            socket.read_to_string(&mut answer).expect("the end comes");
            assert!(answer.starts_with("+PONG\r\n"), "{commands:?}: {answer:?}");
        }
        let mut witness = connect(server);
        check(&mut witness, &format!("SET big {}", "b".repeat(1_000_000)), "+OK");
        let mut socket = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        socket.write_all(&pipeline(&["GET big"]).repeat(100)).unwrap();
        socket.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        assert_eq!(answer.len(), 100 * (1_000_000 + 12));
        wait_for_info(&mut witness, &[("connected_clients", "1"), ("blocked_clients", "0")]);
    });
}

#[test]
fn a_monitor_that_does_not_read_is_closed() {
    let limit = "pubsub 1mb 0 0";
    with_servers(&["--client-output-buffer-limit", limit], |server| {
        let mut witness = connect(server);
        let mut monitor = connect(server);
        check(&mut monitor, "MONITOR", "+OK");
        let command = format!("ECHO {}", "e".repeat(100_000));
        for _ in 0..300 {
            assert_eq!(witness.call(&command).bytes().len(), 100_000);
        }
        wait_for_info(&mut witness, &[(CLOSES, "1"), ("connected_clients", "1")]);
    });
}

#[test]
fn a_client_that_is_told_of_all_changes_and_does_not_read_is_closed() {
    let limit = "pubsub 1mb 0 0";
    with_servers(&["--client-output-buffer-limit", limit], |server| {
        let mut witness = connect(server);
        let mut tracking = crate::client::Client::connect(server.port(), crate::Protocol::Resp3);
        check(&mut tracking, "CLIENT TRACKING ON BCAST", "+OK");
        let name = "n".repeat(50_000);
        for number in 0..500 {
            check(&mut witness, &format!("SET {name}{number} v"), "+OK");
        }
        wait_for_info(&mut witness, &[(CLOSES, "1"), ("tracking_clients", "0")]);
    });
}
