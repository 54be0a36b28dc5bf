//! Retention under load: what goes is what is too old, also when it is killed in the midst of it.

use serde_json::json;
use std::time::Duration;

use crate::oracle::{Promise, Verdict};
use crate::scene::{Scene, Stage};

/// What is kept of all streams but the first, which keeps everything.
const AGE: Duration = Duration::from_secs(5);
const STREAMS: usize = 20;

/// Rows that are too old and still there, if some have been removed since `mark`: it is in the midst of a round.
fn under_way(scene: &Scene, mark: i64) -> bool {
    let query = format!(
        "SELECT EXISTS (SELECT 1 FROM streams WHERE label <> 'whole' AND pruned_before_us > {mark})
            AND EXISTS (SELECT 1 FROM interactions i JOIN streams s USING (stream)
                         WHERE s.label <> 'whole' AND i.received_us < (SELECT max(received_us) FROM interactions) - 8000000)"
    );
    scene.number(&query) == 1
}

fn marked(scene: &Scene) -> i64 {
    scene.number("SELECT coalesce(max(pruned_before_us), 0) FROM streams WHERE label <> 'whole'")
}

#[test]
fn pruning_under_load_is_killed_and_nothing_else_goes() {
    let mut chance = fastrand::Rng::with_seed(48);
    let world = format!("[world]\nstreams = {STREAMS}\nrate = 800\ndeletes = 0.02\nduplicates = 0.02\n");
    let settings = "[gap]\nmargin = \"200ms\"\n[retention]\nmax_age = \"5s\"\n";
    let mut scene = Stage::new(&world).settings(settings).open();
    if let Some((_, label)) = scene.streams.first_mut() {
        "max_age=1h whole".clone_into(label);
    }
    scene.list(0..STREAMS);
    scene.keeps(1..STREAMS, AGE);
    scene.start();
    scene.watch();
    let mut hits = 0;
    for round in 0..12 {
        // It grows for longer than is kept; then the next life begins with much to remove.
        std::thread::park_timeout(Duration::from_secs(4));
        let fault = scene.kill();
        let mark = marked(&scene);
        scene.launch();
        std::thread::park_timeout(Duration::from_millis(chance.u64(0..150)));
        let again = scene.kill();
        hits += i32::from(under_way(&scene, mark));
        scene.over(fault, &json!("SIGKILL"));
        scene.over(again, &json!("SIGKILL"));
        scene.settled();
        let (journal, archive) = (scene.journal(), scene.archive());
        let report = crate::oracle::judge(&journal, Some(&scene.path("driver.jsonl")), &archive, &Promise::default());
        let report = report.unwrap();
        assert!(report.verdict() != Verdict::Violated, "after kill {round}: {report}");
        let still = scene.fault("still down after kill -9", &["crash"]);
        scene.start();
        scene.over(still, &json!("SIGKILL"));
        if hits > 0 && round >= 2 {
            break;
        }
    }
    assert!(hits > 0, "no kill came in the midst of a round");
    let whole = "SELECT pruned_before_us < wanted_us FROM streams WHERE label = 'whole'";
    assert_eq!(scene.number(whole), 1, "a stream that keeps everything");
    scene.finish(&["stored", "pruned", "in_gap", "deleted"]);
}
