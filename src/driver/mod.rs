//! The loop: wait for what happens, have it decided, do what was decided.
//!
//! The wait only names what happened; deciding is synchronous; nothing is awaited while something is done. Frames take
//! the short way: decoded, decided and put into a batch without leaving the loop, many in a row.

mod alone;
mod desk;
mod heal;
mod pulse;
mod reload;
mod request;

pub use alone::{Alone, Filled, WriteError};
pub use heal::{Heal, archived_of, heal, heal_policy_of};
pub use pulse::Pulse;
pub use reload::{Reloader, policy_of, protocol_of, start_of, wanted_of};
pub use request::{request_path, taken_path};

use tokio::task::JoinHandle;

use self::desk::Desk;
use self::reload::Outcome;
use crate::archive::{Event as StorageEvent, Events, FinishError, Intake};
use crate::decide::{Action, Ending, Input, Session, StorageFault};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::host::clock::Clock;
use crate::host::log::Log;
use crate::host::signals::{Request, Requests};
use crate::limits::{BURST_BYTES_MAX, BURST_FRAMES_MAX, DRAIN_AT_STOP_MAX};
use crate::notice::Notice;
use crate::protocol::Protocol;
use crate::record::DaemonState;
use crate::signal::Signal;
use crate::time::Time;
use crate::transport::{DialError, Dialed, Dialer, Event, Socket};

/// Everything that acts for one session.
pub struct Driver {
    pub session: Session,
    pub protocol: Box<dyn Protocol>,
    pub dialer: Dialer,
    pub clock: Clock,
    pub log: Log,
    pub intake: Intake,
    pub events: Events,
    pub requests: Requests,
    pub reloader: Reloader,
    pub pulse: Pulse,
    /// Fills gaps.
    pub heal: Heal,
}

/// The loop while it runs.
struct Loop {
    driver: Driver,
    link: Link,
    /// Bytes of the connection that the session knows of.
    arrived: u64,
    desk: Desk,
    ended: Option<Exit>,
    /// Says that everything is committed: to be said when it is.
    stopped: Option<Notice>,
}

/// The way to the server, as it stands.
enum Link {
    Down,
    /// Being made, since this moment.
    Dialing(JoinHandle<Result<Dialed, DialError>>, Time),
    Up(Box<Socket>),
}

/// What happened, by name.
enum Happened {
    Due,
    Frame(Event),
    Dialed(Box<Result<Dialed, DialError>>),
    Storage(Option<StorageEvent>),
    Asked(Request),
    Reread(Outcome),
    Healed(Notice),
    Room,
}

impl Driver {
    /// Runs until it is over, beginning with what there is to say. What was received is committed at the end, or the
    /// exit says that it is not.
    pub async fn run(self, first: Vec<Notice>) -> Exit {
        let desk = Desk::new(self.intake.batch(), self.clock.now());
        let mut running = Loop { driver: self, link: Link::Down, arrived: 0, desk, ended: None, stopped: None };
        for notice in first {
            running.decide(Input::Notice(notice));
        }
        running.decide(Input::Start);
        while running.ended.is_none() {
            running.hand_over();
            running.gauge();
            let happened = running.wait().await;
            running.listen(&happened);
            running.take(happened);
            running.beat();
        }
        running.finish().await
    }
}

impl Loop {
    /// Waits for something to happen. Every branch may be given up without losing anything.
    async fn wait(&mut self) -> Happened {
        let Driver { session, clock, intake, events, requests, reloader, pulse, heal, .. } = &mut self.driver;
        // Reading goes on when half of the queue is free again, so that it does not start and stop with every commit.
        let stuck = self.desk.stuck_weight().map(|weight| weight.max(session.policy().queue_max / 2));
        let catching_up = session.state() == DaemonState::Draining;
        let held = if stuck.is_some() || catching_up { None } else { intake.held_until(clock.now()) };
        let deadline = session.deadline().min(pulse.deadline()).min(self.desk.deadline(session.reach()));
        let deadline = deadline.min(held.unwrap_or(Time::NEVER));
        if deadline <= clock.now() {
            // A timer that is due at once takes a turn of the runtime, and frames that wait would always come first.
            return Happened::Due;
        }
        tokio::select! {
            // In this order, so that a flood of frames does not put off what an operator asks.
            biased;
            () = clock.sleep_until(deadline) => Happened::Due,
            request = requests.next() => Happened::Asked(request),
            event = events.next() => Happened::Storage(event),
            outcome = reloader.next() => Happened::Reread(outcome),
            () = intake.room(stuck.unwrap_or_default()), if stuck.is_some() => Happened::Room,
            () = intake.brisk_room(), if held.is_some() => Happened::Room,
            notice = heal.next() => Happened::Healed(notice),
            happened = self.link.next(), if stuck.is_none() && held.is_none() => happened,
        }
    }

    /// Tells the session of bytes that are no whole frame yet.
    fn listen(&mut self, happened: &Happened) {
        let Link::Up(socket) = &self.link else { return };
        let before = std::mem::replace(&mut self.arrived, socket.arrived());
        if self.arrived != before && !matches!(happened, Happened::Frame(_)) {
            self.decide(Input::Part);
        }
    }

    fn take(&mut self, happened: Happened) {
        match happened {
            Happened::Due => self.on_due(),
            Happened::Frame(event) => self.on_frames(event),
            Happened::Dialed(outcome) => self.on_dialed(*outcome),
            Happened::Storage(event) => self.on_storage(event),
            Happened::Asked(request) => self.on_asked(request),
            Happened::Reread(outcome) => self.on_reread(outcome),
            Happened::Healed(notice) => self.decide(Input::Notice(notice)),
            Happened::Room => {}
        }
    }

    /// Tells the session how much waits for the disk.
    fn gauge(&mut self) {
        let queued = self.driver.intake.queued_bytes();
        self.decide(Input::Queue(queued));
    }

    fn on_due(&mut self) {
        // Before the summary that may be due.
        if let Some(tally) = self.driver.heal.news() {
            self.decide(Input::Healing(tally));
        }
        if let Some(notice) = self.driver.pulse.clock_was_set(&self.driver.clock) {
            self.decide(Input::Notice(notice));
        }
        self.decide(Input::Deadline);
    }

    fn on_asked(&mut self, request: Request) {
        match request {
            Request::Stop(signal) => {
                self.driver.pulse.stopping();
                self.decide(Input::Stop(signal.to_owned()));
            }
            Request::Reload => {
                self.driver.pulse.reloading();
                self.driver.reloader.begin(&self.driver.intake, self.driver.clock);
            }
            Request::State => {
                let settings = self.driver.reloader.shown();
                self.decide(Input::State(settings));
            }
        }
    }

    fn on_reread(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Refused(faults) => self.decide(Input::ReloadRefused(faults)),
            Outcome::Read(read) => {
                let settings = &read.settings;
                self.driver.heal.reload(settings);
                self.driver.log.set_level(settings.log.level);
                self.driver.protocol = protocol_of(settings);
                let address = self.driver.protocol.address();
                (self.driver.dialer.url, self.driver.dialer.mask) = (address.secret, address.mask);
                self.driver.dialer.timeout = settings.source.connect_timeout;
                self.driver.dialer.max_frame = settings.source.max_frame;
                self.driver.dialer.tls = read.tls.clone();
                let reload = self.driver.reloader.settle(*read);
                self.decide(Input::Reload(reload));
            }
        }
        self.driver.pulse.reloaded();
    }

    fn on_storage(&mut self, event: Option<StorageEvent>) {
        match event {
            Some(StorageEvent::Failing { full, detail }) => {
                self.decide(Input::Storage(Some(StorageFault { full, detail })));
            }
            Some(StorageEvent::Recovered { .. }) => self.decide(Input::Storage(None)),
            Some(StorageEvent::LogHeldBack { bytes }) => {
                self.decide(Input::Notice(Notice::LogHeldBack { wal_bytes: bytes }));
            }
            Some(StorageEvent::Pruned { rows, bytes, before }) => {
                self.decide(Input::Notice(Notice::Pruned { rows, bytes, before_us: before }));
            }
            Some(StorageEvent::PruningBehind { since, why }) => {
                let notice = Notice::RetentionBehind { seconds: since.as_secs_f64(), why: why.to_owned() };
                self.decide(Input::Notice(notice));
            }
            Some(StorageEvent::Damaged { detail }) => self.break_off(Exit::Damaged, detail),
            Some(StorageEvent::Broken { detail }) => self.break_off(Exit::Bug, detail),
            None => self.break_off(Exit::Bug, "the archive's writer has ended".to_owned()),
        }
    }

    /// The archive cannot be written any more: whatever was not committed becomes a gap at the next start.
    fn break_off(&mut self, exit: Exit, detail: String) {
        self.driver.log.say(self.driver.clock.now(), &Notice::StorageTrouble { detail });
        self.link.drop();
        self.ended = Some(exit);
    }

    fn on_dialed(&mut self, outcome: Result<Dialed, DialError>) {
        let now = self.driver.clock.now();
        let sent = match std::mem::replace(&mut self.link, Link::Down) {
            Link::Dialing(_, sent) => sent,
            Link::Down | Link::Up(_) => now,
        };
        match outcome {
            Ok(Dialed { socket, told }) => {
                self.link = Link::Up(Box::new(socket));
                let shown = self.driver.protocol.address().shown;
                self.decide(Input::Opened { sent, told, shown });
            }
            Err(DialError { mut fault, body, back_at }) => {
                if let Fault::Refused { class, retry_after, .. } = &mut fault {
                    *class = self.driver.protocol.class_of(&body);
                    *retry_after = retry_after.or(back_at.map(|back| back.since(now)));
                }
                self.decide(Input::DialFailed(fault));
            }
        }
    }

    /// Takes in a frame, and those that have come behind it, up to a bound.
    fn on_frames(&mut self, first: Event) {
        let (mut next, mut frames, mut bytes) = (Some(first), 0_usize, 0_usize);
        while let Some(event) = next {
            frames += 1;
            bytes = bytes.saturating_add(self.on_frame(event));
            let Link::Up(socket) = &mut self.link else { return };
            if frames >= BURST_FRAMES_MAX || bytes >= BURST_BYTES_MAX {
                return;
            }
            next = socket.next_now();
        }
    }

    /// Takes in one frame. Says how long it was.
    fn on_frame(&mut self, event: Event) -> usize {
        match event {
            Event::Text(text) => {
                self.on_text(&text);
                text.len()
            }
            Event::Binary(bytes) => {
                match std::str::from_utf8(&bytes) {
                    Ok(text) => self.on_text(text),
                    Err(_) => self.on_unreadable("a binary frame that is no text", &bytes),
                }
                bytes.len()
            }
            Event::Control(bytes) => {
                self.decide(Input::Frame(bytes));
                bytes
            }
            Event::Lost(fault) => {
                self.link = Link::Down;
                self.decide(Input::Lost(fault));
                0
            }
        }
    }

    fn on_text(&mut self, text: &str) {
        let now = self.driver.clock.now();
        let Driver { session, protocol, intake, .. } = &mut self.driver;
        let desk = &mut self.desk;
        session.handle(now, Input::Frame(text.len()), &mut desk.actions);
        protocol.decode(text, &mut |signal| {
            if let Signal::Unreadable(reason, part) = &signal {
                let room = intake.quarantine_room(part.len());
                let input = Input::Unreadable { reason, bytes: part.len(), room };
                session.handle(now, input, &mut desk.actions);
                desk.keep_unreadable(now, session.reach(), reason, part.as_bytes());
            } else {
                session.handle(now, Input::Signal(signal.clone()), &mut desk.actions);
                desk.keep(now, Some(&signal));
            }
        });
        self.perform();
    }

    fn on_unreadable(&mut self, reason: &str, frame: &[u8]) {
        let now = self.driver.clock.now();
        let Driver { session, intake, .. } = &mut self.driver;
        session.handle(now, Input::Frame(frame.len()), &mut self.desk.actions);
        let room = intake.quarantine_room(frame.len());
        session.handle(now, Input::Unreadable { reason, bytes: frame.len(), room }, &mut self.desk.actions);
        self.desk.keep_unreadable(now, session.reach(), reason, frame);
        self.perform();
    }

    /// Has something decided that is not a frame, and does what follows.
    fn decide(&mut self, input: Input<'_>) {
        let now = self.driver.clock.now();
        self.driver.session.handle(now, input, &mut self.desk.actions);
        self.perform();
    }

    /// Does what was decided, in order.
    fn perform(&mut self) {
        if self.desk.is_clear() {
            return;
        }
        let now = self.driver.clock.now();
        self.desk.keep(now, None);
        let mut deeds = std::mem::take(&mut self.desk.deeds);
        for deed in deeds.drain(..) {
            self.act(now, deed);
        }
        if self.desk.deeds.is_empty() {
            self.desk.deeds = deeds;
        }
    }

    fn act(&mut self, now: Time, deed: Action) {
        match deed {
            Action::Dial => {
                self.link.drop();
                let dialer = self.driver.dialer.clone();
                self.link = Link::Dialing(tokio::spawn(async move { dialer.dial().await }), now);
            }
            Action::HangUp => self.link.drop(),
            Action::Farewell => match &mut self.link {
                Link::Up(socket) => socket.close(),
                Link::Down | Link::Dialing(..) => {}
            },
            Action::Subscribe(stream) => self.send(self.driver.protocol.subscribe(&stream)),
            Action::Unsubscribe(stream) => self.send(self.driver.protocol.unsubscribe(&stream)),
            Action::Say(notice @ Notice::Stopped { .. }) => self.stopped = Some(notice),
            Action::Say(notice) => self.driver.log.say(now, &notice),
            Action::End(Ending::Stopped) => self.ended = Some(Exit::Stopped),
            Action::End(Ending::IdentityRefused) => self.ended = Some(Exit::IdentityRefused),
            // Done already, at the desk.
            Action::Keep(_) | Action::Erase | Action::Quarantine | Action::Record(_) => {}
        }
    }

    fn send(&mut self, text: String) {
        let Link::Up(socket) = &mut self.link else { return };
        if let Err(fault) = socket.send(text) {
            self.link = Link::Down;
            self.decide(Input::Lost(fault));
        }
    }

    /// Hands what was gathered to the writer; without room for it, the connection is left unread until there is.
    fn hand_over(&mut self) {
        let Driver { session, intake, clock, .. } = &mut self.driver;
        let was_stuck = self.desk.stuck_weight().is_some();
        self.desk.hand_over(intake, session.reach(), clock.now());
        let is_stuck = self.desk.stuck_weight().is_some();
        if is_stuck != was_stuck {
            self.gauge();
            self.decide(Input::Unread(is_stuck));
        }
    }

    fn beat(&mut self) {
        let Driver { session, intake, clock, pulse, heal, .. } = &mut self.driver;
        heal.drain(session.state() == DaemonState::Draining);
        pulse.beat(clock.now(), session, intake);
    }

    /// Commits everything that was received, in bounded time.
    async fn finish(mut self) -> Exit {
        let (ended, stopped) = (self.ended.unwrap_or(Exit::Bug), self.stopped.take());
        self.link.drop();
        let Driver { session, intake, clock, log, pulse, heal, .. } = &mut self.driver;
        heal.stop();
        pulse.stopping();
        if matches!(ended, Exit::Damaged | Exit::Bug) {
            log.flush(LAST_LINES);
            return ended;
        }
        let by = clock.now().after(DRAIN_AT_STOP_MAX);
        loop {
            self.desk.hand_over(intake, session.reach(), clock.now());
            let Some(weight) = self.desk.stuck_weight() else { break };
            tokio::select! {
                () = intake.room(weight) => {}
                () = clock.sleep_until(by) => if clock.now() >= by { break },
            }
        }
        let finished = intake.finish(by.since(clock.now())).await;
        match (&finished, stopped) {
            (Ok(()), Some(stopped)) => log.say(clock.now(), &stopped),
            (Ok(()), None) => {}
            (Err(error), _) => log.say(clock.now(), &Notice::StorageTrouble { detail: error.to_string() }),
        }
        log.flush(LAST_LINES);
        match finished {
            Ok(()) => ended,
            Err(FinishError::Failing(_) | FinishError::Stuck) => Exit::Storage,
            Err(FinishError::Gone) => Exit::Bug,
        }
    }
}

/// How long the last lines of the log may take.
const LAST_LINES: std::time::Duration = std::time::Duration::from_millis(500);

impl Link {
    /// What comes next; never, while there is no connection and none is being made.
    async fn next(&mut self) -> Happened {
        match self {
            Self::Down => std::future::pending().await,
            Self::Dialing(attempt, _) => match attempt.await {
                Ok(outcome) => Happened::Dialed(Box::new(outcome)),
                Err(_given_up) => std::future::pending().await,
            },
            Self::Up(socket) => Happened::Frame(socket.next().await),
        }
    }

    /// Gives up the connection, or the attempt at one.
    fn drop(&mut self) {
        if let Self::Dialing(attempt, _) = self {
            attempt.abort();
        }
        *self = Self::Down;
    }
}
