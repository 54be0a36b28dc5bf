//! The oracle: what the server did, what was wanted, and what the archive claims, held against one another.
//!
//! It knows nothing of the daemon but the views that docs/archive.md describes, and uses no code of it. The invariants
//! that it holds are named in docs/proof.md.
//!
//! | class | what it counts: a message, once for each stream that it matched |
//! | --- | --- |
//! | `stored` | a row |
//! | `deleted` | no row, and an order to delete it came |
//! | `in_gap` | no row, and it was made inside a gap of its stream |
//! | `pruned` | no row, and it was made before the archive's `pruned_before_us`, which is no later than the driver allows |
//! | `quarantined` | no row, but its frame is kept in quarantine |
//! | `before` | no row, and it was made before its stream's history begins, which began in time |
//! | `unwanted` | no row, and its stream was not in the list then |
//! | `indeterminate` | no row, and nothing claims it: after the last word of a daemon that runs or was killed |
//! | `repeated` | stored, and handed over more than once |
//! | `healed` | a row that a backfill brought |
//! | `withheld` | no row, in a gap that is filled: the server's archive had it not, and no answer of it said so |

mod archive;
mod classes;
mod driver;
mod healing;
mod historic;
mod journal;
mod remains;
mod spans;
mod timeline;
mod verdict;
mod watch;

pub(crate) use verdict::{Promise, Report, Verdict};
pub(crate) use watch::Watch;

use archive::{Archive, Snapshot};
use driver::Driver;
use journal::{Journal, Making, Order};
use std::fmt;
use std::path::{Path, PathBuf};

/// What the oracle could not read. That is no verdict about the daemon.
#[derive(Debug)]
pub(crate) enum Unreadable {
    File(PathBuf, std::io::Error),
    Line(PathBuf, usize, serde_json::Error),
    Archive(rusqlite::Error),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(out, "{}: {error}", path.display()),
            Self::Line(path, line, error) => write!(out, "{}:{line}: not a line of a journal: {error}", path.display()),
            Self::Archive(error) => write!(out, "the archive cannot be read through its views: {error}"),
        }
    }
}

impl std::error::Error for Unreadable {}

impl From<rusqlite::Error> for Unreadable {
    fn from(error: rusqlite::Error) -> Self {
        Self::Archive(error)
    }
}

/// Judges an archive that nobody writes any more.
pub(crate) fn judge(
    journal: &Path,
    driver: Option<&Path>,
    archive: &Path,
    promise: &Promise,
) -> Result<Report, Unreadable> {
    let mut streams = Streams::default();
    let mut truth = Journal::open(journal)?;
    truth.catch_up(&mut streams)?;
    let mut wishes = driver.map(Driver::open).transpose()?;
    if let Some(wishes) = &mut wishes {
        wishes.catch_up(&mut streams)?;
        wishes.shift(promise.local_offset_us);
        wishes.now_us = truth.until_us;
    }
    let snapshot = Archive::open(archive)?.snapshot(&mut streams)?;
    let driver = wishes.unwrap_or_else(|| Driver::told_by(&snapshot));
    let look = Look { is_final: true, truth: &truth, driver: &driver, seen: &snapshot, streams: &streams, promise };
    let mut report = look.judge();
    remains::search(&look, archive, &mut report)?;
    report.conclude(&truth, &driver, promise);
    Ok(report)
}

/// One look at the archive, and what it is held against.
struct Look<'a> {
    /// The daemon has ended, in order or not, and so has the server. Otherwise the archive was read before the journals:
    /// whatever it holds is in them.
    is_final: bool,
    truth: &'a Journal,
    driver: &'a Driver,
    seen: &'a Snapshot,
    streams: &'a Streams,
    promise: &'a Promise,
}

impl Look<'_> {
    fn judge(&self) -> Report {
        let mut report = Report::new(self.truth);
        classes::count(self, &mut report);
        timeline::check(self, &mut report);
        healing::check(self, &mut report);
        report
    }

    /// An order that came over while its stream was covered live is carried out, in every stream. One that was lost with a
    /// connection is not given again by a backfill.
    fn is_obeyed(&self, order: &Order) -> bool {
        let at_us = self.local(&order.making);
        order.making.is_sent()
            && self.driver.wish_at(order.stream, at_us).is_some()
            && self.seen.live_at(order.stream, at_us).is_some()
    }

    /// The moment of a making by the clock of the daemon.
    fn local(&self, making: &Making) -> i64 {
        making.at_us + self.promise.local_offset_us
    }
}

/// Streams by number, so that a million messages do not carry a million hashes.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    numbers: std::collections::HashMap<String, u32>,
    names: Vec<String>,
}

impl Streams {
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        number
    }

    pub(crate) fn name(&self, number: u32) -> &str {
        usize::try_from(number).ok().and_then(|place| self.names.get(place)).map_or("", String::as_str)
    }
}

/// The first 16 hexadecimal digits of the BLAKE3 hash, as the journal has it.
pub(crate) fn digest(data: &[u8]) -> u64 {
    let hash = blake3::hash(data);
    hash.as_bytes().first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

/// A moment as people read it.
pub(crate) fn clock(us: i64) -> String {
    let (second, micro) = (us.div_euclid(1_000_000), us.rem_euclid(1_000_000));
    let of_day = second.rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}.{micro:06}Z ({us})", of_day / 3_600, of_day / 60 % 60, of_day % 60)
}
