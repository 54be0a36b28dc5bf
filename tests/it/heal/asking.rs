//! What an operator's request comes to: all that can be filled, once, within the budget.

use std::time::Duration;

use siftd::backfill::{Healer, Input, Mode, Policy, Reaction, Request, Step, of_refusal};
use siftd::healing::{Change, Gap, Gate, Outcome, Price};
use siftd::historic::{Ask, Hint, Refusal, Why};
use siftd::time::Time;

use super::hand::Hand;
use super::planning::gap;
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

/// One gap each of two streams, the second one younger.
fn two() -> [Gap; 2] {
    [gap(1, 1, -20_000, -19_000), gap(2, 2, -9_000, -8_000)]
}

fn of_stream(stream: &str) -> Input {
    Input::Asked(Request { stream: Some(stream.to_owned()), since_us: None })
}

#[test]
fn what_an_operator_asks_for_comes_first_where_jobs_begin_by_themselves_too() {
    let mut hand = Hand::new(policy()).with_clock();
    hand.handle(of_stream("s2"));
    hand.gaps(&two(), Price::default());
    assert_eq!(hand.begin().pieces[0].gap.0, 2);
    hand.ask();
    hand.refused(Why::Status(400), Hint::default(), "");
    hand.settled(Vec::new());
    // It was tried: the request is done, and the rest takes its course.
    hand.now = hand.rests();
    hand.gaps(&two(), Price::default());
    assert!(!hand.healer.is_asked());
    assert_eq!(hand.begin().pieces[0].gap.0, 1);
}

#[test]
fn what_an_operator_asks_for_begins_though_it_is_small_tried_too_often_and_cooling_down() {
    let mut hand = Hand::new(Policy { mode: Mode::Approve, ..policy() }).with_clock();
    hand.handle(Input::Asked(Request::default()));
    let gap = Gap { tries: 99, begun: Some(START), ..gap(1, 1, -9_000, -9_000) };
    hand.gaps(&[gap], Price::default());
    hand.begin();
}

#[test]
fn a_request_is_over_when_what_is_left_of_it_cannot_begin_now() {
    let mut hand = Hand::new(Policy { mode: Mode::Approve, ..policy() }).with_clock();
    // The archive does not hold it yet.
    hand.handle(Input::Asked(Request::default()));
    hand.gaps(&[gap(1, 1, -100, -50)], Price::default());
    assert!(!hand.healer.is_asked());
    // Nothing is there.
    hand.handle(Input::Asked(Request::default()));
    hand.gaps(&[], Price::default());
    assert!(!hand.healer.is_asked());
    // It begins with what can begin, and is over when that was tried.
    hand.handle(Input::Asked(Request::default()));
    let gaps = [gap(1, 1, -100, -50), gap(2, 2, -9_000, -8_000)];
    hand.gaps(&gaps, Price::default());
    assert!(hand.healer.is_asked());
    hand.begin();
    assert!(hand.healer.is_asked());
    hand.ask();
    hand.refused(Why::Status(400), Hint::default(), "");
    hand.settled(Vec::new());
    hand.now = hand.rests();
    hand.gaps(&gaps, Price::default());
    assert!(!hand.healer.is_asked());
}

#[test]
fn a_request_outlives_other_settings_and_waits_for_the_servers_clock() {
    let mut hand = Hand::new(Policy { mode: Mode::Approve, ..policy() });
    hand.handle(of_stream("s2"));
    hand.gaps(&two(), Price::default());
    assert!(hand.healer.is_asked(), "without the clock nothing can be said yet");
    for mode in [Mode::Auto, Mode::Approve] {
        hand.handle(Input::Policy(Policy { mode, ..policy() }));
        assert!(hand.healer.is_asked(), "{mode:?}");
    }
    hand.handle(Input::Clock(0));
    hand.gaps(&two(), Price::default());
    assert_eq!(hand.begin().pieces[0].gap.0, 2);
}

/// Together was no try: each of the streams is asked for alone, and only of these.
#[test]
fn what_was_asked_for_together_in_vain_is_asked_for_alone_and_no_more_than_that() {
    let mut hand = Hand::new(Policy { mode: Mode::Approve, combine: 2, jobs_max: 1, ..policy() }).with_clock();
    hand.handle(Input::Asked(Request::default()));
    let gaps: Vec<Gap> = (1..=3).map(|id| gap(id, u32::try_from(id).unwrap(), -9_000, -8_000)).collect();
    hand.gaps(&gaps, Price::default());
    let fails = |hand: &mut Hand| {
        let tried: Vec<i64> = hand.begin().pieces.iter().map(|piece| piece.gap.0).collect();
        hand.ask();
        hand.refused(Why::Status(400), Hint::default(), "");
        (tried, matches!(hand.settled(Vec::new()), Outcome::Apart(_)))
    };
    assert_eq!(fails(&mut hand), (vec![1, 2], true));
    assert_eq!(fails(&mut hand), (vec![3], false));
    hand.now = hand.rests();
    let apart = |gap: &Gap| Gap { apart: (gap.id.0 < 3).then_some(hand.now), ..gap.clone() };
    let gaps: Vec<Gap> = gaps.iter().map(apart).collect();
    hand.gaps(&gaps, Price::default());
    assert_eq!((fails(&mut hand), fails(&mut hand)), ((vec![1], false), (vec![2], false)));
    hand.now = hand.rests();
    hand.gaps(&gaps, Price::default());
    assert!(!hand.healer.is_asked());
}
