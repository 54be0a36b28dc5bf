//! What the server says on a connection that stands, and what we ask of it.

use super::{Phase, Session, Turn};
use crate::coverage::Cause;
use crate::decide::subscriptions::{Anonymous, Refusal, Slot, Standing};
use crate::decide::{Action, Ladder, Reaction, Reload, of_class};
use crate::notice::Notice;
use crate::peer_text::PeerText;
use crate::record::{Record, StreamState};
use crate::signal::{Class, Delete, Interaction, Signal, Status};
use crate::time::Time;

impl Session {
    /// A frame of any kind is a sign of life, and moves the connection's position.
    pub(super) fn on_frame(&mut self, now: Time, bytes: usize) {
        if let Some(link) = &mut self.link {
            link.frame(now, bytes);
            self.reach = Some(link.reach(&self.clock, self.last_tick));
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
            link.frontier.told(turn.now, self.clock.ours(produced));
        }
        let Some(slot) = self.streams.find(&interaction.stream) else {
            let notice = Notice::ForeignInteraction { stream: PeerText::of(&interaction.stream), known: false };
            return self.say(turn, notice);
        };
        self.prove_life(turn, true);
        if !self.streams.is_active(slot) {
            // No acknowledgement came, but the stream is evidently served.
            self.acknowledge(turn, slot);
        }
        let (Some(link), Some(stream)) = (&mut self.link, self.streams.get(slot)) else { return };
        link.interactions = link.interactions.saturating_add(1);
        self.voice.interactions = self.voice.interactions.saturating_add(1);
        self.voice.interactions_ever = self.voice.interactions_ever.saturating_add(1);
        turn.act(Action::Keep(stream.id));
    }

    fn on_delete(&mut self, turn: &mut Turn<'_>, delete: &Delete<'_>) {
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
        self.clock.tick(turn.now, told);
        link.frontier.told(turn.now, self.clock.ours(told));
        self.last_tick = Some(told);
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
        if matches!(self.phase, Phase::Leaving { .. }) {
            return;
        }
        let slots: Vec<Slot> = status.streams.iter().filter_map(|name| self.streams.find(name)).collect();
        let text = PeerText::of(&status.text);
        let mut reaction = of_class(status.class, !slots.is_empty());
        if let Reaction::Unknown(then) = reaction {
            let notice = Notice::UnknownStatus { status: word_of(status.class).to_owned(), text: text.clone() };
            self.say(turn, notice);
            reaction = *then;
        }
        match reaction {
            Reaction::Acknowledge => {
                self.prove_life(turn, true);
                for slot in slots {
                    self.acknowledge(turn, slot);
                }
            }
            Reaction::Live => self.prove_life(turn, false),
            Reaction::Ignore | Reaction::Unknown(_) => {}
            Reaction::OwnMistake => self.on_mistake(turn, &text),
            Reaction::Refuse(_) | Reaction::RetryStream | Reaction::Overflow => {
                self.on_refusal(turn, &reaction, slots, status, &text);
            }
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

    /// A refusal: of the streams it names, of the only one it can mean, or of one that is yet to be found out.
    fn on_refusal(
        &mut self,
        turn: &mut Turn<'_>,
        reaction: &Reaction,
        mut slots: Vec<Slot>,
        status: &Status<'_>,
        text: &PeerText,
    ) {
        if slots.is_empty() && status.streams.is_empty() {
            match self.streams.anonymous(turn.now) {
                Anonymous::Only(slot) => slots.push(slot),
                Anonymous::Doubt => return,
                Anonymous::Nobody if *reaction == Reaction::Overflow => {}
                Anonymous::Nobody => {
                    self.say(turn, Notice::Unattributed { text: text.clone() });
                    let reaction = Reaction::RedialNow { cause: Cause::ServerError };
                    self.react(turn, &reaction, "", text.as_str());
                    return;
                }
            }
        }
        if *reaction == Reaction::Overflow {
            return self.overflow(turn, slots, text);
        }
        for slot in slots {
            if let Reaction::Refuse(why) = reaction {
                self.refuse(turn, slot, *why, text);
            } else {
                self.postpone(turn, slot, text);
            }
        }
    }

    pub(super) fn acknowledge(&mut self, turn: &mut Turn<'_>, slot: Slot) {
        if self.streams.acknowledged(slot, turn.now) {
            self.cover(turn, slot);
        }
    }

    fn refuse(&mut self, turn: &mut Turn<'_>, slot: Slot, why: Refusal, text: &PeerText) {
        if !self.streams.refused(slot, why, turn.now, &self.policy) {
            return;
        }
        let Some((id, stream)) = self.streams.get(slot).map(|stream| (stream.id, stream.name.clone())) else {
            return;
        };
        let (state, cause) = match why {
            Refusal::Rejected => (StreamState::Rejected, Cause::Rejected),
            Refusal::Disabled => (StreamState::Disabled, Cause::Disabled),
            Refusal::Overflow => (StreamState::Overflow, Cause::OverLimit),
        };
        turn.record(Record::Stands { stream: id, state, reason: Some(text.to_string()) });
        let text = text.clone();
        match why {
            Refusal::Rejected => self.say(turn, Notice::StreamRejected { stream, text: text.clone() }),
            Refusal::Disabled => self.say(turn, Notice::StreamDisabled { stream, text: text.clone() }),
            Refusal::Overflow => {}
        }
        self.uncover(turn, slot, cause, Some(text.into()));
    }

    fn postpone(&mut self, turn: &mut Turn<'_>, slot: Slot, text: &PeerText) {
        let Some(wait) = self.streams.postponed(slot, turn.now, &self.policy) else { return };
        let Some((id, stream)) = self.streams.get(slot).map(|stream| (stream.id, stream.name.clone())) else {
            return;
        };
        turn.record(Record::Stands { stream: id, state: StreamState::Wanted, reason: Some(text.to_string()) });
        let notice = Notice::StreamTrouble { stream, text: text.clone(), retry_seconds: wait.as_secs_f64() };
        self.say(turn, notice);
        if matches!(self.streams.get(slot), Some(stream) if matches!(stream.standing, Standing::Covered(_))) {
            self.uncover(turn, slot, Cause::ServerError, Some(text.to_string()));
        }
    }

    /// No more streams fit: the ones refused and all that still wait are left out.
    fn overflow(&mut self, turn: &mut Turn<'_>, refused: Vec<Slot>, text: &PeerText) {
        let mut left_out = self.streams.overflow();
        for slot in refused {
            if self.streams.refused(slot, Refusal::Overflow, turn.now, &self.policy) {
                left_out.push(slot);
            }
        }
        let reason = text.to_string();
        let proven = self.link.as_ref().map_or(turn.now, |link| link.frontier.proven());
        for slot in &left_out {
            let Some(stream) = self.streams.get_mut(*slot) else { continue };
            let from = match stream.standing {
                Standing::New => stream.wanted,
                Standing::Gap(Cause::OverLimit) => continue,
                Standing::Gap(_) => turn.now,
                Standing::Covered(from) => from.max(proven),
            };
            stream.standing = Standing::Gap(Cause::OverLimit);
            let (stream, state) = (stream.id, StreamState::Overflow);
            turn.record(Record::Stands { stream, state, reason: Some(reason.clone()) });
            turn.record(Record::Gap { stream, from, cause: Cause::OverLimit, detail: Some(reason.clone()) });
        }
        if left_out.len() != self.overflow_said {
            self.overflow_said = left_out.len();
            let (active, overflow) = (self.streams.active(), left_out.len());
            self.say(turn, Notice::TooManySubscriptions { active, overflow, text: text.clone() });
        }
    }

    /// The server found a request of ours wrong. The one it means, if that is known, is asked again much later.
    fn on_mistake(&mut self, turn: &mut Turn<'_>, text: &PeerText) {
        let slot = match self.streams.anonymous(turn.now) {
            Anonymous::Only(slot) => Some(slot),
            Anonymous::Doubt | Anonymous::Nobody => None,
        };
        let stream = slot.and_then(|slot| self.streams.get(slot)).map(|stream| stream.name.clone());
        let sent = stream.map_or_else(|| "not known which".to_owned(), |name| format!("subscribe {name}"));
        self.say(turn, Notice::RequestRefused { text: text.clone(), sent });
        if let Some(slot) = slot {
            self.postpone(turn, slot, text);
        }
    }

    /// The server finds us slow: it may drop from now on, so nothing more is proven on this connection.
    fn on_slow(&mut self, turn: &mut Turn<'_>, text: PeerText) {
        let queue_bytes = self.pace.queued();
        self.say(turn, Notice::SlowConsumerWarning { text, queue_bytes });
        self.uncover_all(turn, Cause::SlowConsumer);
        if let Some(link) = &mut self.link {
            link.frontier.cap();
        }
        self.enter_drain(turn, "the server finds us slow");
    }

    fn enter_drain(&mut self, turn: &mut Turn<'_>, reason: &str) {
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
        while let Some(slot) = self.streams.next(turn.now, self.policy.subscribe_window) {
            if let Some(stream) = self.streams.get(slot) {
                turn.act(Action::Subscribe(stream.name.clone()));
            }
        }
        if !self.streams.is_settled() {
            return;
        }
        self.say_healed(turn);
        let (active, out) = (self.streams.active(), self.streams.out());
        if let Some(link) = self.link.as_mut().filter(|link| !link.subscribed) {
            link.subscribed = true;
            let (connection, seconds) = (link.id, turn.now.since(link.opened).as_secs_f64());
            self.say(turn, Notice::Subscribed { connection, active, out, seconds });
        }
    }

    /// Asks again for what was not answered in time, and for what was put off until now.
    pub(super) fn on_unanswered(&mut self, turn: &mut Turn<'_>) {
        let unanswered = self.streams.due(turn.now, &self.policy);
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
        if self.phase == Phase::Up {
            self.streams.retry_disabled();
        }
        self.renew_grace();
        self.say(turn, Notice::Reloaded { added, removed: reload.removed, changed: reload.changed });
        self.end_pause(turn);
    }
}

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
