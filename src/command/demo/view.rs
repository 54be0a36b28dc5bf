//! What the archive says while the daemon writes it.

use std::path::PathBuf;

use crate::archive::reading::{ReadError, Reading};
use crate::time::Time;

/// So many notices are shown, newest first.
const NOTICES: u32 = 4;

/// The archive at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Picture {
    /// Rows, and how many more a second than at the look before.
    pub(super) stored: i64,
    pub(super) rate: i64,
    /// Number of streams by state.
    pub(super) streams: Vec<(String, i64)>,
    pub(super) gaps_open: i64,
    pub(super) gaps_closed: i64,
    /// Of those that have ended, those that are filled, and those that can be.
    pub(super) gaps_filled: i64,
    pub(super) gaps_waiting: i64,
    /// Of all gaps and streams together.
    pub(super) gap_seconds: i64,
    /// Level, name and message.
    pub(super) notices: Vec<(String, String, String)>,
}

/// A reader beside the daemon.
#[derive(Debug)]
pub(super) struct View {
    path: PathBuf,
    reading: Option<Reading>,
    picture: Picture,
    looked: Time,
}

impl View {
    /// The view of an archive that is yet to be made.
    pub(super) fn of(path: PathBuf, now: Time) -> Self {
        Self { path, reading: None, picture: Picture::default(), looked: now }
    }

    /// The state that the daemon with this process id has written down, if it has and can be read.
    pub(super) fn state(&mut self, pid: Option<u32>) -> Option<String> {
        let reading = self.reading()?;
        reading.first("SELECT state FROM daemon WHERE pid = ?1", [pid?], |row| row.get(0)).ok().flatten()
    }

    /// Looks again. What cannot be read just now stays as it was: the audit at the end is not so lenient.
    pub(super) fn look(&mut self, now: Time) -> &Picture {
        let before = self.picture.stored;
        if let Some(Ok(mut picture)) = self.reading().map(|reading| taken(reading, now)) {
            let span = now.micros().saturating_sub(self.looked.micros());
            if span > 0 {
                picture.rate = (picture.stored - before).max(0).saturating_mul(1_000_000) / span;
            }
            self.picture = picture;
            self.looked = now;
        }
        &self.picture
    }

    pub(super) fn picture(&self) -> &Picture {
        &self.picture
    }

    /// The archive, from when the daemon has made it.
    fn reading(&mut self) -> Option<&Reading> {
        if self.reading.is_none() {
            self.reading = Reading::open(&self.path).ok();
        }
        self.reading.as_ref()
    }
}

fn taken(archive: &Reading, now: Time) -> Result<Picture, ReadError> {
    const STREAMS: &str =
        "SELECT state, count(*), coalesce(sum(interactions), 0) FROM streams GROUP BY state ORDER BY state";
    const GAPS: &str = "
        SELECT count(*) - count(ended_us), count(ended_us),
               coalesce(sum(max(0, coalesce(ended_us, ?1) - started_us)), 0) / 1000000,
               count(*) FILTER (WHERE state = 'filled'),
               count(*) FILTER (WHERE state IN ('closed', 'filling', 'partial'))
          FROM gaps";
    const NEWEST: &str = "SELECT level, notice, message FROM notices WHERE level <> 'debug' ORDER BY id DESC LIMIT ?1";
    let mut picture = Picture::default();
    let streams = |row: &rusqlite::Row<'_>| -> rusqlite::Result<(String, i64, i64)> {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    };
    for (state, streams, stored) in archive.all(STREAMS, [], streams)? {
        picture.streams.push((state, streams));
        picture.stored = picture.stored.saturating_add(stored);
    }
    let sums = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?));
    if let Some((open, closed, seconds, filled, waiting)) = archive.first(GAPS, [now.micros()], sums)? {
        (picture.gaps_open, picture.gaps_closed, picture.gap_seconds) = (open, closed, seconds);
        (picture.gaps_filled, picture.gaps_waiting) = (filled, waiting);
    }
    picture.notices = archive.all(NEWEST, [NOTICES], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(picture)
}
