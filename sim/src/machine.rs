//! The machine that the server runs on: it does for the workers what their event loops do, on links
//! instead of sockets, and notes what happens for those who check it.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;

use firth_engine::{
    Driving, Durability, Engine, EventClass, EventMask, OpenError, Opened, Options,
};
use firth_server::client::Peer;
use firth_server::config::Config;
use firth_server::notification;
use firth_server::server::Server;
use firth_server::worker::Worker;
use firth_wal::sim::{Chance, SimDisk};
use firth_wal::{Log, Lsn, SyncDue};

use crate::clock::SimClock;
use crate::link::Link;
use crate::model::ClientNo;

/// How many pieces are sent at a time.
const SLICES: usize = 16;

/// How a server is set up.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) workers: usize,
    pub(crate) durability: Durability,
    pub(crate) node_entries_max: u32,
    pub(crate) seed: u64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// So many bytes of a client's requests were taken, and this was put on its way to it.
    Ran(ClientNo, usize, Vec<u8>),
    /// This was put on its way to a client.
    Sent(ClientNo, Vec<u8>),
    /// The timers were run.
    Timers,
    /// A connection was closed from this side.
    Closed(ClientNo),
}

/// One connection, as the server has it.
#[derive(Debug)]
struct Wire {
    client: ClientNo,
    worker: usize,
    token: u64,
    /// What has been read and not been run.
    input: Vec<u8>,
    /// How many bytes are waiting that have been noted.
    noted: usize,
    is_unsent: bool,
    goes_on: bool,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) server: Arc<Server>,
    pub(crate) disk: SimDisk,
    workers: Vec<Worker>,
    wires: Vec<Wire>,
    pub(crate) events: Vec<Event>,
}

impl Machine {
    /// Starts a server on a disk.
    pub(crate) fn start(
        setup: &Setup,
        clock: &Arc<SimClock>,
        disk: &SimDisk,
    ) -> Result<(Machine, Opened), OpenError> {
        Machine::start_in(Path::new("data"), setup, clock, disk)
    }

    /// Starts a server on a folder of a disk.
    pub(crate) fn start_in(
        folder: &Path,
        setup: &Setup,
        clock: &Arc<SimClock>,
        disk: &SimDisk,
    ) -> Result<(Machine, Opened), OpenError> {
        let mut options = Options::new();
        options.folder = Some(folder.into());
        options.durability = setup.durability;
        options.driving = Driving::Caller;
        options.seed = setup.seed;
        options.checkpoint_after_bytes = 2000;
        options.segment_bytes = 1500;
        options.block_file_bytes = 300;
        options.reserve_bytes = 400;
        let (engine, opened) = Engine::open(&options, clock.clone(), Arc::new(disk.clone()))?;
        let config = Config {
            threads: setup.workers,
            dir: "data".into(),
            durability: setup.durability,
            stream_node_entries_max: setup.node_entries_max,
            // What happens to streams, on the channels of their keys.
            keyspace_events: EventMask(notification::KEYSPACE | EventClass::Stream as u32),
            ..Config::default()
        };
        let server = Arc::new(Server::new(engine, config, "0".repeat(40)));
        server.loaders.drive();
        let worker = |number| Worker::new(server.clone(), u16::try_from(number).ok()?);
        let workers = (0..setup.workers).filter_map(worker).collect();
        let (wires, events) = (Vec::new(), Vec::new());
        Ok((Machine { server, disk: disk.clone(), workers, wires, events }, opened))
    }

    pub(crate) fn log(&self) -> Option<&Arc<Log>> {
        self.server.engine.storage().map(|storage| storage.log())
    }

    /// Runs the log's writer once.
    pub(crate) fn drive_log(&self, due: SyncDue) {
        self.log().into_iter().for_each(|log| log.drive(due));
    }

    /// Returns the position of the last change.
    pub(crate) fn last(&self) -> Lsn {
        self.server.engine.journal().last()
    }

    pub(crate) fn workers(&self) -> usize {
        self.workers.len()
    }

    pub(crate) fn connect(&mut self, client: ClientNo, worker: usize) {
        let peer = Peer { address: format!("client-{client}:1"), ..Peer::default() };
        let token = self.workers[worker].connect(peer);
        let input = Vec::new();
        let (noted, is_unsent, goes_on) = (0, false, false);
        self.wires.push(Wire { client, worker, token, input, noted, is_unsent, goes_on });
    }

    /// Lets a worker do what it does in one turn.
    pub(crate) fn tick(
        &mut self,
        number: usize,
        links: &mut BTreeMap<ClientNo, Link>,
        chance: &mut Chance,
    ) {
        self.workers[number].read_mail();
        self.note(number);
        self.go_on(number);
        self.read(number, links, chance);
        self.workers[number].read_mail();
        self.note(number);
        self.workers[number].run_timers();
        self.events.push(Event::Timers);
        self.note(number);
        self.go_on_with_resumed(number);
        self.write_all(number, links);
    }

    fn wire_at(&self, number: usize, token: u64) -> Option<usize> {
        self.wires.iter().position(|wire| wire.worker == number && wire.token == token)
    }

    /// Notes what has been put on its way to the clients of a worker.
    fn note(&mut self, number: usize) {
        for at in 0..self.wires.len() {
            if self.wires[at].worker == number
                && let Some(fresh) = self.fresh(at)
            {
                self.events.push(Event::Sent(self.wires[at].client, fresh));
            }
        }
    }

    /// Returns what has been put on its way to a client since it was last looked at.
    fn fresh(&mut self, at: usize) -> Option<Vec<u8>> {
        let Wire { worker, token, noted, .. } = &mut self.wires[at];
        let outboxes = &self.workers[*worker].local().outboxes;
        let len = outboxes.outbox(*token).map_or(0, |outbox| outbox.len());
        if len == *noted {
            return None;
        }
        let mut fresh = outboxes.waiting(*token);
        let fresh = fresh.split_off((*noted).min(fresh.len()));
        *noted = len;
        Some(fresh)
    }

    fn go_on(&mut self, number: usize) {
        for at in 0..self.wires.len() {
            if self.wires[at].worker == number && std::mem::take(&mut self.wires[at].goes_on) {
                self.run_input(at);
            }
        }
    }

    fn go_on_with_resumed(&mut self, number: usize) {
        for token in self.workers[number].take_resumed() {
            if let Some(at) = self.wire_at(number, token) {
                self.run_input(at);
            }
        }
    }

    /// Reads what has arrived for a worker, in any order of the connections.
    fn read(&mut self, number: usize, links: &mut BTreeMap<ClientNo, Link>, chance: &mut Chance) {
        let mine = self.wires.iter().filter(|wire| wire.worker == number);
        let mut order: Vec<ClientNo> = mine.map(|wire| wire.client).collect();
        chance.shuffle(&mut order);
        for client in order {
            let Some(at) = self.wires.iter().position(|wire| wire.client == client) else {
                continue;
            };
            let Some(link) = links.get_mut(&client) else { continue };
            if !link.is_cut || chance.coin() {
                let taken = link.take_up(chance);
                if !taken.is_empty() {
                    self.wires[at].input.extend(taken);
                    self.run_input(at);
                }
            }
            if link.is_cut {
                self.close(client);
            } else if self.wires[at].is_unsent {
                let Wire { worker, token, .. } = self.wires[at];
                self.workers[worker].local().outboxes.mark(token);
            }
        }
    }

    /// Runs what has waited of a client.
    fn run_input(&mut self, at: usize) {
        let Wire { worker, token, input, .. } = &mut self.wires[at];
        if input.is_empty() {
            return;
        }
        let (worker, token, input) = (*worker, *token, std::mem::take(input));
        let used = self.workers[worker].receive(token, &input);
        self.wires[at].input = input.get(used..).unwrap_or_default().to_vec();
        let fresh = self.fresh(at).unwrap_or_default();
        self.events.push(Event::Ran(self.wires[at].client, used, fresh));
        self.note(worker);
    }

    fn write_all(&mut self, number: usize, links: &mut BTreeMap<ClientNo, Link>) {
        self.workers[number].end_tick();
        self.workers[number].settle();
        self.note(number);
        let mut unsent = Vec::new();
        loop {
            let dirty = self.workers[number].local().outboxes.take_dirty();
            for &token in &dirty {
                self.write(number, token, links, &mut unsent);
            }
            let doomed = self.workers[number].take_doomed();
            for &(token, _) in &doomed.clients {
                if let Some(at) = self.wire_at(number, token) {
                    self.close(self.wires[at].client);
                }
            }
            self.note(number);
            let is_over = dirty.is_empty() && doomed.clients.is_empty();
            self.workers[number].local().outboxes.give_back(dirty);
            if is_over {
                break;
            }
        }
        self.workers[number].local().outboxes.end_tick(&unsent);
    }

    fn write(
        &mut self,
        number: usize,
        token: u64,
        links: &mut BTreeMap<ClientNo, Link>,
        unsent: &mut Vec<u64>,
    ) {
        let Some(at) = self.wire_at(number, token) else { return };
        let client = self.wires[at].client;
        loop {
            let outboxes = &mut self.workers[number].local().outboxes;
            if outboxes.outbox(token).is_none_or(|outbox| outbox.is_empty()) {
                self.wires[at].is_unsent = false;
                return self.after_all_is_sent(at);
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let used = outboxes.slices(token, &mut slices);
            if used == 0 {
                outboxes.hold(token);
                break;
            }
            let Some(link) = links.get_mut(&client) else { return };
            let sent = if self.disk.is_stopped() { 0 } else { link.put_down(&slices[..used]) };
            if sent == 0 {
                break;
            }
            outboxes.advance(token, sent);
            self.wires[at].noted -= sent;
        }
        self.wires[at].is_unsent = true;
        unsent.push(token);
    }

    fn after_all_is_sent(&mut self, at: usize) {
        let Wire { worker, token, client, .. } = self.wires[at];
        let Some(session) = self.workers[worker].session(token) else { return };
        if session.is_closing {
            self.close(client);
        } else if session.halt.is_some() {
            self.wires[at].goes_on = true;
        }
    }

    /// Ends a connection.
    pub(crate) fn close(&mut self, client: ClientNo) {
        let Some(at) = self.wires.iter().position(|wire| wire.client == client) else { return };
        let Wire { worker, token, .. } = self.wires.remove(at);
        self.workers[worker].disconnect(token);
        self.events.push(Event::Closed(client));
    }

    /// Reads blocks for the commands that have waited longest for some; returns for how many.
    pub(crate) fn load(&self, commands_max: usize) -> usize {
        (0..commands_max).take_while(|_| self.server.loaders.load_next()).count()
    }

    /// Asks the server something, beside all links and whatever is settled.
    pub(crate) fn ask(&mut self, requests: &[Vec<Vec<u8>>]) -> Vec<u8> {
        let worker = &mut self.workers[0];
        let token = worker.connect(Peer::default());
        let mut input = Vec::new();
        for request in requests {
            let parts: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
            firth_resp::encode_request(&mut input, &parts);
        }
        let used = worker.receive(token, &input);
        input.drain(..used);
        while !input.is_empty() && self.server.loaders.load_next() {
            worker.read_mail();
            worker.take_resumed();
            let used = worker.receive(token, &input);
            input.drain(..used);
        }
        let told = worker.local().outboxes.waiting(token);
        worker.disconnect(token);
        told
    }
}
