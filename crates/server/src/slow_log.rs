//! Commands that took long.

use std::collections::VecDeque;

use firth_resp::Request;
use parking_lot::Mutex;

use crate::args::is_word;
use crate::spec::Spec;

/// How many arguments are kept of a command, and how many bytes of each.
const ARGUMENTS_MAX: usize = 32;
const ARGUMENT_BYTES_MAX: usize = 128;

/// The slow log.
#[derive(Debug, Default)]
pub struct SlowLog {
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    next_id: u64,
    entries: VecDeque<SlowCommand>,
}

/// A command that took long.
#[derive(Clone, Debug)]
pub struct SlowCommand {
    /// Its number in the slow log.
    pub id: u64,
    /// When it ran, in Unix seconds.
    pub at_s: u64,
    /// For how long it ran, in microseconds.
    pub took_us: u64,
    /// The command and its arguments, cut to a bearable size.
    pub arguments: Vec<Vec<u8>>,
    /// The address of the client.
    pub peer: String,
    /// The name of the client.
    pub client_name: Vec<u8>,
}

impl SlowLog {
    /// Keeps a command, and forgets the oldest beyond `entries_max`.
    pub fn add(
        &self,
        spec: &Spec,
        request: Request<'_>,
        at_s: u64,
        took_us: u64,
        client: &crate::client::Client,
        entries_max: usize,
    ) {
        let arguments = cut(spec, request);
        let client_name = client.labels.lock().name.clone();
        let mut log = self.log.lock();
        let id = log.next_id;
        log.next_id += 1;
        let peer = client.peer.clone();
        log.entries.push_front(SlowCommand { id, at_s, took_us, arguments, peer, client_name });
        log.entries.truncate(entries_max);
    }

    /// Returns the newest entries.
    pub fn newest(&self, count: usize) -> Vec<SlowCommand> {
        self.log.lock().entries.iter().take(count).cloned().collect()
    }

    /// Returns how many entries there are.
    pub fn len(&self) -> usize {
        self.log.lock().entries.len()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all entries.
    pub fn clear(&self) {
        self.log.lock().entries.clear();
    }
}

fn cut(spec: &Spec, request: Request<'_>) -> Vec<Vec<u8>> {
    let shown = if request.len() > ARGUMENTS_MAX { ARGUMENTS_MAX - 1 } else { request.len() };
    let mut arguments: Vec<Vec<u8>> = request.iter().take(shown).map(cut_argument).collect();
    if spec.name == "config|set" {
        redact(&mut arguments);
    }
    if shown < request.len() {
        let more = request.len() - shown;
        arguments.push(format!("... ({more} more arguments)").into_bytes());
    }
    arguments
}

/// Hides the password among the settings behind `CONFIG SET`, which come as name and value.
fn redact(arguments: &mut [Vec<u8>]) {
    for pair in arguments.chunks_exact_mut(2).skip(1) {
        if let [name, value] = pair
            && is_word(name, "requirepass")
        {
            *value = b"(redacted)".to_vec();
        }
    }
}

fn cut_argument(argument: &[u8]) -> Vec<u8> {
    let mut cut = argument.get(..ARGUMENT_BYTES_MAX).unwrap_or(argument).to_vec();
    if cut.len() < argument.len() {
        let more = argument.len() - cut.len();
        cut.extend_from_slice(format!("... ({more} more bytes)").as_bytes());
    }
    cut
}
