//! One job for several streams: tags tell whose each row is, and where they do not, nothing is guessed.

use serde_json::{Value, json};
use std::time::Duration;

use super::{begin, begun, calls, closed, cut, filled, reload, spoil, stage};
use crate::scene::{Scene, Stage};

/// Whatever misses the same time is one job.
const TOGETHER: &str = "[backfill]\ncombine = 45\njoin = \"10m\"\nunits_an_hour = 0.5\n";

/// Streams that have some messages in common, in a world whose archive charges by the hour and stream.
fn together(streams: usize, more: &str) -> Stage {
    let world = format!(
        "[world]\nstreams = {streams}\nrate = {}\nshared = 0.2\nduplicates = 0.02\n[rest.fees]\ndpu_per_hour = 1.0\n{more}",
        streams * 10
    );
    stage(&world).settings(TOGETHER)
}

/// How often streams were asked to be combined, and were.
fn compiled(scene: &Scene) -> usize {
    calls(scene, 0).iter().filter(|call| call["call"] == "compile" && call["status"] == 200).count()
}

/// What is paid for is booked, and every job is paid for once.
fn accounted(scene: &Scene) {
    let charged = scene.told(0, "charged");
    assert_eq!(
        i64::try_from(charged.len()).unwrap(),
        scene.number("SELECT count(*) FROM backfills WHERE stored + known > 0")
    );
    let paid: f64 = charged.iter().filter_map(|line| line["dpus"].as_f64()).sum();
    let booked = scene.number("SELECT sum(milliunits) FROM backfill_spent");
    assert!(f64::from(i32::try_from(booked).unwrap()) >= paid * 1_000.0, "{booked} booked, {paid} paid");
    let credits: i64 = calls(scene, 0).iter().filter_map(|call| call["cost"].as_i64()).sum();
    let booked = scene.number("SELECT sum(credits) FROM backfill_spent");
    assert!(booked >= credits, "{booked} credits booked, {credits} used");
}

#[test]
fn a_cut_of_many_streams_is_healed_by_few_jobs() {
    let mut scene = begun(together(24, ""));
    scene.watch();
    for _ in 0..2 {
        let before = cut(&mut scene, "2s");
        begin(&mut scene, before + 1);
        filled(&scene);
        closed(&scene);
    }
    let jobs = scene.number("SELECT count(*) FROM backfills");
    let gaps = scene.number("SELECT count(*) FROM gaps WHERE state = 'filled'");
    assert!(gaps >= 48 && jobs <= gaps / 4, "{jobs} jobs for {gaps} gaps");
    assert!(compiled(&scene) > 0 && scene.number("SELECT max(streams) FROM backfills") > 6);
    assert_eq!(scene.number("SELECT count(*) FROM backfills WHERE outcome <> 'complete'"), 0);
    // Some rows are of two streams, and each has its own.
    let twice = "SELECT count(*) > 0 FROM interactions i JOIN interactions o USING (interaction_id)
                  WHERE i.origin = 'backfill' AND o.origin = 'backfill' AND i.stream < o.stream";
    assert_eq!(scene.number(twice), 1);
    accounted(&scene);
    let report = scene.finish(&["stored", "healed"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}

#[test]
fn what_the_server_will_not_combine_is_asked_for_one_by_one() {
    let mut scene = begun(together(5, ""));
    for status in [400, 403, 404] {
        let how = json!({"status": {"status": status, "body": r#"{"error":"no tags for you"}"#}});
        spoil(&scene, &format!(r#""call":"compile","how":{how}"#));
    }
    let before = cut(&mut scene, "2s");
    begin(&mut scene, before + 5);
    filled(&scene);
    closed(&scene);
    let asked: Vec<Value> = calls(&scene, 0).into_iter().filter(|call| call["call"] == "compile").collect();
    assert!((1..=5).contains(&asked.len()), "no loop: {asked:#?}");
    let refused =
        scene.number("SELECT count(*) FROM backfills WHERE outcome = 'failed' AND instr(detail, 'no tags for you')");
    let spoilt = asked.iter().filter(|call| !call["spoilt"].is_null()).count();
    assert_eq!(usize::try_from(refused).unwrap(), spoilt);
    assert!(scene.number("SELECT count(*) FROM backfills WHERE outcome = 'complete' AND streams = 1") > 0);
    // The gaps say nothing of it any more, and nothing counts as a try in vain.
    assert_eq!(scene.number("SELECT count(*) FROM gaps WHERE instr(detail, 'no tags')"), 0);
    accounted(&scene);
    let report = scene.finish(&["stored", "healed"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}

#[test]
fn rows_without_tags_are_refused_and_the_gap_says_so() {
    let mut scene = begun(together(6, ""));
    scene.cue(r#"{"do":{"rest":{"pages":{"next":100000,"untagged":1000000}}}}"#, "cue");
    scene.watch();
    let before = cut(&mut scene, "3s");
    begin(&mut scene, before + 1);
    scene.holds(
        "SELECT count(*) FROM backfills WHERE streams > 1 AND outcome = 'partial' AND stored = 0 AND refused > 0
                    AND instr(detail, 'rows were refused that do not say of which stream they are')",
    );
    // The next try asks for each alone, where no tag is needed.
    begin(&mut scene, before + 3);
    reload(&mut scene);
    filled(&scene);
    assert!(scene.number("SELECT count(*) FROM backfills WHERE streams = 1 AND outcome = 'complete'") > 1);
    let report = scene.finish(&["stored", "healed"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}

#[test]
fn a_crash_in_the_midst_of_it_loses_nothing_and_pays_nothing_twice() {
    let slow = "[rest.jobs]\nstart_delay = \"1s\"\nduration = \"4s\"\n[rest.deliveries]\npage_max = \"256KiB\"\n";
    let mut scene = begun(together(12, slow));
    // The answer to the first compile is lost, and the daemon dies over the next.
    spoil(&scene, r#""call":"compile","acts":true,"how":"hang""#);
    cut(&mut scene, "2s");
    let before = scene.lines();
    super::wait("a combination", || {
        reload(&mut scene);
        std::thread::park_timeout(Duration::from_millis(500));
        calls(&scene, before).iter().any(|call| call["call"] == "compile").then_some(())
    });
    for round in 0..5 {
        std::thread::park_timeout(Duration::from_millis(700 * round));
        let fault = scene.kill();
        scene.start();
        scene.over(fault, &json!("SIGKILL"));
    }
    reload(&mut scene);
    filled(&scene);
    closed(&scene);
    assert!(scene.number("SELECT max(streams) FROM backfills WHERE outcome = 'complete'") > 1);
    accounted(&scene);
    let report = scene.finish(&["stored", "healed"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}
