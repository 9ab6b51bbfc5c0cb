//! Messages that come again and again, each repetition under a name.
//!
//! Beside the stream, `{orders}:later:every:<name>` holds what is repeated: a token, the interval, and the fields. The entry
//! that waits has the same token; with another one it is what is left of a repetition that was cancelled or replaced,
//! and goes when it is due.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::due::{Due, Repetition};
use super::{Keys, Later};
use crate::backend::{Append, Backend, Batch, Condition, Fields, SetValue, When, Write};
use crate::clock::{self, millis};
use crate::{Error, Refusal, chance};

/// How often it is tried to set a repetition that others set as well.
const TRIES: u32 = 20;

impl<T> Later<T> {
    /// Lets a value be added to the stream again and again, for the first time after one interval. A name
    /// stands for one repetition: setting the same one again changes nothing, so that every process may do
    /// it when it starts, and another interval or value takes the place of the one before. What was missed
    /// while nobody delivered is made up for once.
    ///
    /// # Errors
    /// The value cannot be written ([`Error::Payload`]), or those of the backend. It is safe to try again.
    pub async fn every(&self, name: &str, interval: Duration, value: &T) -> Result<(), Error> {
        let fields = (self.stream.format.encode)(value)?;
        let interval_ms = millis(interval).max(1);
        let content = content(interval_ms, &fields);
        let key = self.keys.repetition(name);
        for _ in 0..TRIES {
            let found = self.backend().value(Arc::clone(&key)).await?;
            if found.as_deref().is_some_and(|found| content_of(found) == Some(&*content)) {
                return Ok(());
            }
            let token = chance::token();
            let set = Write::Set(SetValue {
                key: Arc::clone(&key),
                value: [token.as_bytes(), b" ", &*content].concat().into(),
                expires_in: None,
                when: When::Always,
            });
            let repeated = Repetition { interval_ms, name: name.to_owned(), token };
            let at_ms = clock::now_ms().saturating_add(interval_ms);
            let due = Due { at_ms, repeated: Some(repeated) };
            let append = Append::new(Arc::clone(&self.keys.waiting), due.before(&fields)?);
            let unchanged = Condition::Value { key: Arc::clone(&key), value: found };
            let batch = Batch::of(set).and(Write::Append(append)).only_if(unchanged);
            match self.backend().write(batch).await {
                Err(Error::Refused(Refusal::Conflict { .. })) => {}
                done => return done.map(drop),
            }
        }
        Err(Refusal::Conflict { key }.into())
    }

    /// Ends a repetition, and says whether there was one: then it never comes again.
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn cancel_every(&self, name: &str) -> Result<bool, Error> {
        let key = self.keys.repetition(name);
        if self.backend().value(Arc::clone(&key)).await?.is_none() {
            return Ok(false);
        }
        self.backend().write(Batch::of(Write::Remove { key })).await.map(|_| true)
    }
}

impl Keys {
    /// Returns the key that holds a repetition.
    fn repetition(&self, name: &str) -> Arc<str> {
        format!("{}:every:{name}", self.waiting).into()
    }

    /// Returns the condition that a repetition is as it was, if it is still the one that an entry is of.
    pub(super) async fn unchanged(
        &self,
        backend: &dyn Backend,
        repeated: &Repetition,
    ) -> Result<Option<Condition>, Error> {
        let key = self.repetition(&repeated.name);
        let value = backend.value(Arc::clone(&key)).await?;
        let token = value.as_deref().and_then(|value| value.split(|byte| *byte == b' ').next());
        let is_same = token == Some(repeated.token.as_bytes());
        Ok(is_same.then_some(Condition::Value { key, value }))
    }
}

/// Returns what is repeated, and how often, as bytes to compare.
fn content(interval_ms: u64, fields: &Fields) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u64(interval_ms);
    for (name, value) in fields.iter() {
        for part in [name, value] {
            bytes.put_u64(part.len() as u64);
            bytes.put_slice(part);
        }
    }
    bytes.freeze()
}

/// Returns what stands behind the token.
fn content_of(value: &[u8]) -> Option<&[u8]> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    value.get(space + 1..)
}
