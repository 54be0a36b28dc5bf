//! Which streams are wanted, and since when.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::ledger::{Ledger, Running};
use super::open::{Standing, StreamStart, Wanted};
use super::trouble::Trouble;
use crate::record::StreamId;
use crate::time::{Time, micros_of};

/// A stream as it was before it was adopted.
struct Known {
    id: StreamId,
    retired: bool,
    wanted: Time,
}

/// At a start: exactly these streams are wanted, and none is acknowledged. Others are retired.
pub(super) fn exactly(
    db: &Connection,
    ledger: &mut Ledger,
    wanted: &[Wanted],
    now: Time,
) -> Result<Vec<StreamStart>, Trouble> {
    let mut starts = Vec::with_capacity(wanted.len());
    for entry in wanted {
        starts.push(match known(db, entry)? {
            Some(stream) if !stream.retired => {
                db.prepare_cached("UPDATE stream SET label = ?2, state = 'wanted', reason = NULL WHERE id = ?1")?
                    .execute(params![stream.id.0, entry.label])?;
                keep(db, stream.id, entry)?;
                start(ledger, entry, stream.id, stream.wanted)?
            }
            before => begin(db, ledger, entry, before, now)?,
        });
    }
    let kept: HashSet<StreamId> = starts.iter().map(|stream| stream.id).collect();
    let gone: Vec<StreamId> =
        ledger.streams().map(|(stream, _)| stream).filter(|stream| !kept.contains(stream)).collect();
    for stream in gone {
        ledger.retired(db, stream, now, now)?;
    }
    Ok(starts)
}

/// While running: these streams are wanted too. Answers with those that were not.
pub(super) fn also(
    db: &Connection,
    ledger: &mut Ledger,
    added: &[Wanted],
    now: Time,
) -> Result<Vec<StreamStart>, Trouble> {
    let mut starts = Vec::new();
    for entry in added {
        match known(db, entry)? {
            Some(stream) if !stream.retired => {
                db.prepare_cached("UPDATE stream SET label = ?2 WHERE id = ?1")?
                    .execute(params![stream.id.0, entry.label])?;
                keep(db, stream.id, entry)?;
            }
            before => starts.push(begin(db, ledger, entry, before, now)?),
        }
    }
    Ok(starts)
}

fn known(db: &Connection, entry: &Wanted) -> Result<Option<Known>, Trouble> {
    let known = db
        .prepare_cached("SELECT id, state = 'retired', wanted FROM stream WHERE name = ?1")?
        .query_row([&entry.name], |row| {
            Ok(Known { id: StreamId(row.get(0)?), retired: row.get(1)?, wanted: Time::from_micros(row.get(2)?) })
        })
        .optional()?;
    Ok(known)
}

/// A stream is wanted for the first time, or again.
fn begin(
    db: &Connection,
    ledger: &mut Ledger,
    entry: &Wanted,
    before: Option<Known>,
    now: Time,
) -> Result<StreamStart, Trouble> {
    let id = if let Some(stream) = before {
        db.prepare_cached(
            "UPDATE stream SET label = ?2, state = 'wanted', reason = NULL, wanted = ?3, began = NULL, retired = NULL
              WHERE id = ?1",
        )?
        .execute(params![stream.id.0, entry.label, now.micros()])?;
        stream.id
    } else {
        let id = db
            .prepare_cached(
                "INSERT INTO stream (name, label, state, wanted) VALUES (?1, ?2, 'wanted', ?3) RETURNING id",
            )?
            .query_row(params![entry.name, entry.label, now.micros()], |row| row.get(0))?;
        StreamId(id)
    };
    keep(db, id, entry)?;
    ledger.want(id, now);
    start(ledger, entry, id, now)
}

/// Renews a stream's own limits. What the limit of all has removed stays removed when the stream gets its own.
fn keep(db: &Connection, stream: StreamId, entry: &Wanted) -> Result<(), Trouble> {
    let age = entry.keep.max_age.map(micros_of);
    let size = entry.keep.max_size.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    db.prepare_cached(
        "UPDATE stream
            SET pruned = CASE WHEN max_age IS NULL AND ?2 IS NOT NULL
                              THEN max(pruned, (SELECT value FROM meta WHERE name = 'pruned_by_age')) ELSE pruned END,
                max_age = ?2, max_size = ?3
          WHERE id = ?1 AND (max_age IS NOT ?2 OR max_size IS NOT ?3)",
    )?
    .execute(params![stream.0, age, size])?;
    Ok(())
}

fn start(ledger: &Ledger, entry: &Wanted, id: StreamId, wanted: Time) -> Result<StreamStart, Trouble> {
    let standing = match ledger.running(id)? {
        Running::Nothing { .. } => Standing::New,
        Running::Gap { cause, .. } => Standing::Gap(cause),
        Running::Cover { .. } | Running::Retired => {
            return Err(Trouble::Broken(format!("stream {} is covered before it is asked for", entry.name)));
        }
    };
    Ok(StreamStart { id, name: entry.name.clone(), label: entry.label.clone(), wanted, standing })
}
