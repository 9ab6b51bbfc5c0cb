//! Sends the same seeded random commands to Firth and to real servers and compares the replies.
//!
//! * `FIRTH_TEST_SERVER` (`firth`, `redis`, `valkey`): the server under test
//! * `FIRTH_BIN`, `REDIS_SERVER`, `VALKEY_SERVER`: where the programs are
//! * `FIRTH_THREADS`: the threads of Firth (2)
//! * `FIRTH_ORACLE` (`redis`, `valkey`): only this oracle
//! * `FIRTH_SEED`: only this seed; `FIRTH_ROUNDS`: seeds 1 to this number
//! * `FIRTH_FAILURES`: how many different failures one test reports (3)

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests may panic, and read the real clock"
)]

mod client;
mod command;
mod compare;
mod differences;
mod errors;
mod generate;
mod reply;
mod rng;
mod run;
mod server;
mod shrink;
mod wakes;

use std::env;
use std::io::{self, Write as _};

use client::Protocol::{self, Resp2, Resp3};
use command::Script;
use rng::Rng;
use run::{Collect, Duel};
use server::Kind;

/// Makes a script from random numbers, with what this oracle understands.
type Generator = fn(&mut Rng, Kind) -> Script;

/// Seeds per test, oracle and protocol unless the environment says otherwise.
const ROUNDS: u64 = 60;

#[test]
fn streams_resp2() {
    contest(generate::streams::script, Resp2, Collect::Reply);
}

#[test]
fn streams_resp3() {
    contest(generate::streams::script, Resp3, Collect::Reply);
}

#[test]
fn keys_resp2() {
    contest(generate::keys::script, Resp2, Collect::Reply);
}

#[test]
fn keys_resp3() {
    contest(generate::keys::script, Resp3, Collect::Reply);
}

#[test]
fn strings() {
    contest(generate::strings::script, Resp2, Collect::Reply);
    contest(generate::strings::script, Resp3, Collect::Reply);
}

#[test]
fn transactions() {
    contest(generate::transactions::script, Resp2, Collect::Reply);
    contest(generate::transactions::script, Resp3, Collect::Reply);
}

#[test]
fn pubsub() {
    contest(generate::pubsub::script, Resp2, Collect::Everything);
    contest(generate::pubsub::script, Resp3, Collect::Everything);
}

#[test]
fn notifications() {
    contest(generate::notifications::script, Resp2, Collect::Everything);
    contest(generate::notifications::script, Resp3, Collect::Everything);
}

#[test]
fn tracking() {
    contest(generate::tracking::script, Resp3, Collect::EverythingAfterReply);
}

#[test]
fn blocking() {
    contest(generate::blocking::script, Resp2, Collect::Wakes);
    contest(generate::blocking::script, Resp3, Collect::Wakes);
}

#[test]
fn errors() {
    contest(generate::introspection::script, Resp2, Collect::Reply);
    contest(generate::introspection::script, Resp3, Collect::Reply);
    for oracle in oracles() {
        errors::wrong_arity(oracle);
        errors::protocol_errors(oracle);
    }
}

#[test]
fn a_seed_repeats_its_script() {
    for oracle in [Kind::Redis7, Kind::Valkey9] {
        let script = |seed| generate::streams::script(&mut Rng::new(seed), oracle);
        assert_eq!(script(7), script(7));
        assert_ne!(script(7), script(8));
    }
}

/// Lets a generator's scripts run against each oracle and fails with all reports.
fn contest(generator: Generator, protocol: Protocol, collect: Collect) {
    let seeds: Vec<u64> = match (number_from("FIRTH_SEED"), number_from("FIRTH_ROUNDS")) {
        (Some(seed), _) => vec![seed],
        (None, rounds) => (1..=rounds.unwrap_or(ROUNDS)).collect(),
    };
    let mut reports = Vec::new();
    for oracle in oracles() {
        let duel = Duel::start(oracle, protocol, collect);
        let script = |seed| generator(&mut Rng::new(seed), oracle);
        reports.extend(run::explore(&duel, &seeds, &script));
    }
    assert!(reports.is_empty(), "{protocol:?}: {}", reports.concat());
}

/// The oracles installed here. A missing one is said aloud, and is a failure under `CI=true`.
fn oracles() -> Vec<Kind> {
    let wanted = match env::var("FIRTH_ORACLE").as_deref() {
        Ok("redis") => vec![Kind::Redis7],
        Ok("valkey") => vec![Kind::Valkey9],
        Ok(other) => panic!("FIRTH_ORACLE={other}: it is redis or valkey"),
        Err(_) => vec![Kind::Redis7, Kind::Valkey9],
    };
    let installed = |oracle: &Kind| match oracle.program() {
        Ok(_) => true,
        Err(missing) => {
            assert!(env::var("CI").as_deref() != Ok("true"), "{missing}");
            // Not with eprintln, which a passing test swallows.
            let _stderr_is_open = writeln!(io::stderr(), "\nSKIPPED, NOT TESTED: {missing}");
            false
        }
    };
    wanted.into_iter().filter(installed).collect()
}

fn number_from(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}
