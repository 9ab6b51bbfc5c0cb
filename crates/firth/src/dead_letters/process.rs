//! Handling dead letters one by one, and removing them.

use std::sync::Arc;

use futures_util::TryStreamExt as _;

use super::{AuditRecord, DeadLetter, DeadLetters, LetterFilter};
use crate::backend::{Batch, Outcome, Write};
use crate::{EntryId, Error};

/// How many letters are removed in one step.
const STEP: usize = 100;

/// What is to become of a dead letter. `true` stands for [`Remove`](Fate::Remove), as in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is done with, and removed.
    Remove,
    /// It stays.
    Keep,
}

/// What came of handling dead letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Processed {
    /// How many letters were removed.
    pub removed: u64,
    /// How many stay.
    pub kept: u64,
    /// How many entries of the stream are no dead letters. They stay, too.
    pub unreadable: u64,
}

impl From<bool> for Fate {
    fn from(is_done: bool) -> Self {
        match is_done {
            true => Fate::Remove,
            false => Fate::Keep,
        }
    }
}

impl<T: Send + 'static> DeadLetters<T> {
    /// Hands each letter there is to a handler, the oldest first, and removes it if the handler says so.
    /// Letters that come meanwhile are left for the next time.
    ///
    /// A letter is removed after its handler is done, so that it comes again if this process ends in
    /// between.
    ///
    /// # Errors
    /// Those of the backend; what has been removed until then stays so.
    pub async fn process<H, F, V>(&self, mut handler: H) -> Result<Processed, Error>
    where
        H: FnMut(DeadLetter<T>) -> F,
        F: Future<Output = V>,
        V: Into<Fate>,
    {
        let mut processed = Processed::default();
        let Some(info) = self.info().await? else { return Ok(processed) };
        let mut letters = self.list(..=info.last_id).all();
        while let Some(item) = letters.try_next().await? {
            let Ok(letter) = item.value else {
                processed.unreadable += 1;
                continue;
            };
            match handler(letter).await.into() {
                Fate::Keep => processed.kept += 1,
                Fate::Remove => {
                    self.backend().write(Batch::of(self.removal(vec![item.id]))).await?;
                    processed.removed += 1;
                }
            }
        }
        Ok(processed)
    }

    /// Removes the letters that a filter takes, and returns how many were removed; `by` is who does it,
    /// for the [records](DeadLetters::audit). Letters that come meanwhile stay, and so does what is no
    /// dead letter.
    ///
    /// # Errors
    /// Those of the backend; what has been removed until then stays so.
    pub async fn purge(&self, by: &str, filter: LetterFilter<T>) -> Result<u64, Error> {
        let Some(info) = self.info().await? else { return Ok(0) };
        let mut letters = self.list((filter.from, filter.to)).all();
        let (mut count, mut ids) = (0, Vec::new());
        while let Some(item) = letters.try_next().await? {
            if item.id > info.last_id {
                break;
            }
            if item.value.is_ok_and(|letter| filter.takes(&letter)) {
                ids.push(item.id);
            }
            if ids.len() == STEP {
                count += self.remove(by, std::mem::take(&mut ids)).await?;
            }
        }
        Ok(count + self.remove(by, ids).await?)
    }

    async fn remove(&self, by: &str, ids: Vec<EntryId>) -> Result<u64, Error> {
        if ids.is_empty() {
            return Ok(0);
        }
        let record = AuditRecord::purge(by, &ids).write(&self.audit_name())?;
        let outcomes = self.backend().write(Batch::of(self.removal(ids)).and(record)).await?;
        match outcomes.first() {
            Some(Outcome::Count(count)) => Ok(*count),
            _ => Ok(0),
        }
    }
}

impl<T> DeadLetters<T> {
    pub(super) fn removal(&self, ids: Vec<EntryId>) -> Write {
        Write::Delete { stream: Arc::clone(self.name()), ids }
    }
}
