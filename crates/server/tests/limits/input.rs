//! Limits of what clients send, and of how many they are.

use std::thread;
use std::time::{Duration, Instant};

use crate::server::Server;
use crate::{check, connect, info, is_closed, pipeline, resident_mib, wait_for_info, with_servers};

#[test]
fn arguments_have_a_limit() {
    with_servers(&["--proto-max-bulk-len", "1mb"], |server| {
        let mut client = connect(server);
        let value = "v".repeat(1 << 20);
        check(&mut client, &format!("SET k {value}"), "+OK");
        check(&mut client, "STRLEN k", ":1048576");
        assert!(client.call("APPEND k x").is_error("ERR string exceeds maximum allowed size"));
        assert!(client.call("SETRANGE k 1048576 x").is_error("ERR string exceeds"));
        client.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048577\r\n");
        assert!(client.read().is_error("ERR Protocol error: invalid bulk length"));
        assert!(is_closed(&client.read()));
    });
}

#[test]
fn a_request_without_an_end_is_cut_off() {
    with_servers(&["--client-query-buffer-limit", "2mb"], |server| {
        let mut witness = connect(server);
        let mut endless = connect(server);
        endless.send_raw(b"*1000\r\n");
        let part = format!("$65536\r\n{}\r\n", "x".repeat(65536));
        for _ in 0..100 {
            endless.send_raw(part.as_bytes());
        }
        assert!(is_closed(&endless.read()));
        let closes = "client_query_buffer_limit_disconnections";
        wait_for_info(&mut witness, &[(closes, "1"), ("connected_clients", "1")]);
        check(&mut witness, "CONFIG RESETSTAT", "+OK");
        wait_for_info(&mut witness, &[(closes, "0")]);
    });
}

#[test]
fn a_transaction_has_a_limit() {
    with_servers(&["--client-query-buffer-limit", "2mb"], |server| {
        let mut client = connect(server);
        check(&mut client, "MULTI", "+OK");
        let command = format!("SET k {}", "v".repeat(200_000));
        let replies: Vec<_> = (0..20).map(|_| client.call(&command)).collect();
        assert_eq!(replies.first().unwrap().to_string(), "+QUEUED");
        assert!(replies.last().unwrap().is_error("ERR Transaction is too large"));
        assert!(client.call("EXEC").is_error("EXECABORT"));
        check(&mut client, "EXISTS k", ":0");
        check(&mut client, "MULTI", "+OK");
        check(&mut client, "DISCARD", "+OK");
    });
}

#[test]
fn clients_have_a_limit_that_moves() {
    with_servers(&["--maxclients", "8"], |server| {
        let mut witness = connect(server);
        wait_for_info(&mut witness, &[("connected_clients", "1")]);
        let mut clients: Vec<_> = (0..20).map(|_| connect(server)).collect();
        let refused = |client: &mut crate::client::Client| {
            client
                .read_within(Duration::from_millis(300))
                .is_error("ERR max number of clients reached")
        };
        wait_for_info(&mut witness, &[("connected_clients", "8"), ("rejected_connections", "13")]);
        let refusals = clients.iter_mut().filter_map(|c| refused(c).then_some(())).count();
        assert_eq!(refusals, 13);
        drop(clients);
        wait_for_info(&mut witness, &[("connected_clients", "1")]);
        check(&mut connect(server), "PING", "+PONG");
        check(&mut witness, "CONFIG SET maxclients 1", "+OK");
        wait_for_info(&mut witness, &[("connected_clients", "1")]);
        assert!(connect(server).read().is_error("ERR max number of clients reached"));
        check(&mut witness, "CONFIG SET maxclients 100", "+OK");
        check(&mut connect(server), "PING", "+PONG");
    });
}

#[test]
fn idle_clients_are_closed_but_not_those_that_wait() {
    with_servers(&["--timeout", "1"], |server| {
        let mut waiting = connect(server);
        waiting.send_raw(&pipeline(&["XREAD BLOCK 0 STREAMS s $"]));
        let mut listener = connect(server);
        listener.call("SUBSCRIBE c");
        let mut idle = connect(server);
        assert!(is_closed(&idle.read()), "it is still there after five seconds");
        let mut writer = connect(server);
        check(&mut writer, "PUBLISH c m", ":1");
        assert_eq!(listener.read().items().len(), 3);
        writer.call("XADD s * f v");
        assert_eq!(waiting.read().items().len(), 1);
    });
}

#[test]
fn a_blocked_client_that_goes_on_sending_is_read_no_further() {
    with_servers(&[], |server| {
        let mut witness = connect(server);
        let mut blocked = connect(server);
        blocked.send_raw(&pipeline(&["XREAD BLOCK 0 STREAMS s $"]));
        wait_for_info(&mut witness, &[("blocked_clients", "1")]);
        let before = resident_mib(server);
        let port = server.port();
        let flood = thread::spawn(move || {
            let ping = pipeline(&["PING"]).repeat(200_000);
            blocked.send_raw(&ping);
            assert_eq!(blocked.read().items().len(), 1);
            let deadline = Instant::now() + Duration::from_secs(20);
            for _ in 0..200_000 {
                assert_eq!(blocked.read().to_string(), "+PONG");
                assert!(Instant::now() < deadline);
            }
            port
        });
        thread::sleep(Duration::from_millis(300));
        let grown = resident_mib(server).saturating_sub(before);
        assert!(grown < 16, "{grown} MiB");
        witness.call("XADD s * f v");
        flood.join().unwrap();
        assert_eq!(info(&mut witness, "blocked_clients"), "0");
    });
}

#[test]
fn thousands_of_keys_in_one_command_take_no_quadratic_time() {
    with_servers(&[], |server: &Server| {
        let mut client = connect(server);
        let names = (0..20_000).map(|number| format!(" key{number}")).collect::<String>();
        let ids = " $".repeat(20_000);
        let started = Instant::now();
        check(&mut client, &format!("WATCH{names}"), "+OK");
        check(&mut client, "UNWATCH", "+OK");
        check(&mut client, &format!("XREAD BLOCK 1 STREAMS{names}{ids}"), "*-1");
        check(&mut client, &format!("EXISTS{names}"), ":0");
        let mut listener = connect(server);
        listener.send_raw(&pipeline(&[&format!("SUBSCRIBE{names}")]));
        wait_for_info(&mut client, &[("pubsub_channels", "20000"), ("total_blocking_keys", "0")]);
        drop(listener);
        wait_for_info(&mut client, &[("pubsub_channels", "0")]);
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    });
}

#[test]
fn a_long_pipeline_of_slow_commands_leaves_others_their_turn() {
    with_servers(&[], |server| {
        let mut witness = connect(server);
        let fill = pipeline(&["XADD s * field value"]).repeat(2000);
        witness.send_raw(&fill);
        (0..2000).for_each(|_| _ = witness.read());
        // Both workers get one, whichever the witness is on; there are no replies to wait for.
        let mut busy = [connect(server), connect(server)];
        let pipeline = [
            pipeline(&["CLIENT REPLY OFF"]),
            pipeline(&["XRANGE s - +"]).repeat(4000),
            pipeline(&["SET done 1", "CLIENT REPLY ON"]),
        ];
        busy.iter_mut().for_each(|client| client.send_raw(&pipeline.concat()));
        let started = Instant::now();
        check(&mut witness, "GET done", "$-1");
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        busy.iter_mut().for_each(|client| {
            assert_eq!(client.read_within(Duration::from_secs(60)).to_string(), "+OK");
        });
    });
}
