//! The schema's versions, and how every writing connection is set up.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::path::Path;
use std::time::Duration;

use refinery::Target;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, DEFAULT_NAME, FileControl, OpenFlags};

use crate::limits::{LOG_KEPT_MAX, PEER_TEXT_MAX};
use crate::peer_text::one_line;

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// Our mark in the file: "sift".
pub(super) const APPLICATION_ID: i64 = 0x7369_6674;

/// The newest version that this program knows.
pub(super) const VERSION: i64 = 5;

/// Rows of the archive are read and written in pages of this many bytes.
pub(super) const PAGE: u64 = 32 * 1024;

/// How long SQLite itself waits for another program's lock. Short, so that the writer shows that it lives.
pub(super) const BUSY: Duration = Duration::from_secs(1);

/// Statements that are kept prepared.
const STATEMENTS: usize = 64;

/// A connection that may write.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(db)
}

/// Settings that need the file to be a database. Readers of the group can read after a stop only if the log stays.
pub(super) fn settle(db: &Connection) -> rusqlite::Result<()> {
    let mut stays: c_int = 1;
    db.file_control(DEFAULT_NAME, FileControl::PersistWal(&mut stays))?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "secure_delete", true)?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "cache_size", -4096)?;
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    // Overwriting is quicker than appending, so the log keeps the length that it has come to, up to this.
    db.pragma_update(None, "journal_size_limit", i64::try_from(LOG_KEPT_MAX).unwrap_or(-1))
}

/// What can only be chosen for a file without tables.
pub(super) fn conceive(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "page_size", i64::try_from(PAGE).unwrap_or_default())?;
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL")
}

/// Takes the file into write-ahead mode.
pub(super) fn log_ahead(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
}

/// Brings the schema to this version, in one transaction.
pub(super) fn migrate(db: &mut Connection) -> Result<(), refinery::Error> {
    // The words of a step that has been taken may have become better since: what it made is compared, see `strangeness`.
    embedded::migrations::runner().set_grouped(true).set_abort_divergent(false).run(db).map(|_report| ())
}

/// The version that the file says it has.
pub(super) fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// What Litestream makes in a database that it replicates: a table to write to, so that the log goes on, and one to lock.
/// In these very words they concern no row of ours; in others they could: a foreign key would keep our rows from going.
const LITESTREAM: [(&str, &str); 2] = [
    ("_litestream_seq", "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)"),
    ("_litestream_lock", "CREATE TABLE _litestream_lock (id INTEGER)"),
];

/// What the file holds that siftd did not make, or made otherwise, or is missing, in words; nothing if all is as it was
/// made. A trigger or an index that somebody added could make rows vanish without an error, and a changed view could
/// tell anything. Views beside ours harm nobody who does not ask them.
///
/// `version` is the one that the file says it has.
pub(super) fn strangeness(db: &Connection, version: i64) -> rusqlite::Result<Option<String>> {
    let mut fresh = Connection::open_in_memory()?;
    conceive(&fresh)?;
    let Ok(target) = version.try_into() else { return Ok(Some(format!("it has version {version}"))) };
    let born = embedded::migrations::runner().set_grouped(true).set_target(Target::Version(target)).run(&mut fresh);
    if let Err(error) = born {
        return Ok(Some(error.to_string()));
    }
    let (mut ours, found) = (things(&fresh)?, things(db)?);
    for ((kind, name), words) in found {
        let told = one_line(&format!("the {kind} {name}"), PEER_TEXT_MAX);
        match ours.remove(&(kind.clone(), name)) {
            Some(made) if made == words => {}
            Some(_) => return Ok(Some(format!("{told} is not as siftd made it"))),
            None if kind == "view" => {}
            None if LITESTREAM.iter().any(|(name, made)| kind == "table" && words == format!("{name}{made}")) => {}
            None => return Ok(Some(format!("{told} is none of siftd's"))),
        }
    }
    Ok(ours.into_keys().next().map(|(kind, name)| format!("the {kind} {name} is missing")))
}

/// Every table, index, view and trigger, and the words that made it. SQLite's own statistics may come and go.
fn things(db: &Connection) -> rusqlite::Result<BTreeMap<(String, String), String>> {
    let mut statement = db.prepare(
        "SELECT type, name, CASE name WHEN 'refinery_schema_history' THEN '' ELSE tbl_name || coalesce(sql, '') END
           FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'",
    )?;
    let rows = statement.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    rows.collect()
}

/// An archive of this version that lives in memory only.
#[cfg(test)]
pub(super) fn in_memory() -> Connection {
    let mut db = Connection::open_in_memory().unwrap();
    conceive(&db).unwrap();
    migrate(&mut db).unwrap();
    db.pragma_update(None, "foreign_keys", true).unwrap();
    db
}
