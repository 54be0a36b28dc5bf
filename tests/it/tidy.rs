//! The house keeps its own rules: who may use whom, which rooms are pure, and what no file may hold.
//!
//! A message names the file, the line and the rule. A new module fails until it has its place in [`MAY_USE`], so the
//! architecture is decided once, in one place.

use std::fs;
use std::path::{Path, PathBuf};

/// The words that everyone may use; pure.
const WORDS: &[&str] =
    &["coverage", "fault", "healing", "historic", "limits", "notice", "peer_text", "record", "signal", "time"];

/// Which modules are beyond the words' own: what a module may use beside them, in the direction of flow.
const MAY_USE: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("decide", &[]),
    ("backfill", &[]),
    ("config", &[]),
    ("exit", &[]),
    ("transport", &[]),
    ("archive", &[]),
    ("host", &["config"]),
    ("driver", &["archive", "backfill", "config", "decide", "exit", "host", "protocol", "transport"]),
    ("daemon", &["archive", "backfill", "config", "decide", "driver", "exit", "host", "protocol", "transport"]),
    ("command", &["archive", "backfill", "config", "daemon", "exit", "host", "simulator"]),
    ("main", &["command", "exit"]),
];

/// An independent witness: it uses nothing of the daemon, not even the words.
const WITNESS: &str = "simulator";

/// Beside the words: no clock, no socket, no file, no log, no waiting.
const PURE: &[&str] = &["protocol", "decide", "backfill"];

/// What acts.
const ACTS: &[&str] = &[
    "tokio",
    "rusqlite",
    "tracing",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime",
    "async fn",
];

/// What is not finished, or was only tried; put together here so that this file may be searched too.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("db", "g!("),
];

/// Names that let everything in.
const VAGUE: &[&str] = &["util", "utils", "common", "helpers", "manager", "types", "errors", "misc"];

const LINES_MAX: usize = 500;

/// A file of the project, as its path from the root and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// The module at the top of `src` that the file belongs to; nothing for the map and for tests.
    fn room(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let room = inside.split('/').next()?.trim_end_matches(".rs");
        (room != "lib" && !inside.ends_with("/tests.rs") && !inside.contains("/tests/")).then_some(room)
    }

    /// The lines with code that is not a test's, and their numbers. Comments are cut off.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
        lines.enumerate().map(|(at, line)| {
            let comment = if line.trim_start().starts_with("//") { Some(0) } else { line.find(" // ") };
            (at + 1, comment.and_then(|start| line.get(..start)).unwrap_or(line))
        })
    }

    fn complaint(&self, line: usize, rule: &str) -> String {
        format!("{}:{line}: {rule}", self.path)
    }
}

/// The modules of the house that a line of code names: `crate::one` and `crate::{one, two::Word}`.
fn named(line: &str) -> Vec<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let after =
        line.match_indices("crate::").chain(line.match_indices("siftd::")).map(|(start, word)| (start, word.len()));
    let mut names = Vec::new();
    for (start, length) in after {
        if line.get(..start).is_some_and(|before| before.ends_with(is_name)) {
            continue;
        }
        let rest = line.get(start + length..).unwrap_or_default();
        let group = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
        let members = group.map_or_else(|| vec![rest], |group| group.split(", ").collect());
        names.extend(members.iter().filter_map(|member| member.split(|c| !is_name(c)).next()));
    }
    names
}

/// Modules are used in one direction only.
fn direction(source: &Source) -> Vec<String> {
    let Some(room) = source.room() else { return Vec::new() };
    let placed = MAY_USE.iter().find(|(name, _)| *name == room).map(|(_, used)| *used);
    if placed.is_none() && !WORDS.contains(&room) && room != WITNESS {
        return vec![source.complaint(1, &format!("{room} has no place in the table of tests/it/tidy.rs"))];
    }
    let unreadable = source.code().find(|(_, code)| code.contains("crate::{") && !code.contains('}'));
    if let Some((line, _)) = unreadable {
        return vec![source.complaint(line, "one `use` a module, so that this file can read it")];
    }
    let may = |used: &str| {
        used == room
            || placed.is_some_and(|beside| beside.contains(&used))
            || (room != WITNESS && WORDS.contains(&used))
    };
    let found = source.code().flat_map(|(line, code)| named(code).into_iter().map(move |used| (line, used)));
    let forbidden = found.filter(|(_, used)| used.starts_with(|c: char| c.is_ascii_lowercase()) && !may(used));
    forbidden.map(|(line, used)| source.complaint(line, &format!("{room} must not know {used}"))).collect()
}

/// Decoding and deciding do not act.
fn purity(source: &Source) -> Vec<String> {
    let Some(room) = source.room().filter(|room| WORDS.contains(room) || PURE.contains(room)) else {
        return Vec::new();
    };
    let found = source
        .code()
        .flat_map(|(line, code)| ACTS.iter().filter(|act| code.contains(**act)).map(move |act| (line, act)));
    found.map(|(line, act)| source.complaint(line, &format!("{room} is pure and has no use for `{act}`"))).collect()
}

/// The process ends in one place.
fn one_end(source: &Source) -> Vec<String> {
    let elsewhere = source.room().is_some_and(|room| room != "exit");
    let found = source.code().filter(|(_, code)| elsewhere && code.contains("process::exit("));
    found.map(|(line, _)| source.complaint(line, "the process ends in src/exit.rs only")).collect()
}

/// A file has a first sentence, an end in sight, a name that promises something, and nothing unfinished.
fn manners(source: &Source) -> Vec<String> {
    let mut complaints = Vec::new();
    if !source.text.starts_with("//! ") {
        complaints.push(source.complaint(1, "a file opens with one `//!` sentence"));
    }
    let lines = source.text.lines().count();
    if lines > LINES_MAX {
        complaints.push(source.complaint(lines, &format!("a file ends before line {LINES_MAX}")));
    }
    let mut parts = source.path.trim_end_matches(".rs").split('/');
    if let Some(name) = parts.find(|part| VAGUE.contains(part)) {
        complaints.push(source.complaint(1, &format!("`{name}` is a name that lets everything in")));
    }
    for (at, line) in source.text.lines().enumerate() {
        if let Some(word) = UNFINISHED.iter().find(|word| line.contains(**word)) {
            complaints.push(source.complaint(at + 1, &format!("`{word}` is not finished")));
        }
    }
    complaints
}

/// The oracle goes by the journal and the views alone.
fn strangers(source: &Source) -> Vec<String> {
    if !source.path.starts_with("tests/oracle/") {
        return Vec::new();
    }
    let found = source.code().filter(|(_, code)| code.contains("siftd::"));
    found.map(|(line, _)| source.complaint(line, "the oracle knows no code of siftd")).collect()
}

fn judged(source: &Source) -> Vec<String> {
    [direction(source), purity(source), one_end(source), strangers(source), manners(source)].concat()
}

/// Every Rust file below a folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let lists = entries.map(|path| if path.is_dir() { below(&path) } else { vec![path] });
    lists.flatten().filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect()
}

#[test]
fn the_house_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = below(&root.join("src"));
    files.extend(below(&root.join("tests")));
    assert!(files.len() > 20, "the search has lost its way");
    let mut complaints = Vec::new();
    for file in files {
        let path = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        complaints.extend(judged(&Source { path, text: fs::read_to_string(&file).unwrap() }));
    }
    complaints.sort();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// What is said of a file with a good first line and this one after it.
fn planted(path: &str, line: &str) -> Vec<String> {
    judged(&Source::new(path, &format!("//! A room.\n{line}\n")))
}

#[test]
fn each_rule_bites() {
    for (path, line, complaint) in [
        ("src/decide/session.rs", "use crate::driver::Driver;", "src/decide/session.rs:2: decide must not know driver"),
        (
            "src/archive/batch.rs",
            "use crate::{time::Time, protocol};",
            "src/archive/batch.rs:2: archive must not know protocol",
        ),
        ("src/decide/x.rs", "use crate::{", "src/decide/x.rs:2: one `use` a module, so that this file can read it"),
        ("src/record.rs", "fn f(x: crate::host::Log) {}", "src/record.rs:2: record must not know host"),
        (
            "src/simulator/mod.rs",
            "use crate::limits::STOP_MAX;",
            "src/simulator/mod.rs:2: simulator must not know limits",
        ),
        ("src/relay.rs", "", "src/relay.rs:1: relay has no place in the table of tests/it/tidy.rs"),
        (
            "src/protocol/sse.rs",
            "async fn f() {}",
            "src/protocol/sse.rs:2: protocol is pure and has no use for `async fn`",
        ),
        ("src/time.rs", "    Instant::now()", "src/time.rs:2: time is pure and has no use for `Instant::now`"),
        ("src/host/log.rs", "std::process::exit(1)", "src/host/log.rs:2: the process ends in src/exit.rs only"),
        (
            "tests/oracle/judge/x.rs",
            "use siftd::time::Time;",
            "tests/oracle/judge/x.rs:2: the oracle knows no code of siftd",
        ),
        ("src/host/util.rs", "", "src/host/util.rs:1: `util` is a name that lets everything in"),
        ("tests/it/x.rs", concat!("// FIX", "ME"), concat!("tests/it/x.rs:2: `FIX", "ME` is not finished")),
    ] {
        assert_eq!(planted(path, line), [complaint]);
    }
    let headless = judged(&Source::new("src/time.rs", "use std::fmt;\n"));
    assert_eq!(headless, ["src/time.rs:1: a file opens with one `//!` sentence"]);
    let endless = judged(&Source::new("src/time.rs", &format!("//! A.\n{}", "\n".repeat(LINES_MAX))));
    assert_eq!(endless, ["src/time.rs:501: a file ends before line 500"]);
}

#[test]
fn no_rule_bites_what_is_allowed() {
    for (path, line) in [
        ("src/decide/session.rs", "use crate::{notice::Notice, signal};"),
        ("src/decide/session.rs", "/// Not like tokio's, and not `crate::driver`."),
        ("src/decide/session.rs", "#[cfg(test)]\nmod tests { use crate::driver; }"),
        ("src/decide/session/tests.rs", "use std::fs;"),
        ("src/time.rs", "let span = elapsed(); // no Instant::now here"),
        ("src/config/mod.rs", "use crate::config::fault::Fault;"),
        ("src/exit.rs", "std::process::exit(70)"),
        ("src/notice/mod.rs", "macro_rules! m { () => { $crate::notice::TABLE } }"),
    ] {
        assert_eq!(planted(path, line), [""; 0], "{path}: {line}");
    }
}
