//! What HTTP can do to an answer, and what a server says about coming back (row 67).

use serde_json::json;

use super::{begin, begun, calls, calm, closed, cut, filled, provoked, reload, spoil, spoilt, stage};
use crate::scene::Scene;

/// Every way in which an answer is no answer; with `acts` the server has done what it was asked. Between two pulls that go
/// wrong one goes well, or the waits would grow.
const BROKEN: &[&str] = &[
    r#""call":"historics/prepare","how":"reset""#,
    r#""call":"historics/prepare","acts":true,"how":"close""#,
    r#""call":"historics/prepare","after":1,"acts":true,"how":"html""#,
    r#""call":"push/create","acts":true,"how":"hang""#,
    r#""call":"push/create","how":{"length":10}"#,
    r#""call":"historics/start","acts":true,"how":"reset""#,
    r#""call":"historics/start","acts":true,"how":{"status":{"status":502,"html":true}}"#,
    r#""call":"historics/start","after":1,"how":"close""#,
    r#""call":"pull","how":"cut""#,
    r#""call":"pull","after":1,"how":"bad_gzip""#,
    r#""call":"pull","after":2,"how":{"length":10}"#,
    r#""call":"pull","after":3,"how":{"length":-10}"#,
    r#""call":"pull","after":4,"how":"html""#,
    r#""call":"pull","after":5,"how":{"oversized":"40MiB"}"#,
    r#""call":"pull","after":6,"how":{"bomb":"80MiB"}"#,
    r#""call":"pull","after":7,"how":"reset""#,
    r#""call":"pull","after":8,"how":"hang""#,
    r#""call":"pull","after":9,"how":{"slow":{"pause":"20ms"}}"#,
    r#""call":"pull","after":10,"how":"endless""#,
    r#""call":"pull","after":11,"how":{"status":{"status":408}}"#,
    r#""call":"push/get","how":{"status":{"status":504,"html":true}}"#,
    r#""call":"push/get","after":2,"how":"cut""#,
    r#""call":"historics/get","after":2,"how":"bad_gzip""#,
    r#""call":"push/delete","acts":true,"how":"close""#,
    r#""call":"historics/delete","acts":true,"how":"reset""#,
];

#[test]
fn broken_answers_are_asked_for_again_and_nothing_is_drawn_up_twice() {
    let mut scene = begun(stage("[world]\nstreams = 5\n[rest.fees]\ndpu_per_hour = 1.0\n"));
    for broken in BROKEN {
        spoil(&scene, broken);
    }
    // Five jobs have calls enough for most of it, ten or fifteen for all.
    for _ in 0..3 {
        let before = cut(&mut scene, "2s");
        begin(&mut scene, before + 1);
        filled(&scene);
        closed(&scene);
        if spoilt(&scene, 0).len() == BROKEN.len() {
            break;
        }
    }
    assert_eq!(spoilt(&scene, 0).len(), BROKEN.len(), "not every way was tried");
    let report = scene.finish(&["stored", "healed"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}

/// Not before this moment, as it is written down; in microseconds.
fn gate(scene: &Scene) -> i64 {
    let query = "SELECT count(*) FROM backfill_gate WHERE not_before IS NOT NULL";
    scene.holds(query);
    scene.number("SELECT not_before FROM backfill_gate")
}

#[test]
fn a_wait_that_the_server_names_outlives_a_restart() {
    let mut scene = begun(stage(""));
    spoil(&scene, r#""call":"pull","after":2,"how":{"status":{"status":503,"retry_after":"12"}}"#);
    let before = cut(&mut scene, "1s");
    begin(&mut scene, before + 1);
    let told = scene.until("backfill-trouble");
    // 503 may mean that an hour's requests are used up: half a minute at least.
    assert!(told["retry_seconds"].as_f64().unwrap() >= 30.0, "{told}");
    let until = gate(&scene);
    let killed = scene.kill();
    let from = scene.lines();
    scene.start();
    scene.over(killed, &json!("SIGKILL"));
    assert!(Scene::clock() < until - 10_000_000, "the machine is too slow for this test");
    let first = scene.line(from, |line| line["event"] == "call");
    assert!(first["at_us"].as_i64().unwrap() >= until, "asked before its time, {until}: {first}");
    filled(&scene);
    scene.finish(&["stored", "healed"]);
}

#[test]
fn too_many_requests_are_not_made_again_before_their_time() {
    let mut scene = begun(stage(""));
    cut(&mut scene, "1s");
    for (status, retry_after, least) in [(429, "90", 90.0), (429, "-5", 60.0), (420, "99999999999", 3_600.0)] {
        let how = json!({"status": {"status": status, "retry_after": retry_after}});
        spoil(&scene, &format!(r#""how":{how}"#));
        let from = scene.lines();
        let told = provoked(&mut scene, from, "backfill-trouble");
        let seconds = told["retry_seconds"].as_f64().unwrap();
        assert!((least..=7_200.0).contains(&seconds), "{status}, Retry-After {retry_after}: {told}");
        calm(&scene, 0);
    }
    reload(&mut scene);
    filled(&scene);
    scene.finish(&["stored", "healed"]);
}

#[test]
fn refusals_that_need_a_person_pause_backfill_and_nothing_else() {
    let mut scene = begun(stage(""));
    cut(&mut scene, "1s");
    for status in [401, 402, 403, 405, 501, 511] {
        let how = json!({"status": {"status": status, "body": r#"{"error":"not for you"}"#}});
        spoil(&scene, &format!(r#""how":{how}"#));
        let from = scene.lines();
        let told = provoked(&mut scene, from, "backfill-paused");
        assert!(told["text"].as_str().unwrap().contains("not for you"), "{told}");
    }
    calm(&scene, 0);
    // It is written down: a restart does not ask either.
    let killed = scene.kill();
    scene.start();
    scene.over(killed, &json!("SIGKILL"));
    calm(&scene, 0);
    reload(&mut scene);
    scene.holds("SELECT count(*) FROM backfills WHERE stage = 'closed'");
    assert!(!calls(&scene, 0).is_empty());
    filled(&scene);
    scene.finish(&["stored", "healed"]);
}
