//! The real binary as a process: what it says, the signals that it gets, and how it ends.

use super::PATIENCE;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};

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
    pub(super) fn spawn(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let (into, lines) = sync_channel(LINES_MAX);
        std::thread::spawn(move || log.map_while(Result::ok).try_for_each(|line| into.send(line)).ok());
        Self { child, lines, said: Vec::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it says this; what it said before is passed over.
    pub(crate) fn until(&mut self, name: &str) -> Value {
        self.until_that(name, |notice| notice["notice"] == name)
    }

    /// Waits until it says something like this.
    pub(crate) fn until_that(&mut self, what: &str, which: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no {what} after:\n{}", self.said.join("\n")));
            self.said.push(line.clone());
            let notice: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if which(&notice) {
                return notice;
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
        let status = super::wait("the end of the daemon", || self.ended());
        self.said.extend(self.lines.iter());
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
