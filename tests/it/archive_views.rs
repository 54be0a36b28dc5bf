//! The views: their columns, their meaning, and how they are answered.

use siftd::coverage::Cause;
use siftd::notice::Notice;
use siftd::peer_text::PeerText;
use siftd::record::{ConnectionId, DaemonState, Reach, Record, StreamId};

use super::archive_house::*;

/// What programs outside rely on.
const COLUMNS: &[(&str, &[&str])] = &[
    (
        "interactions",
        &[
            "id",
            "stream",
            "interaction_id",
            "type",
            "created_at",
            "created_us",
            "received_at",
            "received_us",
            "origin",
            "payload",
            "author",
            "title",
            "content",
            "link",
            "language",
        ],
    ),
    ("coverage", &["stream", "from_us", "until_us", "how", "connection_id"]),
    (
        "gaps",
        &[
            "id",
            "stream",
            "started_at",
            "started_us",
            "ended_at",
            "ended_us",
            "seconds",
            "cause",
            "state",
            "deletes_unknown",
            "detail",
        ],
    ),
    (
        "streams",
        &[
            "stream",
            "label",
            "state",
            "reason",
            "wanted_us",
            "wanted_at",
            "covered_until_us",
            "covered_until_at",
            "interactions",
            "last_interaction_at",
            "open_gaps",
        ],
    ),
    (
        "connections",
        &[
            "id",
            "opened_at",
            "opened_us",
            "closed_at",
            "closed_us",
            "url",
            "frames",
            "bytes",
            "interactions",
            "closed_because",
        ],
    ),
    ("notices", &["id", "at", "at_us", "level", "notice", "stream", "connection_id", "message", "detail"]),
    (
        "daemon",
        &[
            "state",
            "since_at",
            "since_us",
            "version",
            "pid",
            "watermark_us",
            "queue_frames",
            "clock_offset_us",
            "last_tick_us",
        ],
    ),
    ("quarantine", &["id", "at_us", "connection_id", "reason", "frame"]),
];

#[test]
fn the_views_have_their_columns_and_the_archive_explains_each() {
    let house = House::new();
    house.finish(house.run(&[]));
    for (view, columns) in COLUMNS {
        let found = house.ask(&format!("SELECT name FROM pragma_table_info('{view}')"));
        for column in *columns {
            assert!(found.iter().any(|name| name == column), "{view}.{column}");
        }
    }
    let views = "SELECT s.name || '.' || c.name FROM sqlite_schema s, pragma_table_info(s.name) c
                  WHERE s.type = 'view' ORDER BY 1";
    let explained = r#"SELECT "view" || '.' || "column" FROM column_meaning ORDER BY 1"#;
    assert_eq!(house.ask(views), house.ask(explained));
}

#[test]
fn the_file_says_what_it_is() {
    let house = House::new();
    house.finish(house.run(&[]));
    assert_eq!(house.ask("PRAGMA application_id"), ["1936287348"]);
    assert_eq!(house.ask("PRAGMA user_version"), ["5"]);
    assert_eq!(house.ask("PRAGMA page_size"), ["32768"]);
    assert_eq!(house.ask("PRAGMA auto_vacuum"), ["2"]);
    assert_eq!(house.ask("PRAGMA journal_mode"), ["wal"]);
    assert_eq!(house.ask("SELECT name FROM pragma_table_list WHERE type = 'table' AND NOT strict AND schema = 'main' AND name NOT LIKE 'sqlite_%'"), ["refinery_schema_history"]);
}

#[test]
fn a_message_that_sqlite_cannot_read_does_not_fail_the_query_of_the_others() {
    let house = House::new();
    let running = house.run(&["aa"]);
    let around = |odd: &str| format!(r#"{{"interaction":{{"content":"C","title":{odd}}}}}"#);
    let odd = ["1e999", r#""\ud800""#, r#""\u0000x""#, "-0", r#"{"a":1,"a":2}"#].map(around);
    let deep = [
        around(&("[".repeat(2_000) + &"]".repeat(2_000))),
        around(&(r#"{"x":"#.repeat(100_000) + "1" + &"}".repeat(100_000))),
    ];
    house.send(&running, |batch| {
        for (place, payload) in odd.iter().chain(&deep).enumerate() {
            let at = later(i64::try_from(place).unwrap());
            batch.interaction(at, StreamId(1), &interaction(&place.to_string(), payload));
        }
    });
    let read = "SELECT count(*), count(content) FROM (SELECT author, title, content, link, language FROM interactions)";
    assert_eq!(house.ask(read), ["7 5"]);
    let lengths: Vec<_> = odd.iter().chain(&deep).map(|payload| payload.len().to_string()).collect();
    assert_eq!(house.ask("SELECT length(CAST(payload AS BLOB)) FROM interactions ORDER BY id"), lengths);
}

#[test]
fn fields_are_read_out_of_the_payload() {
    let house = House::new();
    let running = house.run(&["aa"]);
    let payload = r#"{"interaction":{"author":{"username":"ann","name":"Ann"},"title":"T","content":"C \ud83d\ude00","link":"http://l"},"language":{"tag":"en"}}"#;
    let unnamed = r#"{"interaction":{"author":{"name":"Bob"}},"interaction":1,"deep":[[[{}]]],"n":-0.0E-7}"#;
    house.send(&running, |batch| {
        batch.interaction(later(0), StreamId(1), &interaction("1", payload));
        batch.interaction(later(1), StreamId(1), &interaction("2", unnamed));
        batch.interaction(later(2), StreamId(1), &interaction("3", "{}"));
    });
    assert_eq!(
        house.ask("SELECT author, title, content, link, language, type, origin FROM interactions ORDER BY id"),
        ["ann T C 😀 http://l en blog live", "Bob - - - - blog live", "- - - - - blog live"]
    );
    house.finish(running);
}

#[test]
fn moments_are_told_in_words_too() {
    let house = House::new();
    let running = house.run(&["aa"]);
    let created = [-1, -1_000_000, -62_167_219_200_000_000, 0, 1_311_694_603_000_001, i64::MIN, i64::MAX];
    house.send(&running, |batch| {
        for (number, moment) in created.iter().enumerate() {
            let id = number.to_string();
            let mut interaction = interaction(&id, "{}");
            interaction.created = Some(siftd::time::Time::from_micros(*moment));
            batch.interaction(later(0), StreamId(1), &interaction);
        }
    });
    assert_eq!(
        house.ask("SELECT created_at FROM interactions ORDER BY id"),
        [
            "1969-12-31T23:59:59.999999Z",
            "1969-12-31T23:59:59.000000Z",
            "0000-01-01T00:00:00.000000Z",
            "1970-01-01T00:00:00.000000Z",
            "2011-07-26T15:36:43.000001Z",
            "-",
            "-"
        ]
    );
    assert_eq!(house.ask("SELECT received_at FROM interactions LIMIT 1"), ["2023-11-14T22:13:20.000000Z"]);
    house.finish(running);
}

#[test]
fn the_daemon_and_its_connections_are_told() {
    let house = House::new();
    let running = house.run(&["aa"]);
    assert_eq!(
        house.ask("SELECT state, since_us, version, watermark_us FROM daemon"),
        ["starting 1700000000000000 0.1.0 -"]
    );
    house.send(&running, |batch| {
        batch.record(opened(7, later(1)));
        batch.record(Record::Daemon { state: DaemonState::Live, since: later(2) });
    });
    house.set(later(5));
    house.send(&running, |batch| {
        let told = Reach {
            frames: 3,
            bytes: 40,
            interactions: 2,
            clock_offset: Some(-1500),
            last_tick: Some(later(4)),
            ..reach(7, later(5), later(3))
        };
        batch.reach(told);
    });
    assert_eq!(
        house.ask("SELECT state, since_us, watermark_us, clock_offset_us, last_tick_us, told_us FROM daemon"),
        ["live 1700000002000000 1700000005000000 -1500 1700000004000000 1700000005000000"]
    );
    assert_eq!(house.ask("SELECT pid FROM daemon"), [std::process::id().to_string()]);
    assert_eq!(
        house.ask("SELECT id, opened_us, closed_us, url, frames, bytes, interactions, closed_because FROM connections"),
        ["7 1700000001000000 - wss://stream.example/multi 3 40 2 -"]
    );
    house.finish(running);
}

#[test]
fn a_notice_is_kept_with_its_fields_until_it_is_old() {
    let house = House::new();
    let running = house.run(&["aa"]);
    let notice = Notice::StreamRejected { stream: "aa".to_owned(), text: PeerText::of("aa is an invalid hash") };
    house.send(&running, |batch| {
        batch.record(Record::Said { at: later(3), connection: Some(ConnectionId(1)), notice });
    });
    assert_eq!(
        house.ask("SELECT at_us, level, notice, stream, connection_id, message, detail ->> 'text' FROM notices"),
        ["1700000003000000 error stream-rejected aa 1 stream aa rejected: aa is an invalid hash aa is an invalid hash"]
    );
    house.set(later(31 * 24 * 3600));
    house.settle(&running);
    house.tick_until(|| house.ask("SELECT count(*) FROM notices") == ["0"]);
    house.finish(running);
}

/// The usual questions, and what the plan of each must search.
const QUESTIONS: &[(&str, &str)] = &[
    ("SELECT * FROM interactions WHERE interaction_id = 'x'", "interaction_id (ANY(zone) AND id=?)"),
    (
        "SELECT * FROM interactions WHERE stream = 'x' AND received_us >= 5 AND received_us < 9",
        "interaction_stream (ANY(bucket) AND stream=? AND rowid>? AND rowid<?)",
    ),
    (
        "SELECT * FROM interactions WHERE stream = 'x' ORDER BY received_us DESC LIMIT 100",
        "interaction_stream (ANY(bucket) AND stream=?)",
    ),
    (
        "SELECT * FROM interactions WHERE stream = 'x' ORDER BY id DESC LIMIT 100",
        "interaction_stream (ANY(bucket) AND stream=?)",
    ),
    ("SELECT * FROM interactions WHERE received_us >= 5 AND received_us < 9", "PRIMARY KEY (rowid>? AND rowid<?)"),
    ("SELECT * FROM interactions WHERE created_us BETWEEN 5 AND 9", "interaction_created (created>? AND created<?)"),
    (
        "SELECT stream, received_us / 3600000000 AS hour, count(*) FROM interactions GROUP BY stream, hour",
        "COVERING INDEX interaction_stream",
    ),
    ("SELECT * FROM hours", "COVERING INDEX interaction_stream (bucket=?)"),
    ("SELECT * FROM streams", "COVERING INDEX interaction_stream (bucket=?)"),
    ("SELECT * FROM coverage WHERE stream = 'x'", "c USING PRIMARY KEY (ANY(connection) AND stream=?)"),
    ("SELECT * FROM gaps WHERE stream = 'x'", "gap_stream (stream=?)"),
    ("SELECT * FROM gaps WHERE state = 'open'", "gap_state (state=?)"),
    ("SELECT * FROM notices WHERE notice = 'x' AND at_us > 5", "notice_name (notice=? AND at>?)"),
    ("SELECT * FROM notices WHERE stream = 'x'", "notice_stream (stream=?)"),
    ("SELECT * FROM notices WHERE at_us > 5", "notice_name (ANY(notice) AND at>?)"),
];

#[test]
fn the_usual_questions_never_read_the_whole_archive() {
    let house = House::new();
    let running = house.run(&["x"]);
    let reader = house.reader();
    for (question, search) in QUESTIONS {
        let plan: Vec<String> = {
            let mut statement = reader.prepare(&format!("EXPLAIN QUERY PLAN {question}")).unwrap();
            statement.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect()
        };
        let plan = plan.join("\n");
        assert!(plan.contains(search), "{question}\n{plan}");
        // Only the covering index may be read from end to end, never the rows with their payloads.
        assert!(
            !plan.lines().any(|line| line.starts_with("SCAN i") && !line.contains("COVERING")),
            "{question}\n{plan}"
        );
        assert!(!plan.contains("SCAN interaction"), "{question}\n{plan}");
    }
    drop(reader);
    house.finish(running);
}

#[test]
fn a_gap_tells_its_length_and_what_is_known_of_it() {
    let house = House::new();
    let running = house.run(&["aa"]);
    house.send(&running, |batch| {
        batch.record(opened(1, later(1)));
        batch.record(Record::Gap {
            stream: StreamId(1),
            from: later(1),
            cause: Cause::Network,
            detail: Some("connection reset".to_owned()),
        });
        batch.record(covered(1, 1, later(3).after(std::time::Duration::from_millis(500))));
    });
    assert_eq!(
        house.ask("SELECT seconds, deletes_unknown, detail, started_at, ended_at FROM gaps"),
        ["3.5 1 connection reset 2023-11-14T22:13:20.000000Z 2023-11-14T22:13:23.500000Z"]
    );
    house.finish(running);
}
