//! Bringing letters back to the streams that they are from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, TryStreamExt as _};

use super::{AuditRecord, DeadLetter, DeadLetters, LetterFilter, check_place};
use crate::backend::{Answer, Append, Batch, Write};
use crate::key;
use crate::tail::wait_out;
use crate::turn::Turn;
use crate::{EntryId, Error, Refusal};

/// How many letters are brought back in one step.
const STEP: usize = 64;

/// How many different reasons a report tells apart.
const REASONS_MAX: usize = 1000;

/// How often a step is tried while the backend cannot be reached.
const TRIES: u32 = 5;

/// For how long somebody else must wait who is not told that this redrive has ended.
const TURN_LEASE: Duration = Duration::from_secs(60);

/// How often an entry may come back, unless told otherwise.
const TIMES_MAX: u32 = 3;

/// Whether something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Letters are brought back.
    Real,
    /// It is only said what would be.
    Dry,
}

/// A redrive that has not begun: awaiting it does it.
///
/// If its future is dropped, it stops: each letter has been brought back or not. Then, and when this process
/// ends, somebody of the same name can go on at once, and others within a minute.
#[must_use = "nothing is brought back before it is awaited"]
pub struct RedriveRequest<T> {
    letters: DeadLetters<T>,
    by: String,
    filter: LetterFilter<T>,
    to: Option<Arc<str>>,
    per_second: Option<u32>,
    times_max: u32,
    limit: u64,
    mode: Mode,
}

/// A letter that is brought back: what is written for it.
struct Revival {
    letter: EntryId,
    append: Append,
    record: AuditRecord,
    reason: String,
}

/// What came of a redrive, or would come of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedriveReport {
    /// How many letters were brought back.
    pub redriven: u64,
    /// How many stay because they have been brought back as often as they may.
    pub exhausted: u64,
    /// How many entries of the stream are no dead letters.
    pub unreadable: u64,
    /// How many were brought back for each reason, for the first thousand reasons.
    pub reasons: BTreeMap<String, u64>,
}

impl<T: Send + 'static> DeadLetters<T> {
    /// Brings letters back to the streams that they are from, the oldest first; `by` is who does it, for the
    /// [records](DeadLetters::audit). Letters that come meanwhile are left for the next time.
    ///
    /// The entry is added to its stream with a new id, and with a field more, `firth_redriven`: how often it
    /// has come back. All groups of the stream get it, not only the one that could not handle it.
    ///
    /// Bringing back, removing the letter and keeping the record is one step, if the streams share a hash slot;
    /// see the [module](super). If the connection breaks, it finds out whether a step was done
    /// before it goes on. One at a time may do this to the same letters.
    ///
    /// # Errors
    /// Somebody else does it at the moment ([`Refusal::Malformed`]) or has taken over
    /// ([`Refusal::Conflict`]), the stream to which an entry goes is something else
    /// ([`Refusal::WrongType`]), or those of the backend. What was brought back until then is in the
    /// records.
    pub fn redrive(&self, by: impl Into<String>) -> RedriveRequest<T> {
        RedriveRequest {
            letters: self.clone(),
            by: by.into(),
            filter: LetterFilter::all(),
            to: None,
            per_second: None,
            times_max: TIMES_MAX,
            limit: u64::MAX,
            mode: Mode::Real,
        }
    }
}

impl<T> RedriveRequest<T> {
    /// Brings back only those that the filter takes.
    pub fn filter(mut self, filter: LetterFilter<T>) -> Self {
        self.filter = filter;
        self
    }

    /// Brings them to this stream, instead of the one that they are from.
    pub fn to(mut self, stream: impl Into<Arc<str>>) -> Self {
        self.to = Some(stream.into());
        self
    }

    /// Brings back so many a second at most; at least one. Default: as fast as it goes.
    pub fn rate(mut self, per_second: u32) -> Self {
        self.per_second = Some(per_second.max(1));
        self
    }

    /// Leaves those that have come back so often already. Default: 3.
    pub fn max_times(mut self, times: u32) -> Self {
        self.times_max = times;
        self
    }

    /// Brings back so many at most. Default: all.
    pub fn limit(mut self, letters: u64) -> Self {
        self.limit = letters;
        self
    }

    /// Brings nothing back, and says what would be.
    pub fn dry_run(mut self) -> Self {
        self.mode = Mode::Dry;
        self
    }

    /// How many letters one step takes, so that the rate is kept within a tenth of a second.
    fn step(&self) -> usize {
        let tenth = self.per_second.map_or(STEP, |rate| usize::try_from(rate / 10).unwrap_or(STEP));
        tenth.clamp(1, STEP)
    }

    fn revival(&self, letter: DeadLetter<T>) -> Revival {
        let place = self.to.as_ref().unwrap_or(&letter.original_stream);
        let append = letter.revival(place);
        let record = AuditRecord::redrive(&self.by, &letter, place);
        Revival { letter: letter.id, append, record, reason: letter.reason }
    }
}

impl<T: Send + 'static> RedriveRequest<T> {
    async fn run(self) -> Result<RedriveReport, Error> {
        if self.mode == Mode::Dry {
            return self.work(None).await;
        }
        let backend = self.letters.backend();
        let key = key::beside(self.letters.name(), "redrive");
        let turn = Turn::take(&**backend, key, &self.by, TURN_LEASE).await?;
        let turn = turn.ok_or(Refusal::Malformed("somebody else brings these letters back"))?;
        let report = self.work(Some(&turn)).await;
        turn.end(&**backend).await;
        report
    }

    /// Goes through the letters; without a turn nothing is brought back.
    async fn work(&self, turn: Option<&Turn>) -> Result<RedriveReport, Error> {
        let mut report = RedriveReport::default();
        let Some(info) = self.letters.info().await? else { return Ok(report) };
        let mut items = self.letters.list((self.filter.from, self.filter.to)).all();
        let mut places = BTreeSet::new();
        let mut step = Vec::new();
        while let Some(item) = items.try_next().await? {
            if item.id > info.last_id || report.redriven + step.len() as u64 >= self.limit {
                break;
            }
            let Ok(letter) = item.value else {
                report.unreadable += 1;
                continue;
            };
            if !self.filter.takes(&letter) {
                continue;
            }
            if letter.redriven >= self.times_max {
                report.exhausted += 1;
                continue;
            }
            let revival = self.revival(letter);
            if places.insert(Arc::clone(&revival.append.stream)) {
                check_place(&**self.letters.backend(), &revival.append.stream).await?;
            }
            step.push(revival);
            if step.len() == self.step() {
                self.take_step(turn, &mut report, std::mem::take(&mut step)).await?;
            }
        }
        self.take_step(turn, &mut report, step).await?;
        Ok(report)
    }

    async fn take_step(
        &self,
        turn: Option<&Turn>,
        report: &mut RedriveReport,
        step: Vec<Revival>,
    ) -> Result<(), Error> {
        if let Some(turn) = turn
            && !step.is_empty()
        {
            self.revive(turn, &step).await?;
            if let Some(rate) = self.per_second {
                let count = u32::try_from(step.len()).unwrap_or(u32::MAX);
                tokio::time::sleep(Duration::from_secs(1) * count / rate).await;
            }
        }
        report.redriven += step.len() as u64;
        for revival in step {
            if let Some(count) = report.reasons.get_mut(&revival.reason) {
                *count += 1;
            } else if report.reasons.len() < REASONS_MAX {
                report.reasons.insert(revival.reason, 1);
            }
        }
        Ok(())
    }

    /// Brings letters back in one step, or one after the other if their streams do not live together.
    async fn revive(&self, turn: &Turn, step: &[Revival]) -> Result<(), Error> {
        let appends = step.iter().map(|revival| revival.append.clone());
        let writes: Vec<Write> = appends.map(Write::Append).collect();
        match self.remove(turn, step, writes).await {
            Err(Error::Refused(Refusal::CrossSlot)) => {}
            revived => return revived,
        }
        for revival in step {
            turn.check(&**self.letters.backend()).await?;
            let append = Write::Append(revival.append.clone());
            self.letters.backend().write(Batch::of(append)).await?;
            self.remove(turn, std::slice::from_ref(revival), Vec::new()).await?;
        }
        Ok(())
    }

    /// Removes letters and keeps the record of it, in one step with other writes.
    async fn remove(
        &self,
        turn: &Turn,
        step: &[Revival],
        mut writes: Vec<Write>,
    ) -> Result<(), Error> {
        let ids: Vec<EntryId> = step.iter().map(|revival| revival.letter).collect();
        let Some(&first) = ids.first() else { return Ok(()) };
        writes.push(self.letters.removal(ids));
        for revival in step {
            writes.push(revival.record.write(&self.letters.audit_name())?);
        }
        writes.push(turn.renewal());
        let batch = Batch { conditions: vec![turn.condition()], writes };
        let mut failures = 0;
        loop {
            let Err(error) = self.letters.backend().write(batch.clone()).await else {
                return Ok(());
            };
            failures += 1;
            if failures == TRIES {
                return Err(error);
            }
            wait_out(error).await?;
            // The letters go together, and nobody else takes them.
            let left = self.letters.raw().range(first..=first).await;
            match left {
                Ok(left) if left.is_empty() => return Ok(()),
                Ok(_) => {}
                Err(error) => wait_out(error).await?,
            }
        }
    }
}

impl<T: Send + 'static> IntoFuture for RedriveRequest<T> {
    type Output = Result<RedriveReport, Error>;
    type IntoFuture = Answer<'static, RedriveReport>;

    fn into_future(self) -> Self::IntoFuture {
        self.run().boxed()
    }
}

impl<T> fmt::Debug for RedriveRequest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedriveRequest")
            .field("letters", &self.letters)
            .field("by", &self.by)
            .field("filter", &self.filter)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}
