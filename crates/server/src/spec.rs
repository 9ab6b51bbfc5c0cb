//! What a command declares about itself.
//!
//! Each command is one file with one [`Spec`]; lookup, arity, key extraction, COMMAND, COMMAND DOCS
//! and docs/commands.md derive from it.

use bitflags::bitflags;
use firth_resp::Request;
use smallvec::SmallVec;

use crate::context::Context;
use crate::reply_error::ReplyError;

/// Runs a command. It writes its reply through the context, or returns an error to be replied in
/// the place of whatever it has written.
pub type Run = fn(&mut Context<'_, '_>, Request<'_>) -> Result<(), ReplyError>;

bitflags! {
    /// Properties of a command.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Flags: u32 {
        /// It may change keys.
        const WRITE = 1 << 0;
        /// It only reads keys.
        const READONLY = 1 << 1;
        /// It may take memory.
        const DENYOOM = 1 << 2;
        /// It is an administrator's.
        const ADMIN = 1 << 3;
        /// It belongs to publish/subscribe.
        const PUBSUB = 1 << 4;
        /// It may not be called by scripts.
        const NOSCRIPT = 1 << 5;
        /// It may block its client.
        const BLOCKING = 1 << 6;
        /// It is served while data is being loaded.
        const LOADING = 1 << 7;
        /// It is served by a replica without its primary.
        const STALE = 1 << 8;
        /// It is not shown to monitors.
        const SKIP_MONITOR = 1 << 9;
        /// It is not kept in the slow log.
        const SKIP_SLOWLOG = 1 << 10;
        /// It takes constant or logarithmic time.
        const FAST = 1 << 11;
        /// It is served before authentication.
        const NO_AUTH = 1 << 12;
        /// Its keys cannot be told from their places alone.
        const MOVABLE_KEYS = 1 << 13;
        /// It may not be queued in a transaction.
        const NO_MULTI = 1 << 14;
        /// It runs at once inside MULTI instead of being queued.
        const IMMEDIATE = 1 << 15;
        /// It is allowed to a RESP2 client that is subscribed.
        const WHILE_SUBSCRIBED = 1 << 16;
        /// It works on the keyspace as a whole.
        const KEYSPACE = 1 << 17;
        /// It is about connections.
        const CONNECTION = 1 << 18;
        /// It belongs to transactions.
        const TRANSACTION = 1 << 19;
        /// It can do harm.
        const DANGEROUS = 1 << 20;
    }
}

/// The families of commands, as documentation groups them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Connections.
    Connection,
    /// Keys of any type.
    Generic,
    /// Publish/subscribe.
    Pubsub,
    /// The server itself.
    Server,
    /// Streams.
    Stream,
    /// Strings.
    String,
    /// Transactions.
    Transactions,
}

impl Group {
    /// Returns the group's name.
    pub fn name(self) -> &'static str {
        match self {
            Group::Connection => "connection",
            Group::Generic => "generic",
            Group::Pubsub => "pubsub",
            Group::Server => "server",
            Group::Stream => "stream",
            Group::String => "string",
            Group::Transactions => "transactions",
        }
    }
}

/// Which arguments of a command are keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// None.
    None,
    /// None by name, but the command works on all of them.
    All,
    /// The arguments from `first` to `last`, every `step`th; a negative `last` counts from the end.
    Range {
        /// The first key's place.
        first: usize,
        /// The last key's place.
        last: isize,
        /// From one key to the next.
        step: usize,
    },
    /// The first half of what follows the word STREAMS, behind options from this place on.
    Streams {
        /// Where the options begin.
        from: usize,
    },
    /// Those of all queued commands, and those that are watched.
    Transaction,
}

impl Keys {
    /// One key, right behind the command's name.
    pub const FIRST: Keys = Keys::Range { first: 1, last: 1, step: 1 };
    /// One key, behind the subcommand's name.
    pub const SECOND: Keys = Keys::Range { first: 2, last: 2, step: 1 };
    /// All arguments.
    pub const REST: Keys = Keys::Range { first: 1, last: -1, step: 1 };

    /// Returns the places of the keys among a request's arguments.
    pub fn places(self, request: Request<'_>) -> SmallVec<[usize; 4]> {
        match self {
            Keys::None | Keys::All | Keys::Transaction => SmallVec::new(),
            Keys::Range { first, last, step } => {
                let end = match usize::try_from(last) {
                    Ok(last) => last + 1,
                    Err(_) => (request.len() + 1).saturating_sub(last.unsigned_abs()),
                };
                (first..end.min(request.len())).step_by(step).collect()
            }
            Keys::Streams { from } => {
                let Some(word) = streams_word(request, from) else { return SmallVec::new() };
                let rest = request.len() - word - 1;
                (word + 1..=word + rest / 2).collect()
            }
        }
    }
}

/// Returns the place of the word STREAMS behind the options of XREAD or XREADGROUP.
///
/// The options are walked rather than searched, since a group or a consumer may have that name too.
fn streams_word(request: Request<'_>, from: usize) -> Option<usize> {
    let mut place = from;
    loop {
        let word = request.get(place)?;
        let is = |other: &str| word.eq_ignore_ascii_case(other.as_bytes());
        place += match () {
            () if is("streams") => return Some(place),
            () if is("group") => 3,
            () if is("noack") => 1,
            () if ["count", "block", "claim", "maxcount", "maxsize"].into_iter().any(is) => 2,
            () => return None,
        };
    }
}

/// The declaration of a command or a subcommand.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The name in lower case; a subcommand's is `container|name`.
    pub name: &'static str,
    /// The arguments as documentation shows them, without the command's name.
    pub syntax: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// The version of Redis that has it first; for our own, that of Firth.
    pub since: &'static str,
    /// The time that it takes.
    pub complexity: &'static str,
    /// The family.
    pub group: Group,
    /// How many arguments it takes, its name included; `-n` stands for at least `n`.
    pub arity: i32,
    /// Its properties.
    pub flags: Flags,
    /// Its keys.
    pub keys: Keys,
    /// What runs it.
    pub run: Run,
    /// Its subcommands.
    pub subcommands: &'static [Spec],
}

impl Spec {
    /// A declaration to start from: no keys, no flags, and `ERR unknown subcommand` for an answer.
    pub const BASE: Spec = Spec {
        name: "",
        syntax: "",
        summary: "",
        since: "1.0.0",
        complexity: "O(1)",
        group: Group::Generic,
        arity: -2,
        flags: Flags::empty(),
        keys: Keys::None,
        run: |_, _| Err(crate::reply_error::SYNTAX),
        subcommands: &[],
    };

    /// Says whether a request with so many arguments, the name included, is acceptable.
    pub fn accepts(&self, arguments: usize) -> bool {
        let arity = self.arity.unsigned_abs() as usize;
        if self.arity < 0 { arguments >= arity } else { arguments == arity }
    }

    /// Returns the name without that of the container.
    pub fn short_name(&self) -> &'static str {
        self.name.split_once('|').map_or(self.name, |(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use firth_resp::OwnedRequest;

    use super::*;

    fn places(keys: Keys, line: &str) -> Vec<usize> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        keys.places(OwnedRequest::from_slices(&words).as_request()).to_vec()
    }

    #[test]
    fn keys_are_where_the_declaration_says() {
        assert_eq!(places(Keys::FIRST, "GET k"), [1]);
        assert_eq!(places(Keys::REST, "DEL a b c"), [1, 2, 3]);
        assert_eq!(places(Keys::Range { first: 1, last: -1, step: 2 }, "MSET a 1 b 2"), [1, 3]);
        assert_eq!(places(Keys::SECOND, "XGROUP CREATE k g 0"), [2]);
    }

    #[test]
    fn the_word_streams_is_found_behind_the_options_only() {
        let keys = Keys::Streams { from: 1 };
        assert_eq!(places(keys, "XREAD COUNT 1 BLOCK 0 STREAMS a b 0 0"), [5 + 1, 5 + 2]);
        assert_eq!(places(keys, "XREADGROUP GROUP streams c STREAMS k >"), [5]);
        assert_eq!(places(keys, "XREADGROUP NOACK GROUP g streams STREAMS streams >"), [6]);
        assert_eq!(places(keys, "XREAD NONSENSE STREAMS a 0"), [0; 0]);
        assert_eq!(places(keys, "XREAD STREAMS"), [0; 0]);
    }
}
