//! An upgrade: how an archive of an earlier version becomes one of this version, seen while it goes on.

use std::ffi::c_int;
use std::path::Path;

use rusqlite::Connection;

use super::open::OpenError;
use super::schema::{self, PAGE, VERSION};

/// An upgrade that goes on, or has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Upgrade {
    /// The version that the archive had.
    pub from: i64,
    /// The version of this program's archives.
    pub to: i64,
    /// How long the file was before, in bytes.
    pub bytes: u64,
}

/// SQLite lets us look about after so many of its steps: some milliseconds.
const STEPS: c_int = 100_000;

/// The version that makes the table of interactions anew.
const REMADE: i64 = 5;

/// How much of the disk that takes, in sizes of the archive: the log holds the new table and the old one as it is
/// overwritten, and then the file grows by the new table.
const ROOM: u64 = 3;

/// Brings the archive to this version, all of it or nothing: a start that is cut short leaves the file as it was.
///
/// `watch` is called when it begins and then every few milliseconds, but not while SQLite empties a table, which is one step.
pub(super) fn upgrade(
    path: &Path,
    db: &mut Connection,
    mut watch: impl FnMut(Upgrade) + Send + 'static,
) -> Result<Option<Upgrade>, OpenError> {
    let refuse = |why: String| OpenError::Storage {
        path: path.to_owned(),
        why: format!("it cannot be brought to version {VERSION} and is as it was: {why}"),
    };
    let from = schema::version(db).map_err(|error| refuse(error.to_string()))?;
    if from >= VERSION {
        return Ok(None);
    }
    if from < REMADE {
        room(path, db).map_err(refuse)?;
    }
    let upgrade = Upgrade { from, to: VERSION, bytes: path.metadata().map_or(0, |about| about.len()) };
    watch(upgrade);
    let look = move || {
        watch(upgrade);
        false
    };
    db.progress_handler(STEPS, Some(look)).map_err(|error| refuse(error.to_string()))?;
    let done = schema::migrate(db);
    db.progress_handler(STEPS, None::<fn() -> bool>).map_err(|error| refuse(error.to_string()))?;
    done.map_err(|error| refuse(error.to_string()))?;
    Ok(Some(upgrade))
}

/// Refuses to begin what cannot be ended.
fn room(path: &Path, db: &Connection) -> Result<(), String> {
    let ask = |pragma| db.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let pages = ask("PRAGMA page_count").and_then(|all| Ok(all.saturating_sub(ask("PRAGMA freelist_count")?)));
    let pages = u64::try_from(pages.map_err(|error| error.to_string())?).unwrap_or_default();
    let needed = pages.saturating_mul(PAGE).saturating_mul(ROOM);
    let Ok(disk) = rustix::fs::statvfs(path) else { return Ok(()) };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free >= needed {
        return Ok(());
    }
    let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
    Err(format!("that takes {} MiB of the disk and {} are free; make room", mebibytes(needed), free >> 20))
}
