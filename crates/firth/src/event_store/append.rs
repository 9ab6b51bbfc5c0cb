//! Appending events.

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::event::{Draft, Metadata, StoredEvent};
use super::writer::{Request, Writer};
use crate::{EntryId, Error};

/// What an aggregate must be like for events to be appended to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// It may be as it likes.
    Any,
    /// It has no events yet.
    New,
    /// It has so many events. What is read by aggregate tells how many there are.
    Version(u64),
}

/// What came of an append.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Appended {
    /// How many events the aggregate has now.
    pub version: u64,
    /// The places of the new events among all events of the store.
    pub ids: Vec<EntryId>,
}

/// Why events were not appended.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The aggregate is not as expected: somebody else was faster. Nothing was appended. Read the
    /// aggregate again and decide again.
    #[error("`{aggregate}` has {actual} events, expected {expected}")]
    Conflict {
        /// The aggregate.
        aggregate: Arc<str>,
        /// What was expected.
        expected: Expected,
        /// How many events it has.
        actual: u64,
    },
    /// Anything else.
    #[error(transparent)]
    Broker(#[from] Error),
}

/// Events that are about to be appended: `.await` does it.
#[derive(Debug)]
#[must_use = "nothing is appended before it is awaited"]
pub struct AppendEvents {
    writer: Arc<Writer>,
    aggregate: Arc<str>,
    expected: Expected,
    drafts: Result<Vec<Draft>, Error>,
}

impl AppendEvents {
    pub(super) fn new(
        writer: Arc<Writer>,
        aggregate: Arc<str>,
        expected: Expected,
        drafts: Result<Vec<Draft>, Error>,
    ) -> Self {
        AppendEvents { writer, aggregate, expected, drafts }
    }

    /// Adds a piece of metadata to each of the events.
    pub fn metadata(self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        let value = value.into();
        self.each(|metadata| metadata.set(name, value.clone()))
    }

    /// Says what the whole conversation that the events are part of is known by.
    pub fn correlation(self, id: &str) -> Self {
        self.each(|metadata| metadata.set_correlation(id))
    }

    /// Says that another event is the cause of these. They belong to the same conversation.
    pub fn caused_by(self, cause: &StoredEvent) -> Self {
        self.each(|metadata| metadata.set_cause(cause))
    }

    fn each(mut self, change: impl Fn(&mut Metadata)) -> Self {
        if let Ok(drafts) = &mut self.drafts {
            drafts.iter_mut().for_each(|draft| change(draft.metadata_mut()));
        }
        self
    }
}

impl IntoFuture for AppendEvents {
    type Output = Result<Appended, AppendError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let AppendEvents { writer, aggregate, expected, drafts } = self;
        async move { writer.append(Request { aggregate, expected, drafts: drafts? }).await }.boxed()
    }
}

impl Expected {
    /// Says whether an aggregate of so many events is as expected.
    pub(super) fn allows(self, version: u64) -> bool {
        match self {
            Expected::Any => true,
            Expected::New => version == 0,
            Expected::Version(expected) => version == expected,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expected::Any => f.write_str("any number"),
            Expected::New => f.write_str("none"),
            Expected::Version(version) => version.fmt(f),
        }
    }
}
