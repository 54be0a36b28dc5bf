//! Answers that name no stream: whom they can mean, found out without a guess that could be wrong unnoticed.
//!
//! While such an answer could mean several requests, nothing more is asked. When every outstanding request was answered
//! in the same way, each of them is meant. Else, when the others have their answers or none comes any more, those that
//! are left are asked again one by one, so that each answer can only mean one stream.
//!
//! Two things would make that a guess. A refusal may mean a stream that is active, or one whose acknowledgement it has
//! overtaken: nothing more is claimed until it is explained by a request that, asked again alone, was refused again
//! without a name; if none is, it is misplaced and the connection has to be renewed. (One that is refused by name
//! explains nothing: that may be the answer from before it was asked again.) And once an answer failed to come in time, an answer without a name could be that one: an
//! acknowledgement proves nothing on this connection any more, and no refusal is explained.

use super::{Ask, Refusal, Slot, Subscriptions};
use crate::decide::Policy;
use crate::limits::SETTLE;
use crate::time::Time;

/// What an answer says, whomever it means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::decide) enum Answer {
    Acknowledged,
    Refused(Refusal),
    /// Not at the moment.
    Trouble,
    /// The request itself was found wrong.
    Mistake,
}

impl Answer {
    /// Whether it may be said of a stream that is active: it can be switched off, or fail.
    const fn is_serious(self) -> bool {
        matches!(self, Self::Trouble | Self::Refused(Refusal::Disabled))
    }
}

/// Whom an answer without a name means.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::decide) enum Anonymous {
    /// No request of ours waits for an answer.
    Nobody,
    /// Each of these.
    These(Vec<Slot>),
    /// One of several: it will be found out.
    Doubt,
}

/// Answers without a name, while several requests were unanswered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    answers: usize,
    /// What all of them said, if they said the same.
    same: Option<Answer>,
    /// When the last answer came.
    last: Time,
}

impl Doubt {
    /// When nothing more is to be expected.
    pub(super) fn deadline(&self) -> Time {
        self.last.after(SETTLE)
    }
}

impl Subscriptions {
    /// An answer named no stream.
    pub(in crate::decide) fn anonymous(&mut self, answer: Answer, now: Time, policy: &Policy) -> Anonymous {
        if self.in_flight == 0 {
            self.outstanding = self.outstanding.saturating_sub(1);
            // One answer too many: it is the true one of a request that was taken for refused.
            self.unexplained += usize::from(self.guesses.is_some());
            return Anonymous::Nobody;
        }
        let serious = answer.is_serious();
        // Of those that are to be asked again alone, some are served.
        let others = self.active > 0 || self.singly.iter().any(|entry| self.holds(*entry, Ask::Queued));
        let grave = others && serious;
        if self.lapsed && answer == Answer::Acknowledged {
            return Anonymous::Doubt;
        }
        if self.lapsed && grave {
            // Nor could asking again explain it: that request may be refused for a reason of its own.
            return Anonymous::Nobody;
        }
        self.unexplained += usize::from(serious);
        let doubt = self.doubt.get_or_insert(Doubt { answers: 0, same: Some(answer), last: now });
        doubt.answers += 1;
        doubt.last = now;
        doubt.same = doubt.same.filter(|same| *same == answer);
        // What could mean an active stream is confirmed by asking again.
        let proves = !grave || self.alone.is_some();
        if doubt.answers < self.outstanding || self.outstanding != self.in_flight || doubt.same.is_none() || !proves {
            self.settle(now);
            return Anonymous::Doubt;
        }
        Anonymous::These(self.all_meant(answer, grave, now, policy))
    }

    /// Every request that is outstanding was answered alike.
    fn all_meant(&mut self, answer: Answer, grave: bool, now: Time, policy: &Policy) -> Vec<Slot> {
        // Those that were answered alike explain each other; one that was asked again alone, this refusal and the one
        // for which it was asked again.
        let answers = self.doubt.map_or(0, |doubt| doubt.answers);
        let explained = if grave { 2 } else { answers * usize::from(answer.is_serious()) };
        self.unexplained = self.unexplained.saturating_sub(explained);
        (self.doubt, self.outstanding) = (None, 0);
        let flight = self.flight.iter().map(|(entry, _)| *entry);
        let meant: Vec<_> = flight.filter(|entry| self.holds(*entry, Ask::InFlight)).map(|(slot, _)| slot).collect();
        self.alone = None;
        if grave {
            self.guesses = Some((now, now.after(policy.acknowledgement)));
        }
        let refused = answer != Answer::Acknowledged;
        for slot in &meant {
            if let Some(stream) = self.get_mut(*slot) {
                // Everything was answered, so nothing is owed any more.
                (stream.owed, stream.guessed) = (0, refused);
            }
        }
        meant
    }

    /// Whether a refusal may mean a stream that is taken for active.
    pub(in crate::decide) const fn is_doubtful(&self) -> bool {
        self.unexplained > 0 || self.guesses.is_some()
    }

    /// Whether a refusal meant none of the streams that were asked for.
    pub(in crate::decide) fn is_misplaced(&self) -> bool {
        let asking = self.alone.is_some_and(|entry| self.holds(entry, Ask::InFlight))
            || self.singly.iter().any(|entry| self.holds(*entry, Ask::Queued));
        self.unexplained > 0 && self.doubt.is_none() && !asking
    }

    /// Whether what names a stream answers a request from before it was taken out and in again; that is one less then.
    pub(super) fn is_owed(&mut self, slot: Slot) -> bool {
        let Some(stream) = self.get_mut(slot).filter(|stream| stream.owed > 0 && stream.ask != Ask::Active) else {
            return false;
        };
        stream.owed -= 1;
        self.outstanding = self.outstanding.saturating_sub(1);
        true
    }

    /// A stream is about to be put out by name, which need not be an answer: if others without a name are there, it is
    /// not known any more what they answer.
    pub(super) const fn doubt_more(&mut self) {
        self.lapsed |= self.doubt.is_some();
    }

    /// The server says something of a stream by its name: if it was taken for refused without one, that is an answer too
    /// many, and the refusal meant another one.
    pub(in crate::decide) fn contradict(&mut self, slot: Slot) {
        if let Some(stream) = self.get_mut(slot).filter(|stream| stream.guessed) {
            stream.guessed = false;
            self.unexplained += usize::from(self.guesses.is_some());
        }
    }

    /// Nothing has contradicted the guesses in time. While what the server sent before them may still be on its way
    /// (`arrived` is the moment up to which all has come), that says nothing.
    pub(super) fn trust_guesses(&mut self, now: Time, arrived: Time) {
        let Some((since, until)) = self.guesses.filter(|(_, until)| *until <= now) else { return };
        if since > arrived {
            self.guesses = Some((since, until.max(now).after(SETTLE)));
            return;
        }
        self.guesses = None;
        self.iter_mut().for_each(|stream| stream.guessed = false);
    }

    /// One request for a stream was answered, by name.
    pub(super) fn answer_came(&mut self, slot: Slot) {
        if let Some(stream) = self.get_mut(slot).filter(|stream| stream.unanswered > 0) {
            stream.unanswered -= 1;
            self.outstanding = self.outstanding.saturating_sub(1);
        }
    }

    /// An answer that named its stream came: the doubt, if any, may be over.
    pub(super) fn answered(&mut self, now: Time) {
        if let Some(doubt) = &mut self.doubt {
            doubt.last = now;
            self.settle(now);
        }
        self.oldest();
    }

    /// Ends the doubt when no more requests are outstanding than answers were without a name, or when none comes.
    pub(super) fn settle(&mut self, now: Time) {
        let Some(doubt) = self.doubt else { return };
        let waits = self.outstanding > doubt.answers;
        if waits && doubt.deadline() > now {
            return;
        }
        self.lapsed |= waits;
        (self.doubt, self.outstanding) = (None, 0);
        let flight: Vec<_> = self.flight.drain(..).map(|(entry, _)| entry).collect();
        for entry in flight {
            if self.holds(entry, Ask::InFlight)
                && let Some(entry) = self.set(entry.0, Ask::Queued)
            {
                self.singly.push_back(entry);
            }
        }
    }
}
