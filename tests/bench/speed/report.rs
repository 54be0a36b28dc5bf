//! The tables, on the screen and in docs/speed.md.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::contest::{Contestant, Often, Plan};
use super::goals::{GOALS, Verdict};
use super::overload;
use super::peers;
use super::plot;
use super::sample::{Book, Spread};
use super::scale;

const BEGIN: &str = "<!-- What stands between these two marks is written by the benchmark. -->\n";
const END: &str = "<!-- The benchmark's part ends here. -->\n";

/// All of it as Markdown.
pub(crate) fn tables(book: &Book, ran: &[&Contestant], plan: &Plan, rounds: usize, problems: &[String]) -> String {
    let mut out = format!(
        "{}\n\nMedians of {rounds} rounds [least..most] in which everything ran in turn; {} messages of 1.5 to 3 KiB for \
         5,000 streams. Only ratios within one run mean much: the same disk is twice as slow in another minute.\n\n{}",
        machine(),
        plan.messages,
        aims(book)
    );
    writeln!(out, "\n### Each one\n").unwrap();
    writeln!(out, "| | what | measured |\n| --- | --- | --- |").unwrap();
    // Scenes and growth have tables of their own.
    for contestant in ran.iter().filter(|contestant| contestant.often != Often::Once) {
        let told: Vec<String> = book
            .measures(contestant.name)
            .into_iter()
            .map(|(measure, spread)| format!("{} {spread}", meaning(measure)))
            .collect();
        writeln!(out, "| `{}` | {} | {} |", contestant.name, contestant.what, told.join("<br>")).unwrap();
    }
    out.push_str(&overload::table(book));
    out.push_str(&scale::tables(book));
    let missing = missing(book, problems);
    if !missing.is_empty() {
        writeln!(out, "\n### Not measured\n").unwrap();
        for line in missing {
            writeln!(out, "* {line}").unwrap();
        }
    }
    out
}

/// The aims and what was reached.
fn aims(book: &Book) -> String {
    let mut out = "| | must | aim | measured | |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for goal in GOALS {
        let [must, aim] = goal.bounds();
        let Some(spread) = Spread::of((goal.figure)(book)) else { continue };
        let verdict = match goal.verdict(spread.median) {
            Verdict::Aim => "aim reached",
            Verdict::Must => "must reached",
            Verdict::Missed => "**missed**",
        };
        writeln!(out, "| {} | {must} | {aim} | {spread} {} | {verdict} |", goal.what, goal.unit).unwrap();
    }
    out
}

/// What has no figure, and why.
fn missing(book: &Book, problems: &[String]) -> Vec<String> {
    let unmeasured = GOALS.iter().filter(|goal| (goal.figure)(book).is_empty());
    let mut lines: Vec<String> = unmeasured.map(|goal| goal.what.to_owned()).collect();
    lines.extend(problems.iter().cloned());
    lines
}

/// What a measure's short name stands for.
fn meaning(measure: &str) -> &str {
    match measure {
        "rate" => "messages/s",
        "cpu" => "CPU µs/message",
        "memory" => "peak memory MiB",
        "log" => "longest log MiB",
        "p50" => "p50 ms",
        "p99" => "p99 ms",
        "most" => "longest ms",
        "written" => "written KiB/message (idle: KiB/s)",
        "percent" => "% of a core",
        "subscribed" => "all acknowledged ms",
        "server" => "as the server sees it ms",
        "handshake" => "accepted to upgraded ms",
        "again" => "all active again ms",
        other => other,
    }
}

/// What it ran on, and the versions of what took part.
fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches(['\t', ' ', ':']);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let words = |program: &str, argument: &str| {
        let told = Command::new(program).arg(argument).output().map(|output| output.stdout).unwrap_or_default();
        String::from_utf8_lossy(&told).trim().to_owned()
    };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    format!(
        "siftd {}, SQLite {}, {}, Linux {}, {cores} × {model}, load at the end {load}.",
        env!("CARGO_PKG_VERSION"),
        rusqlite::version(),
        words("rustc", "--version"),
        kernel.trim(),
    )
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/speed.md")
}

/// Writes the tables into docs/speed.md, and the picture beside it.
pub(crate) fn publish(tables: &str, book: &Book) {
    let text = std::fs::read_to_string(page()).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap_or_else(|| panic!("docs/speed.md has lost its marks"));
    let (_, after) = rest.split_once(END).unwrap_or_else(|| panic!("docs/speed.md has lost its marks"));
    std::fs::write(page(), format!("{before}{BEGIN}\n{tables}\n{END}{after}")).unwrap();
    std::fs::write(page().with_extension("svg"), plot::svg(book)).unwrap();
}

/// Installs what can be had of the peers that are meant; says what cannot.
pub(crate) fn install(meant: impl Fn(&str) -> bool) -> Vec<String> {
    let tried =
        peers::PEERS.iter().filter(|peer| meant(peer.name)).filter_map(|peer| Some((peer, peer.install().err()?)));
    let mut problems: Vec<String> =
        tried.map(|(peer, why)| format!("`{}` ({}): not to be had here: {why}", peer.name, peer.what)).collect();
    problems.push("Vector, Benthos: no peer without a programming of one's own; not tried".to_owned());
    problems
}
