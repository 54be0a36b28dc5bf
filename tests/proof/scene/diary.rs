//! The driver's journal: what was wanted when, and what was done to the daemon.

use super::EXCESS;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The machine's clock, in microseconds since 1970.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// A span in microseconds.
pub(super) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap()
}

/// A fault that has begun. Whoever drops it leaves the run unknown.
#[derive(Debug)]
#[must_use = "a fault that never ends makes the run unknown"]
pub(crate) struct Fault {
    number: usize,
}

#[derive(Debug)]
struct Begun {
    name: String,
    causes: Vec<String>,
    from_us: i64,
    excess: Duration,
    streams: Option<Vec<String>>,
}

/// The journal's writer.
#[derive(Debug)]
pub(super) struct Diary {
    path: PathBuf,
    file: File,
    begun: Vec<Option<Begun>>,
    /// What is in the list and was told.
    wanted: Vec<String>,
}

impl Diary {
    pub(super) fn create(path: &Path) -> Self {
        Self { path: path.to_owned(), file: File::create(path).unwrap(), begun: Vec::new(), wanted: Vec::new() }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// One line in one write: whoever reads along never sees half of it for long.
    fn write(&mut self, line: &Value) {
        self.file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// The daemon was started and has taken the list in.
    pub(super) fn launched<'a>(&mut self, begun_us: i64, listed: impl Iterator<Item = &'a (String, String)>) {
        let listed: Vec<String> = listed.map(|(hash, _)| hash.clone()).collect();
        let added: Vec<String> = listed.iter().filter(|hash| !self.wanted.contains(hash)).cloned().collect();
        let removed: Vec<String> = self.wanted.iter().filter(|hash| !listed.contains(hash)).cloned().collect();
        self.changed(begun_us, &added, &removed);
    }

    /// The list has changed, between then and now.
    pub(super) fn changed(&mut self, begun_us: i64, added: &[String], removed: &[String]) {
        for (event, streams) in [("wanted", added), ("unwanted", removed)] {
            if !streams.is_empty() {
                self.write(&json!({"event": event, "streams": streams, "from_us": begun_us, "until_us": now()}));
            }
        }
        self.wanted.retain(|hash| !removed.contains(hash));
        self.wanted.extend_from_slice(added);
    }

    /// What arrived more than `age` ago may be removed at any time.
    pub(super) fn keeps(&mut self, streams: &[&str], age: Duration) {
        self.write(&json!({"event": "kept", "streams": streams, "age_us": micros(age)}));
    }

    pub(super) fn begin(&mut self, name: &str, causes: &[&str]) -> Fault {
        let causes = causes.iter().map(|cause| (*cause).to_owned()).collect();
        let begun = Begun { name: name.to_owned(), causes, from_us: now(), excess: EXCESS, streams: None };
        self.begun.push(Some(begun));
        Fault { number: self.begun.len() - 1 }
    }

    /// The fault concerns only these streams.
    pub(super) fn only(&mut self, fault: &Fault, streams: &[&str]) {
        if let Some(Some(begun)) = self.begun.get_mut(fault.number) {
            begun.streams = Some(streams.iter().map(|stream| (*stream).to_owned()).collect());
        }
    }

    /// The fault began then.
    pub(super) fn since(&mut self, fault: &Fault, from_us: i64) {
        if let Some(Some(begun)) = self.begun.get_mut(fault.number) {
            begun.from_us = from_us;
        }
    }

    /// A gap of the fault may be so much wider than the fault lasts.
    pub(super) fn bound(&mut self, fault: &Fault, excess: Duration) {
        if let Some(Some(begun)) = self.begun.get_mut(fault.number) {
            begun.excess = excess;
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "a fault ends once")]
    pub(super) fn end(&mut self, fault: Fault, proof: Option<String>) {
        let Some(begun) = self.begun.get_mut(fault.number).and_then(Option::take) else { return };
        self.tell(&begun, proof.as_deref());
    }

    fn tell(&mut self, begun: &Begun, proof: Option<&str>) {
        let mut line = json!({
            "event": "fault", "name": begun.name, "from_us": begun.from_us, "until_us": now(), "causes": begun.causes,
            "excess_us": micros(begun.excess),
        });
        for (key, value) in [("fired", json!(proof)), ("streams", json!(begun.streams))] {
            if !value.is_null() {
                line[key] = value;
            }
        }
        self.write(&line);
    }

    /// What never ended is told without a proof.
    pub(super) fn close(&mut self) {
        let left: Vec<Begun> = self.begun.iter_mut().filter_map(Option::take).collect();
        for begun in left {
            self.tell(&begun, None);
        }
    }
}
