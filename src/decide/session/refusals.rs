//! What the server will not serve: one stream, one stream for now, any more streams, or a request of ours.

use super::{Overflow, Session, Turn};
use crate::coverage::Cause;
use crate::decide::Reaction;
use crate::decide::subscriptions::{Anonymous, Answer, Refusal, Slot, Standing};
use crate::notice::Notice;
use crate::peer_text::PeerText;
use crate::record::{Record, StreamState};
use crate::signal::Status;

impl Session {
    /// A refusal (`None`: for now) of the streams it names, of those it can only mean, or of one yet to be found out.
    pub(super) fn on_refusal(
        &mut self,
        turn: &mut Turn<'_>,
        refusal: Option<Refusal>,
        status: &Status<'_>,
        mut slots: Vec<Slot>,
        text: &PeerText,
    ) {
        if status.streams.is_empty() {
            match self.streams.anonymous(refusal.map_or(Answer::Trouble, Answer::Refused), turn.now, &self.policy) {
                Anonymous::These(meant) => slots = meant,
                Anonymous::Doubt => return,
                Anonymous::Nobody if refusal == Some(Refusal::Overflow) => {}
                Anonymous::Nobody => return self.renew(turn, text),
            }
        } else {
            for slot in &slots {
                self.streams.contradict(*slot);
            }
        }
        if refusal == Some(Refusal::Overflow) {
            for slot in self.streams.overflow() {
                self.leave_out(turn, slot, text);
            }
        }
        for slot in slots {
            match refusal {
                Some(why) => self.refuse(turn, slot, why, text),
                None => self.postpone(turn, slot, text),
            }
        }
        self.say_overflow(turn, false);
    }

    /// A stream that we take for active is not, and nobody says which: the new connection's answers will.
    pub(super) fn renew(&mut self, turn: &mut Turn<'_>, text: &PeerText) {
        self.say(turn, Notice::Unattributed { text: text.clone() });
        self.react(turn, &Reaction::RedialNow { cause: Cause::ServerError }, "", text.as_str());
    }

    fn refuse(&mut self, turn: &mut Turn<'_>, slot: Slot, why: Refusal, text: &PeerText) {
        if !self.streams.refused(slot, why, turn.now, &self.policy) {
            return;
        }
        let Some((id, stream)) = self.streams.get(slot).map(|stream| (stream.id, stream.name.clone())) else {
            return;
        };
        let (state, cause, notice) = match why {
            Refusal::Overflow => return self.leave_out(turn, slot, text),
            Refusal::Rejected => {
                let text = text.clone();
                (StreamState::Rejected, Cause::Rejected, Notice::StreamRejected { stream, text })
            }
            Refusal::Disabled => {
                let text = text.clone();
                (StreamState::Disabled, Cause::Disabled, Notice::StreamDisabled { stream, text })
            }
        };
        turn.record(Record::Stands { stream: id, state, reason: Some(text.to_string()) });
        self.say(turn, notice);
        self.uncover(turn, slot, cause, Some(text.to_string()));
    }

    /// The server cannot serve a stream at the moment.
    fn postpone(&mut self, turn: &mut Turn<'_>, slot: Slot, text: &PeerText) {
        let Some(wait) = self.streams.troubled(slot, turn.now, &self.policy) else { return };
        let Some(stream) = self.streams.get(slot) else { return };
        let (id, name, standing) = (stream.id, stream.name.clone(), stream.standing);
        turn.record(Record::Stands { stream: id, state: StreamState::Wanted, reason: Some(text.to_string()) });
        let retry_seconds = wait.as_secs_f64();
        self.say(turn, Notice::StreamTrouble { stream: name, text: text.clone(), retry_seconds });
        match standing {
            // It may still begin within its first minute; and a graver cause stays.
            Standing::New | Standing::Gap(Cause::Rejected | Cause::Disabled | Cause::OverLimit) => {}
            Standing::Gap(_) | Standing::Covered(_) => {
                self.uncover(turn, slot, Cause::ServerError, Some(text.to_string()));
            }
        }
    }

    /// There is no room for a stream. How many there are is told when all have been answered.
    fn leave_out(&mut self, turn: &mut Turn<'_>, slot: Slot, text: &PeerText) {
        let proven = self.link.as_ref().map_or(turn.now, |link| link.frontier.proven());
        let Some(stream) = self.streams.get_mut(slot) else { return };
        let from = match stream.standing {
            Standing::New => stream.wanted,
            Standing::Gap(Cause::OverLimit) => return,
            Standing::Gap(_) => turn.now,
            Standing::Covered(from) => from.max(proven),
        };
        stream.standing = Standing::Gap(Cause::OverLimit);
        let (stream, state, reason) = (stream.id, StreamState::Overflow, text.to_string());
        turn.record(Record::Stands { stream, state, reason: Some(reason.clone()) });
        turn.record(Record::Gap { stream, from, cause: Cause::OverLimit, detail: Some(reason) });
        self.overflow.get_or_insert_with(|| Overflow { text: text.clone(), said: 0 });
    }

    /// The server found a request of ours wrong. If it is known which, that one is asked again later and later.
    pub(super) fn on_mistake(
        &mut self,
        turn: &mut Turn<'_>,
        status: &Status<'_>,
        mut slots: Vec<Slot>,
        text: &PeerText,
    ) {
        if status.streams.is_empty()
            && let Anonymous::These(meant) = self.streams.anonymous(Answer::Mistake, turn.now, &self.policy)
        {
            slots = meant;
        }
        let stream = slots.first().and_then(|slot| self.streams.get(*slot)).map(|stream| stream.name.clone());
        let sent = stream.map_or_else(|| "not known which".to_owned(), |name| format!("subscribe {name}"));
        self.say(turn, Notice::RequestRefused { text: text.clone(), sent });
        for slot in slots {
            // A stream that is served is served, whatever else was wrong.
            if !self.streams.is_active(slot) {
                self.postpone(turn, slot, text);
            }
        }
    }
}
