//! `siftd backup`: a copy of the archive as it is at one moment, made while the daemon runs.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::Failure;
use super::figures;
use super::output::cell;
use crate::archive::reading::Reading;
use crate::config::archive_path;
use crate::exit::Exit;
use crate::time::Time;

/// The daemon's own files have it too.
const MODE: u32 = 0o640;

/// Copy the archive to FILE while the daemon runs
///
/// The copy is the archive as it is when the copy begins, coverage and gaps included: one file, mode 0640, to be read
/// like the archive, or put in its place. It is written to FILE.part and gets its name when it is whole and on the disk;
/// what an earlier attempt left there is replaced, FILE itself never. Daemon and readers go on meanwhile; only the
/// write-ahead log grows until the copy is done.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  siftd backup /backup/siftd-$(date +%F).db
  sudo systemctl stop siftd            # to restore one: stop, put it in place without the old log, start
  sudo rm -f /var/lib/siftd/archive.db-wal /var/lib/siftd/archive.db-shm
  sudo install -o siftd -g siftd -m 0640 /backup/siftd-2026-11-22.db /var/lib/siftd/archive.db
  sudo systemctl start siftd           # everything after the copy is a gap with cause `crash`")]
pub struct Args {
    /// The file to write; must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Why no copy was made.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("{}: exists already, and a backup replaces nothing: name another file, or remove this one", .0.display())]
    Exists(PathBuf),
    #[error("{}: another backup is writing it: wait for that one to end", .0.display())]
    Busy(PathBuf),
    #[error("{}: cannot be written ({why}): look at its folder and its disk", .path.display())]
    Target { path: PathBuf, why: String },
    #[error("{}: only {free} are free on this disk and the archive needs {needed}: choose another disk", .path.display())]
    Space { path: PathBuf, free: String, needed: String },
}

impl Refusal {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Exists(_) | Self::Busy(_) => Exit::CannotCreate,
            Self::Target { .. } | Self::Space { .. } => Exit::Storage,
        }
    }
}

/// Makes the copy, and says on `out` what it holds.
pub fn run(args: &Args, config: Option<&Path>, now: Time, out: &mut dyn Write) -> Result<(), Failure> {
    let archive = Reading::open(&archive_path(config)?)?;
    let file = std::path::absolute(&args.file).unwrap_or_else(|_| args.file.clone());
    if file.symlink_metadata().is_ok() {
        return Err(Refusal::Exists(file).into());
    }
    let part = Part::begin(&file)?;
    let size = archive.bytes()?;
    room(&part.path, size)?;
    let bar = bar(size);
    let copied = archive.copy_into(&part.path, |done| bar.set_position(done));
    bar.finish_and_clear();
    copied?;
    let copy = Reading::open(&part.path)?;
    let watermark = copy.first("SELECT watermark_us FROM daemon", [], |row| row.get::<_, Option<i64>>(0))?.flatten();
    drop(copy);
    let bytes = part.finish(&file)?;
    let told = match watermark.map(Time::from_micros) {
        Some(watermark) => format!(
            "what came until {} ({}); all after it is a gap once the copy is put in place",
            figures::moment(watermark),
            figures::age(watermark, now)
        ),
        None => "no interaction yet".to_owned(),
    };
    writeln!(out, "{}: {}, {told}", cell(&file.display().to_string()), figures::size(bytes))?;
    Ok(())
}

/// The copy before it has its name.
struct Part {
    path: PathBuf,
    /// Held until the end: two backups to one name would spoil each other.
    file: File,
}

impl Part {
    fn begin(target: &Path) -> Result<Self, Refusal> {
        let mut name = target.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        let failed = |error: io::Error| Refusal::Target { path: path.clone(), why: error.to_string() };
        let mut options = File::options();
        let file = options.write(true).create(true).truncate(false).mode(MODE).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Refusal::Busy(path)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        file.set_permissions(Permissions::from_mode(MODE)).map_err(failed)?;
        Ok(Self { path, file })
    }

    /// Gives the whole copy its name, when it is on the disk. Says how many bytes it has.
    fn finish(self, target: &Path) -> Result<u64, Refusal> {
        let failed = |error: io::Error| Refusal::Target { path: target.to_owned(), why: error.to_string() };
        self.file.sync_all().map_err(failed)?;
        let bytes = self.file.metadata().map_err(failed)?.len();
        match renameat_with(CWD, &self.path, CWD, target, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            Err(rustix::io::Errno::EXIST) => return Err(Refusal::Exists(target.to_owned())),
            // A file system that does not know the flag: a link replaces nothing either.
            Err(_) => {
                fs::hard_link(&self.path, target).and_then(|()| fs::remove_file(&self.path)).map_err(failed)?;
            }
        }
        let folder = target.parent().unwrap_or(Path::new("/"));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(bytes)
    }
}

/// Refuses to begin what cannot be ended.
fn room(part: &Path, needed: u64) -> Result<(), Refusal> {
    let Ok(system) = rustix::fs::statvfs(part) else { return Ok(()) };
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    if free >= needed {
        return Ok(());
    }
    let path = part.to_owned();
    fs::remove_file(part).unwrap_or_default();
    Err(Refusal::Space { path, free: figures::size(free), needed: figures::size(needed) })
}

/// Shown on a terminal, and nowhere else.
fn bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    let style =
        ProgressStyle::with_template("{bar:40} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec}, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}
