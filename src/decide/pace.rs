//! Whether we catch up: entered when the server finds us slow, left when the queue has stayed near empty.

use crate::limits::{DRAIN_PEAK, DRAIN_QUIET, QUEUE_LOW_PART};
use crate::time::Time;

/// The daemon's pace.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Pace {
    /// Bytes that wait for the disk.
    queued: usize,
    /// Since when we catch up.
    draining: Option<Time>,
    /// Since when the queue is near empty, but for short peaks.
    quiet: Option<Time>,
    /// Since when it is not.
    above: Option<Time>,
}

impl Pace {
    pub const fn queued(&self) -> usize {
        self.queued
    }

    pub const fn is_draining(&self) -> bool {
        self.draining.is_some()
    }

    /// Starts to catch up. Says whether that is new.
    pub fn enter(&mut self, now: Time, queue_max: usize) -> bool {
        let new = self.draining.is_none();
        self.draining.get_or_insert(now);
        self.quiet = None;
        self.queue(now, self.queued, queue_max);
        new
    }

    /// So many bytes wait now. Five thousand acknowledgements come in one breath: what the disk has taken a moment later
    /// says nothing against it.
    pub fn queue(&mut self, now: Time, queued: usize, queue_max: usize) {
        self.queued = queued;
        if queued > queue_max / QUEUE_LOW_PART {
            self.above.get_or_insert(now);
        } else {
            if self.above.take().is_some_and(|since| now.since(since) > DRAIN_PEAK) {
                self.quiet = None;
            }
            if self.draining.is_some() {
                self.quiet.get_or_insert(now);
            }
        }
    }

    /// Leaves, if it is time. Says since when we caught up.
    pub fn leave(&mut self, now: Time) -> Option<Time> {
        (self.deadline() <= now).then_some(())?;
        self.quiet = None;
        self.draining.take()
    }

    /// When [`Pace::leave`] may succeed.
    pub fn deadline(&self) -> Time {
        match (self.draining, self.quiet, self.above) {
            (Some(_), Some(quiet), None) => quiet.after(DRAIN_QUIET),
            _ => Time::NEVER,
        }
    }
}
