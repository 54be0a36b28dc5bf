//! Rows, deletions and counts against a model that keeps everything in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use rusqlite::Connection;

use super::batch::Batch;
use super::commit::{Books, Occasion};
use super::{Keep, schema};
use crate::record::{ConnectionId, Reach, Record, StreamId};
use crate::signal::Interaction;
use crate::time::Time;

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Interaction {
        stream: u32,
        id: u16,
        received: i64,
    },
    /// Ten new ids, one after the other.
    Many {
        stream: u32,
    },
    Delete {
        id: u16,
    },
    /// The transaction ends; the next begins.
    Commit,
    /// The transaction fails and is tried again.
    Fail,
    /// The daemon is started again.
    Restart,
    /// Before it is, the row of a filter has gone, or is not as it was.
    Harm(Harm),
    /// From now on each filter says yes to each id.
    Doubt,
    /// The oldest rows go.
    Prune(usize),
}

#[derive(Clone, Copy, Debug)]
enum Harm {
    Lost,
    Cut,
    /// A row of another group is in its place.
    Mixed,
    Torn,
}

impl Harm {
    /// What it does to the filters in the archive.
    const fn sql(self) -> &'static str {
        match self {
            Self::Lost => "DELETE FROM id_filter WHERE part % 2 = 0",
            Self::Cut => "UPDATE id_filter SET cells = substr(cells, 1, 100) WHERE part % 2 = 1",
            Self::Mixed => {
                "UPDATE OR IGNORE id_filter SET (seed, digest, cells) = (SELECT seed, digest, cells FROM id_filter o WHERE o.part = 0)"
            }
            Self::Torn => "UPDATE id_filter SET cells = zeroblob(length(cells))",
        }
    }
}

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![Just(Harm::Lost), Just(Harm::Cut), Just(Harm::Mixed), Just(Harm::Torn)]
}

/// Ids that come again: from now and from long ago.
const IDS: u16 = 500;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        30 => (1..4_u32, 0..IDS, 0..50_i64)
            .prop_map(|(stream, id, received)| Step::Interaction { stream, id, received: received * 900_000_000 }),
        10 => (1..4_u32).prop_map(|stream| Step::Many { stream }),
        6 => (0..IDS).prop_map(|id| Step::Delete { id }),
        6 => Just(Step::Commit),
        2 => Just(Step::Fail),
        2 => Just(Step::Restart),
        2 => harm().prop_map(Step::Harm),
        1 => Just(Step::Doubt),
        1 => (1..60_usize).prop_map(Step::Prune),
    ]
}

/// Which interactions are there, by id and stream, with the payload that came first; and which never come again.
#[derive(Clone, Default)]
struct Model {
    rows: BTreeMap<(String, u32), String>,
    barred: BTreeSet<String>,
    /// The number of the next id that has not been.
    next: u16,
}

impl Model {
    fn interaction(&mut self, batch: &mut Batch, (id, stream): (String, u32), received: i64, payload: String) {
        batch.interaction(
            Time::from_micros(received),
            StreamId(stream),
            &Interaction {
                stream: "".into(),
                id: (&id).into(),
                kind: "".into(),
                created: None,
                produced: None,
                payload: &payload,
            },
        );
        if !self.barred.contains(&id) {
            self.rows.entry((id, stream)).or_insert(payload);
        }
    }

    fn delete(&mut self, batch: &mut Batch, id: &str) {
        batch.delete(id);
        self.rows.retain(|(known, _), _| known != id);
        self.barred.insert(id.to_owned());
    }
}

/// Every other of the ids.
fn has_order(id: &str) -> bool {
    id.ends_with(['0', '2', '4', '6', '8'])
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
    books.reload(db).unwrap();
}

fn all<T>(db: &Connection, sql: &str, read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
    db.prepare(sql).unwrap().query_map([], read).unwrap().map(Result::unwrap).collect()
}

/// A connection, a row and a position are one commit: whatever a power cut leaves, the position is not ahead of the rows.
#[test]
fn rows_and_position_are_one_commit() {
    let mut db = schema::in_memory();
    db.execute("INSERT INTO stream (id, name, state, wanted) VALUES (1, 'aa', 'wanted', 0)", []).unwrap();
    let (mut books, mut batch) = (Books::load(&db, has_order).unwrap(), Batch::default());
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

/// The archive, what the writer knows of it, and what there should be.
struct Play {
    db: Connection,
    books: Books,
    model: Model,
    batch: Batch,
}

impl Play {
    fn new() -> Self {
        let db = schema::in_memory();
        for stream in 1..4 {
            db.execute("INSERT INTO stream (id, name, state, wanted) VALUES (?1, ?1, 'wanted', 0)", [stream]).unwrap();
        }
        let (books, model) = (Books::load(&db, has_order).unwrap(), Model { next: IDS, ..Model::default() });
        Self { db, books, model, batch: Batch::default() }
    }

    fn commit(&mut self) {
        commit(&self.db, &mut self.books, &self.batch);
        self.batch.clear();
    }

    fn restart(&mut self) {
        self.books = Books::load(&self.db, has_order).unwrap();
    }

    fn step(&mut self, number: usize, step: &Step) {
        let payload = format!("{{\"n\":{number},\"x\":\"{}\"}}", "x".repeat(number % 13));
        match step {
            Step::Interaction { stream, id, received } => {
                self.model.interaction(&mut self.batch, (id.to_string(), *stream), *received, payload);
            }
            Step::Many { stream } => {
                for id in self.model.next..self.model.next + 10 {
                    self.model.interaction(&mut self.batch, (id.to_string(), *stream), 0, payload.clone());
                }
                self.model.next += 10;
            }
            Step::Delete { id } => self.model.delete(&mut self.batch, &id.to_string()),
            Step::Commit => self.commit(),
            Step::Fail => fail(&self.db, &mut self.books, &self.batch),
            Step::Restart => {
                self.commit();
                self.restart();
            }
            Step::Harm(harm) => {
                self.commit();
                self.db.execute(harm.sql(), []).unwrap();
                self.restart();
            }
            Step::Doubt => self.books.zones.doubt(),
            Step::Prune(rows) => self.prune(*rows),
        }
    }

    /// What a step of retention removes is what the model loses.
    fn prune(&mut self, rows: usize) {
        self.commit();
        let keys = |db: &Connection| -> BTreeSet<(String, u32)> {
            all(db, "SELECT id, stream FROM interaction", |row| Ok((row.get(0)?, row.get(1)?))).into_iter().collect()
        };
        let before = keys(&self.db);
        let keep = Keep { max_age: Some(Duration::ZERO), max_size: None };
        self.db.execute_batch("BEGIN").unwrap();
        self.books.pruning.forget();
        self.books.prune(&self.db, keep, rows, Time::from_seconds(1_000_000)).unwrap();
        self.db.execute_batch("COMMIT").unwrap();
        let after = keys(&self.db);
        assert!(before.len() <= after.len() + rows);
        self.model.rows.retain(|key, _| after.contains(key) || !before.contains(key));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn rows_and_counts_are_those_of_the_model(steps in proptest::collection::vec(step(), 1..250)) {
        let mut play = Play::new();
        for (number, step) in steps.iter().chain([&Step::Commit]).enumerate() {
            play.step(number, step);
        }
        let Play { db, model, .. } = play;
        // In a list: a row that is there twice is one too many.
        let sql = "SELECT id, stream, payload FROM interaction ORDER BY id, stream";
        let rows: Vec<((String, u32), String)> = all(&db, sql, |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)));
        prop_assert_eq!(rows, model.rows.into_iter().collect::<Vec<_>>());
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
