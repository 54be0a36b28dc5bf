//! An archive of the first version with something in every table, and what must be left of it.

use std::path::Path;

use refinery::{Migration, Runner};
use rusqlite::Connection;
use rusqlite::types::Value;

const FIRST: &str = include_str!("../../migrations/V1__archive.sql");
const SECOND: &str = include_str!("../../migrations/V2__backfill.sql");
const THIRD: &str = include_str!("../../migrations/V3__retention.sql");
const FOURTH: &str = include_str!("../../migrations/V4__combined.sql");
const FIFTH: &str = include_str!("../../migrations/V5__zones.sql");

/// The version of today.
pub(crate) const LAST: i64 = 5;

/// The moment at which its history begins.
const BEGAN: i64 = 1_700_000_000_000_000;

/// What no start changes: all but the daemon's own row, what runs, and what is said from now on.
const KEPT: [&str; 13] = [
    "SELECT * FROM meta WHERE name IN ('tombstone_key', 'bucket')",
    "SELECT id, name, label, wanted FROM stream",
    "SELECT * FROM connection WHERE id = 1",
    "SELECT * FROM cover WHERE connection = 1",
    "SELECT * FROM gap WHERE id <= 40",
    "SELECT received, bucket, stream, id, created, kind, origin, payload FROM interaction",
    "SELECT id, stream FROM interaction WHERE id > '' ORDER BY id",
    "SELECT stream, interactions, last FROM tally",
    "SELECT * FROM tally_hour",
    "SELECT * FROM tombstone",
    "SELECT * FROM quarantined",
    "SELECT * FROM notice WHERE id <= 30",
    "SELECT * FROM interactions WHERE received_us < 1700000001000000",
];

/// Makes the archive as the first siftd would have left it after a stop in order.
pub(crate) fn make(archive: &Path, streams: &[(String, String)]) {
    let mut db = empty(archive, &[FIRST]);
    let all = db.transaction().unwrap();
    for (id, (name, label)) in (1_i64..).zip(streams) {
        let sql = "INSERT INTO stream (id, name, label, state, wanted, began, covered)
                   VALUES (?1, ?2, ?3, 'wanted', ?4, ?4, ?4 + 1000)";
        all.execute(sql, (id, name, label, BEGAN)).unwrap();
    }
    for sql in [
        "INSERT INTO connection VALUES (1, ?1, ?1 + 9000, 'stopped', 'wss://old.example/multi', ?1 + 8000, ?1 + 7000, 500, 9, 500)",
        "INSERT INTO cover SELECT 1, id, ?1, ?1 + 1000 FROM stream",
        "WITH n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10)
         INSERT INTO gap (stream, started, ended, cause, state, deletes_unknown, detail)
         SELECT stream.id, ?1 + n * 50, ?1 + n * 50 + 20, 'network', 'unfillable', 1, 'gap ' || n FROM stream, n",
        "INSERT INTO gap (stream, started, cause, state) SELECT id, ?1 + 1000, 'shutdown', 'open' FROM stream",
        "WITH n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 500)
         INSERT INTO interaction SELECT ?1 + n, n / 300, 1 + n % 4, hex(randomblob(16)), ?1 - n, 'blog', 0,
                                        '{\"n\": ' || n || ', \"text\": \"' || hex(randomblob(n)) || '\"}' FROM n",
        "INSERT INTO tally SELECT stream, count(*), max(received) FROM interaction WHERE bucket = 0 GROUP BY stream",
        "INSERT INTO tally_hour SELECT received / 3600000000 * 3600000000, stream, count(*) FROM interaction
          WHERE bucket = 0 GROUP BY 1, 2",
        "UPDATE meta SET value = 1 WHERE name = 'bucket'",
        "WITH n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 50)
         INSERT INTO tombstone SELECT randomblob(16), unixepoch() * 1000000 + n FROM n",
        "INSERT INTO quarantined (at, connection, reason, frame) VALUES (?1, 1, 'not JSON', randomblob(60000))",
        "WITH n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 30)
         INSERT INTO notice (at, level, notice, message, detail)
         SELECT unixepoch() * 1000000 + n, 'info', 'summary', 'a sentence', '{}' FROM n",
        "INSERT INTO state (one, state, since, version, pid, told) VALUES (1, 'stopped', ?1, '0.0.9', 1, ?1)",
    ] {
        all.execute_batch(&sql.replace("?1", &BEGAN.to_string())).unwrap_or_else(|error| panic!("{error}: {sql}"));
    }
    all.commit().unwrap();
}

/// Adds interactions that come before all others, each of so many bytes.
pub(crate) fn fatten(archive: &Path, rows: i64, bytes: i64) {
    let sql = "WITH n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
               INSERT INTO interaction SELECT n, 0, 1, hex(randomblob(16)), n, 'blog', 0,
                                              json_object('text', hex(randomblob(?2 / 2 + n % 100))) FROM n";
    Connection::open(archive).unwrap().execute(sql, (rows, bytes)).unwrap();
}

/// An archive of these migrations, without a row.
fn empty(path: &Path, migrations: &[&str]) -> Connection {
    let mut db = Connection::open(path).unwrap();
    db.pragma_update(None, "page_size", 32 * 1024).unwrap();
    db.pragma_update(None, "auto_vacuum", "INCREMENTAL").unwrap();
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    let names = ["V1__archive", "V2__backfill", "V3__retention", "V4__combined", "V5__zones"];
    let migrations: Vec<Migration> =
        names.iter().zip(migrations).map(|(name, sql)| Migration::unapplied(name, sql).unwrap()).collect();
    Runner::new(&migrations).set_grouped(true).run(&mut db).unwrap();
    db
}

fn rows(db: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut statement = db.prepare(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect();
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

fn schema(db: &Connection) -> Vec<Vec<Value>> {
    rows(db, "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY name")
}

/// Whether every row that was there `before` is there.
pub(crate) fn holds(archive: &Path, before: &[Vec<Vec<Value>>]) -> bool {
    let after = kept(archive);
    before.iter().zip(&after).all(|(before, after)| before.iter().all(|row| after.contains(row)))
}

/// Everything that must be there whatever happens.
pub(crate) fn kept(archive: &Path) -> Vec<Vec<Vec<Value>>> {
    let db = Connection::open(archive).unwrap();
    KEPT.iter().map(|sql| rows(&db, sql)).collect()
}

/// The version, after a look at the whole file: the schema is that of this version to the letter, and all is sound.
pub(crate) fn version(archive: &Path) -> i64 {
    let db = Connection::open(archive).unwrap();
    let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let migrations = [FIRST, SECOND, THIRD, FOURTH, FIFTH];
    let count = usize::try_from(version).unwrap();
    let fresh = empty(&folder.path().join("fresh.db"), migrations.get(..count).unwrap());
    assert_eq!(schema(&db), schema(&fresh), "version {version}");
    let applied = rows(&db, "SELECT count(*) FROM refinery_schema_history");
    assert_eq!(applied, [[Value::Integer(version)]]);
    let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    version
}
