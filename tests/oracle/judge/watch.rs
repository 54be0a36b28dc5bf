//! Looks at a running daemon's archive ten times a second: what it claims is true at every moment, and what a reader has
//! seen does not vanish (I1, I6).

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::archive::{Archive, Snapshot};
use super::driver::Driver;
use super::journal::Journal;
use super::spans::{Span, Spans};
use super::verdict::{Promise, Report, Verdict};
use super::{Look, Streams, Unreadable, clock};

const EVERY: Duration = Duration::from_millis(100);

/// The journal of the server may be behind what a reader of the archive sees: a finding counts when it stays. In
/// milliseconds.
const SETTLE: [u64; 9] = [60, 60, 120, 250, 500, 1_000, 2_000, 4_000, 8_000];

/// A watcher on a thread of its own.
#[derive(Debug)]
pub(crate) struct Watch {
    stop: SyncSender<()>,
    thread: JoinHandle<Result<(Report, usize), Unreadable>>,
}

impl Watch {
    /// Begins; the archive and both journals must be there.
    pub(crate) fn begin(
        journal: &Path,
        driver: Option<&Path>,
        archive: &Path,
        promise: Promise,
    ) -> Result<Self, Unreadable> {
        let mut eye = Eye::open(journal, driver, archive, promise)?;
        let (stop, stopped) = sync_channel(1);
        let thread = std::thread::spawn(move || eye.watch(&stopped));
        Ok(Self { stop, thread })
    }

    /// Ends now, or when the server ends; returns what was found, and how many looks were taken.
    pub(crate) fn end(self, now: bool) -> Result<(Report, usize), Unreadable> {
        let Self { stop, thread } = self;
        // A closed channel tells the thread to stop.
        let _stop = (!now).then_some(stop);
        match thread.join() {
            Ok(seen) => seen,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

struct Eye {
    streams: Streams,
    truth: Journal,
    driver: Option<Driver>,
    archive: Archive,
    promise: Promise,
    last: Option<Snapshot>,
}

impl Eye {
    fn open(journal: &Path, driver: Option<&Path>, archive: &Path, promise: Promise) -> Result<Self, Unreadable> {
        Ok(Self {
            streams: Streams::default(),
            truth: Journal::open(journal)?,
            driver: driver.map(Driver::open).transpose()?,
            archive: Archive::open(archive)?,
            promise,
            last: None,
        })
    }

    /// Looks until told to stop, until the server has ended, or until something is wrong.
    fn watch(&mut self, stopped: &Receiver<()>) -> Result<(Report, usize), Unreadable> {
        let mut looks = 0;
        loop {
            let report = self.look()?;
            looks += 1;
            let over = self.truth.has_end || report.verdict() == Verdict::Violated;
            if over || stopped.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
                return Ok((report, looks));
            }
        }
    }

    /// One look. The archive first, the truth after it: whatever the archive holds is in the journal then, or soon. It is
    /// taken to its end, stopped or not: half a look finds what the journal only has not told yet.
    fn look(&mut self) -> Result<Report, Unreadable> {
        let snapshot = self.archive.snapshot(&mut self.streams)?;
        let mut report = Report::default();
        for wait in SETTLE.map(Duration::from_millis) {
            std::thread::park_timeout(wait);
            self.truth.catch_up(&mut self.streams)?;
            if let Some(driver) = &mut self.driver {
                driver.catch_up(&mut self.streams)?;
                driver.now_us = self.truth.until_us;
            }
            report = self.judge(&snapshot);
            if report.verdict() != Verdict::Violated {
                break;
            }
        }
        self.last = Some(snapshot);
        Ok(report)
    }

    fn judge(&self, snapshot: &Snapshot) -> Report {
        let told = Driver::told_by(snapshot);
        let driver = self.driver.as_ref().unwrap_or(&told);
        let (truth, streams, promise) = (&self.truth, &self.streams, &self.promise);
        let mut report = Look { is_final: false, truth, driver, seen: snapshot, streams, promise }.judge();
        if let Some(before) = &self.last {
            self.vanished(before, snapshot, driver, &mut report);
        }
        report
    }

    /// I6: a row goes only by order, a claim not at all, a gap only into coverage.
    fn vanished(&self, before: &Snapshot, now: &Snapshot, driver: &Driver, report: &mut Report) {
        let rows: HashSet<i64> = now.rows.iter().map(|row| row.id).collect();
        let ordered: HashSet<&str> = self.truth.orders.iter().map(|order| &*order.id).collect();
        for row in before.rows.iter().filter(|row| !rows.contains(&row.id)) {
            let pruned = driver.is_pruned(row.stream, row.id);
            let struck = self.truth.historic.is_struck(&row.interaction_id);
            if !ordered.contains(&*row.interaction_id) && !struck && !pruned {
                let stream = self.streams.name(row.stream);
                report.find("VANISHED", || {
                    format!(
                        "stream {stream} {}, row {}: was there, and no order removed it",
                        row.interaction_id, row.id
                    )
                });
            }
        }
        let (covered, gone) = (covered(now), gaps(now));
        let none = Spans::default();
        for (stream, covers) in &before.covers {
            let held = covered.get(stream).unwrap_or(&none);
            // What is gone by age is claimed no more, as far as the driver allows.
            let pruned_us = now.pruned_before(*stream);
            let pruned_us = if driver.is_pruned(*stream, pruned_us.saturating_sub(1)) { pruned_us } else { i64::MIN };
            let left = covers.iter().map(|cover| Span { from_us: cover.span.from_us.max(pruned_us), ..cover.span });
            let left = left.filter(|span| span.from_us < span.until_us && !held.hold(*span));
            for span in left {
                let (name, from, until) = (self.streams.name(*stream), clock(span.from_us), clock(span.until_us));
                report.find("VANISHED", || {
                    format!("stream {name}: the coverage from {from} to {until} was claimed and is not any more")
                });
            }
        }
        for (stream, before) in &before.gaps {
            let held = gone.get(stream).unwrap_or(&none);
            for gap in before.iter().filter(|gap| !gap.is_open() && !held.hold(gap.span)) {
                let (name, from, until) =
                    (self.streams.name(*stream), clock(gap.span.from_us), clock(gap.span.until_us));
                report.find("VANISHED", || {
                    format!("stream {name}: the gap from {from} to {until} is not a gap any more")
                });
            }
        }
    }
}

fn covered(seen: &Snapshot) -> HashMap<u32, Spans> {
    seen.covers.iter().map(|(stream, covers)| (*stream, covers.iter().map(|cover| cover.span).collect())).collect()
}

fn gaps(seen: &Snapshot) -> HashMap<u32, Spans> {
    let spans = |gaps: &Vec<super::archive::Gap>| gaps.iter().map(|gap| gap.span).collect::<Vec<Span>>();
    seen.gaps.iter().map(|(stream, gaps)| (*stream, spans(gaps).into_iter().collect())).collect()
}
