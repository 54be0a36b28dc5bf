//! What is spent, and what is not: the day's budget against what a job turns out to cost.

use std::time::Duration;

use siftd::backfill::{Healer, Input, Policy, Situation, Step};
use siftd::healing::{Counts, Gap, Gate, Job, Outcome, Price, Stage};
use siftd::historic::{Ask, Told};
use siftd::time::Time;

use super::hand::{Hand, page, prepared};
use super::pages::worker;
use super::planning::{gap, planned, situation};
use super::{START, Tariff, policy};

/// The first midnight (UTC) after the start.
const MIDNIGHT: Time = Time::from_seconds(1_700_006_400);

/// What a job of an hour is booked with: see `planning`.
const BOOKED: Price = Price { credits: 166, milliunits: 1_250 };

fn credits(credits: u64) -> Price {
    Price { credits, milliunits: 0 }
}

/// A job in the midst of it.
fn job(stage: Stage) -> Job {
    let mut job = worker(1, stage).job;
    if stage > Stage::Preparing {
        job.query = Some("q".to_owned());
    }
    if stage > Stage::Delivering {
        job.delivery = Some("d".to_owned());
    }
    job
}

/// One job that was begun a moment ago, whose query is drawn up, with this price; so much was spent before.
fn told(price: Option<u64>, spent: u64) -> Hand {
    let mut hand = Hand::new(policy()).with_clock();
    hand.gaps(&[gap(1, 1, -9_000, -8_000)], Price { credits: 0, milliunits: spent });
    assert_eq!(hand.begin().price, BOOKED);
    assert!(matches!(hand.ask(), Ask::Prepare { .. }));
    hand.told(prepared(price));
    hand
}

#[test]
fn a_job_that_costs_more_than_was_booked_goes_on_if_the_budget_reaches() {
    let most = policy().budget.milliunits - BOOKED.milliunits;
    for (price, spent, more) in [
        (None, 0, 0),
        (Some(0), 0, 0),
        (Some(BOOKED.milliunits), most, 0),
        (Some(BOOKED.milliunits + 1), 0, 1),
        (Some(BOOKED.milliunits + most - 500_000), 500_000, most - 500_000),
    ] {
        let mut hand = told(price, spent);
        assert_eq!(hand.moved().1, Price { credits: 0, milliunits: more }, "{price:?} after {spent}");
        assert!(matches!(hand.ask(), Ask::Deliver { .. }));
    }
}

#[test]
fn a_job_that_costs_more_than_is_left_ends_before_it_has_cost_anything() {
    let mut hand = told(Some(BOOKED.milliunits + 101), policy().budget.milliunits - BOOKED.milliunits - 100);
    let why = "it costs 1351 milliunits, and today's budget has 100 more left".to_owned();
    assert_eq!(hand.settled(Vec::new()), Outcome::Failed(why));
    assert!(matches!(hand.ask(), Ask::DropQuery { .. }), "what was drawn up is removed");
}

#[test]
fn what_a_job_costs_more_is_missing_to_the_next() {
    let left = 2 * BOOKED.milliunits + 100;
    let mut hand = Hand::new(policy()).with_clock();
    let spent = Price { credits: 0, milliunits: policy().budget.milliunits - left };
    hand.gaps(&[gap(1, 1, -9_000, -8_000), gap(2, 2, -9_000, -8_000)], spent);
    hand.begin();
    for told in [
        prepared(Some(BOOKED.milliunits + 100)),
        Told::Delivering { delivery: "d".to_owned() },
        Told::Nothing { cursor: Some("0".to_owned()) },
        Told::Done,
    ] {
        hand.ask();
        hand.told(told);
        hand.moved();
    }
    hand.begin();
    hand.ask();
    hand.told(prepared(Some(BOOKED.milliunits + 1)));
    assert!(matches!(hand.settled(Vec::new()), Outcome::Failed(why) if why.contains("today's budget has 0 more left")));
}

/// Settings that allow less than is spent already.
#[test]
fn what_was_booked_is_paid_though_the_budget_was_made_smaller() {
    let mut hand = Hand::new(policy()).with_clock();
    hand.gaps(&[gap(1, 1, -9_000, -8_000)], Price::default());
    hand.begin();
    hand.ask();
    hand.handle(Input::Policy(Policy { budget: Price { milliunits: 1, ..policy().budget }, ..policy() }));
    hand.told(prepared(Some(BOOKED.milliunits)));
    assert_eq!(hand.moved().1, Price::default());
    assert!(matches!(hand.ask(), Ask::Deliver { .. }));
}

#[test]
fn streams_that_cost_more_together_than_is_left_are_asked_for_one_by_one() {
    let mut hand = Hand::new(Policy { combine: 2, ..policy() }).with_clock();
    let spent = Price { credits: 0, milliunits: policy().budget.milliunits - 2 * BOOKED.milliunits };
    hand.gaps(&[gap(1, 1, -9_000, -8_000), gap(2, 2, -9_000, -8_000)], spent);
    assert_eq!(hand.begin().streams.len(), 2);
    assert!(matches!(hand.ask(), Ask::Combine { .. }));
    hand.told(Told::Combined { stream: "both".to_owned(), milliunits_an_hour: Some(2 * BOOKED.milliunits + 1) });
    assert!(matches!(hand.settled(Vec::new()), Outcome::Apart(_)));
}

/// What an earlier process has booked for the requests of a job is not known: each is booked anew.
#[test]
fn a_job_that_was_found_books_each_request_with_its_next_change() {
    let mut hand = Hand::found(policy(), job(Stage::Preparing), Price::default());
    hand.gaps(&[], Price::default());
    hand.now = hand.rests();
    assert_eq!(hand.ask(), Ask::Queries { page: 1 });
    hand.told(Told::Queries { found: Vec::new(), more: false });
    assert!(matches!(hand.ask(), Ask::Prepare { .. }));
    hand.told(prepared(Some(0)));
    assert_eq!(hand.moved().1, credits(25 + 25));
    assert!(matches!(hand.ask(), Ask::Deliver { .. }));
    hand.told(Told::Delivering { delivery: "d".to_owned() });
    assert_eq!(hand.moved().1, credits(5));
    // Its data was booked when it was begun, at what an hour is taken to cost.
    let mut hand = Hand::found(policy(), job(Stage::Preparing), Price::default());
    hand.gaps(&[], Price::default());
    hand.now = hand.rests();
    hand.ask();
    hand.told(Told::Queries { found: Vec::new(), more: false });
    hand.ask();
    hand.told(prepared(Some(1_251)));
    assert_eq!(hand.moved().1, Price { credits: 50, milliunits: 1 });
}

#[test]
fn requests_beyond_what_was_booked_are_booked_with_the_page_that_they_bring() {
    let dear: Tariff = |ask| if matches!(ask, Ask::Fetch { .. }) { 7 } else { 0 };
    let mut job = job(Stage::Fetching);
    job.cursor = Some("1".to_owned());
    let healer = Healer::new(policy(), dear, "t", START, 1);
    let mut hand = Hand::found(policy(), job.clone(), Price::default());
    hand.healer = healer.resumed(vec![job], Gate::default(), Price::default(), START);
    hand = hand.with_clock();
    hand.gaps(&[], Price::default());
    for next in ["2", "3", "4"] {
        hand.now = hand.rests_on();
        assert!(matches!(hand.ask(), Ask::Fetch { .. }));
        hand.told(page(next));
        assert_eq!(hand.keep(Counts::default()), credits(7));
    }
}

/// What carries on what is paid for is still asked when the budget is spent; what begins something waits.
#[test]
fn when_the_budget_is_spent_only_what_is_paid_for_goes_on() {
    let budget = policy().budget.credits;
    for (stage, goes_on) in [
        (Stage::Preparing, false),
        (Stage::Delivering, true),
        (Stage::Anchoring, true),
        (Stage::Starting, true),
        (Stage::Fetching, true),
        (Stage::Closing, true),
    ] {
        for (spent, asked) in [(budget, true), (budget + 1, goes_on)] {
            let mut hand = Hand::found(policy(), job(stage), credits(spent));
            hand.gaps(&[], credits(spent));
            hand.now = hand.rests();
            let asks = matches!(hand.step(), Step::Ask(_));
            assert_eq!(asks, asked, "{stage} after {spent} credits");
        }
    }
}

/// A job that was found, whose query is to be drawn up, after the budget was spent: when that is asked, if what was spent
/// is told by the hour.
fn asked_at(policy: &Policy, spent: impl Fn(Time) -> u64) -> Option<Time> {
    let mut hand = Hand::found(policy.clone(), job(Stage::Preparing), credits(spent(START)));
    hand.gaps(&[], credits(spent(START)));
    hand.now = hand.rests();
    hand.ask();
    hand.told(Told::Queries { found: Vec::new(), more: false });
    for _ in 0..10_000 {
        match hand.step() {
            Step::Gaps => {
                let spent = credits(spent(hand.now));
                hand.handle(Input::Gaps { gaps: Vec::new(), spent });
            }
            Step::Wait(until) if until < START.after(Duration::from_hours(24)) => hand.now = until,
            Step::Wait(_) => return None,
            Step::Ask(ask) => {
                assert!(matches!(ask, Ask::Prepare { .. }));
                return Some(hand.now);
            }
            step @ (Step::Write(_) | Step::Keep { .. } | Step::Say(_)) => panic!("{step:?}"),
        }
    }
    panic!("a hot loop");
}

#[test]
fn what_waits_for_the_budget_of_a_new_day_is_asked_when_that_has_begun() {
    let budget = policy().budget.credits;
    let minute = Duration::from_mins(1);
    // What runs goes on, and costs a little more.
    let looks = |now: Time| budget + u64::from(now > START);
    let asked = asked_at(&policy(), |now| if now < MIDNIGHT { looks(now) } else { 0 }).unwrap();
    assert!(asked >= MIDNIGHT && asked <= MIDNIGHT.after(minute), "{asked}");
    // The search for it costs 25, and is not written down yet.
    assert_eq!(asked_at(&policy(), |_| budget - 25), Some(START.after(Duration::from_millis(1_200))));
    assert_eq!(asked_at(&policy(), |_| budget - 24), None);
}

#[test]
fn a_day_begins_at_midnight() {
    let day = Healer::<Tariff>::day;
    let today = 19_675;
    assert_eq!([START, MIDNIGHT.shifted(-1), MIDNIGHT].map(day), [today, today, today + 1]);
    assert_eq!(day(Time::from_micros(-1)), -1);
}

#[test]
fn a_gap_that_today_cannot_pay_is_planned_again_at_midnight() {
    let gaps: [Gap; 1] = [gap(1, 1, -9_000, -8_000)];
    let spent =
        |credits| planned(&policy(), &Situation { spent: Price { credits, milliunits: 0 }, ..situation() }, &gaps);
    let budget = policy().budget.credits;
    assert_eq!((spent(budget - 166).drafts.len(), spent(budget - 165).drafts.len()), (1, 0));
    assert_eq!(spent(budget).again(), MIDNIGHT);
}
