//! The oracle itself: whatever is wrong with a filled gap is found, and told by its name.

use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::Path;

use super::{begin, begun, closed, cut, filled, reload, stage};
use crate::doctored::{doctored, judged_with};
use crate::oracle::Verdict;
use crate::scene::Evidence;

/// A run with a gap that was filled and one that was not, and nothing wrong with it.
fn sound() -> Evidence {
    let mut scene = begun(stage("[world]\nstreams = 1\n"));
    let before = cut(&mut scene, "2s");
    begin(&mut scene, before + 1);
    filled(&scene);
    closed(&scene);
    scene.settings("[backfill]\nmode = \"off\"\n");
    reload(&mut scene);
    scene.holds("SELECT max(until_us - from_us) > 2000000 FROM coverage WHERE how = 'live'");
    cut(&mut scene, "1s");
    scene.drain();
    scene.end(&["stored", "healed", "in_gap"])
}

/// A row that came live in covered time, long after what the archive was asked for.
const LIVE: &str = "(SELECT max(i.received) FROM interaction i JOIN cover c ON c.stream = i.stream
                      WHERE i.origin = 0 AND i.received BETWEEN c.began + 200000 AND c.ended - 200000)";
/// A row of the backfill from the midst of its gap.
const HEALED: &str = "(SELECT i.received FROM interaction i WHERE i.origin = 1
                        ORDER BY i.received LIMIT 1 OFFSET 10)";

/// What is done to the archive, and the finding that must come of it.
fn changes() -> Vec<(String, &'static str)> {
    [
        (format!("DELETE FROM interaction WHERE received = {HEALED}"), "LOST"),
        ("UPDATE gap SET state = 'filled' WHERE state = 'closed' AND cause = 'network'".to_owned(), "LOST"),
        (format!("UPDATE interaction SET payload = payload || ' ' WHERE received = {HEALED}"), "UNEXPECTED"),
        (format!("UPDATE interaction SET origin = 1 WHERE received = {LIVE}"), "UNEXPECTED"),
        (format!("UPDATE interaction SET origin = 1 WHERE received = {LIVE}"), "OVERRULED"),
        (
            "INSERT INTO interaction SELECT (SELECT max(received) + 1 FROM interaction), bucket, stream, zone, id || 'x',
               created, kind, origin, payload FROM interaction WHERE origin = 1 ORDER BY received LIMIT 1"
                .to_owned(),
            "DUPLICATE",
        ),
        ("UPDATE gap SET state = 'partial', detail = NULL WHERE state = 'filled'".to_owned(), "UNNAMED"),
    ]
    .into()
}

fn asked<T: rusqlite::types::FromSql>(archive: &Path, query: &str) -> T {
    Connection::open(archive).unwrap().query_row(query, [], |row| row.get(0)).unwrap()
}

/// The order to delete a row of the backfill, which came live, and that was never carried out.
fn order(archive: &Path) -> Value {
    let id: String = asked(archive, "SELECT interaction_id FROM interactions WHERE origin <> 'live' LIMIT 1");
    let stream: String = asked(archive, "SELECT stream FROM streams LIMIT 1");
    let at_us: i64 =
        asked(archive, "SELECT until_us - 500000 FROM coverage WHERE how = 'live' ORDER BY until_us DESC LIMIT 1");
    json!({"at_us": at_us, "event": "produced", "seq": 999_999, "stream": stream, "id": id, "kind": "delete", "digest": "0",
        "fate": "sent", "connection": 1})
}

/// Another job of the name of the first.
fn namesake(lines: &[Value], status: &str) -> Value {
    let mut job = lines.iter().find(|line| line["event"] == "job").unwrap().clone();
    job["job"] = json!(99);
    job["status"] = json!(status);
    job
}

#[test]
fn whatever_is_wrong_with_a_filled_gap_is_found() {
    let mut evidence = sound();
    let report = evidence.judge();
    assert_eq!(report.verdict(), Verdict::Proven, "{report}");
    for (number, (change, finding)) in changes().iter().enumerate() {
        let report = evidence.judge_this(&doctored(&evidence, number, change));
        assert!(report.findings(finding) > 0, "{finding} not found after {change}:\n{report}");
    }

    let journal = |evidence: &Evidence| evidence.journal.clone();
    for (status, finding) in [("queued", "PAID TWICE"), ("init", "PREPARED TWICE")] {
        let report = judged_with(&evidence, journal, |lines| lines.insert(lines.len() - 1, namesake(lines, status)));
        assert!(report.findings(finding) > 0, "{finding}: {report}");
    }
    let order = order(&evidence.archive);
    let undeleted = judged_with(&evidence, journal, |lines| lines.push(order));
    assert!(undeleted.findings("UNDELETED") > 0, "{undeleted}");
    let ungiven = judged_with(&evidence, journal, |lines| lines.retain(|line| line["event"] != "served"));
    assert!(ungiven.findings("UNEXPECTED") > 0, "{ungiven}");

    // What the archive lacked without a word is no breach; what it said that it lacks is.
    let id: String = asked(&evidence.archive, &format!("SELECT id FROM interaction WHERE received = {HEALED}"));
    let stream: String = asked(&evidence.archive, "SELECT stream FROM streams LIMIT 1");
    let without = doctored(&evidence, 99, &format!("DELETE FROM interaction WHERE received = {HEALED}"));
    evidence.archive = without;
    for (told, lost) in [(true, 1), (false, 0)] {
        let withheld = json!({"at_us": 0, "event": "withheld", "seq": 0, "job": 1, "stream": stream, "why": "source",
            "told": told, "ids": [id]});
        let report = judged_with(&evidence, journal, |lines| lines.insert(lines.len() - 1, withheld));
        assert_eq!(report.findings("LOST"), lost, "{report}");
        assert_eq!(report.counted("withheld"), 1 - lost, "{report}");
    }
}
