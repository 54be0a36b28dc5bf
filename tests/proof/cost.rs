//! What a message costs in instructions and in allocations, counted by valgrind: the same on any machine, however busy.
//! The bounds are a third above what it was when they were set: to read each frame twice meets both of them.

use std::fs;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::scene::{Stage, skip};

/// The world stands still but for what is asked of it, and all messages are plain interactions.
const WORLD: &str = "[node]\ntick_every = \"30s\"\n[world]\nstreams = 20\nrate = 0\nshared = 0.0\nduplicates = 0.0\n\
                     deletes = 0.0\nlarge = 0.0\nhuge = 0.0\nold = 0.0\ndata_first = 0.0\n";

/// As shipped: a test's own settings would count what nobody has.
const SETTINGS: &str = "[log]\nlevel = \"info\"\n[liveness]\nsilence = \"65s\"\n[source]\nconnect_timeout = \"60s\"\n";

/// Messages of the shorter run, and by how many the longer one has more. What they cost is the difference: the start and
/// the stop are in both.
const FEW: u32 = 500;
const MORE: u32 = 2_000;

/// Of a build without optimisation, which is what the tests run; SQLite is optimised in it.
const INSTRUCTIONS_MAX: f64 = 180_000.0;
const ALLOCATIONS_MAX: f64 = 5.5;

/// Runs the daemon behind a tool of valgrind from its start to its end with so many messages, and reads the count out of
/// what the tool wrote.
fn counted(tool: &[&str], messages: u32, count: impl Fn(&str) -> Option<f64>) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("counted");
    let words: Vec<String> = tool.iter().map(|word| word.replace("FILE", &file.display().to_string())).collect();
    let words: Vec<&str> = ["valgrind"].into_iter().chain(words.iter().map(String::as_str)).collect();
    let mut scene = Stage::new(WORLD).settings(SETTINGS).behind(&words).open();
    scene.start();
    scene.order(&format!(r#"{{"do":{{"burst":{{"messages":{messages}}}}}}}"#));
    scene.holds(&format!("SELECT sum(interactions) = {messages} FROM streams"));
    scene.daemon().signal(Signal::TERM);
    scene.ended_with(0);
    let told = fs::read_to_string(&file).unwrap();
    told.lines().rev().find_map(count).unwrap_or_else(|| panic!("valgrind counted nothing: {told}"))
}

/// What each message costs.
fn per_message(count: impl Fn(u32) -> f64) -> f64 {
    let [few, more] = [FEW, FEW + MORE].map(count);
    (more - few) / f64::from(MORE)
}

/// Shown with `--nocapture`, and where the test fails.
#[expect(clippy::print_stdout, reason = "the figure itself tells more than that it is within its bound")]
fn say(figure: &str) {
    println!("{figure}");
}

fn is_there(name: &str) -> bool {
    let there = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !there {
        skip(name, "valgrind is missing: apt-get install valgrind");
    }
    there
}

#[test]
fn a_message_takes_no_more_instructions_than_it_did() {
    if !is_there("cost::a_message_takes_no_more_instructions_than_it_did") {
        return;
    }
    let tool = ["-q", "--tool=callgrind", "--log-file=/dev/null", "--callgrind-out-file=FILE"];
    let each =
        per_message(|messages| counted(&tool, messages, |line| line.strip_prefix("totals: ")?.trim().parse().ok()));
    say(&format!("{each:.0} instructions a message"));
    assert!(
        each > 0.0 && each < INSTRUCTIONS_MAX,
        "{each:.0} instructions a message, at most {INSTRUCTIONS_MAX} are meant"
    );
}

#[test]
fn a_message_takes_no_more_allocations_than_it_did() {
    if !is_there("cost::a_message_takes_no_more_allocations_than_it_did") {
        return;
    }
    let tool = ["--tool=memcheck", "--undef-value-errors=no", "--log-file=FILE"];
    let each = per_message(|messages| {
        counted(&tool, messages, |line| {
            let (_, rest) = line.split_once("total heap usage: ")?;
            rest.split(' ').next()?.replace(',', "").parse().ok()
        })
    });
    say(&format!("{each:.1} allocations a message"));
    assert!(
        each > 0.0 && each < ALLOCATIONS_MAX,
        "{each:.1} allocations a message, at most {ALLOCATIONS_MAX} are meant"
    );
}
