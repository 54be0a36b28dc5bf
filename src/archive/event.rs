//! What the writer has to say to the daemon: trouble, and its end.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::time::Time;

/// Events that may wait to be read. They are rare: changes of condition only.
pub(super) const EVENTS_MAX: usize = 64;

/// A change in the writer's condition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// Commits fail; everything waits in the queue and is tried again. `full` if space is what lacks.
    Failing { full: bool, detail: String },
    /// Commits succeed again, after this long.
    Recovered { after: Duration },
    /// A reader keeps the write-ahead log from being moved into the archive; it has grown to this many bytes.
    LogHeldBack { bytes: u64 },
    /// So many rows, with so many bytes of payload, were older or more than is kept; they arrived before this moment.
    Pruned { rows: u64, bytes: u64, before: Time },
    /// Rows that should be gone have been waiting for that for this long.
    PruningBehind { since: Duration, why: &'static str },
    /// The archive proved to be damaged. The writer has stopped; the daemon must end (65).
    Damaged { detail: String },
    /// A fault in this program. The writer has stopped; the daemon must end (70).
    Broken { detail: String },
}

/// The events, in order. Ends when the writer has ended.
#[derive(Debug)]
pub struct Events(pub(super) mpsc::Receiver<Event>);

impl Events {
    /// The next event; `None` once the writer has ended. May be dropped and called again without losing one.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.recv().await
    }
}
