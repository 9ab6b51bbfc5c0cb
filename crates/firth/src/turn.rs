//! One at a time may do something, such as bring letters back, or two would do the same.
//!
//! Whose turn it is is kept in a value, which goes away by itself when nobody renews it. Each step has the value as its
//! condition, so that who has lost the turn does nothing more. Somebody of the same name may take the turn over at once: a
//! job that was restarted need not wait.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::backend::{Backend, Batch, Condition, SetValue, When, Write};
use crate::tail::wait_out;
use crate::{Error, Refusal, chance};

/// How often it is tried to take the turn while the backend cannot be reached.
const TRIES: u32 = 5;

/// The right to do something.
#[derive(Debug)]
pub(crate) struct Turn {
    key: Arc<str>,
    value: Bytes,
    /// For how long it is kept without being renewed.
    lease: Duration,
}

impl Turn {
    /// Takes the turn, unless it is somebody else's.
    pub(crate) async fn take(
        backend: &dyn Backend,
        key: Arc<str>,
        by: &str,
        lease: Duration,
    ) -> Result<Option<Self>, Error> {
        let turn = Turn { key, value: format!("{} {by}", chance::token()).into(), lease };
        let mut failures = 0;
        loop {
            match turn.try_take(backend, by).await {
                Ok(is_taken) => return Ok(is_taken.then_some(turn)),
                // Somebody has changed the value since it was looked at.
                Err(Error::Refused(Refusal::Conflict { key })) if failures < TRIES => {
                    tracing::debug!(%key, "looking again whose turn it is");
                }
                Err(error) if failures < TRIES => wait_out(error).await?,
                Err(error) => return Err(error),
            }
            failures += 1;
        }
    }

    async fn try_take(&self, backend: &dyn Backend, by: &str) -> Result<bool, Error> {
        let found = backend.value(Arc::clone(&self.key)).await?;
        let is_others = |value: &Bytes| {
            let owner = std::str::from_utf8(value).ok().and_then(|text| text.split_once(' '));
            owner.is_none_or(|(_, name)| name != by)
        };
        if found.as_ref().is_some_and(is_others) {
            return Ok(false);
        }
        let condition = Condition::Value { key: Arc::clone(&self.key), value: found };
        backend.write(Batch::of(self.renewal()).only_if(condition)).await.map(|_| true)
    }

    /// Makes sure, as far as a look can, that the turn is still ours.
    pub(crate) async fn check(&self, backend: &dyn Backend) -> Result<(), Error> {
        match backend.value(Arc::clone(&self.key)).await? == Some(self.value.clone()) {
            true => Ok(()),
            false => Err(Refusal::Conflict { key: Arc::clone(&self.key) }.into()),
        }
    }

    /// What must hold for a step.
    pub(crate) fn condition(&self) -> Condition {
        Condition::Value { key: Arc::clone(&self.key), value: Some(self.value.clone()) }
    }

    /// Keeps the turn.
    pub(crate) fn renewal(&self) -> Write {
        Write::Set(SetValue {
            key: Arc::clone(&self.key),
            value: self.value.clone(),
            expires_in: Some(self.lease),
            when: When::Always,
        })
    }

    /// Lets others have the turn.
    pub(crate) async fn end(self, backend: &dyn Backend) {
        let removal = Write::Remove { key: Arc::clone(&self.key) };
        let ended = backend.write(Batch::of(removal).only_if(self.condition())).await;
        if let Err(error) = ended {
            tracing::debug!(%error, "the turn ends by itself");
        }
    }
}
