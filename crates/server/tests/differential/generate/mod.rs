//! Generators of scripts. They never look at replies, so a script can be cut and run again.

pub(crate) mod blocking;
pub(crate) mod introspection;
pub(crate) mod keys;
pub(crate) mod notifications;
pub(crate) mod pubsub;
pub(crate) mod streams;
pub(crate) mod strings;
pub(crate) mod tracking;
pub(crate) mod transactions;

use crate::command::{Command, Step};
use crate::rng::Rng;

/// Arguments that fit nowhere.
const BROKEN: &[&str] = &[
    "abc",
    "\"\"",
    "-1",
    "-9223372036854775809",
    "9223372036854775808",
    "18446744073709551616",
    "*",
    "(",
    "1.5",
    "%bin",
    "%crlf",
    "NX",
    "COUNT",
];

/// A step of connection 0 that is sometimes spoilt and sometimes oddly spelt.
pub(crate) fn step(rng: &mut Rng, line: &str) -> Step {
    let mut step = Step::parse(line);
    if rng.chance(6) {
        spoil(rng, &mut step.command);
    }
    if rng.chance(20) {
        respell(rng, &mut step.command);
    }
    step
}

/// Drops, doubles, swaps or replaces one argument behind the name.
fn spoil(rng: &mut Rng, command: &mut Command) {
    let args = &mut command.0;
    if args.len() < 2 || args.iter().any(|arg| arg.eq_ignore_ascii_case(b"BLOCK")) {
        return;
    }
    let index = 1 + rng.below(args.len() - 1);
    match rng.below(4) {
        0 => drop(args.remove(index)),
        1 => args.insert(index, args[index].clone()),
        2 => {
            let other = 1 + rng.below(args.len() - 1);
            args.swap(index, other);
        }
        _ => args[index] = Command::parse(rng.pick(BROKEN)).0.concat(),
    }
}

/// Changes the case of the name or of an option; keys and values are in lower case and stay.
fn respell(rng: &mut Rng, command: &mut Command) {
    let shouted = |arg: &&mut Vec<u8>| arg.iter().all(|byte| byte.is_ascii_uppercase());
    let mut words: Vec<&mut Vec<u8>> = command.0.iter_mut().filter(shouted).collect();
    if words.is_empty() {
        return;
    }
    let index = rng.below(words.len());
    for byte in words[index].iter_mut() {
        if rng.chance(60) {
            byte.make_ascii_lowercase();
        }
    }
}
