//! Answers that name no stream: whom they can mean, found out without a guess.
//!
//! While such an answer could mean several requests, nothing more is asked. When every unanswered request was answered
//! in the same way, each of them is meant. Else, when the others have their answers or none comes any more, those that
//! are left are asked again one by one, so that each answer can only mean one stream.

use super::{Ask, Refusal, Slot, Subscriptions};
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

/// Whom an answer without a name means.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::decide) enum Anonymous {
    /// No request of ours is unanswered.
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
    pub(in crate::decide) fn anonymous(&mut self, answer: Answer, now: Time) -> Anonymous {
        if self.in_flight == 0 {
            return Anonymous::Nobody;
        }
        let doubt = self.doubt.get_or_insert(Doubt { answers: 0, same: Some(answer), last: now });
        doubt.answers += 1;
        doubt.last = now;
        doubt.same = doubt.same.filter(|same| *same == answer);
        if doubt.answers < self.in_flight {
            return Anonymous::Doubt;
        }
        if doubt.same.is_some() {
            self.doubt = None;
            let flight = self.flight.iter().map(|(entry, _)| *entry);
            return Anonymous::These(
                flight.filter(|entry| self.holds(*entry, Ask::InFlight)).map(|(slot, _)| slot).collect(),
            );
        }
        self.settle(now);
        Anonymous::Doubt
    }

    /// An answer that named its stream came: the doubt, if any, may be over.
    pub(super) fn answered(&mut self, now: Time) {
        if let Some(doubt) = &mut self.doubt {
            doubt.last = now;
            self.settle(now);
        }
        self.oldest();
    }

    /// Ends the doubt when no more requests are unanswered than answers were without a name, or when none comes.
    pub(super) fn settle(&mut self, now: Time) {
        let Some(doubt) = self.doubt else { return };
        if self.in_flight > doubt.answers && doubt.deadline() > now {
            return;
        }
        self.doubt = None;
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
