//! The bounds that decide about a gap, each to the moment: what lies on it, and what lies a little beyond.

use std::collections::BTreeSet;
use std::time::Duration;

use siftd::backfill::{Order, Plan, Policy, Situation, Wait};
use siftd::healing::{Gap, Price};
use siftd::historic::Span;
use siftd::time::Time;

use super::planning::{gap, planned, situation, waits};
use super::{START, policy};

/// Each gap is asked for from its first second to the one after its last, and an hour costs 1,250.
fn plain() -> Policy {
    Policy { overlap: Duration::ZERO, combine: 45, ..policy() }
}

fn hours(hours: u64) -> Policy {
    Policy { budget: Price { credits: 10_000, milliunits: hours * 1_250 }, ..policy() }
}

/// The streams of each job.
fn jobs(policy: &Policy, gaps: &[Gap]) -> Vec<Vec<u32>> {
    let plan = planned(policy, &situation(), gaps);
    let streams = |draft: &siftd::healing::Draft| draft.streams.iter().map(|stream| stream.id.0).collect();
    plan.drafts.iter().map(streams).collect()
}

/// The pieces of each job, in seconds.
fn pieces(plan: &Plan) -> Vec<Vec<i64>> {
    let seconds = |piece: &siftd::healing::Piece| i64::try_from(piece.until.since(piece.from).as_secs()).unwrap();
    plan.drafts.iter().map(|draft| draft.pieces.iter().map(seconds).collect()).collect()
}

fn moved(gap: &Gap, by: i64) -> Gap {
    let until = gap.until.shifted(by);
    Gap { until, rest: vec![(gap.from, until)], ..gap.clone() }
}

#[test]
fn what_holds_a_gap_back_does_so_up_to_its_bound() {
    let whole = gap(1, 1, -9_000, -8_999);
    let begun = |micros| Gap { begun: Some(START.before(policy().cool_down).shifted(micros)), ..whole.clone() };
    let tried = |tries| Gap { tries, ..whole.clone() };
    for (gap, held) in [
        (whole.clone(), None),
        (moved(&whole, -1), Some((Wait::Small, Time::NEVER))),
        (tried(39), None),
        (tried(40), Some((Wait::Tries, Time::NEVER))),
        (begun(0), None),
        (begun(1), Some((Wait::CoolDown, START.shifted(1)))),
    ] {
        let plan = planned(&policy(), &situation(), std::slice::from_ref(&gap));
        let waits = plan.waiting.first().map(|waiting| (waiting.why, waiting.until));
        assert_eq!((waits, plan.drafts.len()), (held, usize::from(held.is_none())), "{gap:?}");
    }
    // Asked for up to three seconds after its end: 65 minutes ago.
    let there = gap(1, 1, -9_000, -3_903);
    assert_eq!(waits(&planned(&policy(), &situation(), std::slice::from_ref(&there))), []);
    let plan = planned(&policy(), &situation(), &[moved(&there, 1)]);
    assert_eq!((waits(&plan), plan.again()), (vec![(1, Wait::Lag)], START.after(Duration::from_secs(1))));
}

#[test]
fn while_the_servers_clock_is_not_known_it_is_looked_again_in_ten_seconds() {
    let unknown = Situation { offset: None, asked: true, ..situation() };
    let plan = planned(&policy(), &unknown, &[gap(1, 1, -9_000, -8_999)]);
    assert_eq!((waits(&plan), plan.again()), (vec![(1, Wait::Clock)], START.after(Duration::from_secs(10))));
}

#[test]
fn a_span_is_of_whole_seconds_and_the_overlap_is_rounded_up() {
    let from = START.micros() / 1_000_000 - 9_000;
    let whole = gap(1, 1, -9_000, -8_000);
    for (overlap, by, span) in [
        (0, 0, Span { from, until: from + 1_001 }),
        (0, 1, Span { from, until: from + 1_002 }),
        (0, -999_999, Span { from, until: from + 1_001 }),
        (1_000, 0, Span { from: from - 1, until: from + 1_002 }),
        (1_001, 0, Span { from: from - 2, until: from + 1_003 }),
    ] {
        let policy = Policy { overlap: Duration::from_millis(overlap), ..policy() };
        let plan = planned(&policy, &situation(), &[moved(&whole, by)]);
        assert_eq!(plan.drafts[0].span, span, "an overlap of {overlap} ms, the end moved by {by}");
    }
}

#[test]
fn gaps_of_a_stream_are_joined_up_to_the_settings_distance_and_what_a_day_pays() {
    let (first, next) = (gap(1, 1, -9_000, -8_900), gap(2, 1, -8_300, -8_200));
    let both = |policy: &Policy, first: &Gap| pieces(&planned(policy, &situation(), &[first.clone(), next.clone()]));
    assert_eq!(both(&policy(), &first), [[100, 100]]);
    assert_eq!(both(&policy(), &moved(&first, -1)), [[99], [100]]);
    // An hour, without two seconds of overlap at both ends and four of rounding: 3,592 s.
    let paid = [gap(1, 1, -9_000, -6_000), gap(2, 1, -5_500, -5_408)];
    assert_eq!(pieces(&planned(&hours(1), &situation(), &paid)), [[3_000, 92]]);
    let dear = [paid[0].clone(), moved(&paid[1], 1)];
    assert_eq!(waits(&planned(&hours(1), &situation(), &dear)), [(2, Wait::Budget)]);
}

#[test]
fn a_gap_is_cut_only_where_it_is_longer_than_a_day_pays() {
    let most = gap(1, 1, -50_000, -50_000 + 35_992);
    let plan = planned(&hours(10), &situation(), std::slice::from_ref(&most));
    assert_eq!((pieces(&plan), waits(&plan)), (vec![vec![35_992]], vec![]));
    let plan = planned(&hours(10), &situation(), &[moved(&most, 1_000_000)]);
    assert_eq!((pieces(&plan), waits(&plan)), (vec![vec![35_992]], vec![(1, Wait::Budget)]));
    let free = Policy { milliunits_an_hour: 0, ..policy() };
    let month = 31 * 86_400 - 8;
    let plan = planned(&free, &situation(), &[gap(1, 1, -9_000 - month, -9_000)]);
    assert_eq!(pieces(&plan), [[month]], "a query spans a month at most, whatever it costs");
    let plan = planned(&free, &situation(), &[gap(1, 1, -9_001 - month, -9_000)]);
    assert_eq!(pieces(&plan), [[month], [1]]);
}

/// Where an hour is all that a day pays, and the overlap alone is an hour.
#[test]
fn a_gap_is_not_cut_into_pieces_that_are_nothing_but_overlap() {
    for (hours_a_day, overlap) in [(1, 1_800_u64), (1, 1_798), (2, 3_600), (2, 3_570)] {
        let policy = Policy { overlap: Duration::from_secs(overlap), ..hours(hours_a_day) };
        let plan = planned(&policy, &situation(), &[gap(1, 1, -90_000, -80_000)]);
        assert_eq!((plan.drafts.len(), waits(&plan)), (0, vec![(1, Wait::Dear)]), "{overlap} s at both ends");
    }
    // A minute at a time is worth it.
    let policy = Policy { overlap: Duration::from_secs(1_768), ..hours(1) };
    let plan = planned(&policy, &situation(), &[gap(1, 1, -90_000, -80_000)]);
    assert_eq!(pieces(&plan), [[60]]);
}

#[test]
fn a_job_is_the_next_try_of_its_own_gaps() {
    let first = Gap { jobs: 7, tries: 3, ..gap(1, 1, -20_000, -19_000) };
    let others = [first, gap(2, 1, -9_000, -8_000), Gap { tries: 4, ..gap(3, 1, -7_900, -7_800) }];
    let plan = planned(&Policy { join: Duration::from_mins(2), ..policy() }, &situation(), &others);
    let tries: Vec<&str> = plan.drafts.iter().filter_map(|draft| draft.name.rsplit('-').next()).collect();
    assert_eq!(tries, ["8", "5"]);
}

#[test]
fn streams_are_one_job_if_both_their_ends_lie_no_further_apart_than_gaps_that_are_joined() {
    let first = gap(1, 1, -9_000, -8_000);
    for (from, until, together) in [
        (-8_400, -8_000, true),
        (-8_399, -8_000, false),
        (-9_000, -7_400, true),
        (-9_000, -7_399, false),
        (-9_000, -8_600, true),
        (-9_000, -8_601, false),
        (-8_400, -7_400, true),
    ] {
        let found = jobs(&plain(), &[first.clone(), gap(2, 2, from, until)]);
        assert_eq!(found.len() == 1, together, "{from} to {until}");
    }
}

#[test]
fn streams_are_one_job_if_a_days_units_pay_them_together() {
    let gaps = [gap(1, 1, -9_000, -8_000), gap(2, 2, -9_000, -8_000)];
    let of_day = |milliunits| Policy { budget: Price { credits: 10_000, milliunits }, ..plain() };
    assert_eq!(jobs(&of_day(2_500), &gaps), [vec![1, 2]]);
    assert_eq!(jobs(&of_day(2_499), &gaps), [vec![1]]);
    // What is spent already is not there any more.
    let spent = |milliunits| Situation { spent: Price { credits: 0, milliunits }, ..situation() };
    let sizes = |spent: &Situation<'_>| -> Vec<usize> {
        planned(&of_day(5_000), spent, &gaps).drafts.iter().map(|draft| draft.streams.len()).collect()
    };
    assert_eq!([2_500, 2_501, 3_750].map(|used| sizes(&spent(used))), [vec![2], vec![1], vec![1]]);
    assert_eq!(sizes(&spent(3_751)), Vec::<usize>::new());
    let free = Policy { milliunits_an_hour: 0, ..of_day(0) };
    assert_eq!(jobs(&free, &gaps), [vec![1, 2]], "what costs nothing is paid by any budget");
}

#[test]
fn a_stream_is_asked_for_alone_for_a_day_to_the_moment() {
    let apart = |micros| {
        let apart = Some(START.before(Duration::from_hours(24)).shifted(micros));
        jobs(&plain(), &[Gap { apart, ..gap(1, 1, -9_000, -8_000) }, gap(2, 2, -9_000, -8_000)])
    };
    assert_eq!((apart(0), apart(1)), (vec![vec![1, 2]], vec![vec![1], vec![2]]));
}

#[test]
fn each_reason_to_wait_has_words_of_its_own_and_names_the_setting_behind_it() {
    for (why, word) in [
        (Wait::Lag, "archive"),
        (Wait::Clock, "clock"),
        (Wait::Small, "backfill.smallest"),
        (Wait::CoolDown, "backfill.cool_down"),
        (Wait::Tries, "backfill.tries"),
        (Wait::Budget, "budget is spent"),
        (Wait::Dear, "a day's budget"),
        (Wait::Jobs, "backfill.jobs"),
    ] {
        assert!(why.words().contains(word), "{why:?}: {}", why.words());
    }
}

#[test]
fn jobs_of_one_price_begin_with_the_oldest() {
    let gaps = [gap(1, 1, -9_000, -8_000), gap(2, 2, -30_000, -29_000), gap(3, 3, -50_000, -40_000)];
    let cheapest = Policy { order: Order::Cheapest, ..policy() };
    assert_eq!(jobs(&cheapest, &gaps), [[2], [1], [3]]);
    let names: BTreeSet<String> =
        planned(&cheapest, &situation(), &gaps).drafts.into_iter().map(|draft| draft.name).collect();
    assert_eq!(names.len(), 3, "no two jobs share a name");
}

#[test]
fn so_many_jobs_run_as_the_settings_say_and_the_rest_waits_for_one_to_end() {
    let gaps: Vec<Gap> = (1..=3).map(|id| gap(id, u32::try_from(id).unwrap(), -9_000, -8_000)).collect();
    let plan = planned(&Policy { jobs_max: 3, ..policy() }, &Situation { jobs: 1, ..situation() }, &gaps);
    assert_eq!((plan.drafts.len(), waits(&plan), plan.again()), (2, vec![(3, Wait::Jobs)], Time::NEVER));
}
