//! docs/archive.md: its columns are those of the archive, and its questions get answers.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, Statement};

use crate::example::{Example, NOW};

const BEGIN: &str =
    "<!-- columns: from the table column_meaning; UPDATE_EXPECT=1 cargo test archive_page writes them anew -->\n";
const END: &str = "<!-- end of columns -->\n";

/// The views, in the order of the page, and what each is.
const VIEWS: [(&str, &str); 10] = [
    ("interactions", "What came: one row for each stream that an interaction matched."),
    ("coverage", "What is proven complete. A stream's intervals do not overlap."),
    ("gaps", "What is not proven complete, between the beginning of a stream's history and now, and why."),
    ("backfills", "Every job that fills gaps from the server's archive, and how it got on."),
    ("streams", "Every stream that ever was in the settings, and how it stands."),
    ("hours", "Interactions counted by stream and hour of arrival."),
    ("connections", "Every connection to the server."),
    ("notices", "What the daemon had to say; docs/runbook.md explains each notice."),
    ("daemon", "One row: the daemon as it last said. Whether it lives, `siftd status` tells."),
    ("quarantine", "Frames that could not be read, kept byte for byte."),
];

fn page() -> String {
    fs::read_to_string(path()).unwrap()
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/archive.md")
}

/// The reader's connection, as the page advises it.
fn reader(example: &Example) -> Connection {
    let address = format!("file:{}?mode=ro", example.archive().display());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(address, flags).unwrap()
}

#[test]
fn columns_are_those_of_the_archive() {
    let example = Example::empty();
    let mut tables = String::new();
    for (view, meaning) in VIEWS {
        writeln!(tables, "\n### `{view}`\n\n{meaning}\n\n| column | meaning |\n| --- | --- |").unwrap();
        for column in example.columns(view) {
            let question = "SELECT meaning FROM column_meaning WHERE view = ?1 AND \"column\" = ?2";
            let meaning = example.writer.query_row(question, [view, &column], |row| row.get::<_, String>(0));
            let meaning = meaning.unwrap_or_else(|error| panic!("{view}.{column} has no meaning: {error}"));
            writeln!(tables, "| `{column}` | {} |", meaning.replace('|', "\\|")).unwrap();
        }
    }
    tables.push('\n');
    let page = page();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (columns, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(path(), [before, BEGIN, &tables, END, after].concat()).unwrap();
    } else {
        assert_eq!(columns, tables, "UPDATE_EXPECT=1 cargo test archive_page writes docs/archive.md anew");
    }
}

#[test]
fn every_view_is_on_the_page() {
    let example = Example::empty();
    let mut views = example.writer.prepare("SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name").unwrap();
    let views: Vec<String> = views.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut named: Vec<_> = VIEWS.iter().map(|(view, _)| (*view).to_owned()).collect();
    named.sort();
    assert_eq!(views, named);
}

/// The questions of the page: headline and SQL.
fn questions(page: &str) -> Vec<(String, String)> {
    let (_, questions) = page.split_once("\n## Questions\n").unwrap();
    let parts = questions.split("\n### ").skip(1);
    parts
        .map(|part| {
            let (headline, rest) = part.split_once('\n').unwrap();
            let sql = rest.split_once("```sql\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
            (headline.to_owned(), sql.to_owned())
        })
        .collect()
}

const COFFEE: &str = "4f3af38ad1c31646561bc814c3e69af5";

fn bind(statement: &mut Statement<'_>, name: &str, value: impl rusqlite::ToSql) {
    if let Some(place) = statement.parameter_index(name).unwrap() {
        statement.raw_bind_parameter(place, value).unwrap();
    }
}

/// Puts the last hour, and a stream, where the question asks for them.
fn fill_in(statement: &mut Statement<'_>) {
    bind(statement, ":stream", COFFEE);
    bind(statement, ":from_us", NOW.micros() - 3_600_000_000);
    bind(statement, ":until_us", NOW.micros());
    bind(statement, ":since_us", NOW.micros() - 45_000_000);
    bind(statement, ":interaction_id", format!("1e0b{:028x}", 998));
}

fn rows(statement: &mut Statement<'_>) -> usize {
    let mut rows = statement.raw_query();
    std::iter::from_fn(|| rows.next().unwrap().map(|_| ())).count()
}

#[test]
fn every_question_gets_an_answer() {
    let example = Example::filled();
    let archive = reader(&example);
    let questions = questions(&page());
    assert!(questions.len() >= 10);
    for (headline, sql) in questions {
        let mut statement = archive.prepare(&sql).unwrap_or_else(|error| panic!("{headline}: {error}"));
        fill_in(&mut statement);
        assert!(rows(&mut statement) > 0, "{headline}");
    }
}

#[test]
fn no_question_reads_the_archive_from_end_to_end() {
    let example = Example::filled();
    let archive = reader(&example);
    for (headline, sql) in questions(&page()) {
        let mut statement = archive.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        fill_in(&mut statement);
        let mut steps = statement.raw_query();
        while let Some(step) = steps.next().unwrap() {
            let step: String = step.get("detail").unwrap();
            assert!(step != "SCAN i" && !step.starts_with("SCAN i "), "{headline}: {step}");
        }
    }
}

#[test]
fn completeness_is_what_it_says() {
    let example = Example::filled();
    let archive = reader(&example);
    let (_, sql) =
        questions(&page()).into_iter().find(|(headline, _)| headline.starts_with("Is a stream complete")).unwrap();
    let complete = |stream: &str, from: i64, until: i64| -> bool {
        let mut statement = archive.prepare(&sql).unwrap();
        bind(&mut statement, ":stream", stream);
        bind(&mut statement, ":from_us", NOW.micros() - from * 1_000_000);
        bind(&mut statement, ":until_us", NOW.micros() - until * 1_000_000);
        let mut rows = statement.raw_query();
        rows.next().unwrap().unwrap().get("complete").unwrap()
    };
    assert!(complete(COFFEE, 7_000, 4_000), "within one coverage");
    assert!(complete(COFFEE, 1_000, 4), "within the running one");
    assert!(!complete(COFFEE, 1_000, 0), "beyond what is proven");
    assert!(!complete(COFFEE, 3_000, 1_000), "across the maintenance");
    assert!(!complete("00000000000000000000000000000bad", 100, 50), "never covered");
    assert!(!complete("unheard of", 100, 50));
}
