//! What time the server has: when it is asked for, while nobody has told.

use std::time::Duration;

use siftd::backfill::{Input, Mode, Policy, Request, Step};
use siftd::healing::{Gap, Price};
use siftd::historic::{Ask, Told};

use super::hand::Hand;
use super::planning::gap;
use super::policy;

const MINUTE: Duration = Duration::from_mins(1);

fn gaps() -> [Gap; 1] {
    [gap(1, 1, -9_000, -8_000)]
}

/// Goes on for so long, and counts what is asked.
fn asked(hand: &mut Hand, gaps: &[Gap], span: Duration) -> u32 {
    let (end, mut asked) = (hand.now.after(span), 0);
    for _ in 0..10_000 {
        match hand.step() {
            Step::Gaps => hand.handle(Input::Gaps { gaps: gaps.to_vec(), spent: Price::default() }),
            Step::Ask(ask) => {
                assert_eq!(ask, Ask::Deliveries { page: 1 }, "the cheapest question");
                asked += 1;
                hand.told(Told::Deliveries { found: Vec::new(), more: false });
            }
            Step::Wait(until) if until < end => hand.now = until,
            Step::Wait(_) => {
                hand.now = end;
                return asked;
            }
            step @ (Step::Write(_) | Step::Keep { .. } | Step::Say(_)) => panic!("{step:?}"),
        }
    }
    panic!("a hot loop");
}

#[test]
fn while_nobody_has_told_what_time_the_server_has_it_is_asked_once_a_minute() {
    let mut hand = Hand::new(policy());
    assert_eq!(asked(&mut hand, &gaps(), MINUTE.saturating_sub(Duration::from_micros(1))), 1, "at once");
    assert_eq!(asked(&mut hand, &gaps(), Duration::from_micros(2)), 1, "after a minute");
    assert_eq!(asked(&mut hand, &gaps(), 10 * MINUTE), 10);
}

#[test]
fn without_a_gap_nobody_is_asked_what_time_it_is() {
    assert_eq!(asked(&mut Hand::new(policy()), &[], Duration::from_hours(3)), 0);
}

#[test]
fn what_time_the_server_has_is_asked_for_an_operator_and_not_before() {
    let mut hand = Hand::new(Policy { mode: Mode::Approve, ..policy() });
    assert_eq!(asked(&mut hand, &gaps(), Duration::from_hours(3)), 0);
    hand.handle(Input::Asked(Request::default()));
    assert_eq!(asked(&mut hand, &gaps(), MINUTE / 2), 1);
    assert!(hand.healer.is_asked(), "without the clock nothing can be said yet");
}

#[test]
fn once_it_is_known_what_time_the_server_has_a_job_is_planned_at_once_and_it_is_not_asked_again() {
    let mut hand = Hand::new(policy());
    assert_eq!(asked(&mut hand, &gaps(), Duration::from_secs(25)), 1);
    assert!(matches!(hand.step(), Step::Wait(_)));
    hand.handle(Input::Clock(0));
    hand.gaps(&gaps(), Price::default());
    hand.begin();
    let mut hand = Hand::new(policy());
    assert_eq!(asked(&mut hand, &gaps(), Duration::from_secs(25)), 1);
    hand.handle(Input::Clock(0));
    assert_eq!(asked(&mut hand, &[], Duration::from_hours(1)), 0);
    // By the minute it learns more exactly what time it is, and does not plan anew for that.
    hand.gaps(&[], Price::default());
    hand.handle(Input::Clock(1));
    assert_eq!(hand.rests(), hand.now.after(MINUTE));
}
