//! The way to an archive that is ours, whole, of this version, and held by nobody else.

use std::fs::{File, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, params};
use tokio::sync::mpsc;

use super::checkpoint::Mover;
use super::commit::Books;
use super::event::{EVENTS_MAX, Events};
use super::header::{self, Found};
use super::identity::Identity;
use super::lock::{Lock, NameLock};
use super::queue::{Intake, Queue, QueueBounds};
use super::recover::recover;
use super::remains::Remains;
use super::trouble::Trouble;
use super::upgrade::Upgrade;
use super::writer::{Parts, Writer, transact};
use super::{adopt, check, schema, upgrade};
use crate::coverage::Cause;
use crate::record::{ConnectionId, StreamId};
use crate::time::Time;

/// The archive and its companions can be read by the group, and by nobody else.
pub(super) const FILE_MODE: u32 = 0o640;

/// How long opening waits for another program's lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// How strictly a commit waits for the medium.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Synchronous {
    /// Every commit is on the medium before the next begins.
    #[default]
    Full,
    /// A power failure may take the last commits back, with their claims. Changes of coverage are as under `Full`.
    Normal,
}

/// What the archive is opened for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Purpose {
    /// To serve streams: the daemon's row in the archive says so.
    #[default]
    Serve,
    /// Only to fill gaps while no daemon runs: the daemon's row stays as the last daemon left it.
    Fill,
}

/// What the settings say about the archive.
#[derive(Clone, Debug)]
pub struct Options {
    pub path: PathBuf,
    pub purpose: Purpose,
    pub synchronous: Synchronous,
    /// Bytes of unreadable frames that are kept in all.
    pub quarantine_max: u64,
    /// Size of the write-ahead log, in bytes, from which the writer itself moves it into the archive.
    pub max_wal: u64,
    /// The program's version, for the `daemon` view.
    pub version: &'static str,
    /// How long a deleted interaction is kept from coming back.
    pub tombstones: Duration,
    /// How long notices are kept.
    pub notices: Duration,
    /// How long rows are kept, and how many.
    pub keep: Keep,
    /// A stream acknowledged this soon after it became wanted has no gap before.
    pub starting: Duration,
    /// Whether an interaction's id begins with its time, so that ids come nearly in order. By it rows are placed and found
    /// again: for one archive it must be the same for ever.
    pub has_order: fn(&str) -> bool,
}

/// How much is kept; where nothing is said, everything.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Keep {
    /// From the arrival on. A stream's own takes the place of the archive's, be it longer or shorter.
    pub max_age: Option<Duration>,
    /// Bytes: of the file for the archive, of its payloads for a stream. The archive's holds for all streams.
    pub max_size: Option<u64>,
}

/// Why the archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another daemon holds it (75).
    #[error("{path}: another daemon holds this archive (process {pid}): stop it, or name another file in archive.path", path = path.display(), pid = pid.map_or("unknown".to_owned(), |pid| pid.to_string()))]
    Held { path: PathBuf, pid: Option<u32> },
    /// It cannot be created (73).
    #[error("{path}: cannot create the archive: {why}", path = path.display())]
    Create { path: PathBuf, why: String },
    /// Another program's file (65).
    #[error("{path}: not an archive of siftd ({why}): it is left as it is; name another file in archive.path", path = path.display())]
    Foreign { path: PathBuf, why: String },
    /// A later version's file (65).
    #[error("{path}: the archive has version {found}, this program knows {known}: install a newer siftd", path = path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
    /// Not whole (65).
    #[error("{path}: the archive is damaged ({why}): it is left as it is; restore a backup, or move it away with its -wal and -shm", path = path.display())]
    Damaged { path: PathBuf, why: String },
    /// Reading or writing fails (74).
    #[error("{path}: cannot use the archive: {why}", path = path.display())]
    Storage { path: PathBuf, why: String },
}

/// A stream that the settings want.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wanted {
    pub name: String,
    pub label: Option<String>,
    /// Its own limits.
    pub keep: Keep,
}

/// A wanted stream, as its history stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StreamStart {
    pub id: StreamId,
    pub name: String,
    pub label: Option<String>,
    /// Since when it is wanted without a break.
    pub wanted: Time,
    pub standing: Standing,
}

/// How a wanted stream's history ends at a start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It has no history since it became wanted.
    New,
    /// A gap runs.
    Gap(Cause),
}

/// What opening found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Recovery {
    /// The last connection's number; 0 if there was none.
    pub connection: ConnectionId,
    /// The daemon had not stopped in order.
    pub crashed: Option<Crashed>,
    /// Bytes in quarantine.
    pub quarantine_bytes: u64,
    /// The clock now lies this far before the last moment recorded.
    pub clock_behind: Option<Duration>,
    /// It was of an earlier version.
    pub upgraded: Option<Upgrade>,
}

/// What the end without order left behind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Crashed {
    /// Streams that were given a gap with cause `crash`.
    pub streams: usize,
    /// The earliest start of those gaps.
    pub since: Time,
}

/// The archive, open for writing, before its writer runs.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    options: Options,
    db: Connection,
    books: Books,
    remains: Remains,
    lock: Lock,
    recovery: Recovery,
}

impl Archive {
    /// Opens the archive or creates it; puts what a crash left unproven into gaps, in one commit.
    ///
    /// One of an earlier version is brought to this one. That can take long: `watch` is called when it begins, and very
    /// often while it goes on.
    pub fn open(options: &Options, now: Time, watch: impl FnMut(Upgrade) + Send + 'static) -> Result<Self, OpenError> {
        let path = real(&options.path)?;
        let name = NameLock::take(&path, options.purpose)?;
        let found = header::inspect(&path)?;
        let trouble = |trouble| OpenError::of(&path, trouble);
        let storage = |error: rusqlite::Error| trouble(Trouble::of(&error));
        if let Found::Unborn { exists } = found {
            create(&path, exists)?;
        }
        let lock = name.over(&path)?;
        let mut db = schema::connect(&path).map_err(storage)?;
        // Until it is known to be whole, not even closing it may change it.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(storage)?;
        db.busy_timeout(PATIENCE).map_err(storage)?;
        if found != Found::Ours {
            schema::conceive(&db).map_err(storage)?;
        }
        schema::settle(&db).map_err(storage)?;
        schema::log_ahead(&db).map_err(storage)?;
        if found != Found::Ours {
            schema::migrate(&mut db)
                .map_err(|error| OpenError::Create { path: path.clone(), why: error.to_string() })?;
            // Nothing was ever deleted from it: it need not be looked through for what is left.
            Remains::default().mark(&db).map_err(trouble)?;
        }
        check::look(&db).map_err(|why| OpenError::Damaged { path: path.clone(), why })?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(storage)?;
        let upgraded = upgrade::upgrade(&path, &mut db, watch)?;
        let begin = |db: &Connection| {
            let mut books = Books::load(db, options.has_order)?;
            books.zones.write(db)?;
            let recovery = recover(db, &mut books.ledger, now)?;
            if options.purpose == Purpose::Serve {
                appear(db, options, now)?;
            }
            Ok((books, Remains::load(db)?, Recovery { upgraded, ..recovery }))
        };
        // What a start writes is nothing that can be deleted by order: whether it is looked at does not matter.
        let (books, remains, recovery) = transact(&db, begin, || ()).map_err(trouble)?;
        Ok(Self { path, options: options.clone(), db, books, remains, lock, recovery })
    }

    /// What opening found.
    pub const fn recovery(&self) -> Recovery {
        self.recovery
    }

    /// Makes exactly these streams wanted: new ones are entered, labels renewed, retired ones wanted again, others
    /// retired. The answer is in the order of `wanted`.
    pub fn adopt(&mut self, wanted: &[Wanted], now: Time) -> Result<Vec<StreamStart>, OpenError> {
        let ledger = &mut self.books.ledger;
        transact(&self.db, |db| adopt::exactly(db, ledger, wanted, now), || ())
            .map_err(|trouble| OpenError::of(&self.path, trouble))
    }

    /// Starts the writer. `clock` tells the time for retries, the `daemon` row and what expires.
    pub fn start(
        self,
        bounds: QueueBounds,
        clock: impl Fn() -> Time + Send + Sync + 'static,
    ) -> Result<(Intake, Events, JoinHandle<()>), OpenError> {
        let storage = |why: String| OpenError::Storage { path: self.path.clone(), why };
        let mover = Mover::start(&self.path, self.lock.archive()).map_err(storage)?;
        let identity = Identity::of(&self.path).map_err(|error| storage(error.to_string()))?;
        self.db.busy_timeout(schema::BUSY).map_err(|error| storage(error.to_string()))?;
        let quarantine = self.options.quarantine_max.saturating_sub(self.recovery.quarantine_bytes);
        let (intake, queue) = Queue::new(bounds, quarantine, Box::new(clock));
        let (events, received) = mpsc::channel(EVENTS_MAX);
        let name = self.path.clone();
        let writer = Writer::new(Parts {
            path: self.path,
            options: self.options,
            db: self.db,
            books: self.books,
            remains: self.remains,
            lock: self.lock,
            identity,
            mover,
            queue,
            events,
        });
        let thread = std::thread::Builder::new()
            .name("archive-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| OpenError::Storage { path: name, why: format!("no thread for its writer: {error}") })?;
        Ok((intake, Events(received), thread))
    }
}

impl OpenError {
    /// Before the writer runs, all that can be wrong lies in the file or its medium.
    fn of(path: &Path, trouble: Trouble) -> Self {
        let path = path.to_owned();
        match trouble {
            Trouble::Busy(why) | Trouble::Full(why) | Trouble::Medium(why) => Self::Storage { path, why },
            Trouble::Damaged(why) | Trouble::Broken(why) => Self::Damaged { path, why },
        }
    }
}

/// The file that a path means: two names of one archive must lead to one lock.
fn real(path: &Path) -> Result<PathBuf, OpenError> {
    if let Ok(real) = path.canonicalize() {
        return Ok(real);
    }
    let refuse = |why: String| OpenError::Create { path: path.to_owned(), why };
    let name = path.file_name().ok_or_else(|| refuse("the path names no file".to_owned()))?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = directory.canonicalize().map_err(|error| {
        refuse(format!("its directory {} cannot be used ({error}): create it first", directory.display()))
    })?;
    Ok(directory.join(name))
}

/// Makes an empty file that the group may read, and its name durable.
fn create(path: &Path, exists: bool) -> Result<(), OpenError> {
    let refuse = |error: std::io::Error| OpenError::Create { path: path.to_owned(), why: error.to_string() };
    if exists {
        return Ok(());
    }
    let file = File::options().write(true).create_new(true).mode(FILE_MODE).open(path).map_err(refuse)?;
    file.set_permissions(Permissions::from_mode(FILE_MODE)).map_err(refuse)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(refuse)
}

/// Writes into the daemon's row that this process has the archive now.
fn appear(db: &Connection, options: &Options, now: Time) -> Result<(), Trouble> {
    db.execute(
        "INSERT INTO state (one, state, since, version, pid, told) VALUES (1, 'starting', ?1, ?2, ?3, ?1)
         ON CONFLICT (one) DO UPDATE SET state = excluded.state, since = excluded.since, version = excluded.version,
             pid = excluded.pid, queue_frames = 0, clock_offset = NULL, last_tick = NULL, told = excluded.told",
        params![now.micros(), options.version, std::process::id()],
    )?;
    Ok(())
}

/// A name beside the archive's, such as its log's.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
