//! The end of a journal that is being written: each line is read once.

use serde_json::Value;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

/// A reader that remembers how far it has come.
pub(super) struct Tail {
    file: BufReader<File>,
    half: Vec<u8>,
}

impl Tail {
    pub(super) fn open(path: &Path) -> Self {
        Self { file: BufReader::new(File::open(path).unwrap()), half: Vec::new() }
    }

    /// The next line of an event, if it has been written; lines of other events are passed over.
    pub(super) fn next(&mut self, event: &str) -> Option<Value> {
        let mark = format!(r#""event":"{event}""#);
        loop {
            self.file.read_until(b'\n', &mut self.half).unwrap();
            if !self.half.ends_with(b"\n") {
                return None;
            }
            let line = String::from_utf8(std::mem::take(&mut self.half)).unwrap();
            if line.contains(&mark) {
                return Some(serde_json::from_str(&line).unwrap());
            }
        }
    }
}
