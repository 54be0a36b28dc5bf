//! A look at the archive before it is written: bounded, so that a start stays short however large the file is.

use rusqlite::Connection;

use super::schema::{VERSION, strangeness};

/// Tables that stay small however old the archive is: checked whole, with their indexes.
const SMALL: [&str; 11] = [
    "meta",
    "stream",
    "connection",
    "state",
    "tally",
    "column_meaning",
    "refinery_schema_history",
    "sqlite_sequence",
    "sqlite_stat1",
    "backfill_spent",
    "backfill_gate",
];

/// The other tables and all their indexes: what to read, and in which order. Each names the index that it goes through.
const LARGE: [(&str, &str); 25] = [
    ("cover", "connection"),
    ("cover INDEXED BY cover_running WHERE ended IS NULL", "stream"),
    ("gap", "id"),
    ("gap INDEXED BY gap_open WHERE ended IS NULL", "stream"),
    ("gap INDEXED BY gap_stream", "stream"),
    ("gap INDEXED BY gap_state", "state"),
    ("interaction", "received"),
    ("interaction INDEXED BY interaction_stream", "bucket"),
    ("interaction INDEXED BY interaction_id", "zone"),
    ("interaction INDEXED BY interaction_created", "created"),
    ("tally_hour", "hour"),
    ("tombstone", "digest"),
    ("tombstone INDEXED BY tombstone_written", "written"),
    ("quarantined", "id"),
    ("notice", "id"),
    ("notice INDEXED BY notice_name", "notice"),
    ("notice INDEXED BY notice_stream WHERE stream IS NOT NULL", "stream"),
    ("backfill_job", "id"),
    ("backfill_job INDEXED BY sqlite_autoindex_backfill_job_1", "name"),
    ("backfill_job INDEXED BY backfill_job_open WHERE stage <> 'closed'", "id"),
    ("backfill_piece", "gap"),
    ("backfill_piece INDEXED BY backfill_piece_job", "job"),
    ("backfill_stream", "stream"),
    ("backfill_stream INDEXED BY backfill_stream_job", "job"),
    ("id_filter", "part"),
];

/// What came with the second version, with the fourth, and with the fifth.
const SECOND: &str = "backfill_";
const FOURTH: &str = "backfill_stream";
const FIFTH: [&str; 2] = ["id_filter", "interaction INDEXED BY interaction_id"];

/// Finds damage that would show at once: the schema must be readable and ours, the small tables must be sound, and
/// the way to the first and the last row of every other table and index must be open. A wrong byte in the
/// middle of a large table is found when it is read; `PRAGMA integrity_check` finds it earlier, and takes its time.
pub(super) fn look(db: &Connection) -> Result<(), String> {
    inspect(db).unwrap_or_else(|error| Err(error.to_string()))
}

fn inspect(db: &Connection) -> rusqlite::Result<Result<(), String>> {
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if !(1..=VERSION).contains(&version) {
        return Ok(Err(format!("it says that it has version {version}")));
    }
    if let Some(strange) = strangeness(db, version)? {
        return Ok(Err(strange));
    }
    let came = |table: &str| match table {
        table if FIFTH.contains(&table) => 5,
        table if table.starts_with(FOURTH) => 4,
        table if table.starts_with(SECOND) => 2,
        _ => 1,
    };
    let is_there = |table: &str| version >= came(table);
    for table in SMALL.into_iter().filter(|table| is_there(table)) {
        let verdict: String = db.query_row(&format!("PRAGMA integrity_check({table})"), [], |row| row.get(0))?;
        if verdict != "ok" {
            return Ok(Err(verdict.replace('\n', " ")));
        }
    }
    for (source, key) in LARGE.into_iter().filter(|(source, _)| is_there(source)) {
        for order in ["ASC", "DESC"] {
            let mut statement = db.prepare(&format!("SELECT * FROM {source} ORDER BY {key} {order} LIMIT 1"))?;
            statement.query([])?.next()?;
        }
    }
    Ok(Ok(()))
}
