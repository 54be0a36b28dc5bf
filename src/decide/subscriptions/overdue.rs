//! Requests that are to be made later, and those that were made and not answered in time.

use std::time::Duration;

use super::{Ask, Entry, Slot, Stream, Subscriptions};
use crate::decide::Policy;
use crate::decide::backoff::doubled;
use crate::limits::ASKS_IN_A_ROW;
use crate::time::Time;

impl Subscriptions {
    /// The server cannot serve a stream for now: it is asked for again later and later. Says how much later, if
    /// that is news.
    pub(in crate::decide) fn troubled(&mut self, slot: Slot, now: Time, policy: &Policy) -> Option<Duration> {
        if self.is(slot, Ask::Later) || self.is_owed(slot) {
            return None;
        }
        self.doubt_more();
        let wait = self.postpone(slot, now, policy)?;
        self.over(slot);
        self.answered(now);
        Some(wait)
    }

    /// Has a stream that is out asked for again at `due`. One that is to be asked for anyway stays where it is.
    pub(super) fn put_off(&mut self, slot: Slot, due: Time) {
        let out = |stream: &&mut Stream| matches!(stream.ask, Ask::Out(_) | Ask::Later);
        if let Some(stream) = self.slots.get_mut(slot.0).and_then(Option::as_mut).filter(out) {
            self.later.remove(&(stream.due, slot));
            stream.due = stream.due.min(due);
            self.later.insert((stream.due, slot));
        }
    }

    fn postpone(&mut self, slot: Slot, now: Time, policy: &Policy) -> Option<Duration> {
        self.set(slot, Ask::Later)?;
        let stream = self.get_mut(slot)?;
        let wait = doubled(policy.trouble_first, stream.tries, policy.trouble_max);
        stream.tries = stream.tries.saturating_add(1);
        self.put_off(slot, now.after(wait));
        Some(wait)
    }

    /// Does what is due: postponed streams are queued, unanswered ones too (or postponed, after too many times).
    /// Says which went unanswered. All that was produced before `arrived` has arrived.
    pub(in crate::decide) fn due(&mut self, now: Time, arrived: Time, policy: &Policy) -> Vec<Slot> {
        while let Some((_, slot)) = self.later.first().copied().filter(|(at, _)| *at <= now) {
            self.queue(slot);
        }
        self.settle(now);
        self.trust_guesses(now, arrived);
        let mut unanswered = Vec::new();
        while let Some((entry, asked)) = self.oldest() {
            if asked.after(policy.acknowledgement) > now {
                break;
            }
            self.flight.pop_front();
            unanswered.push(entry.0);
            self.outstanding = self.outstanding.saturating_sub(1);
            self.lapsed = true;
            if let Some(stream) = self.get_mut(entry.0)
                && stream.asked.is_some_and(|first| first <= arrived)
            {
                // No acknowledgement came, and nothing is left from before it was asked for: from now on a message will do.
                // It is the first request that counts: behind a server's clock that was set back everything arrives late,
                // and later than each request that follows.
                stream.ended = false;
            }
            self.ask_again(entry.0, now, policy);
        }
        unanswered
    }

    /// When [`Subscriptions::due`] has something to do.
    pub(in crate::decide) fn deadline(&self, policy: &Policy) -> Time {
        let later = self.later.first().map_or(Time::NEVER, |(at, _)| *at);
        let flight = self.flight.front().map_or(Time::NEVER, |(_, asked)| asked.after(policy.acknowledgement));
        let doubt = self.doubt.map_or(Time::NEVER, |doubt| doubt.deadline());
        later.min(flight).min(doubt).min(self.guesses.map_or(Time::NEVER, |(_, until)| until))
    }

    fn ask_again(&mut self, slot: Slot, now: Time, policy: &Policy) {
        let Some(stream) = self.get_mut(slot) else { return };
        if stream.tries.saturating_add(1).is_multiple_of(ASKS_IN_A_ROW) {
            self.postpone(slot, now, policy);
        } else {
            stream.tries = stream.tries.saturating_add(1);
            self.queue(slot);
        }
    }

    /// The request that has waited longest for an answer. Stale entries before it are dropped.
    pub(super) fn oldest(&mut self) -> Option<(Entry, Time)> {
        while let Some(&(entry, asked)) = self.flight.front() {
            if self.holds(entry, Ask::InFlight) {
                return Some((entry, asked));
            }
            self.flight.pop_front();
        }
        None
    }
}
