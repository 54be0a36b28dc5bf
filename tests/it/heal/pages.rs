//! Pages and how they move a job on; those of which some cannot be read are fetched again, then taken as they are.

use std::time::Duration;

use siftd::backfill::{Next, Worker};
use siftd::healing::{Counts, Draft, Job, JobId, Outcome, Price, Stage, Stream};
use siftd::historic::{Delivery, DeliveryState, Page, Span, Told};
use siftd::record::StreamId;

use super::{START, policy};

pub(super) fn worker(streams: u32, stage: Stage) -> Worker {
    let draft = Draft {
        name: "n".to_owned(),
        streams: (0..streams).map(|id| Stream { id: StreamId(id), name: id.to_string() }).collect(),
        span: Span { from: 0, until: 10 },
        sources: vec!["tumblr".to_owned()],
        pieces: Vec::new(),
        price: Price::default(),
    };
    let mut worker = Worker::new(Job::begun(JobId(1), &draft, START), START, 1 << 20);
    worker.job.stage = stage;
    worker
}

fn page(unreadable: usize) -> Page {
    Page { current: None, next: Some("2".to_owned()), rows: 5, unreadable, left: None }
}

#[test]
fn a_page_that_cannot_be_read_is_fetched_three_times_more_and_then_taken() {
    let mut worker = worker(1, Stage::Fetching);
    worker.job.cursor = Some("1".to_owned());
    assert!(!worker.rejects(START, &page(0)), "all of it can be read");
    for time in 1..=3 {
        assert!(worker.rejects(START, &page(1)), "time {time}");
        assert_eq!(worker.deadline(&policy()), START.after(Duration::from_mins(1)), "not at once");
    }
    assert!(!worker.rejects(START, &page(1)), "for ever");
}

#[test]
fn a_page_that_cannot_be_fetched_again_is_taken_at_once() {
    assert!(!worker(1, Stage::Fetching).rejects(START, &page(1)), "there is no place to go back to");
}

#[test]
fn a_job_that_is_given_up_leaves_what_it_asked_for_to_smaller_ones() {
    for (streams, outcome) in [(1, Outcome::Failed("dear".to_owned())), (2, Outcome::Apart("dear".to_owned()))] {
        let mut worker = worker(streams, Stage::Delivering);
        worker.give_up("dear".to_owned());
        assert_eq!(worker.next(START, &policy()), Next::Settle(outcome));
    }
}

/// A page that was fetched by one cursor, as the server says, and tells the next.
fn between(current: Option<&str>, next: Option<&str>) -> Told {
    let (current, next) = (current.map(str::to_owned), next.map(str::to_owned));
    Told::Page(Page { current, next, rows: 5, unreadable: 0, left: None })
}

#[test]
fn a_page_moves_the_job_on_and_the_next_is_fetched_a_little_later() {
    let (second, quick) = (Duration::from_secs(1), Duration::from_millis(600));
    for (cursor, current, next, wait, flaws) in [
        (None, None, Some("2"), quick, 0),
        (None, Some("1"), Some("2"), quick, 0),
        (Some("1"), Some("1"), Some("2"), quick, 0),
        (Some("1"), None, Some("2"), quick, 0),
        (Some("1"), Some("0"), Some("2"), quick, 1),
        // It stands still.
        (Some("1"), Some("1"), Some("1"), second, 0),
        // Without a place to go on from, nobody knows whether it does.
        (None, None, None, quick, 0),
        (Some("1"), Some("1"), None, quick, 0),
    ] {
        let mut worker = worker(1, Stage::Fetching);
        worker.job.cursor = cursor.map(str::to_owned);
        worker.told(START, &between(current, next));
        let case = format!("from {cursor:?} to {next:?}, by {current:?}");
        assert_eq!(worker.next(START, &policy()), Next::Save, "{case}");
        assert_eq!(worker.job.cursor.as_deref(), next, "{case}");
        assert_eq!(worker.job.blind, next.is_none(), "{case}");
        assert_eq!(worker.deadline(&policy()), START.after(wait), "{case}");
        let flaw = "the server could not go back to where the last page ended";
        assert_eq!(worker.job.flaws, vec![flaw; flaws], "{case}");
    }
}

#[test]
fn rows_that_cannot_be_read_are_a_flaw_of_the_job() {
    for (unreadable, flaws) in [(0, vec![]), (1, vec!["rows that cannot be read are in quarantine"])] {
        let mut worker = worker(1, Stage::Fetching);
        worker.told(START, &Told::Page(page(unreadable)));
        assert_eq!(worker.job.flaws, flaws);
    }
}

#[test]
fn fetches_that_bring_nothing_follow_one_another_ever_more_slowly_up_to_a_minute() {
    let mut worker = worker(1, Stage::Fetching);
    for _ in 0..2 {
        for wait in [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60, 60] {
            worker.told(START, &Told::Nothing { cursor: Some("1".to_owned()) });
            assert_eq!(worker.deadline(&policy()), START.after(Duration::from_secs(wait)));
        }
        // A page, and they begin anew.
        worker.told(START, &between(Some("1"), Some("2")));
        worker.job.cursor = None;
    }
}

#[test]
fn without_a_mark_a_first_page_may_be_lost_and_that_is_written_down() {
    for cursor in [None, Some("1".to_owned())] {
        let mut worker = worker(1, Stage::Anchoring);
        worker.told(START, &Told::Nothing { cursor: cursor.clone() });
        assert_eq!(
            (worker.job.stage, worker.job.blind, &worker.job.cursor),
            (Stage::Starting, cursor.is_none(), &cursor)
        );
    }
}

/// How a job of so many streams ends whose rows counted like this, when the delivery has ended like this.
fn ended(streams: u32, counts: Counts, last: DeliveryState) -> Outcome {
    let mut worker = worker(streams, Stage::Fetching);
    worker.job.counts = counts;
    let (id, name, query) = ("d".to_owned(), "n".to_owned(), "q".to_owned());
    worker.told(START, &Told::Delivery(Delivery { id, name, query, state: last, lost: false }));
    worker.told(START, &Told::Nothing { cursor: None });
    worker.saved();
    match worker.next(START, &policy()) {
        Next::Settle(outcome) => outcome,
        other @ (Next::Ask(_) | Next::Save | Next::Wait(_) | Next::Nothing) => panic!("{other:?}"),
    }
}

#[test]
fn a_job_is_complete_only_if_no_row_was_refused_that_may_be_of_the_gap() {
    let counts = Counts { stored: 1, known: 2, deleted: 3, outside: 4, ..Counts::default() };
    let (early, foreign) = (Counts { early: 5, ..counts }, Counts { foreign: 6, ..counts });
    let early_told = "5 rows were refused that were posted long before the gap, and may have come in it";
    let foreign_told = "6 rows were refused that do not say of which stream they are";
    let partial = |why: &str| Outcome::Partial(why.to_owned());
    for (streams, counts, outcome) in [
        (1, counts, Outcome::Complete),
        (2, counts, Outcome::Complete),
        (1, early, partial(early_told)),
        (2, early, partial(early_told)),
        // Of one stream, a row of another is of no concern.
        (1, foreign, Outcome::Complete),
        (2, foreign, partial(foreign_told)),
        (2, Counts { early: 5, ..foreign }, partial(&format!("{early_told}; {foreign_told}"))),
    ] {
        assert_eq!(ended(streams, counts, DeliveryState::Finished), outcome, "{streams} streams, {counts:?}");
    }
    let given_up = partial("the server gave the delivery up");
    assert_eq!(ended(1, counts, DeliveryState::Failed), given_up);
}
