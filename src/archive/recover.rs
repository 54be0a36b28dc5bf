//! What a start finds of an end without order: claims are cut back to what is proven, and the rest becomes a gap.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::ledger::{Ledger, Running, proven};
use super::open::{Crashed, Recovery};
use super::retract::retract;
use super::trouble::Trouble;
use crate::coverage::Cause;
use crate::limits::QUARANTINED_WEIGHT;
use crate::record::{ConnectionId, StreamId};
use crate::time::Time;

/// Puts the tail of every cover that still runs into a gap, closes connections that nobody closed, and mends histories
/// that end in nothing. Everything in the transaction that is open on `db`.
pub(super) fn recover(db: &Connection, ledger: &mut Ledger, now: Time) -> Result<Recovery, Trouble> {
    let mut crashed: Option<Crashed> = None;
    let mut found = |since: Time| {
        let before = crashed.unwrap_or(Crashed { streams: 0, since });
        crashed = Some(Crashed { streams: before.streams + 1, since: before.since.min(since) });
    };
    let mut ends: HashMap<ConnectionId, Time> = HashMap::new();
    let covers: Vec<_> = ledger.streams().collect();
    for (stream, running) in covers {
        let Running::Cover { connection, began } = running else { continue };
        let end = match ends.get(&connection) {
            Some(end) => *end,
            None => *ends.entry(connection).or_insert(proven(db, connection)?),
        };
        ledger.gap(db, stream, end, Cause::Crash, None)?;
        found(end.max(began));
    }
    for (stream, end) in endless(db, ledger)? {
        ledger.mend(db, stream, end)?;
        found(end);
    }
    db.execute("UPDATE connection SET closed = covered, closed_because = 'crash' WHERE closed IS NULL", [])?;
    let clock_behind = last_moment(db)?.filter(|last| *last > now).map(|last| last.since(now));
    if clock_behind.is_some() {
        retract(db, ledger, now)?;
    }
    Ok(Recovery {
        connection: ConnectionId(db.query_row("SELECT coalesce(max(id), 0) FROM connection", [], |row| row.get(0))?),
        crashed,
        quarantine_bytes: quarantined(db)?,
        clock_behind,
        upgraded: None,
    })
}

/// Wanted streams that have a history in which nothing runs, and where it ends. Gaps of a stream do not overlap, so the one
/// that began last ended last; to look at all that there ever were would take seconds after years.
fn endless(db: &Connection, ledger: &Ledger) -> Result<Vec<(StreamId, Time)>, Trouble> {
    let mut statement = db.prepare(
        "SELECT id, max(began, coalesce(covered, began),
                    coalesce((SELECT ended FROM gap WHERE gap.stream = stream.id AND ended IS NOT NULL
                               ORDER BY started DESC, ended DESC LIMIT 1), began))
           FROM stream WHERE state <> 'retired' AND began IS NOT NULL",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let stream = StreamId(row.get(0)?);
        if matches!(ledger.running(stream)?, Running::Nothing { .. }) {
            found.push((stream, Time::from_micros(row.get(1)?)));
        }
    }
    Ok(found)
}

/// The last moment that the archive knows of.
fn last_moment(db: &Connection) -> Result<Option<Time>, Trouble> {
    let last = db.query_row(
        "SELECT max(at) FROM (SELECT max(received) AS at FROM interaction
                              UNION ALL SELECT told FROM state
                              UNION ALL SELECT max(covered, coalesce(closed, covered)) FROM connection
                                         WHERE id = (SELECT max(id) FROM connection))",
        params![],
        |row| row.get::<_, Option<i64>>(0),
    )?;
    Ok(last.map(Time::from_micros))
}

/// What the quarantine holds: bytes, and a weight a frame. The table is bounded by a setting.
fn quarantined(db: &Connection) -> Result<u64, Trouble> {
    let weight = i64::try_from(QUARANTINED_WEIGHT).unwrap_or(i64::MAX);
    let sum: Option<i64> =
        db.query_row("SELECT sum(length(frame) + ?1) FROM quarantined", [weight], |row| row.get(0))?;
    Ok(sum.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0))
}
