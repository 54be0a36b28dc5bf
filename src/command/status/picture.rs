//! Everything that the status is made of, read at one moment.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::healing::Healing;
use crate::archive::reading::{Holder, ReadError, Reading, holder, log_path};
use crate::command::columns::Columns;
use crate::notice::{Level, TABLE};
use crate::time::Time;

/// Warnings are shown for this long before the newest notice.
const NOTICES_SPAN: Duration = Duration::from_hours(1);

/// The archive, its daemon and its files at one moment.
#[derive(Debug, Serialize)]
pub(super) struct Picture {
    #[serde(rename = "now_us")]
    pub now: Time,
    pub archive: Files,
    /// Whether a daemon holds the archive; unknown where its lock file cannot be read.
    #[serde(skip)]
    pub holder: Holder,
    /// The row of the view `daemon`, and whether a daemon `running` was found; nothing if none ever ran.
    pub daemon: Option<Columns>,
    /// The newest row of the view `connections`.
    pub connection: Option<Columns>,
    /// Streams by state.
    pub streams: BTreeMap<String, i64>,
    pub interactions: Interactions,
    pub gaps: Gaps,
    #[serde(rename = "backfill")]
    pub healing: Healing,
    /// The newest warning or error of each name within the hour before the newest notice, and how many there were.
    pub notices: Vec<Columns>,
    /// When the newest notice of any kind was written.
    #[serde(rename = "newest_notice_us")]
    pub newest_notice: Option<Time>,
}

/// The archive's files, in bytes.
#[derive(Debug, Serialize)]
pub(super) struct Files {
    pub path: String,
    #[serde(rename = "bytes")]
    pub archive: u64,
    #[serde(rename = "wal_bytes")]
    pub log: u64,
    /// What the daemon can still use of the file system.
    #[serde(rename = "free_bytes")]
    pub free: Option<u64>,
}

/// What came in: what was deleted since may be counted as well.
#[derive(Debug, Serialize)]
pub(super) struct Interactions {
    pub last_minute: i64,
    pub last_hour: i64,
    #[serde(rename = "last_received_us")]
    pub last: Option<Time>,
}

/// Gaps that grow, and those that wait for backfill.
#[derive(Debug, Serialize)]
pub(super) struct Gaps {
    pub open: i64,
    #[serde(rename = "open_since_us")]
    pub oldest: Option<Time>,
    pub open_by_cause: Vec<OpenGaps>,
    pub closed: i64,
}

/// The growing gaps of one cause: one a stream.
#[derive(Debug, Serialize)]
pub(super) struct OpenGaps {
    pub cause: String,
    pub streams: i64,
    #[serde(rename = "started_us")]
    pub since: Time,
}

impl Picture {
    /// Reads it all from one snapshot of the archive.
    pub(super) fn take(archive: &Reading, now: Time) -> Result<Self, ReadError> {
        archive.hold_still()?;
        let holder = holder(archive.path());
        let daemon = archive.first("SELECT * FROM daemon", [], Columns::of)?;
        let newest_notice =
            archive.first("SELECT at_us FROM notices ORDER BY id DESC LIMIT 1", [], |row| row.get(0))?;
        let newest_notice = newest_notice.map(Time::from_micros);
        Ok(Self {
            now,
            archive: files(archive.path())?,
            daemon: daemon.map(|row| row.with("running", running(&holder))),
            holder,
            connection: archive.first("SELECT * FROM connections ORDER BY id DESC LIMIT 1", [], Columns::of)?,
            streams: streams(archive)?,
            interactions: interactions(archive, now)?,
            gaps: gaps(archive)?,
            healing: Healing::take(archive, now)?,
            notices: newest_notice.map_or(Ok(Vec::new()), |newest| warnings(archive, newest.min(now)))?,
            newest_notice,
        })
    }
}

fn running(holder: &Holder) -> Option<bool> {
    match holder {
        Holder::Daemon { .. } => Some(true),
        Holder::Nobody => Some(false),
        Holder::Unknown(_) => None,
    }
}

fn files(path: &Path) -> Result<Files, ReadError> {
    let size = |path: &Path| fs::metadata(path).map(|metadata| metadata.len());
    let failed = |error: io::Error| ReadError::Failed { path: path.to_owned(), detail: error.to_string() };
    let free = rustix::fs::statvfs(path).ok().map(|system| system.f_bavail.saturating_mul(system.f_frsize));
    let log = match size(&log_path(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        found => found.map_err(failed)?,
    };
    Ok(Files { path: path.display().to_string(), archive: size(path).map_err(failed)?, log, free })
}

fn streams(archive: &Reading) -> Result<BTreeMap<String, i64>, ReadError> {
    let pair = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    Ok(archive.all("SELECT state, count(*) FROM streams GROUP BY state", [], pair)?.into_iter().collect())
}

fn interactions(archive: &Reading, now: Time) -> Result<Interactions, ReadError> {
    const LAST: &str = "SELECT received_us FROM interactions ORDER BY received_us DESC LIMIT 1";
    Ok(Interactions {
        last_minute: archive.arrived_since(now.before(Duration::from_mins(1)))?,
        last_hour: archive.arrived_since(now.before(Duration::from_hours(1)))?,
        last: archive.first(LAST, [], |row| row.get(0))?.map(Time::from_micros),
    })
}

fn gaps(archive: &Reading) -> Result<Gaps, ReadError> {
    const OPEN: &str =
        "SELECT cause, count(*), min(started_us) FROM gaps WHERE state = 'open' GROUP BY cause ORDER BY 2 DESC, 1";
    let open_by_cause = archive.all(OPEN, [], |row| {
        Ok(OpenGaps { cause: row.get(0)?, streams: row.get(1)?, since: Time::from_micros(row.get(2)?) })
    })?;
    let closed = archive.first("SELECT count(*) FROM gaps WHERE state = 'closed'", [], |row| row.get(0))?;
    Ok(Gaps {
        open: open_by_cause.iter().map(|gaps| gaps.streams).sum(),
        oldest: open_by_cause.iter().map(|gaps| gaps.since).min(),
        open_by_cause,
        closed: closed.unwrap_or(0),
    })
}

/// The search goes by the names that warn, since notices are indexed by name and time.
fn warnings(archive: &Reading, until: Time) -> Result<Vec<Columns>, ReadError> {
    const NEWEST: &str = "
        SELECT n.*, found.number AS count
          FROM (SELECT max(id) AS newest, count(*) AS number FROM notices
                 WHERE notice IN (SELECT value FROM json_each(?1)) AND at_us BETWEEN ?2 AND ?3
                 GROUP BY notice) AS found
          JOIN notices AS n ON n.id = found.newest
         ORDER BY n.id DESC";
    let names: Vec<_> = TABLE
        .iter()
        .filter(|entry| matches!(entry.level, Level::Error | Level::Warn))
        .map(|entry| entry.name)
        .collect();
    let names = serde_json::Value::from(names).to_string();
    archive.all(NEWEST, (names, until.before(NOTICES_SPAN).micros(), until.micros()), Columns::of)
}
