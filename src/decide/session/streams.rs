//! What the server says on a connection that stands, and what we ask of it.

use super::{Phase, Session, Turn};
use crate::coverage::Cause;
use crate::decide::subscriptions::{Anonymous, Answer, Refusal, Slot};
use crate::decide::{Action, Ladder, Reaction, Reload, of_class};
use crate::notice::Notice;
use crate::peer_text::PeerText;
use crate::record::Record;
use crate::signal::{Class, Delete, Interaction, Signal, Status};
use crate::time::Time;

impl Session {
    /// A frame of any kind is a sign of life, and moves the connection's position. One that comes after a silence that
    /// was too long changes nothing: it is by chance that it was seen before the deadline.
    pub(super) fn on_frame(&mut self, turn: &mut Turn<'_>, bytes: usize) {
        if self.is_overdue(turn.now) {
            return self.on_silence(turn);
        }
        if let Some(link) = &mut self.link {
            link.frame(turn.now, bytes);
            self.reach = Some(link.reach(&self.clock, self.last_tick));
        }
    }

    /// A part of a frame is a sign of life, and proves nothing: a large frame may take longer than the silence limit.
    pub(super) fn on_part(&mut self, now: Time) {
        let overdue = self.is_overdue(now);
        if let Some(link) = self.link.as_mut().filter(|_| !overdue) {
            link.alive = now;
        }
    }

    pub(super) fn on_signal(&mut self, turn: &mut Turn<'_>, signal: Signal<'_>) {
        if self.link.is_none() {
            // What a connection still said after it was given up.
            return;
        }
        match signal {
            Signal::Interaction(interaction) => self.on_interaction(turn, &interaction),
            Signal::Delete(delete) => self.on_delete(turn, &delete),
            Signal::Tick(told) => self.on_tick(turn, told),
            Signal::Status(status) => self.on_status(turn, &status),
            Signal::Unreadable(reason, text) => self.on_unreadable(turn, &reason, text.len(), true),
        }
        if let Some(link) = &self.link {
            self.reach = Some(link.reach(&self.clock, self.last_tick));
        }
    }

    fn on_interaction(&mut self, turn: &mut Turn<'_>, interaction: &Interaction<'_>) {
        if let (Some(link), Some(produced)) = (&mut self.link, interaction.produced) {
            self.clock.told(turn.now, produced);
            link.frontier.told(turn.now, self.clock.ours(produced));
        }
        let Some(slot) = self.streams.find(&interaction.stream) else {
            let notice = Notice::ForeignInteraction { stream: PeerText::of(&interaction.stream) };
            return self.say(turn, notice);
        };
        self.prove_life(turn, true);
        let Some((id, is_first)) = self.streams.message_came(slot, turn.now) else { return };
        if is_first {
            self.cover(turn, slot);
        }
        let Some(link) = &mut self.link else { return };
        link.interactions = link.interactions.saturating_add(1);
        self.voice.interactions = self.voice.interactions.saturating_add(1);
        self.voice.interactions_ever = self.voice.interactions_ever.saturating_add(1);
        turn.act(Action::Keep(id));
    }

    fn on_delete(&mut self, turn: &mut Turn<'_>, delete: &Delete<'_>) {
        self.prove_life(turn, self.streams.find(&delete.stream).is_some());
        self.voice.deletes = self.voice.deletes.saturating_add(1);
        if delete.id.is_some() {
            turn.act(Action::Erase);
        } else {
            self.say(turn, Notice::DeleteUnmatched { stream: PeerText::of(&delete.stream) });
        }
    }

    fn on_tick(&mut self, turn: &mut Turn<'_>, told: Option<Time>) {
        self.prove_life(turn, false);
        let (Some(link), Some(told)) = (&mut self.link, told) else { return };
        self.clock.told(turn.now, told);
        self.clock.tick(turn.now, told);
        link.frontier.told(turn.now, self.clock.ours(told));
        if told.since(turn.now).max(turn.now.since(told)) < BELIEVABLE {
            self.last_tick = Some(told);
        }
    }

    /// The frame is kept in quarantine, if it has room; if not, it is lost, and says so by a gap.
    pub(super) fn on_unreadable(&mut self, turn: &mut Turn<'_>, reason: &str, bytes: usize, room: bool) {
        if self.link.is_none() {
            return;
        }
        if room {
            turn.act(Action::Quarantine);
            let reason = String::from(PeerText::of(reason));
            return self.say(turn, Notice::FrameQuarantined { reason, bytes });
        }
        self.say(turn, Notice::QuarantineFull { max_bytes: self.policy.quarantine_max });
        let reaction =
            Reaction::Redial { cause: Cause::ServerError, ladder: Ladder::Network, least: std::time::Duration::ZERO };
        self.react(turn, &reaction, "", "an unreadable frame that could not be kept");
    }

    fn on_status(&mut self, turn: &mut Turn<'_>, status: &Status<'_>) {
        let slots: Vec<Slot> = status.streams.iter().filter_map(|name| self.streams.find(name)).collect();
        let text = PeerText::of(&status.text);
        let mut reaction = of_class(status.class, !slots.is_empty());
        if let Reaction::Unknown(then) = reaction {
            let notice = Notice::UnknownStatus { status: word_of(status.class).to_owned(), text: text.clone() };
            self.say(turn, notice);
            reaction = *then;
        }
        match reaction {
            Reaction::Live => self.prove_life(turn, false),
            Reaction::Ignore | Reaction::Unknown(_) => {}
            Reaction::Acknowledge | Reaction::OwnMistake if self.is_leaving() => {}
            // We close the connection ourselves, but what it said in between may have been lost to this.
            _ if self.is_leaving() => self.cap(turn, Cause::Shutdown),
            Reaction::Acknowledge => self.on_acknowledgement(turn, status, slots),
            Reaction::OwnMistake => self.on_mistake(turn, status, slots, &text),
            Reaction::Refuse(why) => self.on_refusal(turn, Some(why), status, slots, &text),
            Reaction::Overflow => self.on_refusal(turn, Some(Refusal::Overflow), status, slots, &text),
            Reaction::RetryStream => self.on_refusal(turn, None, status, slots, &text),
            Reaction::SpeedUp => self.on_slow(turn, text),
            Reaction::Redial { .. } | Reaction::RedialNow { .. } | Reaction::Pause | Reaction::Identity => {
                self.say_why(turn, status.class, &text);
                self.react(turn, &reaction, &status.text, text.as_str());
            }
        }
    }

    /// The notice that goes with a message which ends the connection.
    fn say_why(&mut self, turn: &mut Turn<'_>, class: Class, text: &PeerText) {
        let text = text.clone();
        if class == Class::Maintenance {
            self.say(turn, Notice::Maintenance { text });
        } else if class == Class::Capacity {
            self.say(turn, Notice::Capacity { text });
        } else if class == Class::SlowDisconnected {
            self.say(turn, Notice::SlowConsumerDisconnected { text });
            self.enter_drain(turn, "cut off as too slow");
        } else if matches!(class, Class::ConnectionTrouble | Class::BalanceUnknown) {
            self.say(turn, Notice::ConnectionTrouble { text });
        }
    }

    fn on_acknowledgement(&mut self, turn: &mut Turn<'_>, status: &Status<'_>, mut slots: Vec<Slot>) {
        self.prove_life(turn, true);
        if status.streams.is_empty()
            && let Anonymous::These(meant) = self.streams.anonymous(Answer::Acknowledged, turn.now, &self.policy)
        {
            slots = meant;
        }
        for slot in slots {
            self.acknowledge(turn, slot);
        }
    }

    fn acknowledge(&mut self, turn: &mut Turn<'_>, slot: Slot) {
        if self.streams.acknowledged(slot, turn.now, &self.policy) {
            self.cover(turn, slot);
        }
    }

    /// The server finds us slow: it may drop from now on, so nothing more is proven on this connection.
    fn on_slow(&mut self, turn: &mut Turn<'_>, text: PeerText) {
        let queue_bytes = self.pace.queued();
        self.say(turn, Notice::SlowConsumerWarning { text, queue_bytes });
        self.cap(turn, Cause::SlowConsumer);
        self.enter_drain(turn, "the server finds us slow");
    }

    pub(super) fn enter_drain(&mut self, turn: &mut Turn<'_>, reason: &str) {
        if self.pace.enter(turn.now, self.policy.queue_max) {
            turn.record(Record::Drain(true));
            let notice = Notice::DrainEntered { reason: reason.to_owned(), queue_bytes: self.pace.queued() };
            self.say(turn, notice);
        }
    }

    /// Caught up. A connection that proves nothing any more is renewed, so that its streams' gaps end.
    pub(super) fn leave_drain(&mut self, turn: &mut Turn<'_>, since: Time) {
        turn.record(Record::Drain(false));
        self.say(turn, Notice::DrainLeft { seconds: turn.now.since(since).as_secs_f64() });
        if self.phase == Phase::Up && self.link.as_ref().is_some_and(|link| link.frontier.is_capped()) {
            let reaction = Reaction::RedialNow { cause: Cause::SlowConsumer };
            self.react(turn, &reaction, "", "renewed after the warning, to be sure of what comes");
        }
    }

    /// The server serves us. `streams` is whether it served a stream, which it does not to an empty account.
    fn prove_life(&mut self, turn: &mut Turn<'_>, streams: bool) {
        if streams && let Some(billing) = self.billing.take() {
            self.say(turn, Notice::BillingResumed { seconds: turn.now.since(billing.since).as_secs_f64() });
        }
        let Some(link) = self.link.as_mut().filter(|link| !link.proven) else { return };
        link.proven = true;
        self.backoff.heal();
        self.attempts = 0;
        (self.served, self.identity_doubted) = (true, false);
    }

    /// Asks for what may be asked for now, and says so when every stream has been answered.
    pub(super) fn pump(&mut self, turn: &mut Turn<'_>) {
        if self.phase != Phase::Up {
            return;
        }
        if self.streams.is_misplaced() {
            return self.renew(turn, &PeerText::of("every stream that was asked for is served"));
        }
        if let Some(link) = &mut self.link {
            link.frontier.hold(self.streams.is_doubtful());
        }
        while let Some(slot) = self.streams.next(turn.now, self.policy.subscribe_window) {
            if let Some(stream) = self.streams.get(slot) {
                turn.act(Action::Subscribe(stream.name.clone()));
            }
        }
        if !self.streams.is_settled() {
            return;
        }
        self.say_healed(turn);
        self.say_overflow(turn, true);
        let (active, out) = (self.streams.active(), self.streams.out());
        if let Some(link) = self.link.as_mut().filter(|link| !link.subscribed) {
            link.subscribed = true;
            let (connection, seconds) = (link.id, turn.now.since(link.opened).as_secs_f64());
            self.say(turn, Notice::Subscribed { connection, active, out, seconds });
        }
    }

    /// Asks again for what was not answered in time, and for what was put off until now.
    pub(super) fn on_unanswered(&mut self, turn: &mut Turn<'_>) {
        let arrived = self.link.as_ref().map_or(turn.now, |link| link.frontier.arrived());
        let unanswered = self.streams.due(turn.now, arrived, &self.policy);
        let Some(first) = unanswered.first().and_then(|slot| self.streams.get(*slot)) else {
            return;
        };
        let notice = Notice::AcknowledgementMissing { streams: unanswered.len(), stream: first.name.clone() };
        self.say(turn, notice);
    }

    /// Applies the difference between two readings of the settings, on the living connection.
    pub(super) fn on_reload(&mut self, turn: &mut Turn<'_>, reload: Reload) {
        if let Some(policy) = reload.policy {
            self.policy = policy;
        }
        let proven = self.link.as_ref().map_or(turn.now, |link| link.frontier.proven());
        for name in &reload.removed {
            let Some(slot) = self.streams.find(name) else { continue };
            let Some((stream, asked)) = self.streams.remove(slot) else { continue };
            if asked && self.phase == Phase::Up {
                turn.act(Action::Unsubscribe(stream.name.clone()));
            }
            turn.record(Record::Retired { stream: stream.id, at: turn.now, proven });
        }
        let mut added = Vec::new();
        for start in reload.added {
            added.push(start.name.clone());
            if let Some(slot) = self.streams.add(start)
                && self.phase == Phase::Up
            {
                self.streams.queue(slot);
            }
        }
        self.streams.retry_disabled(self.phase == Phase::Up);
        self.renew_grace();
        self.say(turn, Notice::Reloaded { added, removed: reload.removed, changed: reload.changed });
        self.end_pause(turn);
    }
}

/// A tick further from our own clock than this tells nothing of the server's.
const BELIEVABLE: std::time::Duration = std::time::Duration::from_hours(366 * 24);

/// The status word to name a message by that is not in the table.
const fn word_of(class: Class) -> &'static str {
    if matches!(class, Class::UnknownFailure) {
        "failure"
    } else if matches!(class, Class::UnknownWarning) {
        "warning"
    } else {
        "status"
    }
}
