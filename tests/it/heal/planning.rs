//! Which gaps are asked for, as which jobs, at which price.

use std::time::Duration;

use siftd::backfill::{Order, Plan, Policy, Situation, Wait, plan};
use siftd::healing::{Gap, GapId, Price};
use siftd::historic::Span;
use siftd::record::StreamId;
use siftd::time::Time;

use super::{START, credits, policy};

const NOW: Time = START;
const SECONDS: i64 = 1_700_000_000;

fn moment(micros: i64) -> Time {
    START.shifted(micros)
}

/// A gap of a stream, in seconds before now.
pub(super) fn gap(id: i64, stream: u32, from: i64, until: i64) -> Gap {
    let (from, until) = (moment(from * 1_000_000), moment(until * 1_000_000));
    let name = format!("s{stream}");
    let (id, stream, rest) = (GapId(id), StreamId(stream), vec![(from, until)]);
    Gap { id, stream, name, from, until, rest, tries: 0, jobs: 0, begun: None, apart: None }
}

pub(super) fn situation() -> Situation<'static> {
    Situation { now: NOW, offset: Some(0), spent: Price::default(), jobs: 0, tag: "t", asked: false }
}

pub(super) fn planned(policy: &Policy, situation: &Situation<'_>, gaps: &[Gap]) -> Plan {
    plan(policy, situation, gaps, &credits)
}

pub(super) fn waits(plan: &Plan) -> Vec<(i64, Wait)> {
    plan.waiting.iter().map(|waiting| (waiting.gap.0, waiting.why)).collect()
}

#[test]
fn a_gap_is_asked_for_in_whole_seconds_of_the_servers_time_and_a_little_more() {
    let gaps = [Gap { from: moment(-9_000_300_000), until: moment(-8_000_200_000), ..gap(1, 1, 0, 0) }];
    let gaps = gaps.map(|gap| Gap { rest: vec![(gap.from, gap.until)], ..gap });
    let plan = planned(&policy(), &Situation { offset: Some(5_000_000), ..situation() }, &gaps);
    let [draft] = plan.drafts.as_slice() else { panic!("{plan:?}") };
    // 0.3 s into second 8,996 before now by the server's clock; two seconds of overlap at both ends.
    assert_eq!(draft.span, Span { from: SECONDS - 8_996 - 2, until: SECONDS - 7_995 + 1 + 2 });
    assert_eq!(draft.name, format!("siftd-t-s1-{}-{}-1", draft.span.from, draft.span.until));
    // Six calls, sixty looks; one hour begun.
    assert_eq!(draft.price, Price { credits: 25 + 5 + 25 + 25 + 1 + 25 + 60, milliunits: 1_250 });
}

#[test]
fn a_gap_waits_until_the_archive_is_there() {
    let early = gap(1, 1, -3_905, -3_899);
    let plan = planned(&policy(), &situation(), std::slice::from_ref(&early));
    assert_eq!(waits(&plan), [(1, Wait::Lag)]);
    assert!(planned(&policy(), &Situation { now: plan.again(), ..situation() }, &[early]).waiting.is_empty());
    let behind = Situation { offset: Some(-600_000_000), ..situation() };
    assert_eq!(
        waits(&planned(&policy(), &behind, &[gap(1, 1, -4_100, -4_000)])),
        [],
        "by its own clock the server is as far"
    );
    let unknown = Situation { offset: None, ..situation() };
    assert_eq!(waits(&planned(&policy(), &unknown, &[gap(1, 1, -9_000, -8_000)])), [(1, Wait::Clock)]);
}

#[test]
fn neighbours_of_one_stream_are_one_job() {
    let gaps =
        [gap(1, 1, -9_000, -8_990), gap(2, 1, -8_800, -8_700), gap(3, 1, -5_000, -4_900), gap(4, 2, -9_000, -8_990)];
    let plan = planned(&policy(), &situation(), &gaps);
    let jobs: Vec<(u32, Vec<i64>)> = plan
        .drafts
        .iter()
        .map(|draft| (draft.streams[0].id.0, draft.pieces.iter().map(|piece| piece.gap.0).collect()))
        .collect();
    assert_eq!(jobs, [(2, vec![4]), (1, vec![1, 2]), (1, vec![3])]);
}

#[test]
fn a_long_gap_is_several_jobs_without_a_hole() {
    let long = gap(1, 1, -100 * 86_400, -9_000);
    let rich = Policy { budget: Price { credits: 4_000, milliunits: 4_000_000 }, ..policy() };
    let plan = planned(&rich, &situation(), std::slice::from_ref(&long));
    assert_eq!(plan.drafts.len(), 4);
    let mut reached = long.from;
    for draft in &plan.drafts {
        assert!(draft.span.seconds() <= 31 * 86_400, "{:?}", draft.span);
        for piece in &draft.pieces {
            assert_eq!(piece.from, reached);
            assert!(draft.span.holds(piece.from) && draft.span.holds(piece.until));
            reached = piece.until;
        }
    }
    assert_eq!(reached, long.until);
}

#[test]
fn what_is_not_worth_it_waits_unless_an_operator_asks() {
    let small = gap(1, 1, -9_000, -9_000);
    let recent = Gap { begun: Some(NOW.before(Duration::from_mins(10))), ..gap(2, 2, -9_000, -8_000) };
    let vain = Gap { tries: 99, ..gap(3, 3, -9_000, -8_000) };
    let gaps = [small, recent, vain];
    let plan = planned(&policy(), &situation(), &gaps);
    assert_eq!(waits(&plan), [(1, Wait::Small), (2, Wait::CoolDown), (3, Wait::Tries)]);
    assert_eq!(plan.again(), NOW.after(Duration::from_mins(50)));
    let asked = planned(&policy(), &Situation { asked: true, ..situation() }, &gaps);
    assert_eq!((asked.drafts.len(), asked.waiting.len()), (3, 0));
}

#[test]
fn a_gap_that_was_tried_in_vain_waits_twice_as_long_each_time() {
    let begun = NOW.before(Duration::from_mins(90));
    let again = |tries| {
        let tried = Gap { begun: Some(begun), tries, ..gap(1, 1, -9_000, -8_000) };
        planned(&policy(), &situation(), &[tried]).again()
    };
    let after = |hours| begun.after(Duration::from_hours(hours));
    // An hour after the first, which is over.
    assert_eq!([0, 1, 2, 5].map(again), [Time::NEVER, after(2), after(4), after(32)]);
}

#[test]
fn the_budget_and_the_number_of_jobs_hold_even_if_an_operator_asks() {
    let gaps: Vec<Gap> = (0..40).map(|id| gap(id, u32::try_from(id).unwrap(), -9_000 + id, -8_000)).collect();
    let asked = Situation { asked: true, ..situation() };
    let plan = planned(&Policy { jobs_max: 200, ..policy() }, &asked, &gaps);
    assert_eq!((plan.drafts.len(), plan.price().credits), (24, 24 * 166));
    assert!(plan.waiting.iter().all(|waiting| waiting.why == Wait::Budget));
    let plan = planned(&Policy { jobs_max: 5, ..policy() }, &Situation { jobs: 3, ..asked }, &gaps);
    assert_eq!(plan.drafts.len(), 2);
    let poor = Policy { budget: Price { credits: 100, milliunits: 1 }, ..policy() };
    assert!(planned(&poor, &asked, &gaps).waiting.iter().all(|waiting| waiting.why == Wait::Dear));
}

#[test]
fn the_oldest_or_the_cheapest_comes_first() {
    let gaps = [gap(1, 1, -90_000, -9_000), gap(2, 2, -20_000, -19_000)];
    let order = |order| {
        let plan = planned(&Policy { order, ..policy() }, &situation(), &gaps);
        plan.drafts.iter().map(|draft| draft.streams[0].id.0).collect::<Vec<_>>()
    };
    assert_eq!((order(Order::Oldest), order(Order::Cheapest)), (vec![1, 2], vec![2, 1]));
}

#[test]
fn a_gap_that_one_day_cannot_pay_is_filled_day_by_day() {
    // A day pays ten hours; the gap has thirty.
    let policy = Policy { budget: Price { credits: 10_000, milliunits: 12_500 }, ..policy() };
    let gaps = [gap(1, 1, -200_000, -200_000 + 30 * 3_600)];
    let plan = planned(&policy, &situation(), &gaps);
    let [draft] = plan.drafts.as_slice() else { panic!("{plan:?}") };
    assert_eq!(draft.price.milliunits, 12_500);
    assert_eq!(draft.pieces[0].from, gaps[0].from);
    assert!(plan.waiting.iter().all(|waiting| waiting.why == Wait::Budget), "{plan:?}");
    assert_eq!(plan.waiting.len(), 3, "the rest of it, with what the overlap takes");
}
