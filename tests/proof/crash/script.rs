//! What operators, servers and networks do to a daemon within a second; it may not live to see the end of it.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rustix::process::Signal;

use crate::scene::{Scene, number, wait};

/// Rows, deletes, a frame for the quarantine, a reset connection, a stream taken out, a stop. `None` if the daemon ends
/// on the way.
pub(crate) fn play(scene: &mut Scene) -> Option<()> {
    scene.heard("subscribed")?;
    scene.order(r#"{"do":{"burst":{"messages":20}}}"#);
    scene.order(r#"{"do":{"deletes":{"count":4}}}"#);
    scene.order(r#"{"do":{"garbage":{"kind":"not_json"}}}"#);
    scene.heard("frame-quarantined")?;
    let reset = scene.fault("a reset connection", &["network", "crash"]);
    let fired = scene.cue(r#"{"do":{"close":{"how":"reset"}}}"#, "cue");
    let back = scene.heard("subscribed");
    scene.over(reset, &fired);
    back?;
    scene.relist(0..3)?;
    scene.daemon().signal(Signal::TERM);
    scene.heard("stopped").map(drop)
}

/// A life of some rows and deletes, to be killed in the middle of it.
pub(crate) fn lived(scene: &mut Scene) {
    scene.until("subscribed");
    scene.order(r#"{"do":{"burst":{"messages":20}}}"#);
    scene.order(r#"{"do":{"deletes":{"count":4}}}"#);
    scene.holds("SELECT count(*) > 10 FROM interactions");
}

/// A start, what goes because it is older than `before`, and a stop, if the daemon lives to see them.
pub(crate) fn stop_when_pruned(scene: &mut Scene, before: i64) -> Option<()> {
    scene.heard("subscribed")?;
    let (archive, left) = (scene.archive(), format!("SELECT count(*) FROM notices WHERE at_us < {before}"));
    wait("what has expired to go", || {
        let gone = number(&archive, &left).is_ok_and(|left| left == 0).then_some(Some(()));
        gone.or_else(|| has_died(scene.daemon().pid()).then_some(None))
    })?;
    scene.daemon().signal(Signal::TERM);
    scene.heard("stopped").map(drop)
}

/// A start on an archive with a gap, until that is filled and nothing is left of the job, and a stop; if the daemon lives
/// to see them.
pub(crate) fn stop_when_healed(scene: &mut Scene) -> Option<()> {
    scene.heard("subscribed")?;
    let archive = scene.archive();
    wait("the gap to be filled", || {
        let closed = number(&archive, "SELECT count(*) FROM backfills WHERE stage = 'closed'");
        let closed = closed.is_ok_and(|closed| closed > 0).then_some(Some(()));
        closed.or_else(|| has_died(scene.daemon().pid()).then_some(None))
    })?;
    scene.daemon().signal(Signal::TERM);
    scene.heard("stopped").map(drop)
}

/// Whether a process has ended. Waiting for it would take its stops away from whoever traces it.
fn has_died(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

/// Makes all notices two hours older, as time would, and leaves the log as the kill left it. Says what they are older
/// than now.
pub(crate) fn aged(archive: &Path) -> i64 {
    let db = Connection::open(archive).unwrap();
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    let now = Scene::clock();
    let aged = db.execute("UPDATE notice SET at = at - 7200000000", []).unwrap();
    assert!(aged > 2, "{aged} notices");
    now - 3_600_000_000
}
