//! Bytes that are no requests, and clients that have not given the password.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;

use crate::reply::Reply;
use crate::server::Server;
use crate::{
    Dice, check, connect, info, is_closed, pipeline, resident_mib, wait_for_info, with_servers,
};

/// Sends bytes on a connection of their own, and expects an error and the end.
#[track_caller]
fn check_refused(server: &Server, bytes: &[u8], error: &str) {
    let mut client = connect(server);
    client.send_raw(bytes);
    let (reply, end) = (client.read(), client.read());
    let shown = bytes[..bytes.len().min(40)].escape_ascii().to_string();
    assert_eq!(reply.to_string(), format!("-ERR Protocol error: {error}"), "{shown}");
    assert!(is_closed(&end), "{shown}: {end}");
}

#[test]
fn a_protocol_error_closes_its_connection_and_no_other() {
    with_servers(&[], |server| {
        let mut witness = connect(server);
        let long_line = [b'a'; 70_000];
        let long_count = [b"*".as_slice(), &[b'1'; 70_000]].concat();
        let long_len = [b"*1\r\n$".as_slice(), &[b'1'; 70_000]].concat();
        check_refused(server, &long_line, "too big inline request");
        check_refused(server, &long_count, "too big mbulk count string");
        check_refused(server, &long_len, "too big bulk count string");
        check_refused(server, b"*1x\r\n", "invalid multibulk length");
        check_refused(server, b"*2147483648\r\n", "invalid multibulk length");
        check_refused(server, b"*1\r\n!3\r\nabc\r\n", "expected '$', got '!'");
        check_refused(server, b"*1\r\n\r\n", "expected '$', got ' '");
        check_refused(server, b"*1\r\n$-1\r\n", "invalid bulk length");
        check_refused(server, b"*1\r\n$536870913\r\n", "invalid bulk length");
        check_refused(server, b"*1\r\n$99999999999999999999\r\n", "invalid bulk length");
        check_refused(server, b"ECHO \"a\r\n", "unbalanced quotes in request");
        // What came before it is answered, what comes after it is not.
        let mut client = connect(server);
        client.send_raw(b"PING\r\n*1\r\n:1\r\nPING\r\n");
        assert_eq!(client.read().to_string(), "+PONG");
        assert!(client.read().is_error("ERR Protocol error"));
        assert!(is_closed(&client.read()));
        check(&mut witness, "PING", "+PONG");
        wait_for_info(&mut witness, &[("connected_clients", "1")]);
    });
}

#[test]
fn requests_may_arrive_byte_by_byte() {
    with_servers(&[], |server| {
        let mut client = connect(server);
        let mut bytes = pipeline(&["SET k %crlf", "GET k", "MULTI", "PING", "EXEC"]);
        bytes.extend_from_slice(b"*0\r\n\r\nPING inline\r\n");
        for byte in &bytes {
            client.send_raw(&[*byte]);
        }
        let expect = ["+OK", "\"a\\r\\nb\"", "+OK", "+QUEUED", "*[+PONG]", "inline"];
        for expect in expect {
            assert_eq!(client.read().to_string(), expect);
        }
    });
}

#[test]
fn garbage_of_many_leaves_others_alone() {
    with_servers(&[], |server| {
        let mut witness = connect(server);
        let port = server.port();
        let floods: Vec<_> =
            (0..50).map(|number| thread::spawn(move || flood(port, number))).collect();
        for turn in 0..200 {
            check(&mut witness, &format!("SET k {turn}"), "+OK");
            check(&mut witness, "GET k", &turn.to_string());
        }
        floods.into_iter().for_each(|flood| flood.join().unwrap());
        wait_for_info(&mut witness, &[("connected_clients", "1")]);
    });
}

/// Sends a mebibyte, half of it from the alphabet of the protocol.
fn flood(port: u16, number: u64) {
    let mut dice = Dice(number + 1);
    let alphabet = b"*$\r\n012345\"' PINGSETX";
    let mut byte = |_| match number % 2 {
        0 => dice.next() as u8,
        _ => alphabet[dice.below(alphabet.len() as u64) as usize],
    };
    let bytes: Vec<u8> = (0..1 << 20).map(&mut byte).collect();
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let _closed_by_then = socket.write_all(&bytes);
}

#[test]
fn who_has_no_password_gets_little_memory() {
    with_servers(&["--requirepass", "secret"], |server| {
        check_refused(server, b"*11\r\n", "unauthenticated multibulk length");
        check_refused(server, b"*1\r\n$16385\r\n", "unauthenticated bulk length");
        let mut client = connect(server);
        client.send_raw(&pipeline(&["AUTH wrong", "SET k v", "MULTI", "SUBSCRIBE c", "GET k"]));
        assert!(client.read().is_error("WRONGPASS"));
        for _ in 0..4 {
            assert_eq!(client.read().to_string(), "-NOAUTH Authentication required.");
        }
        check(&mut client, "AUTH secret", "+OK");
        check(&mut client, "EXISTS k", ":0");
        let before = resident_mib(server);
        // As much as is allowed, and more.
        let argument = format!("$16384\r\n{}\r\n", "x".repeat(16384));
        let mut greedy = connect(server);
        greedy.send_raw(format!("*10\r\n{}", argument.repeat(9)).as_bytes());
        assert!(is_closed(&greedy.read()));
        let part = format!("*10\r\n{}", argument.repeat(3));
        let waiting: Vec<_> = (0..100)
            .map(|_| {
                let mut client = connect(server);
                client.send_raw(part.as_bytes());
                client
            })
            .collect();
        check(&mut client, "PING", "+PONG");
        let grown = resident_mib(server).saturating_sub(before);
        assert!(grown < 24, "{grown} MiB");
        drop(waiting);
        wait_for_info(&mut client, &[("connected_clients", "1")]);
    });
}

#[test]
fn who_has_no_password_and_does_not_read_is_closed() {
    with_servers(&["--requirepass", "secret"], |server| {
        let mut witness = connect(server);
        check(&mut witness, "AUTH secret", "+OK");
        let before = resident_mib(server);
        let mut flooder = connect(server);
        let chunk = b"X\n".repeat(32 * 1024);
        for _ in 0..1000 {
            flooder.send_raw(&chunk);
        }
        wait_for_info(&mut witness, &[("connected_clients", "1")]);
        assert_ne!(info(&mut witness, "client_output_buffer_limit_disconnections"), "0");
        let grown = resident_mib(server).saturating_sub(before);
        assert!(grown < 64, "{grown} MiB");
    });
}

#[test]
fn no_text_of_a_client_breaks_a_line_of_a_reply() {
    with_servers(&[], |server| {
        let mut client = connect(server);
        let commands: &[&[u8]] = &[
            b"*1\r\n$4\r\na\r\nb\r\n",
            b"*2\r\n$4\r\nNOPE\r\n$8\r\n\r\n+OK\r\n\xff\r\n",
            b"*2\r\n$6\r\nCLIENT\r\n$8\r\nx\r\n+OK\r\n\r\n",
            b"*3\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$6\r\nx\r\n+O\n\r\n",
            b"*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$5\r\na\r\nbc\r\n$3\r\n\r\n1\r\n",
            b"*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$4\r\na\r\nb\r\n",
            b"*4\r\n$6\r\nCLIENT\r\n$7\r\nSETINFO\r\n$6\r\nli\r\nna\r\n$1\r\nx\r\n",
            b"*4\r\n$6\r\nCLIENT\r\n$4\r\nKILL\r\n$4\r\nUSER\r\n$4\r\na\r\nb\r\n",
            b"*3\r\n$6\r\nXGROUP\r\n$4\r\na\r\nb\r\n$1\r\nk\r\n",
            b"*4\r\n$10\r\nXREADGROUP\r\n$5\r\nGROUP\r\n$4\r\na\r\nb\r\n$1\r\nc\r\n",
        ];
        for command in commands {
            client.send_raw(command);
            let reply = client.read();
            assert!(matches!(reply, Reply::Error(_)), "{}: {reply}", command.escape_ascii());
            check(&mut client, "PING mark", "mark");
        }
    });
}
