//! The world: what is produced, who is connected, and what happens next.

mod network;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use secrecy::SecretString;
use siftd::decide::{Action, Ending, Input, Policy, Session};
use siftd::fault::Fault;
use siftd::protocol::{DataSift, Protocol};
use siftd::record::{DaemonState, Reach, StreamId};
use siftd::signal::Signal;
use siftd::time::Time;

use super::archive::{Archive, Entry, Stretch};
use super::chance::Chance;
use super::oracle;
use super::server::{Connection, Naming, Server};
use crate::session::script;

/// When the world begins: a second of 2011.
const BEGINNING: Time = Time::from_seconds(1_311_694_603);
/// How long there is trouble, and how long it is calm after that.
const TROUBLED: Duration = Duration::from_mins(9);
const CALM: Duration = Duration::from_mins(13);

/// What can happen.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A message of a stream is produced.
    Produce(usize),
    /// A frame arrives that holds this message, if it is one.
    Arrive { connection: u32, frame: String, message: Option<u64>, acknowledges: Option<String> },
    /// The end of a connection is seen.
    Lost { connection: u32, fault: Fault },
    /// An attempt to connect has come to its end.
    Dialed { attempt: u32 },
    /// A request reaches the server.
    Asked { connection: u32, stream: String, subscribe: bool },
    /// The server looks whether it has been quiet for too long.
    Quiet { connection: u32 },
    /// What waits is committed.
    Commit,
    /// Something goes wrong.
    Trouble,
    /// The daemon runs again.
    Wake,
    /// The process is started again.
    Restart,
    /// A subscription that could not be had can be had again.
    Enable(String),
    /// The daemon is asked to stop, for good.
    Stop,
}

/// A message that was produced.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) stream: String,
    pub(super) at: Time,
}

/// A time during which the server truly served a stream to us.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) connection: u32,
    pub(super) stretch: Stretch,
    pub(super) name: String,
}

pub(super) struct World {
    pub(super) chance: Chance,
    pub(super) now: Time,
    pub(super) calm: bool,
    agenda: BTreeMap<(Time, u64), Event>,
    count: u64,
    pub(super) streams: Vec<String>,
    pub(super) server: Server,
    pub(super) archive: Archive,
    pub(super) session: Option<Session>,
    protocol: DataSift,
    /// The connection as we see it.
    client: Option<u32>,
    attempt: u32,
    connections: u32,
    /// We do not run until then.
    pub(super) asleep: Option<Time>,
    pub(super) policy: Policy,
    pub(super) messages: Vec<Message>,
    pub(super) served: Vec<Served>,
    /// The longest that anything waited on its way.
    pub(super) longest: Duration,
    dials: Vec<Time>,
    pub(super) troubles: u32,
    reach: Option<Reach>,
    /// The transcript, if one is wanted: everything that happens, and what is done about it.
    pub(super) out: Option<String>,
}

impl World {
    /// The world of a seed; `told` is whether its transcript is wanted.
    pub(super) fn new(seed: u64, told: bool) -> Self {
        let mut chance = Chance::new(seed);
        let calm = seed.is_multiple_of(8);
        let streams: Vec<_> = ["a", "b", "c", "d", "e"].iter().map(|name| script::hash(name)).collect();
        let policy = Policy {
            subscribe_window: chance.pick(&[1, 2, 3, 64]),
            jitter: 0.2,
            billing_probe: Duration::from_mins(1),
            disabled_probe: Duration::from_mins(2),
            ..script::policy()
        };
        let mut world = Self {
            now: BEGINNING,
            calm,
            agenda: BTreeMap::new(),
            count: 0,
            server: Server::new(&mut chance, streams.len(), calm),
            streams,
            archive: Archive::default(),
            session: None,
            protocol: DataSift::new("wss://stream.example/multi", "acme", SecretString::from("key")),
            client: None,
            attempt: 0,
            connections: 0,
            asleep: None,
            policy,
            messages: Vec::new(),
            served: Vec::new(),
            longest: Duration::from_secs(1),
            dials: Vec::new(),
            troubles: 0,
            reach: None,
            out: told.then(String::new),
            chance,
        };
        for index in 0..world.streams.len() {
            world.add(index);
            world.plan(Duration::from_millis(500), Event::Produce(index));
        }
        world.plan(Duration::from_millis(300), Event::Commit);
        if !calm {
            world.plan(Duration::from_secs(20), Event::Trouble);
        }
        world
    }

    /// Lives a life.
    pub(super) fn live(&mut self) {
        self.start();
        let end = BEGINNING.after(TROUBLED).after(CALM);
        self.agenda.insert((end, u64::MAX), Event::Stop);
        for steps in 0.. {
            if self.session.is_none() && self.agenda.is_empty() {
                break;
            }
            assert!(steps < 200_000, "the world does not come to rest");
            let asleep = self.asleep.is_some();
            let deadline = self.session.as_ref().filter(|_| !asleep).map_or(Time::NEVER, Session::deadline);
            let next = self.agenda.first_key_value().map_or(Time::NEVER, |((at, _), _)| *at);
            if deadline <= next {
                self.now = self.now.max(deadline);
                self.feed(Input::Deadline, None);
                let session = self.session.as_ref();
                assert!(session.is_none_or(|session| session.deadline() > self.now), "a deadline that is met stays");
                continue;
            }
            let Some(((at, _), event)) = self.agenda.pop_first() else { break };
            self.now = at;
            let last = matches!(event, Event::Stop);
            if last {
                oracle::check_health(self);
            }
            if !matches!(event, Event::Commit | Event::Quiet { .. }) {
                self.note(format_args!("{event:?}"));
            }
            self.happen(event);
            if last {
                self.agenda.retain(|_, event| matches!(event, Event::Arrive { .. } | Event::Lost { .. }));
            }
        }
        self.archive.commit();
        oracle::check(self, true);
        oracle::check_tightness(self);
        oracle::check_pace(&self.dials);
    }

    pub(super) fn plan(&mut self, wait: Duration, event: Event) {
        self.at(self.now.after(wait), event);
    }

    pub(super) fn at(&mut self, at: Time, event: Event) {
        self.count += 1;
        self.agenda.insert((at, self.count), event);
    }

    fn note(&mut self, text: std::fmt::Arguments<'_>) {
        if let Some(out) = &mut self.out {
            let since = self.now.since(BEGINNING).as_secs_f64();
            writeln!(out, "{since:.6} {text}").unwrap();
        }
    }

    pub(super) fn is_troubled(&self) -> bool {
        self.now < BEGINNING.after(TROUBLED)
    }

    pub(super) fn id(&self, name: &str) -> StreamId {
        let at = self.streams.iter().position(|stream| stream == name).unwrap();
        StreamId(u32::try_from(at).unwrap())
    }

    pub(super) fn add(&mut self, index: usize) -> siftd::decide::Start {
        let name = self.streams.get(index).unwrap().clone();
        self.archive.want(self.id(&name), &name, self.now)
    }

    pub(super) fn start(&mut self) {
        let streams = self.archive.recover();
        oracle::check(self, false);
        let (policy, seed) = (self.policy.clone(), self.chance.below(1000));
        self.session = Some(Session::new(policy, streams, self.archive.last, self.now, seed));
        self.reach = None;
        self.feed(Input::Start, None);
    }

    /// The process dies.
    pub(super) fn crash(&mut self) {
        self.archive.crash();
        self.session = None;
        self.cut_served(None);
        (self.client, self.server.connection) = (None, None);
        self.attempt += 1;
    }

    fn happen(&mut self, event: Event) {
        if let (Event::Arrive { .. } | Event::Lost { .. } | Event::Dialed { .. } | Event::Stop, Some(wake)) =
            (&event, self.asleep)
        {
            return self.at(wake, event);
        }
        match event {
            Event::Produce(index) => self.produce(index),
            Event::Arrive { connection, frame, message, acknowledges } => {
                if self.client == Some(connection) {
                    self.receive(connection, &frame, message, acknowledges);
                }
            }
            Event::Lost { connection, fault } => {
                if self.client.take_if(|client| *client == connection).is_some() {
                    self.close(connection);
                    self.feed(Input::Lost(fault), None);
                }
            }
            Event::Dialed { attempt } => self.dialed(attempt),
            Event::Asked { connection, stream, subscribe } => self.asked(connection, stream, subscribe),
            Event::Quiet { connection } => self.quiet(connection),
            Event::Commit => {
                if self.asleep.is_none() {
                    self.archive.commit();
                }
                let wait = self.chance.millis(20, 1500);
                self.plan(wait, Event::Commit);
            }
            Event::Trouble => {
                self.trouble();
                let wait = self.chance.millis(500, 60_000);
                if self.is_troubled() {
                    self.plan(wait, Event::Trouble);
                }
            }
            Event::Wake => self.asleep = None,
            Event::Restart if self.session.is_some() => {
                let stopping = self.session.as_ref().is_some_and(|session| session.state() == DaemonState::Stopping);
                if stopping {
                    self.plan(Duration::from_secs(5), Event::Restart);
                }
            }
            Event::Restart => self.start(),
            Event::Enable(stream) => {
                self.server.disabled.remove(&stream);
            }
            Event::Stop => {
                self.feed(Input::Stop("asked".to_owned()), None);
            }
        }
    }

    fn produce(&mut self, index: usize) {
        let wait = self.chance.millis(10, if self.is_troubled() { 3_000 } else { 12_000 });
        self.plan(wait, Event::Produce(index));
        let stream = self.streams.get(index).unwrap().clone();
        let number = u64::try_from(self.messages.len()).unwrap();
        self.messages.push(Message { stream: stream.clone(), at: self.now });
        let copies = if self.chance.percent(3) { 2 } else { 1 };
        let garbled = !self.calm && self.is_troubled() && self.chance.percent(1);
        let dropped = self.chance.percent(60);
        let served = self.server.connection.as_ref().filter(|one| one.subscribed.contains(&stream));
        if served.is_none_or(|connection| connection.dropping && dropped) {
            return;
        }
        let frame = self.message(&stream, number);
        let frame = if garbled { frame.replace("\"id\"", "\"id") } else { frame };
        for _ in 0..copies {
            self.send(frame.clone(), Some(number), None);
        }
        if number > 10 && self.chance.percent(2) {
            let gone = self.chance.below(number);
            let order = format!(r#"{{"deleted":true,"interaction":{{"id":"m{gone}"}}}}"#);
            self.send(format!(r#"{{"hash":"{stream}","data":{order}}}"#), None, None);
        }
    }

    /// A message as the server writes it: posted a little or long before it was produced.
    fn message(&mut self, stream: &str, number: u64) -> String {
        let age = if self.chance.percent(10) { self.chance.millis(0, 86_400_000) } else { self.chance.millis(0, 1500) };
        let posted = self.server.told(self.now.before(age));
        let posted = jiff::Timestamp::from_microsecond(posted.micros()).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        let posted = jiff::fmt::rfc2822::to_string(&posted).unwrap();
        let received = if self.chance.percent(30) {
            let clock = self.server.clock(self.now).micros();
            format!(r#","received_at":{}.{:06}"#, clock / 1_000_000, clock % 1_000_000)
        } else {
            String::new()
        };
        let inner = format!(r#"{{"id":"m{number}","type":"test","created_at":"{posted}"{received}}}"#);
        format!(r#"{{"hash":"{stream}","data":{{"interaction":{inner}}}}}"#)
    }

    fn dialed(&mut self, attempt: u32) {
        if attempt != self.attempt {
            return;
        }
        if let Some(fault) = self.server.refusal(self.now, &self.protocol) {
            return self.feed(Input::DialFailed(fault), None);
        }
        self.connections += 1;
        let number = self.connections;
        self.client = Some(number);
        self.server.connection = Some(Connection::new(number, self.now));
        self.plan(Duration::from_secs(1), Event::Quiet { connection: number });
        let told = Some(self.server.told(self.now.before(Duration::from_millis(20))));
        let sent = self.now.before(Duration::from_millis(40));
        self.feed(Input::Opened { sent, told, shown: String::new() }, None);
    }

    fn asked(&mut self, number: u32, stream: String, subscribe: bool) {
        let troubled = !self.calm && self.is_troubled() && self.chance.percent(5);
        let Some(connection) = self.server.connection.as_mut().filter(|one| one.number == number) else { return };
        if !subscribe {
            connection.subscribed.remove(&stream);
            return self.cut_served(Some(&stream));
        }
        let (frame, serves) = self.server.answer(&stream, troubled, &mut self.chance);
        if let (Some(connection), true) = (&mut self.server.connection, serves) {
            connection.subscribed.insert(stream.clone());
        }
        if self.server.forgetful && self.chance.percent(30) {
            return;
        }
        if self.chance.percent(3) {
            // An answer may be late by as long as anything.
            let stall = self.now.after(self.chance.millis(0, 12_000));
            if let Some(connection) = &mut self.server.connection {
                connection.stalled = connection.stalled.max(stall);
            }
        }
        let named = self.server.naming != Naming::Nowhere;
        self.send(frame, None, Some(stream).filter(|_| serves && named));
    }

    fn receive(&mut self, connection: u32, frame: &str, message: Option<u64>, acknowledges: Option<String>) {
        self.feed(Input::Frame(frame.len()), None);
        let mut protocol = DataSift::new("", "", SecretString::from(""));
        std::mem::swap(&mut protocol, &mut self.protocol);
        protocol.decode(frame, &mut |signal| match signal {
            Signal::Unreadable(reason, text) => {
                let room = self.chance.percent(80);
                self.feed(Input::Unreadable { reason: &reason, bytes: text.len(), room }, message);
            }
            Signal::Delete(delete) => {
                let erased = delete.id.as_ref().and_then(|id| id.strip_prefix('m')?.parse().ok());
                self.feed(Input::Signal(Signal::Delete(delete)), erased);
            }
            signal @ (Signal::Interaction(_) | Signal::Tick(_) | Signal::Status(_)) => {
                self.feed(Input::Signal(signal), message);
            }
        });
        self.protocol = protocol;
        let serves = self.server.connection.as_ref().filter(|one| {
            let named = acknowledges.as_ref().is_some_and(|stream| one.subscribed.contains(stream));
            one.number == connection && !one.silent && !one.dropping && named
        });
        if let (Some(_), Some(name)) = (serves, acknowledges)
            && self.archive.is_wanted(self.id(&name))
            && !self.served.iter().any(|served| served.name == name && served.stretch.until.is_none())
        {
            let stretch = Stretch { stream: self.id(&name), from: self.now, until: None };
            self.served.push(Served { connection, stretch, name });
        }
    }

    /// Hands something to the core and does what it says. `message` is the one that it is about.
    pub(super) fn feed(&mut self, input: Input<'_>, message: Option<u64>) {
        let Some(session) = &mut self.session else { return };
        let mut actions = Vec::new();
        session.handle(self.now, input, &mut actions);
        let reach = session.reach().filter(|reach| self.reach != Some(*reach));
        let mut ended = false;
        for action in actions {
            self.note(format_args!("{action:?}"));
            ended |= self.perform(action, message);
        }
        if let Some(reach) = reach {
            self.reach = Some(reach);
            self.archive.ask(Entry::Reach(reach));
        }
        if ended {
            self.archive.commit();
            self.session = None;
        }
    }

    fn perform(&mut self, action: Action, message: Option<u64>) -> bool {
        match action {
            Action::Dial => {
                assert!(self.client.is_none(), "a dial while the connection stands");
                self.attempt += 1;
                self.dials.push(self.now);
                let wait = self.chance.millis(5, 400);
                self.plan(wait, Event::Dialed { attempt: self.attempt });
            }
            Action::HangUp => {
                self.attempt += 1;
                if let Some(connection) = self.client.take() {
                    self.close(connection);
                }
            }
            Action::Farewell => {
                let connection = self.client.unwrap();
                if self.chance.percent(70) {
                    let fault = Fault::Closed { code: Some(1000), reason: String::new() };
                    let wait = self.chance.millis(10, 1900);
                    self.plan(wait, Event::Lost { connection, fault });
                }
            }
            Action::Subscribe(stream) => self.ask(stream, true),
            Action::Unsubscribe(stream) => self.ask(stream, false),
            Action::Keep(stream) => self.archive.ask(Entry::Keep(stream, message.unwrap())),
            Action::Erase => self.archive.ask(Entry::Erase(message.unwrap())),
            Action::Quarantine => self.archive.ask(Entry::Quarantine(message.unwrap())),
            Action::Record(record) => self.archive.ask(Entry::Record(record)),
            Action::Say(_) => {}
            Action::End(ending) => {
                assert_eq!(ending, Ending::Stopped);
                return true;
            }
        }
        false
    }

    fn ask(&mut self, stream: String, subscribe: bool) {
        let connection = self.client.expect("a request without a connection");
        // Requests arrive in the order in which they were made.
        self.plan(Duration::from_millis(50), Event::Asked { connection, stream, subscribe });
    }

    /// A connection is over on our side.
    fn close(&mut self, number: u32) {
        for served in &mut self.served {
            if served.connection == number {
                served.stretch.until.get_or_insert(self.now);
            }
        }
        self.server.connection.take_if(|connection| connection.number == number);
    }
}
