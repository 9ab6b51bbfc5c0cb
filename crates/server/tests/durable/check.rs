//! `firth check` on real folders: it refuses one that is in use, says what is damaged, and repairs it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::server::{Kind, Server};
use crate::{ask, connect, integer};

/// Checks a server's folder; returns how that ended and what was said.
fn check(server: &Server, flags: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(Kind::Firth.program().unwrap());
    let Output { status, stdout, stderr } =
        command.arg("check").arg(data(server)).args(flags).output().unwrap();
    let said = [stdout, stderr].concat();
    (status.code(), String::from_utf8(said).unwrap())
}

fn data(server: &Server) -> PathBuf {
    let dir = server.dir();
    if dir.join("FORMAT").exists() { dir.to_owned() } else { dir.join("data") }
}

#[test]
fn a_damaged_folder_is_refused_told_and_repaired() {
    let mut server = Server::start_with(Kind::Firth, &[]);
    let mut client = connect(server.port());
    for n in 1..=5 {
        ask(&mut client, &format!("XADD s {n} text value-{n}"));
    }
    let (code, said) = check(&server, &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("in use by another process"), "{said}");
    client.send_raw(&crate::command::Command::parse("SHUTDOWN NOSAVE").encode());
    server.wait_for_end();
    assert_eq!(check(&server, &[]).0, Some(0));

    let log = data(&server).join("log/0000000000000001.log");
    let mut bytes = fs::read(&log).unwrap();
    let at = bytes.windows(7).position(|part| part == b"value-3").unwrap();
    bytes[at] ^= 1;
    fs::write(&log, &bytes).unwrap();
    let mut refused = Command::new(Kind::Firth.program().unwrap());
    let refused = refused.args(["serve", "--port", "0", "--unixsocket"]);
    let refused =
        refused.arg(server.dir().join("socket")).arg("--dir").arg(data(&server)).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("firth check "), "{said}");
    assert!(said.contains("0000000000000001.log is not sound at offset "), "{said}");

    let (code, said) = check(&server, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("LOST record 3 of the log"), "{said}");
    assert_eq!(fs::read(&log).unwrap(), bytes, "a check changes nothing");
    let (code, said) = check(&server, &["--repair"]);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(check(&server, &[]).0, Some(0));
    server.start_again(Kind::Firth, &[]);
    assert_eq!(integer(&ask(&mut connect(server.port()), "XLEN s")), 4);
}
