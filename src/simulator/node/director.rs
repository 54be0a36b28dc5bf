//! When cues fire: after a time, or when something has been counted far enough.

use crate::simulator::cue::{Cue, When};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use tokio::time::Instant;

/// What is counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Counted {
    Messages,
    Connections,
    Acknowledgements,
    Jobs,
}

/// A cue whose moment has come, and the connection that brought it about.
#[derive(Clone, Debug)]
pub(super) struct Due {
    pub(super) cue: Rc<Cue>,
    pub(super) connection: Option<u64>,
}

#[derive(Debug)]
struct Awaited {
    cue: Rc<Cue>,
    what: Counted,
    at: u64,
    step: u64,
    left: u32,
}

#[derive(Debug)]
struct Timed {
    due: Due,
    /// Firings left, this one included; none for no end.
    left: Option<u32>,
}

/// The timeline of a run.
#[derive(Debug, Default)]
pub(super) struct Director {
    timers: BTreeMap<(Instant, u64), Timed>,
    entries: u64,
    awaited: Vec<Awaited>,
    due: VecDeque<Due>,
}

impl Director {
    /// Takes a cue in. Its times count from `start`, or from `now` when it comes while the run is on.
    pub(super) fn arm(&mut self, cue: Cue, start: Instant) {
        let cue = Rc::new(cue);
        let When { at, after_messages, on_connect, on_acknowledged, on_job, .. } = cue.when;
        let counted = [
            (after_messages, Counted::Messages, after_messages),
            (on_connect, Counted::Connections, Some(1)),
            (on_acknowledged, Counted::Acknowledgements, on_acknowledged),
            (on_job, Counted::Jobs, Some(1)),
        ];
        for (at, what, step) in counted {
            if let (Some(at), Some(step)) = (at, step) {
                // With `every`, the repetition is in time and the condition holds once.
                let left = if cue.when.every.is_some() { 1 } else { cue.when.times.unwrap_or(1) };
                self.awaited.push(Awaited { cue, what, at, step, left });
                return;
            }
        }
        let from = start + at.unwrap_or_default() + cue.when.delay;
        self.schedule(Due { connection: None, cue }, from);
    }

    fn schedule(&mut self, due: Due, at: Instant) {
        let left = match (due.cue.when.every, due.cue.when.times) {
            (Some(_), times) => times,
            // The repetitions of a counted cue are separate firings.
            (None, _) => Some(1),
        };
        self.insert(at, Timed { due, left });
    }

    fn insert(&mut self, at: Instant, timed: Timed) {
        self.entries += 1;
        self.timers.insert((at, self.entries), timed);
    }

    /// Something has been counted up to `count`.
    pub(super) fn reach(&mut self, what: Counted, count: u64, connection: Option<u64>, now: Instant) {
        if self.awaited.is_empty() {
            return;
        }
        let mut reached = Vec::new();
        for awaited in self.awaited.iter_mut().filter(|awaited| awaited.what == what) {
            while awaited.left > 0 && awaited.at <= count {
                awaited.left -= 1;
                awaited.at += awaited.step;
                reached.push(Due { cue: Rc::clone(&awaited.cue), connection });
            }
        }
        self.awaited.retain(|awaited| awaited.left > 0);
        for due in reached {
            if due.cue.when.delay.is_zero() && due.cue.when.every.is_none() {
                self.due.push_back(due);
            } else {
                let at = now + due.cue.when.delay;
                self.schedule(due, at);
            }
        }
    }

    /// The next cue whose moment has come.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<Due> {
        if let Some(due) = self.due.pop_front() {
            return Some(due);
        }
        let first = self.timers.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((at, _), timed) = first.remove_entry();
        let left = timed.left.map(|left| left.saturating_sub(1));
        if let Some(every) = timed.due.cue.when.every.filter(|_| left != Some(0)) {
            self.insert(at + every, Timed { due: timed.due.clone(), left });
        }
        Some(timed.due)
    }

    /// The moment of the next timer.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.timers.keys().next().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::clock::instant;
    use crate::simulator::cue::Action;
    use std::time::Duration;

    fn cue(when: When) -> Cue {
        Cue { when, ..Cue::from(Action::Listen) }
    }

    fn fired(director: &mut Director, now: Instant) -> usize {
        std::iter::from_fn(|| director.next_due(now)).count()
    }

    #[test]
    fn a_timed_cue_fires_at_its_time_and_again() {
        let start = instant();
        let second = Duration::from_secs(1);
        let mut director = Director::default();
        let when = When { at: Some(second), every: Some(second), times: Some(3), ..When::default() };
        director.arm(cue(when), start);
        assert_eq!(fired(&mut director, start), 0);
        assert_eq!(fired(&mut director, start + second), 1);
        assert_eq!(director.deadline(), Some(start + 2 * second));
        assert_eq!(fired(&mut director, start + 10 * second), 2);
        assert_eq!(director.deadline(), None);
    }

    #[test]
    fn a_counted_cue_fires_at_each_multiple() {
        let now = instant();
        let mut director = Director::default();
        director.arm(cue(When { after_messages: Some(100), times: Some(2), ..When::default() }), now);
        for (count, expected) in [(99, 0), (100, 1), (199, 0), (200, 1), (300, 0)] {
            director.reach(Counted::Messages, count, None, now);
            assert_eq!(fired(&mut director, now), expected, "at {count}");
        }
    }

    #[test]
    fn a_cue_on_connecting_keeps_the_connection_through_its_delay() {
        let now = instant();
        let mut director = Director::default();
        let delay = Duration::from_secs(2);
        director.arm(cue(When { on_connect: Some(2), delay, ..When::default() }), now);
        director.reach(Counted::Connections, 1, Some(1), now);
        director.reach(Counted::Connections, 2, Some(2), now);
        assert!(director.next_due(now).is_none());
        assert_eq!(director.next_due(now + delay).and_then(|due| due.connection), Some(2));
    }
}
