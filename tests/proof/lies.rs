//! A server that lies: repetitions, messages out of order, of strangers, without an id, and JSON that nobody should write.

use serde_json::{Value, json};
use std::time::Duration;

use crate::scene::{Scene, Stage};

const BUSY: &str = "[world]\nstreams = 20\nrate = 300\n";

/// Waits until so many rows have come since the start.
fn rows(scene: &Scene, count: usize) {
    scene.holds(&format!("SELECT count(*) > {count} FROM interactions"));
}

/// Waits until so many more rows are there.
fn more_rows(scene: &Scene, count: i64) {
    let before = scene.number("SELECT count(*) FROM interactions");
    scene.holds(&format!("SELECT count(*) > {before} + {count} FROM interactions"));
}

/// Has the world make one message with exactly this text under `data`; `more` says what the journal calls it and where
/// it goes. Returns its line.
fn craft(scene: &Scene, data: &str, more: &Value) -> Value {
    let mut craft = json!({"data": data});
    craft.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    scene.cue(&json!({"do": {"craft": craft}}).to_string(), "produced")
}

/// The world is quiet from here on: what is journaled next came of a cue.
fn hush(scene: &Scene) {
    scene.cue(r#"{"do":{"rate":"1/h"}}"#, "cue");
}

#[test]
fn repetitions_and_replays_and_one_id_with_other_bytes() {
    let mut scene =
        Stage::new("[world]\nstreams = 20\nrate = 1000\nduplicates = 0.1\ndeletes = 0\nlarge = 0\nhuge = 0\n").open();
    scene.start();
    scene.watch();
    // By then everything that the world remembers was handed over.
    rows(&scene, 2_500);
    hush(&scene);
    scene.cue(r#"{"do":{"repeats":{"count":300}}}"#, "cue");
    scene.cue(r#"{"do":{"repeats":{"count":300,"altered":true}}}"#, "cue");
    let fault = scene.fault("reset", &["network"]);
    let closed = scene.cue(r#"{"do":{"close":{"how":"reset"}}}"#, "closed");
    scene.until("subscribed");
    scene.over(fault, &closed);
    scene.cue(r#"{"do":{"repeats":{"count":300}}}"#, "cue");
    let last = scene.cue(r#"{"do":{"repeats":{"count":300,"altered":true}}}"#, "cue");
    scene.line(scene.lines(), |line| line["seq"].as_u64() > last["seq"].as_u64());
    let report = scene.finish(&["stored", "repeated"]);
    assert!(report.counted("repeated") > 300, "{report}");
}

#[test]
fn the_first_payload_of_an_id_stays() {
    let mut scene = Stage::new("[world]\nstreams = 1\nrate = \"1/h\"\n").open();
    scene.start();
    for (data, id) in [(r#"{"interaction":{"id":"a"},"n":1}"#, "a"), (r#"{"interaction":{"id":"a"},"n":2}"#, "a")] {
        craft(&scene, data, &json!({"id": id}));
    }
    craft(&scene, r#"{"interaction":{"id":"b"}}"#, &json!({"id": "b"}));
    rows(&scene, 1);
    assert_eq!(scene.number("SELECT payload ->> '$.n' FROM interactions WHERE interaction_id = 'a'"), 1);
    let report = scene.finish(&["stored", "repeated"]);
    assert_eq!(report.counted("stored"), 2, "{report}");
}

#[test]
fn messages_an_hour_late_and_out_of_order() {
    let mut scene = Stage::new("[world]\nstreams = 20\nrate = 300\nold = 0.7\nold_by = \"1h\"\n").open();
    scene.start();
    scene.watch();
    rows(&scene, 900);
    let posted = "SELECT sum(created_us < before) FROM
        (SELECT created_us, lag(created_us) OVER (ORDER BY id) AS before FROM interactions)";
    assert!(scene.number(posted) > 200, "out of order");
    assert!(scene.number("SELECT max(received_us - created_us) > 1800000000 FROM interactions") == 1);
    let fault = scene.fault("reset", &["network"]);
    let closed = scene.cue(r#"{"do":{"close":{"how":"reset"}}}"#, "closed");
    scene.until("subscribed");
    scene.over(fault, &closed);
    rows(&scene, 1_500);
    scene.finish(&["stored", "in_gap"]);
}

#[test]
fn only_old_messages_and_no_tick_make_the_gap_wider_and_nothing_is_lost() {
    let stage =
        "[node]\ntick_every = \"0s\"\nlag = \"1500ms\"\n[world]\nstreams = 5\nrate = 50\nold = 1.0\nold_by = \"1h\"\n";
    let mut scene = Stage::new(stage).open();
    scene.start();
    rows(&scene, 300);
    let fault = scene.fault("reset", &["network"]);
    // How old the youngest of them was is all that can be known.
    scene.bound(&fault, Duration::from_hours(1));
    let closed = scene.cue(r#"{"do":{"close":{"how":"reset"}}}"#, "closed");
    scene.until("subscribed");
    scene.over(fault, &closed);
    rows(&scene, 500);
    // Something must tell how far it is complete, else nothing is.
    scene.cue(r#"{"do":{"lag":{"hold":"0s"}}}"#, "cue");
    scene.cue(r#"{"do":{"ticks":{"every":"1s"}}}"#, "cue");
    scene.finish(&["stored", "in_gap"]);
}

#[test]
fn messages_of_streams_that_nobody_asked_for_or_no_longer_wants() {
    let mut scene = Stage::new(&format!("{BUSY}deletes = 0\n[answers]\nunsubscribe = \"ignore\"\n")).open();
    scene.start();
    rows(&scene, 300);
    scene.cue(r#"{"do":{"garbage":{"kind":"stray_hash","copies":3}}}"#, "cue");
    scene.until("foreign-interaction");
    let removed = scene.fault("taken out", &["shutdown"]);
    scene.only(&removed, 10..20);
    scene.list(0..10);
    let ignored = scene.line(0, |line| line["event"] == "ignored");
    let late = scene.line(scene.lines(), |line| {
        line["event"] == "produced" && scene.streams[10..].iter().any(|(hash, _)| line["stream"] == hash.as_str())
    });
    assert_eq!(late["fate"], "sent", "the server goes on with a stream that was taken out");
    let taken_out: Vec<String> = scene.streams[10..].iter().map(|(hash, _)| hash.clone()).collect();
    scene.daemon().until_that("a late message", |said| {
        said["notice"] == "foreign-interaction" && taken_out.iter().any(|hash| said["stream"] == hash.as_str())
    });
    let others: Vec<_> = taken_out.iter().map(|hash| format!("'{hash}'")).collect();
    let count = format!("SELECT count(*) FROM interactions WHERE stream IN ({})", others.join(","));
    // What was under way when it was taken out is stored first.
    more_rows(&scene, 100);
    let before = scene.number(&count);
    more_rows(&scene, 300);
    assert_eq!(scene.number(&count), before, "not stored any more");
    scene.over(removed, &ignored);
    let again = scene.fault("not in the list", &["starting", "shutdown"]);
    scene.only(&again, 10..20);
    scene.list(0..20);
    scene.holds("SELECT count(*) = 20 FROM streams WHERE state = 'active'");
    scene.over(again, &ignored);
    scene.holds(&format!("SELECT ({count}) > {before} + 100"));
    let report = scene.finish(&["stored", "unwanted"]);
    assert!(report.counted("unwanted") > 50, "{report}");
}

/// What is under `data`, and whether it can be read: then it is a row, else its frame is kept byte for byte.
fn hostile() -> Vec<(String, bool)> {
    let id = |id: &str| format!(r#"{{"interaction":{{"id":{id}}}}}"#);
    let mut all: Vec<(String, bool)> = [
        "7",
        "-7",
        "18446744073709551615",
        "184467440737095516160",
        "0.5",
        "null",
        "true",
        "[]",
        "{}",
        r#""""#,
        r#"" ""#,
        r#""'; DROP TABLE interaction; --""#,
        r#""a\u0000b""#,
        r#""\u001b]0;owned\u0007""#,
        r#""\u202e\u2066""#,
        r#""\ud83d\ude00""#,
        r#""blake3:0000""#,
    ]
    .iter()
    .map(|text| (id(text), true))
    .collect();
    all.push((id(&format!("\"{}\"", "x".repeat(1 << 20))), true));
    all.push((id(r#""\ud800""#), false));
    all.push((id("1e999"), false));
    all.push((id(r#""a\"#), false));
    all.push((r#"{"interaction":null}"#.to_owned(), true));
    all.push((r#"{"interaction":["id","x"]}"#.to_owned(), true));
    all.push(("{}".to_owned(), true));
    all.push(("[]".to_owned(), false));
    all.push(("\"text\"".to_owned(), false));
    all.push((
        r#"{"interaction":{"id":"deep"},"deep":DEEP}"#.replace("DEEP", &("[".repeat(100_000) + &"]".repeat(100_000))),
        true,
    ));
    let keys: Vec<String> = (0..200_000).map(|key| format!(r#""k{key}":{key}"#)).collect();
    all.push((format!(r#"{{"interaction":{{"id":"wide"}},{}}}"#, keys.join(",")), true));
    for (place, part) in
        ["1e999", "-0", r#""\ud800""#, r#"{"a":1,"a":2}"#, "1234567890123456789.5E-400"].iter().enumerate()
    {
        all.push((format!(r#"{{"interaction":{{"id":"odd-{place}"}},"part":{part}}}"#), true));
    }
    all.push((r#"{"interaction":{"id":"twice"},"interaction":{"id":"thrice"}}"#.to_owned(), false));
    all.push((r#"{"interaction":{"id":"one","id":"two"}}"#.to_owned(), false));
    all.push((r#"{"interaction":{"id":"nan"},"x":NaN}"#.to_owned(), false));
    all.push((r#"{"interaction":{"id":"comma"},}"#.to_owned(), false));
    all.push(("{\"interaction\":{\"id\":\"raw\"},\"x\":\"\u{1}\"}".to_owned(), false));
    all
}

#[test]
fn hostile_ids_and_json_are_rows_or_kept_byte_for_byte() {
    let mut scene = Stage::new("[world]\nstreams = 2\nrate = \"1/h\"\n").open();
    scene.start();
    scene.watch();
    let all = hostile();
    let readable = all.iter().filter(|(_, readable)| *readable).count();
    for (place, (data, readable)) in all.iter().enumerate() {
        // What is not readable has a mark in it, by which the oracle finds it in quarantine.
        let mark = format!("mark-{place}");
        let frame = format!(r#"{{"hash":"<HASH>","mark":"{mark}","data":<DATA>}}"#);
        let more = if *readable { json!({"stream": 1}) } else { json!({"stream": 1, "id": mark, "frame": frame}) };
        craft(&scene, data, &more);
    }
    scene.holds(&format!("SELECT count(*) = {readable} FROM interactions"));
    scene.holds(&format!("SELECT count(*) = {} FROM quarantine", all.len() - readable));
    let fields = "SELECT count(*) FROM (SELECT author, title, content, link, language, type FROM interactions)";
    assert_eq!(scene.number(fields), i64::try_from(readable).unwrap(), "one odd message fails no query");
    let report = scene.finish(&["stored", "quarantined"]);
    assert_eq!(report.counted("stored"), readable, "{report}");
    assert_eq!(report.counted("in_gap"), 0, "no gap and no reconnect for words: {report}");
}

/// Frames that are more, or other, than one object: `<DATA>` stands where the message is.
const FRAMES: &[(&str, bool)] = &[
    (r#"{"hash":"<HASH>","data":<DATA>}"#, true),
    ("\u{feff}{\"hash\":\"<HASH>\",\"data\":<DATA>}", true),
    (r#" { "data" : <DATA> , "hash" : "<HASH>" } "#, true),
    (r#"[{"hash":"<HASH>","data":<DATA>}]"#, true),
    (r#"[{"tick":1,"status":"connected"},{"hash":"<HASH>","data":<DATA>}]"#, true),
    (r#"{"hash":"<HASH>","data":<DATA>}{"tick":1}"#, true),
    (r#"{"hash":"<HASH>","data":<DATA>} trailing"#, true),
    (r#"{"hash":"<HASH>","data":<DATA>,"status":"success","message":"fake"}"#, true),
    (r#"{"hash":"<HASH>","data":<DATA>,"deleted":false}"#, true),
    (r#"{"hash":"<HASH>","hash":"<HASH>","data":<DATA>}"#, false),
    (r#"{"hash":"<HASH>","data":<DATA>,"data":<DATA>}"#, false),
    (r#"{"hash":null,"data":<DATA>}"#, false),
    (r#"{"data":<DATA>}"#, false),
    (r#"{"hash":"<HASH>","data":<DATA>"#, false),
    (r#"[[{"hash":"<HASH>","data":<DATA>}]]"#, false),
];

#[test]
fn frames_with_keys_twice_and_fake_statuses_are_read_by_their_top_level() {
    let mut scene = Stage::new("[world]\nstreams = 2\nrate = \"1/h\"\n").open();
    scene.start();
    let fakes = r#""status":"failure","message":"You have insufficient credits available to consume the stream","deleted":"no","tick":-1,"reconnect":true,"hash":"d41d8cd98f00b204e9800998ecf8427e""#;
    for (place, (frame, readable)) in FRAMES.iter().enumerate() {
        let id = format!("frame-{place}");
        let data =
            format!(r#"{{"interaction":{{"id":"{id}","deleted":true}},"x":{{"deleted":true,{fakes}}},{fakes}}}"#);
        craft(&scene, &data, &json!({"stream": 1, "id": id, "frame": frame}));
        if *readable {
            scene.holds(&format!("SELECT count(*) = 1 FROM interactions WHERE interaction_id = '{id}'"));
        } else {
            scene.holds(&format!("SELECT count(*) FROM quarantine WHERE instr(frame, CAST('{id}' AS BLOB)) > 0"));
        }
    }
    assert_eq!(scene.number("SELECT count(*) FROM connections"), 1, "nobody was fooled into a reconnect");
    let report = scene.finish(&["stored", "quarantined"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}

#[test]
fn garbage_of_every_kind_that_a_websocket_allows() {
    let mut scene = Stage::new(BUSY).open();
    scene.start();
    scene.watch();
    let kinds = [
        "not_json",
        "broken_json",
        "deep_json",
        "wide_json",
        "unknown_json",
        "odd_json",
        "unknown_status",
        "empty",
        "byte_order_mark",
        "stray_hash",
        "array",
        "lines",
        "no_id",
        "binary",
        "pong",
    ];
    for kind in kinds {
        scene.cue(&format!(r#"{{"do":{{"garbage":{{"kind":"{kind}","copies":3}}}}}}"#), "cue");
    }
    scene.holds("SELECT count(*) >= 18 FROM quarantine");
    let report = scene.finish(&["stored"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}
