//! The daemon: everything is read and opened before anything is promised, then wired and run.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::archive::reading::{ReadError, Reading};
use crate::archive::{
    Archive, Intake, Keep, OpenError, Options, Purpose, QueueBounds, Recovery, Synchronous, Unhealed, Upgrade,
};
use crate::backfill::{Plan, Request, Situation, plan};
use crate::config::{self, Loaded, Settings};
use crate::decide::Session;
use crate::driver::{
    self, Driver, Pulse, Reloader, archived_of, heal_policy_of, policy_of, protocol_of, start_of, wanted_of,
};
pub use crate::driver::{Alone, Filled, request_path, taken_path};
use crate::exit::Exit;
use crate::host::clock::Clock;
use crate::host::core_dump::forbid_core_dumps;
use crate::host::log::{self, Log, LogError};
use crate::host::signals::Requests;
use crate::host::systemd::Systemd;
use crate::limits::{FILES_MIN, UPGRADE_STEP_MAX, UPGRADE_TOLD_EVERY};
use crate::notice::Notice;
use crate::protocol::DataSift;
use crate::record::Record;
use crate::time::Time;
use crate::transport::{self, Dialer};

/// Why the daemon did not start: the sentence, and the exit.
#[derive(Debug)]
pub struct Refusal {
    pub exit: Exit,
    pub sentence: String,
}

impl Refusal {
    fn new(exit: Exit, sentence: impl std::fmt::Display) -> Self {
        Self { exit, sentence: sentence.to_string() }
    }
}

impl From<OpenError> for Refusal {
    fn from(error: OpenError) -> Self {
        let exit = match error {
            OpenError::Held { .. } => Exit::Held,
            OpenError::Create { .. } => Exit::CannotCreate,
            OpenError::Foreign { .. } | OpenError::Newer { .. } | OpenError::Damaged { .. } => Exit::Damaged,
            OpenError::Storage { .. } => Exit::Storage,
        };
        Self::new(exit, error)
    }
}

impl From<LogError> for Refusal {
    fn from(error: LogError) -> Self {
        let exit = match error {
            LogError::Journal(_) => Exit::Config,
            // Threads lack now; they need not lack at the next start.
            LogError::Thread(_) => Exit::Storage,
        };
        Self::new(exit, error)
    }
}

/// Runs the daemon with the settings at `path` until it ends.
///
/// # Errors
/// If it cannot start; nothing was asked of the server then.
pub fn run(path: Option<&Path>) -> Result<Exit, Refusal> {
    spare_files().map_err(|error| {
        let sentence = format!(
            "the daemon needs {FILES_MIN} open files more than it may have: {error}; see LimitNOFILE= or ulimit -n"
        );
        Refusal::new(Exit::Storage, sentence)
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Refusal::new(Exit::Storage, format!("the daemon cannot start: {error}")))?;
    runtime.block_on(async {
        // First, as a signal that nobody takes ends the process.
        let requests = Requests::listen();
        let requests =
            requests.map_err(|error| Refusal::new(Exit::Storage, format!("no signals can be taken: {error}")))?;
        let (driver, first) = begin(path, requests)?;
        driver.pulse.ready();
        Ok(driver.run(first).await)
    })
}

/// Whether as many files can be opened as the daemon uses. Where too few can, the first that lacks would decide what is
/// said: that the settings cannot be read, or nothing but a panic.
fn spare_files() -> io::Result<()> {
    (0..FILES_MIN).map(|_| File::open("/dev/null")).collect::<io::Result<Vec<_>>>().map(drop)
}

/// Whether the trust that these settings ask for can be had on this machine: what `siftd check` passes must start.
///
/// # Errors
/// A sentence that says what to do.
pub fn trusted(settings: &Settings) -> Result<(), String> {
    transport::tls(&settings.tls.authorities).map(drop)
}

/// Reads and opens everything.
fn begin(path: Option<&Path>, requests: Requests) -> Result<(Driver, Vec<Notice>), Refusal> {
    // Before the key is read.
    forbid_core_dumps()
        .map_err(|error| Refusal::new(Exit::Storage, format!("core dumps cannot be forbidden: {error}")))?;
    let Loaded { settings, path, .. } = config::load(path).map_err(|faults| Refusal::new(Exit::Config, faults))?;
    let tls = transport::tls(&settings.tls.authorities).map_err(|why| Refusal::new(Exit::Config, why))?;
    let log = log::start(&settings.log)?;
    wire(settings, path.as_path(), tls, log, Clock::start(), requests)
}

/// Opens the archive and puts the parts together. Says what there is to say at the start.
fn wire(
    settings: Settings,
    path: &Path,
    tls: Arc<rustls::ClientConfig>,
    log: Log,
    clock: Clock,
    requests: Requests,
) -> Result<(Driver, Vec<Notice>), Refusal> {
    let now = clock.now();
    let mut archive = Archive::open(&options_of(&settings, Purpose::Serve), now, patience(&log, clock))?;
    let recovery = archive.recovery();
    let opened = clock.now();
    let streams = archive.adopt(&wanted_of(&settings), now)?;
    let mut first = vec![Notice::Started {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        archive: settings.archive.path.display().to_string(),
        streams: streams.len(),
    }];
    first.extend(found(&recovery, opened.since(now)));
    let bounds = QueueBounds { max_bytes: settings.queue.max_bytes };
    let (intake, events, _writer) = archive.start(bounds, move || clock.now())?;
    record_upgrade(&intake, &recovery, now);
    let protocol = protocol_of(&settings);
    let address = protocol.address();
    let dialer = Dialer {
        url: address.secret,
        mask: address.mask,
        timeout: settings.source.connect_timeout,
        max_frame: settings.source.max_frame,
        tls: Arc::clone(&tls),
    };
    let heal = driver::heal(&settings, &intake, tls, clock, None).map_err(|why| Refusal::new(Exit::Config, why))?;
    let streams = streams.into_iter().map(start_of).collect();
    let session = Session::new(policy_of(&settings), streams, recovery.connection, now, seed(now));
    let pulse = Pulse::new(Systemd::of_environment(), now);
    let reloader = Reloader::new(path.to_path_buf(), settings);
    let driver = Driver { session, protocol, dialer, clock, log, intake, events, requests, reloader, pulse, heal };
    Ok((driver, first))
}

/// What is done while the archive is brought to this version: the log says that it begins, and the service manager is
/// told, every few seconds, that the start goes on.
fn patience(log: &Log, clock: Clock) -> impl FnMut(Upgrade) + Send + 'static {
    let (log, systemd, began) = (log.clone(), Systemd::of_environment(), clock.now());
    let mut next = None;
    move |upgrade| {
        let now = clock.now();
        if next.is_some_and(|next| now < next) {
            return;
        }
        if next.is_none() {
            log.say(now, &upgrading(&upgrade));
        }
        next = Some(now.after(UPGRADE_TOLD_EVERY));
        systemd.extend_timeout(UPGRADE_STEP_MAX);
        let seconds = now.since(began).as_secs();
        systemd.status(&format!("bringing the archive to version {}, since {seconds} s", upgrade.to));
    }
}

fn upgrading(upgrade: &Upgrade) -> Notice {
    Notice::Upgrading { from_version: upgrade.from, to_version: upgrade.to, bytes: upgrade.bytes }
}

/// Writes into the archive what was said when it could not be written to.
fn record_upgrade(intake: &Intake, recovery: &Recovery, now: Time) {
    let Some(upgrade) = recovery.upgraded else { return };
    let mut batch = intake.batch();
    batch.record(Record::Said { at: now, connection: None, notice: upgrading(&upgrade) });
    // Nothing has been sent before it: there is room.
    intake.try_send(batch).ok();
}

/// What there is to say of what opening found, which took so long.
fn found(recovery: &Recovery, took: Duration) -> impl Iterator<Item = Notice> {
    let upgraded = recovery.upgraded.map(|upgrade| Notice::Upgraded {
        from_version: upgrade.from,
        to_version: upgrade.to,
        seconds: took.as_secs_f64(),
    });
    let crashed = recovery.crashed;
    let crashed = crashed.map(|crashed| Notice::CrashFound { streams: crashed.streams, since_us: crashed.since });
    let behind = recovery.clock_behind.map(|behind| Notice::ClockStepped { seconds: -behind.as_secs_f64() });
    upgraded.into_iter().chain(crashed).chain(behind)
}

/// Opens the archive while no daemon runs, to fill the gaps that `request` means.
///
/// # Errors
/// If the archive cannot be had or the settings cannot be used; nothing was asked of the server then.
pub fn alone(settings: &Settings, request: Request) -> Result<Alone, Refusal> {
    let clock = Clock::start();
    let tls = transport::tls(&settings.tls.authorities).map_err(|why| Refusal::new(Exit::Config, why))?;
    let now = clock.now();
    let archive = Archive::open(&options_of(settings, Purpose::Fill), now, |_upgrade| {})?;
    let first = found(&archive.recovery(), clock.now().since(now)).collect();
    let bounds = QueueBounds { max_bytes: settings.queue.max_bytes };
    let (intake, events, _writer) = archive.start(bounds, move || clock.now())?;
    let heal = driver::heal(settings, &intake, tls, clock, Some(request));
    let heal = heal.map_err(|why| Refusal::new(Exit::Config, why))?;
    Ok(Alone { heal, intake, events, clock, first })
}

/// The gaps that `request` means and what filling them now would take; and whether the server's clock is known.
///
/// # Errors
/// If the archive cannot be read.
pub fn planned(
    settings: &Settings,
    archive: &Reading,
    request: &Request,
    now: Time,
) -> Result<(Plan, bool), ReadError> {
    let found = Unhealed::read(archive, now.micros().div_euclid(86_400_000_000))?;
    let gaps: Vec<_> = found.gaps.into_iter().filter(|gap| request.covers(gap)).collect();
    let situation = Situation {
        now,
        offset: Some(found.clock_offset.unwrap_or(0)),
        spent: found.spent,
        jobs: found.jobs.len(),
        tag: &found.tag,
        asked: true,
    };
    let archived = archived_of(settings);
    let tariff = |ask: &crate::historic::Ask| archived.credits(ask);
    Ok((plan(&heal_policy_of(settings), &situation, &gaps, &tariff), found.clock_offset.is_some()))
}

/// Chance for the jitter: many daemons that start at one moment differ by their process.
fn seed(now: Time) -> u64 {
    now.micros().unsigned_abs() ^ (u64::from(std::process::id()) << 32)
}

fn options_of(settings: &Settings, purpose: Purpose) -> Options {
    let bytes = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
    Options {
        path: settings.archive.path.clone(),
        purpose,
        synchronous: match settings.archive.synchronous {
            config::Synchronous::Full => Synchronous::Full,
            config::Synchronous::Normal => Synchronous::Normal,
        },
        quarantine_max: bytes(settings.archive.quarantine_max),
        max_wal: bytes(settings.archive.max_wal),
        version: env!("CARGO_PKG_VERSION"),
        tombstones: settings.retention.tombstones,
        notices: settings.retention.notices,
        keep: Keep { max_age: settings.retention.max_age, max_size: settings.retention.max_size.map(bytes) },
        starting: settings.gap.starting,
        has_order: DataSift::begins_with_time,
    }
}
