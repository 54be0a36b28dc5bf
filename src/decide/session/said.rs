//! What the session tells the operator, beside its decisions.

use std::time::Duration;

use super::{Phase, Session, Turn};
use crate::decide::Action;
use crate::healing::Tally;
use crate::notice::Notice;
use crate::peer_text::PeerText;
use crate::record::{ConnectionId, Record};

const HOUR: Duration = Duration::from_hours(1);

impl Session {
    /// Says something, in the log and in the archive, unless a peer provoked too much of it.
    pub(super) fn say(&mut self, turn: &mut Turn<'_>, notice: Notice) {
        let connection = self.link.as_ref().map(|link| link.id);
        self.tell(turn, connection, notice);
    }

    /// Says something about a connection that is gone.
    pub(super) fn say_of(&mut self, turn: &mut Turn<'_>, connection: ConnectionId, notice: Notice) {
        self.tell(turn, Some(connection), notice);
    }

    fn tell(&mut self, turn: &mut Turn<'_>, connection: Option<ConnectionId>, notice: Notice) {
        if self.voice.admits(&notice) {
            turn.act(Action::Say(notice.clone()));
            turn.record(Record::Said { at: turn.now, connection, notice });
        }
    }

    /// The minute is over: its summary, and what was left out.
    pub(super) fn summarize(&mut self, turn: &mut Turn<'_>) {
        let (omitted, seconds) = self.voice.turn(turn.now);
        for notice in omitted {
            self.say(turn, notice);
        }
        let (interactions, deletes) =
            (std::mem::take(&mut self.voice.interactions), std::mem::take(&mut self.voice.deletes));
        let (active, wanted, open_gaps) = self.counts();
        // A count of a minute is far below where a float loses units.
        let per_second = f64::from(u32::try_from(interactions).unwrap_or(u32::MAX)) / seconds.max(1.0);
        let Tally { pending, running, filled, failed } = self.voice.healing;
        let summary = Notice::Summary {
            state: self.state(),
            interactions,
            per_second,
            deletes,
            active,
            wanted,
            open_gaps,
            queue_bytes: self.pace.queued(),
            backfill_pending: pending,
            backfill_running: running,
            backfill_filled: filled,
            backfill_failed: failed,
        };
        self.say(turn, summary);
        self.remind_of_billing(turn, "still no credits");
    }

    /// An empty account is an error at once, and one an hour after that.
    pub(super) fn remind_of_billing(&mut self, turn: &mut Turn<'_>, text: &str) {
        let Phase::Paused { until } = self.phase else { return };
        let Some(billing) = self.billing.as_mut().filter(|billing| billing.said.after(HOUR) <= turn.now) else {
            return;
        };
        billing.said = turn.now;
        let (since, probe_seconds) = (billing.since, until.since(turn.now).as_secs_f64());
        self.say(turn, Notice::BillingPaused { text: PeerText::of(text), since_us: since, probe_seconds });
    }

    /// How many streams do not fit: at once, and again when all have been answered if there are more by then.
    pub(super) fn say_overflow(&mut self, turn: &mut Turn<'_>, settled: bool) {
        let Some(mut overflow) = self.overflow.take() else { return };
        let left_out = self.streams.overflowing();
        if left_out > overflow.said && (settled || overflow.said == 0) {
            overflow.said = left_out;
            let (active, text) = (self.streams.active(), overflow.text.clone());
            self.say(turn, Notice::TooManySubscriptions { active, overflow: left_out, text });
        }
        if !settled {
            self.overflow = Some(overflow);
        }
    }

    /// Everything there is to know, for the operator who asked.
    pub(super) fn say_state(&mut self, turn: &mut Turn<'_>, settings: serde_json::Value) {
        let (active, wanted, open_gaps) = self.counts();
        let notice = Notice::State {
            state: self.state(),
            active,
            wanted,
            out: self.streams.out(),
            open_gaps,
            queue_bytes: self.pace.queued(),
            connection: self.link.as_ref().map(|link| link.id),
            watermark_us: self.reach.map(|reach| reach.covered_until),
            settings,
        };
        self.say(turn, notice);
    }
}
