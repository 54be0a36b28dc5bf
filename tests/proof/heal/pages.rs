//! Pages that are not as they were asked for: again, backwards, with rows from elsewhere, in other words (rows 69 and 70).

use serde_json::json;

use super::{begin, begun, closed, cut, filled, order, stage};

#[test]
fn pages_that_come_twice_or_begin_anew_are_not_taken_for_all() {
    let small = "[world]\nstreams = 1\n[rest.deliveries]\npage_max = \"16KiB\"\n[rest.jobs]\nrepeats = 0.2\n";
    let mut scene = begun(stage(small));
    scene.watch();
    let mut jobs = 0;
    for what in [r#"{"pages":{"same":true}}"#, r#"{"pages":{"rewind":true}}"#] {
        let before = cut(&mut scene, "2s");
        let from = scene.lines();
        // The second page is the first again.
        begin(&mut scene, before + 1);
        scene.line(from, |line| line["event"] == "served");
        order(&scene, what);
        scene.line(from, |line| line["event"] == "served" && !line["doctored"].is_null());
        filled(&scene);
        jobs += 1;
    }
    let words = "the server could not go back to where the last page ended";
    let partial = scene
        .number(&format!("SELECT count(*) FROM backfills WHERE outcome = 'partial' AND instr(detail, '{words}') > 0"));
    assert_eq!(partial, jobs);
    let report = scene.finish(&["stored", "healed"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}

#[test]
fn rows_from_elsewhere_are_refused_and_what_came_live_stays() {
    // Asked for with much overlap, so that the archive gives much that came live.
    let mut scene =
        begun(stage("[world]\nstreams = 1\nduplicates = 0.05\n").settings("[backfill]\noverlap = \"3s\"\n"));
    scene.watch();
    order(&scene, r#"{"pages":{"next":2,"outside":3,"foreign":2,"reworded":true}}"#);
    let before = cut(&mut scene, "2s");
    begin(&mut scene, before + 1);
    filled(&scene);
    closed(&scene);
    let refused = "SELECT refused FROM backfills WHERE id = 1 AND known > 0 AND stored > 0";
    assert!(scene.number(refused) >= 5);
    let other = "SELECT count(*) FROM interactions WHERE instr(CAST(payload AS TEXT), '\"reworded\":true') > 0";
    let healed = scene.number(&format!("{other} AND origin <> 'live'"));
    assert!(healed > 0, "no row of the archive has its words");
    assert_eq!(scene.number(&format!("{other} AND origin = 'live'")), 0);
    let report = scene.finish(&["stored", "healed"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}

#[test]
fn rows_that_cannot_be_read_are_fetched_again_and_orders_to_delete_are_obeyed() {
    let mut scene = begun(stage("[world]\nstreams = 1\n"));
    order(&scene, r#"{"pages":{"next":1,"garbled":1,"deletes":2}}"#);
    let before = cut(&mut scene, "2s");
    let from = scene.lines();
    begin(&mut scene, before + 1);
    let page = scene.line(from, |line| line["event"] == "served" && !line["doctored"].is_null());
    // It waits a minute before it fetches the page again; who starts anew does not.
    let killed = scene.kill();
    order(&scene, r#"{"pages":{"next":1,"deletes":2}}"#);
    scene.start();
    scene.over(killed, &json!("SIGKILL"));
    filled(&scene);
    closed(&scene);
    for id in page["ids"].as_array().unwrap().iter().take(2) {
        let left =
            format!("SELECT count(*) FROM interactions WHERE interaction_id = {}", id.to_string().replace('"', "'"));
        assert_eq!(scene.number(&left), 0, "{id} was deleted by order");
    }
    scene.finish(&["stored", "healed", "deleted"]);
}
