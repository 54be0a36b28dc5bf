//! Whether the files at the archive's path are still those that are open.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::open::beside;
use super::trouble::Trouble;

/// The archive and its write-ahead log, as device and inode.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Identity {
    archive: (u64, u64),
    log: (u64, u64),
}

impl Identity {
    /// What stands at the path.
    pub(super) fn of(path: &Path) -> std::io::Result<Self> {
        let name = |about: Metadata| (about.dev(), about.ino());
        Ok(Self { archive: name(std::fs::metadata(path)?), log: name(std::fs::metadata(beside(path, "-wal"))?) })
    }

    /// Whether the archive itself is where it was, whatever became of its log.
    pub(super) fn has_archive(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|about| (about.dev(), about.ino()) == self.archive)
    }

    /// Writing to a file that nobody can find any more would look like success.
    pub(super) fn stands(&self, path: &Path) -> Result<(), Trouble> {
        let moved = |what: &str| {
            Trouble::Medium(format!(
                "{what} of {} was removed or replaced while the daemon ran: put it back, or stop the daemon and start it again",
                path.display()
            ))
        };
        match Self::of(path) {
            Ok(now) if now == *self => Ok(()),
            Ok(now) if now.archive == self.archive => Err(moved("the write-ahead log")),
            Ok(_) => Err(moved("the file")),
            Err(error) => Err(moved(&format!("({error}) a file"))),
        }
    }
}
