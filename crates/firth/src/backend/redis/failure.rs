//! Errors of servers and connections as errors of ours.

use redis::{ErrorKind, RedisError, ServerErrorKind, Value};

use super::tls;
use crate::{Effect, Error, Fault, Refusal};

/// What a node of a Cluster answers about a key that is not its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Redirect {
    /// The slot lives elsewhere.
    Moved(String),
    /// This once, ask there.
    Ask(String),
}

/// Returns where a request is to be sent instead.
pub(super) fn redirect(error: &RedisError) -> Option<Redirect> {
    let node = error.redirect_node()?.0.to_owned();
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::Ask) => Some(Redirect::Ask(node)),
        _ => Some(Redirect::Moved(node)),
    }
}

/// Says whether the server will take the same request in a moment, perhaps in another place.
pub(super) fn is_unready(error: &RedisError) -> bool {
    let ErrorKind::Server(kind) = error.kind() else { return false };
    matches!(
        kind,
        ServerErrorKind::BusyLoading
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ReadOnly
    )
}

/// Says whether the server takes no writes because it follows another one.
pub(super) fn is_replica(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

/// Says whether the connection is of no more use.
pub(super) fn is_connection_lost(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Parse)
}

/// Returns what went wrong.
pub(super) fn of(error: &RedisError) -> Error {
    let message = || text_of(error).into();
    match error.kind() {
        ErrorKind::Io if tls::is_distrust(error) => {
            Error::Server { fault: Fault::Access, message: error.to_string().into() }
        }
        ErrorKind::Io => Error::unavailable(&error, Effect::Unknown),
        ErrorKind::AuthenticationFailed => {
            Error::Server { fault: Fault::Access, message: message() }
        }
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => {
            Error::Server { fault: Fault::Protocol, message: message() }
        }
        ErrorKind::MasterNameNotFoundBySentinel | ErrorKind::ClusterConnectionNotFound => {
            Error::unavailable(&error, Effect::None)
        }
        ErrorKind::Server(ServerErrorKind::CrossSlot) => Refusal::CrossSlot.into(),
        ErrorKind::Server(ServerErrorKind::NoPerm) => {
            Error::Server { fault: Fault::Access, message: message() }
        }
        _ if is_unready(error) || redirect(error).is_some() => {
            Error::unavailable(&text_of(error), Effect::None)
        }
        _ => by_text(error.code().unwrap_or_default(), error.detail().unwrap_or_default())
            .unwrap_or_else(|| Refusal::Other(message()).into()),
    }
}

/// Tells errors apart of which the crate knows nothing but the text.
fn by_text(code: &str, detail: &str) -> Option<Error> {
    let server = |fault| Some(Error::Server { fault, message: format!("{code} {detail}").into() });
    let refusal = match code {
        "WRONGTYPE" => Refusal::WrongType,
        // The second is how a waiting reader of Redis 7.0 learns that its stream is gone.
        "NOGROUP" | "UNBLOCKED" => Refusal::NoGroup,
        "NOAUTH" | "WRONGPASS" | "DENIED" => return server(Fault::Access),
        "OOM" | "MISCONF" | "NOREPLICAS" => return server(Fault::Resources),
        "ERR" if detail.starts_with("The ID specified in XADD") => Refusal::IdNotGreater,
        "ERR" if detail.starts_with("The stream has exhausted") => Refusal::IdNotGreater,
        "ERR" if detail.starts_with("The XGROUP subcommand requires the key") => Refusal::NoGroup,
        "ERR" if detail.starts_with("no such key") => Refusal::NoStream,
        "ERR" if detail.starts_with("Elements are too large") => Refusal::TooLarge,
        "ERR" if detail.starts_with("Protocol error: invalid bulk length") => Refusal::TooLarge,
        _ => return None,
    };
    Some(refusal.into())
}

/// Returns what the server said, word by word.
fn text_of(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

/// A reply that the protocol does not allow here.
pub(super) fn strange(expected: &str, found: &Value) -> Error {
    let kind = match found {
        Value::Nil => "nothing".to_owned(),
        Value::Int(_) => "a number".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Map(_) => "a map".to_owned(),
        Value::SimpleString(text) => format!("`{text}`"),
        _ => "something else".to_owned(),
    };
    let message = format!("{expected} was expected, and {kind} came").into();
    Error::Server { fault: Fault::Protocol, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, detail: &str, expect: &str) {
        let found = by_text(code, detail).map(|error| format!("{error:?}"));
        assert_eq!(found.unwrap_or_default(), expect, "{code} {detail}");
    }

    #[test]
    fn texts() {
        check("WRONGTYPE", "Operation against a key", "Refused(WrongType)");
        check("NOGROUP", "No such key 's'", "Refused(NoGroup)");
        check("UNBLOCKED", "the stream key no longer exists", "Refused(NoGroup)");
        check("ERR", "The ID specified in XADD is equal or smaller", "Refused(IdNotGreater)");
        check("ERR", "no such key", "Refused(NoStream)");
        check("ERR", "unknown command", "");
        check("OOM", "command", "Server { fault: Resources, message: \"OOM command\" }");
    }
}
