//! One run: the world, the troubles in their order, the measurements, and the verdict.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fastrand::Rng;
use serde_json::Value;

use super::gauge::{Gauge, Sample, idle};
use super::plot;
use super::tail::Tail;
use super::trend::Trend;
use super::trouble::{BORNE, CUTS, DISABLED, LIST, Trouble};
use crate::scene::{Scene, Stage, wait};

/// Streams that the list loses for a while.
const LEAVE: usize = 50;

/// Threads and descriptors that may come and go: a timer, a reader of the settings, a second connection to the archive.
const COME_AND_GO: f64 = 8.0;

pub(super) struct Course {
    pub(super) streams: usize,
    pub(super) rate: u32,
    pub(super) lasts: Duration,
    /// Between two measurements.
    pub(super) every: Duration,
    pub(super) seed: u64,
}

/// Troubles in an order by chance: each comes before any comes again.
struct Deck {
    troubles: &'static [Trouble],
    left: Vec<usize>,
}

impl Deck {
    fn draw(&mut self, rng: &mut Rng) -> &'static Trouble {
        if self.left.is_empty() {
            self.left = (0..self.troubles.len()).collect();
            rng.shuffle(&mut self.left);
        }
        self.left.pop().and_then(|place| self.troubles.get(place)).unwrap()
    }
}

/// A course while it runs.
struct Run {
    scene: Scene,
    tail: Tail,
    rng: Rng,
    cuts: Deck,
    borne: Deck,
    /// What happened: the moment in seconds, its name, and whether it cut the connection.
    happened: Vec<(f64, &'static str, bool)>,
    began_us: i64,
}

impl Course {
    /// Plays, with trouble so often or without any, and writes what it found to target/soak/NAME.
    pub(super) fn run(&self, name: &str, trouble: Option<Duration>) {
        let world = format!(
            "seed = {}\n[world]\nstreams = {}\nrate = {}\ndeletes = 0.01\nduplicates = 0.01\n",
            self.seed, self.streams, self.rate
        );
        let mut scene = Stage::new(&world).settings("[log]\nlevel = \"info\"\n[liveness]\nsilence = \"8s\"\n").open();
        scene.start();
        let (pid, archive, journal) = (scene.daemon().pid(), scene.archive(), scene.journal());
        let gauge = Gauge::begin(pid, &archive, self.every);
        let began_us = jiff::Timestamp::now().as_microsecond();
        let rng = Rng::with_seed(self.seed);
        let [cuts, borne] = [CUTS, BORNE].map(|troubles| Deck { troubles, left: Vec::new() });
        let mut run = Run { scene, tail: Tail::open(&journal), rng, cuts, borne, happened: Vec::new(), began_us };
        while run.seconds() < self.lasts.as_secs_f64() {
            let next = trouble.unwrap_or(self.every).as_secs_f64() + run.seconds();
            if trouble.is_some() {
                run.trouble();
            }
            idle(Duration::from_secs_f64((next - run.seconds()).max(0.0)));
        }
        run.settle();
        let mut samples = gauge.end();
        let Run { mut scene, happened, .. } = run;
        let said = std::mem::take(&mut scene.daemon().said);
        weigh_log(&mut samples, &said);
        let (output, figures) = (target(name), figures(&samples, &happened, &said));
        let marks: Vec<f64> = happened.iter().filter(|(_, _, cut)| *cut).map(|(at, ..)| *at).collect();
        let title = format!("{} streams, {} messages a second, {:.0} minutes", self.streams, self.rate, self.minutes());
        fs::write(output.join("soak.svg"), plot::svg(&title, &samples, &marks)).unwrap();
        fs::write(output.join("samples.csv"), plot::csv(&samples)).unwrap();
        fs::write(output.join("report.txt"), &figures).unwrap();
        let classes: &[&str] =
            if trouble.is_some() { &["stored", "in_gap", "deleted"] } else { &["stored", "deleted"] };
        let report = scene.finish_as_it_is(classes);
        fs::write(output.join("report.txt"), format!("{figures}\n{report}")).unwrap();
        if trouble.is_none() {
            quiet(&said, self.minutes());
            assert_eq!(report.counted("in_gap"), 0, "{report}");
        }
        self.judge(&samples);
    }

    fn minutes(&self) -> f64 {
        self.lasts.as_secs_f64() / 60.0
    }

    /// Nothing leaks. What a short run shows is no trend yet.
    fn judge(&self, samples: &[Sample]) {
        let trend = |read: fn(&Sample) -> f64| trend(samples, read);
        let (memory, descriptors) = (trend(|sample| sample.resident), trend(|sample| sample.descriptors));
        let (threads, wal) = (trend(|sample| sample.threads), trend(|sample| sample.wal));
        assert!(memory.most < 256.0, "memory: {memory:?}");
        assert!(descriptors.most - descriptors.least <= COME_AND_GO, "descriptors: {descriptors:?}");
        assert!(threads.most - threads.least <= COME_AND_GO, "threads: {threads:?}");
        assert!(wal.most < 128.0, "write-ahead log: {wal:?}");
        if self.minutes() >= 30.0 {
            assert!(memory.hourly < memory.median / 10.0, "memory grows: {memory:?}");
            assert!(descriptors.hourly < 1.0, "descriptors grow: {descriptors:?}");
            assert!(threads.hourly < 1.0, "threads grow: {threads:?}");
            assert!(wal.hourly < 16.0, "the write-ahead log grows: {wal:?}");
        }
    }
}

impl Run {
    fn seconds(&self) -> f64 {
        let micros = jiff::Timestamp::now().as_microsecond() - self.began_us;
        Duration::from_micros(micros.unsigned_abs()).as_secs_f64()
    }

    /// One trouble, drawn; returns when it is over.
    fn trouble(&mut self) {
        let at = self.seconds();
        let name = match self.rng.u8(..100) {
            0..40 => {
                let cut = self.cuts.draw(&mut self.rng);
                self.cut(cut);
                cut.name
            }
            40..45 => self.list(),
            45..50 => self.disabled(),
            _ => {
                let trouble = self.borne.draw(&mut self.rng);
                self.cues(trouble.cues);
                trouble.name
            }
        };
        let cut = CUTS.iter().any(|trouble| trouble.name == name);
        self.happened.push((at, name, cut));
    }

    /// Gives the cues, and waits until the journal says that each of them fired. Returns the last such line.
    fn cues(&mut self, cues: &[&str]) -> Value {
        for cue in cues {
            self.scene.order(cue);
        }
        let mut last = Value::Null;
        for _ in cues {
            let tail = &mut self.tail;
            last = wait("a cue to fire", || tail.next("cue"));
        }
        last
    }

    fn cut(&mut self, cut: &Trouble) {
        let fault = self.scene.fault(cut.name, cut.causes);
        let since = jiff::Timestamp::now().to_string();
        let fired = self.cues(cut.cues);
        self.again(&since, "connected");
        self.again(&since, "subscribed");
        self.scene.over(fault, &fired);
    }

    /// Waits until the daemon says this, later than that.
    fn again(&mut self, since: &str, what: &str) {
        let later = |notice: &Value| notice["notice"] == what && notice["at"].as_str().is_some_and(|at| at > since);
        self.scene.daemon().until_that(what, later);
    }

    /// Fifty streams leave the list and come back. The connection stays.
    fn list(&mut self) -> &'static str {
        let streams = self.scene.streams.len();
        let fault = self.scene.fault(LIST, &["shutdown"]);
        self.scene.only(&fault, streams - LEAVE..streams);
        self.scene.list(0..streams - LEAVE);
        self.scene.list(0..streams);
        self.served();
        self.scene.over(fault, &Value::from("the daemon has reloaded twice"));
        LIST
    }

    /// The server switches one stream off and says so; when it is fine again, a reload has it asked for.
    fn disabled(&mut self) -> &'static str {
        let place = self.rng.usize(..self.scene.streams.len() - LEAVE);
        let fault = self.scene.fault(DISABLED, &["disabled"]);
        self.scene.only(&fault, place..place + 1);
        let fired = self.cues(&[&format!(r#"{{"do":{{"disable":{{"stream":{place}}}}}}}"#)]);
        self.scene.until("stream-disabled");
        self.cues(&[&format!(r#"{{"do":{{"restore":{{"stream":{place}}}}}}}"#)]);
        self.scene.daemon().signal(rustix::process::Signal::HUP);
        self.scene.until("reloaded");
        self.served();
        self.scene.over(fault, &fired);
        DISABLED
    }

    /// Waits until every stream that is wanted is served.
    fn served(&self) {
        self.scene.holds("SELECT count(*) = 0 FROM streams WHERE state NOT IN ('active', 'retired')");
    }

    /// The world stands still, what is under way arrives, and all that the daemon said is heard.
    fn settle(&mut self) {
        self.cues(&[r#"{"do":{"rate":"0/s"}}"#]);
        let now_us = jiff::Timestamp::now().as_microsecond();
        self.scene.holds(&format!("SELECT min(covered_until_us) > {now_us} FROM streams WHERE state = 'active'"));
        self.scene.daemon().signal(rustix::process::Signal::USR1);
        self.scene.until("state");
    }
}

/// The log's lines, weighed into the samples by their time.
fn weigh_log(samples: &mut [Sample], said: &[String]) {
    for line in said {
        let notice: Value = serde_json::from_str(line).unwrap();
        let at: jiff::Timestamp = notice["at"].as_str().unwrap().parse().unwrap();
        let place = samples.partition_point(|sample| sample.at_us < at.as_microsecond());
        if let Some(sample) = samples.get_mut(place) {
            sample.log += f64::from(u32::try_from(line.len() + 1).unwrap());
        }
    }
}

/// What the daemon said when nothing was amiss: that it lives, and nothing that a person need read.
fn quiet(said: &[String], minutes: f64) {
    let of =
        |level: &str| said.iter().filter(|line| line.contains(&format!(r#""level":"{level}""#))).collect::<Vec<_>>();
    let loud = [of("error"), of("warn")].concat();
    assert!(loud.is_empty(), "said without a reason: {loud:?}");
    let summaries = said.iter().filter(|line| line.contains(r#""notice":"summary""#)).count();
    assert!(
        f64::from(u32::try_from(summaries).unwrap()) >= minutes - 1.0,
        "{summaries} summaries in {minutes} minutes"
    );
}

/// The line through a measure in the second half of the run: in the first, caches fill and every kind of trouble comes
/// for the first time.
fn trend(samples: &[Sample], read: fn(&Sample) -> f64) -> Trend {
    let warm = samples.iter().skip(samples.len() / 2);
    Trend::of(&warm.map(|sample| (sample.seconds, read(sample))).collect::<Vec<_>>())
}

/// The figures in words.
fn figures(samples: &[Sample], happened: &[(f64, &'static str, bool)], said: &[String]) -> String {
    let mut out = String::new();
    writeln!(out, "{:<34} {:>10} {:>10} {:>10} {:>12}", "measure", "least", "median", "most", "per hour").unwrap();
    for (name, read) in plot::PANELS {
        let Trend { hourly, median, least, most } = trend(samples, *read);
        writeln!(out, "{name:<34} {least:>10.1} {median:>10.1} {most:>10.1} {hourly:>+12.2}").unwrap();
    }
    let cut = happened.iter().filter(|(_, _, cut)| *cut).count();
    let lines = said.len();
    writeln!(out, "\n{} troubles, {cut} of them cut the connection; {lines} log lines", happened.len()).unwrap();
    let mut kinds: Vec<&str> = happened.iter().map(|(_, name, _)| *name).collect();
    kinds.sort_unstable();
    for kind in kinds.chunk_by(|one, other| one == other) {
        writeln!(out, "{:>5} {}", kind.len(), kind.first().copied().unwrap_or_default()).unwrap();
    }
    out
}

fn target(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/soak").join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}
