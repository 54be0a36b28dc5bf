//! The write-ahead log, as the writer keeps it: short, so that it is overwritten, and empty of what was deleted.

use std::time::Duration;

use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, ErrorCode};

use super::{EMPTYING, End, Writer};
use crate::archive::checkpoint::{Log, checkpoint, is_lost_sync};
use crate::archive::event::Event;
use crate::archive::queue::Queue;
use crate::archive::schema::BUSY;
use crate::archive::trouble::Trouble;
use crate::limits::{CHECKPOINT_BYTES, CHECKPOINT_REST, LOG_LONG};
use crate::time::Time;

/// How often a reader that holds the log back is worth a word.
const HELD_BACK_EVERY: Duration = Duration::from_mins(10);

/// How often it is tried to empty the log at the end, how long a reader is waited for each time, and whoever else moves
/// the log after it, for whom SQLite does not wait. Together no longer than [`EMPTYING`].
const EMPTYING_TRIES: u32 = 25;
const EMPTYING_TRY: Duration = Duration::from_millis(100);
const EMPTYING_REST: Duration = Duration::from_millis(20);
const EMPTYING_TURN: Duration = EMPTYING_TRY.saturating_add(EMPTYING_REST);
const _: () = assert!(EMPTYING_TURN.saturating_mul(EMPTYING_TRIES).as_millis() <= EMPTYING.as_millis());

/// Empties the log when nothing more will be written, so that no byte of what was deleted stays in it. It does not go,
/// as the group could not read then. Who asks a short question is waited for, such as the daemon itself, which looks for
/// gaps on a thread of its own; who reads on, or until the time for the stop is up, keeps the log as it is.
pub(super) fn empty(db: &Connection, queue: &Queue) {
    for _ in 0..EMPTYING_TRIES {
        let is_late = queue.finish_by().is_none_or(|by| queue.now() >= by);
        db.busy_timeout(if is_late { Duration::ZERO } else { EMPTYING_TRY }).ok();
        let emptied = checkpoint(db, CheckpointMode::TRUNCATE);
        let is_busy = emptied.is_err_and(|error| error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy));
        if is_late || !is_busy {
            return;
        }
        queue.pause(EMPTYING_REST);
    }
}

impl Writer {
    /// Looks what the log holds; has it moved, and begun anew.
    pub(super) fn watch_log(&mut self, now: Time) -> Result<(), End> {
        if self.parts.mover.has_failed() || std::mem::take(&mut self.unsynced) {
            self.failed(Trouble::Medium("a sync of the archive failed".to_owned()))?;
        }
        let Ok(log) = self.move_log(CheckpointMode::NOOP) else { return Ok(()) };
        self.shorten(log);
        if log.bytes > self.move_at {
            let held = self.move_log(CheckpointMode::PASSIVE).is_ok_and(|log| log.unmoved > 0);
            self.move_at = log.bytes.saturating_add(CHECKPOINT_BYTES);
            if held && self.held_back.is_none_or(|told| now.since(told) >= HELD_BACK_EVERY) {
                self.held_back = Some(now);
                self.say(Event::LogHeldBack { bytes: log.bytes });
            }
        } else if log.bytes <= self.parts.options.max_wal {
            self.move_at = self.parts.options.max_wal;
        }
        if self.begun > self.emptied && self.parts.remains.is_through() && !self.draining && self.parts.queue.is_empty()
        {
            self.emptied = self.begun;
            // Without waiting for readers: the next minute will do as well.
            self.parts.db.busy_timeout(Duration::ZERO).ok();
            self.move_log(CheckpointMode::TRUNCATE).ok();
            self.parts.db.busy_timeout(BUSY).ok();
        }
        Ok(())
    }

    /// Has the log moved beside the writer, some at a time, and moves what is left itself when it has become long, so that
    /// the next commit begins it anew: a log that stays short is overwritten, which is quicker than to append.
    fn shorten(&mut self, log: Log) {
        if self.draining || self.parts.mover.is_moving() {
            return;
        }
        if log.bytes < self.tried_at {
            self.tried_at = 0;
        }
        // A reader may keep it from beginning anew: that is tried again when it has grown.
        let is_long = log.bytes > self.tried_at.saturating_add(LOG_LONG);
        if is_long && log.unmoved <= CHECKPOINT_REST {
            self.tried_at = log.bytes;
            self.move_log(CheckpointMode::PASSIVE).ok();
        } else if log.unmoved > if is_long { CHECKPOINT_REST } else { CHECKPOINT_BYTES } {
            self.parts.mover.ask();
        }
    }

    /// Moves the log, and remembers if a sync failed: no commit is to be built on that as if nothing had been.
    fn move_log(&mut self, mode: CheckpointMode) -> rusqlite::Result<Log> {
        let moved = checkpoint(&self.parts.db, mode);
        self.unsynced |= moved.as_ref().is_err_and(is_lost_sync);
        moved
    }
}
