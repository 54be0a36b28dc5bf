//! The streams that are wanted: in place, and in a list of one a line.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fault::{Complaint, Faults, Place, quoted};
use super::settings::StreamEntry;
use super::shape::Given;
use super::{key, units};
use crate::limits::STREAMS_MAX;

/// 32 characters, "hash" in every message (`DataSift`, Streaming API, Multiple Streams).
const HASH_CHARACTERS: usize = 32;

/// A label is a name, not a text.
const LABEL_CHARACTERS_MAX: usize = 200;

/// 5,000 streams with the longest labels are a tenth of it.
pub(super) const LIST_BYTES_MAX: u64 = 16 << 20;

/// Gathers streams and refuses what is listed twice.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    entries: Vec<StreamEntry>,
    seen: HashMap<String, Place>,
    beyond: Option<Place>,
    max: usize,
}

impl Gathering {
    /// Of at most `max` streams.
    pub(super) fn new(max: usize) -> Self {
        Self { max, ..Self::default() }
    }

    /// Takes one stream as it is written, `HASH [max_age=SPAN] [max_size=SIZE] [label]`; `place` tells where its nth character
    /// stands.
    pub(super) fn take(&mut self, text: &str, key: &str, place: impl Fn(usize) -> Place, faults: &mut Faults) {
        let entry = match entry(text) {
            Ok(entry) => entry,
            Err((complaint, offset)) => {
                faults.push(complaint.at(place(offset), key));
                return;
            }
        };
        if let Some(first) = self.seen.get(&entry.name) {
            let sentence = format!("the stream {} is listed twice, first at {first}", quoted(&entry.name));
            let complaint = Complaint::new(sentence).hint("remove one of the two");
            faults.push(complaint.at(place(0), key));
            return;
        }
        if self.seen.len() == self.max {
            self.beyond = Some(place(0));
        }
        self.seen.insert(entry.name.clone(), place(0));
        self.entries.push(entry);
    }

    /// Takes a list: one stream a line, `#` starts a comment.
    pub(super) fn take_list(&mut self, path: &Path, bytes: &[u8], faults: &mut Faults) {
        const KEY: &str = "source.streams_file";
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let spot = |column: usize| Place::Spot {
                file: PathBuf::from(path),
                line: index.saturating_add(1),
                column: column.saturating_add(1),
            };
            let line = match str::from_utf8(line) {
                Ok(line) => line,
                Err(error) => {
                    let before = line.get(..error.valid_up_to()).unwrap_or_default();
                    let column = String::from_utf8_lossy(before).chars().count();
                    faults.push(Complaint::new("the line is not UTF-8").at(spot(column), KEY));
                    continue;
                }
            };
            let line = line.split('#').next().unwrap_or_default();
            let stream = line.trim_start();
            if !stream.is_empty() {
                let indent = line.chars().count().saturating_sub(stream.chars().count());
                self.take(stream, KEY, |offset| spot(indent.saturating_add(offset)), faults);
            }
        }
    }

    /// The streams, each once, in their order; the first beyond the limit is named once.
    pub(super) fn finish(self, faults: &mut Faults) -> Vec<StreamEntry> {
        if let Some(place) = self.beyond {
            let (found, max) = (self.seen.len(), self.max);
            let complaint =
                Complaint::new(format!("{found} streams are listed and {max} are allowed; this is the first beyond"));
            let hint = if max < STREAMS_MAX { "raise source.max_streams or list fewer" } else { "list fewer" };
            faults.push(complaint.hint(hint).at(place, "source.max_streams"));
        }
        self.entries
    }
}

/// Reads `HASH [max_age=SPAN] [max_size=SIZE] [label]`, or says what is wrong with it and after how many characters.
fn entry(text: &str) -> Result<StreamEntry, (Complaint, usize)> {
    let text = text.trim_end();
    let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let length = name.chars().count();
    let foreign = name.chars().position(|c| !c.is_ascii_alphanumeric());
    if length != HASH_CHARACTERS || foreign.is_some() {
        let what = match foreign {
            Some(_) => "something else is among them".to_owned(),
            None => format!("there are {length}"),
        };
        let complaint = Complaint::new(format!(
            "{} is no stream hash: that is {HASH_CHARACTERS} letters and digits, and here {what}",
            quoted(name)
        ));
        return Err((complaint, foreign.unwrap_or(0)));
    }
    let (limits, label) = limits(text, rest)?;
    let start = text.chars().count().saturating_sub(label.chars().count());
    if let Some(at) = label.chars().position(char::is_control) {
        let complaint =
            Complaint::new("the label holds a control character").hint("write it with spaces and printable characters");
        return Err((complaint, start.saturating_add(at)));
    }
    if label.chars().count() > LABEL_CHARACTERS_MAX {
        let complaint = Complaint::new(format!("the label is longer than {LABEL_CHARACTERS_MAX} characters"));
        return Err((complaint, start));
    }
    let label = (!label.is_empty()).then(|| label.to_owned());
    Ok(StreamEntry { name: name.to_ascii_lowercase(), label, max_age: limits.max_age, max_size: limits.max_size })
}

/// A stream's own limits.
#[derive(Default)]
struct Limits {
    max_age: Option<Duration>,
    max_size: Option<usize>,
}

/// Reads `max_age=30d` and `max_size=1GiB`, each once and in any order, off the head of what follows a hash. What is left
/// is the label.
fn limits<'t>(text: &str, rest: &'t str) -> Result<(Limits, &'t str), (Complaint, usize)> {
    let (mut found, mut rest) = (Limits::default(), rest.trim_start());
    loop {
        let word = rest.split(char::is_whitespace).next().unwrap_or_default();
        let Some((name, value)) = word.split_once('=').filter(|(name, _)| matches!(*name, AGE | SIZE)) else {
            return Ok((found, rest));
        };
        let at = text.chars().count().saturating_sub(rest.chars().count());
        let path = if name == AGE { "retention.max_age" } else { "retention.max_size" };
        let judged = key::find(path).map(|key| key.shape.judge(&Given::Text(value)));
        if let Some(Err(complaint)) = judged {
            return Err((complaint.about(name), at));
        }
        let twice = if name == AGE {
            let age = units::parse(value, units::SPANS).map(Duration::from_millis);
            std::mem::replace(&mut found.max_age, age).is_some()
        } else {
            let size = units::parse(value, units::SIZES).and_then(|bytes| usize::try_from(bytes).ok());
            std::mem::replace(&mut found.max_size, size).is_some()
        };
        if twice {
            return Err((Complaint::new(format!("{name} is written twice")).hint("remove one of the two"), at));
        }
        rest = rest.get(word.len()..).unwrap_or_default().trim_start();
    }
}

/// The words by which a line of the list limits what is kept of its stream.
const AGE: &str = "max_age";
const SIZE: &str = "max_size";
