//! How the gaps heal.

use rusqlite::Row;
use serde::Serialize;

use crate::archive::reading::{ReadError, Reading};
use crate::command::figures;
use crate::time::Time;

/// Gaps by how far they are filled, and the jobs that fill them.
#[derive(Debug, Default, Serialize)]
pub(super) struct Healing {
    /// Gaps that have ended and wait, those partly filled among them.
    pub pending: i64,
    pub partial: i64,
    /// Gaps that jobs work on.
    pub filling: i64,
    pub filled: i64,
    pub unfillable: i64,
    /// Jobs whose end is not known yet.
    pub running: i64,
    /// Jobs of the last day that ended without filling all of their gaps.
    pub failed: i64,
    /// Nothing is asked of the server's archive before.
    #[serde(rename = "not_before_us")]
    pub not_before: Option<Time>,
    /// A person is needed: what the server's archive said.
    pub paused: Option<String>,
}

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;

impl Healing {
    pub(super) fn take(archive: &Reading, now: Time) -> Result<Self, ReadError> {
        const JOBS: &str = "
            SELECT count(*) FILTER (WHERE ended_us IS NULL),
                   count(*) FILTER (WHERE outcome IN ('partial', 'failed') AND ended_us > ?1)
              FROM backfills";
        const GATE: &str = "SELECT not_before, paused FROM backfill_gate";
        let mut healing = Self::default();
        let pair = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
        for (state, gaps) in archive.all("SELECT state, count(*) FROM gaps GROUP BY state", [], pair)? {
            match state.as_str() {
                "closed" => healing.pending += gaps,
                "partial" => (healing.pending, healing.partial) = (healing.pending + gaps, gaps),
                "filling" => healing.filling = gaps,
                "filled" => healing.filled = gaps,
                "unfillable" => healing.unfillable = gaps,
                _ => {}
            }
        }
        let jobs = archive.first(JOBS, [now.micros().saturating_sub(DAY)], |row| Ok((row.get(0)?, row.get(1)?)))?;
        (healing.running, healing.failed) = jobs.unwrap_or_default();
        let gate = |row: &Row<'_>| Ok((row.get::<_, Option<i64>>(0)?, row.get(1)?));
        let (not_before, paused) = archive.first(GATE, [], gate)?.unwrap_or_default();
        healing.not_before = not_before.map(Time::from_micros).filter(|until| *until > now);
        healing.paused = paused;
        Ok(healing)
    }

    /// One line.
    pub(super) fn line(&self) -> String {
        let gaps = |number: i64| figures::counted(number, "gap");
        let mut parts = vec![format!("{} wait", gaps(self.pending))];
        let mut part = |number: i64, text: String| {
            if number > 0 {
                parts.push(text);
            }
        };
        part(self.partial, format!("{} of them partly filled", figures::count(self.partial)));
        part(self.filling, format!("{} being filled by {}", gaps(self.filling), figures::counted(self.running, "job")));
        part(self.filled, format!("{} filled", figures::count(self.filled)));
        part(self.unfillable, format!("{} unfillable", figures::count(self.unfillable)));
        part(self.failed, format!("{} failed within a day", figures::counted(self.failed, "job")));
        let mut text = parts.join(", ");
        match (&self.paused, self.not_before) {
            // Why, and what to do, stands with what is wrong.
            (Some(_), _) => text = format!("{text}; paused"),
            (None, Some(until)) => text = format!("{text}; nothing is asked before {}", figures::moment(until)),
            (None, None) => {}
        }
        text
    }
}
