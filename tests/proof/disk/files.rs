//! The archive's files: damaged, foreign, gone, moved, replaced, and restored from yesterday.

use crate::scene::{Scene, Stage, number};
use rusqlite::Connection;
use serde_json::json;
use std::fs;
use std::path::PathBuf;

const WORLD: &str = "[world]\nstreams = 10\nrate = 200\n";

fn beside(scene: &Scene, suffix: &str) -> PathBuf {
    let mut path = scene.archive().into_os_string();
    path.push(suffix);
    path.into()
}

/// The archive and its log, byte for byte.
fn bytes(scene: &Scene) -> [Option<Vec<u8>>; 2] {
    ["", "-wal"].map(|suffix| fs::read(beside(scene, suffix)).ok())
}

/// Row 43: each ends with 65 and advice, and leaves the file and its log as they are.
#[test]
fn damaged_foreign_and_newer_files_are_refused() {
    let mut scene = Stage::new(WORLD).open();
    scene.start();
    scene.holds("SELECT count(*) > 100 FROM interactions");
    let stopped = scene.stop();
    let archive = fs::read(scene.archive()).unwrap();
    let (page, middle) = (32 * 1024, archive.len() / 2);
    let put = |archive: &[u8], log: &[u8]| {
        fs::remove_file(beside(&scene, "-shm")).ok();
        fs::write(scene.archive(), archive).unwrap();
        fs::write(beside(&scene, "-wal"), log).unwrap();
    };
    let with = |at: usize, byte: u8| {
        let mut broken = archive.clone();
        *broken.get_mut(at).unwrap() = byte;
        broken
    };
    let mut newer = archive.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    let cases: [(&str, Vec<u8>, &[u8]); 8] = [
        ("not an archive", with(0, b's'), &[]),
        ("not an archive", with(68, 0x77), &[]),
        ("not an archive", vec![0; 40_000], &[]),
        ("has version 99", newer, &[]),
        ("damaged", archive[..middle].to_vec(), &[]),
        ("damaged", with(2 * page, 0xff), &[]),
        ("damaged", Vec::new(), &[7; 4096]),
        ("damaged", with(100, 0xff), &[]),
    ];
    for (number, (word, archive, log)) in cases.iter().enumerate() {
        put(archive, log);
        let before = bytes(&scene);
        let answer = scene.answer("run");
        let said = String::from_utf8_lossy(&answer.stderr).into_owned();
        assert_eq!(answer.status.code(), Some(65), "case {number}: {said}");
        assert!(said.contains(word) && said.contains(':'), "case {number}: {said}");
        assert!(bytes(&scene) == before, "case {number}: it was changed: {said}");
    }
    put(&archive, &[]);
    scene.start();
    scene.over(stopped, &json!("the daemon ended with 0"));
    scene.finish(&["stored", "in_gap"]);
}

/// Row 44: moved away and put back.
#[test]
fn moved_away_and_put_back() {
    for suffix in ["", "-wal"] {
        let mut scene = Stage::new(WORLD).open();
        scene.start();
        scene.holds("SELECT count(*) > 100 FROM interactions");
        let (here, away) = (beside(&scene, suffix), beside(&scene, ".away"));
        fs::rename(&here, &away).unwrap();
        let trouble = scene.until("storage-trouble");
        assert!(trouble["detail"].as_str().unwrap().contains("removed or replaced"), "{trouble}");
        fs::rename(&away, &here).unwrap();
        scene.until("storage-recovered");
        scene.finish(&["stored"]);
    }
}

/// Row 44: another file takes its place. Nothing is written to it, nor, for long, to the one that nobody can find.
#[test]
fn replaced_by_another_file() {
    let mut scene = Stage::new(WORLD).open();
    scene.start();
    scene.holds("SELECT count(*) > 100 FROM interactions");
    let (here, away) = (scene.archive(), beside(&scene, ".away"));
    fs::rename(&here, &away).unwrap();
    fs::write(&here, "precious").unwrap();
    scene.until("storage-trouble");
    assert_eq!(fs::read_to_string(&here).unwrap(), "precious");
    fs::rename(&away, &here).unwrap();
    scene.until("storage-recovered");
    scene.finish(&["stored"]);
}

/// Row 44: removed for good. The stop says that not all is stored, and the next start does not begin anew over the log
/// that is left.
#[test]
fn removed_for_good() {
    let mut scene = Stage::new(WORLD).open();
    scene.start();
    scene.holds("SELECT count(*) > 100 FROM interactions");
    fs::remove_file(scene.archive()).unwrap();
    scene.until("storage-trouble");
    scene.daemon().signal(rustix::process::Signal::TERM);
    let (code, said) = scene.buried();
    assert_eq!(code, Some(74), "{said}");
    assert!(!said.contains("\"notice\":\"stopped\""), "not all is stored: {said}");
    assert!(
        fs::metadata(beside(&scene, "-wal")).unwrap().len() > 0,
        "the log of a file that is gone is all that is left"
    );
    let answer = scene.answer("run");
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert_eq!(answer.status.code(), Some(65), "{said}");
}

/// Row 44: the log is removed. What it held is saved by the stop, and the next start goes on.
#[test]
fn the_log_is_removed() {
    let mut scene = Stage::new(WORLD).open();
    scene.start();
    scene.holds("SELECT count(*) > 100 FROM interactions");
    let fault = scene.fault("the log was removed", &["crash", "local_storage", "shutdown"]);
    fs::remove_file(beside(&scene, "-wal")).unwrap();
    let trouble = scene.until("storage-trouble");
    scene.daemon().signal(rustix::process::Signal::TERM);
    let (code, said) = scene.buried();
    assert_eq!(code, Some(74), "{said}");
    scene.start();
    scene.over(fault, &trouble);
    assert_eq!(scene.number("SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
    scene.finish(&["stored", "in_gap"]);
}

/// Row 45: the gap begins where the copy ends.
#[test]
fn restored_from_a_copy() {
    let mut scene = Stage::new(WORLD).open();
    scene.start();
    scene.holds("SELECT count(*) > 100 FROM interactions");
    let restored = scene.stop();
    let copy = beside(&scene, ".copy");
    fs::copy(scene.archive(), &copy).unwrap();
    scene.start();
    let rows = scene.number("SELECT count(*) FROM interactions");
    scene.holds(&format!("SELECT count(*) > {rows} + 100 FROM interactions"));
    let stopped = scene.stop();
    fs::copy(&copy, scene.archive()).unwrap();
    let rows = scene.number("SELECT count(*) FROM interactions");
    scene.start();
    scene.over(restored, &json!({"rows": rows}));
    scene.over(stopped, &json!({"rows": rows}));
    scene.finish(&["stored", "in_gap"]);
}

/// A copy made while the daemon runs, as the documentation says it is made, is an archive like any other.
#[test]
fn a_copy_of_a_running_archive_is_whole() {
    let mut scene = Stage::new(WORLD).open();
    scene.start();
    scene.holds("SELECT count(*) > 100 FROM interactions");
    let copy = beside(&scene, ".copy");
    let db = Connection::open(scene.archive()).unwrap();
    db.execute("VACUUM INTO ?1", [copy.display().to_string()]).unwrap();
    drop(db);
    let restored = scene.kill();
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(beside(&scene, suffix)).unwrap();
    }
    fs::rename(&copy, scene.archive()).unwrap();
    scene.start();
    scene.over(restored, &json!("killed"));
    scene.finish(&["stored", "in_gap"]);
}

/// A backup under load is whole and soon done, the log shrinks after it, and whoever puts it in place has a gap from its
/// last word on.
#[test]
fn restored_from_a_backup_that_was_made_under_load() {
    let mut scene = Stage::new("[world]\nstreams = 20\nrate = 1000\ndeletes = 0.02\n").open();
    scene.start();
    scene.watch();
    scene.holds("SELECT count(*) > 3000 FROM interactions");
    let copy = scene.path("backup.db");
    let made = scene.siftd("backup").arg(&copy).output().unwrap();
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert_eq!(made.status.code(), Some(0), "{said}");
    let rows = number(&copy, "SELECT count(*) FROM interactions").unwrap();
    assert!(rows > 3000);
    assert_eq!(number(&copy, "SELECT integrity_check = 'ok' FROM pragma_integrity_check").unwrap(), 1);
    let proven = number(&copy, "SELECT max(until_us) FROM coverage").unwrap();
    scene.holds(&format!("SELECT count(*) > {rows} + 1000 FROM interactions"));
    // What was stored after the copy is given up with the archive that held it.
    scene.watched_no_more();
    let restored = scene.kill();
    let since = proven;
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(beside(&scene, suffix)).unwrap();
    }
    fs::rename(&copy, scene.archive()).unwrap();
    scene.since(&restored, since);
    scene.start();
    scene.over(restored, &json!({"rows": rows}));
    let gaps = format!("SELECT count(*) FROM gaps WHERE cause = 'crash' AND started_us <= {proven} + 1000");
    assert_eq!(scene.number(&gaps), 20, "each begins where the copy proves nothing more");
    scene.finish(&["stored", "in_gap"]);
}
