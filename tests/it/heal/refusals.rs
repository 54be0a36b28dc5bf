//! What a job makes of a refusal: what it tries again, what it looks for, and when it ends.

use std::time::Duration;

use siftd::backfill::{Next, Worker};
use siftd::healing::{Outcome, Stage};
use siftd::historic::{Ask, Hint, Page, Refusal, Told, Why};
use siftd::time::Time;

use super::pages::worker;
use super::stages::{at, fetch, nothing, prepare, query, start, wants};
use super::{START, policy};

const HALF: Duration = Duration::from_secs(30);
const SOON: Duration = Duration::from_millis(600);

fn refusal(why: Why) -> Refusal {
    Refusal { why, hint: Hint::default(), text: "no".to_owned() }
}

fn status(status: u16) -> Refusal {
    refusal(Why::Status(status))
}

/// Fetches by a cursor.
fn fetching() -> Worker {
    let mut worker = at(Stage::Fetching);
    worker.job.cursor = Some("c".to_owned());
    worker
}

/// How the job ends when this is refused, if it does.
fn end(mut worker: Worker, ask: &Ask, refusal: &Refusal) -> Option<Outcome> {
    worker.refused(START, ask, refusal);
    match worker.next(START, &policy()) {
        Next::Settle(outcome) => Some(outcome),
        Next::Ask(_) | Next::Save | Next::Wait(_) | Next::Nothing => None,
    }
}

#[test]
fn a_job_that_is_refused_for_good_ends_with_what_it_has() {
    let why = || "the server answered 400: no".to_owned();
    let of = |streams, stage| worker(streams, stage);
    for (job, ask, ends) in [
        (of(1, Stage::Preparing), prepare("0"), Outcome::Failed(why())),
        (of(1, Stage::Starting), start(), Outcome::Failed(why())),
        (of(1, Stage::Fetching), fetch(Some("c"), 1 << 20), Outcome::Partial(why())),
        (
            of(2, Stage::Preparing),
            prepare("both"),
            Outcome::Apart(format!("{}; each stream is asked for alone", why())),
        ),
        (of(2, Stage::Starting), start(), Outcome::Failed(why())),
        (of(2, Stage::Fetching), fetch(Some("c"), 1 << 20), Outcome::Partial(why())),
    ] {
        assert_eq!(end(job, &ask, &status(400)), Some(ends), "{ask:?}");
    }
}

#[test]
fn a_stream_that_the_archive_does_not_know_can_never_be_filled() {
    let why = || "the server answered 404: no".to_owned();
    let gone = status(404);
    assert_eq!(end(worker(1, Stage::Preparing), &prepare("0"), &gone), Some(Outcome::Unfillable(why())));
    // Which of several it is, nobody says; and what is not there at a later step was there before.
    let apart = Outcome::Apart(format!("{}; each stream is asked for alone", why()));
    assert_eq!(end(worker(2, Stage::Preparing), &prepare("both"), &gone), Some(apart));
    assert_eq!(end(at(Stage::Starting), &start(), &gone), Some(Outcome::Failed(why())));
    assert_eq!(end(fetching(), &fetch(Some("c"), 1 << 20), &gone), Some(Outcome::Partial(why())));
}

#[test]
fn what_is_to_be_removed_and_is_not_there_or_cannot_be_is_let_go() {
    let (delivery, query) = (Ask::DropDelivery { delivery: "d".to_owned() }, Ask::DropQuery { query: "q".to_owned() });
    for refused in [status(404), status(400)] {
        let mut worker = at(Stage::Closing);
        let later = START.after(SOON);
        for ask in [&delivery, &query] {
            assert_eq!(wants(&mut worker, later), Next::Ask(ask.clone()));
            worker.refused(START, ask, &refused);
            assert_eq!(worker.next(later, &policy()), Next::Save);
        }
        assert_eq!(wants(&mut worker, later), Next::Nothing);
        assert_eq!(worker.job.stage, Stage::Closed);
    }
    // One that fails alone is tried five times.
    let mut worker = at(Stage::Closing);
    for time in 1..=4 {
        worker.refused(START, &delivery, &status(409));
        assert_eq!(worker.next(START, &policy()), Next::Wait(START.after(HALF)), "time {time}");
    }
    worker.refused(START, &delivery, &status(409));
    assert_eq!(wants(&mut worker, START), Next::Ask(query));
}

#[test]
fn a_request_that_fails_alone_is_made_five_times_in_a_row() {
    let fails = |worker: &mut Worker| worker.refused(START, &fetch(Some("c"), 1 << 20), &status(500));
    let mut worker = fetching();
    for _ in 0..4 {
        fails(&mut worker);
        assert_eq!(worker.next(START, &policy()), Next::Wait(START.after(HALF)));
    }
    // An answer between them, and they count anew.
    worker.told(START, &nothing(Some("c")));
    for _ in 0..4 {
        fails(&mut worker);
        assert_eq!(worker.next(START, &policy()), Next::Wait(START.after(HALF)));
    }
    fails(&mut worker);
    let ended = Outcome::Partial("the server answered 500: no".to_owned());
    assert_eq!(worker.next(START, &policy()), Next::Settle(ended));
    // What has to be removed afterwards is another request.
    worker.settled(START);
    worker.refused(START, &Ask::DropDelivery { delivery: "d".to_owned() }, &status(500));
    assert_eq!(worker.next(START, &policy()), Next::Wait(START.after(HALF)));
}

#[test]
fn a_page_that_makes_no_sense_three_times_ends_the_job_the_fourth_time() {
    let garbage = refusal(Why::Unusable);
    let ask = fetch(Some("c"), 1 << 20);
    let mut worker = fetching();
    let three_times = |worker: &mut Worker| {
        for time in 1..=3 {
            worker.refused(START, &ask, &garbage);
            assert!(!matches!(worker.next(START, &policy()), Next::Settle(_)), "time {time}");
        }
    };
    // A page that can be read, or the word that there is none, and they count anew.
    let page = Page { current: Some("c".to_owned()), next: Some("c".to_owned()), ..Page::default() };
    for answer in [nothing(Some("c")), Told::Page(page)] {
        three_times(&mut worker);
        worker.told(START, &answer);
        worker.saved();
    }
    three_times(&mut worker);
    worker.refused(START, &ask, &garbage);
    let ended = Outcome::Partial("the answer makes no sense: no".to_owned());
    assert_eq!(worker.next(START, &policy()), Next::Settle(ended));
}

#[test]
fn trouble_of_the_house_ends_no_job() {
    for (ask, why) in [
        (fetch(Some("c"), 1 << 20), Why::Unreachable),
        (fetch(Some("c"), 1 << 20), Why::Unheard),
        (fetch(Some("c"), 1 << 20), Why::Status(429)),
        (fetch(Some("c"), 1 << 20), Why::Status(401)),
        // Only of pages does a job need one after the other.
        (query(), Why::Unusable),
    ] {
        let (mut worker, before) = (fetching(), fetching());
        for _ in 0..50 {
            worker.refused(START, &ask, &refusal(why));
        }
        assert_eq!(worker.next(START, &policy()), Next::Ask(fetch(Some("c"), 1 << 20)), "{why:?}");
        assert_eq!(worker.job, before.job, "{why:?}");
    }
}

#[test]
fn a_request_whose_answer_is_lost_is_looked_for_before_it_is_made_again() {
    for (stage, ask, look) in [
        (Stage::Preparing, prepare("0"), Ask::Queries { page: 1 }),
        (Stage::Delivering, Ask::Deliver { name: "n".to_owned(), query: "q".to_owned() }, Ask::Deliveries { page: 1 }),
        (Stage::Starting, start(), query()),
    ] {
        let mut worker = at(stage);
        worker.refused(START, &ask, &refusal(Why::Unreachable));
        assert_eq!(worker.next(START, &policy()), Next::Wait(START.after(SOON)), "{stage}");
        assert_eq!(worker.next(START.after(SOON), &policy()), Next::Ask(look), "{stage}");
        assert!(worker.job.flaws.is_empty(), "{stage}");
    }
}

#[test]
fn a_page_whose_answer_is_lost_is_lost_only_if_there_is_no_mark_to_go_back_to() {
    let lost = refusal(Why::Unreachable);
    let asks = |mut worker: Worker, ask: &Ask| {
        worker.refused(START, ask, &lost);
        let flaws = worker.job.flaws.clone();
        (wants(&mut worker, START.after(SOON)), flaws)
    };
    let (marked, blind) = (fetch(Some("c"), 1 << 20), fetch(None, 1 << 20));
    assert_eq!(asks(fetching(), &marked), (Next::Ask(marked.clone()), vec![]));
    let flaw = "the answer to a fetch was lost, and there was no mark to go back to".to_owned();
    assert_eq!(asks(at(Stage::Fetching), &blind), (Next::Ask(blind.clone()), vec![flaw]));
    // Before the start there is nothing to lose, and nothing to look for.
    let anchor = fetch(None, 65_536);
    assert_eq!(asks(at(Stage::Anchoring), &anchor), (Next::Ask(anchor.clone()), vec![]));
}

/// The sizes that are asked for while each page is too large, until the job ends.
fn sizes(first: usize) -> Vec<usize> {
    let mut worker = Worker::new(fetching().job, START, first);
    let (mut sizes, mut now) = (Vec::new(), START);
    while let Next::Ask(ask @ Ask::Fetch { bytes, .. }) = worker.next(now, &policy()) {
        assert!(sizes.len() < 10, "{sizes:?}");
        sizes.push(bytes);
        worker.refused(now, &ask, &refusal(Why::Oversize));
        now = now.after(SOON);
    }
    let ended = Outcome::Partial("the answer is larger than the bound".to_owned());
    assert_eq!(worker.next(now, &policy()), Next::Settle(ended));
    sizes
}

#[test]
fn a_page_that_is_too_large_is_asked_for_by_halves_down_to_the_smallest() {
    assert_eq!(sizes(1 << 18), [262_144, 131_072, 65_536]);
    assert_eq!(sizes(200_000), [200_000, 100_000, 65_536]);
    assert_eq!(sizes(65_537), [65_537, 65_536]);
    assert_eq!(sizes(65_536), [65_536]);
    let at_least: Time = START.after(SOON);
    let mut worker = fetching();
    worker.refused(START, &fetch(Some("c"), 1 << 20), &refusal(Why::Oversize));
    assert_eq!(worker.next(START, &policy()), Next::Wait(at_least), "not at once");
}
