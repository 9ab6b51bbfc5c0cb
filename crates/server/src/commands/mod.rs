//! The commands, one file each, and the table of all of them.

use hashbrown::HashMap;

use crate::spec::Spec;

mod connection;
mod database;
mod generic;
mod pubsub;
mod server;
mod stream;
mod string;
mod transaction;

/// The families of commands.
const FAMILIES: &[&[Spec]] = &[
    connection::COMMANDS,
    generic::COMMANDS,
    pubsub::COMMANDS,
    server::COMMANDS,
    stream::COMMANDS,
    string::COMMANDS,
    transaction::COMMANDS,
];

/// The longest name of a command.
const NAME_BYTES_MAX: usize = 32;

/// All commands, found by name.
#[derive(Debug)]
pub struct Table {
    by_name: HashMap<&'static [u8], Command, foldhash::fast::FixedState>,
    all: Vec<Command>,
}

/// A command or a subcommand, and its place in the counters.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// The declaration.
    pub spec: &'static Spec,
    /// The place in the counters; subcommands follow their container.
    pub index: usize,
}

impl Default for Table {
    fn default() -> Self {
        Table::new()
    }
}

impl Table {
    /// Returns the table.
    pub fn new() -> Self {
        let specs = || FAMILIES.iter().flat_map(|family| family.iter());
        let nested = specs().flat_map(|spec| std::iter::once(spec).chain(spec.subcommands));
        let all: Vec<Command> =
            nested.enumerate().map(|(index, spec)| Command { spec, index }).collect();
        let top = all.iter().filter(|command| !command.spec.name.contains('|'));
        let by_name = top.map(|command| (command.spec.name.as_bytes(), *command)).collect();
        Table { by_name, all }
    }

    /// Returns how many commands and subcommands there are.
    #[expect(clippy::len_without_is_empty, reason = "the table is never empty")]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns a command by its name, in whatever case.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<Command> {
        let mut lower = [0; NAME_BYTES_MAX];
        let lower = lower.get_mut(..name.len())?;
        for (to, from) in lower.iter_mut().zip(name) {
            *to = from.to_ascii_lowercase();
        }
        self.by_name.get(&*lower).copied()
    }

    /// Returns a subcommand of a command by its name, in whatever case.
    pub fn find_subcommand(&self, container: Command, name: &[u8]) -> Option<Command> {
        let found = container
            .spec
            .subcommands
            .iter()
            .position(|sub| sub.short_name().as_bytes().eq_ignore_ascii_case(name))?;
        self.all.get(container.index + 1 + found).copied()
    }

    /// Returns all commands without subcommands, in the order of the families.
    pub fn commands(&self) -> impl Iterator<Item = Command> {
        self.all.iter().copied().filter(|command| !command.spec.name.contains('|'))
    }

    /// Returns all commands, each followed by its subcommands, by their place in the counters.
    pub fn all(&self) -> &[Command] {
        &self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_declares_itself_properly() {
        let table = Table::new();
        let mut names = std::collections::BTreeSet::new();
        for command in table.all() {
            let spec = command.spec;
            assert!(names.insert(spec.name), "{} is declared twice", spec.name);
            assert_eq!(spec.name, spec.name.to_ascii_lowercase());
            assert!(spec.name.len() <= NAME_BYTES_MAX);
            assert!(spec.summary.ends_with('.'), "{} has no summary", spec.name);
            assert!(spec.arity != 0, "{} has no arity", spec.name);
            for sub in spec.subcommands {
                let container = sub.name.split_once('|').map(|(container, _)| container);
                assert_eq!(container, Some(spec.name), "{}", sub.name);
            }
        }
    }

    #[test]
    fn names_are_found_in_any_case() {
        let table = Table::new();
        assert_eq!(table.find(b"PiNg").map(|command| command.spec.name), Some("ping"));
        assert!(table.find(b"").is_none());
        assert!(table.find(&[b'x'; 1000]).is_none());
    }
}
