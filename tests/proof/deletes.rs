//! Orders to delete: early, twice, of nothing, while nobody listens, and just before the end.

use serde_json::json;
use std::path::Path;

use crate::scene::{Scene, Stage, wait};

#[test]
fn early_and_repeated_orders_and_orders_for_nothing() {
    let world = "[world]\nstreams = 20\nrate = 300\ndeletes = 0.15\nearly_deletes = 0.4\nduplicates = 0.1\nshared = 0.2\n\
                 delete_forms = [\"short\", \"with_user\", \"top_level\"]\n";
    let mut scene = Stage::new(world).open();
    scene.start();
    scene.watch();
    scene.holds("SELECT count(*) > 600 FROM interactions");
    scene.cue(r#"{"do":{"deletes":{"count":300,"early":true}}}"#, "cue");
    scene.cue(r#"{"do":{"deletes":{"count":300}}}"#, "cue");
    scene.cue(r#"{"do":{"deletes":{"count":300}}}"#, "cue");
    // What was deleted comes again, as it was and with other bytes: it stays deleted.
    scene.cue(r#"{"do":{"repeats":{"count":300}}}"#, "cue");
    scene.cue(r#"{"do":{"repeats":{"count":300,"altered":true}}}"#, "cue");
    for id in ["never-was", "never-was", ""] {
        let data = json!({"deleted": true, "interaction": {"id": id}}).to_string();
        scene.cue(&json!({"do": {"craft": {"data": data, "id": id, "delete": true}}}).to_string(), "produced");
    }
    let report = scene.finish(&["stored", "deleted", "repeated"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}

#[test]
fn a_gap_says_that_orders_may_be_missing() {
    let mut scene = Stage::new("[world]\nstreams = 10\nrate = 200\ndeletes = 0.1\n").open();
    scene.start();
    scene.holds("SELECT count(*) > 300 FROM interactions");
    // On a busy machine none may have been ordered so far, or the cut may take what was.
    marked(&scene, 0);
    order(&scene, 0);
    scene.holds("SELECT count(*) = 0 FROM interactions WHERE interaction_id LIKE '0-%'");
    let fault = scene.fault("nobody listens", &["network"]);
    scene.cue(r#"{"do":{"stop_listening":{"lasts":"2s"}}}"#, "cue");
    let closed = scene.cue(r#"{"do":{"close":{"how":"reset"}}}"#, "closed");
    let from = scene.lines();
    scene.order(r#"{"do":{"deletes":{"count":200}}}"#);
    scene.line(from, |line| line["kind"] == "delete" && line["fate"] == "not_connected");
    scene.until("subscribed");
    scene.over(fault, &closed);
    scene.holds("SELECT count(*) = 10 FROM gaps WHERE cause = 'network' AND state = 'closed'");
    assert_eq!(scene.number("SELECT count(*) FROM gaps WHERE cause = 'network' AND deletes_unknown <> 1"), 0);
    scene.finish(&["stored", "deleted", "in_gap"]);
}

/// Makes these messages, each with a mark in it.
fn marked(scene: &Scene, round: usize) {
    for place in 0..20 {
        let id = format!("{round}-{place}");
        let data = json!({"interaction": {"id": id, "content": format!("ERASE-{round}-{place}-{}", "x".repeat(900))}});
        scene.order(&json!({"do": {"craft": {"data": data.to_string(), "id": id}}}).to_string());
    }
    scene.holds(&format!("SELECT count(*) = 20 FROM interactions WHERE interaction_id LIKE '{round}-%'"));
}

/// Orders them all to be deleted; returns when the last order has been made.
fn order(scene: &Scene, round: usize) {
    for place in 0..20 {
        let id = format!("{round}-{place}");
        let data = json!({"deleted": true, "interaction": {"id": id}}).to_string();
        scene.order(&json!({"do": {"craft": {"data": data, "id": id, "delete": true}}}).to_string());
    }
    scene.line(0, |line| line["kind"] == "delete" && line["id"] == format!("{round}-19"));
}

fn found(path: &Path, mark: &str) -> bool {
    let bytes = std::fs::read(path).unwrap_or_default();
    bytes.windows(mark.len()).any(|window| window == mark.as_bytes())
}

#[test]
fn orders_just_before_the_end_are_carried_out_or_lie_in_a_gap_and_leave_no_bytes() {
    let mut scene = Stage::new("[world]\nstreams = 1\nrate = \"1/h\"\n").open();
    scene.start();
    let (archive, log) = (scene.archive(), scene.path("archive.db-wal"));
    let mut obeyed = Vec::new();
    for round in 0..3 {
        marked(&scene, round);
        assert!(found(&archive, &format!("ERASE-{round}-")) || found(&log, &format!("ERASE-{round}-")));
        order(&scene, round);
        let left = format!("SELECT count(*) FROM interactions WHERE interaction_id LIKE '{round}-%'");
        if round > 0 {
            // The first time it dies as soon as the orders are on their way.
            scene.holds(&format!("SELECT ({left}) = 0"));
        }
        let fault = scene.kill();
        scene.start();
        scene.over(fault, &json!("SIGKILL"));
        if scene.number(&left) == 0 {
            obeyed.push(format!("ERASE-{round}-"));
        }
    }
    assert!(obeyed.len() >= 2, "{obeyed:?}");
    // Whether an order lies in the gap before the kill or was obeyed in covered time hangs on the machine's pace.
    let evidence = scene.end(&[]);
    for mark in &obeyed {
        for path in [&archive, &log] {
            wait("the bytes to be gone", || (!found(path, mark)).then_some(()));
        }
    }
    evidence.prove();
}
