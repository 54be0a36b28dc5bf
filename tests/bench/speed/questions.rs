//! The usual questions, asked through the documented views of a large archive: warm, and while the flood runs.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::Value;

use super::clock;
use super::filler;
use super::frames::{Ids, stream_name};
use super::sample::{Measures, Spread};
use super::stage::{Look, Running, Stage, Trim};

/// How often each question is asked; the median counts.
const TIMES: usize = 21;

/// A question, and whether it is one of those that must be answered at once.
struct Question {
    name: &'static str,
    sql: &'static str,
    values: Vec<Value>,
    at_once: bool,
}

const HOUR: i64 = 3_600_000_000;
const MINUTE: i64 = 60_000_000;

/// Streams of these ranks: the busiest, one of the middle, one of the rarest.
const BUSIEST: usize = 0;
const MIDDLE: usize = 549;
const RAREST: usize = 4_999;

/// What is asked of an archive whose rows lie between these moments.
fn questions(first: i64, last: i64) -> Vec<Question> {
    let middle = i64::midpoint(first, last);
    let stream = |place: usize| Value::Text(stream_name(place));
    let whole = Value::Integer;
    let question = |name, sql, values| Question { name, sql, values, at_once: true };
    vec![
        question(
            "one interaction by its id",
            "SELECT stream, payload FROM interactions WHERE interaction_id =
             (SELECT interaction_id FROM interactions WHERE id >= ?1 ORDER BY id LIMIT 1)",
            vec![whole(middle)],
        ),
        question("a stream, one hour (middle)", BETWEEN, vec![stream(MIDDLE), whole(middle), whole(middle + HOUR)]),
        question(
            "a stream, one minute (busiest)",
            BETWEEN,
            vec![stream(BUSIEST), whole(middle), whole(middle + MINUTE)],
        ),
        question("the newest 100 of a stream (busiest)", NEWEST, vec![stream(BUSIEST)]),
        question("the same, picked by id first", PICKED, vec![stream(BUSIEST)]),
        question("the newest 100 of a stream (middle)", NEWEST, vec![stream(MIDDLE)]),
        question("the newest 100 of a stream (rarest)", NEWEST, vec![stream(RAREST)]),
        question(
            "a time range, its first 100",
            "SELECT stream, payload FROM interactions WHERE received_us BETWEEN ?1 AND ?2 ORDER BY received_us LIMIT 100",
            vec![whole(middle), whole(middle + HOUR)],
        ),
        question(
            "a time range, one second",
            "SELECT stream, payload FROM interactions WHERE received_us BETWEEN ?1 AND ?2",
            vec![whole(middle), whole(middle + 1_000_000)],
        ),
        question(
            "posted in a time range, one second",
            "SELECT stream, payload FROM interactions WHERE created_us BETWEEN ?1 AND ?2",
            vec![whole(middle), whole(middle + 1_000_000)],
        ),
        Question {
            name: "hours",
            sql: "SELECT stream, hour_us, interactions FROM hours",
            values: Vec::new(),
            at_once: false,
        },
        Question {
            name: "streams",
            sql: "SELECT stream, interactions, last_interaction_us FROM streams",
            values: Vec::new(),
            at_once: false,
        },
    ]
}

const BETWEEN: &str = "SELECT id, payload FROM interactions WHERE stream = ?1 AND received_us BETWEEN ?2 AND ?3";

const NEWEST: &str = "SELECT id, payload FROM interactions WHERE stream = ?1 ORDER BY received_us DESC LIMIT 100";

/// As docs/archive.md advises for a stream with half a million rows.
const PICKED: &str = "SELECT id, payload FROM interactions WHERE id IN
    (SELECT id FROM interactions WHERE stream = ?1 ORDER BY received_us DESC LIMIT 100) ORDER BY id DESC";

/// Fills an archive and asks; then starts the daemon on it and asks while the flood runs. Two lists, in milliseconds.
pub(crate) fn asked(rows: usize, flood: usize, ids: Ids) -> (Measures, Measures) {
    let stage = Stage::new();
    let archive = stage.path("archive.db");
    let first = filler::fill(&archive, rows, ids);
    let look = Look::at(&archive);
    let last: i64 =
        look.0.query_row("SELECT id FROM interactions ORDER BY id DESC LIMIT 1", [], |row| row.get(0)).unwrap();
    drop(look);
    let asked = questions(first, last);
    let mut quiet = answers(&archive, &asked, TIMES);
    let begun = clock::start();
    let trim = Trim { ids, ..Trim::default() };
    let (server, port) = stage.server(&trim);
    let mut daemon = stage.daemon(&trim, port);
    let built = begun.elapsed();
    daemon.hear("started");
    quiet.push(("start", milliseconds(begun.elapsed().checked_sub(built).unwrap_or_default())));
    daemon.hear("subscribed");
    let mut running = Running { server, daemon, archive: archive.clone() };
    running.send(flood, 0);
    let busy = answers(&archive, &asked, 3);
    running.committed(flood);
    running.stop();
    (quiet, busy)
}

/// Each question's median time, and the slowest of those that must be answered at once.
fn answers(archive: &Path, questions: &[Question], times: usize) -> Measures {
    let mut told: Measures = Vec::new();
    let mut slowest = 0.0_f64;
    for question in questions {
        // Once more than is counted: the first fills the cache.
        let spans = (0..=times).map(|_| milliseconds(ask(archive, question))).skip(1).collect();
        let median = Spread::of(spans).unwrap().median;
        slowest = if question.at_once { slowest.max(median) } else { slowest };
        told.push((question.name, median));
    }
    told.push(("slowest", slowest));
    told
}

/// On a connection of its own, as a program that asks once has it.
fn ask(archive: &Path, question: &Question) -> Duration {
    let look = Look::at(archive);
    let mut statement = look.0.prepare(question.sql).unwrap();
    let begun = clock::start();
    let mut rows = statement.query(rusqlite::params_from_iter(&question.values)).unwrap();
    while let Some(row) = rows.next().unwrap() {
        std::hint::black_box(row.get_ref(1).unwrap());
    }
    begun.elapsed()
}

fn milliseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}
