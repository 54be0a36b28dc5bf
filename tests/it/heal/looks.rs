//! How often a job asks how it stands, soon while it is young, seldom when it is old, and what the answers mean.

use std::time::Duration;

use siftd::backfill::{Next, Policy, Worker};
use siftd::healing::{Draft, Job, JobId, Outcome, Price, Stage, Stream};
use siftd::historic::{Ask, Delivery, DeliveryState, Page, Query, QueryState, Span, Told};
use siftd::record::StreamId;
use siftd::time::Time;

use super::stages::{at, delivers, delivery, fetch, nothing, query, stands, wants};
use super::{START, policy};

/// Runs a job that finds nothing and takes so long: when it has ended, and how often the cheap question was asked.
fn played(takes: Duration) -> (Duration, u32) {
    let draft = Draft {
        name: "n".to_owned(),
        streams: vec![Stream { id: StreamId(1), name: "s".to_owned() }],
        span: Span { from: 0, until: 10 },
        sources: vec!["tumblr".to_owned()],
        pieces: Vec::new(),
        price: Price::default(),
    };
    let (policy, ends) = (policy(), START.after(takes));
    let mut worker = Worker::new(Job::begun(JobId(1), &draft, START), START, 1 << 20);
    let (mut now, mut looks) = (START, 0);
    loop {
        match worker.next(now, &policy) {
            Next::Save => worker.saved(),
            Next::Wait(until) => now = until,
            Next::Settle(outcome) => {
                assert_eq!(outcome, Outcome::Complete);
                return (now.since(START), looks);
            }
            Next::Nothing => panic!("it ended without a word"),
            Next::Ask(ask) => {
                let done = now >= ends;
                looks += u32::from(matches!(ask, Ask::Delivery { .. }));
                let told = match ask {
                    Ask::Prepare { .. } => {
                        Told::Prepared { query: "q".to_owned(), milliunits: None, lacking: Vec::new() }
                    }
                    Ask::Deliver { .. } => Told::Delivering { delivery: "d".to_owned() },
                    Ask::Start { .. } => Told::Done,
                    Ask::Fetch { .. } => Told::Nothing { cursor: Some("0".to_owned()) },
                    Ask::Delivery { .. } => Told::Delivery(Delivery {
                        id: "d".to_owned(),
                        name: "n".to_owned(),
                        query: "q".to_owned(),
                        state: if done { DeliveryState::Finished } else { DeliveryState::Active },
                        lost: false,
                    }),
                    Ask::Query { .. } => Told::Query(Query {
                        id: "q".to_owned(),
                        name: "n".to_owned(),
                        state: if done { QueryState::Done } else { QueryState::Running },
                        progress: 0,
                        flaws: Vec::new(),
                    }),
                    Ask::Combine { .. }
                    | Ask::DropDelivery { .. }
                    | Ask::DropQuery { .. }
                    | Ask::Deliveries { .. }
                    | Ask::Queries { .. } => {
                        panic!("{ask:?}")
                    }
                };
                worker.told(now, &told);
            }
        }
    }
}

#[test]
fn a_short_job_is_noticed_in_seconds_and_a_long_one_is_not_pestered() {
    let (seconds, minutes) = (Duration::from_secs, Duration::from_mins);
    for (takes, late, most) in [
        (seconds(1), seconds(3), 2),
        (seconds(20), seconds(15), 6),
        (minutes(10), minutes(3), 20),
        (minutes(300), minutes(31), 40),
        (minutes(2880), minutes(61), 120),
    ] {
        let (took, looks) = played(takes);
        assert!(took >= takes && took <= takes + late, "a job of {takes:?} is noticed after {took:?}");
        assert!(looks <= most, "a job of {takes:?} is asked {looks} times how it stands");
    }
}

const MICRO: Duration = Duration::from_micros(1);

fn page() -> Told {
    Told::Page(Page { current: Some("c".to_owned()), next: Some("d".to_owned()), rows: 5, ..Page::default() })
}

/// What a job that begun at the start asks at `now`, when it was told how its delivery or its query stood at `told`,
/// and since then a page came and, a second before `now`, nothing.
fn asked(told: Time, how: &Told, now: Time) -> Ask {
    let mut worker = at(Stage::Fetching);
    worker.job.cursor = Some("c".to_owned());
    worker.told(told, how);
    let before = now.before(Duration::from_secs(1));
    worker.told(before, &page());
    worker.told(before, &nothing(Some("d")));
    assert_eq!(worker.deadline(&Policy { deadline: Duration::MAX, ..policy() }), now);
    match wants(&mut worker, now) {
        Next::Ask(ask) => ask,
        other @ (Next::Save | Next::Settle(_) | Next::Wait(_) | Next::Nothing) => panic!("{other:?}"),
    }
}

#[test]
fn a_look_follows_another_after_a_fifth_of_the_age_but_a_second_and_half_an_hour() {
    let active = delivers(DeliveryState::Active);
    let (seconds, minutes) = (Duration::from_secs, Duration::from_mins);
    for (age, patience) in [
        (seconds(0), seconds(1)),
        (seconds(5), seconds(1)),
        (seconds(10), seconds(2)),
        (seconds(100), seconds(20)),
        (minutes(100), minutes(20)),
        (minutes(150), minutes(30)),
        (minutes(300), minutes(30)),
    ] {
        let told = START.after(age);
        let due = told.after(patience);
        assert_eq!(asked(told, &active, due), delivery(), "a job of {age:?}");
        assert_eq!(asked(told, &active, due.before(MICRO)), fetch(Some("d"), 1 << 20), "a job of {age:?}");
    }
}

#[test]
fn the_dear_question_is_asked_of_a_job_that_runs_every_six_hours() {
    let told = START.after(Duration::from_hours(10));
    let due = told.after(Duration::from_hours(6));
    let running = stands(QueryState::Running);
    assert_eq!(asked(told, &running, due), query());
    assert_eq!(asked(told, &running, due.before(MICRO)), delivery());
}

#[test]
fn while_pages_come_nobody_asks_how_it_stands() {
    let (mut worker, mut now) = (at(Stage::Fetching), START);
    for cursor in 0..100_u32 {
        let told = Told::Page(Page { next: Some(cursor.to_string()), ..Page::default() });
        worker.told(now, &told);
        now = now.after(Duration::from_mins(30));
        assert_eq!(wants(&mut worker, now), Next::Ask(fetch(Some(&cursor.to_string()), 1 << 20)));
    }
}

/// What a job asks that is told this, one after the other; the moment, and its flaws.
fn after(told: &[Told]) -> (Ask, Time, Vec<String>) {
    let mut worker = at(Stage::Fetching);
    worker.told(START, &nothing(Some("c")));
    for told in told {
        worker.told(START, told);
    }
    let due = worker.deadline(&policy());
    match wants(&mut worker, due) {
        Next::Ask(ask) => (ask, due, worker.job.flaws),
        other @ (Next::Save | Next::Settle(_) | Next::Wait(_) | Next::Nothing) => panic!("{other:?}"),
    }
}

#[test]
fn the_query_is_asked_once_before_a_delivery_is_believed_that_has_ended() {
    let rest = || fetch(None, 1 << 20);
    for last in [DeliveryState::Finished, DeliveryState::Failed] {
        assert_eq!(after(&[delivers(last)]), (query(), START, vec![]), "{last:?}");
        let done = [delivers(last), stands(QueryState::Done)];
        assert_eq!(after(&done), (rest(), START, vec![]), "{last:?}");
        // Told again, it has to be asked again.
        let again = [delivers(last), stands(QueryState::Done), delivers(last)];
        assert_eq!(after(&again), (query(), START, vec![]), "{last:?}");
    }
    for runs in [DeliveryState::Active, DeliveryState::Paused] {
        assert_eq!(after(&[delivers(runs)]), (rest(), START, vec![]), "{runs:?}");
    }
}

#[test]
fn a_delivery_that_is_all_there_of_a_query_that_runs_is_asked_again_in_a_minute() {
    let rest = || fetch(None, 1 << 20);
    for state in [QueryState::Running, QueryState::Prepared] {
        let later = START.after(Duration::from_mins(1));
        let told = [delivers(DeliveryState::Finished), stands(state)];
        // By then, how the delivery stands has been known long enough.
        assert_eq!(after(&told), (delivery(), later, vec![]), "{state:?}");
        // What is told of a delivery that was given up, or of none, is no contradiction.
        let told = [delivers(DeliveryState::Failed), stands(state)];
        assert_eq!(after(&told), (rest(), START, vec![]), "{state:?}");
        assert_eq!(after(&[stands(state)]), (rest(), START, vec![]), "{state:?}");
    }
}

#[test]
fn what_a_query_and_its_delivery_lack_is_written_down() {
    let lost = Delivery { lost: true, ..super::stages::a_delivery("d", "n", "q", DeliveryState::Active) };
    let part = Query { flaws: vec![" a\nb ".to_owned()], ..super::stages::a_query("q", "n", QueryState::Done) };
    for (told, flaw) in [
        (Told::Delivery(lost), "the server dropped some of what it kept for us"),
        (stands(QueryState::Failed), "the query failed"),
        (stands(QueryState::Stopped), "the query was stopped"),
        (Told::Query(part), "a\\u{a}b"),
    ] {
        assert_eq!(after(std::slice::from_ref(&told)).2, [flaw], "{told:?}");
    }
}
