//! What an operator's request comes to: all that can be filled, once, within the budget.

use std::time::Duration;

use siftd::backfill::{Healer, Input, Mode, Policy, Reaction, Request, Step, of_refusal};
use siftd::healing::{Change, Gap, Gate, Outcome, Price};
use siftd::historic::{Ask, Hint, Refusal, Why};
use siftd::time::Time;

use super::server::Faults;
use super::{Life, START, TARIFF, policy};

/// Nothing begins unless an operator asks.
fn life(seed: u64) -> Life {
    Life::new(seed, Policy { mode: Mode::Approve, ..policy() })
}

fn ask(life: &mut Life) {
    life.healer.handle(life.now, Input::Asked(Request::default()));
}

/// Asks twice for three gaps, the first time in vain.
fn tried_in_vain(jobs_max: usize) {
    let mut life = Life::new(11, Policy { mode: Mode::Approve, jobs_max, ..policy() });
    let gaps = [life.gap(7, -7_200, 5), life.gap(8, -7_200, 5), life.gap(9, -7_200, 5)];
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
fn what_cannot_be_filled_is_tried_once_for_each_request() {
    tried_in_vain(4);
}

#[test]
fn what_cannot_be_filled_is_tried_once_while_others_wait_for_their_turn() {
    tried_in_vain(1);
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

/// What the healer would ask of the server now, if anything.
fn asks(healer: &mut Healer<super::Tariff>, now: Time, gaps: &[Gap]) -> Option<Ask> {
    loop {
        match healer.next(now) {
            Step::Say(_) => {}
            Step::Gaps => healer.handle(now, Input::Gaps { gaps: gaps.to_vec(), spent: Price::default() }),
            Step::Ask(ask) => return Some(ask),
            Step::Write(_) | Step::Keep { .. } | Step::Wait(_) => return None,
        }
    }
}

#[test]
fn a_wait_that_the_server_orders_is_written_down_and_heeded_after_a_restart() {
    let mut life = life(14);
    life.gap(7, -7_200, 300);
    let gaps = life.archive.waiting();
    let mut healer = Healer::new(policy(), TARIFF, "t", START, 1);
    assert_eq!(asks(&mut healer, START, &gaps), Some(Ask::Deliveries { page: 1 }), "the server's clock");
    let ten = Duration::from_mins(10);
    let hint = Hint { retry_after: Some(ten), ..Hint::default() };
    healer.handle(START, Input::Refused(Refusal { why: Why::Status(429), hint, text: String::new() }));
    let gate = loop {
        match healer.next(START) {
            Step::Say(_) => {}
            Step::Write(Change::Gate(gate)) => break gate,
            other @ (Step::Ask(_) | Step::Write(_) | Step::Keep { .. } | Step::Gaps | Step::Wait(_)) => {
                panic!("the wait is not written down: {other:?}")
            }
        }
    };
    assert!(gate.not_before >= Some(START.after(ten)), "{gate:?}");
    // A crash, and another process.
    let later = START.after(Duration::from_secs(30));
    let healer = Healer::new(policy(), TARIFF, "t", later, 1);
    let mut healer = healer.resumed(Vec::new(), gate.clone(), Price::default(), later);
    for minute in 0..9 {
        let now = later.after(Duration::from_mins(minute));
        assert_eq!(asks(&mut healer, now, &gaps), None, "it hammers after {minute} minutes");
    }
    let open = gate.not_before.unwrap();
    assert!(asks(&mut healer, open.after(Duration::from_mins(2)), &gaps).is_some(), "it goes on");
    // A moment that no server can have meant was written by another clock.
    let absurd = Gate { not_before: Some(later.after(Duration::from_hours(90_000))), paused: None };
    let mut healer = Healer::new(policy(), TARIFF, "t", later, 1).resumed(Vec::new(), absurd, Price::default(), later);
    assert!(asks(&mut healer, later.after(Duration::from_hours(24)), &gaps).is_some());
}

#[test]
fn a_service_that_was_moved_needs_a_person() {
    let refusal = Refusal { why: Why::Redirected, hint: Hint::default(), text: "to another host".to_owned() };
    for ask in [Ask::Deliveries { page: 1 }, Ask::Start { query: "q".to_owned() }] {
        assert_eq!(of_refusal(&ask, &refusal), Reaction::Pause);
    }
}
