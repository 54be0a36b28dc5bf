//! When the next step of retention is due, how large it may be, and what there is to say about it.

use std::time::Duration;

use super::event::Event;
use super::prune::Step;
use crate::time::Time;

/// How often it is looked whether something is too old or too much.
const ROUND_EVERY: Duration = Duration::from_secs(10);
/// A step is to take about this long: what arrives meanwhile waits. Its rows are adapted to that.
const STEP_MAX: Duration = Duration::from_millis(25);
const ROWS_FIRST: usize = 100;
const ROWS_MAX: usize = 1_000;
/// For so many times its own length nothing is removed after a step: a fifth of the writer's time at most.
const REST: u32 = 4;
const REST_LEAST: Duration = Duration::from_millis(5);
/// How often it is said what was removed, or that it does not come to its end.
const SAY_EVERY: Duration = Duration::from_hours(1);

/// The pace of retention.
#[derive(Debug)]
pub(super) struct Pace {
    due: Time,
    rows: usize,
    /// When this round began, if it has.
    began: Option<Time>,
    removed: Removed,
    said: Option<Time>,
    warned: Option<Time>,
}

/// What was removed and not yet told.
#[derive(Debug, Default)]
struct Removed {
    rows: u64,
    bytes: u64,
    before: Option<Time>,
}

impl Pace {
    pub(super) fn new(now: Time) -> Self {
        Self { due: now, rows: ROWS_FIRST, began: None, removed: Removed::default(), said: None, warned: None }
    }

    pub(super) fn is_due(&self, now: Time) -> bool {
        now >= self.due
    }

    pub(super) fn due_in(&self, now: Time) -> Duration {
        if self.is_due(now) { REST_LEAST } else { self.due.since(now) }
    }

    /// How many rows the next step may remove.
    pub(super) const fn rows(&self) -> usize {
        self.rows
    }

    /// A step was made, from `began` to `ended`. Returns what there is to say.
    pub(super) fn took(&mut self, step: Step, began: Time, ended: Time) -> [Option<Event>; 2] {
        let took = ended.since(began);
        if took > STEP_MAX {
            self.rows = (self.rows / 2).max(1);
        } else if took < STEP_MAX / 2 {
            self.rows = self.rows.saturating_mul(2).min(ROWS_MAX);
        }
        self.removed.rows += step.rows;
        self.removed.bytes += step.bytes;
        self.removed.before = self.removed.before.max(step.before);
        let late = ended.since(*self.began.get_or_insert(began));
        let why = if step.too_small {
            Some("the newest hour alone is larger than `retention.max_size`")
        } else if late >= SAY_EVERY {
            Some("more arrives than can be removed beside it")
        } else {
            None
        };
        self.due = ended.after(if step.over { ROUND_EVERY } else { took.saturating_mul(REST).max(REST_LEAST) });
        if step.over {
            self.began = None;
        }
        [self.told(step.over, ended), why.and_then(|why| self.behind(late, why, ended))]
    }

    /// What was removed in all, at the end of a round, but not more often than once an hour.
    fn told(&mut self, over: bool, now: Time) -> Option<Event> {
        let quiet = self.said.is_some_and(|said| now.since(said) < SAY_EVERY);
        let before = self.removed.before.filter(|_| over && !quiet)?;
        self.said = Some(now);
        let Removed { rows, bytes, .. } = std::mem::take(&mut self.removed);
        Some(Event::Pruned { rows, bytes, before })
    }

    fn behind(&mut self, since: Duration, why: &'static str, now: Time) -> Option<Event> {
        if self.warned.is_some_and(|warned| now.since(warned) < SAY_EVERY) {
            return None;
        }
        self.warned = Some(now);
        Some(Event::PruningBehind { since, why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_seconds(1_000_000);

    fn rows(rows: u64) -> Step {
        Step { rows, bytes: rows * 100, before: (rows > 0).then_some(START), ..Step::default() }
    }

    #[test]
    fn a_step_that_takes_long_is_followed_by_smaller_ones_and_by_a_rest() {
        let mut pace = Pace::new(START);
        let end = START.after(Duration::from_millis(60));
        assert_eq!(pace.took(rows(100), START, end), [None, None]);
        assert_eq!(pace.rows(), 50);
        assert_eq!(pace.due_in(end), Duration::from_millis(240));
        assert!(!pace.is_due(end) && pace.is_due(end.after(Duration::from_millis(240))));
        for _ in 0..9 {
            pace.took(rows(100), end, end);
        }
        assert_eq!(pace.rows(), ROWS_MAX);
    }

    #[test]
    fn what_was_removed_is_told_at_the_end_of_a_round_and_once_an_hour() {
        let mut pace = Pace::new(START);
        assert_eq!(pace.took(rows(3), START, START), [None, None]);
        let over = Step { over: true, ..rows(4) };
        assert_eq!(pace.took(over, START, START)[0], Some(Event::Pruned { rows: 7, bytes: 700, before: START }));
        assert_eq!(pace.took(over, START, START)[0], None);
        let later = START.after(SAY_EVERY);
        assert_eq!(pace.took(over, later, later)[0], Some(Event::Pruned { rows: 8, bytes: 800, before: START }));
        let nothing = Step { over: true, ..rows(0) };
        let much_later = later.after(SAY_EVERY);
        assert_eq!(pace.took(nothing, much_later, much_later)[0], None, "nothing to tell");
    }

    #[test]
    fn a_round_without_an_end_is_told() {
        let mut pace = Pace::new(START);
        let late = START.after(SAY_EVERY);
        pace.took(rows(3), START, START);
        let [_, behind] = pace.took(rows(3), late, late);
        assert!(matches!(behind, Some(Event::PruningBehind { since: SAY_EVERY, .. })), "{behind:?}");
        assert_eq!(pace.took(rows(3), late, late)[1], None, "once an hour");
        let small = Step { too_small: true, ..rows(0) };
        let mut pace = Pace::new(START);
        assert!(pace.took(small, START, START)[1].is_some());
    }
}
