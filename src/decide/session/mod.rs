//! The life of the one connection: when to dial, what to say, when to give it up, when to stop.

mod disk;
mod gaps;
mod link;
mod refusals;
mod said;
mod streams;

use std::time::Duration;

use self::link::Link;
use super::pace::Pace;
use super::reaction::{Reaction, of_fault};
use super::subscriptions::{Standing, Start, Subscriptions};
use super::voice::Voice;
use super::{Action, Backoff, Ending, Input, Ladder, Policy};
use crate::coverage::{Cause, ServerClock};
use crate::fault::Fault;
use crate::limits::{FAREWELL_MAX, HASTY};
use crate::notice::Notice;
use crate::peer_text::PeerText;
use crate::record::{ConnectionId, DaemonState, Reach, Record};
use crate::time::Time;

/// Everything that is decided about one source.
#[derive(Debug)]
pub struct Session {
    policy: Policy,
    phase: Phase,
    /// The state that was last written down.
    state: Option<DaemonState>,
    streams: Subscriptions,
    backoff: Backoff,
    link: Option<Link>,
    /// How far the present connection, or else the last one, has come.
    reach: Option<Reach>,
    /// The number of the last connection.
    connection: ConnectionId,
    clock: ServerClock,
    last_tick: Option<Time>,
    /// Why there is no connection, once there was a reason.
    out: Option<Cause>,
    /// Attempts since the last proof of life.
    attempts: u32,
    /// Whether the server ever served us since the daemon started.
    served: bool,
    /// Whether the server refused our identity since it last served us.
    identity_doubted: bool,
    billing: Option<Billing>,
    pace: Pace,
    /// Since when the archive cannot be written.
    storage: Option<Time>,
    /// That it is full was said.
    full: bool,
    /// Since when the connection is left unread.
    unread: Option<Time>,
    voice: Voice,
    /// When the next stream without a history has waited long enough to get a gap.
    grace: Time,
    /// Streams are being left out.
    overflow: Option<Overflow>,
    stopping: Option<String>,
}

/// The server has no room for some streams.
#[derive(Clone, Debug)]
struct Overflow {
    text: PeerText,
    /// How many streams the operator was told of.
    said: usize,
}

/// The account is known to be empty.
#[derive(Clone, Copy, Debug)]
struct Billing {
    since: Time,
    /// When the operator was last told.
    said: Time,
}

/// What the connection does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Idle,
    Dialing,
    Up,
    Waiting {
        until: Time,
    },
    /// No credits: nothing until the probe, or the operator.
    Paused {
        until: Time,
    },
    /// The connection is being closed in order.
    Leaving {
        until: Time,
    },
    Ended,
}

/// What is going on in one call: the time, and what is to be done.
struct Turn<'a> {
    now: Time,
    actions: &'a mut Vec<Action>,
}

impl Turn<'_> {
    fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    fn record(&mut self, record: Record) {
        self.actions.push(Action::Record(record));
    }
}

impl Session {
    /// A session for these streams. `connection` is the last number in use; `seed` makes the jitter.
    pub fn new(policy: Policy, streams: Vec<Start>, connection: ConnectionId, now: Time, seed: u64) -> Self {
        let mut session = Self {
            policy,
            phase: Phase::Idle,
            state: None,
            streams: Subscriptions::new(streams),
            backoff: Backoff::new(seed),
            link: None,
            reach: None,
            connection,
            clock: ServerClock::default(),
            last_tick: None,
            out: None,
            attempts: 0,
            served: false,
            identity_doubted: false,
            billing: None,
            pace: Pace::default(),
            storage: None,
            full: false,
            unread: None,
            voice: Voice::new(now),
            grace: Time::NEVER,
            overflow: None,
            stopping: None,
        };
        session.renew_grace();
        session
    }

    /// How far the last connection has come: what is to be committed with the actions taken so far.
    pub const fn reach(&self) -> Option<Reach> {
        self.reach
    }

    /// The state as it was last written down.
    pub fn state(&self) -> DaemonState {
        self.state.unwrap_or(DaemonState::Starting)
    }

    /// Streams that are active, wanted, and in a growing gap.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.streams.active(), self.streams.wanted(), self.open_gaps())
    }

    /// The present policy.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Takes in what happened at `now` and adds to `actions` what is to be done about it, in order.
    pub fn handle(&mut self, now: Time, input: Input<'_>, actions: &mut Vec<Action>) {
        let mut turn = Turn { now, actions };
        if self.phase == Phase::Ended {
            if matches!(input, Input::Opened { .. }) {
                turn.act(Action::HangUp);
            }
            return;
        }
        match input {
            Input::Frame(bytes) => self.on_frame(&mut turn, bytes),
            Input::Part => self.on_part(now),
            Input::Signal(signal) => self.on_signal(&mut turn, signal),
            Input::Unreadable { reason, bytes, room } => self.on_unreadable(&mut turn, reason, bytes, room),
            Input::Start => self.dial(&mut turn),
            Input::Opened { sent, told, shown } => self.on_opened(&mut turn, sent, told, shown),
            Input::DialFailed(fault) => self.on_dial_failed(&mut turn, &fault),
            Input::Lost(fault) => self.on_lost(&mut turn, &fault),
            Input::Deadline => self.on_deadline(&mut turn),
            Input::Queue(bytes) => self.pace.queue(now, bytes, self.policy.queue_max),
            Input::Unread(unread) => self.on_unread(&mut turn, unread),
            Input::Storage(fault) => self.on_storage(&mut turn, fault),
            Input::Reload(reload) => self.on_reload(&mut turn, reload),
            Input::ReloadRefused(faults) => {
                self.say(&mut turn, Notice::ReloadRefused { faults });
                self.end_pause(&mut turn);
            }
            Input::State(settings) => self.say_state(&mut turn, settings),
            Input::Healing(tally) => self.voice.healing = tally,
            Input::Notice(notice) => self.say(&mut turn, notice),
            Input::Stop(reason) => self.on_stop(&mut turn, reason),
        }
        self.pump(&mut turn);
        self.note_state(&mut turn);
    }

    /// When [`Input::Deadline`] is due, at the latest.
    pub fn deadline(&self) -> Time {
        let phase = match self.phase {
            Phase::Idle | Phase::Dialing | Phase::Ended => Time::NEVER,
            Phase::Waiting { until } | Phase::Paused { until } | Phase::Leaving { until } => until,
            Phase::Up => self.silence_due().min(self.streams.deadline(&self.policy)),
        };
        if self.phase == Phase::Ended {
            return Time::NEVER;
        }
        phase.min(self.grace).min(self.pace.deadline()).min(self.voice.deadline())
    }

    fn on_deadline(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        match self.phase {
            Phase::Waiting { until } | Phase::Paused { until } if until <= now => self.dial(turn),
            Phase::Leaving { until } if until <= now => self.end(turn, Ending::Stopped),
            Phase::Up if self.silence_due() <= now => self.on_silence(turn),
            Phase::Up => self.on_unanswered(turn),
            Phase::Idle
            | Phase::Dialing
            | Phase::Waiting { .. }
            | Phase::Paused { .. }
            | Phase::Leaving { .. }
            | Phase::Ended => {}
        }
        if self.phase == Phase::Ended {
            return;
        }
        if self.grace <= now {
            self.end_grace(turn);
        }
        if let Some(since) = self.pace.leave(now) {
            self.leave_drain(turn, since);
        }
        if self.voice.deadline() <= now {
            self.summarize(turn);
        }
    }

    fn dial(&mut self, turn: &mut Turn<'_>) {
        self.phase = Phase::Dialing;
        self.attempts = self.attempts.saturating_add(1);
        turn.act(Action::Dial);
    }

    fn on_opened(&mut self, turn: &mut Turn<'_>, sent: Time, told: Option<Time>, shown: String) {
        if self.phase != Phase::Dialing {
            // An echo of an attempt that was given up.
            turn.act(Action::HangUp);
            return;
        }
        if let Some(told) = told {
            self.clock.exchange(sent, turn.now, told);
        }
        self.connection = ConnectionId(self.connection.0 + 1);
        let link = Link::new(self.connection, turn.now, self.policy.margin);
        self.reach = Some(link.reach(&self.clock, self.last_tick));
        self.link = Some(link);
        self.phase = Phase::Up;
        turn.record(Record::Opened { connection: self.connection, at: turn.now, url: shown.clone() });
        let handshake_ms = u64::try_from(turn.now.since(sent).as_millis()).unwrap_or(u64::MAX);
        self.say(turn, Notice::Connected { connection: self.connection, url: shown, handshake_ms });
        self.streams.connected();
    }

    fn on_dial_failed(&mut self, turn: &mut Turn<'_>, fault: &Fault) {
        if self.phase != Phase::Dialing {
            return;
        }
        let attempt = self.attempts;
        self.say(turn, Notice::ConnectFailed { cause: fault.cause(), detail: fault.to_string(), attempt });
        let said = fault.to_string();
        self.react(turn, &of_fault(fault), &said, &said);
    }

    fn on_lost(&mut self, turn: &mut Turn<'_>, fault: &Fault) {
        match self.phase {
            Phase::Leaving { .. } => self.end(turn, Ending::Stopped),
            Phase::Up if self.is_overdue(turn.now) => self.on_silence(turn),
            Phase::Up => {
                if let Fault::Oversize { limit } = fault {
                    self.say(turn, Notice::OversizeFrame { limit: *limit });
                }
                let said = fault.to_string();
                let reaction = self.starved(turn.now, fault).unwrap_or_else(|| of_fault(fault));
                self.react(turn, &reaction, &said, &said);
            }
            Phase::Idle | Phase::Dialing | Phase::Waiting { .. } | Phase::Paused { .. } | Phase::Ended => {}
        }
    }

    /// Whether the silence was too long before this moment.
    fn is_overdue(&self, now: Time) -> bool {
        self.phase == Phase::Up && self.silence_due() < now
    }

    const fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Leaving { .. })
    }

    /// Nothing came for too long, or we did not run for so long that nothing could.
    fn on_silence(&mut self, turn: &mut Turn<'_>) {
        let late = turn.now.since(self.silence_due());
        let silent = self.link.as_ref().map_or(Duration::ZERO, |link| turn.now.since(link.alive));
        let seconds = silent.as_secs_f64();
        let fault = if late > LATE { Fault::Suspended(silent) } else { Fault::Silent(silent) };
        self.say(turn, if late > LATE { Notice::Suspended { seconds } } else { Notice::Silence { seconds } });
        let said = fault.to_string();
        self.react(turn, &of_fault(&fault), &said, &said);
    }

    /// Does what the table says, to the connection or to the attempt at one. `text` is what the peer said, `detail`
    /// what the record of the connection will say.
    fn react(&mut self, turn: &mut Turn<'_>, reaction: &Reaction, text: &str, detail: &str) {
        match *reaction {
            // We go anyway. What comes after this proves nothing.
            Reaction::Redial { cause, .. } | Reaction::RedialNow { cause } if self.is_leaving() => {
                self.cap(turn, cause);
            }
            Reaction::Redial { cause, ladder, least } => {
                self.lose(turn, cause, detail);
                let wait = self.backoff.climb(ladder, &self.policy).max(least);
                self.wait(turn, wait, cause);
            }
            Reaction::RedialNow { cause } => {
                let hasty = self.link.as_ref().is_none_or(|link| turn.now.since(link.opened) < HASTY);
                self.lose(turn, cause, detail);
                let wait = if hasty { self.backoff.climb(Ladder::Network, &self.policy) } else { Duration::ZERO };
                self.wait(turn, wait, cause);
            }
            Reaction::Pause => self.pause(turn, text, detail),
            Reaction::Identity => self.on_identity(turn, text, detail),
            // These concern a connection that stands, and are dealt with where statuses are.
            Reaction::Acknowledge
            | Reaction::Live
            | Reaction::Ignore
            | Reaction::OwnMistake
            | Reaction::Refuse(_)
            | Reaction::RetryStream
            | Reaction::Overflow
            | Reaction::SpeedUp
            | Reaction::Unknown(_) => {}
        }
    }

    fn wait(&mut self, turn: &mut Turn<'_>, wait: Duration, cause: Cause) {
        let attempt = self.attempts.saturating_add(1);
        self.say(turn, Notice::Reconnecting { seconds: wait.as_secs_f64(), attempt, cause });
        if wait.is_zero() {
            self.dial(turn);
        } else {
            self.phase = Phase::Waiting { until: turn.now.after(wait) };
        }
    }

    /// The account is empty: nothing until the probe, or until the operator has topped up.
    fn pause(&mut self, turn: &mut Turn<'_>, text: &str, detail: &str) {
        self.lose(turn, Cause::Billing, detail);
        self.turn_gaps(turn, Cause::Billing);
        self.billing.get_or_insert(Billing { since: turn.now, said: Time::from_micros(0) });
        self.phase = Phase::Paused { until: turn.now.after(self.policy.billing_probe) };
        self.remind_of_billing(turn, text);
    }

    fn end_pause(&mut self, turn: &mut Turn<'_>) {
        if matches!(self.phase, Phase::Paused { .. }) {
            if let Some(billing) = &mut self.billing {
                // The operator waits for an answer: if it is the same one, it is said again.
                billing.said = Time::from_micros(0);
            }
            self.dial(turn);
        }
    }

    /// The server does not accept who we are: fatal at the start and the second time, else tried once more.
    fn on_identity(&mut self, turn: &mut Turn<'_>, text: &str, detail: &str) {
        let last = !self.served || self.identity_doubted;
        self.identity_doubted = true;
        self.say(turn, Notice::IdentityRefused { text: PeerText::of(text), last });
        self.lose(turn, Cause::Auth, detail);
        self.turn_gaps(turn, Cause::Auth);
        if last {
            return self.end(turn, Ending::IdentityRefused);
        }
        self.wait(turn, self.policy.identity_retry, Cause::Auth);
    }

    fn on_stop(&mut self, turn: &mut Turn<'_>, reason: String) {
        if self.stopping.is_some() {
            return;
        }
        self.say(turn, Notice::Stopping { reason: reason.clone() });
        self.stopping = Some(reason);
        if self.phase == Phase::Up {
            self.phase = Phase::Leaving { until: turn.now.after(FAREWELL_MAX) };
            turn.act(Action::Farewell);
        } else {
            if self.phase == Phase::Dialing {
                turn.act(Action::HangUp);
            }
            self.end(turn, Ending::Stopped);
        }
    }

    /// The end: what is not proven becomes gaps, and nothing is decided any more.
    fn end(&mut self, turn: &mut Turn<'_>, ending: Ending) {
        self.lose(turn, Cause::Shutdown, "stopped");
        self.end_history(turn);
        self.phase = Phase::Ended;
        let reason = match (ending, self.stopping.take()) {
            (Ending::Stopped, reason) => reason.unwrap_or_default(),
            (Ending::IdentityRefused, _) => "identity refused".to_owned(),
        };
        self.note_state(turn);
        self.say(turn, Notice::Stopped { reason, interactions: self.voice.interactions_ever });
        turn.act(Action::End(ending));
    }

    /// When silence becomes too long: never while we ourselves do not read.
    fn silence_due(&self) -> Time {
        match (&self.link, self.unread) {
            (Some(link), None) => link.alive.after(self.policy.silence),
            _ => Time::NEVER,
        }
    }

    /// Writes the daemon's state down if it is another one now.
    fn note_state(&mut self, turn: &mut Turn<'_>) {
        let state = match self.phase {
            Phase::Idle => DaemonState::Starting,
            Phase::Dialing | Phase::Waiting { .. } | Phase::Paused { .. } if self.billing.is_some() => {
                DaemonState::PausedBilling
            }
            Phase::Paused { .. } => DaemonState::PausedBilling,
            Phase::Dialing => DaemonState::Connecting,
            Phase::Waiting { .. } => DaemonState::Waiting,
            Phase::Up if self.pace.is_draining() => DaemonState::Draining,
            Phase::Up if self.link.as_ref().is_some_and(|link| link.subscribed) => DaemonState::Live,
            Phase::Up => DaemonState::Subscribing,
            Phase::Leaving { .. } => DaemonState::Stopping,
            Phase::Ended => DaemonState::Stopped,
        };
        if self.state != Some(state) {
            self.state = Some(state);
            turn.record(Record::Daemon { state, since: turn.now });
        }
    }

    fn open_gaps(&self) -> usize {
        self.streams.iter().filter(|stream| matches!(stream.standing, Standing::Gap(_))).count()
    }
}

/// A deadline met this late means that we did not run in between.
const LATE: Duration = Duration::from_secs(5);
