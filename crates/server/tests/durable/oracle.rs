//! What clients have been told, and whether a server that has come back agrees with it.
//!
//! Whatever is written has a number that counts up, so that of each kind of change two numbers are
//! enough: how far it was sent, and how far it was acknowledged. After a crash the server must have
//! a number between the two and everything up to it.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::Client;
use crate::reply::Reply;
use crate::{ask, integer, text};

/// Entries that a writer's own stream keeps, by `MAXLEN`.
pub(crate) const KEPT: u64 = 3000;
/// The stream that all write to and a group reads.
pub(crate) const SHARED: &str = "shared";
pub(crate) const GROUP: &str = "g";

/// How far changes of one kind have come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) sent: u64,
    pub(crate) acknowledged: u64,
}

impl Progress {
    /// Counts one more that is sent, and returns its number.
    pub(crate) fn send(&mut self) -> u64 {
        self.sent += 1;
        self.sent
    }

    /// Compares with what the server has, and goes on from there.
    #[track_caller]
    fn settle(&mut self, found: u64, promise: Promise, what: &str) {
        let Progress { sent, acknowledged } = *self;
        assert!(found <= sent, "{what}: {found} found, but only {sent} sent");
        if promise == Promise::Kept {
            assert!(acknowledged <= found, "{what}: {found} found of {acknowledged} acknowledged");
        }
        *self = Progress { sent: found, acknowledged: found };
    }
}

/// Whether what is acknowledged has to be there after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// Under `always`.
    Kept,
    /// Under `everysec` and `never`: what is there is a beginning of what was sent.
    Prefix,
}

/// What one writer has been told.
#[derive(Debug)]
pub(crate) struct WriterOracle {
    pub(crate) name: usize,
    /// Entries of its own stream, trimmed and deleted from.
    pub(crate) own: Progress,
    /// Entries of the shared stream.
    pub(crate) shared: Progress,
    /// Increments of its counter.
    pub(crate) counter: Progress,
    /// Transactions that add to two streams.
    pub(crate) both: Progress,
    /// The ids that its own stream has answered with, by number.
    pub(crate) ids: BTreeMap<u64, String>,
    /// Numbers whose deletion was sent, and those whose deletion was acknowledged.
    pub(crate) deleting: BTreeSet<u64>,
    pub(crate) deleted: BTreeSet<u64>,
}

impl WriterOracle {
    pub(crate) fn new(name: usize) -> Self {
        Self {
            name,
            own: Progress::default(),
            shared: Progress::default(),
            counter: Progress::default(),
            both: Progress::default(),
            ids: BTreeMap::new(),
            deleting: BTreeSet::new(),
            deleted: BTreeSet::new(),
        }
    }

    /// Compares the server's state with everything that this writer knows.
    pub(crate) fn check(&mut self, client: &mut Client, promise: Promise) {
        self.check_own(client, promise);
        let counter = ask(client, &format!("GET c{}", self.name));
        let counter = text(&counter).parse().unwrap_or(0);
        self.counter.settle(counter, promise, "the counter");
        let numbers = |entries: Vec<Entry>| entries.iter().map(|entry| entry.number).collect();
        let left: Vec<u64> = numbers(entries(client, &format!("a{}", self.name)));
        let right: Vec<u64> = numbers(entries(client, &format!("b{}", self.name)));
        assert_eq!(left, right, "half a transaction");
        check_sequence(&left, &BTreeSet::new());
        self.both.settle(left.last().copied().unwrap_or(0), promise, "transactions");
    }

    fn check_own(&mut self, client: &mut Client, promise: Promise) {
        let entries = entries(client, &format!("s{}", self.name));
        let numbers: Vec<u64> = entries.iter().map(|entry| entry.number).collect();
        let last = numbers.last().copied().unwrap_or(0);
        check_sequence(&numbers, &self.deleting);
        // The newest may have been deleted.
        let last = (last + 1..=self.own.sent)
            .take_while(|n| self.deleting.contains(n))
            .last()
            .unwrap_or(last);
        self.own.settle(last, promise, "the own stream");
        // Beside those deleted in this life there may be some of an earlier one.
        let gone = self.deleting.len() as u64 + 100;
        let least = last.min(KEPT).saturating_sub(gone);
        let count = numbers.len() as u64;
        assert!((least..=KEPT).contains(&count), "{count} entries, at least {least} expected");
        for entry in &entries {
            let id = self.ids.get(&entry.number).unwrap_or(&entry.id);
            assert_eq!(*id, entry.id, "entry {} has another id than was said", entry.number);
            let is_back = promise == Promise::Kept && self.deleted.contains(&entry.number);
            assert!(!is_back, "entry {} was deleted", entry.number);
        }
        self.ids = entries.into_iter().map(|entry| (entry.number, entry.id)).collect();
        let first = numbers.first().copied().unwrap_or(0);
        self.deleting.retain(|number| first <= *number && !numbers.contains(number));
        self.deleted.clone_from(&self.deleting);
    }

    /// Compares the shared stream's entries of this writer, of which the oldest may be trimmed.
    pub(crate) fn check_shared(&mut self, all: &[Entry], promise: Promise) {
        let own = all.iter().filter(|entry| entry.writer == self.name);
        let numbers: Vec<u64> = own.map(|entry| entry.number).collect();
        check_sequence(&numbers, &BTreeSet::new());
        if let Some(last) = numbers.last() {
            self.shared.settle(*last, promise, "the shared stream");
        } else if promise == Promise::Kept {
            assert_eq!(self.shared.acknowledged, 0, "nothing of it is in the shared stream");
        }
    }
}

/// What the consumers of the group have been told.
#[derive(Debug, Default)]
pub(crate) struct GroupOracle {
    /// Whom each id was handed to. No id is handed out as new twice, whatever happens.
    pub(crate) delivered: BTreeMap<Id, usize>,
    /// Ids whose acknowledgement was sent, and those for which that was answered.
    pub(crate) releasing: BTreeSet<Id>,
    pub(crate) released: BTreeSet<Id>,
    /// Where the group stood when it was last looked at.
    position: Id,
}

/// An id as a pair, so that ids have their order.
pub(crate) type Id = (u64, u64);

/// Reads an id.
pub(crate) fn id(text: &str) -> Id {
    let (ms, seq) = text.split_once('-').expect("an id has two parts");
    (ms.parse().unwrap(), seq.parse().unwrap())
}

impl GroupOracle {
    /// Notes a delivery of new entries.
    #[track_caller]
    pub(crate) fn deliver(&mut self, ids: &[Id], consumer: usize) {
        for id in ids {
            let before = self.delivered.insert(*id, consumer);
            assert_eq!(before, None, "{id:?} is handed to c{consumer} as new, again");
        }
    }

    /// Compares the pending list and the group's position.
    pub(crate) fn check(&mut self, client: &mut Client, promise: Promise) {
        let pending = pending(client);
        let position = position(client);
        for (id, consumer) in &pending {
            assert!(*id <= position, "{id:?} is pending, but the group stands at {position:?}");
            let is_back = promise == Promise::Kept && self.released.contains(id);
            assert!(!is_back, "{id:?} is pending though it was acknowledged");
            let told = self.delivered.get(id).unwrap_or(consumer);
            assert_eq!(told, consumer, "{id:?} is pending for another consumer");
        }
        if promise == Promise::Kept {
            let latest = self.delivered.last_key_value().map_or(self.position, |(id, _)| *id);
            assert!(latest.max(self.position) <= position, "the group went back to {position:?}");
            let missing = self
                .delivered
                .keys()
                .find(|id| !pending.contains_key(id) && !self.releasing.contains(id));
            assert_eq!(missing, None, "delivered, never acknowledged, and not pending");
        }
        self.position = position;
        self.delivered = pending;
        self.releasing.clear();
        self.released.clear();
    }
}

fn pending(client: &mut Client) -> BTreeMap<Id, usize> {
    let mut found = BTreeMap::new();
    let mut start = "-".to_owned();
    loop {
        let reply = ask(client, &format!("XPENDING {SHARED} {GROUP} {start} + 1000"));
        for row in reply.items() {
            let [row_id, consumer, ..] = row.items() else { panic!("{row}") };
            let number = text(consumer)[1..].parse().unwrap();
            assert_eq!(found.insert(id(&text(row_id)), number), None, "twice in one list");
            start = format!("({}", text(row_id));
        }
        if reply.items().len() < 1000 {
            return found;
        }
    }
}

fn position(client: &mut Client) -> Id {
    let reply = ask(client, &format!("XINFO GROUPS {SHARED}"));
    let [group] = reply.items() else { panic!("one group expected: {reply}") };
    let pairs: Vec<&[Reply]> = group.items().chunks(2).collect();
    let pair = pairs.iter().find(|pair| pair[0].bytes() == b"last-delivered-id").unwrap();
    id(&text(&pair[1]))
}

/// An entry of a stream that writers add to.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) writer: usize,
    pub(crate) number: u64,
}

/// Reads a whole stream, checks that its ids ascend and that its length is what it says.
pub(crate) fn entries(client: &mut Client, key: &str) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    let mut start = "-".to_owned();
    loop {
        let reply = ask(client, &format!("XRANGE {key} {start} + COUNT 200"));
        assert!(matches!(reply, Reply::Array(_)), "XRANGE {key}: {reply}");
        for entry in reply.items() {
            let [entry_id, fields] = entry.items() else { panic!("{entry}") };
            let [_, writer, _, number] = fields.items() else { panic!("{fields}") };
            let writer = text(writer).parse().unwrap();
            let number = text(number).parse().unwrap();
            let entry = Entry { id: text(entry_id), writer, number };
            assert!(found.last().is_none_or(|last| id(&last.id) < id(&entry.id)), "{entry:?}");
            start = format!("({}", entry.id);
            found.push(entry);
        }
        if reply.items().len() < 200 {
            break;
        }
    }
    let length = integer(&ask(client, &format!("XLEN {key}")));
    assert_eq!(length, found.len() as i64, "{key}");
    found
}

/// Numbers go up by one; only what is being deleted may be left out.
#[track_caller]
fn check_sequence(numbers: &[u64], deleting: &BTreeSet<u64>) {
    for pair in numbers.windows(2) {
        assert!(pair[0] < pair[1], "{} comes before {}", pair[0], pair[1]);
        let lost = (pair[0] + 1..pair[1]).find(|number| !deleting.contains(number));
        assert_eq!(lost, None, "between {} and {}", pair[0], pair[1]);
    }
}
