//! Snapshots of aggregates: what came of their events up to a version.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::EventStore;
use super::event::StoredEvent;
use super::read::ReadError;
use crate::backend::{Batch, Condition, SetValue, When, Write};
use crate::key::beside;
use crate::{Error, Refusal, payload};

/// What came of the events of an aggregate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot<S> {
    /// How many events there were.
    pub version: u64,
    /// What came of them.
    pub state: S,
}

/// What became of a snapshot that was to be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Saved {
    /// It is there.
    Yes,
    /// One of the same or a later version is there and has been kept.
    NotNewer,
}

/// The part of a snapshot that tells its age.
#[derive(Deserialize)]
struct Age {
    version: u64,
}

impl EventStore {
    /// Returns what comes of all events of an aggregate: begins with the snapshot if there is one, else
    /// with the default, and applies what happened since.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use firth::Broker;
    /// # use firth::event_store::{Expected, NewEvent};
    /// # let broker = Broker::connect("memory:").await?;
    /// # let store = broker.event_store("domain-events");
    /// # store.append("account-1", Expected::Any, &[NewEvent::new("Deposited", 5)]).await?;
    /// let account = store
    ///     .load("account-1", |balance: &mut i64, event| {
    ///         *balance += event.decode_data::<i64>()?;
    ///         Ok(())
    ///     })
    ///     .await?;
    /// store.save_snapshot("account-1", &account).await?;
    /// # assert_eq!((account.version, account.state), (1, 5));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What `apply` answers, or why the events or the snapshot could not be read.
    pub async fn load<S: DeserializeOwned + Default>(
        &self,
        aggregate: &str,
        mut apply: impl FnMut(&mut S, &StoredEvent) -> Result<(), Error>,
    ) -> Result<Snapshot<S>, ReadError> {
        let mut snapshot = self.snapshot::<S>(aggregate).await?.unwrap_or_default();
        for event in self.by_aggregate(aggregate).after(snapshot.version).await? {
            apply(&mut snapshot.state, &event)?;
            snapshot.version = event.version.unwrap_or(snapshot.version);
        }
        Ok(snapshot)
    }

    /// Returns the snapshot of an aggregate.
    ///
    /// # Errors
    /// [`Error::Payload`] if it is not what the type expects, or why it could not be read.
    pub async fn snapshot<S: DeserializeOwned>(
        &self,
        aggregate: &str,
    ) -> Result<Option<Snapshot<S>>, Error> {
        let value = self.backend().value(self.snapshot_key(aggregate)).await?;
        value.map(|json| read(&json, aggregate)).transpose()
    }

    /// Saves a snapshot of an aggregate, unless there is one that is as new.
    ///
    /// # Errors
    /// [`Error::Payload`] if the state cannot be written as JSON, or why it could not be saved.
    pub async fn save_snapshot<S: Serialize>(
        &self,
        aggregate: &str,
        snapshot: &Snapshot<S>,
    ) -> Result<Saved, Error> {
        let key = self.snapshot_key(aggregate);
        let json = payload::to_json(snapshot)?;
        loop {
            let before = self.backend().value(Arc::clone(&key)).await?;
            let age = before.as_ref().map(|json| read::<Age>(json, aggregate)).transpose()?;
            if age.is_some_and(|age| snapshot.version <= age.version) {
                return Ok(Saved::NotNewer);
            }
            let (key, value) = (Arc::clone(&key), json.clone());
            let condition = Condition::Value { key: Arc::clone(&key), value: before };
            let set = SetValue { key, value, expires_in: None, when: When::Always };
            match self.backend().write(Batch::of(Write::Set(set)).only_if(condition)).await {
                Ok(_) => return Ok(Saved::Yes),
                Err(Error::Refused(Refusal::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Forgets the snapshot of an aggregate, as is needed when its state is of another shape now.
    ///
    /// # Errors
    /// Why it could not be removed.
    pub async fn remove_snapshot(&self, aggregate: &str) -> Result<(), Error> {
        let remove = Write::Remove { key: self.snapshot_key(aggregate) };
        self.backend().write(Batch::of(remove)).await.map(drop)
    }

    fn snapshot_key(&self, aggregate: &str) -> Arc<str> {
        beside(self.stream(), &format!("snapshot:{aggregate}"))
    }
}

fn read<T: DeserializeOwned>(json: &[u8], aggregate: &str) -> Result<T, Error> {
    serde_json::from_slice(json)
        .map_err(|error| Error::payload(&format!("the snapshot of `{aggregate}`: {error}")))
}
