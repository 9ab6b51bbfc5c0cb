//! What can go wrong, by who must act.

use std::sync::Arc;

use crate::backend::Feature;

/// Why something was not done.
///
/// The variants say who must act: nobody but time ([`Unavailable`](Error::Unavailable)), the caller
/// ([`Refused`](Error::Refused), [`Unsupported`](Error::Unsupported), [`Payload`](Error::Payload),
/// [`Address`](Error::Address), [`Closed`](Error::Closed)), or whoever runs the server
/// ([`Server`](Error::Server)). [`Error::actor`] says it in one word.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server cannot be reached, or is not ready. It is worth trying again.
    #[error("{reason} ({effect})")]
    Unavailable {
        /// What happened, for a log.
        reason: Arc<str>,
        /// Whether the request may have had an effect.
        effect: Effect,
    },

    /// The request makes no sense as things are, and will not until something else is done.
    #[error(transparent)]
    Refused(#[from] Refusal),

    /// The backend cannot do this at all.
    #[error("{backend} cannot do this: {feature}")]
    Unsupported {
        /// What would be needed.
        feature: Feature,
        /// Who cannot.
        backend: &'static str,
    },

    /// A value cannot be written as a payload, or a payload is not what the type expects.
    #[error("the payload: {reason}")]
    Payload {
        /// What is wrong with it.
        reason: Arc<str>,
    },

    /// The address of a broker is wrong.
    #[error("the address `{address}`: {reason}")]
    Address {
        /// The address, without its password.
        address: Arc<str>,
        /// What is wrong with it.
        reason: Arc<str>,
    },

    /// The server cannot do it before somebody has taken care of it.
    #[error("the server: {message}")]
    Server {
        /// What is to be taken care of.
        fault: Fault,
        /// What the server said.
        message: Arc<str>,
    },

    /// The broker has been closed.
    #[error("the broker has been closed")]
    Closed,
}

/// Whether a request that got no answer may have been carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// It was not.
    None,
    /// It may have been: the connection broke before the answer came.
    Unknown,
}

/// Why a request is refused as things are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A condition of a batch does not hold: somebody else was faster.
    #[error("a condition on `{key}` does not hold")]
    Conflict {
        /// The key that the condition is about.
        key: Arc<str>,
    },
    /// The keys must live together on a Cluster, and do not: they need a common hash tag.
    #[error("the keys do not share a hash slot: give them a common {{hash tag}}")]
    CrossSlot,
    /// The id of a new entry is not above the last one of the stream, or is 0-0.
    #[error("the id is not above the last one of the stream")]
    IdNotGreater,
    /// The request makes no sense.
    #[error("{0}")]
    Malformed(&'static str),
    /// The stream has no such group, or there is no such stream.
    #[error("there is no such group, or no such stream")]
    NoGroup,
    /// There is no such stream.
    #[error("there is no such stream")]
    NoStream,
    /// The request is larger than the backend takes.
    #[error("the request is too large")]
    TooLarge,
    /// The key holds something else.
    #[error("the key holds a value of another type")]
    WrongType,
    /// The server gave a reason that is not known here.
    #[error("{0}")]
    Other(Arc<str>),
}

/// What somebody has to take care of on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The user may not do this, or the password is wrong.
    Access,
    /// Memory or disk is full, or the disk fails.
    Resources,
    /// Its answer is none that the protocol allows.
    Protocol,
}

/// Who must act on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Actor {
    /// Nobody: it is worth trying again after a while.
    Time,
    /// The program that made the request.
    Caller,
    /// Whoever runs the server.
    Operator,
}

impl Error {
    /// Returns who must act.
    pub fn actor(&self) -> Actor {
        match self {
            Error::Unavailable { .. } => Actor::Time,
            Error::Server { .. } => Actor::Operator,
            _ => Actor::Caller,
        }
    }

    /// Returns why the request was refused, if it was.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Error::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    pub(crate) fn unavailable(reason: &(impl ToString + ?Sized), effect: Effect) -> Self {
        Error::Unavailable { reason: reason.to_string().into(), effect }
    }

    pub(crate) fn payload(reason: &(impl ToString + ?Sized)) -> Self {
        Error::Payload { reason: reason.to_string().into() }
    }
}

impl std::fmt::Display for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Effect::None => "nothing was done",
            Effect::Unknown => "it may have been done",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_say_whether_something_was_done() {
        let error = Error::unavailable("the connection is gone", Effect::Unknown);
        assert_eq!(error.to_string(), "the connection is gone (it may have been done)");
        assert_eq!(error.actor(), Actor::Time);
    }

    #[test]
    fn refusals_are_the_callers() {
        let error = Error::from(Refusal::NoGroup);
        assert_eq!(error.actor(), Actor::Caller);
        assert_eq!(error.refusal(), Some(&Refusal::NoGroup));
    }
}
