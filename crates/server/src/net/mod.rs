//! Sockets: the only place of the server that touches them.
//!
//! Each worker has a thread with a loop of its own: read all, run all, commit once, write all.
//! Beside them run the keeper, which serves nobody, and the loaders, which read blocks.

mod connection;
mod event_loop;
mod listener;
mod stream;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use mio::{Poll, Token, Waker};
use parking_lot::Mutex;

use crate::keeping::Keeping;
use crate::loading::Loading;
use crate::net::event_loop::EventLoop;
use crate::net::stream::Stream;
use crate::server::Server;
use crate::worker::Worker;

pub use listener::{BindError, Listener};

/// The token of the waker of a loop.
const WAKER: Token = Token(usize::MAX);

/// What the loops share.
#[derive(Debug, Default)]
struct Loops {
    is_stopping: AtomicBool,
    /// New connections on their way to each loop.
    arrivals: Vec<Mutex<Vec<Stream>>>,
}

/// Serves clients until [`Server::shut_down`] is called.
///
/// # Errors
/// A loop could not be set up.
pub fn serve(server: &Arc<Server>, listeners: Vec<Listener>) -> io::Result<()> {
    let workers = server.mailboxes().len();
    let arrivals = (0..workers).map(|_| Mutex::default()).collect();
    let loops = Arc::new(Loops { is_stopping: AtomicBool::new(false), arrivals });
    stop_on_shutdown(server, &loops);
    let _keeping = Keeping::start(server)?;
    let _loading = Loading::start(server)?;
    let mut listeners = Some(listeners);
    let mut threads = Vec::new();
    for number in 0..workers {
        let number = u16::try_from(number).map_err(io::Error::other)?;
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let Some(worker) = Worker::new(server.clone(), number) else { continue };
        if let Some(mailbox) = server.mailbox(number) {
            mailbox.on_mail(move || {
                if let Err(error) = waker.wake() {
                    tracing::error!(%error, "a worker cannot be woken");
                }
            });
        }
        // The first loop takes the connections and hands them out in turn.
        let listeners = listeners.take().unwrap_or_default();
        let mut event_loop = EventLoop::new(poll, worker, loops.clone(), listeners)?;
        let thread = thread::Builder::new().name(format!("firth-worker-{number}"));
        let lifeline = Lifeline(server.clone());
        threads.push(thread.spawn(move || {
            let _lifeline = lifeline;
            event_loop.run()
        })?);
    }
    for thread in threads {
        match thread.join() {
            Ok(outcome) => outcome?,
            Err(_) => return Err(io::Error::other("a worker has panicked")),
        }
    }
    Ok(())
}

/// Stops all loops when one ends, for whatever reason: what its clients hold and wait for would hang
/// if the others went on, and after a panic the state can no longer be trusted.
struct Lifeline(Arc<Server>);

impl Drop for Lifeline {
    fn drop(&mut self) {
        self.0.shut_down();
    }
}

fn stop_on_shutdown(server: &Arc<Server>, loops: &Arc<Loops>) {
    let loops = loops.clone();
    let mailboxes = server.mailboxes().to_vec();
    server.on_shutdown(move || {
        loops.is_stopping.store(true, Ordering::Release);
        for mailbox in &mailboxes {
            mailbox.wake();
        }
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use firth_engine::{Engine, FileDisk, ManualClock, Options};

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_loop_that_panics_stops_all_of_them() {
        let clock = Arc::new(ManualClock::at_ms(1));
        let engine = Engine::open(&Options::new(), clock, Arc::new(FileDisk)).unwrap().0;
        let server = Arc::new(Server::new(engine, Config::default(), String::new()));
        let loops = Arc::new(Loops::default());
        stop_on_shutdown(&server, &loops);
        let lifeline = Lifeline(server.clone());
        let panicked = thread::spawn(move || {
            let _lifeline = lifeline;
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        assert!(loops.is_stopping.load(Ordering::Acquire));
        // Asked for before anybody knew how, it is done as soon as that is known.
        let late = Arc::new(Loops::default());
        stop_on_shutdown(&server, &late);
        assert!(late.is_stopping.load(Ordering::Acquire));
    }
}
