//! What a command does with its keys, in the words that COMMAND has for it: how it treats the value
//! (`RO` reads it, `RW` changes it, `OW` overwrites it, `RM` removes it), and what becomes of the
//! user's data within.

use firth_resp::Request;

use crate::args::is_word;
use crate::spec::{Flags, Spec};

/// The commands whose flags do not tell.
const ACCESS: &[(&[&str], &[&str])] = &[
    (&["RO"], &["exists", "strlen", "touch", "type", "watch", "xlen"]),
    (&["RO"], &["memory|usage", "object|encoding", "object|freq", "object|idletime"]),
    (&["RO"], &["object|refcount"]),
    (&["RO", "access"], &["xreadgroup"]),
    (&["RM", "delete"], &["del", "unlink"]),
    (&["OW", "insert"], &["msetnx", "setnx"]),
    (&["OW", "update"], &["mset", "psetex", "setex"]),
    (&["RW", "access", "update", "variable_flags"], &["set"]),
    (&["RW", "access", "update"], &["decr", "decrby", "getex", "getset", "move"]),
    (&["RW", "access", "update"], &["incr", "incrby", "incrbyfloat"]),
    (&["RW", "access", "delete"], &["getdel", "xautoclaim"]),
    (&["RW", "insert"], &["append", "xgroup|create", "xgroup|createconsumer"]),
    (&["RW", "delete"], &["xdel", "xgroup|delconsumer", "xgroup|destroy", "xtrim"]),
];

/// Returns what a command does with its keys.
pub(super) fn of(spec: &Spec) -> &'static [&'static str] {
    let special = ACCESS.iter().find(|(_, names)| names.contains(&spec.name));
    match special {
        Some((words, _)) => words,
        None if spec.flags.contains(Flags::READONLY) => &["RO", "access"],
        None => &["RW", "update"],
    }
}

/// Returns what a command does with its keys when it is called like this.
pub(super) fn of_call(spec: &Spec, request: Request<'_>) -> &'static [&'static str] {
    if spec.name != "set" {
        return of(spec);
    }
    let returns_old = request.slice(3).iter().any(|word| is_word(word, "GET"));
    if returns_old { &["RW", "access", "update"] } else { &["OW", "update"] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Table;

    #[test]
    fn only_commands_with_keys_are_named() {
        let table = Table::new();
        for name in ACCESS.iter().flat_map(|(_, names)| *names) {
            let command = table.all().iter().find(|command| command.spec.name == *name);
            assert!(command.is_some_and(|c| c.spec.keys != crate::spec::Keys::None), "{name}");
        }
    }
}
