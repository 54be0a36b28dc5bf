//! A scene: a folder, the simulator with its journal, the real binary, and a driver who writes down what it does to them.
//!
//! ```no_run
//! let mut scene = Stage::new("[world]\nstreams = 20\nrate = 200\n").settings("[liveness]\nsilence = \"3s\"\n").open();
//! scene.start();                                    // the daemon; waits for `subscribed`
//! let fault = scene.fault("reset", &["network"]);   // from now on nobody is truly served
//! let line = scene.cue(r#"{"do":{"close":{"how":"reset"}}}"#, "closed");
//! scene.until("subscribed");
//! scene.over(fault, &line);                         // what proves that it fired
//! scene.finish(&["stored", "in_gap"]);              // drains, stops, judges, and fails unless all is proven
//! ```
//!
//! Everything that happens to the daemon goes through here, or is told with [`Scene::fault`]: a gap that answers to no
//! fault is a violation, and a fault that nothing proves makes the run unknown, which is a failure.

mod daemon;
mod diary;
mod ending;
mod file;
mod mortal;
mod net;
mod proxy;
mod settings;
mod skip;
mod stage;

pub(crate) use daemon::Daemon;
pub(crate) use diary::Fault;
pub(crate) use ending::Evidence;
pub(crate) use net::Net;
pub(crate) use proxy::{Cut, Mode, Proxy};
pub(crate) use skip::skip;
pub(crate) use stage::Stage;

use crate::oracle::Watch;
use diary::Diary;
use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;
use serde_json::{Value, json};
use siftd::simulator::{Cue, Running};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// A test that waits longer than this for something has failed. The machine may be busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// How often a condition is looked at that nobody announces.
pub(crate) const GLANCE: Duration = Duration::from_millis(20);

/// How much wider than the outage a gap may be, if a fault does not say otherwise: a tick (1 s), whole seconds (1 s), the
/// window of a lag (2 s), the margin (1 s), and 5 s for a machine that is busy.
pub(crate) const EXCESS: Duration = Duration::from_secs(10);

/// The key that no scene may ever tell.
pub(crate) const KEY: &str = "c4n4ry+key/of%the&scenes";

/// How many marks were left in journals by [`Scene::settled`], for their names.
static MARKS: AtomicU64 = AtomicU64::new(0);

/// What is played: everything has a path in one folder.
pub(crate) struct Scene {
    stage: Stage,
    folder: TempDir,
    server: Option<Running>,
    url: String,
    /// What `backfill.url` is to be; nothing: what it is by itself.
    rest: Option<String>,
    /// Hash and label of every stream of the world.
    pub(crate) streams: Vec<(String, String)>,
    diary: Diary,
    /// The places of the streams that are in the list.
    listed: Vec<usize>,
    daemon: Option<Daemon>,
    watch: Option<Watch>,
}

impl Scene {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The journal of the simulator.
    pub(crate) fn journal(&self) -> PathBuf {
        self.path("journal.jsonl")
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.stage.archive.clone().unwrap_or_else(|| self.path("archive.db"))
    }

    /// The daemon connects to this address from its next start on: something that leads to the simulator.
    pub(crate) fn lead(&mut self, url: &str) {
        url.clone_into(&mut self.url);
        self.settings("");
    }

    /// Backfill asks this address from the next start on.
    pub(crate) fn lead_rest(&mut self, url: &str) {
        self.rest = Some(url.to_owned());
        self.settings("");
    }

    /// Puts a proxy between the daemon and the simulator, before the daemon starts.
    pub(crate) fn proxy(&mut self, at: &str) -> Proxy {
        let proxy = Proxy::new(at, self.server().address());
        self.lead(&format!("ws://{}/multi", proxy.address));
        proxy
    }

    pub(crate) fn server(&self) -> &Running {
        self.server.as_ref().unwrap()
    }

    /// `siftd COMMAND --config …`, with the stage's prefix and environment, ready to be run.
    pub(crate) fn siftd(&self, command: &str) -> Command {
        let mut words = self.stage.prefix.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_siftd")]);
        let mut siftd = Command::new(words.next().unwrap());
        siftd.args(words).args([command, "--config"]).arg(self.path("daemon.toml"));
        siftd.envs(self.stage.environment.iter().map(|(name, value)| (name, value)));
        siftd
    }

    /// Runs a command of the binary to its end.
    pub(crate) fn answer(&self, command: &str) -> Output {
        self.siftd(command).output().unwrap()
    }

    /// Starts the daemon and waits until every stream is acknowledged.
    pub(crate) fn start(&mut self) {
        self.launch();
        self.until("subscribed");
    }

    /// Starts the daemon and waits for nothing but its first word.
    pub(crate) fn launch(&mut self) {
        assert!(self.daemon.is_none(), "the daemon runs already");
        let begun = diary::now();
        self.daemon = Some(Daemon::spawn(self.siftd("run"), &self.path("daemon.log")));
        if !self.stage.starts_badly {
            self.until("started");
        }
        self.diary.launched(begun, self.listed.iter().filter_map(|place| self.streams.get(*place)));
    }

    pub(crate) fn daemon(&mut self) -> &mut Daemon {
        self.daemon.as_mut().unwrap_or_else(|| panic!("the daemon does not run"))
    }

    /// Waits until the daemon says this; what it said before is passed over.
    pub(crate) fn until(&mut self, notice: &str) -> Value {
        self.daemon().until(notice)
    }

    /// Has the oracle look at the archive ten times a second from now on.
    pub(crate) fn watch(&mut self) {
        let (journal, diary, archive) = (self.journal(), self.diary.path(), self.archive());
        self.watch = Some(Watch::begin(&journal, Some(&diary), &archive, self.promise(&[])).unwrap());
    }

    /// A fault begins: from now on nobody is truly served. A gap of it may have one of these causes.
    pub(crate) fn fault(&mut self, name: &str, causes: &[&str]) -> Fault {
        self.diary.begin(name, causes)
    }

    /// The fault concerns only these streams of the world; the others are served meanwhile.
    pub(crate) fn only(&mut self, fault: &Fault, places: Range<usize>) {
        let streams = places.filter_map(|place| self.streams.get(place)).map(|(hash, _)| hash.as_str());
        self.diary.only(fault, &streams.collect::<Vec<&str>>());
    }

    /// The fault reaches back to this moment: from then on nobody was truly served.
    pub(crate) fn since(&mut self, fault: &Fault, from_us: i64) {
        self.diary.since(fault, from_us);
    }

    /// Nobody reads along any more; nothing wrong was found until now.
    pub(crate) fn watched_no_more(&mut self) {
        let (seen, _) = self.watch.take().unwrap().end(true).unwrap();
        assert!(seen.verdict() != crate::oracle::Verdict::Violated, "{seen}");
    }

    /// A gap of this fault may be so much wider than the fault lasts: [`EXCESS`] if nothing is said.
    pub(crate) fn bound(&mut self, fault: &Fault, excess: Duration) {
        self.diary.bound(fault, excess);
    }

    /// The fault is over, and this proves that it happened.
    pub(crate) fn over(&mut self, fault: Fault, proof: &Value) {
        self.diary.end(fault, Some(proof.to_string()));
    }

    /// Rows of these streams of the world that arrived more than so long ago may be gone at any time, and no others.
    pub(crate) fn keeps(&mut self, places: Range<usize>, age: Duration) {
        let streams = places.filter_map(|place| self.streams.get(place)).map(|(hash, _)| hash.as_str());
        self.diary.keeps(&streams.collect::<Vec<&str>>(), age);
    }

    /// Gives the simulator a cue, and waits until its journal says that this event came of it. Returns that line.
    pub(crate) fn cue(&self, cue: &str, event: &str) -> Value {
        let from = self.lines();
        self.order(cue);
        self.line(from, |line| line["event"] == event)
    }

    /// Gives the simulator a cue.
    pub(crate) fn order(&self, cue: &str) {
        self.server().cue(Cue::parse(cue).unwrap()).unwrap();
    }

    /// Waits until the journal tells all that the simulator has done until now. Its writer is a thread of its own, behind
    /// what the daemon already knows of: who counts lines has them settled first. A run that has ended is settled.
    pub(crate) fn settled(&self) {
        let mark = format!("mark {}", MARKS.fetch_add(1, Ordering::Relaxed));
        let text = json!({"name": mark, "do": {"pings": {"count": 0}}}).to_string();
        if self.server().cue(Cue::parse(&text).unwrap()).is_err() {
            return;
        }
        let (journal, name) = (self.journal(), json!({"name": mark}).to_string());
        let name = name.trim_matches(['{', '}']);
        wait("the simulator's journal", || {
            file::lines(&journal).iter().rev().any(|line| line.contains(name)).then_some(())
        });
    }

    /// How many lines the journal of the simulator has.
    pub(crate) fn lines(&self) -> usize {
        self.settled();
        file::lines(&self.journal()).len()
    }

    /// Waits for a line of the simulator's journal after the first so many.
    pub(crate) fn line(&self, after: usize, which: impl Fn(&Value) -> bool) -> Value {
        let journal = self.journal();
        wait("a line of the simulator's journal", || {
            let lines = file::lines(&journal);
            let mut parsed = lines.iter().skip(after).map(|line| serde_json::from_str(line).unwrap());
            parsed.find(|line| which(line))
        })
    }

    /// The lines of the simulator's journal after the first so many that are of this event.
    pub(crate) fn told(&self, after: usize, event: &str) -> Vec<Value> {
        self.settled();
        let lines = file::lines(&self.journal());
        let parsed = lines.iter().skip(after).map(|line| serde_json::from_str::<Value>(line).unwrap());
        parsed.filter(|line| line["event"] == event).collect()
    }

    /// How many lines of the simulator's journal after the first so many are of this event.
    pub(crate) fn count(&self, after: usize, event: &str) -> usize {
        self.settled();
        let lines = file::lines(&self.journal());
        let event = format!(r#""event":"{event}""#);
        lines.iter().skip(after).filter(|line| line.contains(&event)).count()
    }

    /// The first column of the first row, from the views of the archive.
    pub(crate) fn number(&self, query: &str) -> i64 {
        number(&self.archive(), query).unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    /// Waits until a query of the archive says something other than 0.
    pub(crate) fn holds(&self, query: &str) -> i64 {
        let archive = self.archive();
        wait(query, || number(&archive, query).ok().filter(|number| *number != 0))
    }

    /// Puts these streams of the world into the list, and has a running daemon reload.
    pub(crate) fn list(&mut self, places: Range<usize>) {
        let (old, new) = (std::mem::take(&mut self.listed), places.collect::<Vec<usize>>());
        let only = |one: &[usize], other: &[usize]| -> Vec<String> {
            let alone = one.iter().filter(|place| !other.contains(place));
            alone.filter_map(|place| self.streams.get(*place)).map(|(hash, _)| hash.clone()).collect()
        };
        let (added, removed) = (only(&new, &old), only(&old, &new));
        self.listed = new;
        self.write_list();
        if self.daemon.is_some() {
            let begun = diary::now();
            self.daemon().signal(Signal::HUP);
            self.until("reloaded");
            self.diary.changed(begun, &added, &removed);
        }
    }

    fn write_list(&self) {
        let listed = self.listed.iter().filter_map(|place| self.streams.get(*place));
        let lines: Vec<String> = listed.map(|(hash, label)| format!("{hash} {label}\n")).collect();
        std::fs::write(self.path("streams.txt"), lines.concat()).unwrap();
    }

    /// Changes settings; a running daemon takes them with its next reload.
    pub(crate) fn settings(&self, more: &str) {
        let text = settings::text(&self.url, self.rest.as_deref(), &self.archive(), &[&self.stage.settings, more]);
        std::fs::write(self.path("daemon.toml"), text).unwrap();
    }

    /// SIGKILL, and what it left is a fault until the next `subscribed`: end it with [`Scene::over`].
    pub(crate) fn kill(&mut self) -> Fault {
        let fault = self.fault("kill -9", &["crash"]);
        let mut daemon = self.daemon.take().unwrap();
        daemon.signal(Signal::KILL);
        daemon.end();
        fault
    }

    /// Waits for the daemon to end by itself with this exit code; returns all that it said.
    pub(crate) fn ended_with(&mut self, code: i32) -> String {
        let mut daemon = self.daemon.take().unwrap();
        let (ended, said) = daemon.end();
        assert_eq!(ended, Some(code), "{said}");
        said
    }

    /// SIGTERM; the daemon must end with 0 and have nothing left to store.
    pub(crate) fn stop(&mut self) -> Fault {
        let fault = self.fault("stop", &["shutdown"]);
        let mut daemon = self.daemon.take().unwrap();
        daemon.signal(Signal::TERM);
        let (code, said) = daemon.end();
        assert_eq!(code, Some(0), "{said}");
        fault
    }
}

/// One number of an archive.
pub(crate) fn number(archive: &Path, query: &str) -> rusqlite::Result<i64> {
    let connection = Connection::open_with_flags(archive, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.query_row(query, [], |row| row.get(0))
}

/// Waits for something that nobody announces.
pub(crate) fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let since = diary::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        let waited = diary::now() - since;
        assert!(waited < i64::try_from(PATIENCE.as_micros()).unwrap(), "waited in vain for {what}");
        std::thread::park_timeout(GLANCE);
    }
}
