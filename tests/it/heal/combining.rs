//! Several streams in one job: which are asked for together, at which price, and what becomes of them when the server will
//! not have it or does not say which row is whose.

use std::collections::BTreeSet;
use std::time::Duration;

use siftd::backfill::{Mode, Policy, Request, Situation, Wait};
use siftd::healing::{Gap, GapId, Outcome, Price};
use siftd::time::Time;

use super::planning::{gap, planned, situation, waits};
use super::server::Faults;
use super::{Life, START, policy};
use siftd::backfill::Input;

fn together(combine: usize) -> Policy {
    Policy { combine, ..policy() }
}

/// The streams of each job, by their numbers, and what it costs.
fn jobs(policy: &Policy, gaps: &[Gap]) -> Vec<(Vec<u32>, Price)> {
    let plan = planned(policy, &Situation { asked: true, ..situation() }, gaps);
    let streams = |draft: &siftd::healing::Draft| draft.streams.iter().map(|stream| stream.id.0).collect();
    plan.drafts.iter().map(|draft| (streams(draft), draft.price)).collect()
}

fn numbers(policy: &Policy, gaps: &[Gap]) -> Vec<Vec<u32>> {
    jobs(policy, gaps).into_iter().map(|(streams, _)| streams).collect()
}

#[test]
fn streams_that_miss_the_same_time_are_one_job_for_little_more_than_one() {
    let gaps = [gap(1, 1, -9_000, -8_000), gap(2, 2, -9_003, -7_998), gap(3, 3, -9_000, -8_500)];
    let jobs = jobs(&together(45), &gaps);
    // One more call; an hour of three streams.
    assert_eq!(jobs, [(vec![1, 2, 3], Price { credits: 166 + 5, milliunits: 3 * 1_250 })]);
    let plan = planned(&together(45), &situation(), &gaps);
    let [draft] = plan.drafts.as_slice() else { panic!("{plan:?}") };
    for (piece, gap) in draft.pieces.iter().map(|piece| (piece, &gaps[usize::try_from(piece.gap.0).unwrap() - 1])) {
        assert_eq!((piece.from, piece.until), (gap.from, gap.until), "a gap is worked on within its own bounds");
        assert!(draft.span.holds(piece.from) && draft.span.holds(piece.until));
    }
    assert_eq!(numbers(&together(2), &gaps).len(), 2);
    assert_eq!(numbers(&together(1), &gaps).len(), 3);
}

#[test]
fn a_job_is_called_after_all_of_its_streams_and_after_its_try() {
    let name = |gaps: &[Gap]| planned(&together(45), &situation(), gaps).drafts[0].name.clone();
    let two = [gap(1, 1, -9_000, -8_000), gap(2, 2, -9_000, -8_000)];
    let others = [two[0].clone(), gap(3, 3, -9_000, -8_000)];
    let again = [Gap { jobs: 1, ..two[0].clone() }, two[1].clone()];
    let turned = [two[1].clone(), two[0].clone()];
    let names = BTreeSet::from([name(&two), name(&others), name(&again)]);
    assert_eq!((names.len(), name(&turned)), (3, name(&two)));
    assert!(name(&two).starts_with("siftd-t-2x"), "{}", name(&two));
}

#[test]
fn streams_that_would_cost_more_together_are_asked_for_one_by_one() {
    // Together they begin a second hour.
    assert_eq!(numbers(&together(45), &[gap(1, 1, -9_000, -5_420), gap(2, 2, -8_700, -5_110)]).len(), 2);
    // Too far apart to be joined.
    assert_eq!(numbers(&together(45), &[gap(1, 1, -9_000, -8_900), gap(2, 2, -8_300, -8_200)]).len(), 2);
    assert_eq!(numbers(&together(45), &[gap(1, 1, -9_000, -8_900), gap(2, 2, -9_000, -8_200)]).len(), 2);
    // Two gaps of one stream that are two jobs are never in the same one.
    let gaps = [gap(1, 1, -9_000, -8_900), gap(2, 1, -8_200, -8_100), gap(3, 2, -9_000, -8_900)];
    assert_eq!(numbers(&together(45), &gaps), [vec![1, 2], vec![1]]);
}

#[test]
fn a_days_units_are_spent_on_as_many_streams_as_they_pay() {
    let gaps: Vec<Gap> = (1..=10).map(|id| gap(id, u32::try_from(id).unwrap(), -9_000, -8_000)).collect();
    let poor = Policy { budget: Price { credits: 4_000, milliunits: 5 * 1_250 }, ..together(3) };
    let plan = planned(&poor, &situation(), &gaps);
    let sizes: Vec<usize> = plan.drafts.iter().map(|draft| draft.streams.len()).collect();
    assert_eq!((sizes, plan.price().milliunits), (vec![3, 2], 5 * 1_250));
    assert_eq!(plan.waiting.iter().filter(|waiting| waiting.why == Wait::Budget).count(), 5, "{plan:?}");
    let poorer = Policy { budget: Price { credits: 4_000, milliunits: 2 * 1_250 }, ..together(45) };
    assert_eq!(numbers(&poorer, &gaps), [vec![1, 2]], "a job that no day pays is never made");
}

#[test]
fn a_budget_for_one_job_that_is_too_small_to_combine_is_spent_on_one_stream() {
    let gaps = [gap(1, 1, -9_000, -8_000), gap(2, 2, -9_000, -8_000)];
    let poor = Policy { budget: Price { credits: 170, milliunits: 1_000_000 }, ..together(45) };
    assert_eq!(numbers(&poor, &gaps), [vec![1]]);
}

#[test]
fn a_stream_that_cannot_be_combined_is_asked_for_alone_for_a_day() {
    let apart = |hours| Some(START.before(Duration::from_hours(hours)));
    let gaps = |apart: Option<Time>| {
        [Gap { apart, ..gap(1, 1, -9_000, -8_000) }, gap(2, 2, -9_000, -8_000), gap(3, 3, -9_000, -8_000)]
    };
    assert_eq!(numbers(&together(45), &gaps(apart(23))), [vec![1], vec![2, 3]]);
    assert_eq!(numbers(&together(45), &gaps(apart(25))), [vec![1, 2, 3]]);
    assert_eq!(waits(&planned(&together(45), &situation(), &gaps(apart(1)))), []);
}

/// A life with a gap of the same time in each of so many streams.
fn cut(seed: u64, streams: u32) -> (Life, Vec<GapId>) {
    let mut life = Life::new(seed, together(45));
    let gaps = (1..=streams).map(|stream| life.gap(stream, -7_200, 300)).collect();
    life.share();
    (life, gaps)
}

fn all(life: &Life, gaps: &[GapId], state: &str) -> bool {
    gaps.iter().all(|gap| life.archive.state(*gap) == state)
}

#[test]
fn one_job_fills_the_gaps_of_many_streams() {
    let (mut life, gaps) = cut(11, 20);
    life.run(Duration::from_hours(6));
    assert!(all(&life, &gaps, "filled"));
    assert_eq!((life.server.started.len(), life.archive.jobs.len()), (1, 1));
    assert!(life.server.is_tidy() && life.server.fired.contains("shared"));
    let said: Vec<&str> = life.notices.iter().map(|notice| notice.entry().name).collect();
    assert_eq!((said[0], said.len()), ("backfill-started", 21));
    let mut told: Vec<Option<String>> = life.notices.iter().map(siftd::notice::Notice::stream).collect();
    told.dedup();
    assert_eq!(told.len(), 21, "each gap is told with its own stream");
}

#[test]
fn a_crash_at_any_step_of_a_combined_job_loses_nothing_and_pays_nothing_twice() {
    for at in 0.. {
        let (mut life, gaps) = cut(5, 3);
        life.crash_at = Some(at);
        life.run(Duration::from_hours(12));
        assert!(all(&life, &gaps, "filled"), "a crash at step {at}");
        assert!(life.server.is_tidy(), "a crash at step {at}");
        assert_eq!(life.server.started.len(), 1, "a crash at step {at}");
        if life.crashed == 0 {
            assert!(at > 30, "only {at} steps");
            break;
        }
    }
}

#[test]
fn what_the_server_will_not_combine_is_asked_for_one_by_one_at_once_and_that_is_no_try() {
    for mode in [Mode::Auto, Mode::Approve] {
        let (mut life, gaps) = cut(7, 4);
        life.policy.mode = mode;
        life.healer.handle(life.now, Input::Policy(life.policy.clone()));
        if mode == Mode::Approve {
            life.healer.handle(life.now, Input::Asked(Request::default()));
        }
        // Whatever is combined is refused, until nothing is left to combine.
        life.server.refuses = true;
        life.run(Duration::from_hours(6));
        assert!(all(&life, &gaps, "filled"), "{mode:?}: {:?}", life.archive.gaps);
        assert_eq!((life.server.started.len(), life.archive.jobs.len()), (4, 5), "{mode:?}");
        let first = life.archive.jobs.values().next().unwrap();
        assert!(matches!(&first.2, Some(Outcome::Apart(why)) if why.contains("400")), "{:?}", first.2);
        assert!(life.archive.gaps.values().all(|(gap, _)| gap.tries == 0), "{mode:?}");
    }
}

#[test]
fn rows_that_do_not_say_whose_they_are_are_refused_and_the_next_try_is_one_by_one() {
    let (mut life, gaps) = cut(8, 3);
    life.server.forgets = true;
    life.run(Duration::from_hours(24));
    let (job, _, end) = life.archive.jobs.values().next().unwrap();
    assert!(job.counts.foreign > 0 && job.counts.stored == 0, "{:?}", job.counts);
    let words = format!("{} rows were refused that do not say of which stream they are", job.counts.foreign);
    assert_eq!(*end, Some(Outcome::Partial(words)));
    assert!(all(&life, &gaps, "filled"));
    assert_eq!(life.server.started.len(), 4);
}

#[test]
fn the_budget_holds_for_combined_jobs_whatever_goes_wrong() {
    let mut life = Life::new(9, Policy { jobs_max: 200, ..together(10) });
    life.server.faults = Faults { requests: 0, jobs: 300 };
    for number in 0..400_u32 {
        life.gap(number % 50, -90_000 + i64::from(number / 50) * 2_000, 3);
    }
    life.run(Duration::from_hours(30));
    assert!(life.archive.spent.len() > 1);
    for spent in life.archive.spent.values() {
        assert!(spent.credits <= life.policy.budget.credits, "{spent:?}");
    }
}
