//! Pages of which some cannot be read: fetched again while that may help, then taken as they are.

use std::time::Duration;

use siftd::backfill::Worker;
use siftd::healing::{Draft, Job, JobId, Outcome, Price, Stage, Stream};
use siftd::historic::{Page, Span};
use siftd::record::StreamId;

use super::{START, policy};

fn worker(streams: u32, stage: Stage) -> Worker {
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
        assert_eq!(worker.next(START, &policy()), siftd::backfill::Next::Settle(outcome));
    }
}
