//! A look at the archive before it is written: bounded, so that a start stays short however large the file is.

use rusqlite::{Connection, params};

use super::schema::VERSION;

/// Tables whose size does not grow with time: checked whole.
const SMALL: [&str; 4] = ["meta", "stream", "state", "tally"];

/// Finds damage that would show at once: the schema must be readable and ours, the small tables must be sound, and
/// the way to the first and last entry of every other table and of every index must be open. A wrong byte in the
/// middle of a large table is found when it is read; `PRAGMA integrity_check` finds it earlier, and takes its time.
pub(super) fn look(db: &Connection) -> Result<(), String> {
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(|error| error.to_string())?;
    if version != VERSION {
        return Err(format!("it says that it has version {version}"));
    }
    for table in SMALL {
        let verdict: String = db
            .query_row(&format!("PRAGMA integrity_check({table})"), [], |row| row.get(0))
            .map_err(|error| error.to_string())?;
        if verdict != "ok" {
            return Err(verdict);
        }
    }
    for (table, columns) in ENTRIES {
        ends(db, table, columns)?;
    }
    Ok(())
}

/// The key of each large table and of each of its indexes.
const ENTRIES: [(&str, &str); 13] = [
    ("connection", "id"),
    ("cover", "connection"),
    ("gap", "id"),
    ("gap", "stream"),
    ("gap", "state"),
    ("interaction", "received"),
    ("interaction", "bucket"),
    ("interaction", "id"),
    ("interaction", "created"),
    ("tally_hour", "hour"),
    ("tombstone", "digest"),
    ("tombstone", "written"),
    ("notice", "notice"),
];

/// Reads the first and the last row in the order of a column: through its index, to the row itself.
fn ends(db: &Connection, table: &str, column: &str) -> Result<(), String> {
    for order in ["ASC", "DESC"] {
        let sql = format!("SELECT * FROM {table} WHERE {column} IS NOT NULL ORDER BY {column} {order} LIMIT 1");
        let mut statement = db.prepare(&sql).map_err(|error| error.to_string())?;
        let mut rows = statement.query(params![]).map_err(|error| error.to_string())?;
        if let Some(row) = rows.next().map_err(|error| error.to_string())? {
            row.get_ref(0).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}
