//! `siftd streams`, `siftd gaps`, and what all commands have in common: exit codes, pipes, hostile text.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use expect_test::expect;
use proptest::prelude::*;
use serde_json::Value;

use crate::example::{Example, siftd};

#[test]
fn streams_are_a_table() {
    expect![[r#"
        STREAM                            LABEL      STATE     COVERED UNTIL         INTERACTIONS  LAST INTERACTION      OPEN GAPS  REASON
        00000000000000000000000000000bad  typo       rejected  -                                0  -                             1  00000000000000000000000000000bad is an invalid hash
        4f3af38ad1c31646561bc814c3e69af5  coffee     active    2026-11-22T04:59:57Z           230  2026-11-22T04:59:30Z          0  -
        6561bc814c3e69af54f3af38ad1c3164  tea        active    2026-11-22T04:59:57Z            12  2026-11-22T04:59:00Z          0  -
        ad1c31646561bc814c3e69af54f3af38  -          disabled  -                                0  -                             1  The stream has been disabled
        c3e69af54f3af38ad1c31646561bc814  last year  retired   -                                0  -                             0  -

        5 streams: 2 active, 1 disabled, 1 rejected, 1 retired
    "#]].assert_eq(&Example::filled().answer(&["streams"]));
}

#[test]
fn streams_in_one_state() {
    expect![[r#"
        STREAM                            LABEL  STATE     COVERED UNTIL  INTERACTIONS  LAST INTERACTION  OPEN GAPS  REASON
        00000000000000000000000000000bad  typo   rejected  -                         0  -                         1  00000000000000000000000000000bad is an invalid hash

        1 stream
    "#]].assert_eq(&Example::filled().answer(&["streams", "--state", "rejected"]));
}

#[test]
fn gaps_are_a_table_with_sums() {
    let example = Example::filled();
    let lock = example.held_by(4001);
    expect![[r#"
        ID  STREAM                            STARTED               ENDED                 SECONDS  CAUSE        STATE   DELETES  DETAIL
         1  00000000000000000000000000000bad  2026-11-22T03:00:00Z  growing                7200.0  rejected     open    unknown  00000000000000000000000000000bad is an invalid hash
         2  ad1c31646561bc814c3e69af54f3af38  2026-11-22T03:00:00Z  growing                7200.0  disabled     open    unknown  The stream has been disabled
         3  4f3af38ad1c31646561bc814c3e69af5  2026-11-22T03:58:57Z  2026-11-22T04:00:01Z     63.5  crash        closed  unknown  -
         4  6561bc814c3e69af54f3af38ad1c3164  2026-11-22T03:58:57Z  2026-11-22T04:00:01Z     64.0  crash        closed  unknown  -
         5  4f3af38ad1c31646561bc814c3e69af5  2026-11-22T04:39:55Z  2026-11-22T04:40:00Z      5.0  maintenance  closed  unknown  -
         6  6561bc814c3e69af54f3af38ad1c3164  2026-11-22T04:39:55Z  2026-11-22T04:40:00Z      5.2  maintenance  waived  unknown  not worth its price

        6 gaps, 2 growing (counted until now), 14537.8 s of streams in all
        CAUSE        GAPS  SECONDS
        crash           2    127.5
        disabled        1   7200.0
        maintenance     2     10.2
        rejected        1   7200.0
    "#]]
    .assert_eq(&example.answer(&["gaps"]));
    drop(lock);
    let unwatched = example.answer(&["gaps", "--stream", "last year"]);
    expect![[r#"
        no gaps

        No daemon runs: nothing after 2026-11-22T04:59:59Z is proven complete, whatever is listed here.
    "#]]
    .assert_eq(&unwatched);
}

#[test]
fn gaps_are_chosen_by_stream_state_and_time() {
    let example = Example::filled();
    let ids = |arguments: &[&str]| -> Vec<i64> {
        let answer = example.answer(&[&["gaps", "--json"], arguments].concat());
        let document: Value = serde_json::from_str(&answer).unwrap();
        let mut ids: Vec<_> =
            document["gaps"].as_array().unwrap().iter().map(|gap| gap["id"].as_i64().unwrap()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids(&[]), [1, 2, 3, 4, 5, 6]);
    assert_eq!(ids(&["--stream", "4f3af38ad1c31646561bc814c3e69af5"]), [3, 5]);
    assert_eq!(ids(&["--stream", "4F3AF38AD1C31646561BC814C3E69AF5"]), [3, 5]);
    assert_eq!(ids(&["--stream", "tea"]), [4, 6]);
    assert_eq!(ids(&["--state", "waived"]), [6]);
    assert_eq!(ids(&["--stream", "coffee", "--state", "open"]), [0; 0]);
    // A gap counts when it reaches beyond the moment; a growing one always does.
    assert_eq!(ids(&["--since", "30m"]), [1, 2, 5, 6]);
    assert_eq!(ids(&["--since", "2026-11-22T04:40:00.5Z"]), [1, 2, 6]);
    assert_eq!(ids(&["--since", "2026-11-22T06:40:00.5+02:00"]), [1, 2, 6]);
    assert_eq!(ids(&["--since", "2026-11-22T04:40:00.5"]), [1, 2, 6]);
    assert_eq!(ids(&["--since", "2026-11-22"]), [1, 2, 3, 4, 5, 6]);
    assert_eq!(ids(&["--since", "3 days ago"]), [1, 2, 3, 4, 5, 6]);
    assert_eq!(ids(&["--since", "9000 years"]), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn documents_have_every_column_of_their_view_in_its_order() {
    let example = Example::filled();
    for view in ["streams", "gaps"] {
        let answer = example.answer(&[view, "--json"]);
        let document: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(document.as_object().unwrap().len(), 1);
        let count: i64 =
            example.writer.query_row(&format!("SELECT count(*) FROM {view}"), [], |row| row.get(0)).unwrap();
        assert_eq!(i64::try_from(document[view].as_array().unwrap().len()), Ok(count));
        let columns = example.columns(view);
        let first = answer.lines().nth(1).unwrap();
        let places: Vec<_> = columns.iter().map(|column| first.find(&format!("\"{column}\":")).unwrap()).collect();
        assert!(places.is_sorted(), "{first}");
        assert_eq!(document[view][0].as_object().unwrap().len(), columns.len());
    }
    assert_eq!(Example::empty().answer(&["gaps", "--json"]), "{\"gaps\":[]}\n");
    assert_eq!(Example::empty().answer(&["gaps"]), "no gaps\n\nNo daemon runs: nothing is proven complete.\n");
    assert_eq!(Example::empty().answer(&["streams"]), "0 streams\n");
}

#[test]
fn states_are_those_of_the_archive() {
    let example = Example::empty();
    example.sql("INSERT INTO stream (id, name, state, wanted) VALUES (1, 'a', 'wanted', 0)");
    for state in siftd::command::gaps::STATES {
        let ended = if state == "open" { "NULL" } else { "2" };
        example.sql(&format!(
            "INSERT INTO gap (stream, started, ended, cause, state) VALUES (1, 1, {ended}, 'crash', '{state}')"
        ));
    }
    for state in siftd::command::streams::STATES {
        example.sql(&format!("UPDATE stream SET state = '{state}'"));
    }
    let listed = |table: &str| -> usize {
        let question = "SELECT sql FROM sqlite_schema WHERE name = ?1";
        let text: String = example.writer.query_row(question, [table], |row| row.get(0)).unwrap();
        let list =
            text.split("state IN (").nth(1).or(text.split("(state IN (").nth(1)).unwrap().split(')').next().unwrap();
        list.split(',').count()
    };
    assert_eq!(listed("gap"), siftd::command::gaps::STATES.len());
    assert_eq!(listed("stream"), siftd::command::streams::STATES.len());
}

#[test]
fn what_makes_no_sense_ends_with_64_and_says_what_would() {
    let example = Example::filled();
    let cases: [(&[&str], &str); 7] = [
        (&[], "Usage: siftd"),
        (&["statsu"], "similar subcommands exist"),
        (
            &["gaps", "--state", "closd"],
            "[possible values: open, closed, filling, filled, partial, unfillable, waived]",
        ),
        (&["streams", "--state", "dead"], "[possible values: wanted, active, rejected, disabled, overflow, retired]"),
        (
            &["gaps", "--since", "yesterdayish"],
            "write a moment (2026-11-22T05:00:00Z), a date (2026-11-22) or a span (90s, 2h, 3d)",
        ),
        (&["gaps", "--stream", "cofee"], "has the hash or the label cofee: `siftd streams` lists them"),
        (&["status", "--jsn"], "--json"),
    ];
    for (arguments, advice) in cases {
        let output = example.siftd(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {said}");
        assert!(said.contains(advice), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn help_and_version_are_answers() {
    let example = Example::empty();
    for arguments in [&["--help"][..], &["--version"], &["gaps", "--help"], &["help", "reload"], &["status", "-h"]] {
        let output = example.siftd(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn settings_that_are_not_there_end_with_78() {
    let output = siftd(std::path::Path::new("/nonexistent/daemon.toml")).arg("status").output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8(output.stderr).unwrap().contains("/nonexistent/daemon.toml"));
}

/// 5,000 streams, and gaps in all of them.
fn big(gaps: u32) -> Example {
    let example = Example::empty();
    example.sql(&format!(
        "INSERT INTO stream (id, name, label, state, wanted, began)
         WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000)
         SELECT n, printf('%032x', n), 'stream no. ' || n, 'active', 0, 0 FROM n;
         INSERT INTO gap (stream, started, ended, cause, state)
         WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < {gaps} - 1)
         SELECT n % 5000 + 1, n / 5000 * 1000000, n / 5000 * 1000000 + 500000, 'network', 'closed' FROM n;",
    ));
    example
}

#[test]
fn a_large_archive_is_answered_whole() {
    let example = big(100_000);
    let document: Value = serde_json::from_slice(&example.siftd(&["gaps", "--json"]).stdout).unwrap();
    assert_eq!(document["gaps"].as_array().unwrap().len(), 100_000);
    let lines = |arguments| String::from_utf8(example.siftd(arguments).stdout).unwrap().lines().count();
    assert_eq!(lines(&["gaps"]), 100_000 + 7);
    assert_eq!(lines(&["streams"]), 5_000 + 3);
    assert_eq!(example.siftd(&["status"]).status.code(), Some(0));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let example = big(20_000);
    for arguments in [&["gaps"][..], &["gaps", "--json"], &["streams", "--json"]] {
        let mut child =
            siftd(&example.settings()).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn a_full_disk_behind_the_output_is_said() {
    let example = big(20_000);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = siftd(&example.settings()).args(["gaps", "--json"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(74));
    assert!(
        String::from_utf8(output.stderr).unwrap().starts_with("siftd: standard output cannot be written (No space")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Labels, reasons, details and messages are a server's or an author's words.
    #[test]
    fn no_text_of_the_archive_steers_a_terminal(hostile in "\\PC*|.*|[\\x00-\\x9f\u{202a}-\u{202e}]*") {
        let example = Example::filled();
        for statement in [
            "UPDATE stream SET label = ?1, reason = ?1",
            "UPDATE gap SET detail = ?1",
            "UPDATE notice SET message = ?1",
            "UPDATE connection SET closed = covered, closed_because = ?1, url = ?1",
            "UPDATE state SET version = ?1",
        ] {
            example.writer.execute(statement, [&hostile]).unwrap();
        }
        for arguments in [&["status"][..], &["streams"], &["gaps"], &["status", "--json"], &["streams", "--json"], &["gaps", "--json"]] {
            let answer = example.answer(arguments);
            let harmful = |character: char| character != '\n' && siftd::peer_text::is_harmful(character);
            prop_assert!(!answer.chars().any(harmful), "{arguments:?}: {answer:?}");
        }
        let lines = example.answer(&["gaps"]).lines().count();
        prop_assert_eq!(lines, Example::filled().answer(&["gaps"]).lines().count());
        let document: Value = serde_json::from_str(&example.answer(&["gaps", "--json"])).unwrap();
        prop_assert_eq!(document["gaps"][0]["detail"].as_str().unwrap(), hostile);
    }
}
