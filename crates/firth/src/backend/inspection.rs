//! What a backend can be asked about itself: for people who look at it, not for patterns.

use std::fmt;
use std::sync::Arc;

use super::Retention;

/// A question to a backend about what it holds and how it does.
///
/// On a Cluster all primaries are asked, and one that cannot be reached fails the question. What a
/// backend knows nothing of (an engine in the process has no clients, an old server no slow log) is
/// empty in the answer and no error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inspection {
    /// Which streams there are: [`Inspected::Streams`].
    ///
    /// Streams that come or go meanwhile may be named or not. Names that are not UTF-8 are left out.
    Streams {
        /// The most names of the answer.
        limit: usize,
    },
    /// How many bytes keys take in memory, about: [`Inspected::Sizes`].
    Sizes(Vec<Arc<str>>),
    /// What a stream retains by itself: [`Inspected::Retention`].
    Retention(Arc<str>),
    /// What is listened to: [`Inspected::Listeners`].
    Listeners,
    /// The numbers that a server gives of itself: [`Inspected::Records`], one for each server, with
    /// the names of INFO.
    Report,
    /// The connections: [`Inspected::Records`], one for each, with the names of CLIENT LIST.
    Clients,
    /// The commands that took longest: [`Inspected::SlowCommands`], the newest first.
    SlowCommands {
        /// The most commands of each server.
        limit: usize,
    },
    /// The settings: [`Inspected::Records`], one for each server. Secrets are among them.
    Settings,
    /// Who may do what: [`Inspected::Records`], one for each user, with `user` and `rules`. Passwords
    /// and their hashes are left out.
    Users,
}

/// The answer to an [`Inspection`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inspected {
    /// The names of streams.
    Streams(StreamNames),
    /// The bytes of each key, in the order of the question; `None` if there is no such key.
    Sizes(Vec<Option<u64>>),
    /// What a stream retains by itself; `None` if that is everything.
    Retention(Option<Retention>),
    /// What is listened to.
    Listeners(Listeners),
    /// What servers tell, as names and values.
    Records(Vec<Record>),
    /// Commands that took long.
    SlowCommands(Vec<SlowCommand>),
}

/// The names of streams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamNames {
    /// The names in their order, each once.
    pub names: Vec<Arc<str>>,
    /// Whether these are all; if not, the limit was reached.
    pub is_complete: bool,
}

/// What is listened to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listeners {
    /// The channels in the order of their names, each with how many connections listen to it.
    pub channels: Vec<(Arc<str>, u64)>,
    /// How many patterns are listened to; on a Cluster, one that several nodes know counts as often.
    pub patterns: u64,
}

/// Names and values that a server tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The server: the address by which it is known here.
    pub node: Arc<str>,
    /// The names and their values, in the order of the server.
    pub fields: Vec<(Arc<str>, Arc<str>)>,
}

impl Record {
    /// Returns the value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| **known == *name).map(|(_, value)| &**value)
    }

    /// Returns the value of a name if it is a whole number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }
}

/// A command that took long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlowCommand {
    /// The server: the address by which it is known here.
    pub node: Arc<str>,
    /// Its number on that server.
    pub id: u64,
    /// When it ran, in Unix seconds.
    pub at_s: u64,
    /// How many microseconds it took.
    pub took_us: u64,
    /// The command and its arguments, as far as the server keeps them.
    pub args: Vec<Arc<str>>,
    /// Where it came from.
    pub client: Arc<str>,
    /// How that connection names itself.
    pub name: Arc<str>,
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Inspection::Streams { .. } => "which streams there are",
            Inspection::Sizes(_) => "how large keys are",
            Inspection::Retention(_) => "what a stream retains",
            Inspection::Listeners => "what is listened to",
            Inspection::Report => "how the server does",
            Inspection::Clients => "who is connected",
            Inspection::SlowCommands { .. } => "which commands were slow",
            Inspection::Settings => "how the server is set up",
            Inspection::Users => "who may do what",
        })
    }
}
