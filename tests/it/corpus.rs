//! What the fuzz targets have found worth keeping, replayed: `tests/corpus/TARGET`, through the targets' own functions.

use std::fs;
use std::path::Path;

#[path = "../fuzz/properties/mod.rs"]
mod properties;

/// Runs a property over the corpus of its target.
fn replay(target: &str, holds: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target);
    let mut inputs: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(inputs.len() >= 10, "{} is nearly empty", folder.display());
    for input in inputs {
        let bytes = fs::read(&input).unwrap();
        let held = std::panic::catch_unwind(|| holds(&bytes)).is_ok();
        assert!(held, "{} does not hold: see above", input.display());
    }
}

#[test]
fn frame() {
    replay("frame", properties::frame::holds);
}

#[test]
fn message() {
    replay("message", properties::message::holds);
}

#[test]
fn status() {
    replay("status", properties::status::holds);
}

#[test]
fn settings() {
    replay("settings", properties::settings::holds);
}

#[test]
fn streams() {
    replay("streams", properties::streams::holds);
}

#[test]
fn answer() {
    replay("answer", properties::answer::holds);
}

#[test]
fn line() {
    replay("line", properties::line::holds);
}
