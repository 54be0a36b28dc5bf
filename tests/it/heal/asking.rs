//! What an operator's request comes to: all that can be filled, once, within the budget.

use std::time::Duration;

use siftd::backfill::{Input, Mode, Policy, Request};
use siftd::healing::Outcome;

use super::server::Faults;
use super::{Life, policy};

/// Nothing begins unless an operator asks.
fn life(seed: u64) -> Life {
    Life::new(seed, Policy { mode: Mode::Approve, ..policy() })
}

fn ask(life: &mut Life) {
    life.healer.handle(life.now, Input::Asked(Request::default()));
}

#[test]
fn what_cannot_be_filled_is_tried_once_for_each_request() {
    let mut life = life(11);
    let gaps = [life.gap(7, -7_200, 300), life.gap(8, -7_200, 300), life.gap(9, -7_200, 300)];
    // Every job lacks a part.
    life.server.faults = Faults { requests: 0, jobs: 1_000 };
    ask(&mut life);
    life.run(Duration::from_hours(48));
    let ends = |life: &Life| life.archive.jobs.values().filter(|(.., end)| end.is_some()).count();
    assert_eq!(ends(&life), 3, "{:?}", life.archive.jobs);
    assert!(life.archive.jobs.values().all(|(.., end)| matches!(end, Some(Outcome::Partial(_)))));
    assert!(life.healer.is_idle() && !life.healer.is_asked());
    life.server.faults = Faults::default();
    ask(&mut life);
    life.run(Duration::from_hours(48));
    assert_eq!(ends(&life), 6);
    assert!(gaps.iter().all(|gap| life.archive.state(*gap) == "filled"));
    assert_eq!(life.healer.tally().failed, 3);
}

#[test]
fn more_jobs_than_may_run_follow_one_another_without_another_look_at_the_gaps() {
    let mut life = life(12);
    let gaps: Vec<_> = (0..20).map(|stream| life.gap(stream, -7_200, 60)).collect();
    ask(&mut life);
    let (mut most, mut plans) = (0, 0);
    while life.healer.is_asked() || !life.healer.is_idle() {
        most = most.max(life.healer.tally().running);
        plans += 1;
        assert!(plans < 100_000, "it never ends");
        let end = life.now.after(Duration::from_hours(1));
        life.step(end);
    }
    life.holds();
    assert_eq!(most, life.policy.jobs_max);
    assert!(gaps.iter().all(|gap| life.archive.state(*gap) == "filled"));
}

#[test]
fn a_request_ends_when_backfill_is_turned_off() {
    let mut life = life(13);
    life.gap(7, -7_200, 300);
    ask(&mut life);
    assert!(life.healer.is_asked());
    life.healer.handle(life.now, Input::Policy(Policy { mode: Mode::Off, ..policy() }));
    assert!(!life.healer.is_asked());
}
