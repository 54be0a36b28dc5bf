//! The environment: `SIFTD__SECTION__KEY` overrides a key.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::document::{Written, unknown_key, unknown_section};
use super::fault::{Complaint, Faults, Place};
use super::key::{self, Key};
use super::shape::{Given, Shape};

const PREFIX: &str = "SIFTD__";

/// Where the service manager puts secrets (systemd.exec(5), "Credentials").
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// What a process finds around it: its environment and the folder it works in.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    variables: BTreeMap<OsString, OsString>,
    folder: PathBuf,
}

impl Surroundings {
    /// Those of this process, as far as they concern the settings.
    pub fn of_process() -> Self {
        let ours = |name: &OsStr| name == CREDENTIALS || name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
        let variables = std::env::vars_os().filter(|(name, _)| ours(name)).collect();
        Self { variables, folder: PathBuf::new() }
    }

    /// The same with the working folder elsewhere.
    #[must_use]
    pub fn within(self, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), ..self }
    }

    /// The same with one more variable.
    #[must_use]
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn credentials(&self) -> Option<&Path> {
        let folder = self.variables.get(OsStr::new(CREDENTIALS)).map(Path::new);
        folder.filter(|folder| folder.is_absolute())
    }

    /// The keys that are set here, each judged as strictly as in the file.
    pub(super) fn written(&self, faults: &mut Faults) -> Written {
        let mut written = Written::default();
        for (name, value) in &self.variables {
            let shown = name.to_string_lossy();
            let Some(path) = shown.strip_prefix(PREFIX) else { continue };
            let path = path.to_ascii_lowercase().replacen("__", ".", 1);
            let place = Place::Variable(shown.clone().into_owned());
            let judged = match key::find(&path) {
                Some(key) => take(key, value, &place, &mut written),
                None => Err(unknown(&path)),
            };
            if let Err(complaint) = judged {
                faults.push(complaint.at(place, path));
            }
        }
        written
    }
}

fn take(key: &'static Key, value: &OsStr, place: &Place, written: &mut Written) -> Result<(), Complaint> {
    let value = value.to_str().ok_or_else(|| Complaint::new("the value is not UTF-8"))?;
    if matches!(key.shape, Shape::Streams) {
        let streams = value.split(',').map(str::trim).filter(|stream| !stream.is_empty());
        written.streams = Some(streams.map(|name| (name.to_owned(), place.clone())).collect());
    } else {
        let value = key.shape.judge(&Given::Loose(value))?;
        written.values.insert(key.path, (value, place.clone()));
    }
    Ok(())
}

fn unknown(path: &str) -> Complaint {
    match path.split_once('.') {
        Some((section, name)) if key::sections().contains(&section) => unknown_key(section, name),
        Some((section, _)) => unknown_section(section),
        None => Complaint::new("names no key").hint("write SIFTD__SECTION__KEY"),
    }
}
