//! Where coverage begins and ends: the records of it.

use super::{Session, Turn};
use crate::coverage::Cause;
use crate::decide::Standing;
use crate::decide::subscriptions::{Slot, Stream};
use crate::notice::Notice;
use crate::record::{Record, StreamState};
use crate::time::Time;

impl Session {
    /// A stream is served: coverage begins now, and its gap ends. Not on a connection that proves nothing any more.
    pub(super) fn cover(&mut self, turn: &mut Turn<'_>, slot: Slot) {
        let (Some(link), Some(stream)) = (&mut self.link, self.streams.get_mut(slot)) else {
            return;
        };
        turn.record(Record::Stands { stream: stream.id, state: StreamState::Active, reason: None });
        if link.frontier.is_capped() || matches!(stream.standing, Standing::Covered(_)) {
            return;
        }
        if stream.standing == Standing::New && stream.wanted.after(self.policy.starting) < turn.now {
            // Too late for its first minute, and we did not run when that was over.
            self.uncover(turn, slot, Cause::Starting, None);
        }
        let (Some(link), Some(stream)) = (&mut self.link, self.streams.get_mut(slot)) else {
            return;
        };
        if matches!(stream.standing, Standing::Gap(_)) {
            link.healed += 1;
            link.healed_stream = Some(stream.name.clone());
        }
        stream.standing = Standing::Covered(turn.now);
        turn.record(Record::Covered { stream: stream.id, connection: link.id, from: turn.now });
    }

    /// Nothing more is proven by this connection: everything that is covered no longer is.
    pub(super) fn cap(&mut self, turn: &mut Turn<'_>, cause: Cause) {
        self.uncover_all(turn, cause);
        if let Some(link) = &mut self.link {
            link.frontier.cap();
        }
    }

    /// One stream is no longer served, or never was: a gap from the last proven moment on.
    pub(super) fn uncover(&mut self, turn: &mut Turn<'_>, slot: Slot, cause: Cause, detail: Option<String>) {
        let proven = self.link.as_ref().map_or(turn.now, |link| link.frontier.proven());
        let Some(stream) = self.streams.get_mut(slot) else { return };
        let from = match stream.standing {
            Standing::New => stream.wanted,
            Standing::Covered(from) => from.max(proven),
            Standing::Gap(already) if already == cause => return,
            Standing::Gap(_) => turn.now,
        };
        stream.standing = Standing::Gap(cause);
        turn.record(Record::Gap { stream: stream.id, from, cause, detail });
        let name = stream.name.clone();
        self.say(turn, Notice::GapOpened { streams: 1, stream: Some(name), cause, since_us: from });
    }

    /// Everything that is covered no longer is, from the last proven moment on.
    fn uncover_all(&mut self, turn: &mut Turn<'_>, cause: Cause) {
        let Some(proven) = self.link.as_ref().map(|link| link.frontier.proven()) else { return };
        let detail = self.stall_in_words(turn.now, cause);
        self.begin_gaps(turn, cause, detail.as_deref(), |stream| match stream.standing {
            Standing::Covered(from) => Some(from.max(proven)),
            Standing::New | Standing::Gap(_) => None,
        });
    }

    /// The gaps that grow go on under another cause, save those of streams that have a cause of their own; and
    /// streams without a history get one.
    pub(super) fn turn_gaps(&mut self, turn: &mut Turn<'_>, cause: Cause) {
        let now = turn.now;
        self.begin_gaps(turn, cause, None, |stream| match stream.standing {
            Standing::New => Some(stream.wanted),
            Standing::Gap(Cause::Rejected | Cause::Disabled | Cause::OverLimit) | Standing::Covered(_) => None,
            Standing::Gap(already) => (already != cause).then_some(now),
        });
        self.renew_grace();
    }

    /// Streams that have waited too long for their first acknowledgement get a gap from the beginning.
    pub(super) fn end_grace(&mut self, turn: &mut Turn<'_>) {
        let cause = match &self.link {
            Some(link) if link.frontier.is_capped() => Cause::SlowConsumer,
            Some(_) => Cause::Starting,
            None => self.out.unwrap_or(Cause::Starting),
        };
        let latest = turn.now.before(self.policy.starting);
        let due =
            |stream: &Stream| (stream.standing == Standing::New && stream.wanted <= latest).then_some(stream.wanted);
        self.begin_gaps(turn, Cause::ServerError, None, |stream| due(stream).filter(|_| stream.is_troubled()));
        self.begin_gaps(turn, cause, None, due);
        self.renew_grace();
    }

    /// It is over: streams without a history get a gap, as nobody is there to give it to them later.
    pub(super) fn end_history(&mut self, turn: &mut Turn<'_>) {
        self.begin_gaps(turn, Cause::Shutdown, None, |stream| {
            (stream.standing == Standing::New).then_some(stream.wanted)
        });
    }

    /// Begins a gap, or goes on with one under another cause, for every stream of which `since` says since when.
    fn begin_gaps(
        &mut self,
        turn: &mut Turn<'_>,
        cause: Cause,
        detail: Option<&str>,
        since: impl Fn(&Stream) -> Option<Time>,
    ) {
        let (mut streams, mut first, mut name) = (0, Time::NEVER, None);
        for stream in self.streams.iter_mut() {
            let Some(from) = since(stream) else { continue };
            stream.standing = Standing::Gap(cause);
            turn.record(Record::Gap { stream: stream.id, from, cause, detail: detail.map(str::to_owned) });
            name = (streams == 0).then(|| stream.name.clone());
            (streams, first) = (streams + 1, first.min(from));
        }
        if streams > 0 {
            self.say(turn, Notice::GapOpened { streams, stream: name, cause, since_us: first });
        }
    }

    /// Finds out when the next stream without a history has waited long enough.
    pub(super) fn renew_grace(&mut self) {
        let new = self.streams.iter().filter(|stream| stream.standing == Standing::New);
        self.grace = new.map(|stream| stream.wanted.after(self.policy.starting)).min().unwrap_or(Time::NEVER);
    }

    /// The connection is given up: what it proves stands, the rest is a gap.
    pub(super) fn lose(&mut self, turn: &mut Turn<'_>, cause: Cause, detail: &str) {
        self.out = Some(cause);
        if self.link.is_none() {
            return;
        }
        let stall = self.stall_in_words(turn.now, cause);
        self.say_healed(turn);
        self.uncover_all(turn, cause);
        self.streams.disconnected();
        self.unread = None;
        if let Some(link) = self.link.take() {
            self.reach = Some(link.reach(&self.clock, self.last_tick));
            let detail = stall.map_or_else(|| detail.to_owned(), |stall| format!("{detail} ({stall})"));
            let because = format!("{cause}: {detail}");
            turn.record(Record::Closed { connection: link.id, at: turn.now, because });
            let seconds = turn.now.since(link.opened).as_secs_f64();
            self.say_of(turn, link.id, Notice::Disconnected { connection: link.id, cause, detail, seconds });
        }
        turn.act(super::Action::HangUp);
    }

    /// Says how many gaps have ended.
    pub(super) fn say_healed(&mut self, turn: &mut Turn<'_>) {
        let Some(link) = self.link.as_mut().filter(|link| link.healed > 0) else { return };
        let (streams, connection) = (std::mem::take(&mut link.healed), link.id);
        let stream = link.healed_stream.take().filter(|_| streams == 1);
        self.say(turn, Notice::GapClosed { streams, stream, connection });
    }
}
