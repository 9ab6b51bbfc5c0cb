//! Faults that are injected between a program and its broker.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, pending};
use parking_lot::Mutex;

use crate::backend::{
    Answer, Backend, Batch, Claim, Claimed, ConsumerInfo, Entry, Features, GroupChange,
    GroupChanged, GroupRead, HealthWatch, Inbox, Inspected, Inspection, Outcome, Pending,
    PendingQuery, Range, Read, StreamEntries, StreamInfo, Subscription, Topic, Write,
};
use crate::{Broker, Effect, Error};

/// Which requests to a broker go wrong, and how. Clones are one plan.
///
/// A plan can be changed while programs run on the brokers that it [disturbs](Faults::disturb). What is
/// left to chance is decided by the seed and the number of the call, so that the same seed gives the same
/// faults as long as the calls come in the same order.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), firth::Error> {
/// use firth::test_kit::{Call, Fault, Faults};
/// use firth::{Broker, Effect, Error};
///
/// let faults = Faults::new();
/// let broker = faults.disturb(&Broker::connect("memory:").await?);
/// faults.nth(Call::Append, 2, Fault::LoseAnswer);
///
/// let orders = broker.stream::<u32>("orders");
/// orders.append(&1).await?;
/// let lost = orders.append(&2).await.unwrap_err();
/// assert!(matches!(lost, Error::Unavailable { effect: Effect::Unknown, .. }));
/// assert_eq!(orders.length().await?, 2); // it was carried out all the same
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// Writes with an append among them, dead letters and events included.
    Append,
    /// Writes that acknowledge, and append nothing.
    Acknowledge,
    /// All other writes.
    Write,
    /// A range of a stream.
    Range,
    /// What follows in streams.
    Read,
    /// Entries for a consumer of a group.
    ReadGroup,
    /// A group that is created, moved or destroyed, or a consumer that is removed.
    ChangeGroup,
    /// Pending entries that change hands, and leases.
    Claim,
    /// The list of what is pending.
    Pending,
    /// What is known of a stream.
    StreamInfo,
    /// The consumers of a group.
    Consumers,
    /// The value of a key.
    Value,
    /// A message to a channel.
    Publish,
    /// The beginning of a subscription.
    Subscribe,
    /// A look at what the backend holds.
    Inspect,
}

/// What goes wrong with a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// It is not carried out, and the answer says so, as if nobody could be reached.
    Fail,
    /// It is not carried out, and the caller cannot know: the connection was cut before it arrived.
    LoseRequest,
    /// It is carried out, and the caller cannot know: the connection was cut before the answer came.
    LoseAnswer,
    /// It is carried out after this time.
    Delay(Duration),
    /// It is carried out, and there is never an answer: the other end is gone without a word.
    Hang,
    /// It is not carried out, and this is the answer.
    Answer(Error),
}

#[derive(Debug, Default)]
struct Plan {
    seed: u64,
    rules: Vec<Rule>,
    calls: HashMap<Call, u64>,
    injected: Vec<(Call, Fault)>,
}

#[derive(Clone, Debug)]
struct Rule {
    call: Call,
    turn: Turn,
    fault: Fault,
}

/// Which calls of a kind, counted from the first one of all.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Once(u64),
    Every {
        count: u64,
        behind: u64,
    },
    /// One of so many that there are, of 2^64.
    Chance(u64),
}

impl Faults {
    /// Returns a plan without faults.
    pub fn new() -> Self {
        Faults::default()
    }

    /// Returns a plan without faults yet, whose chances come from this seed.
    pub fn seeded(seed: u64) -> Self {
        Faults(Arc::new(Mutex::new(Plan { seed, ..Plan::default() })))
    }

    /// Returns a broker on the backend of another one whose requests go wrong as planned.
    pub fn disturb(&self, broker: &Broker) -> Broker {
        Broker::on(Disturbed { inner: Arc::clone(broker.backend()), faults: self.clone() })
    }

    /// Lets the n-th call of a kind from now on go wrong; the next one is the first.
    pub fn nth(&self, call: Call, n: u64, fault: Fault) {
        let behind = self.calls(call);
        self.add(call, Turn::Once(behind.saturating_add(n)), fault);
    }

    /// Lets every n-th call of a kind from now on go wrong.
    pub fn every(&self, call: Call, n: u64, fault: Fault) {
        let behind = self.calls(call);
        self.add(call, Turn::Every { count: n.max(1), behind }, fault);
    }

    /// Lets calls of a kind go wrong by chance: with 0.1 one in ten.
    pub fn sometimes(&self, call: Call, probability: f64, fault: Fault) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 0 and 2^64, and a cast saturates"
        )]
        let chance = (probability.clamp(0.0, 1.0) * u64::MAX as f64) as u64;
        self.add(call, Turn::Chance(chance), fault);
    }

    /// Lets nothing go wrong from now on. Requests that hang go on doing so.
    pub fn clear(&self) {
        self.0.lock().rules.clear();
    }

    /// Returns how many calls of a kind there were.
    pub fn calls(&self, call: Call) -> u64 {
        self.0.lock().calls.get(&call).copied().unwrap_or_default()
    }

    /// Returns all that has gone wrong so far, in its order.
    pub fn injected(&self) -> Vec<(Call, Fault)> {
        self.0.lock().injected.clone()
    }

    fn add(&self, call: Call, turn: Turn, fault: Fault) {
        self.0.lock().rules.push(Rule { call, turn, fault });
    }

    /// Counts a call, and returns what goes wrong with it: the first fault that was planned for it.
    fn next(&self, call: Call) -> Option<Fault> {
        let mut plan = self.0.lock();
        let count = plan.calls.entry(call).or_default();
        *count += 1;
        let (number, seed) = (*count, plan.seed);
        let chance = mixed(mixed(seed ^ call as u64) ^ number);
        let is_hit = |rule: &&Rule| {
            rule.call == call
                && match rule.turn {
                    Turn::Once(turn) => number == turn,
                    Turn::Every { count, behind } => number.saturating_sub(behind) % count == 0,
                    Turn::Chance(limit) => chance < limit,
                }
        };
        let fault = plan.rules.iter().find(is_hit)?.fault.clone();
        plan.injected.push((call, fault.clone()));
        Some(fault)
    }
}

/// Spreads the bits of a number: the last step of the generator SplitMix64.
fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

impl Call {
    fn of(batch: &Batch) -> Self {
        let has = |is: fn(&Write) -> bool| batch.writes.iter().any(is);
        if has(|write| matches!(write, Write::Append(_))) {
            Call::Append
        } else if has(|write| matches!(write, Write::Acknowledge { .. })) {
            Call::Acknowledge
        } else {
            Call::Write
        }
    }
}

/// Another backend, and what goes wrong on the way to it.
#[derive(Debug)]
struct Disturbed {
    inner: Arc<dyn Backend>,
    faults: Faults,
}

impl Disturbed {
    fn call<'a, T: Send + 'a>(
        &'a self,
        call: Call,
        ask: impl FnOnce() -> Answer<'a, T> + Send + 'a,
    ) -> Answer<'a, T> {
        let lost = |effect| Err(Error::unavailable("a fault was injected", effect));
        async move {
            match self.faults.next(call) {
                None => ask().await,
                Some(Fault::Fail) => lost(Effect::None),
                Some(Fault::LoseRequest) => lost(Effect::Unknown),
                Some(Fault::LoseAnswer) => {
                    ask().await?;
                    lost(Effect::Unknown)
                }
                Some(Fault::Delay(pause)) => {
                    tokio::time::sleep(pause).await;
                    ask().await
                }
                Some(Fault::Hang) => {
                    let _nobody_hears_of_it = ask().await;
                    pending().await
                }
                Some(Fault::Answer(error)) => Err(error),
            }
        }
        .boxed()
    }
}

impl Backend for Disturbed {
    fn features(&self) -> Features {
        self.inner.features()
    }

    fn health(&self) -> HealthWatch {
        self.inner.health()
    }

    fn write(&self, batch: Batch) -> Answer<'_, Vec<Outcome>> {
        self.call(Call::of(&batch), move || self.inner.write(batch))
    }

    fn range(&self, range: Range) -> Answer<'_, Vec<Entry>> {
        self.call(Call::Range, move || self.inner.range(range))
    }

    fn read(&self, read: Read) -> Answer<'_, Vec<StreamEntries>> {
        self.call(Call::Read, move || self.inner.read(read))
    }

    fn read_group(&self, read: GroupRead) -> Answer<'_, Vec<Entry>> {
        self.call(Call::ReadGroup, move || self.inner.read_group(read))
    }

    fn change_group(&self, change: GroupChange) -> Answer<'_, GroupChanged> {
        self.call(Call::ChangeGroup, move || self.inner.change_group(change))
    }

    fn claim(&self, claim: Claim) -> Answer<'_, Claimed> {
        self.call(Call::Claim, move || self.inner.claim(claim))
    }

    fn pending(&self, query: PendingQuery) -> Answer<'_, Vec<Pending>> {
        self.call(Call::Pending, move || self.inner.pending(query))
    }

    fn stream_info(&self, stream: Arc<str>) -> Answer<'_, Option<StreamInfo>> {
        self.call(Call::StreamInfo, move || self.inner.stream_info(stream))
    }

    fn consumers(&self, stream: Arc<str>, group: Arc<str>) -> Answer<'_, Vec<ConsumerInfo>> {
        self.call(Call::Consumers, move || self.inner.consumers(stream, group))
    }

    fn value(&self, key: Arc<str>) -> Answer<'_, Option<Bytes>> {
        self.call(Call::Value, move || self.inner.value(key))
    }

    fn publish(&self, channel: Arc<str>, payload: Bytes) -> Answer<'_, u64> {
        self.call(Call::Publish, move || self.inner.publish(channel, payload))
    }

    fn subscribe(&self, topics: Vec<Topic>, inbox: Arc<Inbox>) -> Answer<'_, Subscription> {
        self.call(Call::Subscribe, move || self.inner.subscribe(topics, inbox))
    }

    fn inspect(&self, inspection: Inspection) -> Answer<'_, Inspected> {
        self.call(Call::Inspect, move || self.inner.inspect(inspection))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

#[cfg(all(test, feature = "embedded"))]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::super::{History, Sequence, TestBroker};
    use super::*;
    use crate::Refusal;

    async fn results(faults: &Faults, count: u32) -> Vec<bool> {
        let broker = TestBroker::with(faults.clone()).unwrap();
        let stream = broker.stream::<u32>("s");
        let mut results = Vec::new();
        for number in 0..count {
            results.push(stream.append(&number).await.is_ok());
        }
        results
    }

    #[tokio::test]
    async fn calls_are_counted_from_the_plan_on() {
        let faults = Faults::new();
        assert_eq!(results(&faults, 2).await, [true, true]);
        faults.nth(Call::Append, 2, Fault::Fail);
        assert_eq!(results(&faults, 3).await, [true, false, true]);
        faults.every(Call::Append, 3, Fault::LoseAnswer);
        assert_eq!(results(&faults, 4).await, [true, true, false, true]);
        assert_eq!((faults.calls(Call::Append), faults.calls(Call::Publish)), (9, 0));
        assert_eq!(faults.injected().len(), 2);
        faults.clear();
        assert!(!results(&faults, 9).await.contains(&false));
    }

    #[tokio::test]
    async fn chances_come_from_the_seed() {
        let chances = async |seed| {
            let faults = Faults::seeded(seed);
            faults.sometimes(Call::Append, 0.2, Fault::Fail);
            results(&faults, 500).await
        };
        let one = chances(1).await;
        assert_eq!(one, chances(1).await);
        assert_ne!(one, chances(2).await);
        let failed = one.iter().filter(|is_ok| !**is_ok).count();
        assert!((50..150).contains(&failed), "{failed} of 500");
    }

    #[tokio::test(start_paused = true)]
    async fn each_fault_does_what_it_says() {
        let broker = TestBroker::new().unwrap();
        let (stream, faults) = (broker.stream::<u32>("s"), broker.faults());
        let append = async |fault| {
            faults.nth(Call::Append, 1, fault);
            let error = stream.append(&1).await.err().map(|error| error.to_string());
            (error.unwrap_or_default(), stream.length().await.unwrap())
        };
        let failed = |effect: Effect| format!("a fault was injected ({effect})");
        assert_eq!(append(Fault::Fail).await, (failed(Effect::None), 0));
        assert_eq!(append(Fault::LoseRequest).await, (failed(Effect::Unknown), 0));
        assert_eq!(append(Fault::LoseAnswer).await, (failed(Effect::Unknown), 1));
        let refusal = Error::from(Refusal::WrongType);
        assert_eq!(append(Fault::Answer(refusal.clone())).await, (refusal.to_string(), 1));
        let begun = tokio::time::Instant::now();
        assert_eq!(append(Fault::Delay(Duration::from_secs(60))).await, (String::new(), 2));
        assert_eq!(begun.elapsed(), Duration::from_secs(60));
    }

    #[tokio::test]
    async fn an_append_that_hangs_is_uncertain_when_nobody_waits_any_more() {
        let history = History::new("s", "g");
        let memory = TestBroker::new().unwrap();
        memory.faults().every(Call::Append, 1, Fault::Hang);
        let stream = history.watch(&memory).stream::<u32>("s");
        let mut append = stream.append(&1).into_future();
        assert!((&mut append).now_or_never().is_none());
        assert_eq!(history.check(Sequence::Any).unwrap().uncertain, 0, "it is still awaited");
        drop(append);
        assert_eq!(history.check(Sequence::Any).unwrap().uncertain, 1);
        assert_eq!(stream.length().await.unwrap(), 1);
        // One that was never begun cannot have been done.
        drop(stream.append(&2).into_future());
        assert_eq!(history.check(Sequence::Any).unwrap().uncertain, 1);
    }
}
