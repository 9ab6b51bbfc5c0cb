//! What is known of one connection: what its client said, what it was answered, and how much of that
//! has reached it.

use std::collections::VecDeque;

use crate::command::Command;
use crate::dump;
use crate::told::Told;

/// The number of a change: how many there were before it and with it.
pub(crate) type Unit = u64;

/// One connection.
#[derive(Debug, Default)]
pub(crate) struct Speaker {
    /// Commands that the server has not run, each with where it ends in all that was said.
    said: VecDeque<(usize, Command)>,
    said_bytes: usize,
    run_bytes: usize,
    /// What was put on its way and could not be decoded yet.
    undecoded: Vec<u8>,
    answered_bytes: u64,
    /// What has been put on its way to the client and has not arrived.
    expected: VecDeque<u8>,
    arrived_bytes: u64,
    /// Which bytes tell of which changes.
    marks: VecDeque<(u64, Unit)>,
    /// Messages that have to come, and what they depend on.
    pub(crate) messages: VecDeque<(Told, Unit)>,
    /// The command for whose answer it waits, and until when.
    pub(crate) waits: Option<(Command, u64)>,
    /// The answer that it has to get since its wait is over.
    pub(crate) served: Option<(Told, Unit)>,
    pub(crate) is_resp3: bool,
    pub(crate) is_subscriber: bool,
}

/// Something that was put on its way: where it ends, and what it says.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) end: u64,
    pub(crate) told: Told,
}

/// What was put on the way to a client at once.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) answers: VecDeque<Answered>,
    pub(crate) messages: VecDeque<Answered>,
}

impl Speaker {
    pub(crate) fn new(is_resp3: bool, is_subscriber: bool) -> Self {
        Speaker { is_resp3, is_subscriber, ..Speaker::default() }
    }

    /// Returns the bytes of a command that is said now.
    pub(crate) fn say(&mut self, command: Command) -> Vec<u8> {
        let args = command.args();
        let parts: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let mut bytes = Vec::new();
        firth_resp::encode_request(&mut bytes, &parts);
        self.said_bytes += bytes.len();
        self.said.push_back((self.said_bytes, command));
        bytes
    }

    /// Returns how many commands have not been run or answered.
    pub(crate) fn outstanding(&self) -> usize {
        self.said.len() + usize::from(self.waits.is_some())
    }

    /// Returns the commands that these bytes of requests complete.
    pub(crate) fn ran(&mut self, bytes: usize) -> Vec<Command> {
        self.run_bytes += bytes;
        let done = self.said.iter().take_while(|(end, _)| *end <= self.run_bytes).count();
        self.said.drain(..done).map(|(_, command)| command).collect()
    }

    /// Takes what is put on its way to the client, and tells answers and messages apart.
    pub(crate) fn hear(&mut self, bytes: &[u8]) -> Result<Heard, String> {
        self.expected.extend(bytes);
        self.undecoded.extend_from_slice(bytes);
        let mut heard = Heard::default();
        while let Some((told, used)) = dump::decode(&self.undecoded)? {
            self.undecoded.drain(..used);
            self.answered_bytes += used as u64;
            let end = self.answered_bytes;
            let kind = if is_message(&told) { &mut heard.messages } else { &mut heard.answers };
            kind.push_back(Answered { end, told });
        }
        Ok(heard)
    }

    /// Forgets what was said to tell of changes.
    pub(crate) fn forget_marks(&mut self) {
        self.marks.clear();
        self.messages.iter_mut().for_each(|(_, unit)| *unit = 0);
    }

    /// Compares messages with those that have to come.
    pub(crate) fn take_messages(&mut self, messages: VecDeque<Answered>) -> Result<(), String> {
        for Answered { end, told } in messages {
            if is_other_event(&told) {
                continue;
            }
            let Some((expect, unit)) = self.messages.pop_front() else {
                return Err(format!("the message {told:?} comes from nowhere"));
            };
            if told != expect {
                return Err(format!("the message {told:?} comes in the place of {expect:?}"));
            }
            self.mark(end, unit);
        }
        Ok(())
    }

    /// Notes that what ends here tells of a change.
    pub(crate) fn mark(&mut self, end: u64, unit: Unit) {
        self.marks.push_back((end, unit));
    }

    /// Takes what has arrived; returns the last change that the client knows of now.
    pub(crate) fn arrive(&mut self, bytes: &[u8]) -> Result<Unit, String> {
        for byte in bytes {
            if self.expected.pop_front() != Some(*byte) {
                return Err(format!("what arrives is not what was sent: {}", bytes.escape_ascii()));
            }
        }
        self.arrived_bytes += bytes.len() as u64;
        let mut known = 0;
        let arrived = self.arrived_bytes;
        self.marks.retain(|&(end, unit)| {
            if end <= arrived {
                known = known.max(unit);
            }
            end > arrived
        });
        Ok(known)
    }
}

fn is_message(told: &Told) -> bool {
    let kind = told.list().first().map(Told::bytes);
    matches!(kind, Some(b"message" | b"subscribe"))
}

/// Says whether this tells of something that happened to a key, other than that an entry was added.
fn is_other_event(told: &Told) -> bool {
    let [_, channel, event] = told.list() else { return false };
    channel.bytes().starts_with(b"__keyspace@")
        && event.bytes() != b"xadd"
        && event.integer().is_none()
}
