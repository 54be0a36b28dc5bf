//! What there is to heal: read beside the writer.

use rusqlite::Row;

use super::reading::{ReadError, Reading};
use crate::healing::{Counts, Gap, GapId, Gate, Job, JobId, Price, Stage, Stream, rest};
use crate::historic::Span;
use crate::record::StreamId;
use crate::time::Time;

/// Gaps that are looked at in one go, the oldest first.
const GAPS_MAX: u32 = 20_000;

/// What the archive knows of backfill, at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unhealed {
    /// The gaps that have ended and are not filled; not those of a time whose rows are removed as too old.
    pub gaps: Vec<Gap>,
    /// Jobs that are not closed.
    pub jobs: Vec<Job>,
    pub gate: Gate,
    /// What was spent on the day that was asked for.
    pub spent: Price,
    /// Marks the jobs of this archive at the server. Says nothing of the key that it is made with.
    pub tag: String,
    /// The server's clock less ours, in microseconds, as the daemon knows it.
    pub clock_offset: Option<i64>,
}

const GAPS: &str = "
SELECT g.id, g.stream, s.name, g.started, g.ended,
       (SELECT count(DISTINCT p.job) FROM backfill_piece p JOIN backfill_stream b ON b.job = p.job AND b.stream = g.stream
         WHERE p.gap = g.id AND b.outcome NOT IN ('complete', 'apart')),
       (SELECT max(j.begun) FROM backfill_stream b JOIN backfill_job j ON j.id = b.job
         WHERE b.stream = g.stream AND b.outcome IS NOT 'apart'),
       (SELECT count(DISTINCT p.job) FROM backfill_piece p WHERE p.gap = g.id), s.apart
  FROM gap g JOIN stream s ON s.id = g.stream
 WHERE g.state IN ('closed', 'partial') AND g.ended IS NOT NULL
   AND g.ended > max(s.pruned, (SELECT value FROM meta WHERE name = 'pruned'),
                     CASE WHEN s.max_age IS NULL THEN (SELECT value FROM meta WHERE name = 'pruned_by_age') ELSE 0 END)
 ORDER BY g.started, g.id LIMIT ?1";

const PROVEN: &str = "
SELECT p.gap, p.started, p.ended
  FROM gap g JOIN backfill_piece p ON p.gap = g.id JOIN backfill_stream b ON b.job = p.job AND b.stream = g.stream
 WHERE g.state = 'partial' AND b.outcome = 'complete' ORDER BY p.gap";

const JOBS: &str = "
SELECT j.id, j.name, j.asked_from, j.asked_till, j.sources, j.stage, j.query, j.delivery, j.cursor, j.blind, j.begun,
       j.flaws, j.stored, j.known, j.deleted, j.outside, j.early, j.strange, j.unreadable
  FROM backfill_job j WHERE j.stage <> 'closed' ORDER BY j.id";

const STREAMS: &str = "
SELECT s.id, s.name FROM backfill_stream b JOIN stream s ON s.id = b.stream WHERE b.job = ?1 ORDER BY s.id";

impl Unhealed {
    /// Reads all of it; `day` is the number of the day (UTC) whose spending is meant.
    ///
    /// # Errors
    /// If the archive cannot be read.
    pub fn read(archive: &Reading, day: i64) -> Result<Self, ReadError> {
        let mut gaps = archive.all(GAPS, [GAPS_MAX], gap)?;
        let proven = archive.all(PROVEN, [], |row| {
            Ok((GapId(row.get(0)?), (Time::from_micros(row.get(1)?), Time::from_micros(row.get(2)?))))
        })?;
        for gap in &mut gaps {
            let of_gap =
                proven.partition_point(|(id, _)| *id < gap.id)..proven.partition_point(|(id, _)| *id <= gap.id);
            let mut of_gap: Vec<(Time, Time)> =
                proven.get(of_gap).unwrap_or_default().iter().map(|(_, stretch)| *stretch).collect();
            gap.rest = rest(gap.from, gap.until, &mut of_gap);
        }
        gaps.retain(|gap| !gap.rest.is_empty());
        let mut jobs = archive.all(JOBS, [], job)?;
        for job in &mut jobs {
            job.streams =
                archive.all(STREAMS, [job.id.0], |row| Ok(Stream { id: StreamId(row.get(0)?), name: row.get(1)? }))?;
        }
        let number = |value: i64| u64::try_from(value).unwrap_or(0);
        let spent = archive.first("SELECT credits, milliunits FROM backfill_spent WHERE day = ?1", [day], |row| {
            Ok(Price { credits: number(row.get(0)?), milliunits: number(row.get(1)?) })
        })?;
        let gate = archive.first("SELECT not_before, paused FROM backfill_gate", [], |row| {
            Ok(Gate { not_before: row.get::<_, Option<i64>>(0)?.map(Time::from_micros), paused: row.get(1)? })
        })?;
        let key = archive.first("SELECT value FROM meta WHERE name = 'tombstone_key'", [], |row| row.get(0))?;
        let offset = archive.first("SELECT clock_offset_us FROM daemon", [], |row| row.get(0))?;
        Ok(Self {
            gaps,
            jobs,
            gate: gate.unwrap_or_default(),
            spent: spent.unwrap_or_default(),
            tag: tag(&key.unwrap_or_default()),
            clock_offset: offset.flatten(),
        })
    }
}

/// Two archives on one account must not take each other's jobs for their own.
fn tag(key: &[u8; 32]) -> String {
    blake3::keyed_hash(key, b"jobs of backfill").to_hex().chars().take(8).collect()
}

fn gap(row: &Row<'_>) -> rusqlite::Result<Gap> {
    Ok(Gap {
        id: GapId(row.get(0)?),
        stream: StreamId(row.get(1)?),
        name: row.get(2)?,
        from: Time::from_micros(row.get(3)?),
        until: Time::from_micros(row.get(4)?),
        rest: Vec::new(),
        tries: row.get(5)?,
        begun: row.get::<_, Option<i64>>(6)?.map(Time::from_micros),
        jobs: row.get(7)?,
        apart: row.get::<_, Option<i64>>(8)?.map(Time::from_micros),
    })
}

fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    let count = |place: usize| row.get::<_, i64>(place).map(|number| u64::try_from(number).unwrap_or(0));
    let list = |place: usize| {
        row.get::<_, String>(place).map(|text| serde_json::from_str::<Vec<String>>(&text).unwrap_or_default())
    };
    let stage: String = row.get(5)?;
    Ok(Job {
        id: JobId(row.get(0)?),
        name: row.get(1)?,
        streams: Vec::new(),
        span: Span { from: row.get(2)?, until: row.get(3)? },
        sources: list(4)?,
        stage: Stage::of_word(&stage).unwrap_or(Stage::Preparing),
        query: row.get(6)?,
        delivery: row.get(7)?,
        cursor: row.get(8)?,
        blind: row.get(9)?,
        begun: Time::from_micros(row.get(10)?),
        flaws: list(11)?,
        counts: Counts {
            stored: count(12)?,
            known: count(13)?,
            deleted: count(14)?,
            outside: count(15)?,
            early: count(16)?,
            foreign: count(17)?,
            unreadable: count(18)?,
        },
    })
}
