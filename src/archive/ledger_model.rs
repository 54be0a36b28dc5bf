//! The ledger against a model that writes down, for every moment, what is true of it.

use std::time::Duration;

use proptest::prelude::*;
use rusqlite::Connection;

use super::ledger::{Ledger, Running};
use super::schema;
use crate::coverage::Cause;
use crate::record::{ConnectionId, StreamId};
use crate::time::Time;

const STARTING: Duration = Duration::from_micros(4);
const CAUSES: [Cause; 3] = [Cause::Network, Cause::Billing, Cause::Starting];

/// What is true at one moment of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Truth {
    /// Not wanted, or wanted and acknowledged soon after.
    Nothing,
    Covered,
    Missing(Cause),
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Acknowledged on the next connection, or on the same again.
    Covered {
        fresh: bool,
    },
    Gap {
        cause: usize,
        back: i64,
    },
    Retired {
        back: i64,
    },
    Wanted,
    /// The daemon is started again.
    Reloaded,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(|fresh| Step::Covered { fresh }),
        4 => (0..CAUSES.len(), 0..6_i64).prop_map(|(cause, back)| Step::Gap { cause, back }),
        1 => (0..6_i64).prop_map(|back| Step::Retired { back }),
        1 => Just(Step::Wanted),
        1 => Just(Step::Reloaded),
    ]
}

/// The stream's time, moment by moment, and where what runs began.
#[derive(Clone)]
struct Model {
    stream: StreamId,
    moments: Vec<Truth>,
    began: i64,
    wanted: i64,
    runs: Option<Truth>,
}

impl Model {
    /// A stream that is wanted from the tenth moment on, in an archive that has it, and nothing else of it.
    fn new(db: &Connection, id: u32) -> Self {
        let sql = "INSERT INTO stream (id, name, state, wanted) VALUES (?1, ?1, 'wanted', 10)";
        db.execute(sql, [id]).unwrap();
        let moments = vec![Truth::Nothing; 400];
        Self { stream: StreamId(id), moments, began: 10, wanted: 10, runs: Some(Truth::Nothing) }
    }

    fn from(&mut self, at: i64, truth: Truth) {
        let at = usize::try_from(at).unwrap();
        for moment in self.moments.iter_mut().skip(at) {
            *moment = truth;
        }
    }

    fn begin(&mut self, at: i64, truth: Truth) {
        self.from(at, truth);
        self.runs = Some(truth);
        // What touches a stretch of the same truth goes on with it.
        let before = self.moments.iter().take(usize::try_from(at).unwrap()).rev();
        let same = before.take_while(|moment| **moment == truth).count();
        self.began = at - i64::try_from(same).unwrap();
    }

    fn gap(&mut self, from: i64, cause: Cause) {
        let next = Truth::Missing(cause);
        match self.runs {
            None | Some(Truth::Missing(_)) if self.runs == Some(next) => {}
            Some(Truth::Nothing) => self.begin(self.wanted, next),
            Some(_) => self.begin(from.max(self.began), next),
            None => {}
        }
    }

    fn covered(&mut self, from: i64) {
        match self.runs {
            Some(Truth::Nothing) if from - self.wanted > i64::try_from(STARTING.as_micros()).unwrap() => {
                self.from(self.wanted, Truth::Missing(Cause::Starting));
                self.begin(from, Truth::Covered);
            }
            Some(Truth::Nothing | Truth::Missing(_)) => self.begin(from.max(self.began), Truth::Covered),
            Some(Truth::Covered) | None => {}
        }
    }

    /// The stretches of one truth, as (from, until, cause), the last without an end.
    fn stretches(&self, of: impl Fn(Truth) -> Option<&'static str>) -> Vec<(i64, Option<i64>, String)> {
        let mut found: Vec<(i64, Option<i64>, String)> = Vec::new();
        let mut before = None;
        for (at, truth) in (0..).zip(&self.moments) {
            let word = of(*truth);
            if word != before {
                if let (Some(_), Some(last)) = (before, found.last_mut()) {
                    last.1 = Some(at);
                }
                if let Some(word) = word {
                    found.push((at, None, word.to_owned()));
                }
            }
            before = word;
        }
        found
    }
}

fn rows(db: &Connection, sql: &str, stream: StreamId) -> Vec<(i64, Option<i64>, String)> {
    let mut statement = db.prepare_cached(sql).unwrap();
    statement
        .query_map([stream.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// Covers that touch are one stretch.
fn joined(covers: Vec<(i64, Option<i64>, String)>) -> Vec<(i64, Option<i64>, String)> {
    let mut joined: Vec<(i64, Option<i64>, String)> = Vec::new();
    for cover in covers {
        match joined.last_mut() {
            Some(last) if last.1 == Some(cover.0) => last.1 = cover.1,
            _ => joined.push(cover),
        }
    }
    joined
}

fn apply(db: &Connection, ledger: &mut Ledger, model: &mut Model, connection: &mut i64, now: i64, step: &Step) {
    let at = Time::from_micros;
    match step {
        Step::Covered { fresh } => {
            let covered = model.runs == Some(Truth::Covered);
            // A new connection comes after a gap; the same one may acknowledge again.
            if *fresh && !covered {
                *connection += 1;
                let sql = "INSERT INTO connection (id, opened, url, covered, proven) VALUES (?1, ?2, '', ?2, ?2)";
                db.execute(sql, [*connection, now]).unwrap();
            }
            ledger.covered(db, model.stream, ConnectionId(*connection), at(now), STARTING).unwrap();
            model.covered(now);
        }
        Step::Gap { cause, back } => {
            let cause = CAUSES.get(*cause).copied().unwrap();
            ledger.gap(db, model.stream, at(now - back), cause, None).unwrap();
            model.gap(now - back, cause);
        }
        Step::Retired { back } => {
            ledger.retired(db, model.stream, at(now), at(now - back)).unwrap();
            match model.runs {
                Some(Truth::Covered) => {
                    model.from((now - back).max(model.began), Truth::Missing(Cause::Shutdown));
                    model.from(now, Truth::Nothing);
                }
                Some(_) => model.from(now, Truth::Nothing),
                None => {}
            }
            model.runs = None;
        }
        Step::Wanted if model.runs.is_none() => {
            let sql = "UPDATE stream SET state = 'wanted', wanted = ?1, began = NULL, retired = NULL WHERE id = ?2";
            db.execute(sql, [now, model.stream.0.into()]).unwrap();
            ledger.want(model.stream, at(now));
            (model.wanted, model.began, model.runs) = (now, now, Some(Truth::Nothing));
        }
        Step::Wanted => {}
        Step::Reloaded => {
            let again = Ledger::load(db).unwrap();
            assert_eq!(again.running(model.stream).unwrap(), ledger.running(model.stream).unwrap());
            *ledger = again;
        }
    }
}

/// The ledger says of a stream what the model says.
fn assert_agrees(db: &Connection, ledger: &Ledger, model: &Model, after: &[impl std::fmt::Debug]) {
    let gaps = rows(db, "SELECT started, ended, cause FROM gap WHERE stream = ?1 ORDER BY started, id", model.stream);
    let lost = model.stretches(|truth| match truth {
        Truth::Missing(cause) => Some(cause.word()),
        Truth::Nothing | Truth::Covered => None,
    });
    assert_eq!(gaps, lost, "gaps of {:?} after {after:?}", model.stream);
    let covers = rows(db, "SELECT began, ended, 'covered' FROM cover WHERE stream = ?1 ORDER BY began", model.stream);
    let proven = model.stretches(|truth| (truth == Truth::Covered).then_some("covered"));
    assert_eq!(joined(covers), proven, "covers of {:?} after {after:?}", model.stream);
    let runs = !matches!(ledger.running(model.stream).unwrap(), Running::Retired);
    assert_eq!(runs, model.runs.is_some(), "{:?} after {after:?}", model.stream);
}

/// An archive with a connection and nothing else.
fn archive() -> Connection {
    let db = schema::in_memory();
    db.execute("INSERT INTO connection (id, opened, url, covered, proven) VALUES (1, 10, '', 10, 10)", []).unwrap();
    db
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn covers_and_gaps_are_the_wanted_time_without_hole_or_overlap(
        steps in proptest::collection::vec((step(), 1..8_i64), 1..40)
    ) {
        let db = archive();
        let mut model = Model::new(&db, 1);
        let mut ledger = Ledger::load(&db).unwrap();
        let (mut now, mut connection) = (10, 1);
        for (step, pause) in &steps {
            now += pause;
            apply(&db, &mut ledger, &mut model, &mut connection, now, step);
            assert_agrees(&db, &ledger, &model, &[step]);
        }
    }
}

/// What can happen to each of two streams, and how many such events are tried in every order.
const STEPS: [Step; 7] = [
    Step::Covered { fresh: true },
    Step::Covered { fresh: false },
    Step::Gap { cause: 0, back: 0 },
    Step::Gap { cause: 1, back: 4 },
    Step::Retired { back: 2 },
    Step::Wanted,
    Step::Reloaded,
];
const DEEP: usize = 4;

/// One after the other, three moments apart: two of them are more than [`STARTING`].
const APART: i64 = 3;

/// Tries every step of every stream from here on, and takes it back. Says how many.
fn explore(
    db: &Connection,
    ledger: &Ledger,
    models: &[Model; 2],
    connection: i64,
    past: &mut Vec<(usize, Step)>,
) -> usize {
    if past.len() == DEEP {
        return 0;
    }
    let mut tried = 0;
    // A connection is renewed when it carries nobody any more.
    let busy = models.iter().any(|model| model.runs == Some(Truth::Covered));
    let now = 10 + APART * i64::try_from(past.len() + 1).unwrap();
    // The streams are alike: the first step is the first one's.
    for place in 0..if past.is_empty() { 1 } else { 2 } {
        for step in STEPS.into_iter().filter(|step| !(busy && matches!(step, Step::Covered { fresh: true }))) {
            db.execute_batch("SAVEPOINT step").unwrap();
            let (mut ledger, mut models, mut connection) = (ledger.clone(), models.clone(), connection);
            past.push((place, step));
            apply(db, &mut ledger, models.get_mut(place).unwrap(), &mut connection, now, &step);
            for model in &models {
                assert_agrees(db, &ledger, model, past);
            }
            tried += 1 + explore(db, &ledger, &models, connection, past);
            past.pop();
            db.execute_batch("ROLLBACK TO step; RELEASE step").unwrap();
        }
    }
    tried
}

#[test]
fn whatever_happens_to_two_streams_in_four_steps_they_do_not_touch_each_other() {
    let db = archive();
    let models = [1, 2].map(|id| Model::new(&db, id));
    let tried = explore(&db, &Ledger::load(&db).unwrap(), &models, 1, &mut Vec::new());
    assert!(tried > 10_000, "{tried}");
}

#[test]
fn a_stream_that_is_acknowledged_elsewhere_without_a_word_of_loss_has_a_gap_from_what_was_proven() {
    let db = archive();
    db.execute("INSERT INTO connection (id, opened, url, covered, proven) VALUES (2, 40, '', 40, 40)", []).unwrap();
    let stream = Model::new(&db, 1).stream;
    let at = Time::from_micros;
    let mut ledger = Ledger::load(&db).unwrap();
    for (connection, from) in [(1, 11), (1, 20), (2, 40)] {
        if from == 20 {
            db.execute("UPDATE connection SET proven = 30 WHERE id = 1", []).unwrap();
        }
        ledger.covered(&db, stream, ConnectionId(connection), at(from), STARTING).unwrap();
    }
    assert_eq!(ledger.running(stream).unwrap(), Running::Cover { connection: ConnectionId(2), began: at(40) });
    let gaps = rows(&db, "SELECT started, ended, cause FROM gap WHERE stream = ?1", stream);
    assert_eq!(gaps, [(30, Some(40), "network".to_owned())]);
}

#[test]
fn a_history_that_ends_without_a_word_goes_on_as_one_gap_of_a_crash() {
    let db = archive();
    let stream = Model::new(&db, 1).stream;
    let at = Time::from_micros;
    let mut ledger = Ledger::load(&db).unwrap();
    for (end, since, until) in [(20, 20, 25), (25, 20, 30), (40, 40, 50)] {
        ledger.mend(&db, stream, at(end)).unwrap();
        let Running::Gap { id, started, cause: Cause::Crash } = ledger.running(stream).unwrap() else {
            panic!("nothing runs after {end}")
        };
        assert_eq!(started, at(since), "what touches is one gap");
        db.execute("UPDATE gap SET ended = ?2, state = 'closed' WHERE id = ?1", [id, until]).unwrap();
    }
    let gaps = rows(&db, "SELECT started, ended, cause FROM gap WHERE stream = ?1 ORDER BY started", stream);
    assert_eq!(gaps, [(20, Some(30), "crash".to_owned()), (40, Some(50), "crash".to_owned())]);
}

#[test]
fn a_history_begins_with_the_first_word_if_that_comes_soon_and_else_where_the_stream_was_wanted() {
    let at = Time::from_micros;
    for (first, began) in [(Some(11), 11), (Some(14), 14), (Some(15), 10), (None, 10)] {
        let db = archive();
        let stream = Model::new(&db, 1).stream;
        let mut ledger = Ledger::load(&db).unwrap();
        assert_eq!(ledger.running(stream).unwrap(), Running::Nothing { wanted: at(10) });
        match first {
            Some(from) => ledger.covered(&db, stream, ConnectionId(1), at(from), STARTING).unwrap(),
            None => ledger.gap(&db, stream, at(12), Cause::Network, None).unwrap(),
        }
        let told: i64 = db.query_row("SELECT began FROM stream WHERE id = ?1", [stream.0], |row| row.get(0)).unwrap();
        assert_eq!(told, began, "the first word {first:?}");
    }
}

#[test]
fn a_gap_tells_what_was_said_of_it_last() {
    let db = archive();
    let stream = Model::new(&db, 1).stream;
    let mut ledger = Ledger::load(&db).unwrap();
    for (said, told) in [(Some("first"), Some("first")), (Some("last"), Some("last")), (None, Some("last"))] {
        ledger.gap(&db, stream, Time::from_micros(20), Cause::Network, said).unwrap();
        let rows: Vec<Option<String>> = db
            .prepare("SELECT detail FROM gap")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(rows, [told.map(str::to_owned)], "{said:?}");
    }
}

#[test]
fn every_stream_is_in_the_books_once() {
    let db = archive();
    let mut streams: Vec<StreamId> = [3, 1, 2].map(|id| Model::new(&db, id).stream).into();
    streams.sort_unstable();
    let mut known: Vec<StreamId> = Ledger::load(&db).unwrap().streams().map(|(stream, _)| stream).collect();
    known.sort_unstable();
    assert_eq!(known, streams);
}
