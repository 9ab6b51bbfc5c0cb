//! What goes on while something breaks: appenders and workers, each on brokers of their own, and the
//! history of what they have seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use firth::backend::{Health, HealthWatch};
use firth::test_kit::{History, Sequence, Summary};
use firth::{Backoff, Broker, Delivery, Effect, Error, RunningWorker, Stream, Verdict};
use tokio::task::JoinHandle;

use crate::server::Server;

/// The stream of all jobs; its dead letters live beside it on a Cluster.
pub(crate) const STREAM: &str = "jobs";
const DEAD: &str = "{jobs}:dead";
const GROUP: &str = "workers";

/// How many keys the jobs have.
const KEYS: u32 = 8;

/// What a test may take at most before it is said to hang. Nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A workload that goes on until it is finished.
pub(crate) struct Workload {
    history: History,
    sequence: Sequence,
    certainty: Certainty,
    appenders: Vec<JoinHandle<()>>,
    workers: Vec<RunningWorker>,
    is_over: Arc<AtomicBool>,
    healths: Vec<JoinHandle<Vec<Health>>>,
    brokers: Vec<Broker>,
}

/// When an append that was answered counts.
#[derive(Clone)]
pub(crate) enum Certainty {
    /// At once: the server keeps what it has answered.
    Answer,
    /// When a replica has it, too: what a failover loses had been answered, but was never certain.
    Replica(Arc<Replication>),
}

/// A primary that will be lost.
pub(crate) struct Replication {
    primary: redis::Client,
    /// Whether the replica is the primary now, and will not be lost.
    is_over: AtomicBool,
}

impl Replication {
    pub(crate) fn of(primary: &Server) -> Arc<Self> {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", primary.port()));
        Arc::new(Replication { primary: client.unwrap(), is_over: AtomicBool::new(false) })
    }

    pub(crate) fn has_taken_over(&self) {
        self.is_over.store(true, Ordering::Release);
    }
}

impl Certainty {
    fn is_answer(&self) -> bool {
        match self {
            Certainty::Answer => true,
            Certainty::Replica(replication) => replication.is_over.load(Ordering::Acquire),
        }
    }

    /// Says whether a replica has all that was answered so far.
    async fn is_replicated(&self) -> bool {
        let Certainty::Replica(replication) = self else { return true };
        let Ok(mut primary) = replication.primary.get_multiplexed_async_connection().await else {
            return false;
        };
        // WAIT is about what its own connection has written.
        let mut commands = redis::pipe();
        commands.cmd("SET").arg("{jobs}:probe").arg(1).ignore();
        commands.cmd("WAIT").arg(1).arg(1000);
        let waited: Result<(u64,), _> = commands.query_async(&mut primary).await;
        waited.is_ok_and(|(replicas,)| replicas > 0)
    }
}

impl Workload {
    /// Starts appenders and workers, and waits until they have got going.
    pub(crate) async fn start(address: &str, certainty: Certainty, sequence: Sequence) -> Self {
        let history = History::new(STREAM, GROUP);
        let mut brokers = Vec::new();
        for _ in 0..4 {
            brokers.push(Broker::connect(address).await.unwrap());
        }
        let (is_over, next) = (Arc::<AtomicBool>::default(), Arc::<AtomicU32>::default());
        let appenders = brokers[..2].iter().map(|broker| {
            let appender = Appender {
                stream: broker.stream(STREAM),
                history: history.clone(),
                is_over: Arc::clone(&is_over),
                next: Arc::clone(&next),
                certainty: certainty.clone(),
            };
            tokio::spawn(appender.run())
        });
        let appenders = appenders.collect();
        let workers = brokers[2..].iter().map(|broker| work(&history, broker, sequence)).collect();
        let healths = brokers.iter().map(|broker| tokio::spawn(watch(broker.health()))).collect();
        let workload = Workload {
            history,
            sequence,
            certainty,
            appenders,
            workers,
            is_over,
            healths,
            brokers,
        };
        workload.goes_on().await;
        workload
    }

    /// Waits until work has gone on for a while.
    pub(crate) async fn goes_on(&self) {
        let times = self.history.ended_so_far() + 60;
        self.within("work to go on", self.history.handled(times)).await;
    }

    /// Waits for something, or says what is known if it does not come.
    async fn within<T>(&self, what: &str, waiting: impl Future<Output = T>) -> T {
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(done) => done,
            Err(_) => {
                let stats: Vec<_> = self.workers.iter().map(RunningWorker::stats).collect();
                let health: Vec<_> = self.brokers.iter().map(|b| b.health().now()).collect();
                let found = self.history.check(self.sequence);
                panic!("waited in vain for {what}: {found:#?}\n{stats:?}\n{health:?}");
            }
        }
    }

    /// Waits until every broker has noticed that its server is gone.
    pub(crate) async fn is_interrupted(&self) {
        for broker in &self.brokers {
            let mut health = broker.health();
            let is_noticed = async {
                while health.now() == Health::Connected {
                    health.changed().await;
                }
            };
            self.within("a broker to notice", is_noticed).await;
        }
    }

    /// Waits until all that was appended is handled, stops, and proves that everything is right:
    /// nothing lost, dead letters exact, order kept, and each broker's health has shown the way
    /// through.
    pub(crate) async fn finish(mut self) -> Summary {
        self.is_over.store(true, Ordering::Release);
        let appenders = std::mem::take(&mut self.appenders);
        self.within("appenders", futures_util::future::join_all(appenders)).await;
        self.within("all to be handled", self.history.all_handled()).await;
        for worker in std::mem::take(&mut self.workers) {
            self.within("a worker to stop", worker.stop()).await.unwrap();
        }
        self.history.read_dead_letters(&self.brokers[0], DEAD).await.unwrap();
        let summary = self.history.check(self.sequence).unwrap_or_else(|wrong| panic!("{wrong}"));
        assert!(summary.handled > 0 && summary.dead > 0, "{summary:?}");
        if matches!(self.certainty, Certainty::Answer) {
            let stream = self.brokers[0].stream::<u32>(STREAM);
            assert_eq!(stream.info().await.unwrap().unwrap().groups[0].pending, 0);
        }
        for broker in &self.brokers {
            assert!(broker.health().connected().await);
            broker.close().await;
        }
        for health in self.healths {
            let seen = health.await.unwrap();
            assert!(
                matches!(
                    &seen[..],
                    [Health::Connecting { .. }, .., Health::Connected, Health::Closed]
                ),
                "{seen:?}"
            );
        }
        summary
    }
}

struct Appender {
    stream: Stream<u32>,
    history: History,
    is_over: Arc<AtomicBool>,
    next: Arc<AtomicU32>,
    certainty: Certainty,
}

impl Appender {
    async fn run(self) {
        while !self.is_over.load(Ordering::Acquire) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let is_answer = self.certainty.is_answer();
            match self.stream.append(&number).await {
                Ok(id) if is_answer || self.certainty.is_replicated().await => {
                    self.history.appended(id);
                }
                Ok(_) | Err(Error::Unavailable { effect: Effect::Unknown, .. }) => {
                    self.history.append_uncertain();
                }
                Err(Error::Unavailable { .. }) => {}
                Err(error) => panic!("{error}"),
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

fn work(history: &History, broker: &Broker, sequence: Sequence) -> RunningWorker {
    let broker = history.watch(broker);
    let worker = broker.worker(&broker.stream::<u32>(STREAM), GROUP).concurrency(4);
    let worker = worker.retry(Backoff::constant(Duration::from_millis(5))).max_deliveries(50);
    match sequence {
        Sequence::Any => worker.lease(Duration::from_secs(1)).start(history.handler(handle)),
        // Order holds while no worker loses contact for longer than its lease.
        Sequence::ByKey => worker
            .lease(Duration::from_secs(20))
            .order_by(|number| number % KEYS)
            .start(history.handler_by_key(|number| number % KEYS, handle)),
    }
}

async fn handle(job: Delivery<u32>) -> Verdict {
    tokio::time::sleep(Duration::from_millis(u64::from(job.value % 4))).await;
    match job.value % 40 {
        7 => Verdict::reject("a bad one"),
        3 | 23 if job.deliveries == 1 => Verdict::retry("not the first time"),
        _ => Verdict::Done,
    }
}

/// Collects what becomes of a broker's health until it is closed.
async fn watch(mut health: HealthWatch) -> Vec<Health> {
    let mut seen = Vec::new();
    while let Some(now) = health.changed().await {
        let is_closed = now == Health::Closed;
        seen.push(now);
        if is_closed {
            break;
        }
    }
    seen
}
