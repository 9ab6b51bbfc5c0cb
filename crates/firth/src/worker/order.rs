//! Order by key, as far as it asks the backend: what is pending for others is looked at before an
//! entry is given its place, for an older entry of its key may be among that.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::lanes::Key;
use super::settling::ROWS_MAX;
use super::shift::Shift;
use crate::backend::{Pending, PendingQuery, Range};
use crate::{EntryId, Error, Refusal};

/// What returns the key of a value.
pub(super) type KeyOf<T> = Arc<dyn Fn(&T) -> Key + Send + Sync>;

/// How often a worker looks whether others are done with what holds its entries back.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The same while nothing changes.
const LOOK_EVERY_MAX: Duration = Duration::from_secs(1);

/// How many entries of others are read at once.
const READS_MAX: usize = 256;

impl<T: Send + 'static> Shift<T> {
    /// Gives entries that have come their places, and lets go what others no longer hold back.
    pub(super) async fn place(&mut self) -> Result<(), Error> {
        let Some(key_of) = self.key_of.clone() else { return Ok(()) };
        if self.look_at().is_none_or(|look_at| Instant::now() < look_at) {
            return Ok(());
        }
        let others = self.pending_for_others(&key_of).await?;
        let is_news = !self.desk.unplaced.is_empty()
            || others.as_ref().is_some_and(|others| !self.desk.lanes.are_others(others));
        self.look_pause =
            if is_news { LOOK_EVERY } else { LOOK_EVERY_MAX.min(self.look_pause * 2) };
        self.next_look = Instant::now() + self.look_pause;
        self.is_crowded = others.is_none();
        // Without all of them nobody knows what may run. Others get done with them, or their lease runs
        // out and they are taken over.
        let Some(others) = others else { return Ok(()) };
        self.desk.set_others(others);
        let mut unplaced = std::mem::take(&mut self.desk.unplaced);
        unplaced.sort_unstable_by_key(|held| held.entry.id);
        for held in unplaced {
            match (self.format.decode)(&held.entry.fields) {
                Ok(value) => self.desk.place(held, key_of(&value)),
                Err(error) => self.desk.bury(held, format!("unreadable: {error}")),
            }
        }
        Ok(())
    }

    /// Returns when to look at what is pending for others, if it matters.
    pub(super) fn look_at(&self) -> Option<Instant> {
        match self.desk.unplaced.is_empty() || self.is_crowded {
            true => self.desk.has_to_look().then_some(self.next_look),
            false => Some(Instant::now()),
        }
    }

    /// Returns what is pending for others and older than some entry here, with its keys; `None` if
    /// it is too much.
    ///
    /// What was read before a failure is kept for the next look: many reads hardly ever succeed
    /// all at once while some of them fail.
    async fn pending_for_others(
        &mut self,
        key_of: &KeyOf<T>,
    ) -> Result<Option<HashMap<EntryId, Option<Key>>>, Error> {
        let rows = match self.rows_of_others().await {
            // Then nothing is pending.
            Err(Error::Refused(Refusal::NoGroup)) => Vec::new(),
            rows => rows?,
        };
        if rows.len() >= ROWS_MAX {
            return Ok(None);
        }
        let ids: Vec<EntryId> = rows.iter().map(|row| row.id).collect();
        let mut others = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(READS_MAX) {
            let answers = join_all(ids.iter().map(|id| self.key_at(*id, key_of))).await;
            let (read, failed): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
            others.extend(read.into_iter().flatten());
            if let Some(Err(error)) = failed.into_iter().next() {
                self.keys_read = others;
                return Err(error);
            }
        }
        self.keys_read.clear();
        Ok(Some(others))
    }

    async fn rows_of_others(&self) -> Result<Vec<Pending>, Error> {
        let (stream, group) = (&self.stream, &self.settings.group);
        let consumers = self.backend.consumers(Arc::clone(stream), Arc::clone(group)).await?;
        let newest = self.desk.newest_held_back();
        let mut rows = Vec::new();
        for consumer in consumers {
            if consumer.name == self.settings.consumer || consumer.pending == 0 {
                continue;
            }
            let limit = ROWS_MAX.saturating_sub(rows.len()).max(1);
            let own = self.own_pending(EntryId::MIN, newest, limit);
            let query = PendingQuery { consumer: Some(consumer.name), ..own };
            rows.extend(self.backend.pending(query).await?);
        }
        Ok(rows)
    }

    /// Returns the key of an entry; none if the entry is gone or unreadable.
    async fn key_at(
        &self,
        id: EntryId,
        key_of: &KeyOf<T>,
    ) -> Result<(EntryId, Option<Key>), Error> {
        let known = self.desk.lanes.other(id).or_else(|| self.keys_read.get(&id).copied());
        if let Some(key) = known {
            return Ok((id, key));
        }
        let entries = self.backend.range(Range::one(Arc::clone(&self.stream), id)).await?;
        let value = entries.first().and_then(|entry| (self.format.decode)(&entry.fields).ok());
        Ok((id, value.map(|value| key_of(&value))))
    }
}
