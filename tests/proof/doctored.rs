//! The oracle itself: whatever is wrong in an archive is found, and told by its name.

use crate::oracle::{Report, Verdict};
use crate::scene::{Evidence, Stage};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A run with deletes and one reset, and nothing wrong with it.
fn sound() -> Evidence {
    let mut scene = Stage::new("[world]\nstreams = 5\nrate = 200\nduplicates = 0.02\n").open();
    scene.start();
    scene.holds("SELECT count(*) > 200 FROM interactions");
    scene.cue(r#"{"do":{"deletes":{"count":5}}}"#, "produced");
    scene.holds("SELECT min(until_us - from_us) > 1500000 FROM coverage");
    let fault = scene.fault("reset", &["network"]);
    let closed = scene.cue(r#"{"do":{"close":{"how":"reset"}}}"#, "closed");
    scene.until("subscribed");
    scene.over(fault, &closed);
    scene.drain();
    scene.end(&["stored", "deleted", "in_gap"])
}

/// A copy of the archive that was changed behind the daemon's back.
pub(crate) fn doctored(evidence: &Evidence, number: usize, change: &str) -> PathBuf {
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
        "DELETE FROM interaction WHERE received = (
             SELECT max(i.received) FROM interaction i JOIN cover c ON c.stream = i.stream
              WHERE i.received BETWEEN c.began + 200000 AND c.ended - 200000)",
        "LOST",
    ),
    // A row that nothing claims is gone, but the one after it is there.
    (
        "DELETE FROM interaction WHERE received = (
             SELECT max(i.received) FROM interaction i, connection n
              WHERE n.id = 1 AND i.received BETWEEN n.proven AND n.covered - 100000)",
        "SKIPPED",
    ),
    // Coverage reaches into the gap after it.
    (
        "UPDATE cover SET ended = (SELECT g.ended FROM gap g WHERE g.stream = cover.stream AND g.cause = 'network')
          WHERE connection = 1",
        "OVERLAP",
    ),
    // A gap is narrower than the loss.
    ("UPDATE gap SET started = ended - 1 WHERE cause = 'network'", "HOLE"),
    ("UPDATE gap SET started = ended - 1 WHERE cause = 'network'", "LOST"),
    ("DELETE FROM gap WHERE cause = 'network'", "LOST"),
    ("DELETE FROM gap WHERE cause = 'shutdown'", "HOLE"),
    (
        "INSERT INTO gap (stream, started, ended, cause, state)
         SELECT stream, began + 1000, began + 2000, 'network', 'closed' FROM cover LIMIT 1",
        "OVERLAP",
    ),
    (
        "UPDATE interaction SET payload = payload || ' ' WHERE received = (SELECT min(received) FROM interaction)",
        "UNEXPECTED",
    ),
    (
        "INSERT INTO interaction SELECT received + 1, bucket, stream, zone, id || 'x', created, kind, origin, payload
           FROM interaction ORDER BY received DESC LIMIT 1",
        "DUPLICATE",
    ),
    ("UPDATE gap SET cause = 'maintenance' WHERE cause = 'network'", "UNFOUNDED"),
];

/// The same run with other lines in one of its journals.
pub(crate) fn judged_with(
    evidence: &Evidence,
    which: impl Fn(&Evidence) -> PathBuf,
    change: impl FnOnce(&mut Vec<Value>),
) -> Report {
    let path = which(evidence);
    let sound = fs::read_to_string(&path).unwrap();
    let mut lines = sound.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    change(&mut lines);
    let written: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(&path, written.concat()).unwrap();
    let report = evidence.judge();
    fs::write(&path, sound).unwrap();
    report
}

fn fault(line: &Value) -> bool {
    line["event"] == "fault" && line["name"] == "reset"
}

/// An order to delete a row that is there: that it was never carried out.
fn order_for_a_row(archive: &Path) -> Value {
    let archive = Connection::open(archive).unwrap();
    let query = "SELECT i.stream, i.interaction_id, i.received_us FROM interactions i JOIN coverage c USING (stream)
                  WHERE i.received_us BETWEEN c.from_us AND c.until_us LIMIT 1";
    let made = |row: &rusqlite::Row<'_>| {
        let (stream, id, at_us): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(json!({"at_us": at_us, "event": "produced", "seq": 999_999, "stream": stream, "id": id, "kind": "delete",
            "digest": "0", "fate": "sent", "connection": 1}))
    };
    archive.query_row(query, [], made).unwrap()
}

/// The id of an interaction that was deleted while all was well.
fn deleted_id(evidence: &Evidence) -> String {
    let journal = fs::read_to_string(&evidence.journal).unwrap();
    let mut lines = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut orders = lines.by_ref().filter(|line| line["kind"] == "delete" && line["fate"] == "sent");
    orders.next().unwrap()["id"].as_str().unwrap().to_owned()
}

#[test]
fn whatever_is_wrong_is_found() {
    let mut evidence = sound();
    let report = evidence.judge();
    assert_eq!(report.verdict(), Verdict::Proven, "{report}");
    for (number, (change, finding)) in CHANGES.iter().enumerate() {
        let report = evidence.judge_this(&doctored(&evidence, number, change));
        assert!(report.findings(finding) > 0, "{finding} not found after {change}:\n{report}");
    }

    let left = format!("INSERT INTO meta (name, value) VALUES ('left', '{}')", deleted_id(&evidence));
    let remains = evidence.judge_this(&doctored(&evidence, CHANGES.len(), &left));
    assert!(remains.findings("REMAINS") > 0, "{remains}");

    let order = order_for_a_row(&evidence.archive);
    let undeleted = judged_with(&evidence, |evidence| evidence.journal.clone(), |lines| lines.push(order));
    assert!(undeleted.findings("UNDELETED") > 0, "{undeleted}");
    let cut = judged_with(&evidence, |evidence| evidence.journal.clone(), |lines| drop(lines.pop()));
    assert_eq!(cut.verdict(), Verdict::Unknown, "{cut}");

    let driver = |evidence: &Evidence| evidence.driver.clone();
    let unfired = judged_with(&evidence, driver, |lines| {
        for line in lines.iter_mut().filter(|line| fault(line)) {
            line.as_object_mut().unwrap().remove("fired");
        }
    });
    assert_eq!(unfired.verdict(), Verdict::Unknown, "{unfired}");
    let unfounded = judged_with(&evidence, driver, |lines| lines.retain(|line| !fault(line)));
    assert!(unfounded.findings("UNFOUNDED") > 0, "{unfounded}");
    let loose = judged_with(&evidence, driver, |lines| {
        for line in lines.iter_mut().filter(|line| fault(line)) {
            line["excess_us"] = json!(100_000);
        }
    });
    assert!(loose.findings("LOOSE") > 0, "{loose}");

    evidence.promise.classes.push("quarantined".to_owned());
    let empty = evidence.judge();
    assert_eq!(empty.verdict(), Verdict::Unknown, "{empty}");
}
