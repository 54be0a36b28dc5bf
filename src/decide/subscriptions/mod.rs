//! The wanted streams: what each one's coverage stands at, and where each one's subscription stands.
//!
//! Requests are paced by a window of unanswered ones. A stream is active when its acknowledgement came, or, if none
//! came, when a message of it did which no earlier subscription can have left behind.

mod answers;
mod names;
mod overdue;
mod stream;

pub(super) use answers::{Anonymous, Answer};

use std::collections::{BTreeSet, HashMap, VecDeque};

use self::answers::Doubt;
use self::names::Names;
use self::stream::Ask;
pub(super) use self::stream::Stream;
use super::Policy;
use crate::coverage::Cause;
use crate::limits::{ASKS_IN_A_ROW, STREAMS_MAX};
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

/// A stream that was taken out while the present connection served it or was asked to.
#[derive(Clone, Copy, Debug)]
struct Former {
    /// Answers still to come.
    owed: u32,
    /// When, in tickets.
    ticket: u64,
}

type Entry = (Slot, u64);

/// All wanted streams.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    slots: Vec<Option<Stream>>,
    /// The active ones by their places. It is what a message asks for, and small enough to lie in a cache, where 5,000
    /// streams do not.
    served: Vec<Option<StreamId>>,
    free: Vec<Slot>,
    names: Names,
    pending: VecDeque<Entry>,
    /// To be asked for one by one.
    singly: VecDeque<Entry>,
    /// The one that is being asked for alone.
    alone: Option<Entry>,
    flight: VecDeque<(Entry, Time)>,
    later: BTreeSet<(Time, Slot)>,
    doubt: Option<Doubt>,
    /// Requests on this connection that are to be answered, whatever has become of the streams meanwhile.
    outstanding: usize,
    /// An answer did not come in time on this connection.
    lapsed: bool,
    /// Streams that were taken out while requests were outstanding.
    room_to_come: usize,
    /// Refusals without a name that may mean a stream which is taken for active.
    unexplained: usize,
    /// Since when, and until when at least, what was taken for refused may turn out to be served.
    guesses: Option<(Time, Time)>,
    /// Streams that were taken out on this connection.
    former: HashMap<Box<str>, Former>,
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
        if self.names.get(&start.name).is_some() {
            return None;
        }
        let slot = self.free.pop().unwrap_or(Slot(self.slots.len()));
        self.names.insert(&start.name, slot);
        let former = self.former.remove(start.name.as_str());
        let Start { id, name, wanted, standing } = start;
        let stream = Stream {
            id,
            name,
            wanted,
            standing,
            ask: Ask::Idle,
            due: Time::NEVER,
            ticket: self.tickets,
            tries: 0,
            unanswered: 0,
            owed: former.map_or(0, |former| former.owed),
            ended: former.is_some(),
            asked: None,
            guessed: false,
            told: None,
        };
        if let Some(place) = self.slots.get_mut(slot.0) {
            *place = Some(stream);
        } else {
            self.slots.push(Some(stream));
            self.served.push(None);
        }
        Some(slot)
    }

    /// Takes a stream out. Says whether the server serves it or was asked to.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<(Stream, bool)> {
        let served = self.is_active(slot);
        self.set(slot, Ask::Idle);
        let stream = self.slots.get_mut(slot.0)?.take()?;
        self.names.remove(&stream.name);
        self.free.push(slot);
        let asked = served || stream.unanswered > 0;
        if asked || stream.ended {
            let owed = stream.owed.saturating_add(stream.unanswered).min(ASKS_IN_A_ROW);
            self.former.insert(stream.name.as_str().into(), Former { owed, ticket: self.tickets });
            self.forget_former();
        }
        if served {
            self.fill_room();
        }
        if asked && self.outstanding > 0 {
            // The server gives its place back, perhaps after it has refused another one for want of it.
            self.room_to_come += 1;
        }
        Some((stream, asked))
    }

    /// Keeps those that were taken out last: an hour of churn must not fill memory.
    fn forget_former(&mut self) {
        if self.former.len() > 2 * STREAMS_MAX {
            let mut tickets: Vec<_> = self.former.values().map(|former| former.ticket).collect();
            let (_, middle, _) = tickets.select_nth_unstable(STREAMS_MAX);
            let middle = *middle;
            self.former.retain(|_, former| former.ticket > middle);
        }
    }

    /// There is room for one more subscription: one that was left out is asked for.
    fn fill_room(&mut self) {
        if let Some(next) = self.first_out(Refusal::Overflow) {
            self.queue(next);
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<Slot> {
        self.names.get(name)
    }

    /// The archive's number of a stream, if it is active.
    fn served(&self, slot: Slot) -> Option<StreamId> {
        *self.served.get(slot.0)?
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
        for last in [false, true] {
            for slot in (0..self.slots.len()).map(Slot) {
                let Some(stream) = self.get(slot) else { continue };
                if matches!(stream.ask, Ask::Idle | Ask::Out(Refusal::Overflow))
                    && (stream.standing == Standing::Gap(Cause::OverLimit)) == last
                {
                    self.queue(slot);
                }
            }
        }
    }

    /// The connection is gone, and with it every subscription.
    pub(super) fn disconnected(&mut self) {
        self.pending.clear();
        self.singly.clear();
        self.flight.clear();
        self.former.clear();
        (self.alone, self.doubt, self.guesses) = (None, None, None);
        (self.outstanding, self.unexplained, self.room_to_come, self.lapsed) = (0, 0, 0, false);
        for slot in (0..self.slots.len()).map(Slot) {
            let Some(stream) = self.get_mut(slot) else { continue };
            (stream.unanswered, stream.owed) = (0, 0);
            (stream.ended, stream.asked, stream.guessed) = (false, None, false);
            if matches!(stream.ask, Ask::Queued | Ask::InFlight | Ask::Active) {
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
        self.skip_stale();
        let singly = !self.singly.is_empty();
        if self.in_flight >= if singly { 1 } else { window } {
            return None;
        }
        let (slot, _) = if singly { self.singly.pop_front()? } else { self.pending.pop_front()? };
        let entry = self.set(slot, Ask::InFlight)?;
        self.flight.push_back((entry, now));
        if singly {
            self.alone = Some(entry);
        }
        self.outstanding += 1;
        let stream = self.get_mut(slot)?;
        (stream.unanswered, stream.guessed) = (stream.unanswered.saturating_add(1), false);
        stream.asked.get_or_insert(now);
        Some(slot)
    }

    /// Drops entries that mean nothing any more from the fronts of the queues.
    fn skip_stale(&mut self) {
        while self.singly.front().is_some_and(|entry| !self.holds(*entry, Ask::Queued)) {
            self.singly.pop_front();
        }
        while self.pending.front().is_some_and(|entry| !self.holds(*entry, Ask::Queued)) {
            self.pending.pop_front();
        }
    }

    /// The server says that it serves a stream. Says whether that is new.
    pub(super) fn acknowledged(&mut self, slot: Slot, now: Time, policy: &Policy) -> bool {
        if self.is_owed(slot) {
            return false;
        }
        let Some(stream) = self.get_mut(slot) else { return false };
        if stream.unanswered == 0 && stream.ended && !stream.guessed {
            // It was put out, and nothing was asked since: the two have changed places on their way, or the server
            // does not know what it says. A new answer will tell.
            self.put_off(slot, now.after(policy.trouble_first));
            return false;
        }
        stream.ended = false;
        self.contradict(slot);
        self.answer_came(slot);
        self.activate(slot, now)
    }

    /// A message of a stream came. Says under which number that is stored, and whether this is the first proof that the
    /// server serves it: it was asked to, no answer came, and no earlier subscription can have left the message behind.
    pub(super) fn message_came(&mut self, slot: Slot, now: Time) -> Option<(StreamId, bool)> {
        if let Some(id) = self.served(slot) {
            return Some((id, false));
        }
        let stream = self.get(slot)?;
        let id = stream.id;
        let proves = stream.unanswered > 0 && !stream.ended;
        self.contradict(slot);
        Some((id, proves && self.activate(slot, now)))
    }

    /// A stream is served. Says whether that is new.
    fn activate(&mut self, slot: Slot, now: Time) -> bool {
        let Some(stream) = self.get_mut(slot) else { return false };
        (stream.tries, stream.told) = (0, None);
        if stream.ask == Ask::Active {
            return false;
        }
        self.set(slot, Ask::Active);
        self.answered(now);
        true
    }

    /// The server will not serve a stream. Says whether the operator has yet to be told.
    pub(super) fn refused(&mut self, slot: Slot, why: Refusal, now: Time, policy: &Policy) -> bool {
        let served = self.is_active(slot);
        if self.is_owed(slot) {
            return false;
        }
        self.doubt_more();
        if self.is(slot, Ask::Out(why)) || self.set(slot, Ask::Out(why)).is_none() {
            return false;
        }
        if why == Refusal::Disabled {
            self.put_off(slot, now.after(policy.disabled_probe));
        } else if why == Refusal::Overflow && self.room_to_come > 0 {
            self.room_to_come -= 1;
            self.put_off(slot, now.after(policy.trouble_first));
        }
        if served && why != Refusal::Overflow {
            self.fill_room();
        }
        self.over(slot);
        self.answered(now);
        let Some(stream) = self.get_mut(slot) else { return false };
        if why == Refusal::Disabled {
            // What is switched off was served: an acknowledgement that comes behind this was overtaken by it, and tells
            // of nothing that still is.
            stream.unanswered = 0;
        }
        stream.told.replace(why) != Some(why)
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

    /// Everything that was switched off is asked for again, or will be on the next connection: the operator had the
    /// settings read.
    pub(super) fn retry_disabled(&mut self, connected: bool) {
        for slot in (0..self.slots.len()).map(Slot) {
            if self.is(slot, Ask::Out(Refusal::Disabled)) {
                if let Some(stream) = self.get_mut(slot) {
                    stream.told = None;
                }
                self.set(slot, Ask::Idle);
                if connected {
                    self.queue(slot);
                }
            }
        }
    }

    /// How many streams do not fit on the connection.
    pub(super) fn overflowing(&self) -> usize {
        self.iter().filter(|stream| stream.ask == Ask::Out(Refusal::Overflow)).count()
    }

    fn first_out(&self, why: Refusal) -> Option<Slot> {
        (0..self.slots.len()).map(Slot).find(|slot| self.is(*slot, Ask::Out(why)))
    }

    /// Whether an entry of a queue still means what it meant.
    fn holds(&self, (slot, ticket): Entry, ask: Ask) -> bool {
        self.get(slot).is_some_and(|stream| stream.ticket == ticket && stream.ask == ask)
    }

    /// A subscription, or a request for one, has come to its end on this connection.
    fn over(&mut self, slot: Slot) {
        self.answer_came(slot);
        if let Some(stream) = self.get_mut(slot) {
            (stream.ended, stream.asked) = (true, None);
        }
    }

    /// The one place where a subscription changes; keeps the counts.
    fn set(&mut self, slot: Slot, ask: Ask) -> Option<Entry> {
        let ticket = self.tickets + 1;
        let stream = self.slots.get_mut(slot.0)?.as_mut()?;
        match stream.ask {
            Ask::Active => self.active -= 1,
            Ask::InFlight => self.in_flight -= 1,
            Ask::Out(_) | Ask::Later => {
                self.out -= 1;
                self.later.remove(&(stream.due, slot));
                stream.due = Time::NEVER;
            }
            Ask::Idle | Ask::Queued => {}
        }
        match ask {
            Ask::Active => self.active += 1,
            Ask::InFlight => self.in_flight += 1,
            Ask::Out(_) | Ask::Later => self.out += 1,
            Ask::Idle | Ask::Queued => {}
        }
        (stream.ask, stream.ticket, self.tickets) = (ask, ticket, ticket);
        if let Some(served) = self.served.get_mut(slot.0) {
            *served = (ask == Ask::Active).then_some(stream.id);
        }
        Some((slot, ticket))
    }
}

#[cfg(test)]
mod tests;
