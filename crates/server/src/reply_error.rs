//! Every error text that a client can match on.

use std::borrow::Cow;

use firth_engine::blocks::ReadError;
use firth_engine::{Failure, WrongType};

/// An error reply: its code and text, without the leading `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyError(Cow<'static, str>);

impl ReplyError {
    /// Returns an error whose text is fixed.
    pub const fn fixed(text: &'static str) -> Self {
        ReplyError(Cow::Borrowed(text))
    }

    /// Returns an error whose text was put together.
    pub fn new(text: String) -> Self {
        ReplyError(Cow::Owned(text))
    }

    /// Returns the error's code and text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl From<WrongType> for ReplyError {
    fn from(_: WrongType) -> Self {
        WRONG_TYPE
    }
}

/// Says that a block of a stream cannot be read.
pub fn read_failure(failure: &ReadError) -> ReplyError {
    ReplyError::new(format!("ERR {failure}"))
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub(crate) const $name: ReplyError = ReplyError::fixed($text);)*
    };
}

texts! {
    WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
    SYNTAX = "ERR syntax error";
    OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'.";
    NOT_AN_INTEGER = "ERR value is not an integer or out of range";
    NOT_A_FLOAT = "ERR value is not a valid float";
    NO_SUCH_KEY = "ERR no such key";
    INVALID_STREAM_ID = "ERR Invalid stream ID specified as stream command argument";
    DB_OUT_OF_RANGE = "ERR DB index is out of range";
    NO_AUTH = "NOAUTH Authentication required.";
    WRONG_PASS = "WRONGPASS invalid username-password pair or user is disabled.";
    EXEC_ABORT = "EXECABORT Transaction discarded because of previous errors.";
    EXEC_WITHOUT_MULTI = "ERR EXEC without MULTI";
    DISCARD_WITHOUT_MULTI = "ERR DISCARD without MULTI";
    NESTED_MULTI = "ERR MULTI calls can not be nested";
    WATCH_IN_MULTI = "ERR WATCH inside MULTI is not allowed";
    NO_PROTO = "NOPROTO unsupported protocol version";
    TIMEOUT_NOT_INTEGER = "ERR timeout is not an integer or out of range";
    TIMEOUT_NEGATIVE = "ERR timeout is negative";
    TRANSACTION_TOO_LARGE = "ERR Transaction is too large to be queued";
    MONITOR_AND_KEYS = "ERR Replica can't interact with the keyspace";
    SSUBSCRIBE_IN_EXEC = "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client";
    MONITOR_IN_EXEC = "ERR MONITOR isn't allowed for DENY BLOCKING client";
    LOG_CLOSED = "MISCONF The log is closed, since the server stops";
    UNBLOCKED = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
}

/// Nothing can be changed, since the disk is full.
pub(crate) fn log_full(failure: &Failure) -> ReplyError {
    misconf("Errors writing to the log", failure, "reads go on, writes when there is room again")
}

/// Nothing can be changed, since the log has failed.
pub(crate) fn log_failed(failure: &Failure) -> ReplyError {
    misconf("Errors writing to the log", failure, "reads go on, writes after a restart")
}

/// What was asked for depends on changes that wait for room on the disk.
pub(crate) fn log_full_behind(failure: &Failure) -> ReplyError {
    misconf("The reply depends on changes that wait for room on the disk", failure, "try later")
}

/// What was asked for depends on changes that will never be on the disk.
pub(crate) fn log_failed_behind(failure: &Failure) -> ReplyError {
    let what = "The reply depends on changes that could not be written";
    misconf(what, failure, "a restart tells what is there")
}

fn misconf(what: &str, failure: &Failure, advice: &str) -> ReplyError {
    ReplyError::new(printable(format!("MISCONF {what}: {failure}; {advice}").as_bytes(), 1024))
}

/// The command is called with too few or too many arguments.
pub(crate) fn wrong_arity(name: &str) -> ReplyError {
    ReplyError::new(format!("ERR wrong number of arguments for '{name}' command"))
}

/// There is no such command; the arguments are shown as far as they fit.
pub(crate) fn unknown_command<'a>(name: &[u8], args: impl Iterator<Item = &'a [u8]>) -> ReplyError {
    let mut shown = String::new();
    for arg in args {
        if shown.len() >= 128 {
            break;
        }
        let room = 128 - shown.len();
        shown.push_str(&format!("'{}' ", printable(arg, room)));
    }
    let name = printable(name, 128);
    ReplyError::new(format!("ERR unknown command '{name}', with args beginning with: {shown}"))
}

/// A subcommand is called with too few or too many arguments, and says so itself.
pub(crate) fn subcommand_syntax(command: &str, name: &[u8]) -> ReplyError {
    let name = printable(name, 128);
    ReplyError::new(format!(
        "ERR unknown subcommand or wrong number of arguments for '{name}'. Try {command} HELP."
    ))
}

/// There is no such subcommand.
pub(crate) fn unknown_subcommand(command: &str, name: &[u8]) -> ReplyError {
    let command = command.to_ascii_uppercase();
    let name = printable(name, 128);
    ReplyError::new(format!("ERR unknown subcommand '{name}'. Try {command} HELP."))
}

/// Returns bytes of a client as text that can stand in an error: cut, also at a zero byte as C does
/// it, and without line breaks.
pub(crate) fn printable(bytes: &[u8], bytes_max: usize) -> String {
    let cut = bytes.get(..bytes_max).unwrap_or(bytes);
    let cut = cut.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(cut).replace(['\r', '\n'], " ")
}
