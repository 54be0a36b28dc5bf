//! What an error of SQLite means for the writer.

use std::path::Path;

use rusqlite::ErrorCode;
use rustix::process::{Resource, getrlimit};

use super::open::beside;
use super::schema::PAGE;

/// Why a commit failed.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Another program holds a lock: the same connection tries again.
    Busy(String),
    /// No space.
    Full(String),
    /// The medium, the file or its directory: nothing that this connection remembers is trusted any more.
    Medium(String),
    /// What is in the file makes no sense.
    Damaged(String),
    /// What was asked makes no sense: a fault in this program, and trying again would fail for ever.
    Broken(String),
}

impl Trouble {
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        let words = error.to_string();
        let Some(code) = error.sqlite_error_code() else { return Self::Broken(words) };
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the list is SQLite's and open; what is new is a fault of ours"
        )]
        match code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
                Self::Busy(words)
            }
            ErrorCode::DiskFull => Self::Full(words),
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::OperationAborted
            | ErrorCode::OperationInterrupted
            | ErrorCode::NoLargeFileSupport
            | ErrorCode::OutOfMemory => Self::Medium(words),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged(words),
            _ => Self::Broken(words),
        }
    }

    /// The same, after asking the file system whether space is what lacks: SQLite tells only some of these.
    pub(super) fn at(self, path: &Path) -> Self {
        match self {
            Self::Medium(words) if is_full(path) => Self::Full(words),
            Self::Medium(words) if may_not_grow(path) => {
                Self::Full(format!("{words}: its files have reached the limit on their size (ulimit -f, LimitFSIZE=)"))
            }
            Self::Busy(_) | Self::Full(_) | Self::Medium(_) | Self::Damaged(_) | Self::Broken(_) => self,
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::of(&error)
    }
}

/// Less than this many bytes is no space.
const NO_SPACE: u64 = 1024 * 1024;

fn is_full(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < NO_SPACE)
}

/// Whether a file of the archive has no room for two more pages under this process's limit on the size of files.
fn may_not_grow(path: &Path) -> bool {
    let Some(limit) = getrlimit(Resource::Fsize).current else { return false };
    let is_at_limit = |file: &Path| file.metadata().is_ok_and(|about| about.len().saturating_add(2 * PAGE) > limit);
    is_at_limit(path) || is_at_limit(&beside(path, "-wal"))
}
