//! Where the next row goes, and how many rows each stream has.
//!
//! Rows are put into buckets of 16,384 in the order of their arrival. A full bucket is counted once, per stream and
//! per stream and hour; the views add the rows of the bucket that is being filled.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::trouble::Trouble;
use crate::record::StreamId;
use crate::time::Time;

/// Rows in a bucket; so few under test that a short test fills many.
pub(super) const BUCKET_ROWS: u32 = if cfg!(test) { 8 } else { 16 * 1024 };

/// An hour in microseconds, as in the `hours` view.
const HOUR: i64 = 3_600_000_000;

/// The end of the table of interactions.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    bucket: i64,
    filled: u32,
    /// The key of the last row that this process wrote.
    last: i64,
    /// Rows of the bucket that this process wrote, in the order of their keys. Whatever is not known here is looked up when
    /// the bucket is full; a look at each row would be a page read for each.
    wrote: Vec<Sealed>,
    /// Whether these are exactly the rows of the bucket.
    is_all: bool,
}

impl Tally {
    pub(super) fn load(db: &Connection) -> Result<Self, Trouble> {
        let bucket = db.query_row("SELECT value FROM meta WHERE name = 'bucket'", [], |row| row.get(0))?;
        let filled = db.query_row("SELECT count(*) FROM interaction WHERE bucket = ?1", [bucket], |row| row.get(0))?;
        Ok(Self { bucket, filled, last: i64::MIN, wrote: Vec::new(), is_all: filled == 0 })
    }

    pub(super) const fn bucket(&self) -> i64 {
        self.bucket
    }

    /// The key for a row that arrived at `received`: that moment, or the next that is free.
    pub(super) fn key(&self, received: Time) -> i64 {
        received.micros().max(self.last.saturating_add(1))
    }

    /// A row was written under `key`, with a payload of so many bytes.
    pub(super) fn wrote(&mut self, db: &Connection, key: i64, stream: StreamId, bytes: usize) -> Result<(), Trouble> {
        self.last = key;
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.wrote.push(Sealed { stream: stream.0, received: key, bytes });
        self.filled = self.filled.saturating_add(1);
        if self.filled >= BUCKET_ROWS { self.seal(db) } else { Ok(()) }
    }

    /// Rows of the bucket may have gone.
    pub(super) fn lost_some(&mut self) {
        self.is_all = false;
    }

    /// Payloads of rows have changed: their sizes are no longer known.
    pub(super) fn forget_sizes(&mut self) {
        self.wrote.clear();
        self.is_all = false;
    }

    /// Counts the full bucket and begins the next.
    fn seal(&mut self, db: &Connection) -> Result<(), Trouble> {
        let mut run: Option<Run> = None;
        let rows = if self.is_all { self.in_order() } else { self.rows(db)? };
        for Sealed { stream, received, bytes } in rows {
            let hour = hour_of(received);
            match &mut run {
                Some(run) if (run.stream, run.hour) == (stream, hour) => {
                    run.rows += 1;
                    run.bytes += bytes;
                    run.last = received;
                }
                _ => {
                    if let Some(full) = run.replace(Run { stream, hour, rows: 1, bytes, last: received }) {
                        full.add(db)?;
                    }
                }
            }
        }
        if let Some(full) = run {
            full.add(db)?;
        }
        self.bucket += 1;
        self.filled = 0;
        self.wrote.clear();
        self.is_all = true;
        db.prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'bucket'")?.execute([self.bucket])?;
        Ok(())
    }

    /// What this process wrote, by stream and time.
    fn in_order(&mut self) -> Vec<Sealed> {
        let mut rows = std::mem::take(&mut self.wrote);
        rows.sort_unstable_by_key(|row| (row.stream, row.received));
        rows
    }

    /// The rows of the bucket in the order of its index, so that those of a stream and of an hour follow one another.
    fn rows(&self, db: &Connection) -> Result<Vec<Sealed>, Trouble> {
        let mut unknown = Vec::new();
        let mut rows: Vec<Sealed> = Vec::new();
        // The index has all that is asked for.
        let sql = "SELECT stream, received FROM interaction WHERE bucket = ?1 ORDER BY stream, received";
        let mut index = db.prepare_cached(sql)?;
        let mut index = index.query([self.bucket])?;
        while let Some(row) = index.next()? {
            let (stream, received) = (row.get(0)?, row.get(1)?);
            let bytes = self.size(received);
            if bytes.is_none() {
                unknown.push((received, rows.len()));
            }
            rows.push(Sealed { stream, received, bytes: bytes.unwrap_or_default() });
        }
        // In the order of the table, whose pages hold a dozen rows each.
        unknown.sort_unstable();
        let mut look = db.prepare_cached("SELECT octet_length(payload) FROM interaction WHERE received = ?1")?;
        for (received, place) in unknown {
            if let Some(row) = rows.get_mut(place) {
                row.bytes = look.query_row([received], |row| row.get(0))?;
            }
        }
        Ok(rows)
    }

    /// The bytes of a row that this process wrote.
    fn size(&self, key: i64) -> Option<i64> {
        let place = self.wrote.binary_search_by_key(&key, |row| row.received).ok()?;
        self.wrote.get(place).map(|row| row.bytes)
    }
}

/// A row of a bucket.
#[derive(Clone, Debug)]
struct Sealed {
    stream: u32,
    received: i64,
    /// Of its payload.
    bytes: i64,
}

/// Rows of one stream and hour in one bucket.
struct Run {
    stream: u32,
    hour: i64,
    rows: i64,
    bytes: i64,
    last: i64,
}

impl Run {
    /// Nearly always there is a row to change: an insertion that gives way to a change would look for it twice.
    fn add(&self, db: &Connection) -> Result<(), Trouble> {
        let values = params![self.stream, self.rows, self.last, self.bytes];
        let change = "UPDATE tally SET interactions = interactions + ?2, last = max(last, ?3), bytes = bytes + ?4
                       WHERE stream = ?1";
        if db.prepare_cached(change)?.execute(values)? == 0 {
            let insert = "INSERT INTO tally (stream, interactions, last, bytes) VALUES (?1, ?2, ?3, ?4)";
            db.prepare_cached(insert)?.execute(values)?;
        }
        let values = params![self.hour, self.stream, self.rows];
        let change = "UPDATE tally_hour SET interactions = interactions + ?3 WHERE hour = ?1 AND stream = ?2";
        if db.prepare_cached(change)?.execute(values)? == 0 {
            let insert = "INSERT INTO tally_hour (hour, stream, interactions) VALUES (?1, ?2, ?3)";
            db.prepare_cached(insert)?.execute(values)?;
        }
        Ok(())
    }
}

const fn hour_of(received: i64) -> i64 {
    received.div_euclid(HOUR).saturating_mul(HOUR)
}

/// Rows of full buckets that were removed: how many, and the bytes of their payloads, by stream and hour.
#[derive(Debug, Default)]
pub(super) struct Hours(HashMap<(u32, i64), (i64, i64)>);

impl Hours {
    pub(super) fn add(&mut self, stream: u32, received: i64, bytes: i64) {
        let (rows, sum) = self.0.entry((stream, hour_of(received))).or_default();
        *rows += 1;
        *sum += bytes;
    }
}

/// They are no longer counted.
pub(super) fn uncount_hours(db: &Connection, gone: &Hours) -> Result<(), Trouble> {
    let mut less = db.prepare_cached(
        "UPDATE tally SET interactions = interactions - ?2, bytes = max(bytes - ?3, 0) WHERE stream = ?1",
    )?;
    let mut none = db.prepare_cached("DELETE FROM tally WHERE stream = ?1 AND interactions <= 0")?;
    let mut hour_less =
        db.prepare_cached("UPDATE tally_hour SET interactions = interactions - ?3 WHERE hour = ?1 AND stream = ?2")?;
    let mut hour_none =
        db.prepare_cached("DELETE FROM tally_hour WHERE hour = ?1 AND stream = ?2 AND interactions <= 0")?;
    for ((stream, hour), (rows, bytes)) in &gone.0 {
        less.execute(params![stream, rows, bytes])?;
        none.execute([stream])?;
        hour_less.execute(params![hour, stream, rows])?;
        hour_none.execute(params![hour, stream])?;
    }
    Ok(())
}

/// A row of a full bucket was deleted: it is no longer counted.
pub(super) fn uncount(
    db: &Connection,
    stream: StreamId,
    received: i64,
    bytes: i64,
    filling: i64,
) -> Result<(), Trouble> {
    let mut gone = Hours::default();
    gone.add(stream.0, received, bytes);
    uncount_hours(db, &gone)?;
    db.prepare_cached(
        "UPDATE tally SET last = coalesce((SELECT max(received) FROM interaction
                                            WHERE bucket < ?3 AND stream = ?1), last)
          WHERE stream = ?1 AND last = ?2",
    )?
    .execute(params![stream.0, received, filling])?;
    Ok(())
}
