//! What a job asks at each stage, when it writes itself down, and what it makes of what a crash has left.

use std::time::Duration;

use siftd::backfill::{Next, Worker};
use siftd::healing::{Counts, Job, Outcome, Stage};
use siftd::historic::{Ask, Delivery, DeliveryState, Page, Query, QueryState, Span, Told};
use siftd::time::Time;

use super::pages::worker;
use super::{START, policy};

const MINUTE: Duration = Duration::from_mins(1);

/// What the job wants once it is written down.
pub(super) fn wants(worker: &mut Worker, now: Time) -> Next {
    if worker.next(now, &policy()) == Next::Save {
        worker.saved();
    }
    worker.next(now, &policy())
}

/// A job of one stream at this stage, whose query and delivery are known.
pub(super) fn at(stage: Stage) -> Worker {
    let mut worker = worker(1, stage);
    (worker.job.query, worker.job.delivery) = (Some("q".to_owned()), Some("d".to_owned()));
    worker
}

/// The same job, found after a start.
fn found(stage: Stage) -> Worker {
    Worker::found(at(stage).job, START, 1 << 20)
}

/// When a job that was found may ask.
const SOON: Time = Time::from_micros(1_700_000_001_200_000);

pub(super) fn prepare(stream: &str) -> Ask {
    let (name, stream, sources) = ("n".to_owned(), stream.to_owned(), vec!["tumblr".to_owned()]);
    Ask::Prepare { name, stream, span: Span { from: 0, until: 10 }, sources }
}

fn deliver() -> Ask {
    Ask::Deliver { name: "n".to_owned(), query: "q".to_owned() }
}

pub(super) fn start() -> Ask {
    Ask::Start { query: "q".to_owned() }
}

pub(super) fn query() -> Ask {
    Ask::Query { query: "q".to_owned() }
}

pub(super) fn delivery() -> Ask {
    Ask::Delivery { delivery: "d".to_owned() }
}

fn drop_delivery() -> Ask {
    Ask::DropDelivery { delivery: "d".to_owned() }
}

fn drop_query() -> Ask {
    Ask::DropQuery { query: "q".to_owned() }
}

pub(super) fn fetch(cursor: Option<&str>, bytes: usize) -> Ask {
    Ask::Fetch { delivery: "d".to_owned(), cursor: cursor.map(str::to_owned), bytes }
}

pub(super) fn nothing(cursor: Option<&str>) -> Told {
    Told::Nothing { cursor: cursor.map(str::to_owned) }
}

pub(super) fn prepared(lacking: &[&str]) -> Told {
    let lacking = lacking.iter().map(|source| (*source).to_owned()).collect();
    Told::Prepared { query: "q".to_owned(), milliunits: None, lacking }
}

/// A query by its id, its name and how it stands.
pub(super) fn a_query(id: &str, name: &str, state: QueryState) -> Query {
    Query { id: id.to_owned(), name: name.to_owned(), state, progress: 0, flaws: Vec::new() }
}

pub(super) fn stands(state: QueryState) -> Told {
    Told::Query(a_query("q", "n", state))
}

/// A delivery by its id, its name, its query and how it stands.
pub(super) fn a_delivery(id: &str, name: &str, query: &str, state: DeliveryState) -> Delivery {
    Delivery { id: id.to_owned(), name: name.to_owned(), query: query.to_owned(), state, lost: false }
}

pub(super) fn delivers(state: DeliveryState) -> Told {
    Told::Delivery(a_delivery("d", "n", "q", state))
}

/// Asks each of these in turn, the job being written down before each, and tells what belongs to it.
fn goes(worker: &mut Worker, now: Time, steps: &[(Ask, Told)]) {
    for (ask, told) in steps {
        assert_eq!(worker.next(now, &policy()), Next::Ask(ask.clone()));
        worker.told(now, told);
        assert_eq!(worker.next(now, &policy()), Next::Save, "{told:?} is not written down");
        worker.saved();
    }
}

#[test]
fn each_stage_is_written_down_before_the_next_asks() {
    let mut worker = worker(1, Stage::Preparing);
    let delivering = Told::Delivering { delivery: "d".to_owned() };
    let steps = [
        (prepare("0"), prepared(&[])),
        (deliver(), delivering),
        (fetch(None, 65_536), nothing(Some("c"))),
        (start(), Told::Done),
    ];
    goes(&mut worker, START, &steps);
    assert!(worker.job.stage == Stage::Fetching && worker.job.flaws.is_empty());
    let second = START.after(Duration::from_secs(1));
    assert_eq!(worker.next(START, &policy()), Next::Wait(second));
    assert_eq!(worker.next(second, &policy()), Next::Ask(fetch(Some("c"), 1 << 20)));
    worker.told(second, &nothing(Some("c")));
    let later = second.after(Duration::from_secs(1));
    assert_eq!(worker.next(second, &policy()), Next::Wait(later), "nothing has changed");
    assert_eq!(worker.next(later, &policy()), Next::Ask(delivery()));
    worker.told(later, &delivers(DeliveryState::Finished));
    assert_eq!(worker.next(later, &policy()), Next::Ask(query()), "before it is believed");
    worker.told(later, &stands(QueryState::Done));
    assert_eq!(worker.next(later, &policy()), Next::Ask(fetch(Some("c"), 1 << 20)), "what is left");
    worker.told(later, &nothing(Some("c")));
    assert_eq!(worker.next(later, &policy()), Next::Settle(Outcome::Complete));
    assert_eq!(worker.ended().stage, Stage::Closing);
    let closed = later.after(MINUTE);
    worker.settled(closed);
    goes(&mut worker, closed, &[(drop_delivery(), Told::Done), (drop_query(), Told::Done)]);
    assert_eq!(worker.next(closed, &policy()), Next::Nothing);
    assert_eq!((worker.job.stage, &worker.job.query, &worker.job.delivery), (Stage::Closed, &None, &None));
}

#[test]
fn an_answer_that_belongs_to_another_stage_changes_none() {
    for stage in [Stage::Preparing, Stage::Delivering, Stage::Anchoring, Stage::Fetching] {
        let mut worker = at(stage);
        worker.told(START, &Told::Done);
        assert_eq!(worker.job, at(stage).job, "{stage}");
    }
    for stage in [Stage::Preparing, Stage::Delivering, Stage::Starting, Stage::Closing, Stage::Closed] {
        let mut worker = at(stage);
        worker.told(START, &nothing(Some("c")));
        assert_eq!(worker.job, at(stage).job, "{stage}");
    }
}

#[test]
fn several_streams_are_made_one_before_the_query() {
    let mut worker = worker(2, Stage::Preparing);
    let combine = Ask::Combine { streams: vec!["0".to_owned(), "1".to_owned()] };
    assert_eq!(worker.next(START, &policy()), Next::Ask(combine));
    let later = START.after(MINUTE);
    worker.told(later, &Told::Combined { stream: "both".to_owned(), milliunits_an_hour: None });
    assert_eq!(worker.next(START, &policy()), Next::Wait(later), "nothing of it is written down");
    assert_eq!(worker.next(later, &policy()), Next::Ask(prepare("both")));
}

#[test]
fn whoever_finds_a_job_looks_first_whether_its_request_was_made() {
    for (stage, ask) in [
        (Stage::Preparing, Ask::Queries { page: 1 }),
        (Stage::Delivering, Ask::Deliveries { page: 1 }),
        (Stage::Anchoring, query()),
        (Stage::Starting, query()),
        (Stage::Fetching, fetch(None, 1 << 20)),
        (Stage::Closing, drop_delivery()),
    ] {
        let mut worker = found(stage);
        let before = SOON.before(Duration::from_micros(1));
        assert_eq!(worker.next(before, &policy()), Next::Wait(SOON), "it has fetched a moment ago, maybe: {stage}");
        assert_eq!(wants(&mut worker, SOON), Next::Ask(ask), "{stage}");
        assert!(worker.job.flaws.is_empty(), "{stage}");
    }
    assert_eq!(found(Stage::Closed).next(START, &policy()), Next::Nothing);
}

#[test]
fn a_page_that_may_have_been_lost_in_a_crash_is_written_down_once() {
    let mut blind = at(Stage::Fetching).job;
    blind.blind = true;
    let worker = Worker::found(blind, START, 1 << 20);
    assert_eq!(worker.next(START, &policy()), Next::Save);
    assert_eq!(worker.job.flaws, ["the first page may have been lost in a crash"]);
    assert!(!worker.job.blind);
}

/// What a job that was found does next if it is told these pages of a list, one after the other.
fn searched(stage: Stage, pages: &[Told]) -> (Next, Job) {
    let mut worker = found(stage);
    for told in pages {
        assert!(
            matches!(wants(&mut worker, SOON), Next::Ask(Ask::Queries { .. } | Ask::Deliveries { .. })),
            "{told:?}"
        );
        worker.told(SOON, told);
    }
    (wants(&mut worker, SOON), worker.job)
}

#[test]
fn a_query_is_found_again_by_its_name_on_whichever_page() {
    let page = |names: &[&str], more| {
        let found = names.iter().map(|name| a_query(&format!("id-{name}"), name, QueryState::Prepared)).collect();
        Told::Queries { found, more }
    };
    let asks = |pages: &[Told]| searched(Stage::Preparing, pages).0;
    let list = |page| Next::Ask(Ask::Queries { page });
    // That of another job does not count.
    assert_eq!(asks(&[page(&["other"], true)]), list(2));
    assert_eq!(asks(&[page(&["other"], false)]), Next::Ask(prepare("0")));
    // A page without anything is the last, whatever it says.
    assert_eq!(asks(&[page(&[], true)]), Next::Ask(prepare("0")));
    assert_eq!(asks(&[page(&["other"], true), page(&[], true)]), list(1), "what was dropped moved the others");
    assert_eq!(asks(&[page(&["other"], true), page(&["more"], false), page(&["more"], true)]), {
        Next::Ask(prepare("0"))
    });
    let (next, job) = searched(Stage::Preparing, &[page(&["other"], true), page(&["more", "n"], false)]);
    assert_eq!((job.stage, job.query.as_deref()), (Stage::Delivering, Some("id-n")));
    assert_eq!(next, Next::Ask(Ask::Deliveries { page: 1 }), "whoever drew it up may have gone on");
}

#[test]
fn a_delivery_is_found_again_by_its_name_and_its_query() {
    let page = |kept: &[(&str, &str, &str)], more| {
        let of = |(id, name, query): &(&str, &str, &str)| a_delivery(id, name, query, DeliveryState::Active);
        Told::Deliveries { found: kept.iter().map(of).collect(), more }
    };
    let asks = |pages: &[Told]| searched(Stage::Delivering, pages).0;
    let others = [("1", "n", "another"), ("2", "another", "q")];
    assert_eq!(asks(&[page(&others, true)]), Next::Ask(Ask::Deliveries { page: 2 }));
    assert_eq!(asks(&[page(&others, false)]), Next::Ask(deliver()));
    assert_eq!(asks(&[page(&[], true)]), Next::Ask(deliver()));
    assert_eq!(asks(&[page(&others, true), page(&[], true)]), Next::Ask(Ask::Deliveries { page: 1 }));
    let with_ours = [("1", "n", "another"), ("2", "another", "q"), ("3", "n", "q")];
    let (next, job) = searched(Stage::Delivering, &[page(&with_ours, false)]);
    assert_eq!((job.stage, job.delivery.as_deref()), (Stage::Anchoring, Some("3")));
    assert_eq!(next, Next::Ask(query()), "whoever arranged it may have started the query");
}

const EARLY: &str = "the query had been started before the place to fetch from was marked";

#[test]
fn a_query_that_runs_is_not_started_again() {
    use QueryState::{Done, Failed, Prepared, Running, Stopped};
    for (stage, state, then, flaw) in [
        (Stage::Anchoring, Prepared, fetch(None, 65_536), None),
        (Stage::Anchoring, Running, fetch(None, 65_536), Some(EARLY)),
        (Stage::Starting, Prepared, start(), None),
        (Stage::Starting, Running, fetch(None, 1 << 20), None),
        (Stage::Starting, Done, fetch(None, 1 << 20), None),
        (Stage::Starting, Failed, fetch(None, 1 << 20), None),
        (Stage::Starting, Stopped, fetch(None, 1 << 20), None),
    ] {
        let mut worker = found(stage);
        assert_eq!(wants(&mut worker, SOON), Next::Ask(query()));
        worker.told(SOON, &stands(state));
        let due = worker.deadline(&policy());
        assert_eq!(due, SOON, "{stage} {state:?}");
        assert_eq!(wants(&mut worker, due), Next::Ask(then), "{stage} {state:?}");
        assert_eq!(worker.job.flaws.first().map(String::as_str), flaw, "{stage} {state:?}");
    }
}

#[test]
fn whether_the_query_runs_is_asked_before_its_start_if_anything_says_so() {
    // Somebody else has started it: rows come before the place is marked, or the query says that it runs.
    let mut rows = at(Stage::Anchoring);
    let page = Page { next: Some("1".to_owned()), rows: 5, ..Page::default() };
    rows.told(START, &Told::Page(page));
    assert_eq!(rows.job.flaws, ["rows came before the query was started"]);
    let mut runs = found(Stage::Anchoring);
    runs.told(START, &stands(QueryState::Running));
    for worker in [&mut rows, &mut runs] {
        let now = START.after(MINUTE);
        worker.told(now, &nothing(Some("1")));
        assert_eq!(worker.job.stage, Stage::Starting);
        assert_eq!(wants(worker, now), Next::Ask(query()), "{:?}", worker.job.flaws);
    }
    // What else is amiss says nothing of a start.
    let mut lacks = at(Stage::Anchoring);
    lacks.job.flaws = vec!["a source is lacking".to_owned()];
    lacks.told(START, &nothing(Some("1")));
    assert_eq!(wants(&mut lacks, START), Next::Ask(start()));
    // Rows that come after the start are what it is for.
    let mut fetching = at(Stage::Fetching);
    fetching.told(START, &Told::Page(Page { next: Some("1".to_owned()), rows: 5, ..Page::default() }));
    assert!(fetching.job.flaws.is_empty());
}

#[test]
fn a_job_that_is_not_finished_in_time_ends_unless_it_has() {
    let policy = policy();
    let late = START.after(policy.deadline);
    let just = late.before(Duration::from_micros(1));
    for stage in Stage::ALL {
        let mut worker = at(stage);
        worker.put_off(Time::NEVER);
        let why = "not finished after 120 h".to_owned();
        let (before, after, deadline) = match stage {
            Stage::Preparing | Stage::Delivering | Stage::Anchoring | Stage::Starting => {
                (Next::Wait(Time::NEVER), Next::Settle(Outcome::Failed(why)), late)
            }
            Stage::Fetching => (Next::Wait(Time::NEVER), Next::Settle(Outcome::Partial(why)), late),
            Stage::Closing => (Next::Wait(Time::NEVER), Next::Wait(Time::NEVER), Time::NEVER),
            Stage::Closed => (Next::Nothing, Next::Nothing, Time::NEVER),
        };
        assert_eq!(worker.deadline(&policy), deadline, "{stage}");
        assert_eq!((worker.next(just, &policy), worker.next(late, &policy)), (before, after), "{stage}");
    }
}

#[test]
fn what_is_left_at_the_server_is_removed_at_the_end() {
    let dropped = |query: bool, delivery: bool| {
        let mut worker = at(Stage::Fetching);
        worker.job.query = worker.job.query.filter(|_| query);
        worker.job.delivery = worker.job.delivery.filter(|_| delivery);
        worker.give_up("enough".to_owned());
        worker.settled(START);
        let mut asks = Vec::new();
        while let Next::Ask(ask) = wants(&mut worker, START) {
            asks.push(ask);
            worker.told(START, &Told::Done);
            assert_eq!(worker.next(START, &policy()), Next::Save);
        }
        assert_eq!(worker.next(START, &policy()), Next::Nothing);
        asks
    };
    assert_eq!(dropped(true, true), [drop_delivery(), drop_query()]);
    assert_eq!((dropped(true, false), dropped(false, true)), (vec![drop_query()], vec![drop_delivery()]));
    assert!(dropped(false, false).is_empty());
}

#[test]
fn a_job_that_is_put_off_asks_at_the_later_of_two_moments() {
    let mut worker = at(Stage::Fetching);
    for (until, due) in [(2, 2), (5, 5), (3, 5)] {
        worker.put_off(START.after(MINUTE * until));
        assert_eq!(worker.deadline(&policy()), START.after(MINUTE * due));
    }
}

#[test]
fn the_rows_of_each_page_count_towards_the_job() {
    let mut worker = at(Stage::Fetching);
    worker.told(START, &Told::Page(Page { next: Some("1".to_owned()), ..Page::default() }));
    assert_eq!(worker.next(START, &policy()), Next::Save);
    worker.stored(Counts { stored: 3, early: 1, ..Counts::default() });
    worker.stored(Counts { stored: 4, ..Counts::default() });
    assert_eq!(worker.job.counts, Counts { stored: 7, early: 1, ..Counts::default() });
    assert!(matches!(worker.next(START, &policy()), Next::Wait(_)), "it is written down with the rows");
}

#[test]
fn twenty_flaws_of_a_job_are_written_down_each_once() {
    let lacking: Vec<String> = (0..30).map(|number| format!("source {} is lacking", number / 2)).collect();
    let names: Vec<&str> = lacking.iter().map(String::as_str).collect();
    let mut worker = at(Stage::Preparing);
    worker.told(START, &prepared(&names));
    assert_eq!(worker.job.flaws.len(), 15);
    assert_eq!(worker.job.flaws.iter().collect::<std::collections::BTreeSet<_>>().len(), 15);
    let lacking: Vec<String> = (0..30).map(|number| format!("another {number} is lacking")).collect();
    let names: Vec<&str> = lacking.iter().map(String::as_str).collect();
    worker.told(START, &prepared(&names));
    assert_eq!(worker.job.flaws.len(), 20);
}
