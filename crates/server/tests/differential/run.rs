//! Runs scripts on two servers in lockstep and finds the first step whose replies differ.

use std::cell::RefCell;

use crate::client::{Client, Protocol};
use crate::command::{Command, Script, Step};
use crate::compare::{Pair, Verdict, compare};
use crate::reply::Reply;
use crate::server::{Kind, Server};
use crate::wakes::Readers;

/// How the frames of a step are collected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Collect {
    /// One reply per command, on the connection that sent it.
    Reply,
    /// Everything that reaches any connection up to the answer of a marked PING.
    Everything,
    /// The same, with the PING not sent before the reply is there: what is told at the end of a
    /// tick would otherwise come before it or behind it.
    EverythingAfterReply,
    /// Replies on the connections that send and on those that are woken by it.
    Wakes,
}

/// The first step that went wrong.
#[derive(Debug)]
pub(crate) struct Mismatch {
    pub(crate) step: usize,
    pub(crate) connection: usize,
    pub(crate) pair: Pair,
}

/// What one step brought, by connection.
type Frames = Vec<Vec<Reply>>;

/// The server under test and an oracle, both running.
#[derive(Debug)]
pub(crate) struct Duel {
    pub(crate) oracle: Kind,
    ours: RefCell<Server>,
    theirs: Server,
    protocol: Protocol,
    collect: Collect,
}

/// The connections of a script to one server.
struct Side {
    clients: Vec<Client>,
    /// The commands waiting for EXEC, for connections that are in a transaction.
    queued: Vec<Option<Vec<Command>>>,
    marks: u32,
}

impl Duel {
    /// Starts both servers.
    pub(crate) fn start(oracle: Kind, protocol: Protocol, collect: Collect) -> Self {
        let ours = RefCell::new(Server::start(Kind::under_test()));
        let theirs = Server::start(oracle);
        Self { oracle, ours, theirs, protocol, collect }
    }

    /// Runs a script on empty servers up to the first mismatch.
    pub(crate) fn run(&self, script: &[Step]) -> Option<Mismatch> {
        let connections = script.iter().map(|step| step.connection + 1).max().unwrap_or(1);
        if !self.ours.borrow().accepts() {
            // The script before this one ended it; that script was reported.
            self.ours.replace(Server::start(Kind::under_test()));
        }
        reset(&self.ours.borrow());
        reset(&self.theirs);
        if self.collect == Collect::Wakes {
            return self.run_wakes(script, connections);
        }
        let mut ours = Side::open(&self.ours.borrow(), self.protocol, connections);
        let mut theirs = Side::open(&self.theirs, self.protocol, connections);
        let found = self.judge_all(script, |step| {
            let queued = theirs.take_queued(step);
            let mine = ours.step(step, self.collect);
            (queued, mine, theirs.step(step, self.collect))
        });
        ours.close();
        theirs.close();
        found
    }

    fn run_wakes(&self, script: &[Step], connections: usize) -> Option<Mismatch> {
        let mut ours = Readers::open(&self.ours.borrow(), self.protocol, connections);
        let mut theirs = Readers::open(&self.theirs, self.protocol, connections);
        let found = self.judge_all(script, |step| {
            if theirs.waits(step.connection) {
                return Default::default();
            }
            let lead = theirs.lead(step);
            (Vec::new(), ours.follow(step, &lead), lead)
        });
        ours.close();
        theirs.close();
        found
    }

    /// Plays step by step, as `play` says, until the first mismatch: the commands an EXEC ran,
    /// our frames and theirs.
    fn judge_all(
        &self,
        script: &[Step],
        mut play: impl FnMut(&Step) -> (Vec<Command>, Frames, Frames),
    ) -> Option<Mismatch> {
        for (index, step) in script.iter().enumerate() {
            let (queued, mine, other) = play(step);
            match self.judge(index, step, &queued, mine, other) {
                Ok(Verdict::Parted) => return None,
                Ok(_) => {}
                Err(mismatch) => return Some(mismatch),
            }
        }
        None
    }

    /// What the server under test wrote last.
    pub(crate) fn log_tail(&self) -> String {
        self.ours.borrow().log_tail()
    }

    /// The ports of both servers.
    pub(crate) fn ports(&self) -> (u16, u16) {
        (self.ours.borrow().port(), self.theirs.port())
    }

    fn judge(
        &self,
        step_index: usize,
        step: &Step,
        queued: &[Command],
        ours: Frames,
        theirs: Frames,
    ) -> Result<Verdict, Mismatch> {
        let mut parted = false;
        for (connection, (ours, theirs)) in ours.into_iter().zip(theirs).enumerate() {
            let pair = Pair { ours, theirs };
            match compare(self.oracle, &step.command, queued, &pair) {
                Verdict::Same => {}
                Verdict::Parted => parted = true,
                Verdict::Different => {
                    return Err(Mismatch { step: step_index, connection, pair });
                }
            }
        }
        Ok(if parted { Verdict::Parted } else { Verdict::Same })
    }
}

impl Side {
    fn open(server: &Server, protocol: Protocol, connections: usize) -> Self {
        let clients = (0..connections).map(|_| Client::connect(server.port(), protocol)).collect();
        Self { clients, queued: vec![None; connections], marks: 0 }
    }

    /// Runs one step; the frames of each connection.
    fn step(&mut self, step: &Step, collect: Collect) -> Frames {
        let mut frames = vec![Vec::new(); self.clients.len()];
        self.clients[step.connection].send(&step.command);
        let transaction = self.queued[step.connection].is_some();
        let alone = matches!(collect, Collect::Reply | Collect::EverythingAfterReply);
        if alone || transaction || step.command.name() == "MULTI" {
            frames[step.connection] = self.read_reply(step.connection);
        }
        self.follow_transaction(step, &frames[step.connection]);
        if matches!(collect, Collect::Everything | Collect::EverythingAfterReply) {
            self.collect(step.connection, &mut frames);
        }
        frames
    }

    /// Reads one reply and the pushes in front of it.
    fn read_reply(&mut self, connection: usize) -> Vec<Reply> {
        let mut frames = Vec::new();
        loop {
            let frame = self.clients[connection].read();
            let push = matches!(frame, Reply::Push(_));
            frames.push(frame);
            if !push {
                return frames;
            }
        }
    }

    /// Reads whatever came, on the active connection first: its reply was sent before anything
    /// it caused elsewhere.
    fn collect(&mut self, active: usize, frames: &mut [Vec<Reply>]) {
        let rest = (0..self.clients.len()).filter(|&index| index != active);
        for index in std::iter::once(active).chain(rest) {
            if self.queued[index].is_some() {
                continue;
            }
            self.marks += 1;
            let mark = format!("mark-{}", self.marks);
            let mut seen = self.clients[index].read_to_mark(&mark);
            frames[index].append(&mut seen);
        }
    }

    fn follow_transaction(&mut self, step: &Step, frames: &[Reply]) {
        let is = |text: &str| frames.last() == Some(&Reply::Simple(text.into()));
        let queued = &mut self.queued[step.connection];
        match (step.command.name().as_str(), queued) {
            ("EXEC" | "DISCARD" | "RESET", queued) => *queued = None,
            ("MULTI", queued @ None) if is("OK") => *queued = Some(Vec::new()),
            (_, Some(commands)) if is("QUEUED") => commands.push(step.command.clone()),
            _ => {}
        }
    }

    /// The commands that this step will run if it is an EXEC.
    fn take_queued(&mut self, step: &Step) -> Vec<Command> {
        let exec = step.command.name() == "EXEC";
        let queued = self.queued[step.connection].clone();
        queued.filter(|_| exec).unwrap_or_default()
    }

    /// Ends every subscription and transaction before the connections go, so that the next
    /// script cannot meet a connection the server has not noticed the end of.
    fn close(mut self) {
        for client in &mut self.clients {
            client.send(&Command::parse("RESET"));
            loop {
                match client.read() {
                    Reply::Simple(text) if text == "RESET" => break,
                    Reply::Closed | Reply::Silence => break,
                    _ => {}
                }
            }
        }
    }
}

/// Brings a server back to an empty state.
fn reset(server: &Server) {
    let mut client = Client::connect(server.port(), Protocol::Resp2);
    for line in RESET_LINES {
        let reply = client.call(line);
        assert_eq!(reply, Reply::Simple("OK".into()), "{line}");
    }
}

const RESET_LINES: &[&str] = &[
    "FLUSHALL",
    "CONFIG SET notify-keyspace-events \"\"",
    "CONFIG SET stream-node-max-entries 100",
    "CONFIG SET stream-node-max-bytes 4096",
];

/// Runs scripts of many seeds and reports what differs, each difference shrunk.
pub(crate) fn explore(duel: &Duel, seeds: &[u64], generate: &dyn Fn(u64) -> Script) -> Vec<String> {
    let mut reports = Vec::new();
    let mut seen = Vec::new();
    let limit = crate::number_from("FIRTH_FAILURES").unwrap_or(3) as usize;
    for &seed in seeds {
        let script = generate(seed);
        let Some(mismatch) = duel.run(&script) else { continue };
        let command = &script[mismatch.step].command;
        let kind = kind(command);
        if seen.contains(&kind) {
            continue;
        }
        seen.push(kind);
        reports.push(crate::shrink::report(duel, seed, script, mismatch));
        if reports.len() >= limit {
            break;
        }
    }
    reports
}

/// What makes two failures alike: the command, with the subcommand where there is one.
fn kind(command: &Command) -> String {
    match command.name().as_str() {
        name @ ("XGROUP" | "XINFO" | "CLIENT" | "CONFIG" | "COMMAND" | "PUBSUB" | "OBJECT") => {
            format!("{name} {}", command.word(1))
        }
        name => name.into(),
    }
}
