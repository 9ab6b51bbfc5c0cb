//! The writer of a store in this process: it appends what many tasks ask for in common steps.
//!
//! Each step depends on nobody having appended anything since the writer looked, so two steps at the same time would
//! only be in each other's way. Hence one task carries out the steps one after the other, and each takes what
//! has gathered meanwhile. The task ends when there is nothing to do.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};

use super::append::{AppendError, Appended, Expected};
use super::event::Draft;
use super::index::{Index, Position};
use crate::backend::{Append, Batch, NewId, Write};
use crate::{Effect, EntryId, Error, Refusal, clock};

/// How many events are appended in one step, if it is not one request that has more.
const STEP_EVENTS_MAX: usize = 256;

/// How many requests may wait; others wait until they may.
const WAITING_MAX: usize = 4096;

/// How often a step is tried, if others append all the time.
const ATTEMPTS_MAX: u32 = 200;

/// A request to append.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) aggregate: Arc<str>,
    pub(super) expected: Expected,
    pub(super) drafts: Vec<Draft>,
}

type Answer = Result<Appended, AppendError>;

#[derive(Debug)]
pub(super) struct Writer {
    index: Index,
    room: Semaphore,
    queue: Mutex<Queue>,
    /// A name that no other writer has.
    name: u64,
    steps: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<(Request, oneshot::Sender<Answer>)>,
    is_running: bool,
    /// How far everything was after the last step.
    position: Option<Position>,
}

/// What one step would do.
struct Plan {
    batch: Batch,
    /// One for each request, given out when the batch has been carried out.
    answers: Vec<Answer>,
    last: EntryId,
    mark: Option<Mark>,
}

/// By what a step is recognized that may have been carried out.
struct Mark {
    aggregate: Arc<str>,
    version: u64,
    append: String,
    answers: Vec<Answer>,
}

impl Writer {
    pub(super) fn new(index: Index) -> Self {
        Writer {
            index,
            room: Semaphore::new(WAITING_MAX),
            queue: Mutex::default(),
            name: RandomState::new().hash_one("writer"),
            steps: AtomicU64::new(0),
        }
    }

    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    pub(super) async fn append(self: &Arc<Self>, request: Request) -> Answer {
        let _room = self.room.acquire().await.map_err(|_| Error::Closed)?;
        let (sender, answer) = oneshot::channel();
        self.put((request, sender));
        answer.await.unwrap_or(Err(Error::Closed.into()))
    }

    fn put(self: &Arc<Self>, waiting: (Request, oneshot::Sender<Answer>)) {
        let mut queue = self.queue.lock();
        queue.waiting.push_back(waiting);
        if !std::mem::replace(&mut queue.is_running, true) {
            tokio::spawn(run(Arc::clone(self)));
        }
    }

    /// Returns what the next step does; nothing if the task ends.
    fn take(&self) -> Option<Vec<(Request, oneshot::Sender<Answer>)>> {
        let mut queue = self.queue.lock();
        let mut events = 0;
        let mut taken = Vec::new();
        while let Some((request, _)) = queue.waiting.front() {
            events += request.drafts.len();
            if !taken.is_empty() && events > STEP_EVENTS_MAX {
                break;
            }
            taken.extend(queue.waiting.pop_front());
        }
        queue.is_running = !taken.is_empty();
        queue.is_running.then_some(taken)
    }

    /// Carries out one step and returns the answer for each request.
    async fn step(&self, requests: &[Request]) -> Result<Vec<Answer>, Error> {
        let mut doubtful = Vec::new();
        let answers = self.try_step(requests, &mut doubtful).await;
        answers.map_err(|error| match error {
            Error::Unavailable { reason, .. } if !doubtful.is_empty() => {
                Error::Unavailable { reason, effect: Effect::Unknown }
            }
            other => other,
        })
    }

    async fn try_step(
        &self,
        requests: &[Request],
        doubtful: &mut Vec<Mark>,
    ) -> Result<Vec<Answer>, Error> {
        let mut cached = self.queue.lock().position.take();
        for attempt in 0..ATTEMPTS_MAX {
            if let Some(answers) = self.done_after_all(doubtful).await? {
                return Ok(answers);
            }
            let is_cached = cached.is_some();
            let position = match cached.take() {
                Some(position) => position,
                None => self.index.position().await?,
            };
            let plan = self.plan(&position, requests).await?;
            // Whether somebody else was faster is not said before everything has been looked at.
            if is_cached && plan.answers.iter().any(Result::is_err) {
                continue;
            }
            let Some(mark) = plan.mark else { return Ok(plan.answers) };
            match self.index.backend().write(plan.batch).await {
                Ok(_) => {
                    self.queue.lock().position = Some(Position::after(plan.last));
                    return Ok(plan.answers);
                }
                Err(Error::Refused(Refusal::Conflict { .. })) => pause(attempt).await,
                Err(Error::Unavailable { effect: Effect::Unknown, .. }) => {
                    doubtful.push(Mark { answers: plan.answers, ..mark });
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::unavailable("others append to the store all the time", Effect::None))
    }

    /// Looks whether a step whose answer was lost has been carried out.
    async fn done_after_all(&self, doubtful: &mut [Mark]) -> Result<Option<Vec<Answer>>, Error> {
        for mark in doubtful {
            if self.index.was_written(&mark.aggregate, mark.version, &mark.append).await? {
                return Ok(Some(std::mem::take(&mut mark.answers)));
            }
        }
        Ok(None)
    }

    async fn plan(&self, position: &Position, requests: &[Request]) -> Result<Plan, Error> {
        let aggregates = requests.iter().map(|request| Arc::clone(&request.aggregate)).collect();
        let mut versions = self.index.versions(aggregates).await?;
        let now_ms = clock::now_ms();
        let append = format!("{:016x}-{:x}", self.name, self.steps.fetch_add(1, Ordering::Relaxed));
        let mut next = position.next_id(now_ms)?;
        let mut plan = Plan {
            batch: position.batch(&self.index),
            answers: Vec::new(),
            last: next,
            mark: None,
        };
        for Request { aggregate, expected, drafts } in requests {
            let version = versions.entry(Arc::clone(aggregate)).or_default();
            if !expected.allows(*version) {
                let (aggregate, expected, actual) = (Arc::clone(aggregate), *expected, *version);
                plan.answers.push(Err(AppendError::Conflict { aggregate, expected, actual }));
                continue;
            }
            let mut ids = Vec::with_capacity(drafts.len());
            for draft in drafts {
                *version += 1;
                let entry = Append {
                    id: NewId::Explicit(next),
                    ..Append::new(
                        Arc::clone(self.index.stream()),
                        draft.fields(aggregate, *version, now_ms),
                    )
                };
                plan.batch.writes.push(Write::Append(entry));
                let place = self.index.place(aggregate, *version, next, Some(&append));
                plan.batch.writes.push(place);
                plan.mark.get_or_insert_with(|| Mark {
                    aggregate: Arc::clone(aggregate),
                    version: *version,
                    append: append.clone(),
                    answers: Vec::new(),
                });
                ids.push(next);
                plan.last = next;
                next = next.next().ok_or(Refusal::IdNotGreater)?;
            }
            plan.answers.push(Ok(Appended { version: *version, ids }));
        }
        plan.batch.writes.push(self.index.set_head(plan.last));
        Ok(plan)
    }
}

async fn run(writer: Arc<Writer>) {
    let mut leaving = Leaving { writer: &writer, is_early: true };
    while let Some(taken) = writer.take() {
        let (requests, senders): (Vec<_>, Vec<_>) = taken.into_iter().unzip();
        let answers = match writer.step(&requests).await {
            Ok(answers) => answers,
            Err(error) => requests.iter().map(|_| Err(error.clone().into())).collect(),
        };
        for (sender, answer) in senders.into_iter().zip(answers) {
            // Whoever does not wait any more does not learn of it.
            let _gone = sender.send(answer);
        }
    }
    leaving.is_early = false;
}

/// Lets those that wait go if the task ends before its time, which it does when its runtime ends.
struct Leaving<'a> {
    writer: &'a Writer,
    is_early: bool,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if self.is_early {
            let mut queue = self.writer.queue.lock();
            queue.is_running = false;
            queue.waiting.clear();
        }
    }
}

/// Gives others that append at the same time a chance, the longer the more often they were faster.
async fn pause(attempt: u32) {
    let most_us = 100u64 << attempt.min(8);
    let pause_us = RandomState::new().hash_one(attempt) % most_us;
    if attempt > 0 {
        tokio::time::sleep(Duration::from_micros(pause_us)).await;
    }
}
