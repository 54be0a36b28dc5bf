//! How it stands, and what is told of it: jobs that run, gaps that wait, what an operator could let begin.

use std::time::Duration;

use siftd::backfill::{Input, Mode, Policy, Request, Step};
use siftd::healing::{Counts, Ending, Gap, GapId, JobId, Outcome, Price, Stage, Tally};
use siftd::historic::{Ask, Hint, Told, Why};
use siftd::notice::Notice;
use siftd::time::Time;

use super::hand::{Hand, page, prepared};
use super::pages::worker;
use super::planning::gap;
use super::policy;

/// So many gaps, each of a stream of its own.
fn gaps(count: u32) -> Vec<Gap> {
    (1..=count).map(|stream| gap(i64::from(stream), stream, -9_000, -8_000)).collect()
}

fn ending(gap: i64, state: &'static str) -> Ending {
    Ending { gap: GapId(gap), stream: format!("s{gap}"), state }
}

#[test]
fn a_healer_is_idle_when_nothing_is_wanted_planned_begun_or_on_its_way() {
    let mut hand = Hand::new(policy()).with_clock();
    assert!(hand.healer.is_idle());
    hand.step();
    assert!(!hand.healer.is_idle(), "gaps are being read");
    hand.handle(Input::Gaps { gaps: gaps(1), spent: Price::default() });
    assert!(!hand.healer.is_idle(), "a job is to begin");
    hand.begin();
    assert!(!hand.healer.is_idle(), "a job runs");
    hand.ask();
    hand.refused(Why::Status(400), Hint::default(), "");
    assert_eq!(hand.settled(Vec::new()), Outcome::Failed("the server answered 400".to_owned()));
    hand.step();
    hand.rests();
    assert!(hand.healer.is_idle(), "it has ended");
    let mut hand = Hand::new(Policy { mode: Mode::Approve, ..policy() });
    assert!(!hand.healer.is_asked());
    hand.handle(Input::Asked(Request::default()));
    assert!(hand.healer.is_asked() && !hand.healer.is_idle(), "an operator has asked");
}

#[test]
fn a_job_whose_end_is_written_down_takes_no_place_while_it_tidies_up() {
    let mut hand = Hand::new(Policy { jobs_max: 1, ..policy() }).with_clock();
    hand.gaps(&gaps(2), Price::default());
    hand.begin();
    assert_eq!(hand.healer.tally(), Tally { pending: 2, running: 1, ..Tally::default() });
    hand.ask();
    hand.told(prepared(None));
    hand.moved();
    hand.ask();
    hand.refused(Why::Status(400), Hint::default(), "");
    hand.settled(vec![ending(1, "closed")]);
    assert_eq!(hand.healer.tally(), Tally { pending: 2, running: 0, failed: 1, filled: 0 });
    assert!(!hand.healer.is_idle());
    assert!(matches!(hand.ask(), Ask::DropQuery { .. }));
    // It fails alone, and is tried again in a while.
    hand.refused(Why::Status(500), Hint::default(), "");
    hand.begin();
    assert_eq!(hand.healer.tally().running, 1);
}

/// The plan holds all that the budget allows, and not only what there is room for.
#[test]
fn when_a_job_ends_the_next_begins_without_another_look_at_the_gaps() {
    let mut hand = Hand::new(Policy { jobs_max: 1, ..policy() }).with_clock();
    hand.gaps(&gaps(3), Price::default());
    for id in 1..=3 {
        assert_eq!(hand.begin().streams[0].id.0, id);
        hand.ask();
        hand.refused(Why::Status(400), Hint::default(), "");
        hand.settled(Vec::new());
    }
    assert_eq!(hand.healer.tally().failed, 3);
    let until = hand.rests();
    assert_eq!(until, hand.now.after(Duration::from_secs(5)), "then there is another look soon");
}

#[test]
fn each_gap_is_told_by_what_became_of_it() {
    let mut job = worker(1, Stage::Preparing).job;
    job.query = None;
    let mut hand = Hand::found(policy(), job, Price::default());
    hand.gaps(&[], Price::default());
    hand.now = hand.rests();
    hand.ask();
    hand.told(Told::Queries { found: Vec::new(), more: false });
    hand.ask();
    hand.refused(Why::Status(404), Hint::default(), "no such stream");
    let why = "the server answered 404: no such stream".to_owned();
    let endings = vec![ending(1, "unfillable"), ending(2, "filled"), ending(3, "partial")];
    assert_eq!(hand.settled(endings), Outcome::Unfillable(why.clone()));
    hand.step();
    let (job, stream) = (JobId(1), |number| format!("s{number}"));
    let said = [
        Notice::GapUnfillable { gap: GapId(1), stream: stream(1), job, why },
        Notice::GapFilled { gap: GapId(2), stream: stream(2), job, rows: 0 },
    ];
    assert_eq!(hand.said, said);
    assert_eq!(hand.healer.tally(), Tally { pending: 0, running: 0, filled: 1, failed: 1 });
}

#[test]
fn a_plan_that_waits_for_an_operator_is_told_again_after_an_hour_if_it_has_changed() {
    let (hour, micro) = (Duration::from_hours(1), Duration::from_micros(1));
    for (again, wait, told) in
        [(2, hour * 2, false), (3, hour.saturating_sub(micro), false), (3, hour, true), (0, hour * 2, false)]
    {
        let mut hand = Hand::new(Policy { mode: Mode::Approve, ..policy() }).with_clock();
        hand.gaps(&gaps(2), Price::default());
        hand.rests();
        let price = |jobs: u64| (jobs * 166, jobs * 1_250);
        let (credits, milliunits) = price(2);
        assert_eq!(hand.said, [Notice::BackfillPlanned { jobs: 2, gaps: 2, credits, milliunits }]);
        hand.later(wait);
        hand.gaps(&gaps(again), Price::default());
        hand.rests();
        let (credits, milliunits) = price(3);
        let said = told.then_some(Notice::BackfillPlanned { jobs: 3, gaps: 3, credits, milliunits });
        assert_eq!(hand.said.get(1), said.as_ref(), "{again} after {wait:?}");
    }
}

#[test]
fn a_plan_is_told_only_where_an_operator_has_to_let_it_begin() {
    let mut hand = Hand::new(policy()).with_clock();
    hand.gaps(&gaps(2), Price::default());
    hand.begin();
    assert_eq!(hand.said, []);
    let mut hand = Hand::new(Policy { mode: Mode::Approve, ..policy() }).with_clock();
    hand.handle(Input::Asked(Request::default()));
    hand.gaps(&gaps(2), Price::default());
    hand.begin();
    assert_eq!(hand.said, [], "it has begun");
    let mut hand = Hand::new(Policy { mode: Mode::Approve, ..policy() }).with_clock();
    hand.gaps(&[], Price::default());
    hand.rests();
    assert_eq!(hand.said, [], "there is nothing to let begin");
}

#[test]
fn when_backfill_is_off_nothing_is_asked_of_anybody() {
    let mut hand = Hand::new(policy()).with_clock();
    hand.gaps(&gaps(2), Price::default());
    hand.begin();
    hand.ask();
    hand.handle(Input::Policy(Policy { mode: Mode::Off, ..policy() }));
    hand.told(prepared(None));
    for _ in 0..2 {
        assert_eq!(hand.rests(), Time::NEVER);
        hand.later(Duration::from_hours(24));
    }
    hand.handle(Input::Policy(policy()));
    assert!(!matches!(hand.step(), Step::Wait(_)));
}

#[test]
fn the_writer_rests_after_a_page_as_long_as_its_rows_are_worth() {
    let counts = Counts { stored: 1_500, known: 400, deleted: 100, outside: 5_000, ..Counts::default() };
    // Without rows in a second, one at least.
    for (rows_a_second, seconds) in [(1_000, 2), (500, 4), (0, 2_000)] {
        let mut job = worker(1, Stage::Fetching).job;
        (job.query, job.delivery, job.cursor) = (Some("q".to_owned()), Some("d".to_owned()), Some("1".to_owned()));
        let mut hand = Hand::found(Policy { rows_a_second, ..policy() }, job, Price::default());
        hand.gaps(&[], Price::default());
        hand.now = hand.rests();
        hand.ask();
        hand.told(page("2"));
        hand.keep(counts);
        let until = hand.now.after(Duration::from_secs(seconds));
        hand.now = until.shifted(-1);
        assert_eq!(hand.rests_on(), until, "at {rows_a_second} rows a second");
        hand.now = until;
        assert!(matches!(hand.ask(), Ask::Fetch { .. }));
    }
}
