//! An operator's request to fill gaps: left beside the archive, taken by the daemon, kept until it is carried out.

use std::fs;
use std::path::{Path, PathBuf};

use crate::backfill::Request;

/// A request is a few words.
const REQUEST_MAX: u64 = 64 * 1024;

/// Where an operator's request is left: beside the archive, where only the daemon's user can write.
pub fn request_path(archive: &Path) -> PathBuf {
    beside(archive, ".backfill")
}

/// Where the request lies while the daemon carries it out; a restart finds it here.
pub fn taken_path(archive: &Path) -> PathBuf {
    beside(archive, ".backfill-taken")
}

fn beside(archive: &Path, suffix: &str) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Takes the request that an operator has left. One that makes no sense is taken away all the same.
pub(super) fn take(archive: &Path) -> Option<Request> {
    let (left, taken) = (request_path(archive), taken_path(archive));
    fs::symlink_metadata(&left).ok().filter(fs::Metadata::is_file)?;
    fs::rename(left, taken).ok()?;
    let request = found(archive);
    if request.is_none() {
        carried_out(archive);
    }
    request
}

/// The request that was being carried out when the last daemon ended.
pub(super) fn found(archive: &Path) -> Option<Request> {
    let path = taken_path(archive);
    let size = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?.len();
    let text = if size <= REQUEST_MAX { fs::read_to_string(&path).ok() } else { None };
    serde_json::from_str(&text?).ok()
}

/// Nothing of it is left to do.
pub(super) fn carried_out(archive: &Path) {
    // It is not there if nobody asked.
    fs::remove_file(taken_path(archive)).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_kept_until_it_is_carried_out_and_nonsense_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("archive.db");
        assert_eq!((take(&archive), found(&archive)), (None, None));
        let request = Request { stream: Some("s".to_owned()), since_us: Some(5) };
        fs::write(request_path(&archive), serde_json::to_string(&request).unwrap()).unwrap();
        assert_eq!(take(&archive), Some(request.clone()));
        assert!(!request_path(&archive).exists());
        assert_eq!(found(&archive), Some(request));
        carried_out(&archive);
        assert_eq!(found(&archive), None);
        fs::write(request_path(&archive), "{").unwrap();
        assert_eq!(take(&archive), None);
        assert!(!request_path(&archive).exists() && !taken_path(&archive).exists());
    }
}
