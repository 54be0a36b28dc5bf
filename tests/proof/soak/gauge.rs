//! What a running daemon takes, measured at its process and its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::scene::wait;

/// One measurement.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    /// Since the first one.
    pub(super) seconds: f64,
    /// By the machine's clock, in microseconds since 1970.
    pub(super) at_us: i64,
    pub(super) resident: f64,
    pub(super) descriptors: f64,
    pub(super) threads: f64,
    pub(super) wal: f64,
    pub(super) archive: f64,
    /// Processor time since the start, in seconds.
    pub(super) processor: f64,
    /// Bytes of the log since the sample before.
    pub(super) log: f64,
}

/// Measures on a thread of its own.
pub(super) struct Gauge {
    stop: SyncSender<()>,
    thread: JoinHandle<Vec<Sample>>,
}

impl Gauge {
    pub(super) fn begin(pid: u32, archive: &Path, every: Duration) -> Self {
        let archive = archive.to_owned();
        let (stop, stopped) = sync_channel(1);
        let thread = std::thread::spawn(move || {
            let mut samples: Vec<Sample> = Vec::new();
            while let Some(mut sample) = look(pid, &archive) {
                let first = samples.first().map_or(sample.at_us, |first| first.at_us);
                sample.seconds = Duration::from_micros((sample.at_us - first).unsigned_abs()).as_secs_f64();
                samples.push(sample);
                if stopped.recv_timeout(every) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            samples
        });
        Self { stop, thread }
    }

    pub(super) fn end(self) -> Vec<Sample> {
        drop(self.stop);
        self.thread.join().unwrap()
    }
}

/// One look; nothing if the process has ended.
fn look(pid: u32, archive: &Path) -> Option<Sample> {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let status = fs::read_to_string(process.join("status")).ok()?;
    let field = |name: &str| -> f64 {
        let line = status.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().nth(1)).and_then(|word| word.parse().ok()).unwrap_or_default()
    };
    let length = |suffix: &str| {
        let length = fs::metadata(format!("{}{suffix}", archive.display())).map_or(0, |file| file.len());
        mebibytes(length)
    };
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    // After the name, which is in brackets: user and system time are fields 14 and 15 (proc_pid_stat(5)), in hundredths.
    let times = stat.rsplit(')').next()?.split_whitespace().skip(11).take(2).map(|word| word.parse().unwrap_or(0.0));
    Some(Sample {
        seconds: 0.0,
        at_us: jiff::Timestamp::now().as_microsecond(),
        resident: field("VmRSS:") / 1024.0,
        descriptors: u32::try_from(fs::read_dir(process.join("fd")).ok()?.count()).map_or(f64::MAX, f64::from),
        threads: field("Threads:"),
        wal: length("-wal"),
        archive: length(""),
        processor: times.sum::<f64>() / 100.0,
        log: 0.0,
    })
}

fn mebibytes(bytes: u64) -> f64 {
    u32::try_from(bytes / 1024).map_or(f64::MAX, f64::from) / 1024.0
}

/// Waits, and nothing else.
pub(super) fn idle(span: Duration) {
    let until = jiff::Timestamp::now() + jiff::SignedDuration::try_from(span).unwrap();
    wait("time to pass", || (jiff::Timestamp::now() >= until).then_some(()));
}
