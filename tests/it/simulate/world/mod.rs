//! The world: what is produced, who is connected, and what happens next.

mod life;
mod network;
mod perform;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use secrecy::SecretString;
use siftd::decide::{Input, Policy, Session};
use siftd::fault::Fault as Failure;
use siftd::protocol::DataSift;
use siftd::record::{Reach, StreamId};
use siftd::time::Time;

use super::archive::{Archive, Stretch};
use super::chance::Chance;
use super::disk::Disk;
use super::faults::{Fault, Faults};
use super::oracle;
use super::real::Real;
use super::sabotage::Sabotage;
use super::server::Server;
use crate::session::script;

/// When the world begins: a second of 2011.
pub(super) const BEGINNING: Time = Time::from_seconds(1_311_694_603);
/// How long there is trouble, and how long it is calm after that.
const TROUBLED: Duration = Duration::from_mins(6);
const CALM: Duration = Duration::from_mins(11);

/// What can happen.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A message of a stream is produced.
    Produce(usize),
    /// A frame arrives that holds this message, if it is one.
    Arrive { connection: u32, frame: String, message: Option<u64>, acknowledges: Option<String> },
    /// The end of a connection is seen.
    Lost { connection: u32, fault: Failure },
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
    /// By the true clock.
    pub(super) at: Time,
}

/// A time during which the server truly served a stream to us, by our clock.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) connection: u32,
    pub(super) stretch: Stretch,
    pub(super) name: String,
    pub(super) life: u32,
}

pub(super) struct World {
    pub(super) chance: Chance,
    /// The true time.
    pub(super) now: Time,
    /// The daemon's clock less the true one, in microseconds; and that of the machine, which it will have at its next
    /// start.
    skew: i64,
    pub(super) wall: i64,
    pub(super) calm: bool,
    agenda: BTreeMap<(Time, u64), Event>,
    count: u64,
    pub(super) streams: Vec<String>,
    pub(super) server: Server,
    pub(super) archive: Archive,
    /// The true archive beside its model.
    pub(super) real: Option<Real>,
    pub(super) disk: Disk,
    pub(super) session: Option<Session>,
    protocol: DataSift,
    /// The connection as we see it.
    client: Option<u32>,
    attempt: u32,
    connections: u32,
    /// We do not run until then.
    pub(super) asleep: Option<Time>,
    /// Since when the connection is left unread, and what it holds.
    pub(super) unread: Option<Time>,
    pub(super) socket: VecDeque<Event>,
    pub(super) policy: Policy,
    pub(super) messages: Vec<Message>,
    pub(super) served: Vec<Served>,
    /// The longest that anything waited on its way, and the most that the server's clock was set back.
    pub(super) longest: Duration,
    pub(super) unsure: Duration,
    dials: Vec<Time>,
    pub(super) faults: Faults,
    pub(super) sabotage: Option<Sabotage>,
    reach: Option<Reach>,
    /// The transcript, if one is wanted: everything that happens, and what is done about it.
    pub(super) out: Option<String>,
}

impl World {
    /// The world of a seed.
    pub(super) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let calm = seed.is_multiple_of(8);
        let streams: Vec<_> = ["a", "b", "c", "d", "e"].iter().map(|name| script::hash(name)).collect();
        let policy = Policy {
            subscribe_window: chance.pick(&[1, 2, 3, 64]),
            jitter: 0.2,
            billing_probe: Duration::from_mins(1),
            disabled_probe: Duration::from_mins(2),
            queue_max: if calm { 100_000 } else { chance.pick(&[60, 300, 100_000]) },
            ..script::policy()
        };
        let mut world = Self {
            now: BEGINNING,
            skew: 0,
            wall: 0,
            calm,
            agenda: BTreeMap::new(),
            count: 0,
            server: Server::new(&mut chance, streams.len(), calm),
            streams,
            archive: Archive::default(),
            real: None,
            disk: Disk::Sound,
            session: None,
            protocol: DataSift::new("wss://stream.example/multi", "acme", SecretString::from("key")),
            client: None,
            attempt: 0,
            connections: 0,
            asleep: None,
            unread: None,
            socket: VecDeque::new(),
            policy,
            messages: Vec::new(),
            served: Vec::new(),
            longest: Duration::from_secs(1),
            unsure: Duration::ZERO,
            dials: Vec::new(),
            faults: Faults::default(),
            sabotage: None,
            reach: None,
            out: None,
            chance,
        };
        for index in 0..world.streams.len() {
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
        for index in 0..self.streams.len() {
            self.add(index);
        }
        self.start();
        let end = BEGINNING.after(TROUBLED).after(CALM);
        self.agenda.insert((end, u64::MAX), Event::Stop);
        for steps in 0.. {
            if self.session.is_none() && self.agenda.is_empty() {
                break;
            }
            assert!(steps < 200_000, "the world does not come to rest");
            let next = self.agenda.first_key_value().map_or(Time::NEVER, |((at, _), _)| *at);
            let deadline = self.deadline();
            if deadline <= next {
                self.now = self.now.max(deadline);
                self.feed(Input::Deadline, None);
                assert!(self.deadline() > self.now, "a deadline that is met stays");
                self.turn();
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
            self.turn();
            if last {
                self.agenda.retain(|_, event| matches!(event, Event::Arrive { .. } | Event::Lost { .. }));
            }
        }
        self.store(usize::MAX);
        oracle::check(self, true);
        oracle::check_tightness(self);
        oracle::check_causes(self);
        oracle::check_pace(&self.dials);
        if let Some(real) = &mut self.real {
            real.compare(&self.archive);
        }
    }

    /// The end of a turn of the daemon's loop: what it asked of the archive belongs together.
    fn turn(&mut self) {
        let here = self.here();
        self.archive.seal(here);
        self.gauge();
    }

    /// When the session wants to be asked, by the true clock.
    fn deadline(&self) -> Time {
        let deadline = self.session.as_ref().filter(|_| self.asleep.is_none()).map_or(Time::NEVER, Session::deadline);
        if deadline == Time::NEVER { deadline } else { deadline.shifted(-self.skew) }
    }

    /// The time by the daemon's clock.
    pub(super) fn here(&self) -> Time {
        self.now.shifted(self.skew)
    }

    pub(super) fn plan(&mut self, wait: Duration, event: Event) {
        self.at(self.now.after(wait), event);
    }

    pub(super) fn at(&mut self, at: Time, event: Event) {
        self.count += 1;
        self.agenda.insert((at, self.count), event);
    }

    /// A fault took effect.
    pub(super) fn fired(&mut self, fault: Fault) {
        self.faults.happened(fault);
        self.note(format_args!("fault: {fault:?}"));
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
        // The archive numbers its streams from one.
        StreamId(u32::try_from(at + 1).unwrap())
    }

    pub(super) fn happen(&mut self, event: Event) {
        if let (Event::Arrive { .. } | Event::Lost { .. } | Event::Dialed { .. } | Event::Stop, Some(wake)) =
            (&event, self.asleep)
        {
            return self.at(wake, event);
        }
        if let (Event::Arrive { .. } | Event::Lost { .. } | Event::Dialed { .. }, Some(_)) = (&event, self.unread) {
            return self.socket.push_back(event);
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
                self.commit();
                let wait = self.chance.millis(20, 1500);
                self.plan(wait, Event::Commit);
            }
            Event::Trouble => {
                self.trouble();
                let wait = self.chance.millis(500, 40_000);
                if self.is_troubled() {
                    self.plan(wait, Event::Trouble);
                }
            }
            Event::Wake => self.asleep = None,
            Event::Restart => self.restart(),
            Event::Enable(stream) => {
                self.server.disabled.remove(&stream);
            }
            Event::Stop => self.feed(Input::Stop("asked".to_owned()), None),
        }
    }
}
