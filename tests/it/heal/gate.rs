//! When nothing at all is asked: the gate that a refusal closes, and what opens it.

use std::time::Duration;

use siftd::backfill::{Input, Request, Step};
use siftd::healing::{Change, Gate, Price};
use siftd::historic::{Ask, Hint, Why};
use siftd::notice::Notice;

use super::hand::{Hand, after, prepared};
use super::planning::gap;
use super::{START, policy};

const MICRO: Duration = Duration::from_micros(1);

/// One job, whose first request is on its way.
fn asking() -> Hand {
    let mut hand = Hand::new(policy()).with_clock();
    hand.gaps(&[gap(1, 1, -9_000, -8_000)], Price::default());
    hand.begin();
    assert!(matches!(hand.ask(), Ask::Prepare { .. }));
    hand
}

#[test]
fn a_wait_of_five_seconds_outlives_the_process_and_a_shorter_one_does_not() {
    for (millis, written) in [(4_999, false), (5_000, true)] {
        let wait = Duration::from_millis(millis);
        let mut hand = asking();
        hand.refused(Why::Unheard, after(wait), "no way");
        let until = START.after(wait);
        if written {
            assert_eq!(hand.gate(), Gate { not_before: Some(until), paused: None });
        }
        assert_eq!(hand.rests(), until);
        assert_eq!(hand.names(), ["backfill-trouble"]);
        let [Notice::BackfillTrouble { text, retry_seconds }] = hand.said.as_slice() else { panic!("{:?}", hand.said) };
        assert_eq!((text.as_str(), *retry_seconds), ("no way", wait.as_secs_f64()));
    }
}

#[test]
fn nothing_is_asked_before_the_wait_is_over_and_then_it_is() {
    let mut hand = asking();
    hand.refused(Why::Unheard, after(Duration::from_secs(10)), "");
    hand.gate();
    let until = START.after(Duration::from_secs(10));
    for now in [START, until.before(MICRO)] {
        hand.now = now;
        assert_eq!(hand.rests(), until);
    }
    hand.now = until;
    assert!(matches!(hand.ask(), Ask::Prepare { .. }));
}

/// Whoever changes the settings, or asks for gaps to be filled, has looked after what was wrong.
#[test]
fn an_operator_opens_the_gate_and_an_open_one_is_not_written_down_again() {
    for input in [Input::Policy(policy()), Input::Asked(Request::default())] {
        let mut hand = asking();
        hand.refused(Why::Status(429), after(Duration::from_mins(30)), "");
        assert_eq!(hand.gate().not_before, Some(START.after(Duration::from_mins(30))));
        hand.handle(input.clone());
        assert_eq!(hand.gate(), Gate::default());
        assert!(matches!(hand.ask(), Ask::Prepare { .. }), "at once");
        hand.told(prepared(None));
        hand.moved();
        hand.handle(input.clone());
        assert!(matches!(hand.step(), Step::Ask(_)), "there is nothing to open");
    }
}

#[test]
fn a_wait_that_is_over_and_was_followed_by_an_answer_is_forgotten() {
    let wait = Duration::from_secs(10);
    let mut hand = asking();
    hand.refused(Why::Unheard, after(wait), "");
    hand.gate();
    hand.later(wait);
    hand.ask();
    hand.told(prepared(None));
    hand.moved();
    hand.handle(Input::Policy(policy()));
    assert!(!matches!(hand.step(), Step::Write(Change::Gate(_))), "there is nothing to open");
}

#[test]
fn waits_grow_from_refusal_to_refusal_and_begin_anew_after_an_answer() {
    let mut hand = asking();
    let refused = |hand: &mut Hand| {
        hand.refused(Why::Unheard, Hint::default(), "");
        hand.rests_on();
        let Some(Notice::BackfillTrouble { retry_seconds, .. }) = hand.said.last() else { panic!("{:?}", hand.said) };
        let wait = *retry_seconds;
        hand.later(Duration::from_secs_f64(wait));
        assert!(matches!(hand.beyond(), Step::Ask(_)), "after {wait} s");
        wait
    };
    for doubled in 0..6 {
        let (wait, plain) = (refused(&mut hand), f64::from(1_u32 << doubled));
        assert!(plain <= wait && wait <= 2.0 * plain, "{wait} s after {doubled} others");
    }
    hand.told(prepared(None));
    hand.moved();
    assert!(matches!(hand.ask(), Ask::Deliver { .. }));
    assert!(refused(&mut hand) <= 2.0);
}

#[test]
fn a_refusal_that_needs_a_person_is_told_once_tried_once_an_hour_and_told_when_it_is_over() {
    let hour = Duration::from_hours(1);
    let mut hand = asking();
    for time in 1..=3 {
        hand.refused(Why::Status(401), Hint::default(), "who are you");
        let until = hand.now.after(hour);
        assert_eq!(hand.gate(), Gate { not_before: Some(until), paused: Some("who are you".to_owned()) });
        assert_eq!(hand.names(), ["backfill-paused"], "time {time}");
        hand.now = until.before(MICRO);
        assert_eq!(hand.rests_on(), until);
        hand.now = until;
        assert!(matches!(hand.ask(), Ask::Prepare { .. }));
    }
    hand.told(prepared(None));
    assert_eq!(hand.gate(), Gate::default());
    assert_eq!(hand.names(), ["backfill-paused", "backfill-resumed"]);
    let Some(Notice::BackfillResumed { reason }) = hand.said.last() else { panic!("{:?}", hand.said) };
    assert_eq!(reason, "who are you");
}

/// A hundred credits are left for others on the account.
#[test]
fn it_slows_down_before_the_last_requests_are_used_up() {
    let (hour, second) = (Duration::from_hours(1), Duration::from_secs(10));
    for (left, reset, rests) in [
        (Some(99), Some(second), Some(second)),
        (Some(100), Some(second), None),
        (Some(99), None, None),
        (None, Some(second), None),
        (Some(0), Some(hour), Some(hour)),
        // A count that begins anew in years is no count.
        (Some(0), Some(hour + MICRO), None),
    ] {
        let mut hand = asking();
        hand.handle(Input::Told { told: prepared(None), hint: Hint { left, reset, ..Hint::default() } });
        let expected = rests.map(|rests| Gate { not_before: Some(START.after(rests)), paused: None });
        let gate = if let Step::Write(Change::Gate(gate)) = hand.step() { Some(gate) } else { None };
        assert_eq!(gate, expected, "{left:?} left for {reset:?}");
        assert_eq!(hand.names(), Vec::<&str>::new(), "nobody was refused");
    }
}
