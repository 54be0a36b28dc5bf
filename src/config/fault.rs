//! What is wrong with the settings, where it stands, and what to do about it.

use std::fmt;
use std::path::PathBuf;

use crate::peer_text::one_line;

/// More faults than this are counted, not listed: nobody reads them, and a hostile file may hold
/// millions.
const FAULTS_MAX: usize = 1_000;

/// More characters than this of a text that was found in a file are left out of a sentence.
const QUOTED_MAX: usize = 64;

/// Where a fault stands.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Place {
    /// A file as a whole: it could not be read.
    File(PathBuf),
    /// A spot in a file; line and column count from 1, columns in characters.
    Spot { file: PathBuf, line: usize, column: usize },
    /// A variable of the environment.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => write!(out, "{}", file.display()),
            Self::Spot { file, line, column } => write!(out, "{}:{line}:{column}", file.display()),
            Self::Variable(name) => write!(out, "{name}"),
        }
    }
}

/// A sentence about a value and, where there is one, the way out; not yet tied to a place.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Complaint {
    sentence: String,
    hint: Option<String>,
}

impl Complaint {
    pub(super) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// About one part of what stands there.
    pub(super) fn about(self, part: &str) -> Self {
        Self { sentence: format!("{part} {}", self.sentence), ..self }
    }

    pub(super) fn at(self, place: Place, key: impl Into<String>) -> Fault {
        Fault { place, key: Some(cut(&key.into())), complaint: self }
    }

    /// For what concerns a file and no key in it.
    pub(super) fn of(self, place: Place) -> Fault {
        Fault { place, key: None, complaint: self }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.sentence)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(out, "; {hint}"))
    }
}

/// One thing that is wrong: where, which key, what, and what to do.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Fault {
    place: Place,
    key: Option<String>,
    complaint: Complaint,
}

impl Fault {
    pub fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn line(&self) -> Option<usize> {
        match self.place {
            Place::Spot { line, .. } => Some(line),
            Place::File(_) | Place::Variable(_) => None,
        }
    }

    /// The key that the fault concerns, `gap.margin`.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

/// `file:line:column: key: sentence; hint`, on one line whatever the file holds.
impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = format!("{}: ", self.place);
        if let Some(key) = &self.key {
            line.push_str(key);
            line.push_str(": ");
        }
        line.push_str(&self.complaint.to_string());
        out.write_str(&one_line(&line, usize::MAX))
    }
}

/// Everything that is wrong, in the order of the files; at least one fault.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Faults {
    listed: Vec<Fault>,
    left_out: usize,
}

impl Faults {
    pub(super) fn push(&mut self, fault: Fault) {
        if self.listed.len() < FAULTS_MAX {
            self.listed.push(fault);
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// In the order of the files, each once.
    pub(super) fn sorted(mut self) -> Self {
        self.listed.sort();
        self.listed.dedup();
        self
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn len(&self) -> usize {
        self.listed.len().saturating_add(self.left_out)
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Fault) -> bool) {
        self.listed.retain(keep);
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.listed.iter()
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self { listed: vec![fault], left_out: 0 }
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One fault a line, no newline at the end.
impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.listed.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{fault}")?;
        }
        match self.left_out {
            0 => Ok(()),
            count => write!(out, "\nand {count} more faults of the same files"),
        }
    }
}

impl std::error::Error for Faults {}

/// A text from a file in back-ticks, cut if it is long.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", cut(text))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(QUOTED_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A choice as a sentence has it: `a, b or c`.
pub(super) fn either<'a>(choices: impl IntoIterator<Item = &'a str>) -> String {
    let mut choices: Vec<&str> = choices.into_iter().collect();
    match choices.pop() {
        Some(last) if !choices.is_empty() => format!("{} or {last}", choices.join(", ")),
        last => last.unwrap_or_default().to_owned(),
    }
}

/// ``did you mean `path`?``, if one of the names is near enough to be meant.
pub(super) fn near<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if written.len() > QUOTED_MAX {
        return None;
    }
    let written = written.to_ascii_lowercase().replace('-', "_");
    let distance = |name: &str| strsim::damerau_levenshtein(&written, name);
    let (name, steps) = names.into_iter().map(|name| (name, distance(name))).min_by_key(|(_, steps)| *steps)?;
    let longest = name.len().max(written.len());
    (steps.saturating_mul(5) <= longest.saturating_mul(2)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut() {
        assert_eq!(quoted("short"), "`short`");
        assert_eq!(quoted(&"x".repeat(65)), format!("`{}…`", "x".repeat(64)));
    }

    #[test]
    fn a_near_name_is_proposed_and_a_far_one_is_not() {
        let names = ["path", "synchronous", "quarantine_max", "max_wal"];
        assert_eq!(near("pth", names), Some("path"));
        assert_eq!(near("Quarantine-Max", names), Some("quarantine_max"));
        assert_eq!(near("retention", names), None);
        assert_eq!(near("pa", names), None);
        assert_eq!(near("x", names), None);
    }

    #[test]
    fn faults_beyond_the_limit_are_counted() {
        let mut faults = Faults::default();
        for line in 0..1_002 {
            let place = Place::Spot { file: PathBuf::from("s.txt"), line, column: 1 };
            faults.push(Complaint::new("is wrong").of(place));
        }
        assert!(faults.to_string().ends_with("and 2 more faults of the same files"));
    }
}
