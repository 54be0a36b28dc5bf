//! What the archive says, read through its views in one transaction.

use rusqlite::{Connection, OpenFlags, Row as Line};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use super::spans::Span;
use super::{Streams, Unreadable, digest};

/// A reader may meet a checkpoint that takes its time.
const BUSY: Duration = Duration::from_secs(10);

/// A row of `interactions`.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: i64,
    pub(crate) stream: u32,
    pub(crate) interaction_id: Box<str>,
    pub(crate) digest: u64,
    pub(crate) is_live: bool,
}

/// A row of `coverage`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cover {
    pub(crate) span: Span,
    pub(crate) is_live: bool,
    pub(crate) connection: Option<i64>,
}

/// A row of `gaps`; one that grows has no end.
#[derive(Clone, Debug)]
pub(crate) struct Gap {
    pub(crate) id: i64,
    pub(crate) span: Span,
    pub(crate) cause: String,
    pub(crate) state: String,
    pub(crate) detail: Option<String>,
}

impl Gap {
    pub(crate) fn is_open(&self) -> bool {
        self.span.until_us == i64::MAX
    }
}

/// Everything that a reader sees at one moment.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) rows: Vec<Row>,
    pub(crate) covers: HashMap<u32, Vec<Cover>>,
    pub(crate) gaps: HashMap<u32, Vec<Gap>>,
    pub(crate) quarantine: Vec<Vec<u8>>,
    /// Before this moment rows are gone by their age or number, says the archive.
    pub(crate) pruned: HashMap<u32, i64>,
    /// What the archive says is wanted, and since when.
    pub(crate) wanted: Vec<(u32, i64)>,
    /// `stopped`, or anything else.
    pub(crate) state: String,
}

impl Snapshot {
    pub(crate) fn cover_at(&self, stream: u32, at_us: i64) -> Option<&Cover> {
        self.covers.get(&stream)?.iter().find(|cover| cover.span.holds(at_us))
    }

    /// What claims a moment because it was served then.
    pub(crate) fn live_at(&self, stream: u32, at_us: i64) -> Option<&Cover> {
        self.covers.get(&stream)?.iter().find(|cover| cover.is_live && cover.span.holds(at_us))
    }

    pub(crate) fn gap_at(&self, stream: u32, at_us: i64) -> Option<&Gap> {
        self.gaps.get(&stream)?.iter().find(|gap| gap.span.holds(at_us))
    }

    pub(crate) fn pruned_before(&self, stream: u32) -> i64 {
        self.pruned.get(&stream).copied().unwrap_or(i64::MIN)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.state == "stopped"
    }
}

/// A read-only connection, and the digests of what it has seen: a row of a backfill has other bytes once it came live.
#[derive(Debug)]
pub(crate) struct Archive {
    connection: Connection,
    digests: HashMap<(i64, bool), u64>,
    newest: i64,
}

impl Archive {
    pub(crate) fn open(path: &Path) -> Result<Self, Unreadable> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(BUSY)?;
        Ok(Self { connection, digests: HashMap::new(), newest: i64::MIN })
    }

    /// What a reader sees now.
    pub(crate) fn snapshot(&mut self, streams: &mut Streams) -> Result<Snapshot, Unreadable> {
        let view = self.connection.unchecked_transaction()?;
        let mut seen = Snapshot::default();
        let new = "SELECT id, payload, origin = 'live' FROM interactions WHERE id > ?1";
        let mut select = view.prepare_cached(new)?;
        let mut lines = select.query([self.newest])?;
        while let Some(line) = lines.next()? {
            let id = line.get(0)?;
            self.digests.insert((id, line.get(2)?), digest(line.get_ref(1)?.as_bytes().unwrap_or_default()));
            self.newest = self.newest.max(id);
        }
        drop(lines);
        drop(select);
        let mut digests = std::mem::take(&mut self.digests);
        each(&view, "SELECT id, stream, interaction_id, origin = 'live' FROM interactions", |line| {
            let (id, is_live) = (line.get(0)?, line.get(3)?);
            let digest = match digests.get(&(id, is_live)) {
                Some(digest) => *digest,
                None => payload(&view, id)?,
            };
            let stream = streams.number(line.get_ref(1)?.as_str()?);
            let interaction_id = line.get_ref(2)?.as_str()?.into();
            seen.rows.push(Row { id, stream, interaction_id, digest, is_live });
            Ok(())
        })?;
        let alive: HashSet<(i64, bool)> = seen.rows.iter().map(|row| (row.id, row.is_live)).collect();
        digests.retain(|row, _| alive.contains(row));
        self.digests = digests;
        each(&view, "SELECT stream, from_us, until_us, how = 'live', connection_id FROM coverage", |line| {
            let span = Span { from_us: line.get(1)?, until_us: line.get(2)? };
            let cover = Cover { span, is_live: line.get(3)?, connection: line.get(4)? };
            seen.covers.entry(streams.number(line.get_ref(0)?.as_str()?)).or_default().push(cover);
            Ok(())
        })?;
        each(&view, "SELECT stream, started_us, ended_us, cause, state, id, detail FROM gaps", |line| {
            let until_us = line.get::<_, Option<i64>>(2)?.unwrap_or(i64::MAX);
            let span = Span { from_us: line.get(1)?, until_us };
            let (cause, state, detail) = (line.get(3)?, line.get(4)?, line.get(6)?);
            let gap = Gap { id: line.get(5)?, span, cause, state, detail };
            seen.gaps.entry(streams.number(line.get_ref(0)?.as_str()?)).or_default().push(gap);
            Ok(())
        })?;
        each(&view, "SELECT frame FROM quarantine", |line| {
            seen.quarantine.push(line.get(0)?);
            Ok(())
        })?;
        each(&view, "SELECT stream, wanted_us FROM streams WHERE state <> 'retired'", |line| {
            seen.wanted.push((streams.number(line.get_ref(0)?.as_str()?), line.get(1)?));
            Ok(())
        })?;
        let pruned = "SELECT stream, pruned_before_us FROM streams WHERE pruned_before_us IS NOT NULL";
        each(&view, pruned, |line| {
            seen.pruned.insert(streams.number(line.get_ref(0)?.as_str()?), line.get(1)?);
            Ok(())
        })?;
        each(&view, "SELECT state FROM daemon", |line| {
            seen.state = line.get(0)?;
            Ok(())
        })?;
        Ok(seen)
    }
}

fn payload(view: &Connection, id: i64) -> rusqlite::Result<u64> {
    view.query_row("SELECT payload FROM interactions WHERE id = ?1", [id], |line| {
        Ok(digest(line.get_ref(0)?.as_bytes().unwrap_or_default()))
    })
}

fn each(
    view: &Connection,
    query: &str,
    mut take: impl FnMut(&Line<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut select = view.prepare_cached(query)?;
    let mut lines = select.query([])?;
    while let Some(line) = lines.next()? {
        take(line)?;
    }
    Ok(())
}
