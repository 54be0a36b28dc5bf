//! A clock that was set back: by it, what is written of later moments has not happened yet, so no claim of them stands.

use rusqlite::{Connection, params};

use super::ledger::Ledger;
use super::trouble::Trouble;
use crate::time::Time;

/// Takes every claim back that reaches beyond `now`, and further if the server's clock said that ours was ahead: then
/// the last proven moment is that much earlier by a clock that is right again. Open gaps begin there at the latest.
/// Without this, every gap would be swallowed by old coverage until the clock has caught up with it. Gaps that have
/// ended stay as they are.
pub(super) fn retract(db: &Connection, ledger: &mut Ledger, now: Time) -> Result<(), Trouble> {
    let stands: i64 = db.query_row(
        "SELECT coalesce(min(?1, (SELECT proven FROM connection ORDER BY id DESC LIMIT 1)
                                 + min(coalesce((SELECT clock_offset FROM state), 0), 0)), ?1)",
        [now.micros()],
        |row| row.get(0),
    )?;
    db.execute("DELETE FROM cover WHERE began >= ?1", [stands])?;
    db.execute("UPDATE cover SET ended = ?1 WHERE ended > ?1", [stands])?;
    db.execute("UPDATE gap SET started = ?1 WHERE ended IS NULL AND started > ?1", [stands])?;
    db.execute(
        "UPDATE stream SET wanted = min(wanted, ?2), began = min(began, ?1), covered = min(covered, ?1),
                           retired = min(retired, ?2)",
        params![stands, now.micros()],
    )?;
    *ledger = Ledger::load(db)?;
    Ok(())
}
