//! An archive with millions of rows, written through the archive's own door as if hours had gone by.

use std::path::Path;
use std::time::Duration;

use siftd::archive::{Archive, Keep, QueueBounds, Wanted};
use siftd::record::{ConnectionId, Reach, Record};
use siftd::signal::Interaction;
use siftd::time::Time;

use super::clock;
use super::frames::{Frames, Ids, stream_name};
use super::loops::{STREAMS, options};
use super::sample::float;

/// Microseconds between two rows: 252 a second, so five million are five and a half hours.
const APART: i64 = 3_960;

/// Rows handed over at once.
const BATCH: usize = 500;

/// Writes so many rows; the streams by Zipf's law, so that the busiest has a ninth of all. Says when the first came.
pub(crate) fn fill(path: &Path, rows: usize, ids: Ids) -> i64 {
    let first = clock::now() - APART * i64::try_from(rows).unwrap();
    let mut archive = Archive::open(&options(path), Time::from_micros(first), |_upgrade| {}).unwrap();
    let wanted: Vec<_> =
        (0..STREAMS).map(|place| Wanted { name: stream_name(place), label: None, keep: Keep::default() }).collect();
    let streams = archive.adopt(&wanted, Time::from_micros(first)).unwrap();
    let connection = ConnectionId(archive.recovery().connection.0 + 1);
    let bounds = QueueBounds { max_bytes: 32 * 1024 * 1024 };
    let (intake, _events, writer) = archive.start(bounds, || Time::from_micros(clock::now())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut opening = intake.batch();
    opening.record(Record::Opened { connection, at: Time::from_micros(first), url: "ws://localhost/".to_owned() });
    for stream in &streams {
        opening.record(Record::Covered { stream: stream.id, connection, from: Time::from_micros(first) });
    }
    runtime.block_on(intake.room(opening.weight()));
    intake.try_send(opening).unwrap();
    let mut frames = Frames::build(STREAMS, ids, None, 7, first);
    let (shares, mut rng) = (zipf(STREAMS), fastrand::Rng::with_seed(5));
    let mut done = 0;
    while done < rows {
        let place = done % frames.marks.len();
        let moment = |number: usize| first + APART * i64::try_from(number).unwrap();
        frames.stretch(place, BATCH, usize::MAX, moment(done));
        let mut batch = intake.batch();
        for mark in frames.marks.iter().skip(place).take(BATCH.min(rows - done)) {
            let received = Time::from_micros(moment(done));
            let drawn = rng.f64();
            let stream = &streams[shares.partition_point(|share| *share < drawn).min(STREAMS - 1)];
            let interaction = Interaction {
                stream: stream.name.as_str().into(),
                id: frames.id_at(mark).into(),
                kind: "twitter".into(),
                created: Some(received.before(Duration::from_millis(rng.u64(0..3_000)))),
                produced: None,
                payload: frames.payload_at(mark),
            };
            batch.interaction(received, stream.id, &interaction);
            done += 1;
        }
        let reached = Time::from_micros(moment(done));
        batch.reach(Reach { connection, covered_until: reached, proven_until: reached, ..Reach::default() });
        runtime.block_on(intake.room(batch.weight()));
        intake.try_send(batch).unwrap();
    }
    runtime.block_on(intake.finish(Duration::from_mins(5))).unwrap();
    writer.join().unwrap();
    first
}

/// The sum of the shares up to each stream.
fn zipf(streams: usize) -> Vec<f64> {
    let total: f64 = (1..=streams).map(|rank| 1.0 / float(rank)).sum();
    let mut sum = 0.0;
    (1..=streams)
        .map(|rank| {
            sum += 1.0 / float(rank) / total;
            sum
        })
        .collect()
}
