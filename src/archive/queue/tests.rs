//! The queue by itself: nothing is lost or out of order, little waits, and what waits is bounded.

use super::*;
use crate::archive::batch::Entry;
use crate::record::{Record, StreamId};
use crate::signal::Interaction;

fn filled(rows: usize, payload: &str) -> Batch {
    let mut batch = Batch::default();
    for _ in 0..rows {
        batch.interaction(
            Time::default(),
            StreamId(1),
            &Interaction {
                stream: "".into(),
                id: "id".into(),
                kind: "".into(),
                created: None,
                produced: None,
                payload,
            },
        );
    }
    batch
}

proptest::proptest! {
    #[test]
    fn what_is_taken_is_given_back_and_nothing_gets_out_of_order(
        batches in proptest::collection::vec((1..20_usize, 0..60_000_usize), 1..30), bound in 1..3_000_000_usize
    ) {
        let (intake, queue) = Queue::new(QueueBounds { max_bytes: bound }, 0, Box::new(Time::default));
        let whole = queue.room.available_permits();
        let (mut sent, mut stored) = (Vec::new(), Vec::new());
        let mut store = || {
            let Task::Write(parcels) = queue.take(10, 100_000, Duration::ZERO, Time::default()) else { return false };
            for entry in parcels.iter().flat_map(|parcel| parcel.batch.parts().1) {
                let Entry::Interaction { payload, .. } = entry else { panic!("only interactions were sent") };
                stored.push(*payload);
            }
            queue.release(parcels);
            true
        };
        for (rows, length) in batches {
            let mut batch = filled(rows, &"-".repeat(length));
            sent.extend(std::iter::repeat_n(length, rows));
            while let Err(back) = intake.try_send(batch) {
                proptest::prop_assert!(store(), "a batch is refused although nothing waits");
                batch = back;
            }
            proptest::prop_assert!(intake.queued_bytes() <= bound.div_ceil(UNIT) * UNIT || queue.lock().orders.len() == 1);
        }
        while store() {}
        proptest::prop_assert_eq!(sent, stored);
        proptest::prop_assert_eq!(queue.room.available_permits(), whole);
        proptest::prop_assert_eq!((intake.queued_bytes(), intake.queued_frames()), (0, 0));
    }
}

/// How many rows are taken at once when one more batch comes after the first. The queue's clock stands still.
fn taken(then: usize) -> usize {
    let (intake, queue) = Queue::new(QueueBounds { max_bytes: 1 << 24 }, 0, Box::new(Time::default));
    intake.try_send(filled(1, "{}")).unwrap();
    let sender = intake.clone();
    let sender = std::thread::spawn(move || {
        // Not before the other is about to take.
        while sender.progress() == 0 {
            std::thread::yield_now();
        }
        sender.try_send(filled(then, "{}")).unwrap();
    });
    queue.beat();
    let wrote = Time::from_micros(500_000);
    let Task::Write(parcels) = queue.take(1_000, 100_000, Duration::ZERO, wrote) else { panic!("there are rows") };
    sender.join().unwrap();
    parcels.iter().map(|parcel| parcel.batch.rows()).sum()
}

#[test]
fn a_few_rows_wait_for_more_and_no_longer() {
    assert_eq!(taken(COMMIT_ROWS_SOME - 1), COMMIT_ROWS_SOME);
    // These remain a few, and are taken when the time is over.
    assert_eq!(taken(1), 2);
}

#[test]
fn what_others_wait_for_does_not_wait() {
    let (intake, queue) = Queue::new(QueueBounds { max_bytes: 1 << 24 }, 0, Box::new(Time::default));
    let take = || queue.take(10, 100_000, Duration::ZERO, Time::NEVER);
    let mut grave = filled(1, "{}");
    grave.record(Record::Retired { stream: StreamId(1), at: Time::default(), proven: Time::default() });
    for urgent in [filled(COMMIT_ROWS_SOME, "{}"), grave] {
        intake.try_send(urgent).unwrap();
        assert!(matches!(take(), Task::Write(_)));
    }
    intake.try_send(filled(1, "{}")).unwrap();
    assert!(queue.push(Order::Finish { answer: oneshot::channel().0 }));
    assert!(matches!(take(), Task::Write(_)));
    assert!(matches!(take(), Task::Finish { .. }));
}

#[test]
fn a_few_rows_wait_longer_than_some() {
    let (intake, queue) = Queue::new(QueueBounds { max_bytes: 1 << 24 }, 0, Box::new(Time::default));
    let mut sent = 0;
    for (rows, apart) in [
        (1, COMMIT_APART),
        (COMMIT_ROWS_FEW - 1, COMMIT_APART),
        (COMMIT_ROWS_FEW, COMMIT_APART_SOME),
        (COMMIT_ROWS_SOME - 1, COMMIT_APART_SOME),
        (COMMIT_ROWS_SOME, Duration::ZERO),
    ] {
        intake.try_send(filled(rows - sent, &"x".repeat(2_000))).unwrap();
        sent = rows;
        assert_eq!(queue.lock().apart(), apart, "{rows}");
    }
    assert!(queue.lock().orders.len() > 1, "over several batches");
}

#[tokio::test]
async fn while_the_writer_keeps_up_no_more_is_read_than_it_soon_writes() {
    let clock = Arc::new(AtomicI64::new(1_000_000_000));
    let told = Arc::clone(&clock);
    let now = move || Time::from_micros(told.load(Ordering::Relaxed));
    let (intake, queue) = Queue::new(QueueBounds { max_bytes: 32 << 20 }, 0, Box::new(now.clone()));
    let send = || intake.try_send(filled(1, &"x".repeat(QUEUE_BRISK / 6))).unwrap();
    let take = || {
        let Task::Write(parcels) = queue.take(1, 1, Duration::ZERO, Time::default()) else { panic!("there is one") };
        queue.release(parcels);
    };
    send();
    take();
    for _ in 0..5 {
        send();
        assert_eq!(intake.held_until(now()), None);
    }
    for _ in 0..3 {
        send();
    }
    let until = intake.held_until(now()).unwrap();
    assert_eq!(until, now().after(BRISK));
    assert!(timeout(Duration::ZERO, intake.brisk_room()).await.is_err());
    // It stalls: the rest of the queue is for that.
    clock.store(until.micros(), Ordering::Relaxed);
    assert_eq!(intake.held_until(now()), None);
    take();
    assert!(intake.held_until(now()).is_some(), "it goes on");
    take();
    take();
    assert_eq!(intake.held_until(now()), None);
    timeout(Duration::ZERO, intake.brisk_room()).await.unwrap();
}

#[test]
fn small_batches_that_wait_become_few() {
    let (intake, queue) = Queue::new(QueueBounds { max_bytes: 1 << 24 }, 0, Box::new(Time::default));
    for _ in 0..1000 {
        intake.try_send(filled(1, "{}")).unwrap();
    }
    assert!(queue.lock().orders.len() < 10);
    assert!(intake.queued_bytes() < 200_000);
}
