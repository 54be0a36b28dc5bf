//! Who is measured side by side, and how one run of each goes.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::clock;
use super::frames::Ids;
use super::peers::{self, Peer};
use super::process::Process;
use super::sample::{Measures, Own, float};
use super::stage::{Look, Running, Stage, Trim, log_of, role, size};
use super::{growth, instructions, latency, overload, questions, scale, setup};

/// Messages of a peer's run, as a part of the others': it is slow.
const PEER_PART: usize = 4;

/// How often a peer is looked at, and for how long at most.
const OFTEN: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_mins(10);

/// One who is measured.
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) often: Often,
    pub(crate) run: Run,
}

/// How often somebody is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Often {
    /// In every round.
    Round,
    Once,
    /// Once, and only where a long run is asked for.
    Long,
}

/// One turn of a contestant: what is measured, by the name of the measurement.
type Run = Box<dyn Fn(&Plan) -> Vec<(&'static str, Measures)>>;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Messages of the daemon's runs.
    pub(crate) messages: usize,
    pub(crate) quick: bool,
}

pub(crate) fn of(name: &'static str, what: &'static str, run: impl Fn(&Plan) -> Measures + 'static) -> Contestant {
    Contestant { name, what, often: Often::Round, run: Box::new(move |plan| vec![(name, run(plan))]) }
}

/// All that need nothing to be installed. The daemon stands beside what it is compared with.
pub(crate) fn own() -> Vec<Contestant> {
    let daemon = |synchronous, ids, tls, reader| {
        move |plan: &Plan| {
            let trim = Trim { synchronous, tls, ids, ..Trim::default() };
            siftd(&Stage::new(), &trim, reader, plan.messages)
        }
    };
    let alone = |schema, synchronous, ids| move |plan: &Plan| alone([schema, synchronous, ids], plan.messages);
    vec![
        of(
            "siftd",
            "the daemon as shipped: synchronous FULL, coverage, dedupe, every index",
            daemon("full", Ids::Ordered, false, false),
        ),
        of(
            "bare-full",
            "SQLite alone: the archive's schema, pages and statement, 1,000 rows a commit, FULL",
            alone("own", "FULL", "ordered"),
        ),
        of(
            "append-full",
            "SQLite alone: one table without an index, pages of 32 KiB, 1,000 rows a commit, FULL",
            alone("append", "FULL", "ordered"),
        ),
        of("null", "tokio-tungstenite, reads and discards", |plan: &Plan| null(plan.messages)),
        of(
            "siftd-normal",
            "the daemon with archive.synchronous = \"normal\"",
            daemon("normal", Ids::Ordered, false, false),
        ),
        of("bare-normal", "as bare-full, NORMAL", alone("own", "NORMAL", "ordered")),
        of("append-normal", "as append-full, NORMAL", alone("append", "NORMAL", "ordered")),
        of("siftd-random", "the daemon as shipped, ids without any order", daemon("full", Ids::Random, false, false)),
        of("bare-random", "as bare-full, ids without any order", alone("own", "FULL", "random")),
        of("siftd-tls", "the daemon as shipped, by TLS 1.3", daemon("full", Ids::Ordered, true, false)),
        of(
            "siftd-reader",
            "the daemon as shipped, beside a reader that never rests",
            daemon("full", Ids::Ordered, false, true),
        ),
        of("latency-200", "200 messages a second", |plan: &Plan| latency::paced(200, 0, plan.quick)),
        of("latency-1k", "1,000 messages a second", |plan: &Plan| latency::paced(1_000, 0, plan.quick)),
        of("latency-10k", "10,000 messages a second", |plan: &Plan| latency::paced(10_000, 0, plan.quick)),
        of("latency-30k", "30,000 messages a second", |plan: &Plan| latency::paced(30_000, 0, plan.quick)),
        of("latency-flood", "as fast as they are taken", |plan: &Plan| latency::paced(0, plan.messages, plan.quick)),
        of("setup-plain", "5,000 streams, plain", |_: &Plan| setup::subscribed(false)),
        of("setup-tls", "5,000 streams, TLS 1.3", |_: &Plan| setup::subscribed(true)),
        of("instructions", "the daemon behind valgrind", |plan: &Plan| {
            instructions::counted(if plan.quick { 2_000 } else { 20_000 })
        }),
        of("idle", "5,000 streams and no message", |plan: &Plan| latency::idle(plan.quick)),
    ]
}

/// The peers that are installed.
pub(crate) fn peers() -> Vec<Contestant> {
    let there = peers::PEERS.iter().filter(|peer| peer.is_there());
    there.map(|peer| of(peer.name, peer.what, |plan: &Plan| other(&Stage::new(), peer, plan.messages))).collect()
}

/// What is shown once: how the daemon behaves when it is too much, and how its costs grow.
pub(crate) fn once() -> Vec<Contestant> {
    let once = |one: Contestant| Contestant { often: Often::Once, ..one };
    let held = Contestant {
        name: "overload-held",
        what: "syncs of a second for ten, 2,000 messages a second, a server that holds 8 MiB",
        often: Often::Once,
        run: Box::new(|_: &Plan| overload::held()),
    };
    let long = of("overload-long", "the same for forty seconds", |plan: &Plan| overload::long(plan.quick));
    let beyond = of("overload-beyond", "syncs of 20 s, 4,000 messages a second", |_: &Plan| overload::beyond());
    [held, once(long), once(beyond)].into_iter().chain(scale::contestants()).collect()
}

/// What takes long: how everything is at millions of rows.
pub(crate) fn long() -> Vec<Contestant> {
    let part = |plan: &Plan| if plan.quick { 5_000 } else { 500_000 };
    let large = |plan: &Plan| if plan.quick { 40_000 } else { 5_000_000 };
    let growth = [
        of("growth-siftd", "the daemon from 0.5 to 3 million rows", move |plan: &Plan| growth::siftd(part(plan))),
        of("growth-bare", "as bare-full, to 3 million rows", move |plan: &Plan| growth::alone("own", part(plan))),
        of("growth-append", "as append-full, to 3 million rows", move |plan: &Plan| {
            growth::alone("append", part(plan))
        }),
    ];
    let asked = |ids: Ids, names: [&'static str; 2], what: &'static str| {
        let ask = move |plan: &Plan| {
            let (quiet, busy) = questions::asked(large(plan), plan.messages * 5, ids);
            names.into_iter().zip([quiet, busy]).collect()
        };
        Contestant { name: names[0], what, often: Often::Long, run: Box::new(ask) }
    };
    let what = "5 million rows: each question's median, ms; the start of the daemon on them";
    let questions = asked(Ids::Ordered, ["questions", "questions-flood"], what);
    let random = asked(Ids::Random, ["questions-random", "questions-random-flood"], "the same, ids without any order");
    growth.into_iter().map(|one| Contestant { often: Often::Long, ..one }).chain([questions, random]).collect()
}

fn sample(messages: usize, seconds: f64, cpu: f64) -> Measures {
    let count = float(messages);
    vec![("rate", count / seconds), ("cpu", cpu * 1e6 / count)]
}

fn null(messages: usize) -> Measures {
    let stage = Stage::new();
    let (mut server, port) = stage.server(&Trim::default());
    let mut consumer = Process::start(&mut role(&[
        "null",
        "--url",
        &format!("ws://127.0.0.1:{port}/"),
        "--messages",
        &messages.to_string(),
    ]));
    server.hear("opened");
    server.order(&format!("send {messages} 0"));
    let own: Own = consumer.answer();
    server.end();
    sample(messages, own.seconds, own.cpu)
}

fn alone([schema, synchronous, ids]: [&str; 3], messages: usize) -> Measures {
    let stage = Stage::new();
    let file = stage.path("archive.db");
    let mut command = role(&["loop", "--schema", schema, "--synchronous", synchronous, "--ids", ids]);
    command.args(["--messages", &messages.to_string()]).arg("--file").arg(&file);
    let mut process = Process::start(&mut command);
    let told = process.until("answer", |told| !told.is_null());
    let own: Own = serde_json::from_value(told).unwrap();
    process.end();
    sample(messages, own.seconds, own.cpu)
}

/// The daemon at flood: from the first message sent to the last one committed.
pub(crate) fn siftd(stage: &Stage, trim: &Trim, reader: bool, messages: usize) -> Measures {
    let mut running = Running::start(stage, trim);
    let reader = reader.then(|| Process::start(role(&["read", "--archive"]).arg(&running.archive)));
    let told = flood(&mut running, messages);
    drop(reader);
    running.stop();
    told
}

/// So many messages as fast as they are taken.
pub(crate) fn flood(running: &mut Running, messages: usize) -> Measures {
    let spent = running.daemon.spent();
    running.send(messages, 0);
    let (at, log) = running.committed(messages);
    let spent = running.daemon.spent().checked_sub(spent).unwrap_or_default();
    let memory = running.daemon.memory();
    let first = running.server.hear("sent")["first"].as_i64().unwrap();
    let seconds = seconds_between(first, at);
    let mut told = sample(messages, seconds, spent.as_secs_f64());
    told.extend([("memory", memory), ("log", log)]);
    told
}

/// Another program, from the first message sent until it has stored the last.
fn other(stage: &Stage, peer: &Peer, messages: usize) -> Measures {
    let messages = (messages / PEER_PART / peer.slow).next_multiple_of(1_000);
    let (mut server, port) = stage.server(&Trim::default());
    let stored = stage.path("stored");
    let url = format!("ws://127.0.0.1:{port}/");
    let consumer = Process::start_log(&mut (peer.command)(&peers::home(), &url, &stored));
    server.hear("opened");
    let spent = consumer.spent();
    server.order(&format!("send {messages} 0"));
    let longest = if peer.to_file { 0.0 } else { rows(&stored, messages) };
    let mut at = clock::now();
    let sent = server.hear("sent");
    if peer.to_file {
        // How much it must write is known when all is sent: the frames without their heads.
        let least = sent["bytes"].as_u64().unwrap() - 4 * u64::try_from(messages).unwrap();
        clock::until("the file", OFTEN, PATIENCE, || {
            at = clock::now();
            std::fs::metadata(&stored).is_ok_and(|about| about.len() >= least).then_some(())
        });
    }
    let cpu = consumer.spent().checked_sub(spent).unwrap_or_default();
    let first = sent["first"].as_i64().unwrap();
    let mut told = sample(messages, seconds_between(first, at), cpu.as_secs_f64());
    told.extend([("memory", consumer.memory()), ("log", longest)]);
    told
}

/// Waits until a peer has committed so many rows. Says how long its log was at most.
fn rows(stored: &Path, messages: usize) -> f64 {
    let (mut look, mut longest): (Option<Connection>, _) = (None, 0.0_f64);
    clock::until("a peer's commits", OFTEN, PATIENCE, || {
        longest = longest.max(size(&log_of(stored)));
        if look.is_none() && stored.exists() {
            look = Some(Look::at(stored).0);
        }
        // Before it has made its table there is nothing to ask.
        let sql = "SELECT coalesce(max(n), 0) FROM interaction";
        let rows: Option<i64> = look.as_ref()?.query_row(sql, [], |row| row.get(0)).ok();
        (usize::try_from(rows?).unwrap() >= messages).then_some(())
    });
    longest
}

fn seconds_between(first: i64, last: i64) -> f64 {
    Duration::from_micros(u64::try_from(last - first).unwrap()).as_secs_f64()
}
