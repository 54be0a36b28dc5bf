//! How the jobs stand, read from the archive beside whoever carries them out.

use std::collections::BTreeMap;
use std::io::Write;

use super::progress::Progress;
use crate::archive::reading::{ReadError, Reading};
use crate::command::Failure;
use crate::command::columns::Columns;
use crate::command::figures;
use crate::command::output::cell;

/// Jobs from the first that has still something to tell.
const JOBS: &str = "
SELECT id, coalesce(stream, streams || ' streams') AS stream, stage, outcome, detail, gaps, stored, known
  FROM backfills WHERE id > ?1 OR stage <> 'closed' ORDER BY id";

/// What the archive's side of the server says while jobs run.
const WORDS: &str = "
SELECT id, notice, message FROM notices
 WHERE id > ?1 AND notice IN ('backfill-paused', 'backfill-resumed', 'backfill-trouble', 'storage-full',
                              'storage-trouble', 'storage-recovered')
 ORDER BY id";

/// How one job stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Stand {
    pub(super) id: i64,
    stream: String,
    pub(super) stage: String,
    outcome: String,
    detail: String,
    gaps: i64,
    stored: i64,
    known: i64,
}

/// What all jobs together have come to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Sums {
    /// Gaps of the jobs that have ended.
    pub(super) gaps: u64,
    pub(super) stored: i64,
    pub(super) known: i64,
    /// Jobs whose end is not known yet.
    pub(super) running: usize,
    /// Jobs that left nothing to be filled, and those that did.
    complete: i64,
    others: i64,
}

/// Looks at the jobs that were open, or were begun since.
pub(super) struct Watch<'a> {
    archive: &'a Reading,
    /// Jobs up to this number are closed and told.
    behind: i64,
    /// The last notice that was read.
    heard: i64,
    told: BTreeMap<i64, Stand>,
    progress: Progress,
    /// The server's archive refuses us, with these words.
    pub(super) refused: Option<String>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(archive: &'a Reading, progress: Progress) -> Result<Self, ReadError> {
        let last = |sql| archive.first(sql, [], |row| row.get::<_, Option<i64>>(0));
        let behind = last("SELECT max(id) FROM backfills")?.flatten().unwrap_or(0);
        let heard = last("SELECT max(id) FROM notices")?.flatten().unwrap_or(0);
        Ok(Self { archive, behind, heard, told: BTreeMap::new(), progress, refused: None })
    }

    /// Looks and shows what is new; says whether any job is still open.
    pub(super) fn look(&mut self, out: &mut dyn Write) -> Result<bool, Failure> {
        let words = self.archive.all(WORDS, [self.heard], Columns::of)?;
        for notice in words {
            self.heard = notice.number("id").unwrap_or(self.heard);
            let message = cell(notice.text("message"));
            if notice.text("notice") == "backfill-paused" {
                self.refused = Some(message.clone());
            }
            self.progress.say(&message, out)?;
        }
        let jobs = self.archive.all(JOBS, [self.behind], Columns::of)?;
        let open = jobs.iter().any(|job| job.text("stage") != "closed");
        let stands = jobs.iter().map(Stand::of);
        let changed: Vec<Stand> = stands.filter(|stand| self.told.get(&stand.id) != Some(stand)).collect();
        self.told.extend(changed.iter().map(|stand| (stand.id, stand.clone())));
        let sums = self.sums();
        // A job that is being cleared away has told its end.
        let news: Vec<Stand> =
            changed.into_iter().filter(|stand| !stand.is_over() || stand.stage != "closed").collect();
        if !news.is_empty() {
            self.progress.show(&news, &sums, out)?;
        }
        Ok(open)
    }

    fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for stand in self.told.values() {
            sums.stored += stand.stored;
            sums.known += stand.known;
            if !stand.is_over() {
                sums.running += 1;
                continue;
            }
            sums.gaps += u64::try_from(stand.gaps).unwrap_or(0);
            let of_outcome = if stand.outcome == "complete" { &mut sums.complete } else { &mut sums.others };
            *of_outcome += 1;
        }
        sums
    }

    /// The bars go; what all jobs came to is said, if there were any.
    pub(super) fn finish(self, out: &mut dyn Write) -> Result<(), Failure> {
        self.progress.finish()?;
        let Sums { stored, known, running, complete, others, .. } = self.sums();
        if self.told.is_empty() {
            return Ok(());
        }
        let jobs = figures::counted(i64::try_from(self.told.len()).unwrap_or(i64::MAX), "job");
        let running = if running == 0 { String::new() } else { format!(", {running} not ended") };
        let (new, known) = (figures::counted(stored, "row"), figures::count(known));
        writeln!(out, "{jobs}: {complete} complete, {others} not{running}; {new} new, {known} known")?;
        Ok(())
    }
}

/// Whether this names a stream rather than says how many there are.
fn is_one(stream: &str) -> bool {
    !stream.contains(' ')
}

fn of(stream: &str) -> String {
    if is_one(stream) { format!("stream {stream}") } else { stream.to_owned() }
}

impl Stand {
    fn of(job: &Columns) -> Self {
        let number = |name| job.number(name).unwrap_or(0);
        let text = |name| job.text(name).to_owned();
        Self {
            id: number("id"),
            stream: text("stream"),
            stage: text("stage"),
            outcome: text("outcome"),
            detail: text("detail"),
            gaps: number("gaps"),
            stored: number("stored"),
            known: number("known"),
        }
    }

    /// Whether it is known how it ended.
    pub(super) fn is_over(&self) -> bool {
        !self.outcome.is_empty()
    }

    /// The whole of it in one line.
    pub(super) fn line(&self) -> String {
        let Self { id, stream, .. } = self;
        let detail = if self.detail.is_empty() { String::new() } else { format!(": {}", cell(&self.detail)) };
        format!("job {id}, {}: {}{detail}", cell(&of(stream)), self.words())
    }

    /// What changes, behind the first digits of the stream.
    pub(super) fn short(&self) -> String {
        let stream: String = cell(&self.stream).chars().take(if is_one(&self.stream) { 8 } else { 20 }).collect();
        format!("{stream} {}", self.words())
    }

    fn words(&self) -> String {
        let state = if self.is_over() { &self.outcome } else { &self.stage };
        let (stored, known) = (figures::count(self.stored), figures::count(self.known));
        format!("{}, {stored} rows new, {known} known", cell(state))
    }
}
