//! docs/queries.md: every question gets an answer, quickly, and so it does in the tools that people like.

use rusqlite::{Connection, OpenFlags, Statement};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::archive_house::skipped;
use crate::example::Example;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The questions of the page: headline and SQL.
fn questions() -> Vec<(String, String)> {
    let page = fs::read_to_string(root().join("docs/queries.md")).unwrap();
    let parts = page.split("\n### ").skip(1);
    parts
        .map(|part| {
            let (headline, rest) = part.split_once('\n').unwrap();
            let sql = rest.split_once("```sql\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
            (headline.to_owned(), sql.trim().trim_end_matches(';').to_owned())
        })
        .collect()
}

const VALUES: [(&str, &str); 3] =
    [(":stream", "4f3af38ad1c31646561bc814c3e69af5"), (":from", "2026-11-22 03:30"), (":until", "2026-11-22 05:00")];

fn fill_in(statement: &mut Statement<'_>) {
    for (name, value) in VALUES {
        if let Some(place) = statement.parameter_index(name).unwrap() {
            statement.raw_bind_parameter(place, value).unwrap();
        }
    }
}

fn example() -> Example {
    let example = Example::filled();
    example.sql(
        "UPDATE stream SET state = 'active' WHERE id = 4;
         INSERT INTO quarantined (at, reason, frame) VALUES (1795323000000000, 'not JSON', x'7b');
         INSERT INTO backfill_job (name, stream, asked_from, asked_till, sources, stage, begun, ended, outcome, stored)
         VALUES ('a', 1, 1795319937, 1795320002, '[]', 'closed', 1795323000000000, 1795323100000000, 'complete', 7)",
    );
    example
}

#[test]
fn twenty_questions_are_answered_without_reading_all_interactions() {
    let example = example();
    let address = format!("file:{}?mode=ro", example.archive().display());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let archive = Connection::open_with_flags(address, flags).unwrap();
    let questions = questions();
    assert_eq!(questions.len(), 20);
    for (number, (headline, sql)) in questions.iter().enumerate() {
        assert!(headline.starts_with(&format!("{}. ", number + 1)), "{headline}");
        let mut statement = archive.prepare(sql).unwrap_or_else(|error| panic!("{headline}: {error}"));
        fill_in(&mut statement);
        let mut rows = statement.raw_query();
        assert!(rows.next().unwrap().is_some(), "{headline}");
        let mut plan = archive.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        fill_in(&mut plan);
        let mut steps = plan.raw_query();
        while let Some(step) = steps.next().unwrap() {
            let step: String = step.get("detail").unwrap();
            assert!(step != "SCAN i" && !step.starts_with("SCAN i "), "{headline}: {step}");
        }
    }
}

/// The name of a question in an address.
fn slug(headline: &str) -> String {
    let words: Vec<String> = headline
        .split_whitespace()
        .skip(1)
        .map(|word| word.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase())
        .collect();
    words.join("-")
}

fn metadata() -> Value {
    let queries: serde_json::Map<String, Value> = questions()
        .into_iter()
        .map(|(headline, sql)| (slug(&headline), json!({"title": headline, "sql": sql})))
        .collect();
    json!({
        "title": "siftd",
        "description": "What came, and whether that is all: completeness is told by coverage and gaps, and only by them.",
        "databases": {"archive": {"queries": queries}},
    })
}

#[test]
fn datasette_has_the_questions_of_the_page() {
    let path = root().join("docs/datasette.json");
    let text = serde_json::to_string_pretty(&metadata()).unwrap() + "\n";
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path, text).unwrap();
    } else {
        assert_eq!(fs::read_to_string(path).unwrap(), text, "UPDATE_EXPECT=1 cargo test queries writes it anew");
    }
}

/// A tool that `.ci/run` has installed; without it the test is skipped.
fn tool(name: &str) -> Option<PathBuf> {
    let path = root().join("target/tools/bin").join(name);
    if path.exists() {
        return Some(path);
    }
    skipped(&format!("target/tools has no {name} (.ci/run installs it from PyPI)"));
    None
}

fn said(done: &Output) -> String {
    let errors = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{errors}");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

#[test]
fn datasette_answers_every_question() {
    let Some(datasette) = tool("datasette") else { return };
    let example = example();
    for (headline, _) in questions() {
        let address = format!(
            "/archive/{}.json?_shape=array&stream=4f3af38ad1c31646561bc814c3e69af5&from=2026-11-22+03:30&until=2026-11-22+05:00",
            slug(&headline)
        );
        let done = Command::new(&datasette)
            .arg(example.archive())
            .arg("--metadata")
            .arg(root().join("docs/datasette.json"))
            .args(["--get", &address])
            .output()
            .unwrap();
        let rows: Vec<Value> = serde_json::from_str(&said(&done)).unwrap_or_else(|error| panic!("{headline}: {error}"));
        assert!(!rows.is_empty(), "{headline}");
    }
}

#[test]
fn sqlite_utils_and_duckdb_read_the_views() {
    let example = example();
    if let Some(utils) = tool("sqlite-utils") {
        let question = "SELECT count(*) AS number FROM coverage";
        let done = Command::new(utils).arg("query").arg(example.archive()).arg(question).output().unwrap();
        assert_eq!(said(&done).trim(), "[{\"number\": 7}]");
    }
    if let Some(python) = tool("python") {
        let script = "import duckdb, os, sys, duckdb_extension_sqlite_scanner as scanner\n\
                      folder = os.path.join(os.path.dirname(scanner.__file__), 'extensions', 'v' + duckdb.__version__)\n\
                      db = duckdb.connect()\n\
                      db.execute(f\"LOAD '{folder}/sqlite_scanner.duckdb_extension'\")\n\
                      db.execute(f\"ATTACH '{sys.argv[1]}' AS a (TYPE sqlite, READ_ONLY)\")\n\
                      print(db.execute('SELECT count(*) FROM a.gaps').fetchone()[0])\n";
        let done = Command::new(python).args(["-c", script]).arg(example.archive()).output().unwrap();
        assert_eq!(said(&done).trim(), "6");
    }
}
