//! Reading a file that the settings name: once, with a bound, and never a file that could block.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use super::fault::Complaint;
use super::units;

/// A file as it was at one instant: what it held and who may touch it.
pub(super) struct Contents {
    pub(super) bytes: Vec<u8>,
    /// The permission bits.
    pub(super) mode: u32,
}

/// Reads a regular file of at most `limit` bytes; a complaint calls it by `name`.
///
/// A pipe or a device is refused rather than waited for; the size and the permissions are those of
/// the file that was opened, not of whatever the name points to later.
pub(super) fn read(path: &Path, name: &dyn Display, limit: u64) -> Result<Contents, Complaint> {
    let (file, mode) = open(path).map_err(|error| unreadable(name, &error))?;
    let mode = mode.map_err(|what| Complaint::new(format!("{name} is {what}")).hint("name a file of text"))?;
    let mut bytes = Vec::new();
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(name, &error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        let limit = units::show(limit, units::SIZES);
        return Err(Complaint::new(format!("{name} is larger than {limit}")).hint("is it the right file?"));
    }
    Ok(Contents { bytes, mode })
}

/// Opens without waiting, and tells the permissions or what it is instead of a file.
fn open(path: &Path) -> io::Result<(File, Result<u32, &'static str>)> {
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    let mode = if metadata.is_file() {
        Ok(metadata.mode() & 0o7777)
    } else if metadata.is_dir() {
        Err("a directory")
    } else {
        Err("no regular file")
    };
    Ok((file, mode))
}

/// Looks whether an archive can stand at this name: there is nothing yet, or a file. Nothing is opened: whose file it
/// is, and whether it is whole, is for the archive to say.
pub(super) fn could_be_archive(path: &Path) -> Result<(), Complaint> {
    let Ok(about) = path.metadata() else { return Ok(()) };
    if about.is_dir() {
        let inside = path.join("archive.db");
        return Err(Complaint::new(format!("{} is a directory", path.display()))
            .hint(format!("name a file in it: \"{}\"", inside.display())));
    }
    if !about.is_file() {
        return Err(Complaint::new(format!("{} is no regular file", path.display())).hint("name another file"));
    }
    Ok(())
}

fn unreadable(name: &dyn Display, error: &io::Error) -> Complaint {
    if error.kind() == io::ErrorKind::NotFound {
        return Complaint::new(format!("{name} does not exist")).hint("create it or correct the name");
    }
    if error.kind() == io::ErrorKind::PermissionDenied {
        return Complaint::new(format!("{name} may not be read by the user of this process"))
            .hint("give its group the right to read it");
    }
    Complaint::new(format!("{name} cannot be read: {}", plain(error)))
}

/// The system's own words without Rust's `(os error 5)`.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_ascii_lowercase()
}

/// Refuses a file that anybody may change: it commands the daemon, and decides where the key goes and whom to trust.
pub(super) fn guarded(path: &Path, name: &dyn Display, mode: u32) -> Result<(), Complaint> {
    const OTHERS_WRITE: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    if mode & OTHERS_WRITE != 0 {
        let complaint = Complaint::new(format!("{name} may be changed by other users"));
        return Err(complaint.hint(format!("run: chmod o-w {}", path.display())));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mode = folder.metadata().map_or(0, |metadata| metadata.mode());
    if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
        let complaint = Complaint::new(format!("{name} may be replaced by other users"));
        return Err(complaint.hint(format!("run: chmod o-w {}", folder.display())));
    }
    Ok(())
}
