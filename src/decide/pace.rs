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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MAX: usize = 1_000;
    const LOW: usize = MAX / QUEUE_LOW_PART;

    fn at(millis: u64) -> Time {
        Time::from_seconds(1_000_000).after(Duration::from_millis(millis))
    }

    #[test]
    fn what_waits_is_what_was_last_told() {
        let mut pace = Pace::default();
        for queued in [700, 0, 3] {
            pace.queue(at(0), queued, MAX);
            assert_eq!(pace.queued(), queued);
        }
    }

    #[test]
    fn catching_up_ends_when_the_queue_was_low_for_long_enough_but_for_short_peaks() {
        let quiet = u64::try_from(DRAIN_QUIET.as_millis()).unwrap();
        let peak = u64::try_from(DRAIN_PEAK.as_millis()).unwrap();
        // The queue by the millisecond, and when catching up can end after the last of these.
        for (told, end) in [
            (vec![], Some(quiet)),
            (vec![(10, LOW)], Some(quiet)),
            (vec![(10, LOW + 1)], None),
            (vec![(10, LOW + 1), (10 + peak, LOW)], Some(quiet)),
            (vec![(10, LOW + 1), (11 + peak, LOW)], Some(11 + peak + quiet)),
            (vec![(10, LOW + 1), (10 + peak, LOW + 1), (11 + peak, LOW)], Some(11 + peak + quiet)),
        ] {
            let mut pace = Pace::default();
            assert!(pace.enter(at(0), MAX) && !pace.enter(at(0), MAX), "it is new once");
            for (millis, queued) in &told {
                pace.queue(at(*millis), *queued, MAX);
            }
            assert_eq!(pace.deadline(), end.map_or(Time::NEVER, at), "{told:?}");
            let Some(end) = end else { continue };
            assert_eq!(pace.leave(at(end - 1)), None, "{told:?}");
            assert_eq!(pace.leave(at(end)), Some(at(0)), "{told:?}");
            assert!(!pace.is_draining() && pace.leave(at(end)).is_none());
        }
    }

    #[test]
    fn who_does_not_catch_up_has_no_end_of_it_to_wait_for() {
        let mut pace = Pace::default();
        pace.queue(at(0), 0, MAX);
        assert_eq!((pace.deadline(), pace.is_draining()), (Time::NEVER, false));
        // What was low before counts for nothing once it begins.
        pace.enter(at(5_000), MAX);
        assert_eq!(pace.deadline(), at(5_000).after(DRAIN_QUIET));
    }
}
