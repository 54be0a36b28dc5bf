//! What passes through the daemon's loop: positions without messages, and frames in the form that nobody expects.

use crate::scene::Stage;

/// A connection on which nothing but ticks comes proves things, too, and commits them: a gap must not begin hours ago.
#[test]
fn a_quiet_connection_commits_how_far_it_has_come() {
    let mut scene = Stage::new("[world]\nstreams = 5\nrate = \"1/h\"\n").open();
    scene.start();
    let since = scene.holds("SELECT watermark_us FROM daemon");
    // Well before the minute's summary, which is committed with a position of its own.
    let ahead =
        scene.holds(&format!("SELECT watermark_us - {since} FROM daemon WHERE watermark_us > {since} + 1000000"));
    assert!(ahead < 30_000_000, "the next position is {ahead} microseconds later");
    let covered = "SELECT count(*) = 5 FROM streams WHERE covered_until_us > ";
    scene.holds(&format!("{covered}{since}"));
    scene.finish(&[]);
}

/// DataSift sends text; a frame of bytes that are text is read like one, and any other is kept.
#[test]
fn binary_frames_are_read_or_kept() {
    let mut scene = Stage::new("[world]\nstreams = 5\nrate = 20\n").open();
    scene.start();
    scene.cue(r#"{"do":{"garbage":{"kind":"binary"}}}"#, "cue");
    // The object {"weather":1} in a binary frame.
    scene.cue(r#"{"do":{"raw":{"hex":"820d7b2277656174686572223a317d"}}}"#, "cue");
    scene.holds("SELECT count(*) = 1 FROM quarantine WHERE reason = 'a binary frame that is no text'");
    scene.holds("SELECT count(*) = 1 FROM quarantine WHERE CAST(frame AS TEXT) = '{\"weather\":1}'");
    scene.finish(&["stored"]);
}
