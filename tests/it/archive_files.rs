//! The files: ours are kept as they must be, others are left as they are.

#![expect(clippy::unwrap_used, reason = "in a test, what fails fails the test")]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use siftd::archive::OpenError;
use siftd::record::StreamId;

use super::archive_house::*;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_group_may_read_and_nobody_else() {
    let house = House::new();
    let running = house.run(&["aa"]);
    for suffix in ["", "-wal", "-shm", ".lock"] {
        assert_eq!(mode(&house.beside(suffix)), 0o640, "{suffix}");
    }
    house.finish(running);
    // The log stays, empty: without it the group could not read after a stop.
    assert_eq!(std::fs::metadata(house.beside("-wal")).unwrap().len(), 0);
    assert!(house.beside("-shm").exists() && house.beside(".lock").exists());
}

#[test]
fn a_second_daemon_learns_who_holds_the_archive() {
    let house = House::new();
    let running = house.run(&["aa"]);
    for path in [house.options.path.clone(), {
        let name = house.beside("-link");
        symlink(house.path(), &name).unwrap();
        name
    }] {
        let options = siftd::archive::Options { path, ..house.options.clone() };
        let Err(OpenError::Held { pid, .. }) = siftd::archive::Archive::open(&options, START, |_upgrade| {}) else {
            panic!("two daemons on one archive")
        };
        assert_eq!(pid, Some(std::process::id()));
    }
    house.finish(running);
    house.finish(house.run(&["aa"]));
}

#[test]
fn a_second_name_of_the_archive_is_no_way_around_the_lock() {
    let house = House::new();
    let running = house.run(&["aa"]);
    let name = house.path().with_file_name("other.db");
    std::fs::hard_link(house.path(), &name).unwrap();
    let options = siftd::archive::Options { path: name, ..house.options.clone() };
    let second = siftd::archive::Archive::open(&options, START, |_upgrade| {});
    assert!(matches!(second, Err(OpenError::Held { .. })), "{second:?}");
    house.finish(running);
    assert!(siftd::archive::Archive::open(&options, START, |_upgrade| {}).is_ok());
}

#[test]
fn a_lock_file_that_points_elsewhere_is_not_followed() {
    let house = House::new();
    let target = house.beside(".elsewhere");
    std::fs::write(&target, "precious").unwrap();
    symlink(&target, house.beside(".lock")).unwrap();
    assert!(matches!(house.open(), Err(OpenError::Create { .. })));
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
}

#[test]
fn without_a_directory_nothing_is_created() {
    let mut house = House::new();
    house.options.path = house.beside("-absent/archive.db");
    let error = house.open().unwrap_err();
    assert!(matches!(error, OpenError::Create { .. }));
    assert!(error.to_string().contains("create it first"), "{error}");
}

#[test]
fn an_empty_file_becomes_an_archive() {
    let house = House::new();
    std::fs::write(house.path(), "").unwrap();
    house.finish(house.run(&["aa"]));
    assert_eq!(house.ask("SELECT stream FROM streams"), ["aa"]);
}

/// Opening must fail in this way, and must not change a byte of the file or its log.
fn refused(house: &House, expected: impl Fn(&OpenError) -> bool) {
    let files = || ["", "-wal"].map(|suffix| std::fs::read(house.beside(suffix)).ok());
    let before = files();
    let error = house.open().unwrap_err();
    assert!(expected(&error), "{error}");
    assert!(files() == before, "{error}");
}

fn damaged(error: &OpenError) -> bool {
    matches!(error, OpenError::Damaged { .. })
}

fn foreign(error: &OpenError) -> bool {
    matches!(error, OpenError::Foreign { .. })
}

#[test]
fn other_files_are_refused_and_left_as_they_are() {
    let house = House::new();
    std::fs::write(house.path(), "this is no database, but it is somebody's").unwrap();
    refused(&house, foreign);
    std::fs::write(house.path(), "SQLite format 3\0").unwrap();
    refused(&house, foreign);
    std::fs::write(house.path(), [0; 4096]).unwrap();
    refused(&house, foreign);
    for journal in ["WAL", "DELETE"] {
        for application in [0, 0x1234_5678] {
            std::fs::remove_file(house.path()).unwrap();
            let other = Connection::open(house.path()).unwrap();
            other.pragma_update_and_check(None, "journal_mode", journal, |_| Ok(())).unwrap();
            other.execute_batch(&format!("PRAGMA application_id = {application}; CREATE TABLE t (a);")).unwrap();
            refused(&house, foreign);
            drop(other);
            refused(&house, foreign);
        }
    }
}

#[test]
fn a_directory_is_refused() {
    let house = House::new();
    std::fs::create_dir(house.path()).unwrap();
    assert!(house.open().is_err());
}

#[test]
fn a_later_version_is_refused() {
    let house = House::new();
    house.finish(house.run(&["aa"]));
    let writer = Connection::open(house.path()).unwrap();
    writer.pragma_update(None, "user_version", 6).unwrap();
    drop(writer);
    refused(&house, |error| matches!(error, OpenError::Newer { found: 6, known: 5, .. }));
}

#[test]
fn an_emptied_or_lost_archive_is_not_begun_anew_over_its_log() {
    let house = House::new();
    let running = house.run(&["aa"]);
    house.settle(&running);
    let log = std::fs::read(house.beside("-wal")).unwrap();
    assert!(!log.is_empty());
    house.finish(running);
    std::fs::write(house.beside("-wal"), &log).unwrap();
    std::fs::write(house.path(), "").unwrap();
    refused(&house, damaged);
    std::fs::remove_file(house.path()).unwrap();
    refused(&house, damaged);
}

/// An archive with some rows, stopped in order.
fn filled() -> House {
    let house = House::new();
    let running = house.run(&["aa", "bb"]);
    for part in 0..20 {
        house.send(&running, |batch| {
            for number in 0..50 {
                let id = format!("{part}-{number}");
                batch.interaction(later(part), StreamId(1), &interaction(&id, &format!("{:2000}", "{}")));
            }
        });
    }
    house.finish(running);
    house
}

#[test]
fn a_cut_file_is_refused() {
    let house = filled();
    let whole = std::fs::read(house.path()).unwrap();
    for length in [101, 32 * 1024, whole.len() / 2, whole.len() - 1] {
        std::fs::write(house.path(), whole.get(..length).unwrap()).unwrap();
        refused(&house, damaged);
    }
    std::fs::write(house.path(), whole.get(..60).unwrap()).unwrap();
    refused(&house, foreign);
}

#[test]
fn a_break_at_the_root_of_any_table_or_index_is_found() {
    let house = filled();
    let whole = std::fs::read(house.path()).unwrap();
    let roots = house.ask("SELECT rootpage, name FROM sqlite_schema WHERE rootpage > 0 UNION SELECT 1, 'schema'");
    assert!(roots.len() >= 30, "{roots:?}");
    for root in roots {
        let page = root.split(' ').next().unwrap().parse::<usize>().unwrap() - 1;
        let mut bytes = whole.clone();
        // The first byte of a page says what it is; on the first page it comes after the file's header.
        *bytes.get_mut(page * 32 * 1024 + if page == 0 { 100 } else { 0 }).unwrap() = 0xff;
        std::fs::write(house.path(), &bytes).unwrap();
        assert!(house.open().is_err(), "{root}");
        refused(&house, damaged);
    }
}

#[test]
fn a_stop_before_the_first_table_is_no_harm() {
    let house = House::new();
    let early = Connection::open(house.path()).unwrap();
    early.pragma_update(None, "page_size", 32768).unwrap();
    early.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    early.execute_batch("CREATE TABLE refinery_schema_history (version int4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255))").unwrap();
    drop(early);
    house.finish(house.run(&["aa"]));
    assert_eq!(house.ask("SELECT stream FROM streams"), ["aa"]);
}

/// What another user of the archive's group reads. Needs root, to become that user.
fn as_group_reader(path: &Path, sql: &str) -> Option<Result<String, String>> {
    let command = ["--reuid=65534", "--regid=4242", "--clear-groups", "sqlite3"];
    let output = Command::new("setpriv").args(command).arg(path).arg(sql).output().ok()?;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
    Some(if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) })
}

#[test]
fn the_group_reads_while_the_daemon_runs_and_after_its_end() {
    let house = House::new();
    let folder = house.path().parent().unwrap();
    let owned = std::os::unix::fs::chown(folder, None, Some(4242));
    if owned.is_err() || as_group_reader(Path::new(":memory:"), "SELECT 1") != Some(Ok("1".to_owned())) {
        skipped("becoming another user needs root, setpriv and sqlite3");
        return;
    }
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o2750)).unwrap();
    let running = house.run(&["aa"]);
    house.send(&running, |batch| batch.interaction(later(1), StreamId(1), &interaction("1", "{}")));
    let count = "SELECT count(*) FROM interactions";
    assert_eq!(as_group_reader(house.path(), count), Some(Ok("1".to_owned())));
    // As after a kill: the log holds what the archive does not have yet.
    let copy = house.crash(running);
    let folder = copy.path().parent().unwrap();
    std::os::unix::fs::chown(folder, None, Some(4242)).unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o2750)).unwrap();
    for suffix in ["", "-wal"] {
        std::os::unix::fs::chown(copy.beside(suffix), None, Some(4242)).unwrap();
    }
    std::fs::copy(house.beside("-shm"), copy.beside("-shm")).unwrap();
    std::os::unix::fs::chown(copy.beside("-shm"), None, Some(4242)).unwrap();
    assert_eq!(as_group_reader(copy.path(), count), Some(Ok("1".to_owned())));
    // After a stop in order.
    assert_eq!(as_group_reader(house.path(), count), Some(Ok("1".to_owned())));
}
