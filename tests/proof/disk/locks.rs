//! Other programs on the archive: a lock for a moment or for ever, and a reader that never ends.

use crate::scene::Stage;
use rusqlite::Connection;
use serde_json::json;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const WORLD: &str = "[world]\nstreams = 10\nrate = 200\n";

/// Row 41: a lock for a second is waited for without a word; one that stays is said, and nothing is lost by it.
#[test]
fn another_program_holds_the_lock() {
    let mut scene = Stage::new(WORLD).open();
    scene.start();
    scene.watch();
    let other = Connection::open(scene.archive()).unwrap();
    other.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    std::thread::park_timeout(std::time::Duration::from_secs(1));
    other.execute_batch("ROLLBACK").unwrap();
    let rows = scene.number("SELECT count(*) FROM interactions");
    scene.holds(&format!("SELECT count(*) > {rows} FROM interactions"));
    assert_eq!(
        scene.number("SELECT count(*) FROM notices WHERE notice LIKE 'storage-%'"),
        0,
        "a moment is not worth a word"
    );
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let trouble = scene.until("storage-trouble");
    assert!(trouble["detail"].as_str().unwrap().contains("locked"), "{trouble}");
    other.execute_batch("ROLLBACK").unwrap();
    scene.until("storage-recovered");
    drop(other);
    scene.finish(&["stored"]);
}

/// Row 41, at the start: it does not wait for ever, says why, and is started again.
#[test]
fn a_start_on_a_locked_archive() {
    let mut scene = Stage::new(WORLD).open();
    scene.start();
    let stopped = scene.stop();
    let other = Connection::open(scene.archive()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let answer = scene.answer("run");
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert_eq!(answer.status.code(), Some(74), "{said}");
    assert!(said.contains("locked"), "{said}");
    drop(other);
    scene.start();
    scene.over(stopped, &json!(said));
    scene.finish(&["stored"]);
}

/// Row 42.
#[test]
fn a_reader_holds_its_snapshot() {
    let stage = Stage::new("[world]\nstreams = 10\nrate = 1000\nlarge = 0.05\n");
    let mut scene = stage.settings("[archive]\nmax_wal = \"16MiB\"\n").open();
    scene.start();
    let reader = Connection::open(scene.archive()).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let count = || reader.query_row("SELECT count(*) FROM interactions", [], |row| row.get::<_, i64>(0)).unwrap();
    let before = count();
    let growth = scene.until("wal-growth");
    assert!(growth["wal_bytes"].as_u64().unwrap() > 16 << 20, "{growth}");
    assert_eq!(count(), before, "the reader sees what it saw");
    reader.execute_batch("ROLLBACK").unwrap();
    scene.finish(&["stored"]);
}

/// Whether a process holds a lock of SQLite's on this file.
/// As the process's own files tell it: the list of all locks of the machine leaves some out while others come and go.
fn holds_lock(pid: u32, file: &Path) -> bool {
    let inode = format!(":{} ", std::fs::metadata(file).unwrap().ino());
    let files = std::fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap();
    // A file that is closed meanwhile holds no lock.
    let mut told = files.filter_map(|file| std::fs::read_to_string(file.unwrap().path()).ok());
    told.any(|told| told.lines().any(|line| line.starts_with("lock:") && line.contains(&inode)))
}

/// Row 44, by somebody who means no harm: who closes the archive last clears its log away, and must not take itself for
/// the last. The daemon reads beside its own writer to find gaps, and a file that it opens and closes by itself would
/// cost the writer its lock (SQLite, How To Corrupt, section 2.2).
#[test]
fn a_reader_that_may_write_comes_and_goes() {
    let mut scene = Stage::new(WORLD).settings("[backfill]\nmode = \"auto\"\n").heals().open();
    scene.start();
    scene.holds("SELECT count(*) > 100 FROM interactions");
    let (archive, log, pid) = (scene.archive(), scene.path("archive.db-wal"), scene.daemon().pid());
    // Gaps are looked for at each reload.
    for _ in 0..3 {
        let all = 0..scene.streams.len();
        scene.list(all);
        assert!(holds_lock(pid, &archive), "the writer has lost its lock");
    }
    let was = std::fs::metadata(&log).unwrap().ino();
    for _ in 0..20 {
        let other = Connection::open(&archive).unwrap();
        other.query_row("SELECT count(*) FROM interactions", [], |row| row.get::<_, i64>(0)).unwrap();
    }
    let is = std::fs::metadata(&log).map(|log| log.ino()).ok();
    assert_eq!(is, Some(was), "the log was cleared away under the daemon");
    let rows = scene.number("SELECT count(*) FROM interactions");
    scene.holds(&format!("SELECT count(*) > {rows} + 100 FROM interactions"));
    assert_eq!(scene.number("SELECT count(*) FROM notices WHERE notice LIKE 'storage-%'"), 0);
    assert!(holds_lock(pid, &archive), "the writer has lost its lock");
    scene.finish(&["stored"]);
}
