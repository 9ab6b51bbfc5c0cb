//! What a handler gets, and what it says.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::EntryId;

/// An entry that is handed to a handler.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery<T> {
    /// The value.
    pub value: T,
    /// The entry's identity.
    pub id: EntryId,
    /// The stream that it is from.
    pub stream: Arc<str>,
    /// How often it has been delivered, this time included; kept by the backend, so counted across
    /// restarts.
    pub deliveries: u64,
}

/// What is to become of an entry.
///
/// A handler may return one, or `()` for [`Done`](Verdict::Done), or a `Result` whose error stands
/// for [`Retry`](Verdict::Retry), with all of its causes: of a reason the first line is what dead letters
/// are counted by, and each cause is a line more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It is done with.
    Done,
    /// It could not be handled now; it comes again, until it has been delivered as often as may be.
    Retry {
        /// Why.
        reason: String,
        /// After what time; `None`: as the worker's backoff says.
        after: Option<Duration>,
    },
    /// It cannot be handled at all: it goes to the dead letters now.
    Reject {
        /// Why.
        reason: String,
    },
}

impl Verdict {
    /// Lets an entry come again as the backoff says.
    pub fn retry(reason: impl fmt::Display) -> Self {
        Verdict::Retry { reason: format!("{reason:#}"), after: None }
    }

    /// Lets an entry come again after this time.
    pub fn retry_after(after: Duration, reason: impl fmt::Display) -> Self {
        Verdict::Retry { reason: format!("{reason:#}"), after: Some(after) }
    }

    /// Sends an entry to the dead letters.
    pub fn reject(reason: impl fmt::Display) -> Self {
        Verdict::Reject { reason: format!("{reason:#}") }
    }
}

impl From<()> for Verdict {
    fn from((): ()) -> Self {
        Verdict::Done
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<Result<(), E>> for Verdict {
    fn from(result: Result<(), E>) -> Self {
        Verdict::from(result.map(|()| Verdict::Done))
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<Result<Verdict, E>> for Verdict {
    fn from(result: Result<Verdict, E>) -> Self {
        result.unwrap_or_else(|error| Verdict::retry(lines(&*error.into())))
    }
}

/// Returns an error and its causes, each in a line.
fn lines(error: &(dyn Error + 'static)) -> String {
    let errors = std::iter::successors(Some(error), |&error| error.source());
    let texts = errors.map(|error| error.to_string().lines().collect::<Vec<_>>().join(" "));
    texts.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("no\nstock")]
    struct NoStock(#[source] std::num::ParseIntError);

    #[test]
    fn causes_are_lines() {
        let Err(cause) = "x".parse::<u32>() else { return };
        let verdict = Verdict::from(Err::<(), _>(NoStock(cause)));
        assert_eq!(verdict, Verdict::retry("no stock\ninvalid digit found in string"));
        assert_eq!(Verdict::from(Err::<(), _>("late")), Verdict::retry("late"));
        assert_eq!(Verdict::from(Err::<Verdict, _>("late".to_owned())), Verdict::retry("late"));
        assert_eq!(Verdict::from(Ok::<(), NoStock>(())), Verdict::Done);
    }
}
