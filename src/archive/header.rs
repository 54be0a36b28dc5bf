//! What a file says of itself in its first hundred bytes, read before SQLite may touch it.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::open::{OpenError, beside};
use super::schema::{APPLICATION_ID, VERSION};

/// What stands at the archive's path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Found {
    /// Nothing, or an empty file, or one that was left before its first table.
    Unborn { exists: bool },
    /// An archive of this version or an earlier one.
    Ours,
}

/// The beginning of every SQLite file (SQLite, Database File Format, section 1.3).
const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER: u64 = 100;

/// Looks at the file without changing a byte of it, and refuses what is not ours.
pub(super) fn inspect(path: &Path) -> Result<Found, OpenError> {
    let storage = |error: std::io::Error| OpenError::Storage { path: path.to_owned(), why: error.to_string() };
    let damaged = |why: &str| OpenError::Damaged { path: path.to_owned(), why: why.to_owned() };
    let log = std::fs::metadata(beside(path, "-wal")).map_or(None, |file| Some(file.len()));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return match log {
                None | Some(0) => Ok(Found::Unborn { exists: false }),
                Some(_) => Err(damaged("only its write-ahead log is left")),
            };
        }
        Err(error) => return Err(storage(error)),
    };
    let about = file.metadata().map_err(storage)?;
    if !about.is_file() {
        return Err(OpenError::Foreign { path: path.to_owned(), why: "it is not a file".to_owned() });
    }
    if about.len() == 0 {
        return if log.is_none() { Ok(Found::Unborn { exists: true }) } else { Err(damaged("it is empty")) };
    }
    let mut header = Vec::new();
    file.take(HEADER).read_to_end(&mut header).map_err(storage)?;
    judge(path, &header, about.len(), log.unwrap_or(0))
}

/// Judges a file of `length` bytes by its first hundred, `log` being the length of its write-ahead log.
fn judge(path: &Path, header: &[u8], length: u64, log: u64) -> Result<Found, OpenError> {
    let foreign = |why: &str| OpenError::Foreign { path: path.to_owned(), why: why.to_owned() };
    let fields = (number(header, 28), number(header, 60), number(header, 68));
    let (true, (Some(pages), Some(version), Some(application))) = (header.starts_with(MAGIC), fields) else {
        return Err(foreign("it does not begin as a SQLite file does"));
    };
    if application == 0 {
        return peek(path, log);
    }
    if i64::from(application) != APPLICATION_ID {
        return Err(foreign("it belongs to another program, says its application_id"));
    }
    if i64::from(version) > VERSION {
        return Err(OpenError::Newer { path: path.to_owned(), found: version.into(), known: VERSION });
    }
    // While the log holds pages, the file may lawfully be shorter than its first page says.
    let size =
        header.get(16..18).map_or(0, |bytes| bytes.iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte)));
    let whole = u64::from(pages) * if size == 1 { 65_536 } else { size };
    if log == 0 && length < whole {
        let why = format!("{} of its {whole} bytes are missing at the end", whole - length);
        return Err(OpenError::Damaged { path: path.to_owned(), why });
    }
    Ok(Found::Ours)
}

/// A big-endian number of four bytes.
fn number(header: &[u8], at: usize) -> Option<u32> {
    header.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

/// Asks SQLite, reading only, about a file without a mark: the mark may still be in the write-ahead log.
fn peek(path: &Path, log: u64) -> Result<Found, OpenError> {
    let foreign = |why: String| OpenError::Foreign { path: path.to_owned(), why };
    match look(path, log) {
        Ok((APPLICATION_ID, version, _)) if version > VERSION => {
            Err(OpenError::Newer { path: path.to_owned(), found: version, known: VERSION })
        }
        Ok((APPLICATION_ID, ..)) => Ok(Found::Ours),
        Ok((0, 0, 0)) => Ok(Found::Unborn { exists: true }),
        Ok(_) => Err(foreign("it holds another program's tables".to_owned())),
        Err(error) => Err(foreign(format!("it cannot be read: {error}"))),
    }
}

/// The mark, the version, and how many things it holds beside the empty table that our first start may have left.
fn look(path: &Path, log: u64) -> rusqlite::Result<(i64, i64, i64)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    // Without a log the file is all there is; said so, SQLite makes none of its own.
    let name = percent_encode(path.as_os_str().as_bytes(), NON_ALPHANUMERIC);
    let db = Connection::open_with_flags(format!("file:{name}?immutable={}", u8::from(log == 0)), flags)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    let ask = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0));
    let mut held = ask("SELECT count(*) FROM sqlite_schema WHERE tbl_name <> 'refinery_schema_history'")?;
    if ask("SELECT count(*) FROM sqlite_schema WHERE name = 'refinery_schema_history'")? > 0 {
        held += ask("SELECT count(*) FROM refinery_schema_history")?;
    }
    Ok((ask("PRAGMA application_id")?, ask("PRAGMA user_version")?, held))
}
