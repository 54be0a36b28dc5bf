//! Removes the oldest rows in small steps, and writes down from when on all of them are there.
//!
//! Each step is a transaction of its own, between two commits of the live stream. What it removes and the moment before
//! which nothing is left move together, so that no coverage ever claims what is gone.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use rusqlite::{Connection, params};

use super::commit::Books;
use super::open::Keep;
use super::schema::PAGE;
use super::tally::{Hours, uncount_hours};
use super::trouble::Trouble;
use crate::time::Time;

/// What arrived within this time is never removed for its size: a limit that is too small must not empty the archive.
const FLOOR: Duration = Duration::from_hours(1);

/// Places that one step looks at beyond the rows that it removes.
const SEEKS_MAX: usize = 1_000;

/// Unused pages that the file keeps: one part in so many of it, and at least so many bytes. New rows take them.
const SPARE_PART: u64 = 16;
const SPARE_BYTES: u64 = 64 * 1024 * 1024;

/// Notices removed in one step.
const NOTICES_STEP: i64 = 500;

/// Gives 2 MiB back to the file system: 64 pages.
const GIVE_BACK: &str = "PRAGMA incremental_vacuum(64)";

/// How far a round has come. Rows that are kept longer than others are passed over once, not in every round.
#[derive(Debug, Default)]
pub(super) struct Pruning {
    stage: Stage,
    /// Everything before it that has no limit of its own is gone.
    aged: Option<i64>,
    /// The first bucket that may hold rows of a stream.
    buckets: HashMap<u32, i64>,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Size,
    Age,
    Own(Option<VecDeque<Own>>),
    Space,
}

/// A stream with limits of its own.
#[derive(Debug)]
struct Own {
    stream: u32,
    /// What arrived before goes.
    before: i64,
    /// Bytes that are too many.
    excess: i64,
}

/// What a step removed, and whether the round has come to its end.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Step {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// Something is gone from before this moment.
    pub(super) before: Option<Time>,
    pub(super) over: bool,
    /// The newest hour alone is larger than the archive may be.
    pub(super) too_small: bool,
}

/// A row that goes.
struct Row {
    received: i64,
    stream: u32,
    bucket: i64,
    bytes: i64,
}

impl Books {
    /// One step: `rows` rows at most.
    pub(super) fn prune(&mut self, db: &Connection, keep: Keep, rows: usize, now: Time) -> Result<Step, Trouble> {
        let filling = self.filling();
        let (step, hours) = (Step::default(), Hours::default());
        let mut cut = Cut { db, filling, from_filling: false, left: rows.max(1), step, hours };
        self.pruning.step(&mut cut, keep, now)?;
        if cut.from_filling {
            self.lost_some();
        }
        uncount_hours(db, &cut.hours)?;
        if cut.step.rows > 0 {
            self.zones.drop_gone(db)?;
        }
        Ok(cut.step)
    }
}

impl Pruning {
    /// Limits have changed: everything is looked at again.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Goes on until something was removed, or to the end of the round.
    fn step(&mut self, cut: &mut Cut<'_>, keep: Keep, now: Time) -> Result<(), Trouble> {
        loop {
            let (stage, over) = match std::mem::take(&mut self.stage) {
                Stage::Size if Self::by_size(cut, keep, now)? => (Stage::Age, true),
                Stage::Size => (Stage::Size, false),
                Stage::Age if self.by_age(cut, keep, now)? => (Stage::Own(None), true),
                Stage::Age => (Stage::Age, false),
                Stage::Own(own) => {
                    let mut own = own.map_or_else(|| limited(cut.db, now), Ok)?;
                    let over = self.by_stream(cut, &mut own, now)?;
                    (if over { Stage::Space } else { Stage::Own(Some(own)) }, over)
                }
                Stage::Space => {
                    cut.step.over = give_back(cut.db)?;
                    (if cut.step.over { Stage::Size } else { Stage::Space }, false)
                }
            };
            self.stage = stage;
            if !over || cut.step.rows > 0 {
                return Ok(());
            }
        }
    }

    /// The oldest rows of all, until the file uses no more than it may. True when there is nothing to do.
    fn by_size(cut: &mut Cut<'_>, keep: Keep, now: Time) -> Result<bool, Trouble> {
        let Some(most) = keep.max_size else { return Ok(true) };
        let mut excess = used(cut.db)?.saturating_sub(most);
        if excess == 0 {
            return Ok(true);
        }
        let rows = oldest(cut.db, i64::MIN, now.before(FLOOR).micros(), cut.left)?;
        cut.step.too_small = rows.is_empty();
        for (row, _) in &rows {
            cut.remove(row)?;
            excess = excess.saturating_sub(u64::try_from(row.bytes).unwrap_or(0));
            if excess == 0 {
                break;
            }
        }
        if let Some(before) = cut.step.before {
            mark(cut.db, "pruned", before.micros())?;
        }
        Ok(rows.is_empty())
    }

    /// What is older than anything may be, but for streams that say so themselves. True when nothing is left.
    fn by_age(&mut self, cut: &mut Cut<'_>, keep: Keep, now: Time) -> Result<bool, Trouble> {
        let Some(most) = keep.max_age else { return Ok(true) };
        let before = now.before(most).micros();
        let limit = cut.left;
        let rows = oldest(cut.db, self.aged.unwrap_or(i64::MIN), before, limit)?;
        for (row, _) in rows.iter().filter(|(_, own)| !own) {
            cut.remove(row)?;
        }
        let over = rows.len() < limit;
        let reached = match rows.last() {
            Some((last, _)) if !over => last.received.saturating_add(1),
            Some(_) | None => before,
        };
        self.aged = Some(reached);
        mark(cut.db, "pruned_by_age", reached)?;
        Ok(over)
    }

    /// What is beyond a stream's own limits. True when no stream is left.
    fn by_stream(&mut self, cut: &mut Cut<'_>, own: &mut VecDeque<Own>, now: Time) -> Result<bool, Trouble> {
        let first: Option<i64> = cut.db.query_row("SELECT min(bucket) FROM interaction", [], |row| row.get(0))?;
        let first = first.unwrap_or(cut.filling);
        let mut seeks = SEEKS_MAX;
        while let Some(limits) = own.front_mut() {
            let bucket = self.buckets.entry(limits.stream).or_insert(first);
            *bucket = first.max(*bucket);
            if !cut.stream(limits, bucket, now.before(FLOOR).micros(), &mut seeks)? {
                return Ok(false);
            }
            own.pop_front();
        }
        Ok(true)
    }
}

/// A step while it is being made.
struct Cut<'c> {
    db: &'c Connection,
    /// The bucket that is being filled: its rows are not in the tallies.
    filling: i64,
    /// Rows of it were removed.
    from_filling: bool,
    left: usize,
    step: Step,
    hours: Hours,
}

impl Cut<'_> {
    fn remove(&mut self, row: &Row) -> Result<(), Trouble> {
        self.db.prepare_cached("DELETE FROM interaction WHERE received = ?1")?.execute([row.received])?;
        if row.bucket < self.filling {
            self.hours.add(row.stream, row.received, row.bytes);
        } else {
            self.from_filling = true;
        }
        self.left = self.left.saturating_sub(1);
        self.step.rows += 1;
        self.step.bytes += u64::try_from(row.bytes).unwrap_or(0);
        self.step.before = self.step.before.max(Some(Time::from_micros(row.received.saturating_add(1))));
        Ok(())
    }

    /// Goes on with one stream, from `bucket` on; true when nothing is left to remove of it.
    fn stream(&mut self, own: &mut Own, bucket: &mut i64, floor: i64, seeks: &mut usize) -> Result<bool, Trouble> {
        let mut gone = i64::MIN;
        let over = loop {
            if *bucket > self.filling {
                *bucket = self.filling;
                break true;
            }
            if *seeks == 0 || self.left == 0 {
                break false;
            }
            *seeks -= 1;
            let before = if own.excess > 0 && *bucket < self.filling { floor.max(own.before) } else { own.before };
            let (limit, mut kept) = (self.left, false);
            let rows = of_stream(self.db, *bucket, own.stream, before, limit)?;
            for row in &rows {
                kept = row.received >= own.before && own.excess <= 0;
                if kept {
                    break;
                }
                self.remove(row)?;
                own.excess = own.excess.saturating_sub(row.bytes);
                gone = gone.max(row.received.saturating_add(1));
            }
            if !kept && rows.len() == limit {
                break false;
            }
            let rest = "SELECT 1 FROM interaction WHERE bucket = ?1 AND stream = ?2 LIMIT 1";
            if kept || self.db.prepare_cached(rest)?.exists(params![*bucket, own.stream])? {
                break true;
            }
            *bucket += 1;
        };
        // Until the end is reached, only what was removed is said to be gone.
        let gone = if over { gone.max(own.before) } else { gone };
        self.db
            .prepare_cached("UPDATE stream SET pruned = ?2 WHERE id = ?1 AND pruned < ?2")?
            .execute(params![own.stream, gone])?;
        Ok(over)
    }
}

/// The streams with limits of their own, and what these mean now.
fn limited(db: &Connection, now: Time) -> Result<VecDeque<Own>, Trouble> {
    let mut streams = db.prepare_cached(
        "SELECT s.id, s.max_age, s.max_size, coalesce(t.bytes, 0) FROM stream s LEFT JOIN tally t ON t.stream = s.id
          WHERE s.max_age IS NOT NULL OR s.max_size IS NOT NULL",
    )?;
    let streams = streams.query_map([], |row| {
        let (age, size): (Option<i64>, Option<i64>) = (row.get(1)?, row.get(2)?);
        let bytes: i64 = row.get(3)?;
        Ok(Own {
            stream: row.get(0)?,
            before: age.map_or(i64::MIN, |age| now.micros().saturating_sub(age)),
            excess: size.map_or(0, |size| bytes.saturating_sub(size)),
        })
    })?;
    Ok(streams.collect::<Result<_, _>>()?)
}

/// The oldest rows from `from` on that arrived before `before`, and whether their stream has a limit of age of its own.
fn oldest(db: &Connection, from: i64, before: i64, limit: usize) -> Result<Vec<(Row, bool)>, Trouble> {
    // The length of a text is read without the text.
    let mut rows = db.prepare_cached(
        "SELECT i.received, i.stream, i.bucket, octet_length(i.payload), s.max_age IS NOT NULL
           FROM interaction i CROSS JOIN stream s ON s.id = i.stream
          WHERE i.received >= ?1 AND i.received < ?2 ORDER BY i.received LIMIT ?3",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = rows.query_map(params![from, before, limit], |row| {
        let found = Row { received: row.get(0)?, stream: row.get(1)?, bucket: row.get(2)?, bytes: row.get(3)? };
        Ok((found, row.get(4)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn of_stream(db: &Connection, bucket: i64, stream: u32, before: i64, limit: usize) -> Result<Vec<Row>, Trouble> {
    let mut rows = db.prepare_cached(
        "SELECT received, octet_length(payload) FROM interaction
          WHERE bucket = ?1 AND stream = ?2 AND received < ?3 ORDER BY received LIMIT ?4",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = rows.query_map(params![bucket, stream, before, limit], |row| {
        Ok(Row { received: row.get(0)?, stream, bucket, bytes: row.get(1)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Moves a mark on, in the transaction that removes the rows before it.
fn mark(db: &Connection, name: &str, before: i64) -> Result<(), Trouble> {
    db.prepare_cached("UPDATE meta SET value = ?2 WHERE name = ?1 AND value < ?2")?.execute(params![name, before])?;
    Ok(())
}

fn pages(db: &Connection) -> Result<(u64, u64), Trouble> {
    let all: u32 = db.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    let unused: u32 = db.query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
    Ok((all.into(), unused.into()))
}

/// Bytes of the file that hold something.
fn used(db: &Connection) -> Result<u64, Trouble> {
    let (all, unused) = pages(db)?;
    Ok(all.saturating_sub(unused).saturating_mul(PAGE))
}

/// Gives some of what is unused back to the file system; true when there is no more than new rows will soon need.
fn give_back(db: &Connection) -> Result<bool, Trouble> {
    let (all, unused) = pages(db)?;
    if unused <= (all / SPARE_PART).max(SPARE_BYTES / PAGE) {
        return Ok(true);
    }
    // SQLite gives one page back with each row that it is asked for.
    let mut statement = db.prepare_cached(GIVE_BACK)?;
    let mut given = statement.query([])?;
    while given.next()?.is_some() {}
    Ok(false)
}

/// Removes some notices that are older than `before`; true if there may be more.
pub(super) fn expire_notices(db: &Connection, before: Time) -> Result<bool, Trouble> {
    let removed = db
        .prepare_cached("DELETE FROM notice WHERE id IN (SELECT id FROM notice ORDER BY id LIMIT ?1) AND at < ?2")?
        .execute([NOTICES_STEP, before.micros()])?;
    Ok(i64::try_from(removed).is_ok_and(|removed| removed == NOTICES_STEP))
}
