//! One run: clients, links, a machine with its disk and clock, and what happens to them, all from one
//! seed.

mod faults;
mod keeping;
mod restart;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use firth_engine::{Clock, Durability, LogState};
use firth_wal::SyncDue;
use firth_wal::sim::{Chance, SimDisk};

use crate::clock::SimClock;
use crate::command::Command;
use crate::dump;
use crate::generate::{Generator, Habits};
use crate::link::Link;
use crate::machine::{Event, Machine, Setup};
use crate::model::{ClientNo, event_channel};
use crate::oracle::{Moment, Oracle, Promise};
use crate::speaker::Speaker;
use faults::Faults;
use keeping::Backup;

/// How many lines a trace has.
const TRACE_LINES: usize = 60;
/// When all runs begin, in Unix milliseconds.
const START_MS: u64 = 1_000_000;

/// What came of a run without a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Stands for all bytes on the wires and on the disk.
    pub digest: u32,
    /// How many answers were checked.
    pub answers: u64,
    /// How many commands were refused since something was wrong with the disk.
    pub refusals: u64,
    /// How many times something was changed.
    pub units: u64,
    /// How many times the server was started.
    pub starts: u64,
    /// How many blocks were found on the disk alone.
    pub cold_blocks: u64,
    /// How many times a command had to wait for blocks from the disk.
    pub loads: u64,
    /// How many checkpoints were made.
    pub checkpoints: u64,
    /// How many block files were rewritten.
    pub compactions: u64,
    /// How many backups were opened.
    pub backups: u64,
    /// How many flipped bits were refused, and how many did no harm.
    pub flips: (u64, u64),
}

impl Outcome {
    /// Adds what came of another run.
    pub fn add(&mut self, other: &Outcome) {
        self.digest ^= other.digest;
        self.answers += other.answers;
        self.refusals += other.refusals;
        self.units += other.units;
        self.starts += other.starts;
        self.checkpoints += other.checkpoints;
        self.compactions += other.compactions;
        self.backups += other.backups;
        self.loads += other.loads;
        self.cold_blocks += other.cold_blocks;
        self.flips.0 += other.flips.0;
        self.flips.1 += other.flips.1;
    }
}

/// A run that went wrong.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The step in which it was noticed.
    pub step: u64,
    /// What is wrong.
    pub what: String,
    /// What happened before.
    pub trace: Vec<String>,
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trace {
            writeln!(f, "  {line}")?;
        }
        writeln!(f, "seed {} fails in step {}: {}", self.seed, self.step, self.what)?;
        write!(f, "run it again: SIM_SEED={} make sim", self.seed)
    }
}

/// The steps of a run that are done.
#[derive(Clone, Debug)]
pub struct Steps {
    /// How many there are.
    pub count: u64,
    /// Those that are left out.
    pub left_out: std::collections::BTreeSet<u64>,
}

/// All there is.
pub(crate) struct World {
    seed: u64,
    step: u64,
    setup: Setup,
    habits: Habits,
    faults: Faults,
    clock: Arc<SimClock>,
    machine: Machine,
    links: BTreeMap<ClientNo, Link>,
    oracle: Oracle,
    last_client: ClientNo,
    last_number: u64,
    /// How many checkpoints this server has made.
    saved: u64,
    /// How many block files this server has rewritten.
    compacted: u64,
    backup: Option<Backup>,
    /// How many backups were asked for in all runs of the server.
    backups: u64,
    tracing: Tracing,
    trace: VecDeque<String>,
    outcome: Outcome,
}

/// Whether it is noted what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tracing {
    Off,
    On,
}

/// Runs a seed.
///
/// # Errors
/// Something is not as it has to be.
pub fn run(seed: u64, steps: &Steps) -> Result<Outcome, Failure> {
    // A trace costs more than the rest of a run, so it is made the second time.
    run_noting(seed, steps, Tracing::Off).or_else(|_| run_noting(seed, steps, Tracing::On))
}

fn run_noting(seed: u64, steps: &Steps, tracing: Tracing) -> Result<Outcome, Failure> {
    let failed = |step, what, trace| Failure { seed, step, what, trace };
    let mut world = World::new(seed, tracing).map_err(|what| failed(0, what, Vec::new()))?;
    let done = world.run(steps);
    done.map_err(|what| failed(world.step, what, world.trace.iter().cloned().collect()))?;
    Ok(world.outcome)
}

impl World {
    fn new(seed: u64, tracing: Tracing) -> Result<World, String> {
        let mut chance = Chance::new(seed);
        let durabilities =
            [Durability::Always, Durability::Always, Durability::Everysec, Durability::Never];
        let setup = Setup {
            workers: 1 + chance.below(2),
            durability: durabilities[chance.below(4)],
            node_entries_max: [2, 3, 8][chance.below(3)],
            seed: chance.next(),
        };
        let expires = chance.coin();
        let clock = Arc::new(SimClock::at_ms(START_MS));
        let disk = SimDisk::new(chance.next());
        let faults = Faults::draw(&mut chance, expires);
        let started = Machine::start(&setup, &clock, &disk);
        let (machine, _) = started.map_err(|error| format!("cannot start: {error}"))?;
        let mut world = World {
            seed,
            step: 0,
            setup,
            habits: Habits { expires },
            faults,
            clock,
            machine,
            links: BTreeMap::new(),
            oracle: Oracle::new(),
            last_client: 0,
            last_number: 0,
            saved: 0,
            compacted: 0,
            backup: None,
            backups: 0,
            tracing,
            trace: VecDeque::new(),
            outcome: Outcome { starts: 1, ..Outcome::default() },
        };
        let (setup, faults) = (world.setup.clone(), world.faults);
        world.note(format_args!("{setup:?} {faults:?}"));
        world.populate(&mut chance);
        Ok(world)
    }

    fn run(&mut self, steps: &Steps) -> Result<(), String> {
        for step in 0..steps.count {
            self.step = step;
            if !steps.left_out.contains(&step) {
                // Each step has a chance of its own, so that some can be left out.
                let mut chance = Chance::new(self.seed ^ (step + 1).wrapping_mul(0x9E37_79B9));
                self.take_step(&mut chance)?;
            }
            if self.oracle.has_lost_track {
                return Ok(());
            }
        }
        self.finish()
    }

    fn take_step(&mut self, chance: &mut Chance) -> Result<(), String> {
        match chance.below(100) {
            0..34 => self.speak(chance),
            34..63 => self.tick(chance)?,
            63..78 => self.drive_log(chance),
            78..89 => self.arrive(chance)?,
            89..92 => self.pass_time(chance),
            92 => self.change_clients(chance),
            93..95 => self.keep(chance)?,
            95 => self.squeeze(chance),
            96 => self.load(chance),
            _ => self.hurt(chance)?,
        }
        if self.machine.disk.is_stopped() {
            self.lose_power(chance)?;
        }
        Ok(())
    }

    /// Notes what happens, in a run that is looked at.
    fn note(&mut self, line: impl fmt::Display) {
        if self.tracing == Tracing::Off {
            return;
        }
        if self.trace.len() == TRACE_LINES {
            self.trace.pop_front();
        }
        self.trace.push_back(format!("{}: {line}", self.step));
    }

    fn digest(&mut self, bytes: &[u8]) {
        self.outcome.digest = crc32c::crc32c_append(self.outcome.digest, bytes);
    }

    fn promises(&self) -> bool {
        self.setup.durability == Durability::Always
    }

    /// Connects as many clients as there should be.
    fn populate(&mut self, chance: &mut Chance) {
        let wanted = 2 + chance.below(4);
        while self.links.len() < wanted {
            self.connect(chance);
        }
    }

    fn connect(&mut self, chance: &mut Chance) {
        self.last_client += 1;
        let client = self.last_client;
        let worker = chance.below(self.machine.workers());
        let windows = [64, 4096, usize::MAX, usize::MAX];
        self.machine.connect(client, worker);
        self.links.insert(client, Link::new(windows[chance.below(4)]));
        let is_resp3 = chance.coin();
        let is_subscriber = chance.below(4) == 0;
        self.oracle.connect(client, Speaker::new(is_resp3, is_subscriber));
        if is_resp3 {
            self.say(client, Command::Hello);
        }
        if is_subscriber {
            self.say(client, Command::Subscribe(b"news".to_vec()));
            self.say(client, Command::Subscribe(event_channel(0, b"s1")));
        }
    }

    fn say(&mut self, client: ClientNo, command: Command) {
        self.note(format_args!("{client} says {command}"));
        let Some(speaker) = self.oracle.speakers.get_mut(&client) else { return };
        let bytes = speaker.say(command);
        self.digest(&bytes);
        self.links.get_mut(&client).into_iter().for_each(|link| link.put_up(&bytes));
    }

    fn any_client(&self, chance: &mut Chance) -> Option<ClientNo> {
        let clients: Vec<ClientNo> = self.oracle.speakers.keys().copied().collect();
        clients.get(chance.below(clients.len())).copied()
    }

    /// Has a client say something: one command, several, or a transaction.
    fn speak(&mut self, chance: &mut Chance) {
        let Some(client) = self.any_client(chance) else { return };
        let Some(speaker) = self.oracle.speakers.get(&client) else { return };
        if speaker.is_subscriber || speaker.outstanding() > 12 {
            return;
        }
        let count = if chance.coin() { 1 } else { 1 + chance.below(6) };
        let is_transaction = chance.below(6) == 0;
        let mut commands = Vec::new();
        for _ in 0..count {
            let model = &self.oracle.model;
            let (habits, number) = (self.habits, self.last_number);
            let mut generator = Generator { chance, model, habits, number };
            commands.push(generator.command());
            self.last_number = generator.number;
        }
        if is_transaction {
            let model = &self.oracle.model;
            let (habits, number) = (self.habits, self.last_number);
            let mut generator = Generator { chance, model, habits, number };
            if generator.chance.below(3) == 0 {
                commands.extend(generator.near_trim());
            }
            // Watching comes before the transaction, not within.
            commands.retain(|command| !matches!(command, Command::Watch(_)));
            commands.insert(0, Command::Multi);
            if generator.chance.below(3) == 0 {
                commands.insert(0, generator.watch());
            }
            self.last_number = generator.number;
            let end = if chance.below(10) == 0 { Command::Discard } else { Command::Exec };
            commands.push(end);
        }
        commands.into_iter().for_each(|command| self.say(client, command));
    }

    fn tick(&mut self, chance: &mut Chance) -> Result<(), String> {
        let number = chance.below(self.machine.workers());
        self.note(format_args!("worker {number} has its turn at {} ms", self.clock.now_ms()));
        self.machine.tick(number, &mut self.links, chance);
        self.check_events()
    }

    fn moment(&self) -> Moment {
        let state = self.machine.log().map(|log| log.state());
        Moment {
            now_ms: self.clock.now_ms(),
            monotonic_ns: self.clock.monotonic_ns(),
            last: self.machine.last(),
            may_refuse: state.is_some_and(|state| state != LogState::Running)
                || self.machine.server.engine.memory().limit_bytes() > 0,
            may_fail: self.faults.failures || self.machine.disk.is_stopped(),
            promises: self.promises(),
        }
    }

    fn check_events(&mut self) -> Result<(), String> {
        let moment = self.moment();
        for event in std::mem::take(&mut self.machine.events) {
            self.note_event(&event);
            if let Event::Closed(client) = &event {
                self.links.remove(client);
            }
            self.oracle.happened(event, moment)?;
        }
        Ok(())
    }

    fn note_event(&mut self, event: &Event) {
        match event {
            Event::Closed(client) => self.note(format_args!("{client} is closed")),
            Event::Ran(client, bytes, sent) => {
                let sent = sent.escape_ascii();
                self.note(format_args!("{client}: {bytes} bytes run: {sent}"));
            }
            Event::Sent(client, sent) => {
                self.note(format_args!("{client} is sent {}", sent.escape_ascii()));
            }
            Event::Timers => {}
        }
    }

    fn drive_log(&mut self, chance: &mut Chance) {
        let due = if chance.below(3) == 0 { SyncDue::Now } else { SyncDue::NotYet };
        self.machine.drive_log(due);
        let Some(log) = self.machine.log() else { return };
        let (durable, written, state) = (log.durable(), log.written(), log.state());
        self.note(format_args!("log: {written} written, {durable} durable, {state:?}"));
        self.oracle.is_safe(durable);
        self.oracle.forget_old();
    }

    /// Has blocks read that commands wait for.
    fn load(&mut self, chance: &mut Chance) {
        let loaded = self.machine.load(1 + chance.below(4));
        self.note(format_args!("blocks are read for {loaded} commands"));
        self.outcome.loads += loaded as u64;
    }

    fn arrive(&mut self, chance: &mut Chance) -> Result<(), String> {
        for _ in 0..1 + chance.below(4) {
            let Some(client) = self.any_client(chance) else { return Ok(()) };
            let Some(link) = self.links.get_mut(&client) else { continue };
            let bytes = link.take_down(chance);
            self.digest(&bytes);
            if !bytes.is_empty() {
                self.note(format_args!("{} bytes arrive at {client}", bytes.len()));
            }
            self.oracle.arrive(client, &bytes)?;
        }
        Ok(())
    }

    fn pass_time(&mut self, chance: &mut Chance) {
        let us = [100, 900, 5_000, 60_000, 400_000, 2_000_000];
        self.clock.advance_us(us[chance.below(us.len())] + chance.below(1000) as u64);
        if chance.below(6) == 0 && self.faults.jumps {
            let ms = [-5_000, -100, 3_000, 50_000];
            let back = if self.habits.expires { 2 } else { 0 };
            let ms = ms[back + chance.below(ms.len() - back)];
            self.note(format_args!("the clock jumps by {ms} ms"));
            self.clock.jump_ms(ms);
        }
    }

    /// Cuts a connection, or lets a new one come.
    fn change_clients(&mut self, chance: &mut Chance) {
        if self.links.len() > 2 && chance.coin() {
            let Some(client) = self.any_client(chance) else { return };
            self.note(format_args!("the link of {client} is cut"));
            self.links.get_mut(&client).into_iter().for_each(|link| link.is_cut = true);
        } else if self.links.len() < 6 {
            self.connect(chance);
        }
    }

    /// Lets everything come to rest, and compares what there is; then the same after a crash.
    fn finish(&mut self) -> Result<(), String> {
        let mut chance = Chance::new(self.seed ^ u64::MAX);
        self.heal();
        self.limit_memory(0);
        self.machine.disk.set_short_writes(0);
        for _ in 0..12 {
            self.load(&mut chance);
            for number in 0..self.machine.workers() {
                self.machine.tick(number, &mut self.links, &mut chance);
                self.check_events()?;
            }
            self.drive_log(&mut chance);
            self.arrive(&mut chance)?;
        }
        let is_well = self.machine.log().is_none_or(|log| log.state() == LogState::Running);
        if is_well {
            let found = dump::of_server(&mut self.machine, self.oracle.lags())?;
            let must = dump::of_model(&self.oracle.model.keys, self.clock.now_ms());
            if found != must {
                let at = self.oracle.recognize(&found, self.clock.now_ms(), Promise::Nothing);
                return Err(format!("what is there at the end is not what should be: {at:?}"));
            }
        }
        self.lose_power(&mut chance)?;
        self.outcome.answers = self.oracle.answers;
        self.outcome.refusals = self.oracle.refusals;
        self.outcome.units = self.oracle.units();
        Ok(())
    }
}
