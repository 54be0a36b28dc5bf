//! The streaming node: the world on one side, connections on the other, and who gets what.

mod answer;
mod director;
mod ending;
mod garbage;
mod line;
mod outbox;
mod perform;
mod rest;
mod sending;
mod totals;
mod upgrade;

pub(super) use ending::Ending;
pub(super) use line::Line;
pub(super) use sending::Step;
pub use totals::Totals;
pub(super) use upgrade::Answer;

use super::clock::{Clock, instant};
use super::cue::{Close, Cue, Refuse, SlowHandshake};
use super::journal::{Fate, Journal, Produced, Stamp};
use super::message;
use super::rest::Rest;
use super::scenario::{Rate, Scenario};
use super::wire::{self, Heard};
use super::world::{Framed, Happening, World};
use director::{Counted, Director};
use ending::By;
use fastrand::Rng;
use outbox::Parcel;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::rc::Rc;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Bytes;

/// All state of a run; it lives on one thread.
#[derive(Debug)]
pub(super) struct Node {
    scenario: Scenario,
    clock: Clock,
    world: World,
    rest: Rest,
    journal: Journal,
    seq: u64,
    lines: BTreeMap<u64, Line>,
    director: Director,
    /// Chance outside the world, so that clients do not change what happens in it.
    rng: Rng,
    refusals: VecDeque<Refuse>,
    slow_handshakes: Option<SlowHandshake>,
    /// How often each stream has been troublesome.
    troubles: HashMap<usize, u32>,
    totals: Totals,
    listening: bool,
    stopping: bool,
    bells: Bells,
}

/// What wakes the tasks of a run; one task waits at each.
#[derive(Clone, Debug, Default)]
pub(super) struct Bells {
    /// The timeline has changed.
    pub(super) timeline: Rc<Notify>,
    /// Listening begins or ends.
    pub(super) door: Rc<Notify>,
    /// Listening begins or ends on the REST side.
    pub(super) rest_door: Rc<Notify>,
    /// A connection has room again, or the pace has changed.
    pub(super) room: Rc<Notify>,
    /// A connection is gone.
    pub(super) gone: Rc<Notify>,
}

impl Node {
    pub(super) fn new(scenario: Scenario, journal: &Path) -> io::Result<Self> {
        let mut director = Director::default();
        let start = instant();
        for cue in &scenario.cues {
            director.arm(cue.clone(), start);
        }
        Ok(Self {
            clock: Clock::start(scenario.node.clock_skew),
            world: World::new(&scenario.world, &scenario.streams, scenario.seed),
            rest: Rest::new(&scenario.rest, scenario.seed),
            journal: Journal::create(journal)?,
            seq: 0,
            lines: BTreeMap::new(),
            director,
            rng: Rng::with_seed(!scenario.seed),
            refusals: VecDeque::new(),
            slow_handshakes: None,
            troubles: HashMap::new(),
            totals: Totals::default(),
            listening: true,
            stopping: false,
            bells: Bells::default(),
            scenario,
        })
    }

    pub(super) fn bells(&self) -> Bells {
        self.bells.clone()
    }

    pub(super) fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Hash and label of every stream.
    pub(super) fn streams(&self) -> Vec<(String, String)> {
        self.world.channels().iter().map(|channel| (channel.hash().to_owned(), channel.label.clone())).collect()
    }

    pub(super) fn is_listening(&self) -> bool {
        self.listening
    }

    /// Whether the run is to end: by the cue, by order, or because the journal can no longer be written.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping || self.journal.is_broken()
    }

    pub(super) fn is_deserted(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn rate(&self) -> Rate {
        self.scenario.world.rate
    }

    pub(super) fn cue_deadline(&self) -> Option<Instant> {
        self.director.deadline()
    }

    pub(super) fn line(&self, id: u64) -> Option<&Line> {
        self.lines.get(&id)
    }

    fn stamp(&mut self) -> Stamp {
        self.seq += 1;
        let (at_us, true_us) = self.clock.both_us();
        Stamp { seq: self.seq, at_us, true_us }
    }

    pub(super) fn note(&mut self, event: &'static str, fields: Value) {
        let stamp = self.stamp();
        self.journal.note(stamp, event, fields);
    }

    /// The world makes its next message.
    pub(super) fn produce_next(&mut self) {
        if self.stopping {
            return;
        }
        if let Some(happening) = self.world.next(self.clock.server_us()) {
            self.produce(&happening);
        }
        self.run_due(instant());
    }

    fn produce(&mut self, happening: &Happening) {
        for (place, framed) in &happening.copies {
            self.route(happening, *place, framed, &framed.frame);
        }
    }

    /// Journals one message and puts `bytes`, which carry it, into the buffers of its subscribers.
    fn route(&mut self, happening: &Happening, place: usize, framed: &Framed, bytes: &Bytes) {
        let now = instant();
        let stamp = self.stamp();
        let from = now + self.scenario.node.lag;
        let mut reached = Vec::new();
        for (id, line) in self.lines.iter_mut().filter(|(_, line)| line.takes(place)) {
            let fate = if line.ending.is_some() {
                Fate::Dropped
            } else {
                line.put(Parcel { bytes: bytes.clone(), seq: Some(stamp.seq) }, now, from);
                Fate::Sent
            };
            reached.push((*id, fate));
        }
        let nobody = self.lines.values().all(|line| line.ending.is_some());
        let elsewhere = if nobody { Fate::NotConnected } else { Fate::Unsubscribed };
        let first = reached.first().copied();
        let fate = first.map_or(elsewhere, |(_, fate)| fate);
        self.totals.count(happening.kind, fate);
        self.rest.keep(happening, place, &framed.data, stamp.at_us);
        self.journal.produced(Produced {
            stamp,
            stream: self.world.channel(place).map_or([b'0'; 32], |channel| channel.hash),
            id: happening.id.clone(),
            created_us: happening.created_us,
            kind: happening.kind,
            data: framed.data.clone(),
            fate,
            connection: first.map(|(id, _)| id),
        });
        for (id, fate) in reached.iter().skip(1) {
            self.journal.fate(stamp.seq, *id, *fate);
        }
        for (id, _) in reached {
            self.watch_buffer(id);
        }
        self.director.reach(Counted::Messages, self.totals.produced, None, now);
    }

    /// The two limits of a connection's buffer.
    fn watch_buffer(&mut self, id: u64) {
        let Some(line) = self.lines.get_mut(&id).filter(|line| line.ending.is_none()) else { return };
        let waiting = line.outbox.bytes();
        if waiting > self.scenario.node.slow_disconnect.0 {
            self.note("warning", json!({"connection": id, "what": "slow-disconnected", "buffered": waiting}));
            self.end(id, &Close::default(), By::Server("slow"), Some("slow-disconnected"));
        } else if waiting > self.scenario.node.slow_warning.0 && !line.warned {
            line.warned = true;
            self.note("warning", json!({"connection": id, "what": "slow-warning", "buffered": waiting}));
            self.say(id, message::named("slow-warning").unwrap_or_default());
        }
    }

    /// A word of the node to one connection.
    fn say(&mut self, id: u64, text: &str) {
        let behind = self.behind(instant());
        if let Some(line) = self.lines.get_mut(&id).filter(|line| line.ending.is_none()) {
            line.say(text, behind);
        }
    }

    /// When words wait behind the buffered messages, the moment from which they may go.
    fn behind(&self, now: Instant) -> Option<Instant> {
        (!self.scenario.node.overtake).then(|| now + self.scenario.node.lag)
    }

    /// What a client sent.
    pub(super) fn hear(&mut self, id: u64, heard: Heard) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        line.heard_close |= heard == Heard::Close;
        if line.ending.is_some() {
            return;
        }
        match heard {
            Heard::Text(text) => self.answer(id, &text),
            Heard::Ping(payload) => {
                self.note("ping", json!({"connection": id, "by": "client"}));
                let pong = Parcel::control(wire::pong(&payload));
                if let Some(line) = self.lines.get_mut(&id).filter(|line| line.ending.is_none()) {
                    line.push(pong, None);
                }
            }
            Heard::Pong => self.note("pong", json!({"connection": id, "by": "client"})),
            Heard::Close => {
                self.end(id, &Close::default(), By::Client("close"), None);
            }
        }
        self.run_due(instant());
    }

    /// Takes a cue in while the run is on.
    pub(super) fn arm(&mut self, cue: Cue) {
        let now = instant();
        self.director.arm(cue, now);
        self.run_due(now);
        self.bells.timeline.notify_one();
    }

    /// Fires every cue whose moment has come.
    pub(super) fn run_due(&mut self, now: Instant) {
        while let Some(due) = self.director.next_due(now) {
            self.fire(&due);
        }
    }
}
