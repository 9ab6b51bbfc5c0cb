//! What a history must fulfil. Nothing here waits or asks anybody: it is told of events.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use super::history::{End, Event};
use super::story::{Moment, Story};
use crate::EntryId;

/// Whether the order of handling matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sequence {
    /// It does not.
    Any,
    /// What has the same key is handled one after the other, in the order of its appending, as
    /// recorded by [`History::handler_by_key`](super::History::handler_by_key). An entry that is
    /// delivered again although it was done may come at any time.
    ByKey,
}

/// What has happened, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Entries whose append was answered.
    pub appended: u64,
    /// Appends without an answer: entries that may be there.
    pub uncertain: u64,
    /// Entries that were done at least once.
    pub handled: u64,
    /// How often handlers began.
    pub deliveries: u64,
    /// How often an entry was done that had been done before.
    pub duplicates: u64,
    /// How often a handler began with an entry whose acknowledgement had been confirmed: of a server
    /// that keeps what it has answered, only a worker that had it before that does so.
    pub after_acknowledgement: u64,
    /// Dead letters that were read.
    pub dead: u64,
}

/// Something that must not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// The append was answered, but the entry was never done, and is no dead letter.
    Lost {
        /// The entry.
        id: EntryId,
        /// How often a handler began with it.
        deliveries: u64,
    },
    /// More entries were handled that nobody is known to have appended than appends were uncertain.
    Invented {
        /// The entries.
        ids: Vec<EntryId>,
        /// How many of them may be uncertain appends.
        uncertain: u64,
    },
    /// An entry was begun before an earlier one of its key had ended for good.
    OutOfOrder {
        /// The key.
        key: Arc<str>,
        /// What was begun too early.
        id: EntryId,
        /// What had not ended.
        before: EntryId,
    },
    /// An entry was acknowledged before any handler had ended with it.
    AcknowledgedUnhandled {
        /// The entry.
        id: EntryId,
    },
    /// There is more than one dead letter of an entry.
    DeadTwice {
        /// The entry.
        id: EntryId,
    },
    /// There is a dead letter of an entry that was done.
    DeadThoughDone {
        /// The entry.
        id: EntryId,
    },
    /// A handler has rejected an entry, and there is no dead letter of it.
    RejectedNotDead {
        /// The entry.
        id: EntryId,
    },
}

impl Violation {
    /// Returns the entries that it is about.
    pub fn entries(&self) -> Vec<EntryId> {
        match self {
            Violation::Invented { ids, uncertain: _ } => ids.clone(),
            Violation::OutOfOrder { key: _, id, before } => vec![*before, *id],
            Violation::Lost { id, deliveries: _ }
            | Violation::AcknowledgedUnhandled { id }
            | Violation::DeadTwice { id }
            | Violation::DeadThoughDone { id }
            | Violation::RejectedNotDead { id } => vec![*id],
        }
    }
}

/// All that is wrong with a history; never empty. Shown as text, the first of them are told with all
/// that happened to their entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations {
    list: Vec<Violation>,
    stories: BTreeMap<EntryId, Story>,
}

impl Violations {
    /// Returns them, in the order of the entries.
    pub fn list(&self) -> &[Violation] {
        &self.list
    }

    /// Returns what happened to an entry that one of them is about.
    pub fn story(&self, id: EntryId) -> Option<&Story> {
        self.stories.get(&id)
    }
}

/// What is known of an entry.
#[derive(Debug, Default)]
struct Life {
    is_appended: bool,
    deliveries: u64,
    done: u64,
    is_rejected: bool,
    is_acknowledged: bool,
    is_acknowledged_early: bool,
    after_acknowledgement: u64,
    letters: u64,
    key: Option<Arc<str>>,
    story: Story,
    /// The places of events in the history.
    first_begun: Option<usize>,
    last_touched: Option<usize>,
    /// The first end after which it need not come again.
    settled: Option<usize>,
}

/// What is known of all entries.
#[derive(Debug, Default)]
pub(super) struct Lives {
    of: BTreeMap<EntryId, Life>,
    /// How many events there were.
    events: usize,
    uncertain: u64,
    ends: u64,
    unfinished: usize,
    has_read_letters: bool,
}

impl Lives {
    /// Adds an event, the latest one.
    pub(super) fn add(&mut self, event: &Event) {
        self.events += 1;
        match event {
            Event::Appended(id) => self.change(*id, &Moment::Appended),
            Event::Uncertain => self.uncertain += 1,
            Event::Begun { id, key } => self.change(*id, &Moment::Begun(key.clone())),
            Event::Ended { id, end } => {
                self.ends += 1;
                self.change(*id, &Moment::Ended(*end));
            }
            Event::Acknowledged(id) => self.change(*id, &Moment::Acknowledged),
            Event::LettersRead(ids) => self.read_letters(ids),
        }
    }

    fn read_letters(&mut self, ids: &[EntryId]) {
        self.has_read_letters = true;
        let gone: Vec<EntryId> =
            self.of.iter().filter(|(_, life)| life.letters > 0).map(|(id, _)| *id).collect();
        gone.into_iter().for_each(|id| self.change(id, &Moment::LettersForgotten));
        ids.iter().for_each(|id| self.change(*id, &Moment::LetterRead));
    }

    fn change(&mut self, id: EntryId, moment: &Moment) {
        let life = self.of.entry(id).or_default();
        self.unfinished -= usize::from(life.is_unfinished());
        life.add(self.events, moment);
        self.unfinished += usize::from(life.is_unfinished());
    }

    /// Returns what happened to an entry.
    pub(super) fn story(&self, id: EntryId) -> Option<&Story> {
        self.of.get(&id).map(|life| &life.story)
    }

    /// Returns how many entries were appended and not handled to their end.
    pub(super) fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// Returns how often handlers have ended.
    pub(super) fn ends(&self) -> u64 {
        self.ends
    }

    /// Checks everything.
    pub(super) fn check(&self, sequence: Sequence) -> Result<Summary, Violations> {
        let mut violations = Vec::new();
        for (id, life) in &self.of {
            life.check(*id, self.has_read_letters, &mut violations);
        }
        let invented = self.of.iter().filter(|(_, life)| life.is_unknown());
        let invented: Vec<EntryId> = invented.map(|(id, _)| *id).collect();
        if invented.len() as u64 > self.uncertain {
            violations.push(Violation::Invented { ids: invented, uncertain: self.uncertain });
        }
        if sequence == Sequence::ByKey {
            self.check_order(&mut violations);
        }
        match violations.is_empty() {
            true => Ok(self.summary()),
            false => Err(self.tell(violations)),
        }
    }

    fn tell(&self, list: Vec<Violation>) -> Violations {
        let ids = list.iter().flat_map(Violation::entries);
        let stories = ids.filter_map(|id| Some((id, self.story(id)?.clone()))).collect();
        Violations { list, stories }
    }

    fn check_order(&self, violations: &mut Vec<Violation>) {
        // Of each key, the entry before whose end nothing later may begin, and the place of that end.
        let mut latest: HashMap<&Arc<str>, (EntryId, usize)> = HashMap::new();
        for (id, life) in &self.of {
            let (Some(key), Some(begun)) = (&life.key, life.first_begun) else { continue };
            let over = life.over().unwrap_or(usize::MAX);
            let Some(before) = latest.get(key).copied() else {
                latest.insert(key, (*id, over));
                continue;
            };
            if begun < before.1 {
                let (key, before) = (Arc::clone(key), before.0);
                violations.push(Violation::OutOfOrder { key, id: *id, before });
            }
            if over > before.1 {
                latest.insert(key, (*id, over));
            }
        }
    }

    fn summary(&self) -> Summary {
        let sum = |of: fn(&Life) -> u64| self.of.values().map(of).sum();
        Summary {
            appended: sum(|life| u64::from(life.is_appended)),
            uncertain: self.uncertain,
            handled: sum(|life| u64::from(life.done > 0)),
            deliveries: sum(|life| life.deliveries),
            duplicates: sum(|life| life.done.saturating_sub(1)),
            after_acknowledgement: sum(|life| life.after_acknowledgement),
            dead: sum(|life| life.letters),
        }
    }
}

impl Life {
    fn add(&mut self, place: usize, moment: &Moment) {
        match moment {
            Moment::Appended => self.is_appended = true,
            Moment::Begun(key) => self.begin(place, key.as_ref()),
            Moment::Ended(end) => self.end(place, *end),
            Moment::Acknowledged => self.acknowledge(),
            Moment::LetterRead => self.letters += 1,
            Moment::LettersForgotten => self.letters = 0,
        }
        self.story.add(place, moment.clone());
    }

    fn begin(&mut self, place: usize, key: Option<&Arc<str>>) {
        self.deliveries += 1;
        self.after_acknowledgement += u64::from(self.is_acknowledged);
        self.first_begun.get_or_insert(place);
        self.last_touched = Some(place);
        self.key = self.key.take().or(key.cloned());
    }

    fn end(&mut self, place: usize, end: End) {
        self.last_touched = Some(place);
        match end {
            End::Again | End::Dropped => return,
            End::Done => self.done += 1,
            End::Rejected => self.is_rejected = true,
        }
        self.settled.get_or_insert(place);
    }

    fn acknowledge(&mut self) {
        self.is_acknowledged_early |= !self.is_acknowledged && self.settled.is_none();
        self.is_acknowledged = true;
    }

    /// Returns the place of the event after which it had ended for good.
    fn over(&self) -> Option<usize> {
        // What was buried after its last failure had ended with that.
        self.settled.or(self.last_touched.filter(|_| self.letters > 0))
    }

    /// Says whether it was appended and not handled to its end.
    fn is_unfinished(&self) -> bool {
        self.is_appended && self.settled.is_none() && self.letters == 0
    }

    /// Says whether nobody is known to have appended what was handled.
    fn is_unknown(&self) -> bool {
        !self.is_appended && (self.deliveries > 0 || self.letters > 0)
    }

    fn check(&self, id: EntryId, has_read_letters: bool, violations: &mut Vec<Violation>) {
        let is_dead = self.letters > 0;
        if self.is_unfinished() {
            violations.push(Violation::Lost { id, deliveries: self.deliveries });
        }
        // What cannot be read as a value is buried without being handled.
        if self.is_acknowledged_early && !is_dead {
            violations.push(Violation::AcknowledgedUnhandled { id });
        }
        if self.letters > 1 {
            violations.push(Violation::DeadTwice { id });
        }
        if is_dead && self.done > 0 {
            violations.push(Violation::DeadThoughDone { id });
        }
        if has_read_letters && self.is_rejected && !is_dead && self.done == 0 {
            violations.push(Violation::RejectedNotDead { id });
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Lost { id, deliveries } => {
                write!(f, "{id} was lost, after {deliveries} deliveries")
            }
            Violation::Invented { ids, uncertain } => write!(
                f,
                "{} entries were handled that nobody appended, and {uncertain} appends were \
                 uncertain; the first of them is {}",
                ids.len(),
                ids.first().copied().unwrap_or(EntryId::MIN),
            ),
            Violation::OutOfOrder { key, id, before } => {
                write!(f, "{id} was begun before {before} had ended, both of the key `{key}`")
            }
            Violation::AcknowledgedUnhandled { id } => {
                write!(f, "{id} was acknowledged before it was handled")
            }
            Violation::DeadTwice { id } => write!(f, "{id} has more than one dead letter"),
            Violation::DeadThoughDone { id } => write!(f, "{id} was done and has a dead letter"),
            Violation::RejectedNotDead { id } => {
                write!(f, "{id} was rejected and has no dead letter")
            }
        }
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_MAX: usize = 20;
        const STORIES_MAX: usize = 4;
        write!(f, "wrong: {}", self.list.len())?;
        for violation in self.list.iter().take(SHOWN_MAX) {
            write!(f, "\n  {violation}")?;
            for id in violation.entries().into_iter().take(STORIES_MAX) {
                let Some(story) = self.story(id) else { continue };
                write!(f, "\n    {id}: {story}")?;
            }
        }
        match self.list.len().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl std::error::Error for Violations {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    /// Reads a history: `+1` appended, `+?` uncertain, `<1` begun, `<1k` begun with the key k, `>1`
    /// done, `~1` to come again, `x1` dropped, `!1` rejected, `a1` acknowledged, `L1,2` letters read.
    fn events(text: &str) -> Vec<Event> {
        let id = |text: &str| EntryId::new(text.parse().unwrap(), 0);
        let event = |word: &str| {
            let (kind, rest) = word.split_at(1);
            let ended = |end| Event::Ended { id: id(rest), end };
            match kind {
                "+" if rest == "?" => Event::Uncertain,
                "+" => Event::Appended(id(rest)),
                "<" => {
                    let (number, key) = rest.split_at(1);
                    let key = (!key.is_empty()).then(|| key.into());
                    Event::Begun { id: id(number), key }
                }
                ">" => ended(End::Done),
                "~" => ended(End::Again),
                "x" => ended(End::Dropped),
                "!" => ended(End::Rejected),
                "a" => Event::Acknowledged(id(rest)),
                "L" => {
                    let ids = rest.split(',').filter(|id| !id.is_empty());
                    Event::LettersRead(ids.map(id).collect())
                }
                _ => panic!("{word}"),
            }
        };
        text.split_whitespace().map(event).collect()
    }

    fn lives(text: &str) -> Lives {
        let mut lives = Lives::default();
        events(text).iter().for_each(|event| lives.add(event));
        lives
    }

    fn violations(text: &str, sequence: Sequence) -> String {
        let found = lives(text).check(sequence).err();
        let found = found.map(|violations| violations.list).unwrap_or_default();
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    fn wrong(text: &str, expect: &str) {
        assert_eq!(violations(text, Sequence::Any), expect, "{text}");
    }

    fn right(text: &str) {
        assert_eq!(violations(text, Sequence::ByKey), "", "{text}");
    }

    #[test]
    fn what_should_happen() {
        right("");
        right("+1 <1 >1 a1 +2 <2 >2 a2 L");
        right("+1 <1 ~1 <1 >1 a1");
        right("+1 +2 <1 !1 <2 >2 L1");
        // A handler of a worker that was killed.
        right("+1 <1 <1 >1");
        // Handled, but its acknowledgement was lost.
        right("+1 <1 >1 <1 >1");
        // Unreadable: never handled.
        right("+1 a1 L1");
        // The answer to the append comes after the entry was handled.
        right("<1 >1 a1 +1");
        right("+? <1 >1");
        // Buried after its last failure.
        right("+1 <1 ~1 a1 L1");
    }

    #[test]
    fn lost() {
        wrong("+1", "1-0 was lost, after 0 deliveries");
        wrong("+1 <1", "1-0 was lost, after 1 deliveries");
        wrong("+1 <1 ~1 +2 <2 >2 L", "1-0 was lost, after 1 deliveries");
        // What was read before has been removed since.
        wrong("+1 L1 L", "1-0 was lost, after 0 deliveries");
    }

    #[test]
    fn invented() {
        let text = "1 entries were handled that nobody appended, and 0 appends were uncertain; \
                    the first of them is 1-0";
        wrong("<1 >1", text);
        wrong("L1", text);
        let text = "2 entries were handled that nobody appended, and 1 appends were uncertain; \
                    the first of them is 1-0";
        wrong("+? <1 >1 <2 >2", text);
    }

    #[test]
    fn acknowledged_unhandled() {
        wrong("+1 <1 a1 >1", "1-0 was acknowledged before it was handled");
        let text = "1-0 was lost, after 0 deliveries; 1-0 was acknowledged before it was handled";
        wrong("+1 a1", text);
        wrong("+1 <1 ~1 a1 <1 >1", "1-0 was acknowledged before it was handled");
        wrong("+1 <1 x1 a1 <1 >1", "1-0 was acknowledged before it was handled");
    }

    #[test]
    fn dead_letters() {
        wrong("+1 <1 !1 L1,1", "1-0 has more than one dead letter");
        wrong("+1 <1 >1 L1", "1-0 was done and has a dead letter");
        wrong("+1 <1 !1 L", "1-0 was rejected and has no dead letter");
        // As long as nobody has looked, nothing is known.
        right("+1 <1 !1");
    }

    #[test]
    fn order_by_key() {
        let check = |text: &str, expect: &str| {
            assert_eq!(violations(text, Sequence::ByKey), expect, "{text}");
        };
        check("+1 +2 <1k >1 <2k >2", "");
        check("+1 +2 <2x <1k >1 >2", "");
        let text = "2-0 was begun before 1-0 had ended, both of the key `k`";
        check("+1 +2 <1k <2k >1 >2", text);
        check("+1 +2 <2k >2 <1k >1", text);
        check("+1 +2 <1k ~1 <2k >2 <1k >1", text);
        check("+1 +2 <1k !1 <2k >2 L1", "");
        check("+1 +2 <1k ~1 <2k >2 L1", "");
        let text = "3-0 was begun before 2-0 had ended, both of the key `k`";
        check("+1 +2 +3 <1k <3k >1 <2k >2 >3", text);
        // The third waits for the first, too, although the second has ended.
        let second = "2-0 was begun before 1-0 had ended, both of the key `k`";
        let third = "3-0 was begun before 1-0 had ended, both of the key `k`";
        check("+1 +2 +3 <1k <2k >2 <3k >3 >1", &format!("{second}; {third}"));
        // Its handlers panicked, or their processes were killed, until it was buried.
        check("+1 +2 <1k x1 <1k x1 <2k >2 L1", "");
        check("+1 +2 <1k <1k <2k >2 L1", "");
        check("+1 +2 <1k <2k >2 <1k L1", "2-0 was begun before 1-0 had ended, both of the key `k`");
        // What was done comes again because its acknowledgement was lost.
        check("+1 +2 <1k >1 <2k <1k >1 >2", "");
    }

    #[test]
    fn a_violation_tells_the_stories_of_its_entries() {
        let found = lives("+1 +2 <1k ~1 <2k >2 a2 <1k >1 L").check(Sequence::ByKey).unwrap_err();
        let text = "wrong: 1\n  \
                    2-0 was begun before 1-0 had ended, both of the key `k`\n    \
                    1-0: #1 appended, #3 begun by the key `k`, #4 to come again, \
                    #8 begun by the key `k`, #9 done\n    \
                    2-0: #2 appended, #5 begun by the key `k`, #6 done, #7 acknowledged";
        assert_eq!(found.to_string(), text);
        let one = EntryId::new(1, 0);
        assert_eq!(found.story(one).unwrap().moments().len(), 5);
        let found = lives("+1 <1 x1 !1 L1,1").check(Sequence::Any).unwrap_err();
        let text = "wrong: 1\n  1-0 has more than one dead letter\n    1-0: #1 appended, #2 begun, \
                    #3 dropped or panicked, #4 rejected, #5 found as a dead letter, \
                    #5 found as a dead letter";
        assert_eq!(found.to_string(), text);
    }

    #[test]
    fn numbers() {
        let summary = lives("+1 +? +2 <1 >1 a1 <1 >1 <2 !2 L2").check(Sequence::Any).unwrap();
        let expect = Summary {
            appended: 2,
            uncertain: 1,
            handled: 1,
            deliveries: 3,
            duplicates: 1,
            after_acknowledgement: 1,
            dead: 1,
        };
        assert_eq!(summary, expect);
        let lives = lives("+1 +2 +3 <1 ~1 <2 >2 L3");
        assert_eq!((lives.unfinished(), lives.ends()), (1, 2));
    }
}
