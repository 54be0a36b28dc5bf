//! A file that somebody prepared: an archive with things in it that siftd did not make, and links in its place.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Output;

use rusqlite::Connection;

use crate::scene::{Scene, Stage};

/// An archive as a short run leaves it.
fn scene() -> Scene {
    let mut scene = Stage::new("[world]\nstreams = 2\nrate = 100\n").starts_badly().open();
    scene.start();
    scene.holds("SELECT count(*) > 20 FROM interactions");
    drop(scene.stop());
    scene
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// What an enemy may have put into the file, and the word that must be told about it.
const PREPARED: &[(&str, &str)] = &[
    ("CREATE TRIGGER forget AFTER INSERT ON interaction BEGIN DELETE FROM interaction; END", "trigger forget"),
    ("CREATE TRIGGER call AFTER INSERT ON notice BEGIN SELECT load_extension('/tmp/x.so'); END", "trigger call"),
    ("CREATE TRIGGER hide INSTEAD OF INSERT ON gaps BEGIN SELECT 1; END", "trigger hide"),
    ("DROP VIEW gaps; CREATE VIEW gaps AS SELECT writefile('/tmp/x', 'y') AS id", "view gaps"),
    ("DROP VIEW gaps; CREATE TABLE gaps (id)", "gaps"),
    ("CREATE UNIQUE INDEX one ON interaction (bucket > 0) WHERE received < 0", "index one"),
    ("CREATE INDEX costly ON interaction (length(payload))", "index costly"),
    ("DROP INDEX interaction_created", "interaction_created is missing"),
    ("ALTER TABLE notice ADD COLUMN more TEXT GENERATED ALWAYS AS (message || message) VIRTUAL", "table notice"),
    ("CREATE TABLE \"x\u{1b}[2J\" (a)", "u{1b}[2J"),
    ("CREATE VIRTUAL TABLE spy USING fts5(a)", "table spy"),
    (
        "CREATE TABLE _litestream_lock (id INTEGER REFERENCES interaction (received))",
        "table _litestream_lock is none of siftd",
    ),
];

#[test]
fn what_siftd_did_not_make_is_refused_before_it_can_act() {
    let scene = scene();
    let (archive, good) = (scene.archive(), scene.path("good.db"));
    Connection::open(&archive).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    fs::copy(&archive, &good).unwrap();
    for (sql, told) in PREPARED {
        fs::copy(&good, &archive).unwrap();
        let enemy = Connection::open(&archive).unwrap();
        enemy.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        enemy.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        drop(enemy);
        let before = fs::read(&archive).unwrap();
        for command in ["run", "status", "streams", "gaps"] {
            let output = scene.answer(command);
            assert_eq!(output.status.code(), Some(65), "{command} with {sql}: {}", said(&output));
            assert!(said(&output).contains(told), "{command} with {sql}: {}", said(&output));
            assert!(!said(&output).contains('\u{1b}'), "{command}: {}", said(&output));
        }
        assert!(before == fs::read(&archive).unwrap(), "{sql}: the file is left as it is");
    }
    // A view of somebody's own beside ours is asked by nobody.
    fs::copy(&good, &archive).unwrap();
    let own = Connection::open(&archive).unwrap();
    own.execute_batch("CREATE VIEW mine AS SELECT writefile('/tmp/x', 'y'); ANALYZE").unwrap();
    drop(own);
    assert_eq!(scene.answer("status").status.code(), Some(0));
    // So are the tables that Litestream makes, as it makes them.
    let own = Connection::open(&archive).unwrap();
    let tables = "CREATE TABLE IF NOT EXISTS _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER);
                  CREATE TABLE IF NOT EXISTS _litestream_lock (id INTEGER);";
    own.execute_batch(tables).unwrap();
    drop(own);
    assert_eq!(scene.answer("status").status.code(), Some(0));
}

#[test]
fn a_link_in_place_of_a_companion_is_not_followed() {
    let scene = scene();
    for (suffix, code) in [(".lock", 73), ("-wal", 74), ("-shm", 74)] {
        let (place, victim) = (format!("{}{suffix}", scene.archive().display()), scene.path("victim"));
        let kept = fs::read(&place).unwrap();
        fs::write(&victim, "precious").unwrap();
        fs::remove_file(&place).unwrap();
        symlink(&victim, &place).unwrap();
        let output = scene.answer("run");
        assert_eq!(output.status.code(), Some(code), "{suffix}: {}", said(&output));
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious", "{suffix}");
        fs::remove_file(&place).unwrap();
        fs::write(&place, kept).unwrap();
    }
}

#[test]
fn a_link_in_place_of_the_archive_leads_to_the_archive_or_nowhere() {
    let mut scene = scene();
    let (archive, real) = (scene.archive(), scene.path("real.db"));
    // To nothing: what it names is not made.
    fs::rename(&archive, &real).unwrap();
    for suffix in ["-wal", "-shm", ".lock"] {
        fs::remove_file(format!("{}{suffix}", archive.display())).unwrap();
    }
    symlink(scene.path("made-by-an-enemy.db"), &archive).unwrap();
    let output = scene.answer("run");
    assert_eq!(output.status.code(), Some(73), "{}", said(&output));
    assert!(!scene.path("made-by-an-enemy.db").exists());
    // To an archive, as an operator does who moves it: its companions lie where it is.
    fs::remove_file(&archive).unwrap();
    symlink(&real, &archive).unwrap();
    scene.start();
    assert!(scene.path("real.db-wal").exists() && scene.path("real.db.lock").exists());
    assert!(!scene.path("archive.db-wal").exists());
}
