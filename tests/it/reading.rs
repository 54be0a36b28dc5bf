//! Opening the archive to read it: when it works, and what is said when it does not.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use expect_test::{Expect, expect};
use siftd::archive::reading::{Holder, ReadError, Reading, holder, log_path};

use crate::example::Example;

fn interactions(archive: &Path) -> Result<i64, ReadError> {
    let archive = Reading::open(archive)?;
    Ok(archive.first("SELECT count(*) FROM interactions", [], |row| row.get(0))?.unwrap_or(0))
}

#[test]
fn it_reads_beside_a_writer_after_a_crash_and_after_a_clean_stop() {
    let example = Example::filled();
    example.sql("BEGIN IMMEDIATE; DELETE FROM interaction");
    assert_eq!(interactions(&example.archive()).unwrap(), 242, "beside a writing transaction");
    example.sql("ROLLBACK");

    // A crash leaves the files as they are; the newest rows are in the write-ahead log alone.
    let grave = tempfile::tempdir().unwrap();
    for ending in ["", "-wal", "-shm"] {
        let from = format!("{}{ending}", example.archive().display());
        fs::copy(from, grave.path().join(format!("archive.db{ending}"))).unwrap();
    }
    let left = grave.path().join("archive.db");
    let size = fs::metadata(log_path(&left)).unwrap().len();
    assert!(size > 0);
    assert_eq!(interactions(&left).unwrap(), 242, "after a crash");
    assert_eq!(fs::metadata(log_path(&left)).unwrap().len(), size, "a reader leaves the log alone");

    example.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let archive = example.archive();
    let folder = example.close();
    assert_eq!(interactions(&archive).unwrap(), 242, "after a clean stop");
    drop(folder);
}

#[test]
fn a_held_lock_names_its_process() {
    let example = Example::filled();
    assert_eq!(holder(&example.archive()), Holder::Nobody);
    let lock = example.held_by(4711);
    assert_eq!(holder(&example.archive()), Holder::Daemon { pid: Some(4711) });
    drop(lock);
    assert_eq!(holder(&example.archive()), Holder::Nobody, "what a dead daemon wrote does not count");
}

/// What is said about a file with such an inside, and the exit code.
fn refused(inside: &[u8], code: i32, expected: &Expect) {
    let example = Example::empty();
    let archive = example.archive();
    fs::remove_file(log_path(&archive)).unwrap();
    fs::write(&archive, inside).unwrap();
    said(&example, code, expected);
    assert_eq!(fs::read(&archive).unwrap(), inside, "a reader changes nothing");
}

fn said(example: &Example, code: i32, expected: &Expect) {
    let output = example.siftd(&["status"]);
    let folder = example.archive().parent().unwrap().display().to_string();
    expected.assert_eq(&String::from_utf8(output.stderr).unwrap().replace(&folder, "FOLDER"));
    assert_eq!(output.status.code(), Some(code));
    assert!(output.stdout.is_empty());
}

#[test]
fn an_archive_that_is_not_there() {
    let example = Example::empty();
    fs::remove_file(example.archive()).unwrap();
    said(
        &example,
        74,
        &expect![[r#"
        siftd: no archive at FOLDER/archive.db: has the daemon ever run? start it with `siftd run`, or name its settings with --config
    "#]],
    );
}

#[test]
fn a_folder_in_its_place() {
    let example = Example::empty();
    fs::remove_file(example.archive()).unwrap();
    fs::create_dir(example.archive()).unwrap();
    said(
        &example,
        65,
        &expect![[r#"
        siftd: FOLDER/archive.db: not a file: check `archive.path` in the settings
    "#]],
    );
}

#[test]
fn a_text_file() {
    refused(
        "not a database, only words, and many of them\n".repeat(40).as_bytes(),
        65,
        &expect![[r#"
        siftd: FOLDER/archive.db: not an SQLite file: check `archive.path` in the settings
    "#]],
    );
}

#[test]
fn an_empty_file() {
    refused(
        b"",
        65,
        &expect![[r#"
        siftd: FOLDER/archive.db: an SQLite file that is not an archive, or one that the daemon has not finished to create: check `archive.path` in the settings
    "#]],
    );
}

#[test]
fn an_archive_of_a_later_siftd() {
    let example = Example::filled();
    example.sql("PRAGMA user_version = 7");
    said(
        &example,
        65,
        &expect![[r#"
            siftd: FOLDER/archive.db: the archive has version 7 and this siftd knows versions up to 5: use the siftd that wrote it, or a newer one
        "#]],
    );
}

#[test]
fn another_programs_database() {
    let example = Example::filled();
    example.sql("PRAGMA application_id = 252006673");
    said(
        &example,
        65,
        &expect![[r#"
        siftd: FOLDER/archive.db: an SQLite file of another program: check `archive.path` in the settings
    "#]],
    );
}

#[test]
fn a_damaged_archive() {
    let example = Example::filled();
    example.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let mut file = fs::File::options().write(true).open(example.archive()).unwrap();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(100)).unwrap();
    file.write_all(&[0xff; 4_000]).unwrap();
    said(
        &example,
        65,
        &expect![[r#"
        siftd: FOLDER/archive.db: the archive is damaged (database disk image is malformed): keep a copy, stop the daemon, and restore it from a backup or with `sqlite3 .recover`
    "#]],
    );
}

/// Only root can become somebody else.
fn may_change_users() -> bool {
    let may = rustix::process::geteuid().is_root();
    if !may {
        crate::archive_house::skipped("only root can run the program as another user");
    }
    may
}

/// Runs the program as nobody, who is in no group of ours: the exit code and what is said.
fn as_nobody(example: &Example) -> (Option<i32>, String) {
    let folder = example.archive().parent().unwrap().to_owned();
    let program = folder.join("siftd");
    fs::copy(env!("CARGO_BIN_EXE_siftd"), &program).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(program)
        .args(["status", "--config"])
        .arg(example.settings())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap().replace(&folder.display().to_string(), "FOLDER");
    (output.status.code(), said)
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_user_outside_the_group_is_told_which_group() {
    if !may_change_users() {
        return;
    }
    let example = Example::filled();
    mode(example.archive().parent().unwrap(), 0o755);
    mode(&example.archive(), 0o640);
    let (code, said) = as_nobody(&example);
    expect![[r#"
        siftd: FOLDER/archive.db: this user may not read it; it belongs to user 0 and group root, mode 640: join that group, or run this as that user
    "#]].assert_eq(&said);
    assert_eq!(code, Some(74));
}

#[test]
fn a_reader_of_files_that_he_may_not_write_reads() {
    if !may_change_users() {
        return;
    }
    let example = Example::filled();
    mode(example.archive().parent().unwrap(), 0o755);
    for ending in ["", "-wal", "-shm"] {
        mode(Path::new(&format!("{}{ending}", example.archive().display())), 0o644);
    }
    let (code, said) = as_nobody(&example);
    assert_eq!((code, said.as_str()), (Some(0), ""));
}

#[test]
fn a_missing_log_in_a_folder_that_is_not_ones_own_is_explained() {
    if !may_change_users() {
        return;
    }
    let example = Example::filled();
    example.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    for ending in ["-wal", "-shm"] {
        fs::remove_file(format!("{}{ending}", example.archive().display())).unwrap();
    }
    mode(example.archive().parent().unwrap(), 0o755);
    mode(&example.archive(), 0o644);
    let (code, said) = as_nobody(&example);
    expect![[r#"
        siftd: FOLDER/archive.db: the archive cannot be read (FOLDER/archive.db-wal is missing and this user may not make it): look at the disk and at the permissions of the file and its folder
    "#]].assert_eq(&said);
    assert_eq!(code, Some(74));
}
