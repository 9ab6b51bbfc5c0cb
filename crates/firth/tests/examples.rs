//! The examples do what they are there to show, without a server and on a real one.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[allow(dead_code, clippy::disallowed_methods, reason = "the harness of the server's own tests")]
#[path = "../../server/tests/differential/server.rs"]
mod server;

use std::path::PathBuf;
use std::process::Command;

use self::server::{Kind, Server};

/// Each example, and what it says among other things.
const EXAMPLES: [(&str, &[&str]); 10] = [
    ("cache", &["one: article:1 in version 1", "other: article:1 in version 2"]),
    ("dead_letters", &["2 of tea", "has brought back 1", "by: \"alice\""]),
    ("event_bus", &["payments: 123 is paid", "failed: 1"]),
    ("event_store", &["refused: Ada has only 30 cents", "handled 3 events"]),
    ("groups", &["worker-1 has Ok(\"tea\")", "worker-2: 0 pending"]),
    ("later", &["called off: true", "Ok(\"the tea is ready\")", "3 delivered"]),
    ("notifications", &["computer: Your parcel is here", "2 unread\n0 unread"]),
    ("pending", &["3 pending", "worker-3 has Ok(\"coffee\")", "\n0 pending"]),
    ("streams", &["user_id: \"124\"", "following from the beginning"]),
    ("worker", &["dead after 3 deliveries: nothing was ordered", "processed: 2"]),
];

/// Returns the program that an example was compiled to, which lies beside the tests.
fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().unwrap().parent().unwrap().join("examples").join(name)
}

fn run(name: &str, arguments: &[&str]) -> String {
    let output = Command::new(program(name)).args(arguments).env_remove("FIRTH_BROKER").output();
    let output = output.expect("`cargo test` compiles the examples");
    let text = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {arguments:?}: {text}\n{error}");
    text
}

fn check(arguments: &[&str]) {
    for (name, expected) in EXAMPLES {
        let text = run(name, arguments);
        for part in expected {
            assert!(text.contains(part), "{name} {arguments:?} does not say {part:?}:\n{text}");
        }
    }
}

#[test]
fn without_a_server() {
    check(&[]);
}

#[test]
fn on_a_firth_server() {
    let server = Server::start(Kind::Firth);
    check(&[&format!("redis://127.0.0.1:{}", server.port())]);
}

#[test]
fn on_redis_7() {
    let server = Server::start(Kind::Redis7);
    check(&[&format!("redis://127.0.0.1:{}", server.port())]);
}

#[test]
fn hours_of_retries_take_no_time() {
    let text = run("testing", &[]);
    assert!(text.contains("virtual hours") && text.contains("dead: 1"), "{text}");
}

#[test]
fn no_example_is_forgotten() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = std::fs::read_dir(folder).unwrap();
    let names = files.map(|file| file.unwrap().path().file_stem().unwrap().to_owned());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    let mut known: Vec<&str> = EXAMPLES.iter().map(|(name, _)| *name).collect();
    known.push("testing");
    known.sort_unstable();
    assert_eq!(names, known);
}
