//! The removal of consumers that are of no more use.
//!
//! Workers have names that nobody else has, so one that was killed leaves a consumer behind for ever. Its
//! entries are taken over when their lease has run out; then nothing needs it.

use std::sync::Arc;

use tokio::time::Instant;

use super::shift::Shift;
use crate::{Error, Refusal, group};

impl<T: Send + 'static> Shift<T> {
    /// Removes consumers that have had nothing pending and done nothing for long.
    pub(super) async fn sweep(&mut self) -> Result<(), Error> {
        if Instant::now() < self.next_sweep {
            return Ok(());
        }
        let pause = (self.settings.forget_after / 2).max(self.settings.lease);
        self.next_sweep = Instant::now() + pause;
        let (stream, group) = (Arc::clone(&self.stream), Arc::clone(&self.settings.group));
        for consumer in self.backend.consumers(stream, group).await? {
            let is_mine = consumer.name == self.settings.consumer;
            if is_mine || consumer.pending > 0 || consumer.idle < self.settings.forget_after {
                continue;
            }
            tracing::debug!(stream = %self.stream, consumer = %consumer.name, "is of no more use");
            match self.remove(consumer.name).await {
                // Another worker was faster, or a later look finds that the group is gone.
                Err(Error::Refused(Refusal::NoGroup)) => return Ok(()),
                removed => removed?,
            }
        }
        Ok(())
    }

    /// Removes a consumer that has nothing pending. What it is given meanwhile is left to anybody.
    pub(super) async fn remove(&self, consumer: Arc<str>) -> Result<(), Error> {
        let (stream, group) = (Arc::clone(&self.stream), Arc::clone(&self.settings.group));
        self.backend.change_group(group::removal(stream, group, consumer)).await.map(drop)
    }
}
