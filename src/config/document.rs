//! The strict reading of daemon.toml: every key known, of the right form, and where it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ::config::ValueKind;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Complaint, Fault, Faults, Place, near};
use super::key::{self, KEYS, Key};
use super::position::Positions;
use super::secret::is_secret_name;
use super::shape::{Given, Shape};

/// What one source says about the keys: the file or the environment.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// By the path of the key.
    pub(super) values: BTreeMap<&'static str, (ValueKind, Place)>,
    /// The streams in place, if the key is there.
    pub(super) streams: Option<Vec<(String, Place)>>,
}

/// A daemon.toml that was read.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) written: Written,
    /// Keys that stand there, be their values right or wrong.
    present: BTreeMap<&'static str, Place>,
    /// The headings.
    sections: BTreeMap<&'static str, Place>,
    pub(super) faults: Faults,
    /// The text is no TOML: what is absent may only be hidden.
    pub(super) broken: bool,
    start: Place,
}

impl Document {
    /// Reads the text; all that is wrong with it is collected.
    pub(super) fn read(path: &Path, text: &str) -> Self {
        let text = Positions::new(path, text);
        let mut document = Self {
            written: Written::default(),
            present: BTreeMap::new(),
            sections: BTreeMap::new(),
            faults: Faults::default(),
            broken: false,
            start: text.place(0),
        };
        let (table, errors) = DeTable::parse_recoverable(text.text);
        document.broken = !errors.is_empty();
        let mut broken = BTreeSet::new();
        for error in &errors {
            let fault = not_toml(&text, error);
            broken.insert(fault.line());
            document.faults.push(fault);
        }
        for (name, value) in table.get_ref() {
            document.section(&text, name, value);
        }
        // What the parser made of a line that it could not read is not judged as well.
        document.faults.retain(|fault| fault.key().is_none() || !broken.contains(&fault.line()));
        document
    }

    /// Where a key stands, else where it would.
    pub(super) fn place(&self, path: &str) -> Place {
        let heading = || self.sections.get(key::find(path)?.section());
        let place = self.present.get(path).or_else(heading);
        place.unwrap_or(&self.start).clone()
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.present.contains_key(path)
    }

    fn section(&mut self, text: &Positions<'_>, name: &Spanned<Name<'_>>, value: &Spanned<DeValue<'_>>) {
        let sections = key::sections();
        let place = text.place(name.span().start);
        let Some(section) = sections.iter().find(|section| **section == name.get_ref()) else {
            let complaint =
                if value.get_ref().is_table() { unknown_section(name.get_ref()) } else { stray_key(name.get_ref()) };
            self.faults.push(complaint.at(place, name.get_ref().as_ref()));
            return;
        };
        self.sections.insert(section, place);
        if let DeValue::Table(table) = value.get_ref() {
            for (name, value) in table {
                self.key(text, section, name, value);
            }
        } else {
            let complaint = Complaint::new("is a section, not a key")
                .hint(format!("write the heading [{section}] on a line of its own and its keys below"));
            self.faults.push(complaint.at(text.place(name.span().start), *section));
        }
    }

    fn key(&mut self, text: &Positions<'_>, section: &str, name: &Spanned<Name<'_>>, value: &Spanned<DeValue<'_>>) {
        let path = format!("{section}.{}", name.get_ref());
        let Some(key) = key::find(&path) else {
            let place = text.place(name.span().start);
            self.faults.push(unknown_key(section, name.get_ref()).at(place, path));
            return;
        };
        let place = text.place(value.span().start);
        self.present.insert(key.path, place.clone());
        if let (Shape::Streams, DeValue::Array(list)) = (&key.shape, value.get_ref()) {
            self.streams(text, key, list);
            return;
        }
        match key.shape.judge(&Given::of(value.get_ref())) {
            Ok(value) => {
                self.written.values.insert(key.path, (value, place));
            }
            Err(complaint) => self.faults.push(complaint.at(place, key.path)),
        }
    }

    fn streams(&mut self, text: &Positions<'_>, key: &Key, list: &[Spanned<DeValue<'_>>]) {
        let mut streams = Vec::new();
        for value in list {
            let place = text.place(value.span().start);
            match Shape::Text.judge(&Given::of(value.get_ref())) {
                Ok(ValueKind::String(stream)) => streams.push((stream, place)),
                Ok(_) => {}
                Err(complaint) => self.faults.push(complaint.at(place, key.path)),
            }
        }
        self.written.streams = Some(streams);
    }
}

type Name<'i> = toml::de::DeString<'i>;

/// What the parser says, without the line itself: a secret may stand there.
fn not_toml(text: &Positions<'_>, error: &toml::de::Error) -> Fault {
    let start = error.span().map_or(0, |span| span.start);
    let complaint = Complaint::new(error.message());
    let before = text.text.get(..start).unwrap_or_default().trim_end_matches([' ', '\t']);
    let at = text.text.get(start..).unwrap_or_default();
    let is_bare_value = before.ends_with('=') && at.starts_with(|c: char| c.is_alphanumeric());
    let complaint = if is_bare_value {
        complaint.hint("texts, durations and sizes stand in quotes, true and false in small letters")
    } else {
        complaint
    };
    complaint.of(text.place(start))
}

pub(super) fn unknown_section(name: &str) -> Complaint {
    if is_secret_name(name) {
        return secret_as_value();
    }
    let complaint = Complaint::new("there is no such section");
    match near(name, key::sections()) {
        Some(meant) => complaint.hint(format!("did you mean [{meant}]?")),
        None => complaint.hint(format!("there are {}", key::sections().join(", "))),
    }
}

/// A key above the first heading.
fn stray_key(name: &str) -> Complaint {
    if is_secret_name(name) {
        return secret_as_value();
    }
    let complaint = Complaint::new("stands in no section");
    let names: Vec<_> = KEYS.iter().map(Key::name).collect();
    match near(name, names).and_then(|meant| KEYS.iter().find(|key| key.name() == meant)) {
        Some(key) => complaint.hint(format!("did you mean `{}` below [{}]?", key.name(), key.section())),
        None => complaint.hint("write it below the heading of its section"),
    }
}

pub(super) fn unknown_key(section: &str, name: &str) -> Complaint {
    if is_secret_name(name) {
        return secret_as_value();
    }
    let complaint = Complaint::new("there is no such key");
    if let Some(meant) = near(name, key::names(section)) {
        return complaint.hint(format!("did you mean `{meant}`?"));
    }
    match KEYS.iter().find(|key| key.name() == name) {
        Some(key) => complaint.hint(format!("did you mean `{}`?", key.path)),
        None => complaint.hint(format!("[{section}] has {}", key::names(section).collect::<Vec<_>>().join(", "))),
    }
}

/// The value is not looked at, let alone repeated.
fn secret_as_value() -> Complaint {
    Complaint::new("a secret is never a value here, where many may read it")
        .hint("write it into a file that only siftd can read and name that file with source.api_key_file")
}
