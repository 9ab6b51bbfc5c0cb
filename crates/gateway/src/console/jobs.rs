//! Work that takes longer than a request: how far it is, and how it is stopped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use super::ask::Ask;
use super::problem::Problem;
use super::routes::Answer;
use crate::clock::unix_time_ms;

/// The most jobs that go on at a time.
const RUNNING_MAX: usize = 16;

/// The most jobs that are remembered.
const KEPT_MAX: usize = 100;

/// All jobs, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Jobs(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    jobs: BTreeMap<u64, Arc<Job>>,
    next: u64,
}

/// A job.
#[derive(Debug)]
pub(crate) struct Job {
    id: u64,
    what: &'static str,
    stream: Arc<str>,
    by: String,
    total: u64,
    started_ms: u64,
    done: AtomicU64,
    outcome: Mutex<Outcome>,
}

#[derive(Debug)]
struct Outcome {
    state: State,
    error: Option<String>,
    ended_ms: Option<u64>,
    /// Stops it, once it runs.
    task: Option<AbortHandle>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Running,
    Done,
    Failed,
    Stopped,
}

/// What a job is about.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) what: &'static str,
    pub(crate) stream: Arc<str>,
    pub(crate) by: String,
    pub(crate) total: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    id: String,
}

impl Jobs {
    /// Begins a job, and returns its number. The work is handed the job, to tell how far it is, and answers with how
    /// much was done.
    pub(crate) fn begin<F>(
        &self,
        task: Task,
        work: impl FnOnce(Arc<Job>) -> F,
    ) -> Result<u64, Problem>
    where
        F: Future<Output = Result<u64, firth::Error>> + Send + 'static,
    {
        let mut table = self.0.lock();
        if table.jobs.values().filter(|job| job.is_running()).count() >= RUNNING_MAX {
            return Err(Problem::too_many("too many jobs go on already: wait for one, or stop it"));
        }
        let oldest = table.jobs.values().find(|job| !job.is_running()).map(|job| job.id);
        if let Some(oldest) = oldest.filter(|_| table.jobs.len() >= KEPT_MAX) {
            table.jobs.remove(&oldest);
        }
        table.next += 1;
        let Task { what, stream, by, total } = task;
        let state = State::Running;
        let outcome = Outcome { state, error: None, ended_ms: None, task: None };
        let job = Arc::new(Job {
            id: table.next,
            what,
            stream,
            by,
            total,
            started_ms: unix_time_ms(),
            done: AtomicU64::new(0),
            outcome: Mutex::new(outcome),
        });
        let (work, running) = (work(Arc::clone(&job)), Arc::clone(&job));
        let task = tokio::spawn(async move { running.end(work.await) });
        job.outcome.lock().task = Some(task.abort_handle());
        table.jobs.insert(job.id, Arc::clone(&job));
        Ok(job.id)
    }

    fn get(&self, id: &str) -> Result<Arc<Job>, Problem> {
        let found = id.parse().ok().and_then(|id: u64| self.0.lock().jobs.get(&id).cloned());
        found.ok_or_else(|| Problem::not_found("there is no such job"))
    }
}

impl Job {
    /// Notes that one thing more was done.
    pub(crate) fn add(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    fn is_running(&self) -> bool {
        self.outcome.lock().state == State::Running
    }

    fn end(&self, result: Result<u64, firth::Error>) {
        match result {
            Ok(done) => {
                self.done.store(done, Ordering::Relaxed);
                self.turn(State::Done, None);
            }
            Err(error) => self.turn(State::Failed, Some(error.to_string())),
        }
    }

    fn stop(&self) {
        let task = self.outcome.lock().task.take();
        if let Some(task) = task {
            task.abort();
        }
        self.turn(State::Stopped, None);
    }

    fn turn(&self, state: State, error: Option<String>) {
        let mut outcome = self.outcome.lock();
        if outcome.state == State::Running {
            (outcome.state, outcome.error) = (state, error);
            outcome.ended_ms = Some(unix_time_ms());
        }
    }

    fn told(&self) -> Value {
        let outcome = self.outcome.lock();
        json!({
            "id": self.id.to_string(), "what": self.what, "stream": self.stream, "by": self.by,
            "state": outcome.state, "error": outcome.error, "total": self.total,
            "done": self.done.load(Ordering::Relaxed).min(self.total),
            "startedMs": self.started_ms, "endedMs": outcome.ended_ms,
        })
    }
}

/// `GET jobs`
pub(crate) async fn list(ask: Ask) -> Result<Answer, Problem> {
    let table = ask.shared.console.jobs.0.lock();
    let items: Vec<Value> = table.jobs.values().rev().map(|job| job.told()).collect();
    Ok(Answer::Json(json!({"items": items})))
}

/// `GET jobs/one`
pub(crate) async fn one(ask: Ask) -> Result<Answer, Problem> {
    let job = ask.shared.console.jobs.get(&ask.name("id")?)?;
    Ok(Answer::Json(job.told()))
}

/// `POST jobs/stop`
pub(crate) async fn stop(ask: Ask) -> Result<Answer, Problem> {
    let Named { id } = ask.wish()?;
    let job = ask.shared.console.jobs.get(&id)?;
    job.stop();
    Ok(Answer::Json(job.told()))
}
