//! `siftd backup`: a whole copy under its name, or none.

use rusqlite::Connection;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use crate::archive_house::ask;
use crate::example::Example;

fn backup(example: &Example, target: &Path) -> Output {
    example.siftd(&["backup", target.to_str().unwrap()])
}

/// Everything that a file holds: its schema and every row of every table.
fn contents(path: &Path) -> Vec<String> {
    let db = Connection::open(path).unwrap();
    let mut all = ask(&db, "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name");
    all.extend(ask(
        &db,
        "SELECT * FROM pragma_application_id, pragma_user_version, pragma_page_size, pragma_auto_vacuum",
    ));
    for table in
        ask(&db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_stat4' ORDER BY name")
    {
        all.extend(ask(&db, &format!("SELECT * FROM \"{table}\"")));
    }
    all
}

#[test]
fn the_copy_is_the_archive_in_one_file_that_anybody_of_the_group_can_read() {
    let example = Example::filled();
    let target = example.settings().with_file_name("copy.db");
    // What an earlier attempt left behind is no obstacle.
    fs::write(target.with_file_name("copy.db.part"), "half of a copy").unwrap();
    let done = backup(&example, &target);
    let said = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("copy.db: ") && said.contains("what came until 2026-11-22T04:59:5"), "{said}");
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o7777, 0o640);
    let bytes = fs::read(&target).unwrap();
    assert_eq!((bytes[18], bytes[19]), (1, 1), "not in write-ahead mode");
    let beside: Vec<String> = fs::read_dir(target.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("copy"))
        .collect();
    assert_eq!(beside, ["copy.db"]);
    assert_eq!(contents(&target), contents(&example.archive()));
}

#[test]
fn nothing_is_replaced_and_nobody_is_disturbed() {
    let example = Example::filled();
    let target = example.settings().with_file_name("copy.db");
    fs::write(&target, "precious").unwrap();
    let refused = backup(&example, &target);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(73), "{said}");
    assert!(said.contains("copy.db: exists already"), "{said}");
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    fs::remove_file(&target).unwrap();
    let part = target.with_file_name("copy.db.part");
    let other = File::create(&part).unwrap();
    other.lock().unwrap();
    let refused = backup(&example, &target);
    assert_eq!(refused.status.code(), Some(73));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("another backup is writing it"));
    drop(other);
    let nowhere = backup(&example, Path::new("/nowhere/at/all.db"));
    assert_eq!(nowhere.status.code(), Some(74));
    assert_eq!(
        fs::read_dir(target.parent().unwrap())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path() == target)
            .count(),
        0
    );
}
