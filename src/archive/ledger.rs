//! The books of coverage: for every wanted stream one running cover or one open gap, from its first word on.
//!
//! Covers and gaps of a stream follow one another without a hole and without an overlap. What runs is mirrored in
//! memory, so that 5,000 acknowledgements need no look at the file; after a commit that failed the mirror is made
//! anew from the file.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::trouble::Trouble;
use crate::coverage::Cause;
use crate::record::{ConnectionId, StreamId};
use crate::time::Time;

/// What runs for a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Running {
    /// Wanted since then, and nothing is written yet.
    Nothing {
        wanted: Time,
    },
    Cover {
        connection: ConnectionId,
        began: Time,
    },
    Gap {
        id: i64,
        started: Time,
        cause: Cause,
    },
    /// No longer wanted.
    Retired,
}

/// What runs, by stream.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Ledger {
    running: HashMap<StreamId, Running>,
}

impl Ledger {
    /// Reads what runs from the file.
    pub(super) fn load(db: &Connection) -> Result<Self, Trouble> {
        let mut running = HashMap::new();
        let mut statement = db.prepare(
            "SELECT s.id, s.state, s.wanted, c.connection, c.began, g.id, g.started, g.cause
               FROM stream s
               LEFT JOIN cover c ON c.stream = s.id AND c.ended IS NULL
               LEFT JOIN gap g ON g.stream = s.id AND g.ended IS NULL",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let stream = StreamId(row.get(0)?);
            let cover = row.get::<_, Option<i64>>(3)?.zip(row.get::<_, Option<i64>>(4)?);
            let gap = row.get::<_, Option<i64>>(5)?.zip(row.get::<_, Option<i64>>(6)?);
            let runs = match (cover, gap) {
                (Some((connection, began)), _) => {
                    Running::Cover { connection: ConnectionId(connection), began: Time::from_micros(began) }
                }
                (None, Some((id, started))) => {
                    let word: String = row.get(7)?;
                    let cause = Cause::of_word(&word)
                        .ok_or_else(|| Trouble::Damaged(format!("a gap has the cause {word:?}")))?;
                    Running::Gap { id, started: Time::from_micros(started), cause }
                }
                (None, None) if row.get_ref(1)?.as_str().is_ok_and(|state| state == "retired") => Running::Retired,
                (None, None) => Running::Nothing { wanted: Time::from_micros(row.get(2)?) },
            };
            running.insert(stream, runs);
        }
        Ok(Self { running })
    }

    /// What runs for a stream; an unknown one is a fault of ours.
    pub(super) fn running(&self, stream: StreamId) -> Result<Running, Trouble> {
        self.running.get(&stream).copied().ok_or_else(|| Trouble::Broken(format!("no stream has number {}", stream.0)))
    }

    pub(super) fn streams(&self) -> impl Iterator<Item = (StreamId, Running)> {
        self.running.iter().map(|(stream, running)| (*stream, *running))
    }

    /// A stream is wanted from now on, or again.
    pub(super) fn want(&mut self, stream: StreamId, wanted: Time) {
        self.running.insert(stream, Running::Nothing { wanted });
    }

    /// Coverage begins on a connection at `from`, and the open gap ends. A history that begins within `starting`
    /// begins there; a later one with a gap.
    pub(super) fn covered(
        &mut self,
        db: &Connection,
        stream: StreamId,
        connection: ConnectionId,
        from: Time,
        starting: Duration,
    ) -> Result<(), Trouble> {
        let began = match self.running(stream)? {
            Running::Retired => return Ok(()),
            Running::Cover { connection: same, .. } if same == connection => return Ok(()),
            Running::Cover { connection: before, .. } => {
                self.gap(db, stream, proven(db, before)?, Cause::Network, None)?;
                return self.covered(db, stream, connection, from, starting);
            }
            Running::Nothing { wanted } if from.since(wanted) > starting => {
                self.gap(db, stream, wanted, Cause::Starting, None)?;
                return self.covered(db, stream, connection, from, starting);
            }
            Running::Nothing { wanted } => {
                let began = from.max(wanted);
                begin_history(db, stream, began)?;
                began
            }
            Running::Gap { id, started, .. } => {
                let ended = from.max(started);
                close_gap(db, id, ended)?;
                ended
            }
        };
        db.prepare_cached("INSERT INTO cover (connection, stream, began) VALUES (?1, ?2, ?3)")?.execute(params![
            connection.0,
            stream.0,
            began.micros()
        ])?;
        self.running.insert(stream, Running::Cover { connection, began });
        Ok(())
    }

    /// From `from` on nothing is proven: what runs ends there, and a gap of this cause begins. A history begins with
    /// its first gap where the stream became wanted.
    pub(super) fn gap(
        &mut self,
        db: &Connection,
        stream: StreamId,
        from: Time,
        cause: Cause,
        detail: Option<&str>,
    ) -> Result<(), Trouble> {
        // Only what has no length before `start` can leave it touching an earlier gap.
        let (start, touches) = match self.running(stream)? {
            Running::Retired => return Ok(()),
            Running::Gap { id, cause: same, .. } if same == cause => {
                return if detail.is_some() { tell(db, id, detail) } else { Ok(()) };
            }
            Running::Nothing { wanted } => {
                begin_history(db, stream, wanted)?;
                (wanted, true)
            }
            Running::Cover { connection, began } => end_cover(db, stream, connection, began, from)?,
            Running::Gap { id, started, .. } if from <= started => {
                db.prepare_cached("DELETE FROM gap WHERE id = ?1")?.execute([id])?;
                (started, true)
            }
            Running::Gap { id, .. } => {
                close_gap(db, id, from)?;
                (from, false)
            }
        };
        let earlier = if touches { reopen_gap(db, stream, start, cause, detail)? } else { None };
        let (id, started) = match earlier {
            Some(grown) => grown,
            None => (open_gap(db, stream, start, cause, detail)?, start),
        };
        self.running.insert(stream, Running::Gap { id, started, cause });
        Ok(())
    }

    /// A history that ended at `end` although nothing says so goes on as a gap with cause `crash`.
    pub(super) fn mend(&mut self, db: &Connection, stream: StreamId, end: Time) -> Result<(), Trouble> {
        let (id, started) = match reopen_gap(db, stream, end, Cause::Crash, None)? {
            Some(grown) => grown,
            None => (open_gap(db, stream, end, Cause::Crash, None)?, end),
        };
        self.running.insert(stream, Running::Gap { id, started, cause: Cause::Crash });
        Ok(())
    }

    /// A stream is no longer wanted: its coverage ends at `proven`, its open gap at `at`. What the server had produced
    /// by then and not yet delivered is no longer taken in: a gap that ends with the stream.
    pub(super) fn retired(&mut self, db: &Connection, stream: StreamId, at: Time, proven: Time) -> Result<(), Trouble> {
        match self.running(stream)? {
            Running::Retired => return Ok(()),
            Running::Nothing { .. } => {}
            Running::Cover { connection, began } => {
                let (ended, _) = end_cover(db, stream, connection, began, proven.min(at))?;
                if ended < at {
                    let id = open_gap(db, stream, ended, Cause::Shutdown, Some(REMOVED))?;
                    close_gap(db, id, at)?;
                }
            }
            Running::Gap { id, started, .. } => close_gap(db, id, at.max(started))?,
        }
        db.prepare_cached("UPDATE stream SET state = 'retired', reason = NULL, retired = ?2 WHERE id = ?1")?
            .execute(params![stream.0, at.micros()])?;
        self.running.insert(stream, Running::Retired);
        Ok(())
    }
}

/// What the last gap of a stream says that was taken out of the settings.
const REMOVED: &str = "taken out of the settings";

/// The moment up to which a connection's claims stand.
pub(super) fn proven(db: &Connection, connection: ConnectionId) -> Result<Time, Trouble> {
    let proven = db
        .prepare_cached("SELECT proven FROM connection WHERE id = ?1")?
        .query_row([connection.0], |row| row.get(0))?;
    Ok(Time::from_micros(proven))
}

fn begin_history(db: &Connection, stream: StreamId, began: Time) -> Result<(), Trouble> {
    db.prepare_cached("UPDATE stream SET began = ?2 WHERE id = ?1")?.execute(params![stream.0, began.micros()])?;
    Ok(())
}

/// Ends a running cover at `from`; one that would have no length goes. Says where what follows begins, and whether
/// that may touch an earlier gap.
fn end_cover(
    db: &Connection,
    stream: StreamId,
    connection: ConnectionId,
    began: Time,
    from: Time,
) -> Result<(Time, bool), Trouble> {
    let key = (connection.0, stream.0, began.micros());
    if from <= began {
        db.prepare_cached("DELETE FROM cover WHERE connection = ?1 AND stream = ?2 AND began = ?3")?.execute(key)?;
        return Ok((began, true));
    }
    db.prepare_cached("UPDATE cover SET ended = ?4 WHERE connection = ?1 AND stream = ?2 AND began = ?3")?
        .execute(params![key.0, key.1, key.2, from.micros()])?;
    db.prepare_cached("UPDATE stream SET covered = ?2 WHERE id = ?1")?.execute(params![stream.0, from.micros()])?;
    Ok((from, false))
}

fn close_gap(db: &Connection, id: i64, ended: Time) -> Result<(), Trouble> {
    db.prepare_cached("UPDATE gap SET ended = ?2, state = 'closed' WHERE id = ?1")?
        .execute(params![id, ended.micros()])?;
    Ok(())
}

fn open_gap(
    db: &Connection,
    stream: StreamId,
    started: Time,
    cause: Cause,
    detail: Option<&str>,
) -> Result<i64, Trouble> {
    db.prepare_cached("INSERT INTO gap (stream, started, cause, state, detail) VALUES (?1, ?2, ?3, 'open', ?4)")?
        .execute(params![stream.0, started.micros(), cause.word(), detail])?;
    Ok(db.last_insert_rowid())
}

/// Lets an earlier gap of the same cause that ended at `start` grow on. One that a backfill has taken up stays closed.
fn reopen_gap(
    db: &Connection,
    stream: StreamId,
    start: Time,
    cause: Cause,
    detail: Option<&str>,
) -> Result<Option<(i64, Time)>, Trouble> {
    let touching = db
        .prepare_cached(
            "SELECT id, started, ended = ?2 AND cause = ?3 AND state = 'closed'
               FROM gap WHERE stream = ?1 ORDER BY started DESC, id DESC LIMIT 1",
        )?
        .query_row(params![stream.0, start.micros(), cause.word()], |row| Ok((row.get(2)?, row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((true, id, started)) = touching else { return Ok(None) };
    db.prepare_cached("UPDATE gap SET ended = NULL, state = 'open', detail = coalesce(?2, detail) WHERE id = ?1")?
        .execute(params![id, detail])?;
    Ok(Some((id, Time::from_micros(started))))
}

fn tell(db: &Connection, id: i64, detail: Option<&str>) -> Result<(), Trouble> {
    db.prepare_cached("UPDATE gap SET detail = ?2 WHERE id = ?1")?.execute(params![id, detail])?;
    Ok(())
}
