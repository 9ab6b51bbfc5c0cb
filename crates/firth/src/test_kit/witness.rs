//! A backend that records what is appended and acknowledged, and changes nothing.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::history::History;
use crate::backend::{
    Answer, Backend, Batch, Claim, Claimed, ConsumerInfo, Entry, Features, GroupChange,
    GroupChanged, GroupRead, HealthWatch, Inbox, Inspected, Inspection, Outcome, Pending,
    PendingQuery, Range, Read, StreamEntries, StreamInfo, Subscription, Topic, Write,
};
use crate::{Effect, EntryId, Error, Refusal};

/// Another backend, and who is told what it has answered.
#[derive(Debug)]
pub(super) struct Witness {
    inner: Arc<dyn Backend>,
    history: History,
}

/// What of a write is of interest.
#[derive(Debug)]
enum Interest {
    None,
    Append,
    Acknowledge(Vec<EntryId>),
}

impl Witness {
    pub(super) fn new(inner: Arc<dyn Backend>, history: History) -> Self {
        Witness { inner, history }
    }

    fn interest(&self, write: &Write) -> Interest {
        match write {
            Write::Append(append) if append.stream == *self.history.stream() => Interest::Append,
            Write::Acknowledge { stream, group, ids }
                if stream == self.history.stream() && group == self.history.group() =>
            {
                Interest::Acknowledge(ids.clone())
            }
            _ => Interest::None,
        }
    }
}

/// A batch whose answer is awaited: dropped before that, its appends are uncertain.
struct Asked<'h> {
    history: &'h History,
    interests: Vec<Interest>,
}

impl Asked<'_> {
    fn answered(&mut self, answer: &Result<Vec<Outcome>, Error>) {
        match answer {
            Ok(outcomes) => {
                for (interest, outcome) in self.interests.drain(..).zip(outcomes) {
                    note(self.history, interest, Some(outcome));
                }
            }
            Err(error) if is_certain(error) => self.interests.clear(),
            // As if there was no answer.
            Err(_) => {}
        }
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.interests.drain(..).for_each(|interest| note(self.history, interest, None));
    }
}

fn note(history: &History, interest: Interest, outcome: Option<&Outcome>) {
    match (interest, outcome) {
        (Interest::Append, Some(Outcome::Appended(id))) => history.appended(*id),
        (Interest::Append, _) => history.append_uncertain(),
        (Interest::Acknowledge(ids), Some(_)) => {
            ids.into_iter().for_each(|id| history.acknowledged(id));
        }
        (Interest::Acknowledge(_), None) | (Interest::None, _) => {}
    }
}

/// Says whether nothing at all can have been done.
fn is_certain(error: &Error) -> bool {
    matches!(
        error,
        Error::Unavailable { effect: Effect::None, .. }
            | Error::Unsupported { .. }
            | Error::Closed
            | Error::Refused(Refusal::Conflict { .. } | Refusal::CrossSlot | Refusal::Malformed(_))
    )
}

impl Backend for Witness {
    fn features(&self) -> Features {
        self.inner.features()
    }

    fn health(&self) -> HealthWatch {
        self.inner.health()
    }

    fn write(&self, batch: Batch) -> Answer<'_, Vec<Outcome>> {
        let interests: Vec<Interest> =
            batch.writes.iter().map(|write| self.interest(write)).collect();
        async move {
            // From here on it may be done, even if nobody waits for the answer any more.
            let mut asked = Asked { history: &self.history, interests };
            let answer = self.inner.write(batch).await;
            asked.answered(&answer);
            answer
        }
        .boxed()
    }

    forward! {
        range(Range) -> Vec<Entry>;
        read(Read) -> Vec<StreamEntries>;
        read_group(GroupRead) -> Vec<Entry>;
        change_group(GroupChange) -> GroupChanged;
        claim(Claim) -> Claimed;
        pending(PendingQuery) -> Vec<Pending>;
        stream_info(Arc<str>) -> Option<StreamInfo>;
        value(Arc<str>) -> Option<Bytes>;
        inspect(Inspection) -> Inspected;
    }

    fn consumers(&self, stream: Arc<str>, group: Arc<str>) -> Answer<'_, Vec<ConsumerInfo>> {
        self.inner.consumers(stream, group)
    }

    fn publish(&self, channel: Arc<str>, payload: Bytes) -> Answer<'_, u64> {
        self.inner.publish(channel, payload)
    }

    fn subscribe(&self, topics: Vec<Topic>, inbox: Arc<Inbox>) -> Answer<'_, Subscription> {
        self.inner.subscribe(topics, inbox)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::super::proof::Sequence;
    use super::*;

    fn uncertain_after(answer: Option<&Result<Vec<Outcome>, Error>>) -> (u64, u64) {
        let history = History::new("s", "g");
        let interests = vec![Interest::Append, Interest::None, Interest::Append];
        let mut asked = Asked { history: &history, interests };
        if let Some(answer) = answer {
            asked.answered(answer);
        }
        drop(asked);
        [1, 2].into_iter().for_each(|ms| {
            let id = EntryId::new(ms, 0);
            history.begun(id, None);
            history.ended(id, &crate::Verdict::Done);
        });
        let summary = history.check(Sequence::Any).map(|sum| (sum.appended, sum.uncertain));
        summary.unwrap_or((0, 0))
    }

    #[test]
    fn appends_without_an_answer_are_uncertain() {
        // Nobody waits for the answer any more.
        assert_eq!(uncertain_after(None), (0, 2));
        let lost = Error::unavailable("lost", Effect::Unknown);
        assert_eq!(uncertain_after(Some(&Err(lost))), (0, 2));
        let [one, two] = [1, 2].map(|ms| Outcome::Appended(EntryId::new(ms, 0)));
        let answer = vec![one, Outcome::Count(1), two];
        assert_eq!(uncertain_after(Some(&Ok(answer))), (2, 0));
        // What was certainly not done cannot have been handled: the check fails.
        let refused = Error::unavailable("refused", Effect::None);
        assert_eq!(uncertain_after(Some(&Err(refused))), (0, 0));
    }
}
