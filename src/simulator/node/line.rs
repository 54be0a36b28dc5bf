//! One connection as the node sees it.

use super::Ending;
use super::outbox::{FOR_GOOD, Outbox, Parcel};
use crate::simulator::cue::Stalled;
use crate::simulator::wire;
use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// An upgraded connection.
#[derive(Debug)]
pub(in crate::simulator) struct Line {
    pub(super) outbox: Outbox,
    /// Subscribed streams, by place.
    pub(super) subscribed: HashSet<usize>,
    pub(super) ending: Option<Ending>,
    /// The client has sent its close frame.
    pub(super) heard_close: bool,
    /// Acknowledgements that wait to be shuffled.
    pub(super) unshuffled: Vec<usize>,
    pub(super) last_subscribe: Instant,
    pub(super) warned: bool,
    /// When an interaction or a tick was last put into the buffer.
    pub(super) last_data: Instant,
    pub(super) last_ping: Instant,
    /// What was written since the journal last heard of it.
    pub(super) unreported: super::outbox::Written,
    read_hold: Option<Instant>,
    /// Wakes both directions when something has changed.
    wake_writer: Rc<Notify>,
    wake_reader: Rc<Notify>,
}

impl Line {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            outbox: Outbox::default(),
            subscribed: HashSet::new(),
            ending: None,
            heard_close: false,
            unshuffled: Vec::new(),
            last_subscribe: now,
            warned: false,
            last_data: now,
            last_ping: now,
            unreported: super::outbox::Written::default(),
            read_hold: None,
            wake_writer: Rc::new(Notify::new()),
            wake_reader: Rc::new(Notify::new()),
        }
    }

    pub(in crate::simulator) fn wakers(&self) -> (Rc<Notify>, Rc<Notify>) {
        (Rc::clone(&self.wake_writer), Rc::clone(&self.wake_reader))
    }

    pub(super) fn wake(&self) {
        self.wake_writer.notify_one();
        self.wake_reader.notify_one();
    }

    /// A status or any other word of the node; `behind` waits its turn after the buffered interactions.
    pub(super) fn say(&mut self, text: &str, behind: Option<Instant>) {
        self.push(Parcel::control(wire::text(text.as_bytes())), behind);
    }

    pub(super) fn push(&mut self, parcel: Parcel, behind: Option<Instant>) {
        match behind {
            Some(from) => self.outbox.put(parcel, from),
            None => self.outbox.put_urgent(parcel),
        }
        self.wake_writer.notify_one();
    }

    pub(super) fn push_last(&mut self, parcel: Parcel, now: Instant) {
        self.outbox.put_last(parcel, now);
        self.wake_writer.notify_one();
    }

    /// A message of the world, from its moment on.
    pub(super) fn put(&mut self, parcel: Parcel, now: Instant, from: Instant) {
        self.last_data = now;
        self.outbox.put(parcel, from);
        self.wake_writer.notify_one();
    }

    pub(super) fn say_later(&mut self, text: &str, from: Instant) {
        self.outbox.put_later(Parcel::control(wire::text(text.as_bytes())), from);
        self.wake_writer.notify_one();
    }

    pub(super) fn stall(&mut self, what: Stalled, lasts: Option<Duration>, now: Instant) {
        let until = now + lasts.unwrap_or(FOR_GOOD);
        if what != Stalled::Reading {
            self.outbox.hold_until(Some(until));
        }
        if what != Stalled::Sending {
            self.read_hold = Some(until);
        }
        self.wake();
    }

    /// The moment until which nothing is to be read, if it lies ahead.
    pub(in crate::simulator) fn unread_until(&self, now: Instant) -> Option<Instant> {
        self.read_hold.filter(|until| now < *until && self.ending.is_none())
    }

    /// Both sides have said goodbye, and nothing is left to be sent.
    pub(in crate::simulator) fn is_over(&self) -> bool {
        self.ending.is_some() && self.heard_close && self.outbox.is_empty()
    }

    pub(in crate::simulator) fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Whether messages of the world still reach it.
    pub(super) fn takes(&self, place: usize) -> bool {
        self.subscribed.contains(&place)
    }
}
