//! Other processes, seen from outside: what they say, what they cost, and their end with ours.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::clock;

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_mins(10);

/// Lines that may wait to be read.
const LINES_MAX: usize = 100_000;

/// A process that is killed with its master.
pub(crate) struct Process {
    child: Child,
    /// Closed, it tells some to end.
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Process {
    /// A process that speaks on its standard output.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let speech = child.stdout.take().unwrap();
        Self::of(child, speech)
    }

    /// One that speaks on its standard error.
    pub(crate) fn start_log(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let speech = child.stderr.take().unwrap();
        Self::of(child, speech)
    }

    fn of(mut child: Child, speech: impl Read + Send + 'static) -> Self {
        let (into, lines) = sync_channel(LINES_MAX);
        std::thread::spawn(move || {
            for line in BufReader::new(speech).lines().map_while(Result::ok) {
                if into.send(line).is_err() {
                    return;
                }
            }
        });
        Self { stdin: child.stdin.take(), child, lines, said: Vec::new() }
    }

    /// Says a line to it.
    pub(crate) fn order(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The next line that is such an object.
    pub(crate) fn until(&mut self, what: &str, which: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no {what} after:\n{}", self.said.join("\n")));
            let told: Value = serde_json::from_str(&line).unwrap_or_default();
            self.said.push(line);
            if which(&told) {
                return told;
            }
        }
    }

    /// The next line that begins so; its rest.
    pub(crate) fn line(&mut self, before: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {before:?}"));
            if let Some(rest) = line.strip_prefix(before) {
                return rest.to_owned();
            }
        }
    }

    /// The next event or notice of this name, if it comes in time.
    pub(crate) fn hear_within(&mut self, name: &str, patience: Duration) -> Option<Value> {
        let begun = clock::start();
        loop {
            let line = self.lines.recv_timeout(patience.checked_sub(begun.elapsed())?).ok()?;
            let told: Value = serde_json::from_str(&line).unwrap_or_default();
            self.said.push(line);
            if told["event"] == name || told["notice"] == name {
                return Some(told);
            }
        }
    }

    /// The next event or notice of this name.
    pub(crate) fn hear(&mut self, name: &str) -> Value {
        self.until(name, |told| told["event"] == name || told["notice"] == name)
    }

    /// All that it said and that nobody has heard, after its end.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        self.lines.iter().collect()
    }

    /// Its word on itself, and its end.
    pub(crate) fn answer<T: serde::de::DeserializeOwned>(&mut self) -> T {
        let told = self.until("answer", |told| !told.is_null());
        self.end();
        serde_json::from_value(told).unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Processor time so far.
    pub(crate) fn spent(&self) -> Duration {
        spent(self.pid())
    }

    /// The most memory that was resident, in MiB.
    pub(crate) fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes: u32 = peak.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0);
        f64::from(kibibytes) / 1024.0
    }

    /// What it has had written to the disk so far, in KiB.
    pub(crate) fn written(&self) -> f64 {
        let told = std::fs::read_to_string(format!("/proc/{}/io", self.pid())).unwrap_or_default();
        let bytes = told.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse::<u64>().ok()).unwrap_or(0);
        f64::from(u32::try_from(bytes / 1024).unwrap())
    }

    /// Has it end in order.
    pub(crate) fn terminate(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.end();
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) {
        drop(self.stdin.take());
        clock::until("the end of a process", Duration::from_millis(2), PATIENCE, || self.child.try_wait().unwrap());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already if all went well.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Processor time of all threads of a process that are still there.
pub(crate) fn spent(pid: u32) -> Duration {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return Duration::ZERO };
    let nanoseconds = tasks.filter_map(|task| {
        let told = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        told.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}
