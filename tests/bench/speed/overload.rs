//! More than the disk takes: a server that holds little for a slow consumer, and a disk whose syncs stall. The daemon
//! stands beside a consumer that stores in the thread that reads.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;

use super::audit::{Audit, audit};
use super::clock;
use super::frames::stream_name;
use super::process::Process;
use super::sample::{Book, Measures, Spread, figure, float};

use super::stage::{Look, SIFTD, Stage, Trim, role};
use super::stall::Stall;

const STREAMS: usize = 1_000;

/// Messages a second, and what each sync takes while the disk stalls. A commit of a thousand rows a second is half of them.
const RATE: u32 = 2_000;
const SYNC: Duration = Duration::from_secs(1);

/// A stall that the queue holds, and one that it does not.
const SHORT: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_secs(40);

/// A single sync that takes longer than the queue and the server's buffer last, at this rate.
const SYNC_BEYOND: Duration = Duration::from_secs(20);
const RATE_BEYOND: u32 = 4_000;

/// What nobody waits longer for than this.
const PATIENCE: Duration = Duration::from_mins(1);
const GLANCE: Duration = Duration::from_millis(100);

/// A server with the usual buffer and a daemon that has subscribed to all of it.
struct Scene {
    stage: Stage,
    server: Process,
    port: u16,
    daemon: Process,
    archive: PathBuf,
}

impl Scene {
    fn open() -> Self {
        let stage = Stage::new();
        let hashes: Vec<String> = (0..STREAMS).map(stream_name).collect();
        // The server warns when half of its buffer is full and ends the connection when all of it is.
        let scenario = format!(
            "about = \"It holds little.\"\n[node]\nslow_warning = \"4MiB\"\nslow_disconnect = \"8MiB\"\n\
             socket_buffer = \"256KiB\"\n[world]\nstreams = {STREAMS}\nhashes = {hashes:?}\nrate = 0\nshared = 0.0\n\
             duplicates = 0.0\ndeletes = 0.0\nlarge = 0.0\nhuge = 0.0\nold = 0.0\n"
        );
        std::fs::write(stage.path("scenario.toml"), scenario).unwrap();
        let mut simulator = Command::new(SIFTD);
        simulator.args(["simulate", "--listen", "127.0.0.1:0", "--control", "stdin", "--scenario"]);
        simulator.arg(stage.path("scenario.toml")).arg("--journal").arg(stage.path("journal.jsonl"));
        let mut server = Process::start(&mut simulator);
        let url = server.line("listening on ");
        let port = url.rsplit(':').next().unwrap().trim_end_matches("/multi").parse().unwrap();
        let trim = Trim { streams: STREAMS, ..Trim::default() };
        let mut daemon = stage.daemon(&trim, port);
        daemon.hear("subscribed");
        let archive = stage.archive(&trim);
        Self { stage, server, port, daemon, archive }
    }

    /// The world makes so many messages a second from now on.
    fn pace(&mut self, rate: u32) {
        self.server.order(&format!(r#"{{"do":{{"rate":"{rate}/s"}}}}"#));
    }

    /// The world rests; waits until every message that was made is a row or in a gap. Ends both.
    fn settle(mut self) -> Measures {
        self.pace(0);
        let journal = self.stage.path("journal.jsonl");
        let mut last = Audit::default();
        let audit = clock::until("every message is a row or in a gap", GLANCE, PATIENCE, || {
            let now = audit(&journal, &self.archive);
            // The journal is 20 ms behind at most: twice the same is all.
            (std::mem::replace(&mut last, now) == now && now.missing == 0).then_some(now)
        });
        let Audit { made, stored, in_gaps, missing } = audit;
        let counts = [("made", made), ("stored", stored), ("in gaps", in_gaps), ("missing", missing)];
        let mut told = counts.map(|(name, count)| (name, float(count))).to_vec();
        let others = "FROM gaps WHERE cause NOT IN ('starting', 'rejected')";
        told.extend([
            ("cuts", self.number("SELECT count(*) - 1 FROM connections")),
            ("gaps", self.number(&format!("SELECT count(*) {others}"))),
            ("slow_consumer", self.number("SELECT count(*) FROM gaps WHERE cause = 'slow_consumer'")),
            ("widest", self.number(&format!("SELECT CAST(coalesce(max(seconds), 0) AS INTEGER) {others}"))),
            ("memory", self.daemon.memory()),
        ]);
        self.daemon.terminate();
        self.server.terminate();
        told
    }

    /// Waits until the server's journal says that it ended the connection for being slow.
    fn server_cut(&self) {
        let journal = self.stage.path("journal.jsonl");
        clock::until("the server ends the connection", GLANCE, PATIENCE, || {
            std::fs::read_to_string(&journal).unwrap().contains(r#""what":"slow-disconnected""#).then_some(())
        });
    }

    /// Waits until a question of the archive is answered by yes.
    fn holds(&self, sql: &str) {
        clock::until(sql, GLANCE, PATIENCE, || (self.number(sql) > 0.0).then_some(()));
    }

    fn number(&self, sql: &str) -> f64 {
        f64::from(Look::at(&self.archive).0.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap())
    }
}

/// A stall that can be held, with the naive consumer beside the daemon.
pub(crate) fn held() -> Vec<(&'static str, Measures)> {
    let mut scene = Scene::open();
    let stored = scene.stage.path("naive.db");
    let mut naive = role(&["naive", "--streams", &STREAMS.to_string(), "--url"]);
    naive.arg(format!("ws://127.0.0.1:{}/multi", scene.port)).arg("--file").arg(&stored);
    let mut naive = Process::start(&mut naive);
    naive.hear("subscribed");
    scene.pace(RATE);
    scene.holds("SELECT count(*) > 2000 FROM interactions");
    let (begun, stalled) = (clock::start(), [&scene.daemon, &naive].map(|process| Stall::of(process, SYNC)));
    naive.hear("cut");
    let cut = begun.elapsed();
    clock::nap(SHORT.saturating_sub(begun.elapsed()));
    drop(stalled);
    naive.hear("stored");
    naive.end();
    let kept = Look(Connection::open(&stored).unwrap());
    let kept: u32 = kept.0.query_row("SELECT count(*) FROM interaction", [], |row| row.get(0)).unwrap();
    let kept = f64::from(kept);
    let told = scene.settle();
    let [made, in_gaps, cuts] = ["made", "in gaps", "cuts"].map(|name| value(&told, name));
    assert!(in_gaps + cuts < 1.0, "nothing had to be lost: {told:?}");
    assert!(kept < made, "the naive consumer was to lose something");
    let naive = vec![
        ("made", made),
        ("stored", kept),
        ("missing", made - kept),
        ("stalled", SHORT.as_secs_f64()),
        ("cuts", 1.0),
        ("cut after", cut.as_secs_f64()),
    ];
    vec![("overload-naive", naive), ("overload-held", stalling(told, SHORT))]
}

/// A stall that outlasts the queue: what the daemon does to catch up must help while the disk still stalls.
pub(crate) fn long(quick: bool) -> Measures {
    let lasts = if quick { SHORT } else { LONG };
    let mut scene = Scene::open();
    scene.pace(RATE);
    scene.holds("SELECT count(*) > 2000 FROM interactions");
    let (begun, stalled) = (clock::start(), Stall::of(&scene.daemon, SYNC));
    let warned = scene.daemon.hear_within("drain-entered", lasts).map(|_| begun.elapsed());
    clock::nap(lasts.saturating_sub(begun.elapsed()));
    drop(stalled);
    let mut told = Measures::new();
    if let Some(warned) = warned {
        let left = scene.daemon.hear("drain-left");
        told.extend([("drain after", warned.as_secs_f64()), ("drain", left["seconds"].as_f64().unwrap())]);
    }
    told.extend(scene.settle());
    stalling(told, lasts)
}

/// A stall beyond what can be held: the socket is left unread, the server ends the connection.
pub(crate) fn beyond() -> Measures {
    let mut scene = Scene::open();
    scene.pace(RATE_BEYOND);
    scene.holds("SELECT count(*) > 4000 FROM interactions");
    let (begun, stalled) = (clock::start(), Stall::of(&scene.daemon, SYNC_BEYOND));
    scene.daemon.hear("queue-full");
    let full = begun.elapsed();
    scene.server_cut();
    let cut = begun.elapsed();
    scene.daemon.hear("disconnected");
    let noticed = begun.elapsed();
    drop(stalled);
    scene.daemon.hear("subscribed");
    let told = scene.settle();
    assert!(value(&told, "in gaps") > 0.0, "something had to be lost: {told:?}");
    let spans = [("full after", full), ("cut after", cut), ("noticed", noticed)];
    let spans = spans.map(|(name, span)| (name, span.as_secs_f64()));
    stalling(told.into_iter().chain(spans).collect(), noticed)
}

fn stalling(mut told: Measures, span: Duration) -> Measures {
    told.push(("stalled", span.as_secs_f64()));
    told
}

fn value(told: &Measures, name: &str) -> f64 {
    told.iter().find(|(measure, _)| *measure == name).unwrap().1
}

/// The rows of the table: a measure, and what it is called.
const ROWS: &[(&str, &str)] = &[
    ("stalled", "seconds that the disk stalled"),
    ("made", "messages made"),
    ("stored", "of them rows"),
    ("in gaps", "of them not, and inside a recorded gap"),
    ("missing", "**of them neither**"),
    ("cuts", "connections that the server ended"),
    ("full after", "seconds until the queue was full"),
    ("cut after", "seconds until the server ended the connection"),
    ("noticed", "seconds until the daemon knew"),
    ("drain after", "seconds until it began to catch up"),
    ("drain", "seconds that it caught up"),
    ("gaps", "gaps"),
    ("slow_consumer", "of them with cause `slow_consumer`"),
    ("widest", "the widest, in seconds"),
    ("memory", "peak memory, MiB"),
];

/// The scenes side by side; nothing if they were not played.
pub(crate) fn table(book: &Book) -> String {
    let mut out = String::new();
    let names = ["overload-naive", "overload-held", "overload-long", "overload-beyond"];
    for (measure, what) in ROWS {
        let values = names.map(|name| Spread::of(book.of(name, measure)));
        if values.iter().all(Option::is_none) {
            continue;
        }
        let cells = values.map(|value| value.map_or_else(|| "–".to_owned(), |spread| amount(spread.median)));
        writeln!(out, "| {what} | {} |", cells.join(" | ")).unwrap();
    }
    if out.is_empty() {
        return out;
    }
    format!(
        "\n### Overload\n\n| | naive | siftd | siftd, a long stall | siftd, beyond what can be held |\n| --- | --- | --- | --- | --- |\n{out}"
    )
}

/// A count in full, anything else in three digits.
fn amount(value: f64) -> String {
    if value.fract().abs() < f64::EPSILON { format!("{value:.0}") } else { figure(value) }
}
