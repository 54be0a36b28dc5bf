//! Settings while the daemon runs: read again beside the loop, the difference found, new streams entered.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use secrecy::SecretString;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::archive::{Intake, Keep, Standing as Stands, StreamStart, Wanted};
use crate::config::{self, Change, Faults, Loaded, Settings, StreamEntry};
use crate::decide::{Policy, Reload, Standing, Start};
use crate::host::clock::Clock;
use crate::protocol::{DataSift, Protocol};
use crate::transport;

/// The settings in force, and the reading of new ones.
pub struct Reloader {
    path: PathBuf,
    settings: Arc<Settings>,
    reading: Option<JoinHandle<Outcome>>,
    /// Asked again while reading: what is being read may be old already.
    again: Option<(Intake, Clock)>,
}

/// What came of reading the settings again.
#[derive(Debug)]
pub(super) enum Outcome {
    Refused(String),
    Read(Box<Read>),
}

/// New settings, and what they change.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) settings: Settings,
    pub(super) tls: Arc<ClientConfig>,
    changes: Vec<Change>,
    added: Vec<StreamStart>,
    removed: Vec<String>,
}

impl Reloader {
    pub fn new(path: PathBuf, settings: Settings) -> Self {
        Self { path, settings: Arc::new(settings), reading: None, again: None }
    }

    /// Begins to read. Asked several times in a row, it reads once more after the first reading.
    pub(super) fn begin(&mut self, intake: &Intake, clock: Clock) {
        if self.reading.is_some() {
            self.again = Some((intake.clone(), clock));
            return;
        }
        let (path, settings, intake) = (self.path.clone(), Arc::clone(&self.settings), intake.clone());
        self.reading = Some(tokio::spawn(async move { read(path, &settings, &intake, clock).await }));
    }

    /// Waits for the reading to end; never, while nothing is read. May be given up.
    pub(super) async fn next(&mut self) -> Outcome {
        let Some(reading) = &mut self.reading else { return std::future::pending().await };
        let outcome = reading.await;
        self.reading = None;
        // New settings are put in force first, see `settle`; what was asked meanwhile must not be forgotten until then.
        if !matches!(outcome, Ok(Outcome::Read(_)))
            && let Some((intake, clock)) = self.again.take()
        {
            self.begin(&intake, clock);
        }
        outcome.unwrap_or_else(|error| Outcome::Refused(format!("the settings could not be read: {error}")))
    }

    /// Puts new settings in force. Returns what the session must do about it.
    pub(super) fn settle(&mut self, read: Read) -> Reload {
        // The queue and the quarantine were built with their bounds and keep them until a restart.
        let old = policy_of(&self.settings);
        let (queue_max, quarantine_max) = (old.queue_max, old.quarantine_max);
        let policy = Policy { queue_max, quarantine_max, ..policy_of(&read.settings) };
        self.settings = Arc::new(read.settings);
        if let Some((intake, clock)) = self.again.take() {
            self.begin(&intake, clock);
        }
        Reload {
            added: read.added.into_iter().map(start_of).collect(),
            removed: read.removed,
            changed: read.changes.iter().map(ToString::to_string).collect(),
            policy: Some(policy),
        }
    }

    /// The settings in force, secrets masked.
    pub(super) fn shown(&self) -> serde_json::Value {
        serde_json::to_value(&*self.settings).unwrap_or_default()
    }
}

/// Reads the settings on a thread of its own, as a file can be slow; tokio would end the process where none can be
/// started.
async fn reread(path: PathBuf) -> io::Result<Result<Loaded, Faults>> {
    let (answer, answered) = oneshot::channel();
    std::thread::Builder::new().name("settings".to_owned()).spawn(move || {
        // Nobody waits any more: the daemon ends.
        drop(answer.send(config::load(Some(&path))));
    })?;
    answered.await.map_err(io::Error::other)
}

async fn read(path: PathBuf, old: &Settings, intake: &Intake, clock: Clock) -> Outcome {
    let loaded = match reread(path).await {
        Ok(Ok(loaded)) => loaded.settings,
        Ok(Err(faults)) => return Outcome::Refused(in_one_line(&faults)),
        Err(error) => return Outcome::Refused(format!("the settings could not be read: {error}")),
    };
    let tls = match transport::tls(&loaded.tls.authorities) {
        Ok(tls) => tls,
        Err(why) => return Outcome::Refused(why),
    };
    let before: BTreeMap<&str, &StreamEntry> = old.source.streams.iter().map(|s| (s.name.as_str(), s)).collect();
    let after: BTreeSet<&str> = loaded.source.streams.iter().map(|stream| stream.name.as_str()).collect();
    // Labels may have changed as well: a stream whose entry is not the same is entered again.
    let entered = loaded.source.streams.iter().filter(|stream| before.get(stream.name.as_str()) != Some(stream));
    let entered = entered.map(wanted).collect::<Vec<_>>();
    let removed = before.keys().filter(|name| !after.contains(**name)).map(|name| (*name).to_owned()).collect();
    let added = match intake.adopt(entered, clock.now()).await {
        Ok(added) => added.into_iter().filter(|start| !before.contains_key(start.name.as_str())).collect(),
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    let changes = old.difference(&loaded);
    Outcome::Read(Box::new(Read { settings: loaded, tls, changes, added, removed }))
}

/// What is wrong, in one line: the first fault, and how many more there are.
fn in_one_line(faults: &Faults) -> String {
    let first = faults.iter().next().map(ToString::to_string).unwrap_or_default();
    match faults.len() {
        0 | 1 => first,
        many => format!("{first} (and {} more, see siftd check)", many - 1),
    }
}

fn wanted(stream: &StreamEntry) -> Wanted {
    let max_size = stream.max_size.map(|size| u64::try_from(size).unwrap_or(u64::MAX));
    let keep = Keep { max_age: stream.max_age, max_size };
    Wanted { name: stream.name.clone(), label: stream.label.clone(), keep }
}

/// The streams that the settings want.
pub fn wanted_of(settings: &Settings) -> Vec<Wanted> {
    settings.source.streams.iter().map(wanted).collect()
}

/// A stream as the session knows it.
pub fn start_of(start: StreamStart) -> Start {
    let standing = match start.standing {
        Stands::New => Standing::New,
        Stands::Gap(cause) => Standing::Gap(cause),
    };
    Start { id: start.id, name: start.name, wanted: start.wanted, standing }
}

/// The settings that decisions depend on.
pub fn policy_of(settings: &Settings) -> Policy {
    Policy {
        subscribe_window: settings.source.subscribe_window,
        acknowledgement: settings.liveness.acknowledgement,
        silence: settings.liveness.silence,
        network_step: settings.reconnect.network_step,
        network_max: settings.reconnect.network_max,
        trouble_first: settings.reconnect.trouble_first,
        trouble_max: settings.reconnect.trouble_max,
        jitter: settings.reconnect.jitter,
        billing_probe: settings.reconnect.billing_probe,
        identity_retry: settings.reconnect.identity_retry,
        disabled_probe: settings.reconnect.disabled_probe,
        margin: settings.gap.margin,
        starting: settings.gap.starting,
        queue_max: settings.queue.max_bytes,
        quarantine_max: settings.archive.quarantine_max,
    }
}

/// The protocol that the source speaks, with the identity to use.
pub fn protocol_of(settings: &Settings) -> Box<dyn Protocol> {
    let source = &settings.source;
    match source.kind {
        config::Kind::DataSift => {
            let key = SecretString::from(source.api_key.expose());
            Box::new(DataSift::new(&source.url, &source.username, key))
        }
    }
}
