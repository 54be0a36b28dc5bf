//! How the rate changes while the archive grows to three million rows.

use super::process::Process;
use super::sample::{Measures, float};
use super::stage::{Running, Stage, Trim, role};

/// The daemon at flood, from its first half million rows to its sixth.
pub(crate) fn siftd(part: usize) -> Measures {
    let stage = Stage::new();
    let mut running = Running::start(&stage, &Trim::default());
    running.send(6 * part, 0);
    let mut seconds = Vec::new();
    for step in 1..=6 {
        let (at, _) = running.committed(step * part);
        seconds.push(float(usize::try_from(at / 1000 % 1_000_000_000).unwrap()) / 1000.0);
    }
    let first = running.server.hear("sent")["first"].as_i64().unwrap();
    seconds.insert(0, float(usize::try_from(first / 1000 % 1_000_000_000).unwrap()) / 1000.0);
    running.stop();
    rates(&seconds, part)
}

/// SQLite alone.
pub(crate) fn alone(schema: &str, part: usize) -> Measures {
    let stage = Stage::new();
    let (messages, every) = ((6 * part).to_string(), part.to_string());
    let mut command = role(&["loop", "--schema", schema, "--synchronous", "FULL", "--messages", &messages]);
    let mut process = Process::start(command.args(["--every", &every]).arg("--file").arg(stage.path("archive.db")));
    let steps: Vec<(usize, f64, f64)> = process.answer();
    let seconds: Vec<f64> = std::iter::once(0.0).chain(steps.iter().map(|(_, seconds, _)| *seconds)).collect();
    rates(&seconds, part)
}

/// Rates of the first part and of the last, and how they compare.
fn rates(seconds: &[f64], part: usize) -> Measures {
    let rates: Vec<f64> = seconds.windows(2).map(|pair| float(part) / (pair[1] - pair[0])).collect();
    let (first, last) = (rates[0], rates[rates.len() - 1]);
    vec![("first", first), ("last", last), ("late", last / first)]
}
