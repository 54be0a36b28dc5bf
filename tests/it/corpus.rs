//! What the fuzz targets have found worth keeping, replayed, and changed by chance: `tests/corpus/TARGET`, through the
//! targets' own functions.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;

#[path = "../fuzz/properties/mod.rs"]
mod properties;

/// What a target holds an input to.
type Holds = fn(&[u8]);

/// The fuzz targets.
const TARGETS: &[(&str, Holds)] = &[
    ("frame", properties::frame::holds),
    ("message", properties::message::holds),
    ("status", properties::status::holds),
    ("settings", properties::settings::holds),
    ("streams", properties::streams::holds),
    ("answer", properties::answer::holds),
    ("line", properties::line::holds),
];

/// Words that chance would take long to find.
const WORDS: &[&str] = &[
    "\"hash\":",
    "\"data\":{",
    "\"interaction\":",
    "\"id\":",
    "\"deleted\":true",
    "\"status\":",
    "\"message\":",
    "\"tick\":",
    "\"hashes\":[",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "failure",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\n",
    "\r\n",
    "\u{feff}",
    "\u{202e}",
    "\u{1b}",
    "\0",
    "null",
    "1e999",
    "\\u0000",
    "[source]",
    "url = \"",
    " = ",
    "#",
    "HTTP/1.1 101 x\r\n",
    "Retry-After: ",
    "*** | ",
    "c4n4ry+Key/of%the&Fuzz",
    "C4N4RY%2bkey%2Fof%25the%26FUZZ",
];

/// The inputs of a target.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target);
    let mut inputs: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(inputs.len() >= 10, "{} is nearly empty", folder.display());
    inputs.iter().map(|input| fs::read(input).unwrap()).collect()
}

/// Runs a property over one input, which is told in full if it does not hold.
fn hold(target: &str, holds: Holds, input: &[u8]) {
    let held = catch_unwind(|| holds(input)).is_ok();
    assert!(held, "{target} does not hold, see above, for b\"{}\"", input.escape_ascii());
}

/// Replays the corpus of a target, then changes it by chance a few hundred times.
fn replay(target: &str) {
    let (_, holds) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let inputs = corpus(target);
    for input in &inputs {
        hold(target, *holds, input);
    }
    let mut chance = Rng::with_seed(7);
    for _ in 0..500 {
        hold(target, *holds, &changed(&mut chance, &inputs));
    }
}

/// Tries inputs changed by chance for so long; how many.
#[expect(clippy::disallowed_methods, reason = "how long is said by whoever runs it")]
fn try_for(span: Duration, target: &str, holds: Holds, seed: u64) -> u64 {
    let (inputs, mut chance, since) = (corpus(target), Rng::with_seed(seed), Instant::now());
    let mut runs = 0;
    while since.elapsed() < span {
        hold(target, holds, &changed(&mut chance, &inputs));
        runs += 1;
    }
    runs
}

/// An input with a few changes.
fn changed(chance: &mut Rng, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut input = inputs[chance.usize(..inputs.len())].clone();
    for _ in 0..chance.usize(1..=6) {
        let (from, until) = (chance.usize(..=input.len()), chance.usize(..=input.len()));
        let (from, until) = (from.min(until), from.max(until));
        match chance.u8(..6) {
            0 => input.insert(from, chance.u8(..)),
            1 if until - from < 64 => drop(input.drain(from..until)),
            2 if input.len() < 4_096 => input.extend_from_within(from..until),
            3 => drop(input.splice(from..from, WORDS[chance.usize(..WORDS.len())].bytes())),
            4 => {
                let other = &inputs[chance.usize(..inputs.len())];
                drop(input.splice(from.., other[chance.usize(..=other.len())..].iter().copied()));
            }
            _ => input.iter_mut().skip(from).take(1).for_each(|byte| *byte ^= 1 << chance.u8(..8)),
        }
    }
    input
}

/// Chance on its own finds less than a fuzzer that sees which code was reached (`tests/fuzz/run`), but needs nothing.
#[test]
#[ignore = "the search for new inputs, as long as one says; what it found is replayed in the suite: SIFTD_FUZZ_SECONDS=600 cargo test --test it corpus::by_chance -- --ignored --nocapture"]
#[expect(clippy::disallowed_methods, reason = "how long, and from which seed on, is said by whoever runs it")]
fn by_chance() {
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let span = Duration::from_secs(number("SIFTD_FUZZ_SECONDS", 10));
    let seed = number("SIFTD_SEED", 1);
    std::thread::scope(|scope| {
        for targets in TARGETS.chunks(TARGETS.len().div_ceil(2)) {
            scope.spawn(move || {
                for (target, holds) in targets {
                    let runs = try_for(span, target, *holds, seed);
                    eprintln!("{target}: {runs} inputs in {} s, from seed {seed}", span.as_secs());
                }
            });
        }
    });
}

#[test]
fn frame() {
    replay("frame");
}

#[test]
fn message() {
    replay("message");
}

#[test]
fn status() {
    replay("status");
}

#[test]
fn settings() {
    replay("settings");
}

#[test]
fn streams() {
    replay("streams");
}

#[test]
fn answer() {
    replay("answer");
}

#[test]
fn line() {
    replay("line");
}
