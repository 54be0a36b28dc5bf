//! What each step of a job writes: together, and on the medium before anything is built on it.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::batch::{Batch, Entry};
use super::commit::{Books, Kept, Occasion, Origin, Row as Stored, Turn, cut, quarantine};
use super::trouble::Trouble;
use crate::healing::{
    Change, Counts, Draft, Ending, GapId, Gate, Job, JobId, Outcome, Price, Stream, Written, named, rest,
};
use crate::record::StreamId;
use crate::time::Time;

/// One step, to be written as a whole.
#[derive(Debug)]
pub enum Healing {
    Change(Change),
    /// The rows of a page, with the job as it is behind them. `refused` are those that were left out of it.
    Page {
        job: Box<Job>,
        rows: Batch,
        refused: Counts,
        spent: Price,
        at: Time,
    },
}

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;

/// What stands between a gap's own words and those of its last job.
const MARK: &str = " | backfill: ";

impl Books {
    pub(super) fn heal(&mut self, db: &Connection, healing: &Healing, occasion: Occasion) -> Result<Written, Trouble> {
        match healing {
            Healing::Change(Change::Begin { draft, at }) => {
                self.backfilled = true;
                begin(db, draft, *at).map(Written::Begun)
            }
            Healing::Change(Change::Moved { job, spent, at }) => {
                moved(db, job, *spent, *at)?;
                Ok(Written::Done)
            }
            Healing::Change(Change::Settled { job, outcome, at }) => {
                settle(db, job, outcome, *at).map(Written::Settled)
            }
            Healing::Change(Change::Gate(gate)) => {
                gated(db, gate)?;
                Ok(Written::Done)
            }
            Healing::Page { job, rows, refused, spent, at } => {
                let counts = self.page(db, job, rows, occasion)?.and(*refused);
                let job = Job { counts: job.counts.and(counts), ..(**job).clone() };
                moved(db, &job, *spent, *at)?;
                Ok(Written::Stored(counts))
            }
        }
    }

    /// Stores the rows of a page: live ones win, deleted ones stay deleted.
    fn page(&mut self, db: &Connection, job: &Job, rows: &Batch, occasion: Occasion) -> Result<Counts, Trouble> {
        let mut turn = Turn::new(db, occasion)?;
        let mut counts = Counts::default();
        let (mut text, entries) = rows.parts();
        for entry in entries {
            match entry {
                Entry::Interaction { received, stream, created, id, kind, payload } => {
                    if job.streams.iter().all(|of_job| of_job.id != *stream) {
                        return Err(Trouble::Broken(format!("job {} brings rows of another stream", job.id.0)));
                    }
                    let row = Stored {
                        received: *received,
                        stream: *stream,
                        created: *created,
                        id: cut(&mut text, *id)?,
                        kind: cut(&mut text, *kind)?,
                        payload: cut(&mut text, *payload)?,
                    };
                    match self.interaction(&mut turn, &row, Origin::Backfill)? {
                        Kept::New => counts.stored += 1,
                        Kept::Known => counts.known += 1,
                        Kept::Barred => counts.deleted += 1,
                    }
                }
                Entry::Delete { id } => self.delete(db, cut(&mut text, *id)?, occasion.now)?,
                Entry::Quarantine(frame) => {
                    quarantine(db, frame)?;
                    counts.unreadable += 1;
                }
                Entry::Record(_) | Entry::Reach(_) => {
                    return Err(Trouble::Broken("a page of a job holds what is not a row".to_owned()));
                }
            }
        }
        Ok(counts)
    }
}

/// Begins a job, if its gaps are as they were when it was planned.
fn begin(db: &Connection, draft: &Draft, at: Time) -> Result<Option<JobId>, Trouble> {
    let mut stands = db.prepare_cached(
        "SELECT stream FROM gap WHERE id = ?1 AND started <= ?2 AND ended >= ?3
            AND (state IN ('closed', 'partial')
                 OR state = 'filling' AND NOT EXISTS (SELECT 1 FROM backfill_piece p JOIN backfill_job j ON j.id = p.job
                        WHERE p.gap = ?1 AND j.ended IS NULL AND p.started < ?3 AND p.ended > ?2))",
    )?;
    for piece in &draft.pieces {
        let of_gap = stands
            .query_row(params![piece.gap.0, piece.from.micros(), piece.until.micros()], |row| row.get(0))
            .optional()?;
        let of_gap = of_gap.map(StreamId);
        if draft.streams.iter().all(|stream| Some(stream.id) != of_gap) {
            return Ok(None);
        }
    }
    let Some(first) = draft.streams.first() else { return Ok(None) };
    let job = db
        .prepare_cached(
            "INSERT INTO backfill_job (name, stream, asked_from, asked_till, sources, stage, begun, credits, milliunits)
             VALUES (?1, ?2, ?3, ?4, ?5, 'preparing', ?6, ?7, ?8) ON CONFLICT (name) DO NOTHING RETURNING id",
        )?
        .query_row(
            params![
                draft.name,
                first.id.0,
                draft.span.from,
                draft.span.until,
                list(&draft.sources),
                at.micros(),
                whole(draft.price.credits),
                whole(draft.price.milliunits)
            ],
            |row| row.get::<_, i64>(0),
        )
        .optional()?;
    let Some(job) = job else { return Ok(None) };
    for stream in &draft.streams {
        db.prepare_cached("INSERT INTO backfill_stream (stream, job) VALUES (?1, ?2)")?
            .execute([stream.id.0.into(), job])?;
    }
    let mut insert =
        db.prepare_cached("INSERT INTO backfill_piece (gap, job, started, ended) VALUES (?1, ?2, ?3, ?4)")?;
    let mut fill = db.prepare_cached("UPDATE gap SET state = 'filling' WHERE id = ?1")?;
    for piece in &draft.pieces {
        insert.execute(params![piece.gap.0, job, piece.from.micros(), piece.until.micros()])?;
        fill.execute([piece.gap.0])?;
    }
    book(db, draft.price, at)?;
    Ok(Some(JobId(job)))
}

/// Writes a job as it is.
fn moved(db: &Connection, job: &Job, spent: Price, at: Time) -> Result<(), Trouble> {
    let Counts { stored, known, deleted, outside, early, foreign, unreadable } = job.counts;
    let changed = db
        .prepare_cached(
            "UPDATE backfill_job
                SET stage = ?2, query = ?3, delivery = ?4, cursor = ?5, blind = ?6, flaws = ?7, credits = credits + ?8,
                    milliunits = milliunits + ?9, stored = ?10, known = ?11, deleted = ?12, outside = ?13, early = ?14,
                    strange = ?15, unreadable = ?16
              WHERE id = ?1",
        )?
        .execute(params![
            job.id.0,
            job.stage.word(),
            job.query,
            job.delivery,
            job.cursor,
            job.blind,
            list(&job.flaws),
            whole(spent.credits),
            whole(spent.milliunits),
            whole(stored),
            whole(known),
            whole(deleted),
            whole(outside),
            whole(early),
            whole(foreign),
            whole(unreadable),
        ])?;
    if changed != 1 {
        return Err(Trouble::Broken(format!("job {} goes on before it began", job.id.0)));
    }
    book(db, spent, at)
}

/// Writes how a job ended, and what that means for its gaps.
fn settle(db: &Connection, job: &Job, outcome: &Outcome, at: Time) -> Result<Vec<Ending>, Trouble> {
    moved(db, job, Price::default(), at)?;
    let mut outcomes = BTreeMap::new();
    for stream in &job.streams {
        let of_stream = of_stream(db, job, stream, outcome)?;
        let word = if matches!(outcome, Outcome::Apart(_)) { "apart" } else { of_stream.word() };
        db.prepare_cached("UPDATE backfill_stream SET outcome = ?3 WHERE stream = ?1 AND job = ?2")?
            .execute(params![stream.id.0, job.id.0, word])?;
        if job.is_combined() && (word == "apart" || job.counts.foreign > 0) {
            db.prepare_cached("UPDATE stream SET apart = ?2 WHERE id = ?1")?
                .execute(params![stream.id.0, at.micros()])?;
        }
        outcomes.insert(stream.id, of_stream);
    }
    let whole = of_all(job, outcome, &outcomes);
    db.prepare_cached("UPDATE backfill_job SET ended = ?2, outcome = ?3, detail = ?4 WHERE id = ?1 AND ended IS NULL")?
        .execute(params![job.id.0, at.micros(), whole.word(), whole.detail()])?;
    let mut gaps = db.prepare_cached(
        "SELECT g.id, g.stream, s.name, g.started, g.ended, coalesce(g.detail, ''),
                EXISTS (SELECT 1 FROM backfill_piece o JOIN backfill_job j ON j.id = o.job
                         WHERE o.gap = g.id AND j.ended IS NULL)
           FROM gap g JOIN stream s ON s.id = g.stream
          WHERE g.id IN (SELECT gap FROM backfill_piece WHERE job = ?1) AND g.state = 'filling' ORDER BY g.id",
    )?;
    let gaps = gaps.query_map([job.id.0], filling)?.collect::<Result<Vec<Filling>, _>>()?;
    gaps.into_iter().map(|gap| ended(db, job, outcomes.get(&gap.stream).unwrap_or(outcome), gap)).collect()
}

/// How a job ended for one of its streams.
fn of_stream(db: &Connection, job: &Job, stream: &Stream, outcome: &Outcome) -> Result<Outcome, Trouble> {
    let unasked = if *outcome == Outcome::Complete { unasked(db, job, stream.id)? } else { Vec::new() };
    let lacks = format!("the stream brings {} as well: see backfill.sources", unasked.join(", "));
    Ok(if unasked.is_empty() { outcome.clone() } else { Outcome::Partial(lacks) })
}

/// How a job ended in all.
fn of_all(job: &Job, outcome: &Outcome, outcomes: &BTreeMap<StreamId, Outcome>) -> Outcome {
    let mut lacking = outcomes.values().filter(|of_stream| *of_stream != outcome);
    match (lacking.next(), lacking.count()) {
        (None, _) => outcome.clone(),
        (Some(only), 0) if !job.is_combined() => only.clone(),
        (Some(_), more) => {
            let (some, all) = (more.saturating_add(1), job.streams.len());
            Outcome::Partial(format!("{some} of {all} streams bring others as well: see backfill.sources"))
        }
    }
}

/// A gap that a job worked on.
struct Filling {
    gap: i64,
    stream: StreamId,
    name: String,
    started: i64,
    ended: i64,
    detail: String,
    /// Another job works on it.
    busy: bool,
}

fn filling(row: &Row<'_>) -> rusqlite::Result<Filling> {
    Ok(Filling {
        gap: row.get(0)?,
        stream: StreamId(row.get(1)?),
        name: row.get(2)?,
        started: row.get(3)?,
        ended: row.get(4)?,
        detail: row.get(5)?,
        busy: row.get(6)?,
    })
}

/// Writes what the end of a job means for one of its gaps.
fn ended(db: &Connection, job: &Job, outcome: &Outcome, gap: Filling) -> Result<Ending, Trouble> {
    let Filling { gap, name, started, ended, detail, busy, .. } = gap;
    let mut proven = proven(db, gap)?;
    let done = !proven.is_empty();
    let left = rest(Time::from_micros(started), Time::from_micros(ended), &mut proven);
    let state = match outcome {
        _ if left.is_empty() => "filled",
        _ if busy => "filling",
        Outcome::Unfillable(_) => "unfillable",
        Outcome::Failed(_) | Outcome::Apart(_) if !done => "closed",
        Outcome::Complete | Outcome::Partial(_) | Outcome::Failed(_) | Outcome::Apart(_) => "partial",
    };
    let own = detail.split_once(MARK).map_or(detail.as_str(), |(own, _)| own);
    let words = words(job, outcome);
    let detail = if own.is_empty() { format!("backfill: {words}") } else { format!("{own}{MARK}{words}") };
    let detail = if own.starts_with("backfill: ") { format!("backfill: {words}") } else { detail };
    db.prepare_cached("UPDATE gap SET state = ?2, detail = ?3 WHERE id = ?1")?.execute(params![gap, state, detail])?;
    Ok(Ending { gap: GapId(gap), stream: name, state })
}

/// Kinds of sources that the stream brings and that the job did not ask for: what is missing of them is not known, and a
/// gap is not filled without it. The newest buckets tell; to ask all rows would take too long.
fn unasked(db: &Connection, job: &Job, stream: StreamId) -> Result<Vec<String>, Trouble> {
    let mut kinds = db.prepare_cached(
        "SELECT DISTINCT kind FROM interaction
          WHERE stream = ?1 AND origin = 0 AND kind <> ''
            AND bucket IN (SELECT value FROM meta WHERE name = 'bucket'
                           UNION ALL SELECT value - 1 FROM meta WHERE name = 'bucket')
          ORDER BY kind",
    )?;
    let kinds: Vec<String> = kinds.query_map([stream.0], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(kinds.into_iter().filter(|kind| !job.sources.contains(kind)).collect())
}

/// What a gap says of its last job.
fn words(job: &Job, outcome: &Outcome) -> String {
    let Counts { stored, known, outside, foreign, .. } = job.counts;
    let refused = match outside.saturating_add(foreign) {
        0 => String::new(),
        rows => format!(", {rows} refused as of another time or stream"),
    };
    let together = if job.is_combined() { format!(", for {} together", named(&job.streams)) } else { String::new() };
    let sources = job.sources.join(", ");
    let found = format!("{stored} rows were new, {known} known{refused}{together}, from {sources}");
    match outcome.detail() {
        None => found,
        Some(detail) => format!("{detail} ({found})"),
    }
}

/// The stretches of a gap that jobs have proven complete.
fn proven(db: &Connection, gap: i64) -> Result<Vec<(Time, Time)>, Trouble> {
    let mut pieces = db.prepare_cached(
        "SELECT p.started, p.ended
           FROM backfill_piece p JOIN gap g ON g.id = p.gap
           JOIN backfill_stream b ON b.job = p.job AND b.stream = g.stream
          WHERE p.gap = ?1 AND b.outcome = 'complete'",
    )?;
    let pieces = pieces.query_map([gap], |row| Ok((Time::from_micros(row.get(0)?), Time::from_micros(row.get(1)?))))?;
    Ok(pieces.collect::<Result<_, _>>()?)
}

fn gated(db: &Connection, gate: &Gate) -> Result<(), Trouble> {
    db.prepare_cached(
        "INSERT INTO backfill_gate (one, not_before, paused) VALUES (1, ?1, ?2)
         ON CONFLICT (one) DO UPDATE SET not_before = excluded.not_before, paused = excluded.paused",
    )?
    .execute(params![gate.not_before.map(Time::micros), gate.paused])?;
    Ok(())
}

fn book(db: &Connection, price: Price, at: Time) -> Result<(), Trouble> {
    if price == Price::default() {
        return Ok(());
    }
    db.prepare_cached(
        "INSERT INTO backfill_spent (day, credits, milliunits) VALUES (?1, ?2, ?3)
         ON CONFLICT (day) DO UPDATE SET credits = credits + excluded.credits,
                                         milliunits = milliunits + excluded.milliunits",
    )?
    .execute(params![at.micros().div_euclid(DAY), whole(price.credits), whole(price.milliunits)])?;
    Ok(())
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn list(items: &[String]) -> String {
    serde_json::Value::from(items).to_string()
}
