//! What happens besides while a gap is filled: a new gap, an order to delete, a daemon that must catch up (row 73).

use serde_json::json;
use std::time::Duration;

use super::{begin, begun, calls, closed, cut, filled, spoil, stage};
use crate::scene::Stage;

#[test]
fn a_gap_that_opens_in_the_window_of_a_job_stays_open() {
    // A job asks for eight seconds more than its gap; the next gap begins in those.
    let wide = "[backfill]\noverlap = \"8s\"\nlag = \"2s\"\n";
    let mut scene = begun(stage("[world]\nstreams = 1\n").settings(wide));
    scene.watch();
    let before = cut(&mut scene, "1s");
    let first = scene.holds("SELECT max(ended_us) FROM gaps WHERE cause = 'network'");
    // Long enough for coverage to begin again: gaps that touch are one.
    scene.holds(&format!("SELECT count(*) FROM coverage WHERE from_us >= {first} AND until_us > from_us + 1500000"));
    let fault = scene.fault("the network is cut again", &["network"]);
    scene.cue(r#"{"do":{"stop_listening":{}}}"#, "cue");
    let cut = scene.cue(r#"{"do":{"close":{"how":"reset"}}}"#, "closed");
    scene.until("disconnected");
    begin(&mut scene, before + 1);
    scene.holds("SELECT count(*) FROM backfills WHERE outcome = 'complete'");
    let asked = scene.number("SELECT asked_until_us FROM backfills WHERE id = 1");
    let second = scene.number("SELECT started_us FROM gaps WHERE ended_us IS NULL");
    assert!(first < second && second < asked, "the window, up to {asked}, does not reach the second gap, {second}");
    assert_eq!(scene.number("SELECT count(*) FROM gaps WHERE state = 'filled'"), 1);
    assert_eq!(scene.number("SELECT count(*) FROM gaps WHERE ended_us IS NULL AND state = 'open'"), 1);
    scene.order(r#"{"do":"listen"}"#);
    scene.until("subscribed");
    scene.over(fault, &cut);
    begin(&mut scene, before + 2);
    filled(&scene);
    let report = scene.finish(&["stored", "healed"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}

#[test]
fn what_is_deleted_while_a_gap_is_filled_does_not_come_back() {
    // The archive goes on giving what was deleted.
    let small = "[world]\nstreams = 1\n[rest.archive]\nkeeps_deleted = true\n[rest.jobs]\norder = \"time\"\nrepeats = 0.3\n\
                 [rest.deliveries]\npage_max = \"16KiB\"\n";
    let mut scene = begun(stage(small));
    scene.watch();
    let from = scene.lines();
    let before = cut(&mut scene, "3s");
    begin(&mut scene, before + 1);
    let page = scene.line(from, |line| line["event"] == "served");
    let stored = page["ids"].as_array().unwrap().iter().rev().find_map(|id| id.as_str()).unwrap().to_owned();
    scene.holds(&format!("SELECT count(*) FROM interactions WHERE interaction_id = '{stored}'"));
    let made = scene.told(from, "produced");
    let missed = made.iter().rev().find(|made| made["fate"] == "not_connected" && made["kind"] != "delete").unwrap();
    let missed = missed["id"].as_str().unwrap().to_owned();
    for id in [&stored, &missed] {
        let data = json!({"deleted": true, "interaction": {"id": id}}).to_string();
        let craft = json!({"do": {"craft": {"data": data, "id": id, "stream": 0, "delete": true}}});
        assert_eq!(scene.cue(&craft.to_string(), "produced")["fate"], "sent");
    }
    scene.holds(&format!("SELECT count(*) = 0 FROM interactions WHERE interaction_id = '{stored}'"));
    filled(&scene);
    closed(&scene);
    assert!(scene.number("SELECT deleted FROM backfills WHERE id = 1") > 0, "nothing came back to be turned away");
    for id in [stored, missed] {
        assert_eq!(scene.number(&format!("SELECT count(*) FROM interactions WHERE interaction_id = '{id}'")), 0);
    }
    scene.finish(&["stored", "healed", "deleted"]);
}

/// Twenty jobs of small pages that come byte by byte: there is always one more thing to ask.
fn busy() -> Stage {
    let world = "[world]\nstreams = 20\nrate = 200\n[rest.deliveries]\npage_max = \"2KiB\"\n\
                 [rest.jobs]\nstart_delay = \"8s\"\n";
    stage(world).settings("[backfill]\ntimeout = \"30s\"\n")
}

/// Rows of pages that were written down; the first ones came live as well.
const FETCHED: &str = "SELECT sum(stored + known) FROM backfills";

#[test]
fn while_the_daemon_catches_up_nothing_is_asked() {
    let mut scene = begun(busy());
    let before = cut(&mut scene, "2s");
    begin(&mut scene, before + 20);
    spoil(&scene, r#""call":"pull","times":1000000,"how":{"slow":{"pause":"1ms"}}"#);
    let from = scene.lines();
    scene.line(from, |line| line["event"] == "served");
    let fault = scene.fault("a warning", &["slow_consumer"]);
    let said = scene.cue(r#"{"do":{"say":{"message":"slow-warning"}}}"#, "cue");
    scene.until("slow-consumer-warning");
    scene.bound(&fault, Duration::from_secs(90));
    scene.over(fault, &said);
    // One answer may be under way, and takes seconds.
    let last = scene.lines();
    std::thread::park_timeout(Duration::from_secs(15));
    let (asked, rows) = (scene.lines(), scene.number(FETCHED));
    assert!(calls(&scene, last).len() <= 3, "{:#?}", calls(&scene, last));
    std::thread::park_timeout(Duration::from_secs(10));
    assert_eq!(calls(&scene, asked).len(), 0);
    assert_eq!(scene.number(FETCHED), rows);
    // It has caught up after a minute, and goes on by itself.
    scene.until("subscribed");
    scene.line(asked, |line| line["event"] == "served");
    scene.holds(&format!("SELECT ({FETCHED}) > {rows}"));
    scene.finish(&["stored"]);
}
