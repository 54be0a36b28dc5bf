//! The log: notices pass through a bounded queue to a thread of their own, and from there to whoever reads.

mod event;
mod line;
mod reader;

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::Dispatch;

use crate::config::{self, LogLevel};
use crate::limits::LOG_QUEUE_MAX;
use crate::notice::{Level, Notice};
use crate::time::Time;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error(
        "log.format = \"journald\": the journal cannot be reached at /run/systemd/journal/socket ({0}); \
         start the journal, or use log.format = \"auto\""
    )]
    Journal(std::io::Error),
    #[error(
        "the thread that writes the log cannot be started ({0}); raise the limit on threads (ulimit -u, TasksMax=)"
    )]
    Thread(std::io::Error),
}

/// Where notices are said. Clones speak into the same log.
///
/// Nothing but notices comes out of it: no library's words, at any level, as the subscriber behind it is no other
/// thread's. A reader that stands still (a stopped journal, a full pipe) costs lines, which are counted and told,
/// never time.
#[derive(Clone, Debug)]
pub struct Log {
    queue: SyncSender<Line>,
    shared: Arc<Shared>,
}

/// A notice on its way to the log.
#[derive(Debug)]
struct Line {
    at: Time,
    notice: Notice,
}

#[derive(Debug)]
struct Shared {
    /// The least important level that is said, as its rank.
    level: AtomicU8,
    /// Lines lost since `log-lost` was last said.
    lost: AtomicU64,
    /// Lines that were taken in and are not yet written.
    pending: Mutex<usize>,
    /// A line was written.
    written: Condvar,
}

/// The line that a notice is in a log of text, without colours.
pub fn as_text(at: Time, notice: &Notice) -> String {
    reader::written(line::Form::Text { colours: false }, || event::emit(at, notice))
}

/// The line that a notice is in a log of JSON.
pub fn as_json(at: Time, notice: &Notice) -> String {
    reader::written(line::Form::Json, || event::emit(at, notice))
}

/// Starts the log as the settings want it.
///
/// # Errors
/// If the journal was asked for by name and cannot be reached, or no thread can be started.
pub fn start(settings: &config::Log) -> Result<Log, LogError> {
    Log::into(reader::choose(settings.format)?, settings.level)
}

impl Log {
    /// A log whose lines `reader` takes.
    fn into(reader: Dispatch, level: LogLevel) -> Result<Self, LogError> {
        let (queue, lines) = sync_channel(LOG_QUEUE_MAX);
        let shared = Arc::new(Shared {
            level: AtomicU8::new(least(level)),
            lost: AtomicU64::new(0),
            pending: Mutex::new(0),
            written: Condvar::new(),
        });
        let progress = Arc::clone(&shared);
        let thread = thread::Builder::new().name("log".into());
        thread.spawn(move || write(&lines, &reader, &progress)).map_err(LogError::Thread)?;
        Ok(Self { queue, shared })
    }

    /// Says a notice, unless the level leaves it out. Never waits: if the queue is full the line is lost, and
    /// `log-lost` is said, with their number, as soon as there is room again.
    pub fn say(&self, at: Time, notice: &Notice) {
        if rank(notice.entry().level) > self.shared.level.load(Ordering::Relaxed) {
            return;
        }
        let mut lost = self.shared.lost.swap(0, Ordering::Relaxed);
        if lost > 0 && self.offer(Line { at, notice: Notice::LogLost { count: lost } }) {
            lost = 0;
        }
        if lost > 0 || !self.offer(Line { at, notice: notice.clone() }) {
            self.shared.lost.fetch_add(lost.saturating_add(1), Ordering::Relaxed);
        }
    }

    /// From here on says what is as important as `level`, or more.
    pub fn set_level(&self, level: LogLevel) {
        self.shared.level.store(least(level), Ordering::Relaxed);
    }

    /// How many lines were lost since `log-lost` was last said.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Waits until everything said so far is written, at most for `within`. Blocks the thread: for the end of the
    /// process. Returns whether all was written.
    pub fn flush(&self, within: Duration) -> bool {
        let pending = self.shared.pending();
        let outcome = self.shared.written.wait_timeout_while(pending, within, |lines| *lines > 0);
        let (pending, _) = outcome.unwrap_or_else(PoisonError::into_inner);
        *pending == 0
    }

    /// Puts a line into the queue, if there is room.
    fn offer(&self, line: Line) -> bool {
        let mut pending = self.shared.pending();
        let taken = self.queue.try_send(line).is_ok();
        if taken {
            *pending = pending.saturating_add(1);
        }
        taken
    }
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, usize> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread: writes line after line until the last [`Log`] is gone.
fn write(lines: &Receiver<Line>, reader: &Dispatch, progress: &Shared) {
    let _reader = tracing::dispatcher::set_default(reader);
    for line in lines {
        event::emit(line.at, &line.notice);
        let mut pending = progress.pending();
        *pending = pending.saturating_sub(1);
        progress.written.notify_all();
    }
}

/// The order of levels, most important first.
const fn rank(level: Level) -> u8 {
    match level {
        Level::Error => 0,
        Level::Warn => 1,
        Level::Info => 2,
        Level::Debug => 3,
    }
}

/// The rank of the least important notice that a setting lets through. No notice is less than `debug`.
const fn least(level: LogLevel) -> u8 {
    match level {
        LogLevel::Error => rank(Level::Error),
        LogLevel::Warn => rank(Level::Warn),
        LogLevel::Info => rank(Level::Info),
        LogLevel::Debug | LogLevel::Trace => rank(Level::Debug),
    }
}

#[cfg(test)]
mod tests;
