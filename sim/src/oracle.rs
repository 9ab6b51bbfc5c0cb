//! What has to be true: which answers are right, and which states may be found after a crash.
//!
//! Each command that changes something, or transaction, is one unit. After a crash the server must
//! have exactly the state behind one unit, so that every unit is there once and in order or not at
//! all, and it must not be an earlier one than anybody was told of.

use std::collections::{BTreeMap, VecDeque};

use firth_engine::Lsn;

use crate::command::Command;
use crate::dump;
use crate::machine::Event;
use crate::model::{Answer, ClientNo, Keys, Lags, Message, Model, Place};
use crate::speaker::{Answered, Heard, Speaker, Unit};
use crate::told::Told;

/// The state behind a unit.
#[derive(Clone, Debug)]
struct Snapshot {
    unit: Unit,
    /// No record of this unit, or of one before it, comes behind this position.
    lsn: Lsn,
    keys: Keys,
}

/// What the clocks say, and how the log is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now_ms: u64,
    pub(crate) monotonic_ns: u64,
    /// The position of the last change.
    pub(crate) last: Lsn,
    /// Whether something has gone wrong on the disk, so that commands may be refused.
    pub(crate) may_refuse: bool,
    /// Whether reading from the disk may fail.
    pub(crate) may_fail: bool,
    /// Whether what clients are told has to be on the disk by then.
    pub(crate) promises: bool,
}

/// Knows what clients were told, and what must be so.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) model: Model,
    pub(crate) speakers: BTreeMap<ClientNo, Speaker>,
    unit: Unit,
    /// The last unit that somebody was told of.
    told: Unit,
    /// The last unit that is on the disk for all that is known.
    safe: Unit,
    snapshots: VecDeque<Snapshot>,
    changed_at: BTreeMap<Place, Unit>,
    has_forgotten: bool,
    /// Whether something went wrong of which only the server knows how far it had come.
    pub(crate) has_lost_track: bool,
    pub(crate) answers: u64,
    pub(crate) refusals: u64,
}

/// What a state that was found may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// What clients were told is there, if that was promised, and what is known to be on the disk.
    Kept,
    /// Any state that ever was.
    Nothing,
}

/// What a restart has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// What is on the disk.
    Durable,
    /// What the system has, which a loss of power may still take.
    Written,
}

/// How many states are remembered that cannot be found again unless bits are flipped.
const OLD_SNAPSHOTS: usize = 100;

impl Oracle {
    pub(crate) fn new() -> Self {
        let mut oracle = Oracle::default();
        oracle.snapshots.push_back(Snapshot { unit: 0, lsn: Lsn::ZERO, keys: Keys::default() });
        oracle
    }

    pub(crate) fn units(&self) -> Unit {
        self.unit
    }

    pub(crate) fn connect(&mut self, client: ClientNo, speaker: Speaker) {
        self.model.connect(client);
        self.speakers.insert(client, speaker);
    }

    fn disconnect(&mut self, client: ClientNo) {
        self.model.disconnect(client);
        self.speakers.remove(&client);
    }

    /// Takes what has arrived at a client.
    pub(crate) fn arrive(&mut self, client: ClientNo, bytes: &[u8]) -> Result<(), String> {
        let Some(speaker) = self.speakers.get_mut(&client) else { return Ok(()) };
        self.told = self.told.max(speaker.arrive(bytes)?);
        Ok(())
    }

    /// Takes note that clients may be told of what is not on the disk from now on.
    pub(crate) fn promises_end(&mut self) {
        self.speakers.values_mut().for_each(Speaker::forget_marks);
    }

    /// Takes note that everything up to this position is on the disk.
    pub(crate) fn is_safe(&mut self, lsn: Lsn) {
        let safe = self.snapshots.iter().filter(|snapshot| snapshot.lsn <= lsn);
        self.safe = self.safe.max(safe.map(|snapshot| snapshot.unit).max().unwrap_or_default());
    }

    /// Takes what has happened in the server.
    pub(crate) fn happened(&mut self, event: Event, moment: Moment) -> Result<(), String> {
        match event {
            Event::Ran(client, bytes, sent) => {
                let told = self.ran_all(client, bytes, &sent, moment);
                told.map_err(|error| format!("client {client}: {error}"))
            }
            Event::Sent(client, sent) => {
                let told = self.sent(client, &sent, moment);
                told.map_err(|error| format!("client {client}: {error}"))
            }
            Event::Timers => {
                self.expire(moment);
                Ok(())
            }
            Event::Closed(client) => {
                self.disconnect(client);
                Ok(())
            }
        }
    }

    /// Removes what is overdue. That is no change that anybody could be told of: it is gone at this
    /// time whether that has been written or not.
    fn expire(&mut self, moment: Moment) {
        self.model.expire(moment.now_ms);
        self.model.take_changed();
    }

    fn ran_all(
        &mut self,
        client: ClientNo,
        bytes: usize,
        sent: &[u8],
        moment: Moment,
    ) -> Result<(), String> {
        let Some(speaker) = self.speakers.get_mut(&client) else { return Ok(()) };
        let commands = speaker.ran(bytes);
        let Heard { mut answers, messages } = speaker.hear(sent)?;
        for command in commands {
            self.ran(client, &command, &mut answers, moment)?;
        }
        if let Some(extra) = answers.pop_front() {
            return Err(format!("{:?} answers nothing", extra.told));
        }
        let speaker = self.speakers.get_mut(&client);
        speaker.map_or(Ok(()), |speaker| speaker.take_messages(messages))
    }

    fn sent(&mut self, client: ClientNo, sent: &[u8], moment: Moment) -> Result<(), String> {
        let Some(speaker) = self.speakers.get_mut(&client) else { return Ok(()) };
        let Heard { answers, messages } = speaker.hear(sent)?;
        speaker.take_messages(messages)?;
        answers.into_iter().try_for_each(|answer| self.wait_ends(client, &answer, moment))
    }

    /// Compares the answer to a command with what the model makes of it.
    fn ran(
        &mut self,
        client: ClientNo,
        command: &Command,
        answers: &mut VecDeque<Answered>,
        moment: Moment,
    ) -> Result<(), String> {
        let Some(speaker) = self.speakers.get(&client) else { return Ok(()) };
        let is_resp3 = speaker.is_resp3;
        let answer = answers.front();
        let told = answer.map_or(Told::Nil, |answer| normal(command, &answer.told, is_resp3));
        self.answers += 1;
        let is_failure = is_failed_read(&told);
        if is_refusal(&told) || is_failure {
            if !(moment.may_refuse || is_failure && moment.may_fail) {
                return Err(format!("{command} is refused without a reason: {told:?}"));
            }
            self.refusals += 1;
            answers.pop_front();
            if is_withheld(&told) {
                // It was run, but nobody is told of it.
                self.model.run(client, command, &told, moment.now_ms);
                self.model.take_looked_at();
                self.model.messages.clear();
            } else {
                self.model.refused(client, command);
            }
            return Ok(());
        }
        self.expire(moment);
        self.model.may_hide = moment.may_refuse;
        let must = self.model.run(client, command, &told, moment.now_ms);
        let unit = self.note_changes(moment);
        self.expect_messages(unit, moment);
        let looked_at = self.model.take_looked_at();
        let of = |place: &Place| self.changed_at.get(place).copied().unwrap_or_default();
        let depends = looked_at.iter().map(of).max().unwrap_or_default().max(unit);
        match (must, answers.pop_front()) {
            (Answer::Reply(must), Some(answer)) if told.agrees(&must) => {
                self.mark(client, answer.end, depends, moment);
                Ok(())
            }
            (Answer::Silence, answer) => {
                answers.extend(answer);
                Ok(())
            }
            (Answer::Waits, None) => {
                let ms = match command {
                    Command::Read(read) => read.block_ms.unwrap_or_default(),
                    _ => 0,
                };
                let until_ns =
                    if ms == 0 { u64::MAX } else { moment.monotonic_ns + ms * 1_000_000 };
                let waits = Some((command.clone(), until_ns));
                self.speakers.get_mut(&client).into_iter().for_each(|s| s.waits.clone_from(&waits));
                Ok(())
            }
            (must, answer) => {
                let told = answer.map(|answer| answer.told);
                Err(format!("{command} is answered {told:?}, and should be: {must:?}"))
            }
        }
    }

    /// Compares what ends a wait with what has to end it.
    fn wait_ends(
        &mut self,
        client: ClientNo,
        answer: &Answered,
        moment: Moment,
    ) -> Result<(), String> {
        let Some(speaker) = self.speakers.get_mut(&client) else { return Ok(()) };
        let Some((command, until_ns)) = speaker.waits.take() else {
            return Err(format!("{:?} answers nothing", answer.told));
        };
        let told = normal(&command, &answer.told, speaker.is_resp3);
        if let Some((must, unit)) = speaker.served.take() {
            if moment.promises {
                speaker.mark(answer.end, unit);
            }
            if is_failed_read(&told) && moment.may_fail {
                self.has_lost_track = true;
                return Ok(());
            }
            return if told.agrees(&must) {
                Ok(())
            } else {
                Err(format!("{command} is served {told:?}, and should be: {must:?}"))
            };
        }
        let is_late = until_ns <= moment.monotonic_ns.saturating_add(1_000_000);
        if told == Told::Nil && is_late && self.model.time_out(client) {
            return Ok(());
        }
        Err(format!("the wait of {command} ends for no reason: {told:?}"))
    }

    fn mark(&mut self, client: ClientNo, end: u64, unit: Unit, moment: Moment) {
        let speaker = self.speakers.get_mut(&client).filter(|_| moment.promises);
        speaker.into_iter().for_each(|speaker| speaker.mark(end, unit));
    }

    /// Makes a unit of what the model has changed, and returns it; 0 if that is nothing.
    fn note_changes(&mut self, moment: Moment) -> Unit {
        let changed = self.model.take_changed();
        let mut unit = 0;
        if changed.is_any {
            self.unit += 1;
            // That a consumer was seen is written, but nobody waits for that.
            if !changed.weighty.is_empty() {
                unit = self.unit;
            }
            let weighty = changed.weighty.into_iter();
            self.changed_at.extend(weighty.map(|place| (place, self.unit)));
            let keys = self.model.keys.clone();
            self.snapshots.push_back(Snapshot { unit: self.unit, lsn: moment.last, keys });
        }
        for (client, told) in std::mem::take(&mut self.model.served) {
            let speaker = self.speakers.get_mut(&client);
            speaker
                .into_iter()
                .for_each(|speaker| speaker.served = Some((told.clone(), self.unit)));
        }
        unit
    }

    fn expect_messages(&mut self, unit: Unit, moment: Moment) {
        let unit = if moment.promises { unit } else { 0 };
        for Message { client, told } in std::mem::take(&mut self.model.messages) {
            let speaker = self.speakers.get_mut(&client);
            speaker.into_iter().for_each(|s| s.messages.push_back((told.clone(), unit)));
        }
    }

    /// Forgets the states that cannot be found any more.
    pub(crate) fn forget_old(&mut self) {
        let floor = self.floor(Promise::Kept);
        while self.snapshots.get(OLD_SNAPSHOTS).is_some_and(|next| next.unit <= floor) {
            self.snapshots.pop_front();
            self.has_forgotten = true;
        }
    }

    /// Says whether lags are those of the entries that are there.
    pub(crate) fn lags(&self) -> Lags {
        self.model.keys.lags
    }

    /// Says whether there were states that are not known any more.
    pub(crate) fn has_forgotten(&self) -> bool {
        self.has_forgotten
    }

    fn floor(&self, promise: Promise) -> Unit {
        match promise {
            Promise::Kept => self.told.max(self.safe),
            Promise::Nothing => 0,
        }
    }

    /// Says behind which unit a state was found; the newest if there are several.
    pub(crate) fn recognize(
        &self,
        found: &[String],
        now_ms: u64,
        promise: Promise,
    ) -> Result<Unit, String> {
        self.recognize_since(found, now_ms, self.floor(promise))
    }

    /// Says whether the states behind a unit are still known.
    pub(crate) fn knows(&self, unit: Unit) -> bool {
        self.snapshots.front().is_some_and(|snapshot| snapshot.unit <= unit)
    }

    /// Says behind which unit, from `floor` on, a state was found; the newest if there are several.
    pub(crate) fn recognize_since(
        &self,
        found: &[String],
        now_ms: u64,
        floor: Unit,
    ) -> Result<Unit, String> {
        let is_it = |snapshot: &&Snapshot| dump::of_model(&snapshot.keys, now_ms) == found;
        match self.snapshots.iter().rev().find(is_it) {
            Some(snapshot) if snapshot.unit >= floor => Ok(snapshot.unit),
            Some(snapshot) => Err(format!(
                "the state is that of unit {}, but {floor} of {} must be there (told {}, safe {})",
                snapshot.unit, self.unit, self.told, self.safe
            )),
            None => Err(format!(
                "the state is none that ever was since unit {}; beside the last one, {}: {}",
                self.snapshots.front().map_or(0, |snapshot| snapshot.unit),
                self.unit,
                self.difference(found, now_ms)
            )),
        }
    }

    fn difference(&self, found: &[String], now_ms: u64) -> String {
        let Some(newest) = self.snapshots.back() else { return String::new() };
        let must = dump::of_model(&newest.keys, now_ms);
        let lost = must.iter().filter(|line| !found.contains(line));
        let extra = found.iter().filter(|line| !must.contains(line));
        let lost: Vec<String> = lost
            .map(|line| {
                format!(
                    "
- {line}"
                )
            })
            .collect();
        let extra: Vec<String> = extra
            .map(|line| {
                format!(
                    "
+ {line}"
                )
            })
            .collect();
        lost.concat() + &extra.concat()
    }

    /// Goes on from the state behind a unit, without any clients.
    pub(crate) fn restart(&mut self, unit: Unit, last: Lsn, left: Left) {
        let found = self.snapshots.iter().find(|snapshot| snapshot.unit == unit);
        let keys = found.map(|snapshot| snapshot.keys.clone()).unwrap_or_default();
        self.model = Model::with(keys.clone());
        self.speakers.clear();
        self.changed_at.clear();
        self.unit += 1;
        if left == Left::Durable {
            (self.told, self.safe) = (self.unit, self.unit);
        }
        self.snapshots.retain(|snapshot| snapshot.unit <= unit);
        self.snapshots.push_back(Snapshot { unit: self.unit, lsn: last, keys });
    }
}

/// Brings answers of both protocols into one form.
fn normal(command: &Command, told: &Told, is_resp3: bool) -> Told {
    match (command, told) {
        // In RESP3 the streams are names and values, in RESP2 pairs of them.
        (Command::Read(_), Told::List(pairs)) if !is_resp3 => {
            Told::List(pairs.iter().flat_map(|pair| pair.list().iter().cloned()).collect())
        }
        (Command::Exec, Told::List(answers)) if !is_resp3 => {
            let flat = |answer: &Told| match answer.list().first() {
                Some(Told::List(pair)) if is_stream(pair) => normal_read(answer),
                _ => answer.clone(),
            };
            Told::List(answers.iter().map(flat).collect())
        }
        _ => told.clone(),
    }
}

/// Says whether this is a key and its entries, rather than an entry.
fn is_stream(pair: &[Told]) -> bool {
    let [Told::Text(key), Told::List(entries)] = pair else { return false };
    !key.contains(&b'-') && entries.iter().all(|entry| matches!(entry, Told::List(_)))
}

fn normal_read(told: &Told) -> Told {
    Told::List(told.list().iter().flat_map(|pair| pair.list().iter().cloned()).collect())
}

/// Says whether a command was refused for the state of the disk or of the memory, be it as the end of
/// a transaction.
fn is_refusal(told: &Told) -> bool {
    let Told::Error(text) = told else { return false };
    let text = text.strip_prefix("EXECABORT Transaction discarded because of: ").unwrap_or(text);
    text.starts_with("MISCONF") || text.starts_with("OOM")
}

/// Says whether a block could not be read that a command needs.
fn is_failed_read(told: &Told) -> bool {
    matches!(told, Told::Error(text) if text.contains("data/blocks/"))
}

/// Says whether the reply to a command that changes nothing was withheld, since it tells of what may
/// never be on the disk.
fn is_withheld(told: &Told) -> bool {
    matches!(told, Told::Error(text) if text.starts_with("MISCONF The reply depends on"))
}
