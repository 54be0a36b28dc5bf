//! Opens the archive to read it: beside a running daemon, after a clean stop and after a crash.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, Progress, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Params, Row};
use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::lock::FILLS;
use super::open::beside;
use super::schema::{APPLICATION_ID, VERSION, strangeness};
use super::tally::BUCKET_ROWS;
use crate::time::Time;

/// How long a reader waits for a lock. In WAL mode the writer holds none that bars readers, but a restore does.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Pages that are copied between two looks at the progress: 8 MiB.
const COPY_PAGES: i32 = 256;

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("no archive at {}: has the daemon ever run? start it with `siftd run`, or name its settings with --config",
        .0.display())]
    Missing(PathBuf),
    #[error("{}: this user may not read it; it belongs to {owner}, mode {mode:o}: join that group, or run this as that user",
        .path.display())]
    Denied { path: PathBuf, owner: String, mode: u32 },
    #[error("{}: {why}: check `archive.path` in the settings", .path.display())]
    Foreign { path: PathBuf, why: String },
    #[error("{}: the archive has version {found} and this siftd knows versions up to {VERSION}: use the siftd that wrote it, or a newer one",
        .path.display())]
    Newer { path: PathBuf, found: i64 },
    #[error("{}: the archive is damaged ({detail}): keep a copy, stop the daemon, and restore it from a backup or with `sqlite3 .recover`",
        .path.display())]
    Damaged { path: PathBuf, detail: String },
    #[error("{}: another program keeps the archive locked: end it, or try again later", .0.display())]
    Locked(PathBuf),
    #[error("{}: the archive cannot be read ({detail}): look at the disk and at the permissions of the file and its folder",
        .path.display())]
    Failed { path: PathBuf, detail: String },
}

/// An archive opened to be read. It never writes, holds no lock that stops the daemon, and trusts nothing in the file.
#[derive(Debug)]
pub struct Reading {
    connection: Connection,
    path: PathBuf,
}

impl Reading {
    /// Opens the archive at `path`. `immutable` is not used: it would hide what is still in the write-ahead log.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        reachable(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(LOCK_WAIT)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
            Ok(connection)
        };
        let connection = open().map_err(|error| explained(path, &error))?;
        let reading = Self { connection, path: path.to_owned() };
        reading.recognise()?;
        Ok(reading)
    }

    /// Where the archive lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// From here on every question sees the archive as it is at the first of them.
    pub fn hold_still(&self) -> Result<(), ReadError> {
        self.connection.execute_batch("BEGIN").map_err(|error| explained(&self.path, &error))
    }

    /// How large the archive is, in bytes.
    pub fn bytes(&self) -> Result<u64, ReadError> {
        let ask = |name: &str| self.connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0));
        let pages = ask("page_count").map_err(|error| explained(&self.path, &error))?;
        let size = ask("page_size").map_err(|error| explained(&self.path, &error))?;
        Ok(u64::from(pages).saturating_mul(u64::from(size)))
    }

    /// Copies the whole archive, as it is now, into the empty file at `target`, and tells how many bytes are done. The
    /// copy needs no log beside it. It is not on the disk yet when this returns.
    ///
    /// One transaction holds the archive still: a copy in several would begin anew at each commit of the daemon.
    pub fn copy_into(&self, target: &Path, done: impl Fn(u64)) -> Result<(), ReadError> {
        self.hold_still()?;
        let here = |error: rusqlite::Error| explained(&self.path, &error);
        let there = |error: rusqlite::Error| explained(target, &error);
        // The first question is what holds it still.
        let size: u32 = self
            .connection
            .query_row("SELECT page_size FROM pragma_page_size, (SELECT count(*) FROM sqlite_schema)", [], |row| {
                row.get(0)
            })
            .map_err(here)?;
        let mut copy = Connection::open(target).map_err(there)?;
        // Whatever breaks off leaves a file that is not used.
        copy.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(())).map_err(there)?;
        copy.pragma_update(None, "synchronous", "OFF").map_err(there)?;
        let backup = Backup::new(&self.connection, &mut copy).map_err(there)?;
        loop {
            let step = backup.step(COPY_PAGES).map_err(there)?;
            let Progress { remaining, pagecount } = backup.progress();
            let copied = u64::try_from(pagecount.saturating_sub(remaining)).unwrap_or(0);
            done(copied.saturating_mul(size.into()));
            match step {
                StepResult::Done => break,
                StepResult::More => {}
                StepResult::Busy | StepResult::Locked | _ => return Err(ReadError::Locked(target.to_owned())),
            }
        }
        drop(backup);
        // A file in write-ahead mode cannot be read from a folder that cannot be written.
        copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())).map_err(there)?;
        copy.close().map_err(|(_, error)| there(error))?;
        self.connection.execute_batch("COMMIT").map_err(here)
    }

    /// Gives each row of an answer to `take`, as `read` finds it, while the answer still comes.
    pub fn each<T, E: From<ReadError>>(
        &self,
        question: &str,
        parameters: impl Params,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
        mut take: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = |error: rusqlite::Error| E::from(explained(&self.path, &error));
        let mut statement = self.connection.prepare(question).map_err(failed)?;
        let mut rows = statement.query(parameters).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            take(read(row).map_err(failed)?)?;
        }
        Ok(())
    }

    /// Every row of an answer.
    pub fn all<T>(
        &self,
        question: &str,
        parameters: impl Params,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, ReadError> {
        let mut found = Vec::new();
        self.each(question, parameters, read, |row| {
            found.push(row);
            Ok::<(), ReadError>(())
        })?;
        Ok(found)
    }

    /// The first row of an answer, if there is one.
    pub fn first<T>(
        &self,
        question: &str,
        parameters: impl Params,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, ReadError> {
        Ok(self.all(question, parameters, read)?.into_iter().next())
    }

    /// How many interactions have arrived since then. Only the buckets at both ends are looked into: each one between them
    /// took so many rows, and those of them that have been deleted meanwhile are counted as well.
    pub fn arrived_since(&self, since: Time) -> Result<i64, ReadError> {
        // The plus keeps the search in the index of buckets, which holds all that is asked for.
        const SINCE: &str = "
            WITH ends (first, filling) AS (
                SELECT (SELECT bucket FROM interaction WHERE received >= ?1 ORDER BY received LIMIT 1), value
                  FROM meta WHERE name = 'bucket')
            SELECT (SELECT count(*) FROM interaction WHERE bucket IN (first, filling) AND +received >= ?1)
                   + ?2 * max(filling - first - 1, 0)
              FROM ends WHERE first IS NOT NULL";
        Ok(self.first(SINCE, (since.micros(), BUCKET_ROWS), |row| row.get(0))?.unwrap_or(0))
    }

    /// Refuses what is not an archive of ours, or of a later siftd.
    fn recognise(&self) -> Result<(), ReadError> {
        let header = |name: &str| {
            let read = self.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            read.map_err(|error| explained(&self.path, &error))
        };
        let foreign = |why: &str| Err(ReadError::Foreign { path: self.path.clone(), why: why.to_owned() });
        match (header("application_id")?, header("user_version")?) {
            (APPLICATION_ID, VERSION) => match strangeness(&self.connection, VERSION) {
                Ok(None) => Ok(()),
                Ok(Some(strange)) => Err(ReadError::Damaged { path: self.path.clone(), detail: strange }),
                Err(error) => Err(explained(&self.path, &error)),
            },
            (APPLICATION_ID, found) if found > VERSION => Err(ReadError::Newer { path: self.path.clone(), found }),
            (APPLICATION_ID, _) => {
                foreign("the archive is of an older version, or unfinished; a start of the daemon brings it up to date")
            }
            (0, 0) => {
                foreign("an SQLite file that is not an archive, or one that the daemon has not finished to create")
            }
            _ => foreign("an SQLite file of another program"),
        }
    }
}

/// Who holds an archive to write to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Holder {
    /// No daemon runs on it; `siftd backfill` may.
    Nobody,
    /// A daemon runs on it, and this is its process, by its own count.
    Daemon { pid: Option<i32> },
    /// It cannot be told, and why.
    Unknown(String),
}

/// Asks the lock file of an archive who holds it. The lock is shared and held for an instant only.
pub fn holder(archive: &Path) -> Holder {
    let path = lock_path(archive);
    let unknown = |error: &io::Error| Holder::Unknown(format!("{}: {error}", path.display()));
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Holder::Nobody,
        Err(error) => return unknown(&error),
    };
    match file.try_lock_shared() {
        Ok(()) => Holder::Nobody,
        Err(TryLockError::WouldBlock) => {
            let words = written(&mut file);
            let mut words = words.split_whitespace();
            match (words.next().and_then(|pid| pid.parse().ok()).filter(|pid| *pid > 0), words.next()) {
                (Some(_), Some(FILLS)) => Holder::Nobody,
                (pid, _) => Holder::Daemon { pid },
            }
        }
        Err(TryLockError::Error(error)) => unknown(&error),
    }
}

/// The lock file that belongs to an archive.
pub fn lock_path(archive: &Path) -> PathBuf {
    beside(archive, ".lock")
}

/// The write-ahead log that belongs to an archive.
pub fn log_path(archive: &Path) -> PathBuf {
    beside(archive, "-wal")
}

/// What the holder has written of itself.
fn written(file: &mut File) -> String {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).map_or_else(|_| String::new(), |_| text)
}

/// Finds out in plain words what SQLite would only call "unable to open". Nothing is opened for it: to close a file drops
/// every lock that the process has on it, and the daemon reads beside its own writer (SQLite, How To Corrupt, 2.2).
fn reachable(path: &Path) -> Result<(), ReadError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => {
            return Err(ReadError::Foreign { path: path.to_owned(), why: "not a file".to_owned() });
        }
        Err(error) => return Err(unreachable_because(path, &error)),
    }
    readable(path).map_err(|error| unreachable_because(path, &error))
}

/// Whether this user may read a file, without opening it.
fn readable(path: &Path) -> io::Result<()> {
    Ok(accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS)?)
}

fn unreachable_because(path: &Path, error: &io::Error) -> ReadError {
    let kind = error.kind();
    if kind == io::ErrorKind::NotFound {
        ReadError::Missing(path.to_owned())
    } else if kind == io::ErrorKind::PermissionDenied {
        denied(path)
    } else {
        ReadError::Failed { path: path.to_owned(), detail: error.to_string() }
    }
}

/// Names what stands in the way: the file, or the nearest folder above it that can be seen at all.
fn denied(path: &Path) -> ReadError {
    let seen = path.ancestors().find_map(|place| fs::metadata(place).ok().map(|metadata| (place, metadata)));
    match seen {
        Some((place, metadata)) => {
            let owner = format!("user {} and group {}", metadata.uid(), group_name(metadata.gid()));
            ReadError::Denied { path: place.to_owned(), owner, mode: metadata.mode() & 0o7777 }
        }
        None => ReadError::Failed { path: path.to_owned(), detail: "permission denied".to_owned() },
    }
}

/// The name of a group, or its number if /etc/group does not list it.
fn group_name(gid: u32) -> String {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let number = gid.to_string();
    let named = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
    });
    named.unwrap_or(number)
}

/// Says what an error of SQLite means for someone who wants to read.
fn explained(path: &Path, error: &rusqlite::Error) -> ReadError {
    let path = path.to_owned();
    let detail = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => ReadError::Foreign { path, why: "not an SQLite file".to_owned() },
        Some(ErrorCode::DatabaseCorrupt) => ReadError::Damaged { path, detail },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ReadError::Locked(path),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => sides_blocked(path, detail),
        _ => ReadError::Failed { path, detail },
    }
}

/// The archive itself can be read, so its write-ahead log or the index of that cannot.
fn sides_blocked(path: PathBuf, detail: String) -> ReadError {
    for side in [log_path(&path), beside(&path, "-shm")] {
        match readable(&side).map_err(|error| error.kind()) {
            Err(io::ErrorKind::PermissionDenied) => return denied(&side),
            Err(io::ErrorKind::NotFound) => {
                let detail = format!("{} is missing and this user may not make it", side.display());
                return ReadError::Failed { path, detail };
            }
            Ok(()) | Err(_) => {}
        }
    }
    ReadError::Failed { path, detail }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::archive::schema::in_memory;

    /// An archive of so many rows, one a microsecond from 0 on.
    fn filled(rows: u32) -> Reading {
        let reading = Reading { connection: in_memory(), path: PathBuf::new() };
        let db = &reading.connection;
        let insert = "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < ?1 - 1)
                      INSERT INTO interaction (received, bucket, stream, zone, id, origin, payload)
                      SELECT n, n / ?2, n % 3, 0, n, 0, '{}' FROM n";
        db.execute(insert, (rows, BUCKET_ROWS)).unwrap();
        db.execute("UPDATE meta SET value = ?1 WHERE name = 'bucket'", [rows / BUCKET_ROWS]).unwrap();
        reading
    }

    fn since(reading: &Reading, micros: i64) -> i64 {
        reading.arrived_since(Time::from_micros(micros)).unwrap()
    }

    #[test]
    fn what_arrived_is_counted_bucket_by_bucket() {
        for rows in 1..=5 * BUCKET_ROWS {
            let reading = filled(rows);
            for micros in 0..=rows {
                assert_eq!(since(&reading, micros.into()), i64::from(rows - micros), "since {micros} of {rows}");
            }
            assert_eq!(since(&reading, -1), i64::from(rows));
        }
        assert_eq!(since(&Reading { connection: in_memory(), path: PathBuf::new() }, 0), 0);
    }

    #[test]
    fn what_was_deleted_since_may_be_counted_and_nothing_twice() {
        let reading = filled(4 * BUCKET_ROWS + 2);
        let delete = |bucket: u32| {
            let sql = "DELETE FROM interaction WHERE received = ?1";
            assert_eq!(reading.connection.execute(sql, [bucket * BUCKET_ROWS + 1]).unwrap(), 1);
            since(&reading, 0) - i64::from(4 * BUCKET_ROWS + 2)
        };
        assert_eq!([2, 1, 0, 4].map(delete), [0, 0, -1, -2]);
        let all = reading.connection.execute("DELETE FROM interaction WHERE bucket < 4", []).unwrap();
        assert_eq!((all, since(&reading, 0)), (4 * 8 - 3, 1));
    }

    #[test]
    fn to_count_what_arrived_costs_no_more_where_there_is_more() {
        let cost = |rows: u32| {
            let (mut reading, steps) = (filled(rows), Arc::new(AtomicU64::new(0)));
            let counter = Arc::clone(&steps);
            let count = move || {
                counter.fetch_add(1, Ordering::Relaxed);
                false
            };
            reading.connection.progress_handler(1, Some(count)).unwrap();
            since(&reading, 3);
            steps.load(Ordering::Relaxed)
        };
        let (few, many) = (cost(4 * BUCKET_ROWS + 5), cost(4000 * BUCKET_ROWS + 5));
        assert!(few > 50 && many == few, "{few} steps, and {many} where there is a thousand times as much");
    }
}
