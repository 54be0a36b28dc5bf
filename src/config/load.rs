//! From the name of a file to settings that hold, or to everything that is wrong with them.

use std::fmt;
use std::path::{Path, PathBuf};

use super::authorities;
use super::document::{Document, Written};
use super::fault::{Complaint, Fault, Faults, Place, near};
use super::file;
use super::layers::{self, Layered};
use super::position::Positions;
use super::rules::{self, Places};
use super::secret::ApiKey;
use super::settings::{Settings, Source, StreamEntry, Tls};
use super::streams::{Gathering, LIST_BYTES_MAX};
use super::variables::Surroundings;

/// A file of settings is a few kilobytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

const SYSTEM_FILE: &str = "/etc/siftd/daemon.toml";

/// Settings that hold, and where each came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub settings: Settings,
    /// The daemon.toml that was read.
    pub path: PathBuf,
    /// What is allowed and unwise.
    pub warnings: Vec<Fault>,
    origins: Vec<(&'static str, Origin)>,
}

/// Where a setting came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    Default,
    Written(Place),
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => out.write_str("default"),
            Self::Written(Place::Spot { file, line, .. }) => {
                write!(out, "{}:{line}", file.display())
            }
            Self::Written(place) => write!(out, "{place}"),
        }
    }
}

impl Loaded {
    /// Every setting that is set, in the order of daemon.toml: key, TOML value with secrets masked,
    /// origin.
    pub fn effective(&self) -> Vec<(&'static str, String, Origin)> {
        let origin = |path| {
            let found = self.origins.iter().find(|(key, _)| *key == path);
            found.map_or(Origin::Default, |(_, origin)| origin.clone())
        };
        let listed = self.settings.listed().into_iter();
        listed.map(|(path, value)| (path, value, origin(path))).collect()
    }
}

/// Reads the settings: of `path`, else of daemon.toml in the working folder, else of
/// /etc/siftd/daemon.toml.
///
/// # Errors
///
/// Everything that is wrong with daemon.toml, the environment and the files they name.
pub fn load(path: Option<&Path>) -> Result<Loaded, Faults> {
    load_in(path, &Surroundings::of_process())
}

/// [`load`] with the environment and the working folder as arguments.
pub fn load_in(path: Option<&Path>, surroundings: &Surroundings) -> Result<Loaded, Faults> {
    let (document, path, mode) = open(path, surroundings)?;
    let mut faults = document.faults.clone();
    if let Err(complaint) = file::guarded(&path, &"the file", mode) {
        faults.push(complaint.of(Place::File(path.clone())));
    }
    let environment = surroundings.written(&mut faults);
    if document.broken {
        // What seems to be missing may only be hidden behind the spot that cannot be read.
        return Err(faults.sorted());
    }
    rules::required(&document, &environment, &mut faults);
    let places = Places::new(&document, &environment, &faults);
    let layered = lay(&document, &environment, &path)?;
    rules::hold(&layered, &places, &mut faults);
    let mut warnings = Faults::default();
    rules::doubts(&layered, &places, &mut warnings);
    let named = Named::read(&layered, &path, surroundings, &places, &mut faults);
    if !faults.is_empty() {
        return Err(faults.sorted());
    }
    let mut origins = Vec::new();
    for written in [&environment, &document.written] {
        let places = written.values.iter().map(|(key, (_, place))| (*key, place.clone()));
        origins.extend(places.map(|(key, place)| (key, Origin::Written(place))));
    }
    let warnings = warnings.sorted().iter().cloned().collect();
    let settings = named.complete(layered).ok_or_else(|| disagreement(&path, &"a key is missing"))?;
    Ok(Loaded { settings, path, warnings, origins })
}

/// Where the archive lies, for commands that only read it: their user may not be allowed to read
/// the key or the list of streams, and a fault elsewhere in the file is not theirs.
///
/// # Errors
///
/// What is wrong with daemon.toml as a whole and with its `[archive]`.
pub fn archive_path(path: Option<&Path>) -> Result<PathBuf, Faults> {
    archive_path_in(path, &Surroundings::of_process())
}

/// [`archive_path`] with the environment and the working folder as arguments.
pub fn archive_path_in(path: Option<&Path>, surroundings: &Surroundings) -> Result<PathBuf, Faults> {
    let (document, path, _) = open(path, surroundings)?;
    let mut faults = document.faults.clone();
    let environment = surroundings.written(&mut faults);
    let is_ours = |key: &str| {
        let section = key.split('.').next().unwrap_or_default();
        near(section, ["archive"]).is_some()
    };
    faults.retain(|fault| fault.key().is_none_or(is_ours));
    if !faults.is_empty() {
        return Err(faults.sorted());
    }
    let layered = lay(&document, &environment, &path)?;
    Ok(absolute(&path, &layered.archive.path))
}

/// The file, its path and its permissions.
fn open(path: Option<&Path>, surroundings: &Surroundings) -> Result<(Document, PathBuf, u32), Faults> {
    let path = find(path, surroundings)?;
    let place = || Place::File(path.clone());
    let contents = file::read(&path, &"the file", FILE_BYTES_MAX).map_err(|complaint| complaint.of(place()))?;
    let text = String::from_utf8(contents.bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let text = String::from_utf8_lossy(valid);
        let place = Positions::new(&path, &text).place(text.len());
        Complaint::new("the file is not UTF-8").hint("save it as UTF-8").of(place)
    })?;
    let document = Document::read(&path, &text);
    Ok((document, path, contents.mode))
}

fn find(path: Option<&Path>, surroundings: &Surroundings) -> Result<PathBuf, Faults> {
    if let Some(path) = path {
        return Ok(surroundings.folder().join(path));
    }
    let here = surroundings.folder().join("daemon.toml");
    // A link that leads nowhere is there: what it was meant for must not be replaced in silence.
    let candidates = [here.clone(), PathBuf::from(SYSTEM_FILE)];
    let found = candidates.into_iter().find(|path| path.symlink_metadata().is_ok());
    found.ok_or_else(|| {
        let complaint =
            Complaint::new(format!("neither this file nor {SYSTEM_FILE} exists")).hint("name one with --config");
        complaint.of(Place::File(here)).into()
    })
}

fn lay(document: &Document, environment: &Written, path: &Path) -> Result<Layered, Faults> {
    layers::lay(&document.written, environment).map_err(|error| disagreement(path, &error))
}

/// The table of the keys and the structs disagree; the tests of the table exclude it.
fn disagreement(path: &Path, what: &dyn fmt::Display) -> Faults {
    let complaint =
        Complaint::new(format!("the settings cannot be put together: {what}")).hint("this is a bug of siftd");
    complaint.of(Place::File(path.to_owned())).into()
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// An archive is opened by absolute name: some relative ones have a meaning of
/// their own there (`:memory:`).
fn absolute(path: &Path, archive: &Path) -> PathBuf {
    let joined = folder(path).join(archive);
    std::path::absolute(&joined).unwrap_or(joined)
}

/// What stands in the files that the settings name.
struct Named {
    path: PathBuf,
    api_key: Option<ApiKey>,
    streams: Vec<StreamEntry>,
    tls: Tls,
}

impl Named {
    fn read(
        layered: &Layered,
        path: &Path,
        surroundings: &Surroundings,
        places: &Places<'_>,
        faults: &mut Faults,
    ) -> Self {
        let folder = folder(path);
        let api_key = places.sound(&["source.api_key_file"]).then(|| {
            let written = &layered.source.api_key_file;
            ApiKey::read(written, folder, surroundings.credentials())
        });
        let api_key = places.keep("source.api_key_file", api_key, faults);
        let ca_file = layered.tls.ca_file.as_ref().map(|file| folder.join(file));
        let authorities = places.keep("tls.ca_file", ca_file.as_deref().map(authorities::read), faults);
        let tls = Tls { ca_file, authorities: authorities.unwrap_or_default() };
        let archive = absolute(path, &layered.archive.path);
        let archive = places.sound(&["archive.path"]).then(|| file::could_be_archive(&archive));
        places.keep("archive.path", archive, faults);
        let before = faults.len();
        let streams = streams(layered, folder, places, faults);
        if streams.is_empty() && faults.len() == before && places.sound(rules::STREAMS) {
            faults.push(rules::no_stream(places));
        }
        Self { path: path.to_owned(), api_key, streams, tls }
    }

    fn complete(self, layered: Layered) -> Option<Settings> {
        let Layered { source, mut archive, log, reconnect, liveness, queue, gap, backfill, retention, .. } = layered;
        archive.path = absolute(&self.path, &archive.path);
        let source = Source {
            kind: source.kind,
            url: source.url?,
            username: source.username?,
            api_key: self.api_key?,
            streams_file: source.streams_file.map(|file| folder(&self.path).join(file)),
            streams: self.streams,
            max_streams: source.max_streams,
            subscribe_window: source.subscribe_window,
            connect_timeout: source.connect_timeout,
            max_frame: source.max_frame,
            allow_insecure: source.allow_insecure,
        };
        let tls = self.tls;
        Some(Settings { source, archive, log, reconnect, liveness, queue, gap, backfill, retention, tls })
    }
}

/// The streams in place, then those of the list.
fn streams(layered: &Layered, folder: &Path, places: &Places<'_>, faults: &mut Faults) -> Vec<StreamEntry> {
    let mut gathering = Gathering::new(layered.source.max_streams);
    for (stream, place) in places.streams() {
        gathering.take(stream, "source.streams", |_| place.clone(), faults);
    }
    let list = layered.source.streams_file.as_ref().map(|list| folder.join(list));
    let contents = list.as_deref().map(|list| {
        let contents = file::read(list, &list.display(), LIST_BYTES_MAX)?;
        file::guarded(list, &list.display(), contents.mode).map(|()| contents)
    });
    let contents = places.keep("source.streams_file", contents, faults);
    if let Some((list, contents)) = list.as_deref().zip(contents) {
        gathering.take_list(list, &contents.bytes, faults);
    }
    gathering.finish(faults)
}
