//! The way to an archive that is ours, whole, of this version, and held by nobody else.

use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use super::event::Events;
use super::queue::{Intake, QueueBounds};
use crate::coverage::Cause;
use crate::record::{ConnectionId, StreamId};
use crate::time::Time;

/// How strictly a commit waits for the medium.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Synchronous {
    /// Every commit is on the medium before the next begins.
    #[default]
    Full,
    /// A power failure may take the last commits back, with their claims. Changes of coverage are as under `Full`.
    Normal,
}

/// What the settings say about the archive.
#[derive(Clone, Debug)]
pub struct Options {
    pub path: PathBuf,
    pub synchronous: Synchronous,
    /// Bytes of unreadable frames that are kept in all.
    pub quarantine_max: u64,
    /// Size of the write-ahead log, in bytes, from which the writer itself moves it into the archive.
    pub max_wal: u64,
    /// The program's version, for the `daemon` view.
    pub version: &'static str,
    /// How long a deleted interaction is kept from coming back.
    pub tombstones: Duration,
    /// How long notices are kept.
    pub notices: Duration,
    /// A stream acknowledged this soon after it became wanted has no gap before.
    pub starting: Duration,
}

/// Why the archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another daemon holds it (75).
    #[error("{path}: another daemon holds this archive (process {pid}): stop it, or name another file in archive.path", path = path.display(), pid = pid.map_or("unknown".to_owned(), |pid| pid.to_string()))]
    Held { path: PathBuf, pid: Option<u32> },
    /// It cannot be created (73).
    #[error("{path}: cannot create the archive: {why}", path = path.display())]
    Create { path: PathBuf, why: String },
    /// Another program's file (65).
    #[error("{path}: not an archive of siftd ({why}): it is left as it is; name another file in archive.path", path = path.display())]
    Foreign { path: PathBuf, why: String },
    /// A later version's file (65).
    #[error("{path}: the archive has version {found}, this program knows {known}: install a newer siftd", path = path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    /// Not whole (65).
    #[error("{path}: the archive is damaged ({why}): it is left as it is; restore a backup, or move it away with its -wal and -shm", path = path.display())]
    Damaged { path: PathBuf, why: String },
    /// Reading or writing fails (74).
    #[error("{path}: cannot use the archive: {why}", path = path.display())]
    Storage { path: PathBuf, why: String },
}

/// A stream that the settings want.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wanted {
    pub name: String,
    pub label: Option<String>,
}

/// A wanted stream, as its history stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StreamStart {
    pub id: StreamId,
    pub name: String,
    pub label: Option<String>,
    /// Since when it is wanted without a break.
    pub wanted: Time,
    pub standing: Standing,
}

/// How a wanted stream's history ends at a start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It has no history since it became wanted.
    New,
    /// A gap runs.
    Gap(Cause),
}

/// What opening found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Recovery {
    /// The last connection's number; 0 if there was none.
    pub connection: ConnectionId,
    /// The daemon had not stopped in order.
    pub crashed: Option<Crashed>,
    /// Bytes in quarantine.
    pub quarantine_bytes: u64,
    /// The clock now lies this far before the last moment recorded.
    pub clock_behind: Option<Duration>,
}

/// What the end without order left behind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Crashed {
    /// Streams that were given a gap with cause `crash`.
    pub streams: usize,
    /// The earliest start of those gaps.
    pub since: Time,
}

/// The archive, open for writing, before its writer runs.
#[derive(Debug)]
pub struct Archive;

impl Archive {
    /// Opens the archive or creates it; puts what a crash left unproven into gaps, in one commit.
    pub fn open(options: &Options, now: Time) -> Result<Self, OpenError> {
        let (_, _) = (options, now);
        todo!("comes with the next commits")
    }

    /// What opening found.
    pub fn recovery(&self) -> Recovery {
        todo!("comes with the next commits")
    }

    /// Makes exactly these streams wanted: new ones are entered, labels renewed, retired ones wanted again, others
    /// retired. The answer is in the order of `wanted`.
    pub fn adopt(&mut self, wanted: &[Wanted], now: Time) -> Result<Vec<StreamStart>, OpenError> {
        let (_, _) = (wanted, now);
        todo!("comes with the next commits")
    }

    /// Starts the writer. `clock` tells the time for retries, the `daemon` row and what expires.
    pub fn start(
        self,
        queue: QueueBounds,
        clock: impl Fn() -> Time + Send + Sync + 'static,
    ) -> Result<(Intake, Events, JoinHandle<()>), OpenError> {
        let (_, _) = (queue, clock);
        todo!("comes with the next commits")
    }
}
