//! The ledger against a model that writes down, for every moment, what is true of it.

use std::time::Duration;

use proptest::prelude::*;
use rusqlite::Connection;

use super::ledger::{Ledger, Running};
use super::schema;
use crate::coverage::Cause;
use crate::record::{ConnectionId, StreamId};
use crate::time::Time;

const STREAM: StreamId = StreamId(1);
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
#[derive(Clone, Debug)]
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
struct Model {
    moments: Vec<Truth>,
    began: i64,
    wanted: i64,
    runs: Option<Truth>,
}

impl Model {
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

fn rows(db: &Connection, sql: &str) -> Vec<(i64, Option<i64>, String)> {
    let mut statement = db.prepare(sql).unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap().map(Result::unwrap).collect()
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
            ledger.covered(db, STREAM, ConnectionId(*connection), at(now), STARTING).unwrap();
            model.covered(now);
        }
        Step::Gap { cause, back } => {
            let cause = CAUSES.get(*cause).copied().unwrap();
            ledger.gap(db, STREAM, at(now - back), cause, None).unwrap();
            model.gap(now - back, cause);
        }
        Step::Retired { back } => {
            ledger.retired(db, STREAM, at(now), at(now - back)).unwrap();
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
            let sql = "UPDATE stream SET state = 'wanted', wanted = ?1, began = NULL, retired = NULL WHERE id = 1";
            db.execute(sql, [now]).unwrap();
            ledger.want(STREAM, at(now));
            (model.wanted, model.began, model.runs) = (now, now, Some(Truth::Nothing));
        }
        Step::Wanted => {}
        Step::Reloaded => {
            let again = Ledger::load(db).unwrap();
            assert_eq!(again.running(STREAM).unwrap(), ledger.running(STREAM).unwrap());
            *ledger = again;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn covers_and_gaps_are_the_wanted_time_without_hole_or_overlap(
        steps in proptest::collection::vec((step(), 1..8_i64), 1..40)
    ) {
        let db = schema::in_memory();
        db.execute("INSERT INTO stream (id, name, state, wanted) VALUES (1, 'a', 'wanted', 10)", []).unwrap();
        db.execute("INSERT INTO connection (id, opened, url, covered, proven) VALUES (1, 10, '', 10, 10)", []).unwrap();
        let mut ledger = Ledger::load(&db).unwrap();
        let mut model =
            Model { moments: vec![Truth::Nothing; 400], began: 10, wanted: 10, runs: Some(Truth::Nothing) };
        let (mut now, mut connection) = (10, 1);
        for (step, pause) in &steps {
            now += pause;
            apply(&db, &mut ledger, &mut model, &mut connection, now, step);
            let gaps = rows(&db, "SELECT started, ended, cause FROM gap ORDER BY started, id");
            let lost = model.stretches(|truth| match truth {
                Truth::Missing(cause) => Some(cause.word()),
                Truth::Nothing | Truth::Covered => None,
            });
            prop_assert_eq!(gaps, lost, "after {:?}", step);
            let covers = rows(&db, "SELECT began, ended, 'covered' FROM cover ORDER BY began");
            let proven = model.stretches(|truth| (truth == Truth::Covered).then_some("covered"));
            prop_assert_eq!(joined(covers), proven, "after {:?}", step);
            let runs = !matches!(ledger.running(STREAM).unwrap(), Running::Retired);
            prop_assert_eq!(runs, model.runs.is_some());
        }
    }
}
