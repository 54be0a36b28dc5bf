//! What was wanted, and what was done to the daemon: the journal of whoever drives the run, JSON lines.
//!
//! | event | fields |
//! | --- | --- |
//! | `wanted`, `unwanted` | `streams`; the change took effect between `from_us` and `until_us` |
//! | `fault` | `name`; `from_us` to `until_us`: while it lasted nobody was truly served; `causes` that a gap of it may have; `excess_us`: how much wider than the outage a gap may be; `fired`: what proves that it happened, absent if nothing does; `streams`, if not all |
//! | `pruned` | rows that arrived before `until_us` may be gone; `streams`, if not all |
//! | `kept` | rows that are older than `age_us` may be gone, at any time; `streams`, if not all |

use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::archive::Snapshot;
use super::spans::Span;
use super::{Streams, Unreadable};

#[derive(Deserialize)]
struct Line {
    event: String,
    #[serde(default)]
    streams: Option<Vec<String>>,
    #[serde(default)]
    from_us: i64,
    #[serde(default)]
    until_us: i64,
    #[serde(default)]
    age_us: i64,
    #[serde(default)]
    name: String,
    #[serde(default)]
    causes: Vec<String>,
    #[serde(default)]
    excess_us: i64,
    fired: Option<String>,
}

/// A time in which a stream was in the list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) stream: u32,
    /// The window in which it was taken in.
    pub(crate) begun: Span,
    /// The window in which it was taken out.
    pub(crate) ended: Option<Span>,
}

impl Wish {
    /// Whether it was surely wanted then.
    pub(crate) fn holds(&self, at_us: i64) -> bool {
        at_us >= self.begun.until_us && self.ended.is_none_or(|ended| at_us < ended.from_us)
    }
}

/// Something that was done to the daemon.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) causes: Vec<String>,
    pub(crate) excess_us: i64,
    pub(crate) fired: Option<String>,
    pub(crate) streams: Option<Vec<u32>>,
}

impl Fault {
    pub(crate) fn concerns(&self, stream: u32) -> bool {
        self.streams.as_ref().is_none_or(|streams| streams.contains(&stream))
    }
}

/// What is known of the run beside the journal of the server.
#[derive(Debug, Default)]
pub(crate) struct Driver {
    path: PathBuf,
    file: Option<BufReader<File>>,
    half: Vec<u8>,
    lines: usize,
    pub(crate) wishes: Vec<Wish>,
    pub(crate) faults: Vec<Fault>,
    pruned: Vec<(Option<Vec<u32>>, i64)>,
    kept: Vec<(Option<Vec<u32>>, i64)>,
    /// The end of the server's journal.
    pub(crate) now_us: i64,
    /// Without a driver's journal nobody knows which gap is in order.
    pub(crate) knows_faults: bool,
}

impl Driver {
    pub(crate) fn open(path: &Path) -> Result<Self, Unreadable> {
        let file = File::open(path).map_err(|error| Unreadable::File(path.to_owned(), error))?;
        Ok(Self { path: path.to_owned(), file: Some(BufReader::new(file)), knows_faults: true, ..Self::default() })
    }

    /// Where no journal of a driver is, the archive's own word on what is wanted must do.
    pub(crate) fn told_by(snapshot: &Snapshot) -> Self {
        let wish = |(stream, wanted_us): &(u32, i64)| {
            let begun = Span { from_us: *wanted_us, until_us: *wanted_us };
            Wish { stream: *stream, begun, ended: None }
        };
        Self { wishes: snapshot.wanted.iter().map(wish).collect(), ..Self::default() }
    }

    /// Reads what has been written since.
    pub(crate) fn catch_up(&mut self, streams: &mut Streams) -> Result<(), Unreadable> {
        loop {
            let Some(file) = &mut self.file else { return Ok(()) };
            file.read_until(b'\n', &mut self.half).map_err(|error| Unreadable::File(self.path.clone(), error))?;
            if !self.half.ends_with(b"\n") {
                return Ok(());
            }
            let whole = std::mem::take(&mut self.half);
            self.lines += 1;
            let line = serde_json::from_slice(&whole);
            let line = line.map_err(|error| Unreadable::Line(self.path.clone(), self.lines, error))?;
            self.take(line, streams);
        }
    }

    fn take(&mut self, line: Line, streams: &mut Streams) {
        let span = Span { from_us: line.from_us, until_us: line.until_us };
        let numbers: Option<Vec<u32>> =
            line.streams.map(|names| names.iter().map(|name| streams.number(name)).collect());
        match line.event.as_str() {
            "wanted" => {
                let wish = |stream: &u32| Wish { stream: *stream, begun: span, ended: None };
                self.wishes.extend(numbers.iter().flatten().map(wish));
            }
            "unwanted" => {
                for wish in self.wishes.iter_mut().filter(|wish| wish.ended.is_none()) {
                    if numbers.as_ref().is_none_or(|numbers| numbers.contains(&wish.stream)) {
                        wish.ended = Some(span);
                    }
                }
            }
            "fault" => self.faults.push(Fault {
                name: line.name,
                span,
                causes: line.causes,
                excess_us: line.excess_us,
                fired: line.fired,
                streams: numbers,
            }),
            "pruned" => self.pruned.push((numbers, span.until_us)),
            "kept" => self.kept.push((numbers, line.age_us)),
            _ => {}
        }
    }

    /// What was wanted is told by the machine's clock; from here on by the daemon's, which is so far ahead.
    pub(crate) fn shift(&mut self, by_us: i64) {
        for wish in &mut self.wishes {
            for span in std::iter::once(&mut wish.begun).chain(&mut wish.ended) {
                span.from_us = span.from_us.saturating_add(by_us);
                span.until_us = span.until_us.saturating_add(by_us);
            }
        }
    }

    pub(crate) fn wish_at(&self, stream: u32, at_us: i64) -> Option<&Wish> {
        self.wishes.iter().find(|wish| wish.stream == stream && wish.holds(at_us))
    }

    pub(crate) fn is_pruned(&self, stream: u32, at_us: i64) -> bool {
        let aged = self.kept.iter().map(|(streams, age_us)| (streams, self.now_us.saturating_sub(*age_us)));
        let mut prunings = self.pruned.iter().map(|(streams, until_us)| (streams, *until_us)).chain(aged);
        prunings.any(|(streams, until_us)| {
            at_us < until_us && streams.as_ref().is_none_or(|streams| streams.contains(&stream))
        })
    }
}
