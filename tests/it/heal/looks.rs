//! How often a job asks how it stands: soon while it is young, seldom when it is old.

use std::time::Duration;

use siftd::backfill::{Next, Worker};
use siftd::healing::{Draft, Job, JobId, Outcome, Price, Stream};
use siftd::historic::{Ask, Delivery, DeliveryState, Query, QueryState, Span, Told};
use siftd::record::StreamId;

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
