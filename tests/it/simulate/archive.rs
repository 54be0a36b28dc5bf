//! A model of the archive: what is asked of it waits, is committed in order, and is lost in a crash if it still waits.

use std::collections::{BTreeMap, BTreeSet};

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

/// A stretch of one stream.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    pub(super) stream: StreamId,
    pub(super) from: Time,
    pub(super) until: Option<Time>,
}

impl Stretch {
    pub(super) fn holds(&self, at: Time) -> bool {
        self.from <= at && self.until.is_none_or(|until| at <= until)
    }
}

/// A time during which a stream was in the settings.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) stretch: Stretch,
    /// Where its coverage ended when it was taken out: what came after is nobody's promise.
    pub(super) proven: Time,
}

#[derive(Debug, Default)]
pub(super) struct Archive {
    waiting: Vec<Entry>,
    pub(super) rows: BTreeSet<(StreamId, u64)>,
    pub(super) erased: BTreeSet<u64>,
    pub(super) quarantined: BTreeSet<u64>,
    pub(super) covers: Vec<(Stretch, ConnectionId)>,
    pub(super) gaps: Vec<(Stretch, Cause)>,
    pub(super) wanted: Vec<Wanted>,
    names: BTreeMap<StreamId, String>,
    reach: Reach,
    open: Option<ConnectionId>,
    pub(super) last: ConnectionId,
}

impl Archive {
    pub(super) fn ask(&mut self, entry: Entry) {
        if let (Entry::Reach(_), Some(last @ Entry::Reach(_))) = (&entry, self.waiting.last_mut()) {
            *last = entry;
        } else {
            self.waiting.push(entry);
        }
    }

    pub(super) fn commit(&mut self) {
        for entry in std::mem::take(&mut self.waiting) {
            match entry {
                Entry::Keep(stream, message) => {
                    self.rows.insert((stream, message));
                }
                Entry::Erase(message) => {
                    self.erased.insert(message);
                }
                Entry::Quarantine(message) => {
                    self.quarantined.insert(message);
                }
                Entry::Record(record) => self.write(&record),
                Entry::Reach(reach) => {
                    assert!(self.last == reach.connection, "a position of a connection that is not the last");
                    let same = self.reach.connection == reach.connection;
                    assert!(!same || self.reach.proven_until <= reach.proven_until, "a claim was withdrawn");
                    assert!(reach.proven_until <= reach.covered_until, "more is claimed than has come");
                    self.reach = reach;
                }
            }
        }
    }

    fn write(&mut self, record: &Record) {
        match *record {
            Record::Opened { connection, .. } => {
                assert!(self.open.is_none() && connection > self.last, "two connections at a time");
                (self.open, self.last) = (Some(connection), connection);
            }
            Record::Closed { connection, .. } => {
                assert_eq!(self.open.take(), Some(connection));
                assert!(self.covers.iter().all(|(cover, _)| cover.until.is_some()), "coverage without a connection");
            }
            Record::Covered { stream, connection, from } => {
                assert_eq!(self.open, Some(connection));
                assert!(self.running_cover(stream).is_none(), "covered twice");
                if let Some(gap) = self.running_gap(stream) {
                    assert!(gap.from <= from, "a gap that ends before it begins");
                    gap.until = Some(from);
                }
                self.covers.push((Stretch { stream, from, until: None }, connection));
            }
            Record::Gap { stream, from, cause, .. } => {
                if let Some(cover) = self.running_cover(stream) {
                    assert!(cover.from <= from, "a gap from before the acknowledgement");
                    cover.until = Some(from);
                }
                if let Some(gap) = self.running_gap(stream) {
                    assert!(gap.from <= from, "a gap that ends before it begins");
                    gap.until = Some(from);
                }
                self.gaps.push((Stretch { stream, from, until: None }, cause));
            }
            Record::Retired { stream, at, proven } => self.retire(stream, at, proven),
            Record::Stands { .. } | Record::Said { .. } | Record::Daemon { .. } | Record::Drain(_) => {}
        }
    }

    fn retire(&mut self, stream: StreamId, at: Time, proven: Time) {
        let mut covered = at;
        if let Some(cover) = self.running_cover(stream) {
            covered = cover.from.max(proven);
            cover.until = Some(covered);
        }
        if let Some(gap) = self.running_gap(stream) {
            gap.until = Some(at.max(gap.from));
        }
        let wanted = self.wanted.iter_mut().rfind(|wanted| wanted.stretch.stream == stream).unwrap();
        assert!(wanted.stretch.until.is_none(), "retired twice");
        (wanted.stretch.until, wanted.proven) = (Some(at), covered);
    }

    pub(super) fn running_cover(&mut self, stream: StreamId) -> Option<&mut Stretch> {
        let mut covers = self.covers.iter_mut().map(|(cover, _)| cover);
        covers.find(|cover| cover.stream == stream && cover.until.is_none())
    }

    fn running_gap(&mut self, stream: StreamId) -> Option<&mut Stretch> {
        self.gaps.iter_mut().map(|(gap, _)| gap).find(|gap| gap.stream == stream && gap.until.is_none())
    }

    /// A stream comes into the settings, before anyone asks for it.
    pub(super) fn want(&mut self, stream: StreamId, name: &str, now: Time) -> Start {
        self.commit();
        self.names.insert(stream, name.to_owned());
        let stretch = Stretch { stream, from: now, until: None };
        self.wanted.push(Wanted { stretch, proven: Time::NEVER });
        Start { id: stream, name: name.to_owned(), wanted: now, standing: Standing::New }
    }

    pub(super) fn is_wanted(&self, stream: StreamId) -> bool {
        self.wanted.iter().any(|wanted| wanted.stretch.stream == stream && wanted.stretch.until.is_none())
    }

    /// The process is gone: what was not committed has never been.
    pub(super) fn crash(&mut self) {
        self.waiting.clear();
    }

    /// A start: what the last connection left unclosed becomes a gap from the last proven moment on.
    pub(super) fn recover(&mut self) -> Vec<Start> {
        if self.open.take().is_some() {
            let proven = self.reach.proven_until;
            for (cover, connection) in self.covers.iter_mut().filter(|(cover, _)| cover.until.is_none()) {
                assert_eq!(*connection, self.last);
                let moved = self.reach.connection == *connection;
                let end = if moved { cover.from.max(proven) } else { cover.from };
                cover.until = Some(end);
                self.gaps.push((Stretch { stream: cover.stream, from: end, until: None }, Cause::Crash));
            }
        }
        let running = self.wanted.iter().filter(|wanted| wanted.stretch.until.is_none());
        running.map(|wanted| self.start(&wanted.stretch)).collect()
    }

    fn start(&self, wanted: &Stretch) -> Start {
        let gap = self.gaps.iter().find(|(gap, _)| gap.stream == wanted.stream && gap.until.is_none());
        let standing = gap.map_or(Standing::New, |(_, cause)| Standing::Gap(*cause));
        Start { id: wanted.stream, name: self.names[&wanted.stream].clone(), wanted: wanted.from, standing }
    }

    /// Where the history of a stream begins, of the time it was wanted.
    pub(super) fn history(&self, wanted: &Stretch) -> Option<Time> {
        let stretches = self.covers.iter().map(|(cover, _)| cover).chain(self.gaps.iter().map(|(gap, _)| gap));
        let of_it = stretches.filter(|stretch| stretch.stream == wanted.stream && stretch.from >= wanted.from);
        of_it.filter(|stretch| wanted.until.is_none_or(|until| stretch.from <= until)).map(|stretch| stretch.from).min()
    }
}
