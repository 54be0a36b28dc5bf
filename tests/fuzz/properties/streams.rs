//! Any bytes as a list of streams: every line that means a stream is one of them, or is named by a fault.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use siftd::config::{Faults, Loaded, Place, Surroundings, load_in};
use tempfile::TempDir;

use super::{assert_tellable, brings_the_key, settings};

thread_local! {
    static FOLDER: TempDir = folder();
}

fn folder() -> TempDir {
    let folder = settings::folder();
    let text = "[source]\nurl = \"wss://stream.example/multi\"\nusername = \"acme\"\nstreams_file = \"streams.txt\"\n";
    fs::write(folder.path().join("daemon.toml"), text).unwrap();
    folder
}

pub(crate) fn holds(input: &[u8]) {
    if brings_the_key(input) {
        return;
    }
    let loaded = FOLDER.with(|folder| {
        fs::write(folder.path().join("streams.txt"), input).unwrap();
        load_in(None, &Surroundings::default().within(folder.path()))
    });
    let meant = meant(input);
    match loaded {
        Ok(loaded) => assert_all(&loaded, &meant),
        Err(faults) => assert_named(&faults, &meant),
    }
}

/// What each line that is not blank means, by its number: a stream and its label, or nothing that can be one.
fn meant(input: &[u8]) -> BTreeMap<usize, Option<(String, Option<String>)>> {
    let input = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let mut meant = BTreeMap::new();
    for (at, line) in input.split(|byte| *byte == b'\n').enumerate() {
        let Ok(line) = str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)) else {
            meant.insert(at + 1, None);
            continue;
        };
        let stream = line.find('#').map_or(line, |comment| &line[..comment]).trim();
        if !stream.is_empty() {
            meant.insert(at + 1, stream_of(stream));
        }
    }
    meant
}

fn stream_of(text: &str) -> Option<(String, Option<String>)> {
    let (name, label) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let label = label.trim();
    let good = name.len() == 32
        && name.chars().all(|c| c.is_ascii_alphanumeric())
        && label.chars().count() <= 200
        && !label.chars().any(char::is_control);
    good.then(|| (name.to_ascii_lowercase(), (!label.is_empty()).then(|| label.to_owned())))
}

fn assert_all(loaded: &Loaded, meant: &BTreeMap<usize, Option<(String, Option<String>)>>) {
    let streams = &loaded.settings.source.streams;
    let found: Vec<_> = streams.iter().map(|stream| Some((stream.name.clone(), stream.label.clone()))).collect();
    assert_eq!(found, meant.values().cloned().collect::<Vec<_>>());
    assert_eq!(streams.iter().map(|stream| &stream.name).collect::<BTreeSet<_>>().len(), streams.len(), "twice");
}

fn assert_named(faults: &Faults, meant: &BTreeMap<usize, Option<(String, Option<String>)>>) {
    let mut named = BTreeSet::new();
    for fault in faults {
        assert_tellable(&fault.to_string());
        if let Place::Spot { file, line, .. } = fault.place()
            && file.ends_with("streams.txt")
        {
            named.insert(*line);
        }
    }
    // Further faults are counted, not named.
    if faults.len() > faults.iter().count() || meant.len() > 5_000 {
        return;
    }
    let mut seen = BTreeSet::new();
    let wrong =
        |stream: &Option<(String, Option<String>)>| stream.as_ref().is_none_or(|(name, _)| !seen.insert(name.clone()));
    let due: BTreeSet<_> = meant
        .iter()
        .filter({
            let mut wrong = wrong;
            move |(_, stream)| wrong(stream)
        })
        .map(|(line, _)| *line)
        .collect();
    assert_eq!(named, due, "{faults}");
}
