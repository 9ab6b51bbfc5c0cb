//! Clients that are gone all of a sudden, whatever they were in the middle of.

use std::net::TcpStream;

use crate::client::{Client, Protocol};
use crate::{check, connect, info, pipeline, wait_for_info, with_servers};

#[test]
fn nothing_stays_of_clients_that_vanish() {
    with_servers(&[], |server| {
        let mut witness = connect(server);
        check(&mut witness, "XGROUP CREATE g grp $ MKSTREAM", "+OK");
        let talks: [&[&str]; 9] = [
            &["XREAD BLOCK 0 STREAMS s $"],
            &["XREADGROUP GROUP grp c BLOCK 0 STREAMS g >"],
            &["XREAD BLOCK 100000000 STREAMS s t u $ $ $", "PING", "PING"],
            &["WATCH a b c", "MULTI", "SET a 1"],
            &["SUBSCRIBE c d", "PSUBSCRIBE p*", "SSUBSCRIBE s"],
            &["HELLO 3", "CLIENT TRACKING ON BCAST PREFIX x", "GET y"],
            &["MONITOR"],
            &["WAIT 1 0"],
            &["CLIENT REPLY OFF", "PING"],
        ];
        for _ in 0..10 {
            let mut clients = Vec::new();
            for talk in talks {
                let mut client = connect(server);
                client.send_raw(&pipeline(talk));
                clients.push(client);
            }
            // Some are gone before they were read from.
            clients.truncate(6);
            wait_for_info(&mut witness, &[("tracking_clients", "1"), ("watching_clients", "1")]);
        }
        let zeros = [
            "blocked_clients",
            "tracking_clients",
            "pubsub_clients",
            "watching_clients",
            "total_watched_keys",
            "total_blocking_keys",
            "total_blocking_keys_on_nokey",
            "pubsub_channels",
            "pubsub_patterns",
            "pubsubshard_channels",
        ];
        wait_for_info(&mut witness, &[("connected_clients", "1")]);
        wait_for_info(&mut witness, &zeros.map(|field| (field, "0")));
        check(&mut witness, "PUBSUB CHANNELS", "*[]");
        let list = witness.call("CLIENT LIST");
        assert_eq!(list.bytes().iter().filter(|byte| **byte == b'\n').count(), 1);
        check(&mut witness, "PUBLISH c m", ":0");
    });
}

#[test]
fn ten_thousand_connections_come_and_go() {
    with_servers(&[], |server| {
        let mut witness = connect(server);
        for _ in 0..50 {
            let sockets: Vec<_> = (0..200)
                .map(|_| TcpStream::connect(("127.0.0.1", server.port())).unwrap())
                .collect();
            drop(sockets);
            check(&mut witness, "PING", "+PONG");
        }
        wait_for_info(&mut witness, &[("connected_clients", "1")]);
        // With the one that has waited for the server to start.
        wait_for_info(&mut witness, &[("total_connections_received", "10002")]);
    });
}

#[test]
fn a_wait_ends_in_time_although_others_keep_trying_to_serve_it() {
    with_servers(&[], |server| {
        let port = server.port();
        let mut witness = connect(server);
        check(&mut witness, "XGROUP CREATE a g $ MKSTREAM", "+OK");
        check(&mut witness, "XGROUP CREATE b g $ MKSTREAM", "+OK");
        let readers: Vec<_> = (0..8)
            .map(|number| {
                std::thread::spawn(move || {
                    let mut client = Client::connect(port, Protocol::Resp2);
                    for turn in 0..60 {
                        // Behind every id, so that writers try to serve it, in vain.
                        let id = "18446744073709551615-0";
                        let block = 1 + (turn + number) % 4;
                        let line = format!("XREAD BLOCK {block} STREAMS a b {id} {id}");
                        let reply = client.call(&line);
                        assert_eq!(reply.to_string(), "*-1");
                    }
                })
            })
            .collect();
        let mut writers = [connect(server), connect(server)];
        while readers.iter().any(|reader| !reader.is_finished()) {
            for (writer, key) in writers.iter_mut().zip(["a", "b"]) {
                writer.send_raw(&pipeline(&[&format!("XADD {key} MAXLEN 10 * f v")]).repeat(20));
            }
            for writer in &mut writers {
                (0..20).for_each(|_| _ = writer.read());
            }
        }
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        assert_eq!(info(&mut witness, "total_blocking_keys"), "0");
    });
}

#[test]
fn listeners_that_quit_take_no_message_from_those_who_stay() {
    with_servers(&[], |server| {
        let port = server.port();
        let mut staying: Vec<_> = (0..4).map(|_| connect(server)).collect();
        for listener in &mut staying {
            assert_eq!(listener.call("SUBSCRIBE c").items().len(), 3);
        }
        let quitter = move || {
            for _ in 0..150 {
                let mut client = Client::connect(port, Protocol::Resp2);
                client.send_raw(&pipeline(&["SUBSCRIBE c d", "QUIT"]));
                while client.read() != crate::Reply::Closed {}
            }
        };
        let quitters = [std::thread::spawn(quitter), std::thread::spawn(quitter)];
        let mut publisher = connect(server);
        let mut published = 0;
        while published < 200 || quitters.iter().any(|quitter| !quitter.is_finished()) {
            publisher.call(&format!("PUBLISH c {published}"));
            published += 1;
        }
        for listener in &mut staying {
            for number in 0..published {
                assert_eq!(listener.read().to_string(), format!("*[message, c, {number}]"));
            }
        }
        quitters.into_iter().for_each(|quitter| quitter.join().unwrap());
    });
}
