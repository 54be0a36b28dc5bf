//! What the daemon and its commands cost as the work grows: more streams, larger messages, more rows, gaps and notices.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;

use super::clock;
use super::contest::{Contestant, Often, Plan};
use super::sample::{Book, Measures, Spread, figure, float};
use super::setup::renewed;
use super::stage::{Running, SIFTD, Stage, Trim};
use super::{contest, filler};

/// How often a command is asked; the median counts.
const TIMES: usize = 7;

/// Messages of a measurement of the rate, and what they may weigh together.
const MESSAGES: usize = 50_000;
const BYTES: usize = 256 * 1024 * 1024;

/// What grows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Axis {
    Streams,
    Size,
    Rows,
    Gaps,
    Notices,
}

pub(crate) const AXES: [Axis; 5] = [Axis::Streams, Axis::Size, Axis::Rows, Axis::Gaps, Axis::Notices];

impl Axis {
    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::Streams => "streams",
            Self::Size => "bytes a message",
            Self::Rows => "rows in the archive",
            Self::Gaps => "gaps in the archive",
            Self::Notices => "notices in the archive",
        }
    }
}

/// One size of what grows; everything else is as usual: 5,000 streams, 1.5 to 3 KiB, an empty archive.
#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) name: &'static str,
    pub(crate) axis: Axis,
    pub(crate) size: usize,
}

const fn at(name: &'static str, axis: Axis, size: usize) -> Point {
    Point { name, axis, size }
}

pub(crate) const POINTS: &[Point] = &[
    at("scale-streams-10", Axis::Streams, 10),
    at("scale-streams-100", Axis::Streams, 100),
    at("scale-streams-1000", Axis::Streams, 1_000),
    at("scale-streams-5000", Axis::Streams, 5_000),
    at("scale-size-100", Axis::Size, 100),
    at("scale-size-1k", Axis::Size, 1_000),
    at("scale-size-10k", Axis::Size, 10_000),
    at("scale-size-100k", Axis::Size, 100_000),
    at("scale-size-1m", Axis::Size, 1_000_000),
    at("scale-rows-0", Axis::Rows, 0),
    at("scale-rows-50k", Axis::Rows, 50_000),
    at("scale-rows-500k", Axis::Rows, 500_000),
    at("scale-rows-5m", Axis::Rows, 5_000_000),
    at("scale-gaps-0", Axis::Gaps, 0),
    at("scale-gaps-1k", Axis::Gaps, 1_000),
    at("scale-gaps-100k", Axis::Gaps, 100_000),
    at("scale-notices-0", Axis::Notices, 0),
    at("scale-notices-10k", Axis::Notices, 10_000),
    at("scale-notices-500k", Axis::Notices, 500_000),
];

/// Beyond this an archive is filled only where a long run is asked for.
const ROWS_MAX: usize = 1_000_000;

pub(crate) fn contestants() -> Vec<Contestant> {
    let one = |point: &'static Point| {
        let often = if point.size > ROWS_MAX { Often::Long } else { Often::Once };
        let run = move |plan: &Plan| measured(point, plan.quick);
        Contestant { often, ..contest::of(point.name, point.axis.what(), run) }
    };
    POINTS.iter().map(one).collect()
}

/// Start, rate, reconnect and the commands at one point.
fn measured(point: &Point, quick: bool) -> Measures {
    let stage = Stage::new();
    let mut trim = Trim::default();
    let count = if quick { point.size.min(5_000) } else { point.size };
    match point.axis {
        Axis::Streams => trim.streams = count,
        Axis::Size => trim.size = Some(point.size),
        Axis::Rows if count > 0 => drop(filler::fill(&stage.archive(&trim), count, trim.ids)),
        Axis::Gaps => prepare(&stage, &trim, GAPS, count),
        Axis::Notices => prepare(&stage, &trim, NOTICES, count),
        Axis::Rows => {}
    }
    let (server, port) = stage.server(&trim);
    stage.write(&trim, port);
    let begun = clock::start();
    let mut daemon = stage.spawn(&trim);
    daemon.hear("started");
    let start = begun.elapsed();
    daemon.hear("subscribed");
    let mut running = Running { server, daemon, archive: stage.archive(&trim) };
    let messages = trim.size.map_or(MESSAGES, |size| MESSAGES.min(BYTES / size));
    let messages = if quick { messages.min(500) } else { messages };
    let told = contest::flood(&mut running, messages);
    let again = renewed(&mut running);
    let mut measures = vec![("start", start.as_secs_f64() * 1e3), ("again", again)];
    measures.extend(["status", "gaps"].map(|command| (command, asked(&stage.path("daemon.toml"), command))));
    measures.extend(told.into_iter().filter(|(name, _)| *name != "log"));
    running.stop();
    measures
}

/// An archive that the daemon made and closed, and in it so many rows more.
fn prepare(stage: &Stage, trim: &Trim, sql: &str, count: usize) {
    let running = Running::start(stage, trim);
    let archive = running.archive.clone();
    running.stop();
    if count > 0 {
        let db = Connection::open(archive).unwrap();
        db.execute(sql, [i64::try_from(count).unwrap()]).unwrap();
    }
}

/// Gaps that have ended and that nobody has filled, spread over all streams and the year before.
const GAPS: &str = "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < ?1)
    INSERT INTO gap (stream, started, ended, cause, state)
    SELECT (SELECT min(id) FROM stream) + n % (SELECT count(*) FROM stream),
           (unixepoch() - 31000000) * 1000000 + n * 300000000, (unixepoch() - 31000000) * 1000000 + n * 300000000 + 2000000,
           'network', 'closed'
      FROM n";

/// What a calm year says: a summary a minute.
const NOTICES: &str = "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < ?1)
    INSERT INTO notice (at, level, notice, message, detail)
    SELECT (unixepoch() - 31000000 + n * 60) * 1000000, 'info', 'summary',
           'live: 1145.0 interactions/s, 5000 of 5000 streams active, 0 gaps open; backfill: 0 gaps wait',
           '{\"streams_active\":5000,\"streams\":5000,\"rate\":1145.0,\"gaps_open\":0,\"state\":\"live\"}'
      FROM n";

/// How long a command takes, in milliseconds, beside the running daemon.
fn asked(settings: &Path, command: &str) -> f64 {
    let spans = (0..TIMES).map(|_| {
        let begun = clock::start();
        let mut asked = Command::new(SIFTD);
        asked.arg("--config").arg(settings).arg(command).stdout(Stdio::null());
        assert!(asked.status().unwrap().success(), "siftd {command} failed");
        begun.elapsed().as_secs_f64() * 1e3
    });
    Spread::of(spans.collect()).unwrap().median
}

/// What is told of each point, and what it is called.
pub(crate) const MEASURES: &[(&str, &str)] = &[
    ("start", "start, ms"),
    ("again", "all active again, ms"),
    ("status", "`siftd status`, ms"),
    ("gaps", "`siftd gaps`, ms"),
    ("rate", "messages a second"),
    ("cpu", "processor time a message, µs"),
    ("memory", "peak memory, MiB"),
];

/// The points of an axis that were measured: their sizes, and a measure of each.
pub(crate) fn line(book: &Book, axis: Axis, measure: &str) -> Vec<(usize, f64)> {
    let points = POINTS.iter().filter(|point| point.axis == axis);
    points.filter_map(|point| Some((point.size, Spread::of(book.of(point.name, measure))?.median))).collect()
}

/// One table for each of what grows; nothing if it was not measured.
pub(crate) fn tables(book: &Book) -> String {
    let mut out = String::new();
    for axis in AXES {
        let sizes = line(book, axis, "start");
        if sizes.is_empty() {
            continue;
        }
        let heads: Vec<String> = sizes.iter().map(|(size, _)| size.to_string()).collect();
        writeln!(
            out,
            "\n| {} | {} | order | of the last step |\n| --- |{} --- | --- |",
            axis.what(),
            heads.join(" | "),
            " --- |".repeat(heads.len())
        )
        .unwrap();
        for (measure, what) in MEASURES {
            let values = line(book, axis, measure);
            let cells: Vec<String> = values.iter().map(|(_, value)| figure(*value)).collect();
            let orders: Vec<String> =
                [order(&values), order(values.get(values.len().saturating_sub(2)..).unwrap_or_default())]
                    .iter()
                    .map(|order| order.map_or_else(|| "–".to_owned(), |order| format!("{order:.2}")))
                    .collect();
            writeln!(out, "| {what} | {} | {} |", cells.join(" | "), orders.join(" | ")).unwrap();
        }
    }
    if out.is_empty() { out } else { format!("\n### As the work grows\n{out}") }
}

/// The order of growth: 0 is a constant, 1 is in proportion. From the first point that is not at nothing to the last.
fn order(points: &[(usize, f64)]) -> Option<f64> {
    let (first, last) = (points.iter().find(|(size, _)| *size > 0)?, points.last()?);
    let spread = (float(last.0) / float(first.0)).ln();
    // Rounded here, and without a sign where it is nothing.
    (spread > 0.0).then(|| ((last.1 / first.1).ln() / spread * 100.0).round() / 100.0 + 0.0)
}
