//! A house for the archive's tests: a folder, a clock that is told the time, and few words to say much.

#![expect(clippy::unwrap_used, clippy::unwrap_in_result, reason = "in a test, what fails fails the test")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use siftd::archive::{
    Archive, Batch, Event, Events, FinishError, Intake, OpenError, Options, Purpose, QueueBounds, Recovery,
    StreamStart, Synchronous, Wanted,
};
use siftd::coverage::Cause;
use siftd::record::{ConnectionId, Reach, Record, StreamId};
use siftd::signal::Interaction;
use siftd::time::Time;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The moment at which the tests begin.
pub(crate) const START: Time = Time::from_seconds(1_700_000_000);

pub(crate) const MARGIN: Duration = Duration::from_mins(1);

/// A folder with an archive in it, and the time in it.
pub(crate) struct House {
    _folder: TempDir,
    pub(crate) options: Options,
    clock: Arc<AtomicI64>,
    runtime: Runtime,
}

/// The clock's hand: see [`House::hand`].
pub(crate) struct Hand {
    _stop: SyncSender<()>,
    _thread: JoinHandle<()>,
}

/// A daemon's archive while it runs.
pub(crate) struct Running {
    pub(crate) intake: Intake,
    pub(crate) events: Events,
    pub(crate) thread: JoinHandle<()>,
    pub(crate) recovery: Recovery,
    pub(crate) streams: Vec<StreamStart>,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    pub(crate) fn within(folder: TempDir) -> Self {
        let options = Options {
            path: folder.path().join("archive.db"),
            purpose: Purpose::Serve,
            synchronous: Synchronous::Full,
            quarantine_max: 1024 * 1024,
            max_wal: 64 * 1024 * 1024,
            version: "0.1.0",
            tombstones: Duration::from_hours(24 * 30),
            notices: Duration::from_hours(24 * 30),
            keep: siftd::archive::Keep::default(),
            starting: MARGIN,
            has_order: siftd::protocol::DataSift::begins_with_time,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Self { _folder: folder, options, clock: Arc::new(AtomicI64::new(START.micros())), runtime }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.options.path
    }

    pub(crate) fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.options.path.clone().into_os_string();
        name.push(suffix);
        name.into()
    }

    pub(crate) fn now(&self) -> Time {
        Time::from_micros(self.clock.load(Ordering::SeqCst))
    }

    pub(crate) fn set(&self, now: Time) {
        self.clock.store(now.micros(), Ordering::SeqCst);
    }

    pub(crate) fn open(&self) -> Result<Archive, OpenError> {
        Archive::open(&self.options, self.now(), |_upgrade| {})
    }

    /// Opens, adopts and starts.
    pub(crate) fn run(&self, wanted: &[&str]) -> Running {
        let wanted: Vec<Wanted> = wanted
            .iter()
            .map(|name| Wanted { name: (*name).to_owned(), label: None, keep: siftd::archive::Keep::default() })
            .collect();
        self.run_with(&wanted, 64 * 1024 * 1024)
    }

    pub(crate) fn run_with(&self, wanted: &[Wanted], max_bytes: usize) -> Running {
        let mut archive = self.open().unwrap();
        let recovery = archive.recovery();
        let streams = archive.adopt(wanted, self.now()).unwrap();
        let clock = Arc::clone(&self.clock);
        let (intake, events, thread) =
            archive.start(QueueBounds { max_bytes }, move || Time::from_micros(clock.load(Ordering::SeqCst))).unwrap();
        Running { intake, events, thread, recovery, streams }
    }

    pub(crate) fn block<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Waits until everything sent is committed.
    pub(crate) fn settle(&self, running: &Running) {
        self.block(running.intake.adopt(Vec::new(), self.now())).unwrap();
    }

    /// Everything is committed and the archive is closed.
    pub(crate) fn finish(&self, running: Running) {
        self.try_finish(running, Duration::from_secs(20)).unwrap();
    }

    pub(crate) fn try_finish(&self, running: Running, within: Duration) -> Result<(), FinishError> {
        let finished = self.block(running.intake.finish(within));
        running.thread.join().unwrap();
        finished
    }

    /// The next event; a test that waits for one in vain fails.
    pub(crate) fn event(&self, running: &mut Running) -> Event {
        self.block(async { tokio::time::timeout(Duration::from_secs(30), running.events.next()).await })
            .unwrap()
            .unwrap()
    }

    /// Lets time pass, by so much every tenth of a second, for as long as this lives.
    pub(crate) fn hand(&self, step: Duration) -> Hand {
        let (clock, step) = (Arc::clone(&self.clock), i64::try_from(step.as_micros()).unwrap());
        let (stop, stopped) = sync_channel::<()>(1);
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout) {
                clock.fetch_add(step, Ordering::SeqCst);
            }
        });
        Hand { _stop: stop, _thread: thread }
    }

    /// Another program's lock on the archive, for as long as this lives.
    pub(crate) fn hold(&self) -> Connection {
        let other = Connection::open(self.path()).unwrap();
        other.busy_timeout(Duration::from_secs(30)).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        other
    }

    /// Waits for a condition; a test that waits in vain fails.
    pub(crate) fn tick_until(&self, mut condition: impl FnMut() -> bool) {
        let waited = self.block(async {
            tokio::time::timeout(Duration::from_secs(30), async {
                while !condition() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
            .await
        });
        assert!(waited.is_ok(), "waited in vain");
    }

    /// A reader, as any other program would be one.
    pub(crate) fn reader(&self) -> Connection {
        reader(self.path())
    }

    /// What the first column of a query says, in words.
    pub(crate) fn ask(&self, sql: &str) -> Vec<String> {
        ask(&self.reader(), sql)
    }

    /// Sends one batch and waits until it is committed.
    pub(crate) fn send(&self, running: &Running, fill: impl FnOnce(&mut Batch)) {
        let mut batch = running.intake.batch();
        fill(&mut batch);
        running.intake.try_send(batch).unwrap();
        self.settle(running);
    }

    /// The archive as a power failure of the program would leave it: its files are copied while it runs.
    pub(crate) fn crash(&self, running: Running) -> Self {
        self.settle(&running);
        let copy = Self::new();
        for suffix in ["", "-wal"] {
            std::fs::copy(self.beside(suffix), copy.beside(suffix)).unwrap();
        }
        copy.set(self.now());
        self.finish(running);
        copy
    }
}

pub(crate) fn reader(path: &Path) -> Connection {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX).unwrap()
}

pub(crate) fn ask(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement
        .query_map([], |row| {
            let mut words = Vec::new();
            for column in 0..columns {
                words.push(match row.get_ref(column)? {
                    rusqlite::types::ValueRef::Null => "-".to_owned(),
                    rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                    rusqlite::types::ValueRef::Real(number) => number.to_string(),
                    rusqlite::types::ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
                    rusqlite::types::ValueRef::Blob(bytes) => format!("{} bytes", bytes.len()),
                });
            }
            Ok(words.join(" "))
        })
        .unwrap();
    rows.map(Result::unwrap).collect()
}

/// An interaction with a payload.
pub(crate) fn interaction<'f>(id: &'f str, payload: &'f str) -> Interaction<'f> {
    Interaction { stream: "".into(), id: id.into(), kind: "blog".into(), created: Some(START), produced: None, payload }
}

pub(crate) fn later(seconds: i64) -> Time {
    START.after(Duration::from_secs(u64::try_from(seconds).unwrap()))
}

pub(crate) fn opened(connection: i64, at: Time) -> Record {
    Record::Opened { connection: ConnectionId(connection), at, url: "wss://stream.example/multi".to_owned() }
}

pub(crate) fn covered(stream: u32, connection: i64, from: Time) -> Record {
    Record::Covered { stream: StreamId(stream), connection: ConnectionId(connection), from }
}

pub(crate) fn reach(connection: i64, covered_until: Time, proven_until: Time) -> Reach {
    Reach { connection: ConnectionId(connection), covered_until, proven_until, ..Reach::default() }
}

pub(crate) fn gap(stream: u32, from: Time, cause: Cause) -> Record {
    Record::Gap { stream: StreamId(stream), from, cause, detail: None }
}

/// Says that a test could not be made here, where whoever runs the tests sees it (not eprintln!, which the harness keeps
/// to itself). With `SIFTD_SKIP=never` that is a failure.
pub(crate) fn skipped(why: &str) {
    use std::io::Write;
    assert!(std::env::var_os("SIFTD_SKIP").is_none_or(|word| word != "never"), "{why}");
    std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes()).unwrap();
}
