//! Rows, deletions and counts against a model that keeps everything in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use rusqlite::Connection;

use super::batch::Batch;
use super::commit::{Books, Occasion};
use super::schema;
use crate::record::{ConnectionId, Reach, Record, StreamId};
use crate::signal::Interaction;
use crate::time::Time;

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Interaction {
        stream: u32,
        id: u8,
        received: i64,
    },
    Delete {
        id: u8,
    },
    /// The transaction ends; the next begins.
    Commit,
    /// The transaction fails and is tried again.
    Fail,
    /// The daemon is started again.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (1..4_u32, any::<u8>(), 0..50_i64)
            .prop_map(|(stream, id, received)| Step::Interaction { stream, id: id % 60, received: received * 900_000_000 }),
        3 => any::<u8>().prop_map(|id| Step::Delete { id: id % 60 }),
        3 => Just(Step::Commit),
        1 => Just(Step::Fail),
        1 => Just(Step::Restart),
    ]
}

/// Which interactions are there, by id and stream, with the payload that came first; and which never come again.
#[derive(Default)]
struct Model {
    rows: BTreeMap<(String, u32), String>,
    barred: BTreeSet<String>,
}

fn commit(db: &Connection, books: &mut Books, batch: &Batch) {
    let occasion = Occasion { now: Time::default(), queue_frames: 0, starting: Duration::ZERO };
    db.execute_batch("BEGIN").unwrap();
    books.write(db, std::iter::once(batch), occasion).unwrap();
    db.execute_batch("COMMIT").unwrap();
}

/// The same, but nothing of it stays.
fn fail(db: &Connection, books: &mut Books, batch: &Batch) {
    let occasion = Occasion { now: Time::default(), queue_frames: 0, starting: Duration::ZERO };
    db.execute_batch("BEGIN").unwrap();
    books.write(db, std::iter::once(batch), occasion).unwrap();
    db.execute_batch("ROLLBACK").unwrap();
    *books = Books::load(db).unwrap();
}

fn all<T>(db: &Connection, sql: &str, read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
    db.prepare(sql).unwrap().query_map([], read).unwrap().map(Result::unwrap).collect()
}

/// A connection, a row and a position are one commit: whatever a power cut leaves, the position is not ahead of the rows.
#[test]
fn rows_and_position_are_one_commit() {
    let mut db = schema::in_memory();
    db.execute("INSERT INTO stream (id, name, state, wanted) VALUES (1, 'aa', 'wanted', 0)", []).unwrap();
    let (mut books, mut batch) = (Books::load(&db).unwrap(), Batch::default());
    for (number, at) in [(1, 10), (2, 20)] {
        let (connection, at) = (ConnectionId(number), Time::from_seconds(at));
        batch.record(Record::Opened { connection, at, url: String::new() });
        let id = number.to_string();
        batch.interaction(
            at,
            StreamId(1),
            &Interaction {
                stream: "".into(),
                id: id.into(),
                kind: "".into(),
                created: None,
                produced: None,
                payload: "{}",
            },
        );
        batch.reach(Reach { connection, covered_until: at.after(Duration::from_secs(1)), ..Reach::default() });
    }
    let commits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&commits);
    db.commit_hook(Some(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        false
    }))
    .unwrap();
    commit(&db, &mut books, &batch);
    assert_eq!(commits.load(Ordering::Relaxed), 1);
    // Both connections' positions: the first one's is not lost to the second's.
    let positions = all(&db, "SELECT covered FROM connection ORDER BY id", |row| row.get::<_, i64>(0));
    assert_eq!(positions, [11_000_000, 21_000_000]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn rows_and_counts_are_those_of_the_model(steps in proptest::collection::vec(step(), 1..250)) {
        let db = schema::in_memory();
        for stream in 1..4 {
            db.execute("INSERT INTO stream (id, name, state, wanted) VALUES (?1, ?1, 'wanted', 0)", [stream]).unwrap();
        }
        let (mut books, mut model, mut batch) = (Books::load(&db).unwrap(), Model::default(), Batch::default());
        for (number, step) in steps.iter().chain([&Step::Commit]).enumerate() {
            match step {
                Step::Interaction { stream, id, received } => {
                    let (id, payload) = (id.to_string(), format!("{{\"n\":{number},\"x\":\"{}\"}}", "x".repeat(number % 13)));
                    batch.interaction(Time::from_micros(*received), StreamId(*stream), &Interaction {
                        stream: "".into(), id: (&id).into(), kind: "".into(), created: None, produced: None,
                        payload: &payload,
                    });
                    if !model.barred.contains(&id) {
                        model.rows.entry((id, *stream)).or_insert(payload);
                    }
                }
                Step::Delete { id } => {
                    batch.delete(&id.to_string());
                    model.rows.retain(|(known, _), _| *known != id.to_string());
                    model.barred.insert(id.to_string());
                }
                Step::Commit => {
                    commit(&db, &mut books, &batch);
                    batch.clear();
                }
                Step::Fail => fail(&db, &mut books, &batch),
                Step::Restart => {
                    commit(&db, &mut books, &batch);
                    batch.clear();
                    books = Books::load(&db).unwrap();
                }
            }
        }
        let rows: BTreeMap<(String, u32), String> =
            all(&db, "SELECT id, stream, payload FROM interaction", |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))
                .into_iter()
                .collect();
        prop_assert_eq!(rows, model.rows);
        let pair = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, Option<i64>>(2)?));
        prop_assert_eq!(
            all(&db, "SELECT stream, interactions, last_interaction_us FROM streams ORDER BY 1", pair),
            all(&db, "SELECT s.name, count(i.id), max(i.received) FROM stream s LEFT JOIN interaction i ON i.stream = s.id
                       GROUP BY s.name ORDER BY 1", pair)
        );
        prop_assert_eq!(
            all(&db, "SELECT 'x', stream, bytes FROM tally ORDER BY 2", pair),
            all(&db, "SELECT 'x', stream, sum(octet_length(payload)) FROM interaction
                       WHERE bucket < (SELECT value FROM meta WHERE name = 'bucket') GROUP BY stream ORDER BY 2", pair)
        );
        prop_assert_eq!(
            all(&db, "SELECT stream, hour_us, interactions FROM hours ORDER BY 1, 2", pair),
            all(&db, "SELECT stream, received_us / 3600000000 * 3600000000 AS hour, count(*) FROM interactions
                       GROUP BY stream, hour ORDER BY 1, 2", pair)
        );
    }
}
