//! The two processes of a demo, simulator and daemon; neither outlives it.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::Args;
use super::failure::Failure;
use super::folder::Folder;
use crate::peer_text::one_line;

/// How long a process may take to start, and to end in order; the daemon promises half of it.
const PATIENCE: Duration = Duration::from_secs(20);
/// The simulator ends by itself so long after the show should have, in case nobody is left to stop it.
const SIMULATOR_OUTLIVES: Duration = Duration::from_mins(15);
/// So much of a dead process's log is shown.
const TAIL_LINES: usize = 8;
const TAIL_LINE_MAX: usize = 400;

/// A process of this program. It is killed when it is dropped.
#[derive(Debug)]
pub(super) struct Child {
    who: &'static str,
    process: tokio::process::Child,
    log: PathBuf,
}

impl Child {
    /// Starts the daemon in the folder; its log grows at its end.
    pub(super) fn daemon(folder: &Folder) -> Result<Self, Failure> {
        let settings = folder.settings();
        Self::start("daemon", folder.log(), |command| {
            command.arg("--config").arg(settings).arg("run").stdin(Stdio::null()).stdout(Stdio::null());
        })
    }

    /// Starts `siftd backfill` in the folder: the operator has the gaps filled.
    pub(super) fn backfill(folder: &Folder) -> Result<Self, Failure> {
        let (settings, log) = (folder.settings(), folder.backfill_log());
        let words = Folder::open_log(&log).map_err(|error| Failure::Folder { path: log.clone(), error })?;
        Self::start("backfill", log, |command| {
            command.arg("--config").arg(settings).arg("backfill").stdin(Stdio::null()).stdout(words);
        })
    }

    /// Whether it has ended, in order.
    pub(super) fn is_done(&mut self) -> Result<bool, Failure> {
        match self.process.try_wait() {
            Ok(None) => Ok(false),
            Ok(Some(status)) if status.success() => Ok(true),
            Ok(Some(status)) => Err(self.died(status)),
            Err(error) => Err(self.deaf(error)),
        }
    }

    fn start(who: &'static str, log: PathBuf, with: impl FnOnce(&mut Command)) -> Result<Self, Failure> {
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("siftd"));
        let failed = |error| Failure::Start { who, program: program.clone(), error };
        let words = Folder::open_log(&log).map_err(|error| Failure::Folder { path: log.clone(), error })?;
        let mut command = Command::new(&program);
        with(&mut command);
        // A group of its own: Ctrl-C goes to the demo alone, which then stops both in order.
        command.stderr(words).process_group(0).kill_on_drop(true);
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_ours(&name.to_string_lossy())) {
            command.env_remove(name);
        }
        let process = command.spawn().map_err(failed)?;
        Ok(Self { who, process, log })
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    pub(super) fn signal(&self, signal: Signal) -> Result<(), Failure> {
        let pid = self.pid().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let sent = pid.map_or(Err(rustix::io::Errno::SRCH), |pid| kill_process(pid, signal));
        sent.map_err(|errno| self.deaf(errno.into()))
    }

    /// SIGKILL, and the wait for it to take effect.
    pub(super) async fn kill(mut self) -> Result<(), Failure> {
        self.process.kill().await.map_err(|error| self.deaf(error))
    }

    /// An error if the process has ended, which nobody asked of it.
    pub(super) fn must_live(&mut self) -> Result<(), Failure> {
        match self.process.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.died(status)),
            Err(error) => Err(self.deaf(error)),
        }
    }

    /// SIGTERM; an error unless the process then ends in order.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        self.signal(Signal::TERM)?;
        match timeout(PATIENCE, self.process.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(self.died(status)),
            Ok(Err(error)) => Err(self.deaf(error)),
            Err(_) => Err(self.late("stop on SIGTERM", PATIENCE)),
        }
    }

    /// What is to be said of a process that does not come round.
    pub(super) fn late(&self, what: &str, waited: Duration) -> Failure {
        let (what, seconds) = (what.to_owned(), waited.as_secs());
        Failure::Late { who: self.who, what, seconds, log: self.log.clone(), tail: tail(&self.log) }
    }

    fn died(&self, status: ExitStatus) -> Failure {
        Failure::Died { who: self.who, how: status.to_string(), log: self.log.clone(), tail: tail(&self.log) }
    }

    fn deaf(&self, error: std::io::Error) -> Failure {
        Failure::Order { who: self.who, log: self.log.clone(), error }
    }
}

/// Settings in the environment that are meant for a real daemon, not for that of the demo.
fn is_ours(name: &str) -> bool {
    name.starts_with("SIFTD__") || matches!(name, "CREDENTIALS_DIRECTORY" | "NOTIFY_SOCKET" | "WATCHDOG_USEC")
}

fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().rev().take(TAIL_LINES).map(|line| one_line(line, TAIL_LINE_MAX)).collect();
    if lines.is_empty() { "(empty)".to_owned() } else { lines.into_iter().rev().collect::<Vec<_>>().join("\n") }
}

/// The simulator, which takes orders.
#[derive(Debug)]
pub(super) struct Simulator {
    child: Child,
    orders: ChildStdin,
    /// Kept so that its last word has somewhere to go.
    words: BufReader<ChildStdout>,
    url: String,
    rest_url: String,
    streams: String,
}

impl Simulator {
    /// Starts it and hears where it listens and which streams it has.
    pub(super) async fn start(args: &Args, folder: &Folder) -> Result<Self, Failure> {
        let seconds = args.length().saturating_add(SIMULATOR_OUTLIVES).as_secs();
        let journal = folder.journal();
        let mut child = Child::start("simulator", folder.simulator_log(), |command| {
            command.args(["simulate", "--scenario", "demo", "--listen", "127.0.0.1:0", "--control", "stdin"]);
            command.args(["--streams-file", "-", "--streams", &args.streams.to_string()]);
            command.args(["--rate", &format!("{}/s", args.rate), "--seconds", &seconds.to_string()]);
            command.arg("--journal").arg(journal).stdin(Stdio::piped()).stdout(Stdio::piped());
        })?;
        let (Some(orders), Some(words)) = (child.process.stdin.take(), child.process.stdout.take()) else {
            return Err(child.late("open its pipes", Duration::ZERO));
        };
        let mut simulator = Self {
            child,
            orders,
            words: BufReader::new(words),
            url: String::new(),
            rest_url: String::new(),
            streams: String::new(),
        };
        match timeout(PATIENCE, simulator.listen(usize::from(args.streams))).await {
            Ok(Ok(true)) => Ok(simulator),
            Ok(Ok(false)) => Err(simulator.ended().await),
            Ok(Err(error)) => Err(simulator.child.deaf(error)),
            Err(_) => Err(simulator.child.late("start to listen", PATIENCE)),
        }
    }

    /// Hears both addresses, then one line a stream; says whether all of it came.
    async fn listen(&mut self, streams: usize) -> std::io::Result<bool> {
        let mut line = String::new();
        self.words.read_line(&mut line).await?;
        let Some(url) = line.strip_prefix("listening on ") else { return Ok(false) };
        url.trim_end().clone_into(&mut self.url);
        line.clear();
        self.words.read_line(&mut line).await?;
        let Some(rest_url) = line.strip_prefix("REST on ") else { return Ok(false) };
        rest_url.trim_end().clone_into(&mut self.rest_url);
        for _ in 0..streams {
            if self.words.read_line(&mut self.streams).await? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn ended(mut self) -> Failure {
        match timeout(PATIENCE, self.child.process.wait()).await {
            Ok(Ok(status)) => self.child.died(status),
            Ok(Err(error)) => self.child.deaf(error),
            Err(_) => self.child.late("name its address and its streams", PATIENCE),
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Its REST side.
    pub(super) fn rest_url(&self) -> &str {
        &self.rest_url
    }

    /// One `HASH LABEL` a line.
    pub(super) fn streams(&self) -> &str {
        &self.streams
    }

    pub(super) async fn cue(&mut self, cue: &str) -> Result<(), Failure> {
        let order = format!("{cue}\n");
        self.orders.write_all(order.as_bytes()).await.map_err(|error| self.child.deaf(error))
    }

    pub(super) fn must_live(&mut self) -> Result<(), Failure> {
        self.child.must_live()
    }

    /// Ends it; its journal is complete then.
    pub(super) async fn stop(self) -> Result<(), Failure> {
        self.child.stop().await
    }
}
