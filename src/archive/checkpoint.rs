//! Moving the write-ahead log into the archive, beside the writer.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, DEFAULT_NAME, ffi};

use super::schema::{PAGE, connect, settle};

/// A page in the log has a header of this many bytes (SQLite, Database File Format, section 4.1).
pub(super) const FRAME_HEADER: u64 = 24;

/// A second connection on a thread of its own. It moves what it can without waiting for readers or the writer. While
/// it is open, the writer may close its own connection without ending the log's life.
#[derive(Debug)]
pub(super) struct Mover {
    asked: SyncSender<()>,
    /// Whether it moves, or is about to.
    moving: Arc<AtomicBool>,
    failed: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Mover {
    pub(super) fn start(path: &Path, archive: Arc<File>) -> Result<Self, String> {
        let db = connect(path).and_then(|db| settle(&db).map(|()| db)).map_err(|error| error.to_string())?;
        let (asked, asks) = sync_channel(1);
        let failed = Arc::new(AtomicBool::new(false));
        let moving = Arc::new(AtomicBool::new(false));
        let (move_on, failure) = (Arc::clone(&moving), Arc::clone(&failed));
        let thread = std::thread::Builder::new()
            .name("archive-log".to_owned())
            .spawn(move || {
                while asks.recv().is_ok() {
                    if move_along(&db, &archive).is_err() {
                        failure.store(true, Ordering::Relaxed);
                    }
                    move_on.store(false, Ordering::Release);
                }
            })
            .map_err(|error| format!("no thread for it: {error}"))?;
        Ok(Self { asked, moving, failed, thread })
    }

    /// Asks it to move what it can, unless it does already.
    pub(super) fn ask(&self) {
        if !self.moving.swap(true, Ordering::Acquire) {
            self.asked.try_send(()).ok();
        }
    }

    /// Whether it moves, or is about to.
    pub(super) fn is_moving(&self) -> bool {
        self.moving.load(Ordering::Acquire)
    }

    /// Whether a sync has failed since this was last asked.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.swap(false, Ordering::Relaxed)
    }

    /// Ends it and closes its connection.
    pub(super) fn stop(self) {
        drop(self.asked);
        self.thread.join().ok();
    }
}

/// A sync failed: see [`is_lost_sync`].
struct LostSync;

/// Moves what there is, and once more what has come meanwhile. SQLite syncs the archive only if the writer has committed
/// nothing meanwhile; while it goes on, all of it would have to reach the medium when the writer moves the rest itself.
fn move_along(db: &Connection, archive: &File) -> Result<(), LostSync> {
    pass(db)?;
    archive.sync_data().map_err(|_lost| LostSync)?;
    pass(db)
}

/// Moves what there is. What cannot be moved now is moved later, for the writer watches the log's size.
fn pass(db: &Connection) -> Result<(), LostSync> {
    match checkpoint(db, CheckpointMode::PASSIVE) {
        Err(error) if is_lost_sync(&error) => Err(LostSync),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Whether a sync failed. That is reported once, and to one connection only; the next sync succeeds although the pages
/// are gone from memory without having reached the medium. So whoever sees it has the log begun anew. A write that
/// failed does no such harm: what could not be moved is still in the log.
pub(super) fn is_lost_sync(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_FSYNC)
}

/// What the log holds, in bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Log {
    pub(super) pages: u64,
    pub(super) bytes: u64,
    /// The part of it that is not in the archive yet.
    pub(super) unmoved: u64,
}

/// Moves in this way, or only looks (`NOOP`).
pub(super) fn checkpoint(db: &Connection, mode: CheckpointMode) -> rusqlite::Result<Log> {
    let (held, moved) = db.wal_checkpoint_v2(DEFAULT_NAME, mode)?;
    let pages = u64::try_from(held).unwrap_or(0);
    let bytes = |frames: i32| u64::try_from(frames).unwrap_or(0) * (PAGE + FRAME_HEADER);
    Ok(Log { pages, bytes: bytes(held), unmoved: bytes(held).saturating_sub(bytes(moved)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::schema::{conceive, log_ahead};

    /// Asks once, with this file for the archive's; returns what is left in the log and whether a sync failed.
    fn moved(of_archive: impl FnOnce(&Path) -> File) -> (Log, bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive.db");
        drop(File::create(&path).unwrap());
        let db = connect(&path).unwrap();
        conceive(&db).unwrap();
        settle(&db).unwrap();
        log_ahead(&db).unwrap();
        db.execute_batch("CREATE TABLE many (text TEXT); INSERT INTO many VALUES (zeroblob(1000000))").unwrap();
        assert!(checkpoint(&db, CheckpointMode::NOOP).unwrap().unmoved > 1_000_000);
        let mover = Mover::start(&path, Arc::new(of_archive(&path))).unwrap();
        let failed = Arc::clone(&mover.failed);
        mover.ask();
        mover.stop();
        (checkpoint(&db, CheckpointMode::NOOP).unwrap(), failed.load(Ordering::Relaxed))
    }

    #[test]
    fn the_log_is_moved_beside_the_writer_and_the_archive_synced() {
        let (log, failed) = moved(|path| File::open(path).unwrap());
        assert_eq!((log.unmoved, failed), (0, false));
        // What cannot be synced is not passed over.
        let (_, failed) = moved(|_| File::open("/dev/null").unwrap());
        assert!(failed);
    }
}
