//! A model of the archive: what is asked of it waits, is committed in order, and is lost in a crash if it still waits.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use siftd::coverage::Cause;
use siftd::decide::{Standing, Start};
use siftd::record::{ConnectionId, Reach, Record, StreamId};
use siftd::time::Time;

/// One thing asked of the archive.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// Message `.1` of a stream.
    Keep(StreamId, u64),
    Erase(u64),
    /// The frame that held this message.
    Quarantine(u64),
    Record(Record),
    Reach(Reach),
}

/// Entries that are committed together or not at all, and when the first of them was asked for.
#[derive(Debug)]
struct Parcel {
    asked: Time,
    entries: Vec<Entry>,
}

/// A stretch of one stream, by the clock of the daemon.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    pub(super) stream: StreamId,
    pub(super) from: Time,
    pub(super) until: Option<Time>,
    /// How far the clock that told each end was ahead of the true one, in microseconds.
    skews: (i64, i64),
}

impl Stretch {
    pub(super) const fn new(stream: StreamId, from: Time, skew: i64) -> Self {
        Self { stream, from, until: None, skews: (skew, skew) }
    }

    /// Where it begins by the true clock.
    pub(super) const fn truly_from(&self) -> Time {
        self.from.shifted(-self.skews.0)
    }

    /// Whether it holds a moment of the true clock.
    pub(super) fn holds(&self, at: Time) -> bool {
        self.truly_from() <= at && self.until.is_none_or(|until| at <= until.shifted(-self.skews.1))
    }

    fn end(&mut self, until: Time, skew: i64) {
        (self.until, self.skews.1) = (Some(until), skew);
    }

    /// Begins at `from` at the latest, by this clock.
    fn widen(&mut self, from: Time, skew: i64) {
        if from < self.from {
            let truly = self.truly_from().min(from.shifted(-skew));
            (self.from, self.skews.0) = (from, from.micros() - truly.micros());
        }
    }
}

/// A stretch of which nothing is proven.
#[derive(Clone, Debug)]
pub(super) struct Gap {
    pub(super) stretch: Stretch,
    pub(super) cause: Cause,
    /// In which life of the process it was opened.
    pub(super) life: u32,
}

/// A time during which a stream was in the settings.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) stretch: Stretch,
    /// The same by the true clock.
    pub(super) truly: Stretch,
    /// Where its coverage ended when it was taken out, by the true clock: what came after is nobody's promise.
    pub(super) proven: Time,
}

#[derive(Debug, Default)]
pub(super) struct Archive {
    filling: Vec<Entry>,
    waiting: VecDeque<Parcel>,
    /// How much waits, in entries.
    pub(super) weight: usize,
    pub(super) rows: BTreeSet<(StreamId, u64)>,
    pub(super) erased: BTreeSet<u64>,
    pub(super) quarantined: BTreeSet<u64>,
    pub(super) covers: Vec<(Stretch, ConnectionId)>,
    /// Covers of which no claim stands any more: what they tell is where a history began.
    retracted: Vec<Stretch>,
    pub(super) gaps: Vec<Gap>,
    pub(super) wanted: Vec<Wanted>,
    names: BTreeMap<StreamId, String>,
    reach: Reach,
    open: Option<ConnectionId>,
    pub(super) last: ConnectionId,
    /// How often the process was started.
    pub(super) life: u32,
    /// The last moment that anything was written of.
    latest: Time,
    /// How far the daemon's clock is ahead of the true one, in microseconds.
    skew: i64,
}

impl Archive {
    pub(super) fn ask(&mut self, entry: Entry) {
        if let (Entry::Reach(_), Some(last @ Entry::Reach(_))) = (&entry, self.filling.last_mut()) {
            *last = entry;
        } else {
            self.filling.push(entry);
        }
    }

    /// Writes something down before all that waits, as no archive may.
    pub(super) fn hurry(&mut self, entry: &Entry) {
        if let Entry::Reach(reach) = entry
            && reach.connection == self.last
        {
            self.write(entry);
        }
    }

    /// Where the open gap of a stream began.
    pub(super) fn gap_began(&mut self, stream: StreamId) -> Option<Time> {
        self.running_gap(stream).map(|gap| gap.from)
    }

    /// Claims less of a stream than was proven.
    pub(super) fn widen(&mut self, stream: StreamId, from: Time) {
        if let Some(cover) = self.running_cover(stream) {
            cover.from = cover.from.min(from);
        }
        if let Some(gap) = self.running_gap(stream) {
            gap.from = gap.from.min(from);
        }
    }

    /// What was asked for since the last time belongs together.
    pub(super) fn seal(&mut self, now: Time) {
        if !self.filling.is_empty() {
            self.weight += self.filling.len();
            self.waiting.push_back(Parcel { asked: now, entries: std::mem::take(&mut self.filling) });
        }
    }

    /// Commits as many of the parcels that wait, and says what they held.
    pub(super) fn commit(&mut self, parcels: usize) -> Vec<Entry> {
        let some = parcels.min(self.waiting.len());
        let entries: Vec<Entry> = self.waiting.drain(..some).flat_map(|parcel| parcel.entries).collect();
        self.weight -= entries.len();
        for entry in &entries {
            self.write(entry);
        }
        entries
    }

    fn write(&mut self, entry: &Entry) {
        match *entry {
            Entry::Keep(stream, message) => {
                self.rows.insert((stream, message));
            }
            Entry::Erase(message) => {
                self.erased.insert(message);
            }
            Entry::Quarantine(message) => {
                self.quarantined.insert(message);
            }
            Entry::Record(ref record) => self.record(record),
            Entry::Reach(reach) => {
                assert!(self.last == reach.connection, "a position of a connection that is not the last");
                let same = self.reach.connection == reach.connection;
                assert!(!same || self.reach.proven_until <= reach.proven_until, "a claim was withdrawn");
                assert!(reach.proven_until <= reach.covered_until, "more is claimed than has come");
                self.reach = reach;
                self.latest = self.latest.max(reach.covered_until);
            }
        }
    }

    fn record(&mut self, record: &Record) {
        let skew = self.skew;
        match *record {
            Record::Opened { connection, at, .. } => {
                assert!(self.open.is_none() && connection > self.last, "two connections at a time");
                (self.open, self.last) = (Some(connection), connection);
                self.latest = self.latest.max(at);
            }
            Record::Closed { connection, at, .. } => {
                assert_eq!(self.open.take(), Some(connection));
                assert!(self.covers.iter().all(|(cover, _)| cover.until.is_some()), "coverage without a connection");
                self.latest = self.latest.max(at);
            }
            Record::Covered { stream, connection, from } => {
                assert_eq!(self.open, Some(connection));
                assert!(self.running_cover(stream).is_none(), "covered twice");
                if let Some(gap) = self.running_gap(stream) {
                    assert!(gap.from <= from, "a gap that ends before it begins");
                    gap.end(from, skew);
                }
                self.covers.push((Stretch::new(stream, from, skew), connection));
            }
            Record::Gap { stream, from, cause, .. } => {
                if let Some(cover) = self.running_cover(stream) {
                    assert!(cover.from <= from, "a gap from before the acknowledgement");
                    cover.end(from, skew);
                }
                if let Some(gap) = self.running_gap(stream) {
                    assert!(gap.from <= from, "a gap that ends before it begins");
                    gap.end(from, skew);
                }
                self.open_gap(stream, from, cause, skew);
            }
            Record::Retired { stream, at, proven } => self.retire(stream, at, proven),
            Record::Daemon { since, .. } => self.latest = self.latest.max(since),
            Record::Stands { .. } | Record::Said { .. } | Record::Drain(_) => {}
        }
    }

    fn open_gap(&mut self, stream: StreamId, from: Time, cause: Cause, skew: i64) {
        self.gaps.push(Gap { stretch: Stretch::new(stream, from, skew), cause, life: self.life });
    }

    fn retire(&mut self, stream: StreamId, at: Time, proven: Time) {
        let (skew, mut covered) = (self.skew, at);
        if let Some(cover) = self.running_cover(stream) {
            covered = cover.from.max(proven);
            cover.end(covered, skew);
        }
        if let Some(gap) = self.running_gap(stream) {
            gap.end(at.max(gap.from), skew);
        }
        let wanted = self.wanted.iter_mut().rfind(|wanted| wanted.stretch.stream == stream).unwrap();
        assert!(wanted.stretch.until.is_none(), "retired twice");
        wanted.stretch.end(at, skew);
        wanted.proven = covered.shifted(-skew);
    }

    pub(super) fn running_cover(&mut self, stream: StreamId) -> Option<&mut Stretch> {
        let mut covers = self.covers.iter_mut().map(|(cover, _)| cover);
        covers.find(|cover| cover.stream == stream && cover.until.is_none())
    }

    fn running_gap(&mut self, stream: StreamId) -> Option<&mut Stretch> {
        let gaps = self.gaps.iter_mut().map(|gap| &mut gap.stretch);
        gaps.rev().find(|gap| gap.stream == stream && gap.until.is_none())
    }

    /// A stream comes into the settings at `here`, before anyone asks for it; `truly` is that moment by the true clock.
    pub(super) fn want(&mut self, stream: StreamId, name: &str, here: Time, truly: Time) -> Start {
        self.names.insert(stream, name.to_owned());
        let (stretch, truly) = (Stretch::new(stream, here, self.skew), Stretch::new(stream, truly, 0));
        self.wanted.push(Wanted { stretch, truly, proven: Time::NEVER });
        Start { id: stream, name: name.to_owned(), wanted: here, standing: Standing::New }
    }

    /// A stream is out of the settings, by the true clock.
    pub(super) fn unwanted(&mut self, stream: StreamId, truly: Time) {
        if let Some(wanted) = self.wanted.iter_mut().rfind(|wanted| wanted.truly.stream == stream) {
            wanted.truly.end(truly, 0);
        }
    }

    pub(super) fn is_wanted(&self, stream: StreamId) -> bool {
        self.wanted.iter().any(|wanted| wanted.truly.stream == stream && wanted.truly.until.is_none())
    }

    /// The process is gone: what was not committed has never been. Says since when it had waited.
    pub(super) fn crash(&mut self) -> Option<Time> {
        self.filling.clear();
        let oldest = self.waiting.front().map(|parcel| parcel.asked);
        self.waiting.clear();
        self.weight = 0;
        oldest
    }

    /// A start: what the last connection left unclosed becomes a gap from the last proven moment on. If the clock now
    /// lies before what was written, no claim stands that reaches beyond it.
    pub(super) fn recover(&mut self, now: Time, skew: i64) -> Vec<Start> {
        self.life += 1;
        let before = std::mem::replace(&mut self.skew, skew);
        if self.open.take().is_some() {
            let proven = self.reach.proven_until;
            let mut ended = Vec::new();
            for (cover, connection) in self.covers.iter_mut().filter(|(cover, _)| cover.until.is_none()) {
                assert_eq!(*connection, self.last);
                let moved = self.reach.connection == *connection;
                let end = if moved { cover.from.max(proven) } else { cover.from };
                cover.end(end, before);
                ended.push((cover.stream, end));
            }
            for (stream, end) in ended {
                self.open_gap(stream, end, Cause::Crash, before);
            }
        }
        if now < self.latest {
            self.retract(now);
        }
        self.latest = self.latest.min(now);
        let running = self.wanted.iter().filter(|wanted| wanted.stretch.until.is_none());
        running.map(|wanted| self.start(&wanted.stretch)).collect()
    }

    /// The clock was set back to `now`: by it, what is written of later moments has not happened yet.
    fn retract(&mut self, now: Time) {
        let behind = self.reach.clock_offset.unwrap_or(0).min(0);
        let stands = now.min(self.reach.proven_until.shifted(behind));
        let gone = self.covers.extract_if(.., |(cover, _)| cover.from >= stands);
        self.retracted.extend(gone.map(|(cover, _)| cover));
        for (cover, _) in &mut self.covers {
            cover.until = cover.until.map(|until| until.min(stands));
        }
        let skew = self.skew;
        for gap in self.gaps.iter_mut().filter(|gap| gap.stretch.until.is_none()) {
            gap.stretch.widen(stands, skew);
            // It begins by another clock now, and cannot be compared with what was served by the old one.
            gap.life = self.life;
        }
        for wanted in self.wanted.iter_mut().filter(|wanted| wanted.stretch.until.is_none()) {
            wanted.stretch.widen(now, skew);
        }
    }

    fn start(&self, wanted: &Stretch) -> Start {
        let mut gaps = self.gaps.iter().rev();
        let gap = gaps.find(|gap| gap.stretch.stream == wanted.stream && gap.stretch.until.is_none());
        let standing = gap.map_or(Standing::New, |gap| Standing::Gap(gap.cause));
        Start { id: wanted.stream, name: self.names[&wanted.stream].clone(), wanted: wanted.from, standing }
    }

    /// The first stretch of the history of a stream, of the time it was wanted by the true clock.
    pub(super) fn history(&self, wanted: &Stretch) -> Option<&Stretch> {
        let covers = self.covers.iter().map(|(cover, _)| cover).chain(&self.retracted);
        let stretches = covers.chain(self.gaps.iter().map(|gap| &gap.stretch));
        let of_it = stretches.filter(|stretch| stretch.stream == wanted.stream);
        let of_it = of_it.filter(|stretch| stretch.truly_from() >= wanted.from);
        let of_it = of_it.filter(|stretch| wanted.until.is_none_or(|until| stretch.truly_from() <= until));
        of_it.min_by_key(|stretch| stretch.truly_from())
    }
}
