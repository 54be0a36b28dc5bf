//! The wanted streams: what each one's coverage stands at, and where each one's subscription stands.
//!
//! Requests are paced by a window of unanswered ones. Answers name their stream in several ways or not at all: when a
//! refusal names none, nothing is guessed. No more is asked until the other answers are in; then those that were not
//! answered are asked again one by one, so that each answer can only mean one stream.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::Policy;
use super::backoff::doubled;
use crate::coverage::Cause;
use crate::limits::{ASKS_IN_A_ROW, SETTLE};
use crate::record::StreamId;
use crate::time::Time;

/// A stream as the archive knows it when it becomes wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Start {
    pub id: StreamId,
    pub name: String,
    /// Since when it is wanted.
    pub wanted: Time,
    pub standing: Standing,
}

/// Where the history of a stream stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It has none since it became wanted.
    New,
    /// A gap grows.
    Gap(Cause),
    /// Coverage has run since then, on the present connection.
    Covered(Time),
}

/// Why a stream is out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    Rejected,
    Disabled,
    Overflow,
}

/// A place in the table of streams. Good until the stream is removed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Slot(usize);

/// One wanted stream.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) name: String,
    pub(super) wanted: Time,
    pub(super) standing: Standing,
    ask: Ask,
    /// Grows with every change of `ask`; an entry of a queue with another one is stale.
    ticket: u64,
    /// How often it was asked for in vain.
    tries: u32,
}

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ask {
    /// Not on this connection.
    Idle,
    /// To be asked for.
    Queued,
    /// Asked for, not answered.
    InFlight,
    Active,
    /// To be asked for again at some later time.
    Later,
    Out(Refusal),
}

/// Refusals that named no stream, while answers were outstanding.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    refusals: usize,
    last: Time,
}

type Entry = (Slot, u64);

/// All wanted streams.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    slots: Vec<Option<Stream>>,
    free: Vec<Slot>,
    names: HashMap<Box<str>, Slot>,
    pending: VecDeque<Entry>,
    /// To be asked for one by one.
    singly: VecDeque<Entry>,
    /// The one that is being asked for alone.
    alone: Option<Entry>,
    flight: VecDeque<(Entry, Time)>,
    later: BTreeSet<(Time, Slot, u64)>,
    doubt: Option<Doubt>,
    tickets: u64,
    in_flight: usize,
    active: usize,
    out: usize,
}

impl Subscriptions {
    pub(super) fn new(streams: Vec<Start>) -> Self {
        let mut all = Self::default();
        for start in streams {
            all.add(start);
        }
        all
    }

    /// Takes a stream in, if it is not there yet.
    pub(super) fn add(&mut self, start: Start) -> Option<Slot> {
        if self.names.contains_key(start.name.as_str()) {
            return None;
        }
        let slot = self.free.pop().unwrap_or(Slot(self.slots.len()));
        self.names.insert(start.name.clone().into_boxed_str(), slot);
        let Start { id, name, wanted, standing } = start;
        self.tickets += 1;
        let stream = Stream { id, name, wanted, standing, ask: Ask::Idle, ticket: self.tickets, tries: 0 };
        match self.slots.get_mut(slot.0) {
            Some(place) => *place = Some(stream),
            None => self.slots.push(Some(stream)),
        }
        Some(slot)
    }

    /// Takes a stream out. Says whether the server serves it or was asked to.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<(Stream, bool)> {
        let asked = matches!(self.get(slot)?.ask, Ask::Active | Ask::InFlight);
        let freed = self.get(slot)?.ask == Ask::Active;
        self.set(slot, Ask::Idle);
        let stream = self.slots.get_mut(slot.0)?.take()?;
        self.names.remove(stream.name.as_str());
        self.free.push(slot);
        if freed && let Some(next) = self.first_out(Refusal::Overflow) {
            self.queue(next);
        }
        Some((stream, asked))
    }

    pub(super) fn find(&self, name: &str) -> Option<Slot> {
        self.names.get(name).copied()
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Stream> {
        self.slots.get(slot.0)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Stream> {
        self.slots.get_mut(slot.0)?.as_mut()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        self.slots.iter_mut().flatten()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.slots.iter().flatten()
    }

    pub(super) fn wanted(&self) -> usize {
        self.names.len()
    }

    pub(super) const fn active(&self) -> usize {
        self.active
    }

    /// Streams that are refused or wait to be asked for again.
    pub(super) const fn out(&self) -> usize {
        self.out
    }

    /// Whether every stream that can be asked for was asked for and answered.
    pub(super) fn is_settled(&self) -> bool {
        self.in_flight == 0 && self.pending.is_empty() && self.singly.is_empty()
    }

    pub(super) fn is_active(&self, slot: Slot) -> bool {
        self.is(slot, Ask::Active)
    }

    fn is(&self, slot: Slot, ask: Ask) -> bool {
        self.get(slot).is_some_and(|stream| stream.ask == ask)
    }

    /// A connection stands: everything is to be asked for, save what was refused. What did not fit comes last.
    pub(super) fn connected(&mut self) {
        let slots: Vec<_> = (0..self.slots.len()).map(Slot).collect();
        for slot in &slots {
            if self.is(*slot, Ask::Idle) {
                self.queue(*slot);
            }
        }
        for slot in slots {
            if self.is(slot, Ask::Out(Refusal::Overflow)) {
                self.queue(slot);
            }
        }
    }

    /// The connection is gone, and with it every subscription.
    pub(super) fn disconnected(&mut self) {
        self.pending.clear();
        self.singly.clear();
        self.flight.clear();
        (self.alone, self.doubt) = (None, None);
        for slot in (0..self.slots.len()).map(Slot) {
            if self.get(slot).is_some_and(|s| matches!(s.ask, Ask::Queued | Ask::InFlight | Ask::Active)) {
                self.set(slot, Ask::Idle);
            }
        }
    }

    /// Puts a stream at the end of those to be asked for.
    pub(super) fn queue(&mut self, slot: Slot) {
        if let Some(entry) = self.set(slot, Ask::Queued) {
            self.pending.push_back(entry);
        }
    }

    /// The next stream to ask for, if one may be asked for now.
    pub(super) fn next(&mut self, now: Time, window: usize) -> Option<Slot> {
        if self.doubt.is_some() || self.alone.is_some_and(|entry| self.holds(entry, Ask::InFlight)) {
            return None;
        }
        self.alone = None;
        let singly = !self.singly.is_empty();
        if self.in_flight >= if singly { 1 } else { window } {
            return None;
        }
        let (slot, _) = loop {
            let entry = if singly { self.singly.pop_front()? } else { self.pending.pop_front()? };
            if self.holds(entry, Ask::Queued) {
                break entry;
            }
        };
        let entry = self.set(slot, Ask::InFlight)?;
        self.flight.push_back((entry, now));
        if singly {
            self.alone = Some(entry);
        }
        Some(slot)
    }

    /// The server serves a stream. Says whether that is new.
    pub(super) fn acknowledged(&mut self, slot: Slot, now: Time) -> bool {
        if self.is_active(slot) || self.set(slot, Ask::Active).is_none() {
            return false;
        }
        if let Some(stream) = self.get_mut(slot) {
            stream.tries = 0;
        }
        self.answered(now);
        true
    }

    /// The server will not serve a stream. Says whether that is new.
    pub(super) fn refused(&mut self, slot: Slot, why: Refusal, now: Time, policy: &Policy) -> bool {
        if self.is(slot, Ask::Out(why)) {
            return false;
        }
        let entry = self.set(slot, Ask::Out(why));
        if let (Some((slot, ticket)), Refusal::Disabled) = (entry, why) {
            self.later.insert((now.after(policy.disabled_probe), slot, ticket));
        }
        self.answered(now);
        entry.is_some()
    }

    /// A stream is to be asked for again later and later. Says how much later.
    pub(super) fn postponed(&mut self, slot: Slot, now: Time, policy: &Policy) -> Option<std::time::Duration> {
        let (slot, ticket) = self.set(slot, Ask::Later)?;
        let stream = self.get_mut(slot)?;
        let wait = doubled(policy.trouble_first, stream.tries, policy.trouble_max);
        stream.tries = stream.tries.saturating_add(1);
        self.later.insert((now.after(wait), slot, ticket));
        self.answered(now);
        Some(wait)
    }

    /// A refusal named no stream. The one it means, if only one can be meant; else the doubt is noted.
    pub(super) fn anonymous(&mut self, now: Time) -> Anonymous {
        match self.in_flight {
            0 => Anonymous::Nobody,
            1 if self.doubt.is_none() => {
                let one = self.flight.iter().map(|(entry, _)| *entry).find(|entry| self.holds(*entry, Ask::InFlight));
                one.map_or(Anonymous::Nobody, |(slot, _)| Anonymous::Only(slot))
            }
            _ => {
                let refusals = self.doubt.map_or(0, |doubt| doubt.refusals) + 1;
                self.doubt = Some(Doubt { refusals, last: now });
                self.settle(now);
                Anonymous::Doubt
            }
        }
    }

    /// No more streams fit: everything that still is to be asked for is out. Says which.
    pub(super) fn overflow(&mut self) -> Vec<Slot> {
        let waiting: Vec<_> = self.pending.drain(..).chain(self.singly.drain(..)).collect();
        let mut left_out = Vec::new();
        for entry in waiting {
            if self.holds(entry, Ask::Queued) {
                self.set(entry.0, Ask::Out(Refusal::Overflow));
                left_out.push(entry.0);
            }
        }
        left_out
    }

    /// Everything that was switched off is asked for again: the operator had the settings read.
    pub(super) fn retry_disabled(&mut self) {
        for slot in (0..self.slots.len()).map(Slot) {
            if self.is(slot, Ask::Out(Refusal::Disabled)) {
                self.queue(slot);
            }
        }
    }

    /// Does what is due: postponed streams are queued, unanswered ones too (or postponed, after too many times).
    /// Says which went unanswered.
    pub(super) fn due(&mut self, now: Time, policy: &Policy) -> Vec<Slot> {
        while let Some(&(at, slot, ticket)) = self.later.first().filter(|(at, _, _)| *at <= now) {
            self.later.remove(&(at, slot, ticket));
            if self.get(slot).is_some_and(|stream| stream.ticket == ticket) {
                self.queue(slot);
            }
        }
        self.settle(now);
        let mut unanswered = Vec::new();
        while let Some((entry, asked)) = self.oldest() {
            if asked.after(policy.acknowledgement) > now {
                break;
            }
            self.flight.pop_front();
            unanswered.push(entry.0);
            self.ask_again(entry.0, now, policy);
        }
        unanswered
    }

    /// When [`Subscriptions::due`] has something to do.
    pub(super) fn deadline(&self, policy: &Policy) -> Time {
        let later = self.later.first().map_or(Time::NEVER, |(at, _, _)| *at);
        let flight = self.flight.front().map_or(Time::NEVER, |(_, asked)| asked.after(policy.acknowledgement));
        let doubt = self.doubt.map_or(Time::NEVER, |doubt| doubt.last.after(SETTLE));
        later.min(flight).min(doubt)
    }

    fn ask_again(&mut self, slot: Slot, now: Time, policy: &Policy) {
        let tries = self.get(slot).map_or(0, |stream| stream.tries);
        if tries.saturating_add(1).is_multiple_of(ASKS_IN_A_ROW) {
            self.postponed(slot, now, policy);
        } else {
            self.queue(slot);
            if let Some(stream) = self.get_mut(slot) {
                stream.tries = tries.saturating_add(1);
            }
        }
    }

    /// The request that has waited longest for an answer. Stale entries before it are dropped.
    fn oldest(&mut self) -> Option<(Entry, Time)> {
        while let Some(&(entry, asked)) = self.flight.front() {
            if self.holds(entry, Ask::InFlight) {
                return Some((entry, asked));
            }
            self.flight.pop_front();
        }
        None
    }

    /// An answer came: the doubt, if any, may be over.
    fn answered(&mut self, now: Time) {
        if let Some(doubt) = &mut self.doubt {
            doubt.last = now;
            self.settle(now);
        }
        self.oldest();
    }

    /// Ends the doubt when only as many requests are unanswered as were refused, or when no more answers come.
    fn settle(&mut self, now: Time) {
        let Some(doubt) = self.doubt else { return };
        if self.in_flight > doubt.refusals && doubt.last.after(SETTLE) > now {
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

    fn first_out(&self, why: Refusal) -> Option<Slot> {
        (0..self.slots.len()).map(Slot).find(|slot| self.is(*slot, Ask::Out(why)))
    }

    /// Whether an entry of a queue still means what it meant.
    fn holds(&self, (slot, ticket): Entry, ask: Ask) -> bool {
        self.get(slot).is_some_and(|stream| stream.ticket == ticket && stream.ask == ask)
    }

    /// The one place where a subscription changes; keeps the counts.
    fn set(&mut self, slot: Slot, ask: Ask) -> Option<Entry> {
        let ticket = self.tickets + 1;
        let stream = self.slots.get_mut(slot.0)?.as_mut()?;
        match stream.ask {
            Ask::Active => self.active -= 1,
            Ask::InFlight => self.in_flight -= 1,
            Ask::Out(_) | Ask::Later => self.out -= 1,
            Ask::Idle | Ask::Queued => {}
        }
        match ask {
            Ask::Active => self.active += 1,
            Ask::InFlight => self.in_flight += 1,
            Ask::Out(_) | Ask::Later => self.out += 1,
            Ask::Idle | Ask::Queued => {}
        }
        (stream.ask, stream.ticket, self.tickets) = (ask, ticket, ticket);
        Some((slot, ticket))
    }
}

/// Whom a refusal without a name can mean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Anonymous {
    /// No request of ours is unanswered.
    Nobody,
    /// Only this one.
    Only(Slot),
    /// One of several: they will be asked for again, one by one.
    Doubt,
}
