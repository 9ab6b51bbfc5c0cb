//! What the program counts, and what it is told not to.

use std::thread;
use std::time::{Duration, Instant};

use crate::{check, connect, info, with_servers};

/// Returns a number of the client's own line.
fn own(client: &mut crate::client::Client, name: &str) -> u64 {
    let reply = client.call("CLIENT INFO");
    let line = String::from_utf8_lossy(reply.bytes()).into_owned();
    let parts = line.split_ascii_whitespace().find_map(|part| part.strip_prefix(name)).unwrap();
    parts.parse().unwrap()
}

#[test]
fn traffic_is_counted_per_client() {
    with_servers(&[], |server| {
        let mut client = connect(server);
        check(&mut client, "PING", "+PONG");
        // 14 bytes of PING, 26 of CLIENT INFO.
        assert_eq!(own(&mut client, "tot-net-in="), 14 + 26);
        let sent = own(&mut client, "tot-net-out=");
        assert!((100..2000).contains(&sent), "{sent}");
        assert_eq!(own(&mut client, "tot-net-in="), 14 + 3 * 26);
    });
}

#[test]
fn refused_commands_are_counted() {
    with_servers(&[], |server| {
        let mut client = connect(server);
        client.call("GET");
        client.call("GET a b c");
        client.call("GET a");
        let line = info(&mut client, "cmdstat_get");
        assert!(line.starts_with("calls=1,") && line.contains("rejected_calls=2,"), "{line}");
    });
}

#[test]
fn looks_of_a_client_that_says_so_are_no_uses() {
    with_servers(&[], |server| {
        let mut client = connect(server);
        client.call("SET k v");
        client.call("XADD s * f v");
        thread::sleep(Duration::from_millis(2100));
        check(&mut client, "CLIENT NO-TOUCH ON", "+OK");
        client.call("GET k");
        client.call("APPEND k v");
        client.call("XLEN s");
        client.call("XADD s * f v");
        for key in ["k", "s"] {
            let idle = client.call(&format!("OBJECT IDLETIME {key}")).to_string();
            assert!(idle == ":2" || idle == ":3", "{key}: {idle}");
        }
        check(&mut client, "TOUCH k", ":1");
        check(&mut client, "OBJECT IDLETIME k", ":0");
        check(&mut client, "CLIENT NO-TOUCH OFF", "+OK");
        client.call("XLEN s");
        check(&mut client, "OBJECT IDLETIME s", ":0");
    });
}

#[test]
fn a_wait_for_replicas_parks_nothing() {
    with_servers(&[], |server| {
        let (mut client, mut other) = (connect(server), connect(server));
        let started = Instant::now();
        check(&mut client, "WAIT 1 150", ":0");
        assert!(started.elapsed() >= Duration::from_millis(140), "{:?}", started.elapsed());
        check(&mut client, "WAIT 0 0", ":0");
        let id = client.call("CLIENT ID").to_string().replace(':', "");
        client.send_raw(&crate::pipeline(&["WAIT 1 0"]));
        crate::wait_for_info(&mut other, &[("blocked_clients", "1"), ("total_blocking_keys", "0")]);
        check(&mut other, &format!("CLIENT UNBLOCK {id}"), ":1");
        assert_eq!(client.read().to_string(), ":0");
    });
}

#[test]
fn keys_that_are_read_after_a_flush_in_a_transaction_stay_counted() {
    with_servers(&["--tracking-table-max-keys", "3"], |server| {
        let mut client = crate::client::Client::connect(server.port(), crate::Protocol::Resp3);
        check(&mut client, "CLIENT TRACKING ON", "+OK");
        for line in ["MULTI", "GET a", "FLUSHALL", "GET b", "EXEC", "SET b 1"] {
            client.send_raw(&crate::pipeline(&[line]));
        }
        let mut witness = connect(server);
        crate::wait_for_info(&mut witness, &[("tracking_total_keys", "0")]);
        client.send_raw(&crate::pipeline(&["GET a", "GET b", "GET c"]));
        crate::wait_for_info(&mut witness, &[("tracking_total_keys", "3")]);
    });
}
