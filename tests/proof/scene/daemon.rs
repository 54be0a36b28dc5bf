//! The real binary as a process: what it says, the signals that it gets, and how it ends.

use super::PATIENCE;
use super::diary::{micros, now};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// So many lines of its log may wait for a test; a flood makes the daemon's own log wait, which it must survive.
const LINES_MAX: usize = 100_000;

/// A process that is killed with the test that started it.
pub(crate) struct Daemon {
    child: Child,
    lines: Receiver<String>,
    /// Everything that it said so far and that was heard.
    pub(crate) said: Vec<String>,
}

impl Daemon {
    /// What it says is kept in a file too, for whoever looks into a scene that failed.
    pub(super) fn spawn(mut command: Command, kept: &Path) -> Self {
        let mut kept = File::options().create(true).append(true).open(kept).unwrap();
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let (into, lines) = sync_channel(LINES_MAX);
        std::thread::spawn(move || {
            for line in log.map_while(Result::ok) {
                writeln!(kept, "{line}").unwrap();
                if into.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, said: Vec::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it ever had resident, in KiB.
    pub(crate) fn peak_kib(&self) -> i64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Waits until it says this; what it said before is passed over.
    pub(crate) fn until(&mut self, name: &str) -> Value {
        self.until_that(name, |notice| notice["notice"] == name)
    }

    /// Waits until it says something like this.
    pub(crate) fn until_that(&mut self, what: &str, which: impl Fn(&Value) -> bool) -> Value {
        // Of all its lines together: a daemon that goes on talking must not keep a test waiting for ever.
        let by = now() + micros(PATIENCE);
        loop {
            let left = u64::try_from(by - now()).unwrap_or_default();
            let line = self.lines.recv_timeout(Duration::from_micros(left));
            let line = line.unwrap_or_else(|_| panic!("no {what} after:\n{}", self.said.join("\n")));
            self.said.push(line.clone());
            let notice: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if which(&notice) {
                return notice;
            }
        }
    }

    /// Waits until it says something like this; nothing if it ends before.
    pub(crate) fn hear(&mut self, which: impl Fn(&Value) -> bool) -> Option<Value> {
        loop {
            let line = match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => line,
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("waited in vain after:\n{}", self.said.join("\n")),
            };
            self.said.push(line.clone());
            // Its last line may be cut, and its last words need not be a notice.
            let notice = serde_json::from_str::<Value>(&line).unwrap_or_default();
            if which(&notice) {
                return Some(notice);
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether it has ended, and how.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end; its exit code, and all that it said.
    pub(crate) fn end(&mut self) -> (Option<i32>, String) {
        // Its log ends with its last thread. To ask for the process before would take a stop away from whoever traces
        // it, take that stop for an end, and leave the thread stopped for ever.
        self.hear(|_| false);
        let status = super::wait("the end of the daemon", || self.ended());
        (status.code(), self.said.join("\n"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has ended already if the test went well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
