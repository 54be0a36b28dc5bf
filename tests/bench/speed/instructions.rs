//! What a message costs in instructions and in allocations: exact to a few percent on any machine, however busy.

use super::sample::{Measures, float};
use super::stage::{Running, Stage, Trim, home};

/// The daemon behind valgrind, with few messages and with more: the difference is what messages cost.
pub(crate) fn counted(messages: usize) -> Measures {
    let few = messages / 4;
    let per = |count: fn(&Stage, usize) -> f64| {
        let [less, more] = [few, few + messages].map(|messages| count(&Stage::new(), messages));
        (more - less) / float(messages)
    };
    vec![("instructions", per(instructions)), ("allocations", per(allocations))]
}

/// Instructions of a whole run. Where they went stays beside what is built: `callgrind_annotate` reads it.
fn instructions(stage: &Stage, messages: usize) -> f64 {
    let file = home().join("callgrind.out");
    drop(run(stage, &["--tool=callgrind", &format!("--callgrind-out-file={}", file.display())], 5_000, messages));
    let counted = std::fs::read_to_string(&file).unwrap();
    let line = counted.lines().rev().find_map(|line| line.strip_prefix("totals: ")).unwrap();
    line.trim().parse().unwrap()
}

/// Allocations of a whole run, with few streams: what 5,000 take at the start differs by more than messages cost.
fn allocations(stage: &Stage, messages: usize) -> f64 {
    let told = run(stage, &["--tool=memcheck", "--undef-value-errors=no"], 20, messages);
    let line = told.iter().find_map(|line| line.split_once("total heap usage: ")).unwrap();
    line.1.split(' ').next().unwrap().replace(',', "").parse().unwrap()
}

/// One run to its end in order; what it said.
fn run(stage: &Stage, tool: &[&str], streams: usize, messages: usize) -> Vec<String> {
    let behind = ["valgrind"].iter().chain(tool).map(|word| (*word).to_owned()).collect();
    let mut running = Running::start(stage, &Trim { streams, behind, ..Trim::default() });
    running.send(messages, 0);
    running.committed(messages);
    running.daemon.terminate();
    let told = running.daemon.rest();
    running.server.end();
    told
}
