//! One at a time may bring letters back, or two would bring back the same ones.
//!
//! Whose turn it is is kept in a value beside the letters, which goes away by itself when nobody renews it. Each step of a
//! redrive has the value as its condition, so that who has lost the turn does nothing more. Somebody of the same name may
//! take the turn over at once: a job that was restarted need not wait.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::backend::{Backend, Batch, Condition, SetValue, When, Write};
use crate::tail::wait_out;
use crate::{Error, Refusal};

/// For how long the turn is kept without being renewed.
const LEASE: Duration = Duration::from_secs(60);

/// How often it is tried to take the turn while the backend cannot be reached.
const TRIES: u32 = 5;

/// The right to bring letters back.
#[derive(Debug)]
pub(super) struct Turn {
    key: Arc<str>,
    value: Bytes,
}

impl Turn {
    /// Takes the turn.
    pub(super) async fn take(
        backend: &dyn Backend,
        key: Arc<str>,
        by: &str,
    ) -> Result<Self, Error> {
        let chance = RandomState::new().hash_one("turn");
        let turn = Turn { key, value: format!("{chance:016x} {by}").into() };
        let mut failures = 0;
        loop {
            match turn.try_take(backend, by).await {
                Ok(()) => return Ok(turn),
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

    async fn try_take(&self, backend: &dyn Backend, by: &str) -> Result<(), Error> {
        let found = backend.value(Arc::clone(&self.key)).await?;
        let is_others = |value: &Bytes| {
            let owner = std::str::from_utf8(value).ok().and_then(|text| text.split_once(' '));
            owner.is_none_or(|(_, name)| name != by)
        };
        if found.as_ref().is_some_and(is_others) {
            return Err(Refusal::Malformed("somebody else brings these letters back").into());
        }
        let condition = Condition::Value { key: Arc::clone(&self.key), value: found };
        backend.write(Batch::of(self.renewal()).only_if(condition)).await.map(drop)
    }

    /// Makes sure, as far as a look can, that the turn is still ours.
    pub(super) async fn check(&self, backend: &dyn Backend) -> Result<(), Error> {
        match backend.value(Arc::clone(&self.key)).await? == Some(self.value.clone()) {
            true => Ok(()),
            false => Err(Refusal::Conflict { key: Arc::clone(&self.key) }.into()),
        }
    }

    /// What must hold for a step.
    pub(super) fn condition(&self) -> Condition {
        Condition::Value { key: Arc::clone(&self.key), value: Some(self.value.clone()) }
    }

    /// Keeps the turn.
    pub(super) fn renewal(&self) -> Write {
        Write::Set(SetValue {
            key: Arc::clone(&self.key),
            value: self.value.clone(),
            expires_in: Some(LEASE),
            when: When::Always,
        })
    }

    /// Lets others have the turn.
    pub(super) async fn end(self, backend: &dyn Backend) {
        let removal = Write::Remove { key: Arc::clone(&self.key) };
        let ended = backend.write(Batch::of(removal).only_if(self.condition())).await;
        if let Err(error) = ended {
            tracing::debug!(%error, "the turn ends by itself");
        }
    }
}
