//! What all workers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use firth_engine::{AppendError, Engine};
use parking_lot::{Mutex, RwLock};

use crate::client::Clients;
use crate::commands::Table;
use crate::config::Config;
use crate::loading::Loaders;
use crate::local::Local;
use crate::mailbox::Mailbox;
use crate::pause::Pause;
use crate::session::Session;
use crate::slow_log::SlowLog;
use crate::stats::WorkerStats;
use crate::tracking::Broadcasts;
use crate::watch;
use crate::{log_access, monitor, subscription, tracking};

/// The version of Redis that clients are told.
///
/// Libraries choose commands by it. What we have of streams is that of 8.10, but from 8.4 on
/// StackExchange.Redis releases locks with DELEX and SET IFEQ, which are not there; 8.2 is the
/// highest version by which no library takes up a command that we lack.
pub const REDIS_VERSION: &str = "8.2.3";

/// How many different error codes are counted apart.
const ERROR_CODES_MAX: usize = 128;

/// The server: the engine, the configuration, the clients and the workers' mailboxes.
#[derive(Debug)]
pub struct Server {
    /// The keys and channels.
    pub engine: Engine,
    /// The commands.
    pub table: Table,
    /// The connected clients.
    pub clients: Clients,
    /// The prefixes of keys whose changes are broadcast to tracking clients.
    pub broadcasts: Broadcasts,
    /// The clients that monitor all commands.
    pub monitors: Mutex<Vec<crate::client::Address>>,
    /// How many monitors there are, to be asked before the lock is taken.
    pub monitor_count: AtomicU64,
    /// Commands that took long.
    pub slow_log: SlowLog,
    /// Delays of commands.
    pub latency: crate::latency::Latency,
    /// How much happens per second.
    pub rates: crate::rates::Rates,
    /// Those who read blocks of streams from the disk.
    pub loaders: Loaders,
    /// CLIENT PAUSE.
    pub pause: Pause,
    /// What tells this run of the server from others.
    pub run_id: String,
    /// When the server started, by the monotonic clock.
    pub started_ms: u64,
    /// The most clients that were ever connected at once.
    pub clients_peak: AtomicU64,
    /// Connections that were refused because there were too many.
    pub rejected_connections: AtomicU64,
    /// Whether keys whose time is up are removed in the background.
    pub expires_actively: AtomicBool,
    /// Whether no checkpoint is to be made when the server stops.
    pub spares_checkpoint: AtomicBool,
    /// Errors by their code, as INFO errorstats shows them.
    pub errors: Mutex<std::collections::BTreeMap<String, u64>>,
    /// The number of clients that track keys.
    pub tracking_clients: AtomicI64,
    /// The number of keys that tracking clients have read.
    pub tracked_keys: AtomicU64,
    /// The number of clients that are subscribed to anything.
    pub pubsub_clients: AtomicU64,
    /// How much memory keys may take unless the configuration says otherwise, in bytes; 0 for any
    /// amount.
    memory_bytes_default: AtomicUsize,
    config: RwLock<Arc<Config>>,
    config_version: AtomicU64,
    mailboxes: Vec<Arc<Mailbox>>,
    worker_stats: Vec<Arc<WorkerStats>>,
    last_wait: AtomicU64,
    shutdown: Mutex<Shutdown>,
}

/// How the server is stopped, and whether that was asked for before it was known how.
#[derive(Debug, Default)]
struct Shutdown {
    stop: Option<Stop>,
    is_asked: bool,
}

/// What stops the server when it is called.
struct Stop(Box<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stop")
    }
}

impl Server {
    /// Returns a server without listeners, whose workers are to be started.
    pub fn new(engine: Engine, config: Config, run_id: String) -> Self {
        let table = Table::new();
        let workers = config.threads.max(1);
        let stats = || Arc::new(WorkerStats::new(table.len()));
        let server = Server {
            clients: Clients::default(),
            broadcasts: Broadcasts::default(),
            monitors: Mutex::default(),
            monitor_count: AtomicU64::new(0),
            slow_log: SlowLog::default(),
            latency: crate::latency::Latency::default(),
            rates: crate::rates::Rates::default(),
            loaders: Loaders::default(),
            pause: Pause::default(),
            run_id,
            started_ms: engine.clock().monotonic_ms(),
            clients_peak: AtomicU64::new(0),
            rejected_connections: AtomicU64::new(0),
            expires_actively: AtomicBool::new(true),
            spares_checkpoint: AtomicBool::new(false),
            errors: Mutex::default(),
            tracking_clients: AtomicI64::new(0),
            tracked_keys: AtomicU64::new(0),
            pubsub_clients: AtomicU64::new(0),
            memory_bytes_default: AtomicUsize::new(0),
            config_version: AtomicU64::new(0),
            mailboxes: (0..workers).map(|_| Arc::default()).collect(),
            worker_stats: (0..workers).map(|_| stats()).collect(),
            last_wait: AtomicU64::new(0),
            shutdown: Mutex::default(),
            config: RwLock::new(Arc::new(config)),
            engine,
            table,
        };
        server.apply_to_engine(&server.config());
        if let Some(storage) = server.engine.storage() {
            log_access::watch(storage.log(), &server.mailboxes);
        }
        server
    }

    /// Returns the configuration as it is now.
    pub fn config(&self) -> Arc<Config> {
        self.config.read().clone()
    }

    /// Returns a number that changes with the configuration.
    #[inline]
    pub fn config_version(&self) -> u64 {
        self.config_version.load(Ordering::Acquire)
    }

    /// Changes the configuration; all of it or, on an error, nothing.
    ///
    /// # Errors
    /// Those of `change`.
    pub fn reconfigure<E>(
        &self,
        change: impl FnOnce(&mut Config) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut current = self.config.write();
        let mut changed = Config::clone(&current);
        change(&mut changed)?;
        self.apply_to_engine(&changed);
        *current = Arc::new(changed);
        self.config_version.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// Sets how much memory keys may take unless the configuration says otherwise.
    pub fn set_memory_bytes_default(&self, bytes: usize) {
        self.memory_bytes_default.store(bytes, Ordering::Relaxed);
        self.apply_to_engine(&self.config());
    }

    /// Returns a worker's mailbox.
    pub fn mailbox(&self, number: u16) -> Option<&Arc<Mailbox>> {
        self.mailboxes.get(usize::from(number))
    }

    /// Returns all workers' mailboxes.
    pub fn mailboxes(&self) -> &[Arc<Mailbox>] {
        &self.mailboxes
    }

    /// Returns all workers' counters.
    pub fn worker_stats(&self) -> &[Arc<WorkerStats>] {
        &self.worker_stats
    }

    /// Returns the monotonic clock in nanoseconds, as far as it is known that finely.
    #[inline]
    pub fn monotonic_ns(&self) -> u64 {
        self.engine.clock().monotonic_ns()
    }

    /// Counts an error reply under its code.
    pub fn count_error(&self, code: &str) {
        let mut errors = self.errors.lock();
        if let Some(count) = errors.get_mut(code) {
            *count += 1;
        } else if errors.len() < ERROR_CODES_MAX {
            errors.insert(code.to_owned(), 1);
        }
    }

    /// Returns a number that tells a wait from all others.
    pub fn next_wait(&self) -> u64 {
        self.last_wait.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Sets what SHUTDOWN does, which is done at once if it was asked for before.
    pub fn on_shutdown(&self, stop: impl Fn() + Send + Sync + 'static) {
        let mut shutdown = self.shutdown.lock();
        if shutdown.is_asked {
            stop();
        }
        shutdown.stop = Some(Stop(Box::new(stop)));
    }

    /// Stops the server, in order.
    pub fn shut_down(&self) {
        let mut shutdown = self.shutdown.lock();
        shutdown.is_asked = true;
        if let Some(stop) = &shutdown.stop {
            (stop.0)();
        }
    }

    /// Makes a last checkpoint if that is cheap, and closes the log in order: all that was changed is
    /// on the disk then. To be called when no worker runs any more.
    ///
    /// # Errors
    /// Not everything could be written.
    pub fn close_log(&self) -> Result<(), AppendError> {
        if !self.spares_checkpoint.load(Ordering::Relaxed)
            && let Err(error) = self.engine.checkpoint_if_cheap()
        {
            tracing::warn!("no checkpoint could be made: {error}");
        }
        self.engine.storage().map_or(Ok(()), |storage| storage.log().close())
    }

    /// Ends what a client that is leaving was in the middle of.
    pub fn leave(&self, local: &mut Local, session: &mut Session) {
        subscription::drop_all(self, local, session);
        tracking::drop_client(self, session);
        monitor::leave(self, local, session);
        watch::end_transaction(session);
        watch::unwatch_all(self, session, local.now_ms);
        local.outboxes.release_pushes();
    }

    fn apply_to_engine(&self, config: &Config) {
        if let Some(storage) = self.engine.storage()
            && storage.log().durability() != config.durability
        {
            storage.log().set_durability(config.durability);
        }
        let memory = self.engine.memory();
        let limit_bytes = match config.memory_bytes_max {
            0 => self.memory_bytes_default.load(Ordering::Relaxed),
            bytes => bytes,
        };
        if memory.limit_bytes() != limit_bytes {
            memory.set_limit_bytes(limit_bytes);
        }
        let settings = self.engine.settings();
        settings.set_event_mask(config.keyspace_events);
        settings.set_node_limits(firth_engine::stream::NodeLimits {
            entries_max: config.stream_node_entries_max,
            bytes_max: config.stream_node_bytes_max,
        });
        settings.set_idempotence(config.stream_idmp_duration_s, config.stream_idmp_entries_max);
    }
}
