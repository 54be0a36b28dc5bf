//! The lock that keeps a second daemon away from the archive.

use std::fs::{File, Permissions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

use super::open::{FILE_MODE, OpenError, Purpose, beside};

/// Held as long as this lives; the kernel lets go of it even when the daemon is killed. The file itself stays: a
/// lock file that is removed can be held by two.
#[derive(Debug)]
pub(super) struct Lock {
    _name: NameLock,
    /// The archive itself, which may have a second name (a hard link) with a lock file of its own. Open as long as the
    /// lock is held: closing it would let go of SQLite's locks too.
    archive: Arc<File>,
}

/// The lock on the archive's name: its lock file.
#[derive(Debug)]
pub(super) struct NameLock(#[expect(dead_code, reason = "the kernel holds the lock as long as this is open")] File);

impl NameLock {
    /// Takes the lock beside the archive at `path` and writes our process id into it, and what for if no daemon does.
    pub(super) fn take(path: &Path, purpose: Purpose) -> Result<Self, OpenError> {
        let name = beside(path, ".lock");
        let failed = |why: String| OpenError::Create { path: name.clone(), why };
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file: File = rustix::fs::open(&name, flags, Mode::from_raw_mode(FILE_MODE))
            .map_err(|error| failed(format!("its lock file cannot be opened: {error}")))?
            .into();
        match patiently(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::Held { path: path.to_owned(), pid: holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(failed(format!("its lock cannot be taken: {error}"))),
        }
        sign(&mut file, purpose).map_err(|error| failed(format!("its lock file cannot be written: {error}")))?;
        Ok(Self(file))
    }

    /// Takes the archive itself as well, whatever its name. Before SQLite opens it.
    pub(super) fn over(self, path: &Path) -> Result<Lock, OpenError> {
        let failed = |error: std::io::Error| OpenError::Storage { path: path.to_owned(), why: error.to_string() };
        let archive = File::open(path).map_err(failed)?;
        match archive.try_lock() {
            Ok(()) => Ok(Lock { _name: self, archive: Arc::new(archive) }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Held { path: path.to_owned(), pid: None }),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

impl Lock {
    /// The archive's file. Whoever has it gives it back before the lock goes.
    pub(super) fn archive(&self) -> Arc<File> {
        Arc::clone(&self.archive)
    }
}

/// Takes the lock. A command that looks whether a daemon runs holds it for a moment, which is waited for; a daemon holds
/// it for good.
fn patiently(file: &File) -> Result<(), TryLockError> {
    for _ in 0..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::park_timeout(BETWEEN),
            outcome => return outcome,
        }
    }
    file.try_lock()
}

/// The word behind the process id of one that only fills gaps: no daemon runs then.
pub(super) const FILLS: &str = "backfill";

const TRIES: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(20);

/// Who says in the file that he holds it.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    match file.take(32).read_to_string(&mut text) {
        Ok(_) => text.split_whitespace().next()?.parse().ok(),
        Err(_) => None,
    }
}

fn sign(file: &mut File, purpose: Purpose) -> std::io::Result<()> {
    if file.metadata()?.permissions().mode() & 0o7777 != FILE_MODE {
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    }
    file.set_len(0)?;
    file.rewind()?;
    let pid = std::process::id();
    match purpose {
        Purpose::Serve => writeln!(file, "{pid}"),
        Purpose::Fill => writeln!(file, "{pid} {FILLS}"),
    }
}
