//! No fault, no gap: the daemon against a server that behaves.

use crate::scene::Stage;

#[test]
fn without_a_fault_there_is_no_gap() {
    let mut scene = Stage::new("[world]\nstreams = 20\nrate = 300\ndeletes = 0.05\nduplicates = 0.05\n").open();
    scene.start();
    scene.watch();
    scene.holds("SELECT count(*) > 600 FROM interactions");
    let report = scene.finish(&["stored", "deleted", "repeated"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}
