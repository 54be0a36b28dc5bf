//! Credits, means and budgets that run out (row 71).

use serde_json::json;

use super::{begin, begun, calm, cut, filled, order, provoked, reload, stage};

#[test]
fn without_means_backfill_pauses_and_the_live_stream_goes_on() {
    let mut scene = begun(stage("[world]\nstreams = 1\n[rest.fees]\ndpu_per_hour = 1.0\ndpus = 0.0\n"));
    let before = cut(&mut scene, "1s");
    begin(&mut scene, before + 1);
    let told = scene.until("backfill-paused");
    assert!(told["text"].as_str().unwrap().contains("insufficient credits"), "{told}");
    calm(&scene, 0);
    let killed = scene.kill();
    scene.start();
    scene.over(killed, &json!("SIGKILL"));
    calm(&scene, 0);
    order(&scene, r#"{"fees":{"dpus":100.0}}"#);
    reload(&mut scene);
    filled(&scene);
    assert_eq!(i64::try_from(scene.count(0, "charged")).unwrap(), scene.number("SELECT count(*) FROM backfills"));
    scene.finish(&["stored", "healed"]);
}

#[test]
fn what_the_budget_does_not_reach_waits_and_says_so() {
    let poor = "[backfill]\nunits_an_hour = 1.0\nunits_a_day = 1.0\n";
    let mut scene = begun(stage("[world]\nstreams = 2\n").settings(poor));
    let before = cut(&mut scene, "1s");
    begin(&mut scene, before + 1);
    scene.holds("SELECT count(*) = 1 FROM gaps WHERE state = 'filled'");
    scene.holds("SELECT count(*) = 1 FROM backfills WHERE stage = 'closed'");
    reload(&mut scene);
    calm(&scene, 0);
    let plan = scene.siftd("backfill").arg("--dry-run").output().unwrap();
    let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert!(plan.contains("1 gap waits: today's budget is spent, until "), "{plan}");
    assert_eq!(scene.number("SELECT count(*) FROM gaps WHERE cause = 'network' AND state = 'closed'"), 1);
    scene.settings("[backfill]\nunits_a_day = 10.0\n");
    reload(&mut scene);
    filled(&scene);
    scene.finish(&["stored", "healed"]);
}

#[test]
fn a_count_that_is_said_to_begin_anew_in_the_past_or_in_ten_years_is_not_believed() {
    let mut scene = begun(stage("[world]\nstreams = 1\n"));
    cut(&mut scene, "1s");
    for (status, skew) in [(403, "-1h"), (429, "87600h"), (403, "87600h"), (429, "-1h")] {
        order(&scene, &format!(r#"{{"fees":{{"left":10,"exhausted":{status},"reset_skew":"{skew}"}}}}"#));
        let from = scene.lines();
        let told = provoked(&mut scene, from, "backfill-trouble");
        let seconds = told["retry_seconds"].as_f64().unwrap();
        assert!((60.0..=7_200.0).contains(&seconds), "{status}, {skew}: {told}");
        calm(&scene, 0);
    }
    order(&scene, r#"{"fees":{"left":1000000,"reset_skew":"0s"}}"#);
    reload(&mut scene);
    filled(&scene);
    scene.finish(&["stored", "healed"]);
}
