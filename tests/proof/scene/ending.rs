//! The end of a scene: what is under way arrives, the daemon stops, the server stops, the oracle speaks.

use super::{Scene, diary, number, wait};
use crate::oracle::{Promise, Report, Verdict, judge};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What remains of a scene when everything has stopped.
pub(crate) struct Evidence {
    folder: TempDir,
    pub(crate) journal: PathBuf,
    pub(crate) driver: PathBuf,
    pub(crate) archive: PathBuf,
    pub(crate) promise: Promise,
    /// What was found while the daemon ran, if it was watched.
    seen: Option<Report>,
}

impl Evidence {
    pub(crate) fn judge(&self) -> Report {
        self.judge_this(&self.archive)
    }

    /// The same run with another archive.
    pub(crate) fn judge_this(&self, archive: &Path) -> Report {
        let mut report = judge(&self.journal, Some(&self.driver), archive, &self.promise).unwrap();
        if let Some(seen) = &self.seen {
            report.join(seen);
        }
        report
    }

    /// Fails unless all is proven; what there was is kept then, to be looked into.
    pub(crate) fn prove(mut self) -> Report {
        let report = self.judge();
        if report.verdict() != Verdict::Proven {
            self.folder.disable_cleanup(true);
            panic!("{report}\nkept in {}", self.folder.path().display());
        }
        report
    }
}

impl Scene {
    pub(super) fn promise(&self, classes: &[&str]) -> Promise {
        let classes = classes.iter().map(|class| (*class).to_owned()).collect();
        Promise { classes, starting_us: self.stage.starting_us(), ..Promise::default() }
    }

    /// The world stands still, and whatever it has made is claimed by coverage or by a gap.
    pub(crate) fn drain(&mut self) {
        self.cue(r#"{"do":{"rate":"0/s"}}"#, "cue");
        let now_us = diary::now();
        let query = format!(
            "SELECT s.stream FROM streams s LEFT JOIN coverage c USING (stream)
              WHERE s.state = 'active' AND s.open_gaps = 0
              GROUP BY s.stream HAVING coalesce(max(c.until_us), 0) < {now_us}"
        );
        let query = format!("SELECT count(*) FROM ({query})");
        let archive = self.archive();
        wait("the coverage to pass the last message", || number(&archive, &query).ok().filter(|behind| *behind == 0));
    }

    /// Drains, stops the daemon and the server, and judges: these classes of messages must have come about.
    pub(crate) fn finish(mut self, classes: &[&str]) -> Report {
        if classes.contains(&"stored") {
            // What was tried may be over before the world has made anything.
            self.holds("SELECT EXISTS (SELECT 1 FROM interactions)");
        }
        self.drain();
        self.end(classes).prove()
    }

    /// The same without waiting for what is under way; the daemon may have ended before.
    pub(crate) fn finish_as_it_is(self, classes: &[&str]) -> Report {
        self.end(classes).prove()
    }

    /// Stops everything, and judges nothing yet.
    pub(crate) fn end(mut self, classes: &[&str]) -> Evidence {
        let watched = self.watch.take().map(|watch| watch.end(true).unwrap());
        let stop = self.daemon.is_some().then(|| self.stop());
        if let Some(server) = self.server.take() {
            server.stop().unwrap();
        }
        if let Some(stop) = stop {
            self.diary.end(stop, Some("the daemon ended with 0".to_owned()));
        }
        self.diary.close();
        let seen = watched.map(|(mut seen, looks)| {
            if looks < 2 && seen.verdict() == Verdict::Proven {
                seen.doubt(format!("the archive was looked at only {looks} times while it was written"));
            }
            seen
        });
        let (journal, driver, archive) = (self.journal(), self.diary.path(), self.archive());
        let promise = self.promise(classes);
        Evidence { folder: self.folder, journal, driver, archive, promise, seen }
    }
}
