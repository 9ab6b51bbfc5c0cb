//! The program as its operator meets it: sockets, folders, settings, signals, ends.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use crate::{Kind, Reply, Server, check, connect, is_closed, pipeline, with_servers};

/// A folder that goes when it is no longer needed.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("firth-limits-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn program() -> Command {
    let mut command = Command::new(Kind::Firth.program().unwrap_or_else(|error| panic!("{error}")));
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FIRTH_"))
    {
        command.env_remove(name);
    }
    command.args(["serve", "--gateway", "off"]);
    command
}

/// Runs a program that ends by itself, and returns what it said.
fn run(command: &mut Command) -> (Output, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, said)
}

/// Expects that the program refuses to start, with these words.
#[track_caller]
fn check_refusal(command: &mut Command, words: &[&str]) {
    let (output, said) = run(command);
    assert!(!output.status.success(), "{said}");
    for word in words {
        assert!(said.contains(word), "no {word:?} in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

fn ping_unix(path: &str) -> Option<String> {
    let mut socket = UnixStream::connect(path).ok()?;
    socket.write_all(b"PING\r\n").ok()?;
    let mut answer = [0; 7];
    socket.read_exact(&mut answer).ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

#[test]
fn a_unix_socket_is_taken_over_only_if_nobody_listens() {
    let folder = Folder::new("unix");
    let path = folder.path("socket");
    // Dropping a listener of the standard library leaves the file.
    drop(UnixListener::bind(&path).unwrap());
    let server = Server::start_with(Kind::Firth, &["--unixsocket", &path]);
    assert_eq!(ping_unix(&path).as_deref(), Some("+PONG\r\n"));
    let mut second = program();
    second.args(["--port", "0", "--unixsocket", &path, "--dir", &folder.path("data")]);
    check_refusal(&mut second, &["cannot listen on", "in use"]);
    assert_eq!(ping_unix(&path).as_deref(), Some("+PONG\r\n"));
    server.signal("TERM");
    let mut server = server;
    server.wait_for_end();
    assert!(!Path::new(&path).exists(), "the file is left behind");
    // Whatever is no socket is not touched.
    fs::write(&path, "precious").unwrap();
    let mut third = program();
    third.args(["--port", "0", "--unixsocket", &path, "--dir", &folder.path("data")]);
    check_refusal(&mut third, &["cannot listen on"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    let mut fourth = program();
    let nowhere = folder.path("no/such/folder/socket");
    fourth.args(["--port", "0", "--unixsocket", &nowhere, "--dir", &folder.path("data")]);
    check_refusal(&mut fourth, &["cannot listen on", "No such file"]);
}

#[test]
fn folder_and_port_belong_to_one_server() {
    let folder = Folder::new("taken");
    let server = Server::start_with(Kind::Firth, &[]);
    let dir = server.dir().display().to_string();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    check_refusal(program().args(["--port", &free, "--dir", &dir]), &["use", &dir]);
    let port = server.port().to_string();
    let data = folder.path("data");
    check_refusal(program().args(["--port", &port, "--dir", &data]), &["cannot listen on", &port]);
    fs::write(folder.path("file"), "").unwrap();
    let file = folder.path("file");
    check_refusal(program().args(["--port", &free, "--dir", &file]), &[&file, "not a folder"]);
    let below = folder.path("file/data");
    check_refusal(program().args(["--port", &free, "--dir", &below]), &[&below]);
    fs::create_dir(folder.path("newer")).unwrap();
    fs::write(folder.path("newer/FORMAT"), "firth 999\n").unwrap();
    let newer = folder.path("newer");
    check_refusal(program().args(["--port", &free, "--dir", &newer]), &["firth 999", "FORMAT"]);
    assert!(server.accepts());
}

#[test]
fn wrong_settings_are_named() {
    let folder = Folder::new("settings");
    let file = folder.path("firth.toml");
    check_refusal(program().args(["--port", "70000"]), &["port"]);
    check_refusal(program().args(["--nonsense", "1"]), &["--nonsense"]);
    check_refusal(program().args(["--maxclients", "many"]), &["maxclients", "many"]);
    check_refusal(program().args(["--config", &file]), &["firth.toml"]);
    check_refusal(program().args(["--durability", "perhaps"]), &["durability", "always"]);
    check_refusal(program().args(["--maxmemory", "much"]), &["maxmemory", "much"]);
    check_refusal(program().args(["--dir", ""]), &["dir"]);
    check_refusal(program().args(["--port", "0"]), &["nothing to listen on"]);
    check_refusal(program().args(["--bind", "0.0.0.0"]), &["0.0.0.0", "requirepass"]);
    check_refusal(program().env("FIRTH_THREADS", "x"), &["FIRTH_THREADS"]);
    check_refusal(program().env("FIRTH_NONSENSE", "x"), &["FIRTH_NONSENSE"]);
    for (content, words) in [
        ("nonsense = 1", vec!["nonsense"]),
        ("port = \"x\"", vec!["port"]),
        ("port = ", vec!["firth.toml"]),
        ("port = 1\nport = 2", vec!["port"]),
    ] {
        fs::write(&file, content).unwrap();
        check_refusal(program().args(["--config", &file]), &words);
    }
    fs::write(&file, b"port = \"\xff\"").unwrap();
    check_refusal(program().args(["--config", &file]), &["firth.toml"]);
}

#[test]
fn it_stops_while_clients_are_busy() {
    for threads in ["1", "2"] {
        let mut server = Server::start_with(Kind::Firth, &["--threads", threads]);
        let port = server.port();
        let busy: Vec<_> =
            (0..8).map(|_| thread::spawn(move || work_until_the_end(port))).collect();
        let mut blocked = connect(&server);
        blocked.send_raw(&pipeline(&["XREAD BLOCK 0 STREAMS nothing $"]));
        thread::sleep(Duration::from_millis(200));
        server.signal("TERM");
        let status = server.wait_for_end();
        assert!(status.success(), "{status}\n{}", server.log_tail());
        assert!(is_closed(&blocked.read()));
        busy.into_iter().for_each(|client| client.join().unwrap());
        assert!(server.log_tail().contains("stopped"), "{}", server.log_tail());
    }
}

/// Adds entries, and returns how many there are of them.
fn add(server: &Server, count: usize) -> i64 {
    let mut client = connect(server);
    client.send_raw(&pipeline(&["XADD s * f v"]).repeat(count));
    (0..count).for_each(|_| assert!(!client.read().bytes().is_empty()));
    let Reply::Integer(len) = client.call("XLEN s") else { panic!("no length") };
    len
}

#[test]
fn each_end_in_order_keeps_everything() {
    // Nothing is on the disk before the end, but for what the system has written of itself.
    let flags = ["--durability", "never"];
    let mut server = Server::start_with(Kind::Firth, &flags);
    let mut client = connect(&server);
    check(&mut client, "SHUTDOWN ABORT", "-ERR No shutdown in progress.");
    check(&mut client, "SHUTDOWN SAVE NOSAVE", "-ERR syntax error");
    check(&mut client, "SHUTDOWN LATER", "-ERR syntax error");
    let mut expect = 0;
    for end in ["TERM", "INT", "", "NOSAVE", "SAVE", "NOW", "NOSAVE NOW FORCE"] {
        expect += 500;
        assert_eq!(add(&server, 500), expect, "before the end by {end:?}");
        if ["TERM", "INT"].contains(&end) {
            server.signal(end);
        } else {
            let mut client = connect(&server);
            client.send_raw(&pipeline(&[format!("SHUTDOWN {end}").trim_end()]));
            assert!(is_closed(&client.read()), "{end}");
        }
        let status = server.wait_for_end();
        assert_eq!(status.code(), Some(0), "{end}: {}", server.log_tail());
        assert!(server.log_tail().ends_with(" stopped"), "{}", server.log_tail());
        server.start_again(Kind::Firth, &flags);
        // It listens first, and answers when it has told what it has found.
        check(&mut connect(&server), "PING", "+PONG");
        let found = if end == "SAVE" { "from a checkpoint and 0 records" } else { "records" };
        let said = server.log_tail();
        let said = said.rsplit_once(" stopped").unwrap().1;
        let entries = format!("with {expect} entries, from");
        assert!(said.contains(&entries) && said.contains(found), "{end}: {said}");
    }
    assert_eq!(add(&server, 1), expect + 1);
}

fn work_until_the_end(port: u16) {
    let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)) else { return };
    let commands = pipeline(&["XADD s MAXLEN 100 * f v", "PUBLISH c m", "XRANGE s - +"]).repeat(20);
    let mut answer = [0; 65536];
    while socket.write_all(&commands).is_ok() && socket.read(&mut answer).is_ok_and(|n| n > 0) {}
}

#[test]
fn after_a_kill_it_starts_again_on_the_same_folder() {
    let folder = Folder::new("killed");
    let (socket, data) = (folder.path("socket"), folder.path("data"));
    for _ in 0..3 {
        let mut process = program()
            .args(["--port", "0", "--unixsocket", &socket, "--dir", &data])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while ping_unix(&socket).as_deref() != Some("+PONG\r\n") {
            assert!(Instant::now() < deadline, "it does not start");
            thread::sleep(Duration::from_millis(10));
        }
        process.kill().unwrap();
        process.wait().unwrap();
    }
}

#[test]
fn without_file_descriptors_it_waits_and_goes_on() {
    with_servers(&[], |server| {
        let mut witness = connect(server);
        let limit = "--nofile=40:40";
        let pid = format!("--pid={}", server.pid());
        let limited = Command::new("prlimit").args([&pid, limit]).status();
        if !limited.is_ok_and(|status| status.success()) {
            // Not every machine has the program that sets limits of others.
            return;
        }
        let clients: Vec<_> = (0..60).map(|_| connect(server)).collect();
        check(&mut witness, "PING", "+PONG");
        let before = processor_ticks(server);
        thread::sleep(Duration::from_millis(500));
        let spent = processor_ticks(server) - before;
        assert!(spent < 25, "{spent} hundredths of half a second");
        check(&mut witness, "PING", "+PONG");
        let mut last = connect(server);
        last.send_raw(&pipeline(&["PING"]));
        drop(clients);
        // Nobody connects any more who would call attention to those who wait.
        assert_eq!(last.read().to_string(), "+PONG");
        let log = server.log_tail();
        assert_eq!(log.matches("connections cannot be accepted").count(), 1, "{log}");
    });
}

/// Returns the processor time of the server in hundredths of a second.
fn processor_ticks(server: &Server) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn it_goes_on_when_nobody_reads_its_log() {
    let folder = Folder::new("deaf");
    let (socket, data) = (folder.path("socket"), folder.path("data"));
    let mut process = program()
        .args(["--port", "0", "--unixsocket", &socket, "--dir", &data, "--loglevel", "debug"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(process.stderr.take());
    let deadline = Instant::now() + Duration::from_secs(10);
    while ping_unix(&socket).is_none() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    let mut trickster = UnixStream::connect(&socket).unwrap();
    trickster.write_all(b"POST / HTTP/1.1\r\n\r\n").unwrap();
    let mut end = Vec::new();
    trickster.read_to_end(&mut end).ok();
    let answer = ping_unix(&socket);
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(answer.as_deref(), Some("+PONG\r\n"));
}
