//! Stands in for the settings until they are merged: only where the archive lies.

use std::fmt;
use std::path::{Path, PathBuf};

/// Everything that is wrong with the settings.
#[derive(Debug)]
pub struct Faults(Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Faults {}

/// Where the archive lies, by the settings at `path` (or at their usual places).
pub fn archive_path(path: Option<&Path>) -> Result<PathBuf, Faults> {
    let usual = [Path::new("daemon.toml"), Path::new("/etc/siftd/daemon.toml")];
    let path = path
        .or_else(|| usual.into_iter().find(|path| path.exists()))
        .unwrap_or(Path::new("daemon.toml"));
    let text = std::fs::read_to_string(path)
        .map_err(|error| Faults(vec![format!("{}: {error}", path.display())]))?;
    let table: toml::Table =
        text.parse().map_err(|error| Faults(vec![format!("{}: {error}", path.display())]))?;
    let archive =
        table.get("archive").and_then(|section| section.get("path")).and_then(toml::Value::as_str);
    let archive = Path::new(archive.unwrap_or("/var/lib/siftd/archive.db"));
    Ok(path.parent().unwrap_or(Path::new("")).join(archive))
}
