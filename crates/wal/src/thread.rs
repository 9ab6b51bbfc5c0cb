//! The writer's thread: waits for work, and drives the writer.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::failure::{Action, Failure};
use crate::gather::Gather;
use crate::log::{Durability, LogState};
use crate::shared::{Phase, Shared, SyncDue};

/// How often [`Durability::Everysec`] syncs.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// How often a full disk is tried again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

enum Wake {
    Work,
    Stop,
}

/// Starts the thread; it ends when the log is closing.
pub(crate) fn start(shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    Builder::new().name("firth-log".into()).spawn(move || {
        let ended = catch_unwind(AssertUnwindSafe(|| run(&shared)));
        if ended.is_err() {
            // Otherwise those who wait for this thread would wait for ever.
            let error = io::Error::other("the log's thread has panicked");
            shared.poison(Failure::new(Action::Write, "the log".as_ref(), &error));
        }
    })
}

#[expect(clippy::disallowed_methods, reason = "when to sync changes no state and no bytes")]
fn run(shared: &Shared) {
    let mut sync_at = Instant::now() + SYNC_INTERVAL;
    let mut gather = Gather::default();
    while let Wake::Work = wait(shared, sync_at, Instant::now() + RETRY_INTERVAL) {
        let now = Instant::now();
        let due = if now < sync_at { SyncDue::NotYet } else { SyncDue::Now };
        if due == SyncDue::Now {
            sync_at = now + SYNC_INTERVAL;
        }
        let before = shared.durable();
        shared.step(due);
        if shared.durability() == Durability::Always {
            let synced = shared.durable();
            let records = synced.0.saturating_sub(before.0);
            wait_for_company(shared, &mut gather, records, now.elapsed());
        }
    }
    shared.finish();
}

/// Waits a little for those whom the last sync has set free, if others wait already.
#[expect(clippy::disallowed_methods, reason = "when to sync changes no state and no bytes")]
fn wait_for_company(shared: &Shared, gather: &mut Gather, records: u64, took: Duration) {
    let mut front = shared.front.lock();
    if front.phase != Phase::Open || front.state != LogState::Running {
        return;
    }
    let last = front.batch.last();
    let Some(company) = gather.company(records, took, shared.durable(), last) else { return };
    front.gathers_until = Some(company.complete);
    let until = Instant::now() + company.wait;
    while front.gathers_until.is_some() && front.phase == Phase::Open {
        if shared.work.wait_until(&mut front, until).timed_out() {
            break;
        }
    }
    front.gathers_until = None;
    gather.learn(last, company, front.batch.last());
}

fn wait(shared: &Shared, sync_at: Instant, retry_at: Instant) -> Wake {
    let mut front = shared.front.lock();
    loop {
        if front.phase != Phase::Open {
            return Wake::Stop;
        }
        let retry = std::mem::take(&mut front.retry);
        let until = match front.state {
            LogState::Full(_) if retry => return Wake::Work,
            LogState::Full(_) => Some(retry_at),
            LogState::Poisoned(_) | LogState::Closed => None,
            LogState::Running if front.requested => return Wake::Work,
            LogState::Running if shared.written() == shared.durable() => None,
            LogState::Running => match shared.durability() {
                Durability::Always => return Wake::Work,
                Durability::Everysec => Some(sync_at),
                Durability::Never => None,
            },
        };
        match until {
            Some(until) if shared.work.wait_until(&mut front, until).timed_out() => {
                return Wake::Work;
            }
            Some(_) => {}
            None => shared.work.wait(&mut front),
        }
    }
}
