//! The oracle itself: whatever is wrong in an archive is found, and told by its name.

use crate::oracle::Verdict;
use crate::scene::{Evidence, Stage};
use rusqlite::Connection;
use std::path::PathBuf;

/// A run with deletes and one reset, and nothing wrong with it.
fn sound() -> Evidence {
    let mut scene = Stage::new("[world]\nstreams = 5\nrate = 200\ndeletes = 0.05\nduplicates = 0.02\n").open();
    scene.start();
    scene.holds("SELECT count(*) > 200 FROM interactions");
    scene.cue(r#"{"do":{"deletes":{"count":5}}}"#, "produced");
    scene.holds("SELECT count(*) > 300 FROM interactions");
    let fault = scene.fault("reset", &["network"]);
    let closed = scene.cue(r#"{"do":{"close":{"how":"reset"}}}"#, "closed");
    scene.until("subscribed");
    scene.over(fault, &closed);
    scene.drain();
    scene.end(&["stored", "deleted", "in_gap"])
}

/// A copy of the archive that was changed behind the daemon's back.
fn doctored(evidence: &Evidence, number: usize, change: &str) -> PathBuf {
    let copy = evidence.archive.with_file_name(format!("doctored-{number}.db"));
    let archive = Connection::open(&evidence.archive).unwrap();
    archive.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    let copied = Connection::open(&copy).unwrap();
    let changed = copied.execute(change, []).unwrap();
    assert!(changed > 0, "it changes nothing: {change}");
    copy
}

/// What is done to the archive, and the finding that must come of it.
const CHANGES: &[(&str, &str)] = &[
    // A row that coverage claims is gone.
    (
        "DELETE FROM interaction WHERE received = (SELECT max(i.received) FROM interaction i JOIN cover c ON c.stream = i.stream
          WHERE i.received > c.began AND i.received < c.ended - 2000000)",
        "LOST",
    ),
    // A gap is narrower than the loss: the coverage before it reaches into it.
    (
        "UPDATE cover SET ended = (SELECT g.ended FROM gap g WHERE g.stream = cover.stream AND g.cause = 'network')
          WHERE connection = (SELECT min(id) FROM connection)",
        "OVERLAP",
    ),
    ("UPDATE gap SET started = ended - 1 WHERE cause = 'network'", "HOLE"),
    ("DELETE FROM gap WHERE cause = 'network'", "LOST"),
    ("UPDATE interaction SET payload = payload || ' ' WHERE received = (SELECT min(received) FROM interaction)", "UNEXPECTED"),
    (
        "INSERT INTO interaction SELECT received + 1, bucket, stream, id || 'x', created, kind, origin, payload
           FROM interaction ORDER BY received DESC LIMIT 1",
        "DUPLICATE",
    ),
    ("UPDATE gap SET cause = 'maintenance' WHERE cause = 'network'", "UNFOUNDED"),
];

#[test]
fn whatever_is_wrong_is_found() {
    let evidence = sound();
    let report = evidence.judge();
    assert_eq!(report.verdict(), Verdict::Proven, "{report}");
    for (number, (change, finding)) in CHANGES.iter().enumerate() {
        let report = evidence.judge_this(&doctored(&evidence, number, change));
        assert!(report.findings(finding) > 0, "{finding} not found after {change}:\n{report}");
    }
}
