//! The streaming node: the world on one side, connections on the other, and who gets what.

mod answer;
mod director;
mod garbage;
mod line;
mod outbox;
mod perform;
mod upgrade;

pub(super) use line::Ending;
pub(super) use line::Line;
pub(super) use upgrade::Answer;

use super::clock::{Clock, instant};
use super::cue::{Close, Cue, How, Refuse, SlowHandshake};
use super::journal::{Fate, Journal, Produced, Stamp};
use super::message;
use super::scenario::{Rate, Scenario};
use super::wire::{self, Heard};
use super::world::{Framed, Happening, Kind, World};
use director::{Counted, Director};
use fastrand::Rng;
use outbox::{Next, Parcel};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Bytes;

/// At [`Rate::Max`] the world rests when so much waits on a connection.
const FULL: usize = 1 << 20;

/// What a run amounted to: the fields of the journal's last line.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Totals {
    /// Messages for one stream each: an interaction that matches three streams counts three times.
    pub produced: u64,
    pub deletes: u64,
    pub duplicates: u64,
    /// Wholly handed to a socket (a message counts once for each connection).
    pub written: u64,
    /// Buffered for a connection that ended before they were wholly written.
    pub dropped: u64,
    pub not_connected: u64,
    pub unsubscribed: u64,
    pub connections: u64,
    pub refused: u64,
    pub acknowledged: u64,
    pub cues: u64,
}

/// What a connection's writer does next.
#[derive(Debug)]
pub(super) enum Step {
    Write(Vec<Bytes>),
    Wait(Option<Instant>),
    Finish(Ending),
}

/// All state of a run; it lives on one thread.
#[derive(Debug)]
pub(super) struct Node {
    scenario: Scenario,
    clock: Clock,
    world: World,
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
        let true_us = self.clock.is_skewed().then(|| self.clock.true_us());
        Stamp { seq: self.seq, at_us: self.clock.server_us(), true_us }
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
        self.journal.produced(Produced {
            stamp,
            stream: self.world.channel(place).map_or([b'0'; 32], |channel| channel.hash),
            id: happening.id,
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

    /// Orders the end of a connection; what it has not sent yet is dropped, unless it is to be drained.
    fn end(&mut self, id: u64, close: &Close, by: By, last_word: Option<&str>) {
        let now = instant();
        let ending = Ending { how: close.how, by: now + self.scenario.node.close_grace };
        let Some(line) = self.lines.get_mut(&id) else { return };
        if line.ending.is_some_and(|ending| ending.how != How::HalfOpen) {
            return;
        }
        line.ending = Some(ending);
        let mut dropped = Vec::new();
        if matches!(close.how, How::Reset | How::HalfOpen) {
            dropped = line.outbox.drop_all();
        } else if close.drain {
            line.outbox.release(now);
        } else {
            dropped = line.outbox.drop_waiting();
        }
        if close.how != How::HalfOpen {
            line.subscribed.clear();
        }
        let behind = close.drain.then_some(now);
        if let Some(text) = last_word.and_then(message::named) {
            line.say(text, behind);
        }
        if close.how == How::Clean {
            line.push(Parcel::control(wire::close(close.code, &close.reason)), behind);
        }
        line.wake();
        self.drop_messages(id, &dropped);
        let code = (close.how == How::Clean).then_some(close.code);
        self.note(
            "closed",
            json!({"connection": id, "by": by.who(), "why": by.why(), "how": close.how, "code": code, "dropped": dropped.len()}),
        );
    }

    fn drop_messages(&mut self, id: u64, dropped: &[u64]) {
        self.totals.dropped += u64::try_from(dropped.len()).unwrap_or(u64::MAX);
        for seq in dropped {
            self.journal.fate(*seq, id, Fate::Dropped);
        }
    }

    /// What a client sent.
    pub(super) fn hear(&mut self, id: u64, heard: Heard) {
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

    /// What the connection's writer is to do now; ticks and pings fall due here.
    pub(super) fn step(&mut self, id: u64, now: Instant) -> Option<Step> {
        let ending = self.lines.get(&id)?.ending;
        if ending.is_none() {
            self.keep_alive(id, now);
        }
        let line = self.lines.get_mut(&id)?;
        if let Some(ending) = ending {
            let silent = matches!(ending.how, How::Reset | How::HalfOpen);
            if silent || line.outbox.is_empty() || now >= ending.by {
                return Some(Step::Finish(ending));
            }
        }
        Some(match line.outbox.next(now) {
            Next::Write(batch) => Step::Write(batch),
            Next::Wait(until) => {
                let ending = ending.map(|ending| ending.by);
                Step::Wait([until, ending, self.next_keep_alive(id)].into_iter().flatten().min())
            }
        })
    }

    fn next_keep_alive(&self, id: u64) -> Option<Instant> {
        let line = self.lines.get(&id).filter(|line| line.ending.is_none())?;
        let after = |span: Duration, last: Instant| (!span.is_zero()).then(|| last + span);
        let tick = after(self.scenario.node.tick_every, line.last_data);
        let ping = after(self.scenario.node.ping_every, line.last_ping);
        let shuffle = (!line.unshuffled.is_empty()).then(|| line.last_subscribe + answer::SHUFFLE_WAIT);
        [tick, ping, shuffle].into_iter().flatten().min()
    }

    fn keep_alive(&mut self, id: u64, now: Instant) {
        let Some(line) = self.lines.get(&id) else { return };
        let due = |span: Duration, last: Instant| !span.is_zero() && now >= last + span;
        let tick = due(self.scenario.node.tick_every, line.last_data);
        let ping = due(self.scenario.node.ping_every, line.last_ping);
        let shuffle = !line.unshuffled.is_empty() && now >= line.last_subscribe + answer::SHUFFLE_WAIT;
        if tick {
            self.tick(id, now);
        }
        if ping && let Some(line) = self.lines.get_mut(&id) {
            line.last_ping = now;
            line.push(Parcel::control(wire::ping(b"ping")), None);
            self.note("ping", json!({"connection": id, "by": "server"}));
        }
        if shuffle {
            self.send_shuffled(id);
        }
    }

    /// A tick carries the node's clock, so it waits behind the messages like one of them.
    fn tick(&mut self, id: u64, now: Instant) {
        let skew = super::clock::signed_micros(self.scenario.node.tick_skew);
        let seconds = self.clock.server_us().saturating_add(skew).div_euclid(1_000_000);
        let value = self.scenario.node.tick_value.clone().unwrap_or_else(|| seconds.to_string());
        let text = format!(r#"{{"tick":{value},"status":"connected","message":"Waiting for data"}}"#);
        let from = now + self.scenario.node.lag;
        if let Some(line) = self.lines.get_mut(&id) {
            line.put(Parcel::control(wire::text(text.as_bytes())), now, from);
        }
        self.note("tick", json!({"connection": id, "value": value}));
    }

    /// So many bytes of the last batch are in the socket.
    pub(super) fn wrote(&mut self, id: u64, bytes: usize) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        let written = line.outbox.wrote(bytes);
        let sum = &mut line.unreported;
        sum.bytes += written.bytes;
        sum.frames += written.frames;
        sum.messages += written.messages;
        sum.through = written.through.or(sum.through);
        self.totals.written += written.messages;
        if line.warned && line.outbox.bytes() < self.scenario.node.slow_warning.0 / 2 {
            line.warned = false;
        }
        if line.outbox.bytes() < FULL {
            self.bells.room.notify_one();
        }
    }

    /// Whether the world may go on at full speed: somebody takes its messages, and nobody is behind.
    pub(super) fn has_room(&self) -> bool {
        let full = FULL.min(self.scenario.node.slow_warning.0 / 2);
        let mut takers =
            self.lines.values().filter(|line| line.ending.is_none() && !line.subscribed.is_empty()).peekable();
        takers.peek().is_some() && takers.all(|line| line.outbox.bytes() < full)
    }

    /// Tells the journal what has been written, and hands it over. Every 20 ms.
    pub(super) fn report(&mut self) {
        let reports: Vec<(u64, outbox::Written)> = self
            .lines
            .iter_mut()
            .filter(|(_, line)| line.unreported.bytes > 0)
            .map(|(id, line)| (*id, std::mem::take(&mut line.unreported)))
            .collect();
        for (id, sum) in reports {
            self.note(
                "written",
                json!({"connection": id, "through_seq": sum.through, "frames": sum.frames, "messages": sum.messages, "bytes": sum.bytes}),
            );
        }
        self.journal.flush();
    }

    /// The connection's tasks have ended; `why` is what its peer did, unless an end was ordered.
    pub(super) fn gone(&mut self, id: u64, why: &str) {
        self.report();
        let Some(mut line) = self.lines.remove(&id) else { return };
        let dropped = line.outbox.drop_all();
        self.drop_messages(id, &dropped);
        if line.ending.is_none() {
            self.note("closed", json!({"connection": id, "by": "client", "why": why, "dropped": dropped.len()}));
        }
        self.note("gone", json!({"connection": id, "undelivered": dropped.len()}));
        self.bells.room.notify_one();
        self.bells.gone.notify_one();
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

    /// Says goodbye to everybody; no new connection is taken.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        self.listening = false;
        let close = Close { code: 1001, reason: "going away".to_owned(), ..Close::default() };
        let all: Vec<u64> = self.lines.keys().copied().collect();
        for id in all {
            let half_open = self.lines.get(&id).and_then(|line| line.ending).is_some();
            let close = if half_open { Close { how: How::Reset, ..close.clone() } } else { close.clone() };
            self.end(id, &close, By::Server("stop"), None);
        }
        self.bells.door.notify_one();
    }

    /// Writes the last line and closes the journal.
    pub(super) fn finish(&mut self) -> io::Result<Totals> {
        let totals = self.totals;
        self.report();
        self.note("end", serde_json::to_value(totals).unwrap_or_default());
        self.journal.close()?;
        Ok(totals)
    }
}

impl Totals {
    fn count(&mut self, kind: Kind, fate: Fate) {
        self.produced += 1;
        match kind {
            Kind::Interaction => {}
            Kind::Delete => self.deletes += 1,
            Kind::Duplicate => self.duplicates += 1,
        }
        match fate {
            Fate::Sent => {}
            Fate::Unsubscribed => self.unsubscribed += 1,
            Fate::NotConnected => self.not_connected += 1,
            Fate::Dropped => self.dropped += 1,
        }
    }
}

/// Who ended a connection, and why.
#[derive(Clone, Copy, Debug)]
enum By {
    Server(&'static str),
    Client(&'static str),
}

impl By {
    fn who(self) -> &'static str {
        match self {
            Self::Server(_) => "server",
            Self::Client(_) => "client",
        }
    }

    fn why(self) -> &'static str {
        match self {
            Self::Server(why) | Self::Client(why) => why,
        }
    }
}
