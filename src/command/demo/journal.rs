//! What the server did, read out of its journal.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::failure::Failure;

/// A line of the journal, as far as the audit goes by it.
#[derive(Debug, Deserialize)]
struct Line<'a> {
    event: &'a str,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    at_us: i64,
    stream: Option<&'a str>,
    id: Option<&'a str>,
    kind: Option<&'a str>,
    digest: Option<&'a str>,
    fate: Option<&'a str>,
    /// Of the rows of a page of the archive, and of which streams each is, if several were asked for.
    #[serde(default)]
    digests: Vec<&'a str>,
    streams: Option<IgnoredAny>,
}

/// A message that the server made once, and what became of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Making {
    pub(super) seq: u64,
    pub(super) at_us: i64,
    /// `sent`, `dropped`, `unsubscribed` or `not_connected`.
    pub(super) fate: String,
}

/// An interaction of one stream: made once, or again and again.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) stream: String,
    pub(super) id: String,
    /// The first digits of the BLAKE3 hash of its JSON.
    pub(super) digest: String,
    pub(super) makings: Vec<Making>,
}

/// The order to delete an interaction, as it went out to one stream.
#[derive(Debug)]
pub(super) struct Deletion {
    pub(super) stream: String,
    pub(super) id: String,
    pub(super) making: Making,
}

/// Everything that the server made, and when it first served each stream.
#[derive(Debug, Default)]
pub(super) struct Truth {
    pub(super) messages: Vec<Message>,
    pub(super) deletions: Vec<Deletion>,
    /// Of what the archive gave for several streams at once: such a row bears tags, and so differs from what went out live.
    pub(super) tagged: HashSet<String>,
    /// By stream.
    pub(super) first_acknowledged: HashMap<String, i64>,
    /// Ids that were to be deleted.
    deleted: HashSet<String>,
    /// Place of each message by stream and id.
    places: HashMap<String, HashMap<String, usize>>,
    /// Where a making is found by its number.
    numbers: HashMap<u64, Place>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Message(usize, usize),
    Deletion(usize),
}

impl Truth {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let failed = |error| Failure::Journal { path: path.to_owned(), error };
        let lines = BufReader::new(File::open(path).map_err(failed)?).lines();
        let mut truth = Self::default();
        for (place, line) in lines.enumerate() {
            let line = line.map_err(failed)?;
            truth.take(&line).map_err(|error| Failure::Line { path: path.to_owned(), line: place + 1, error })?;
        }
        truth.numbers = HashMap::new();
        Ok(truth)
    }

    /// Takes in one line.
    pub(super) fn take(&mut self, line: &str) -> Result<(), serde_json::Error> {
        let line: Line<'_> = serde_json::from_str(line)?;
        let stream = line.stream.unwrap_or_default();
        match line.event {
            "produced" if line.kind == Some("delete") => self.delete(&line, stream),
            "produced" => self.make(&line, stream),
            "acknowledged" => {
                self.first_acknowledged.entry(stream.to_owned()).or_insert(line.at_us);
            }
            "served" if line.streams.is_some() => self.tagged.extend(line.digests.iter().map(|one| (*one).to_owned())),
            "fate" => self.settle(line.seq, line.fate.unwrap_or_default()),
            _ => {}
        }
        Ok(())
    }

    /// Whether the order to delete it was ever made, sent or not.
    pub(super) fn was_deleted(&self, id: &str) -> bool {
        self.deleted.contains(id)
    }

    /// Where a message is found.
    pub(super) fn place(&self, stream: &str, id: &str) -> Option<usize> {
        self.places.get(stream)?.get(id).copied()
    }

    fn make(&mut self, line: &Line<'_>, stream: &str) {
        let id = line.id.unwrap_or_default();
        let place = self.place(stream, id).unwrap_or_else(|| {
            self.messages.push(Message {
                stream: stream.to_owned(),
                id: id.to_owned(),
                digest: line.digest.unwrap_or_default().to_owned(),
                makings: Vec::with_capacity(1),
            });
            let place = self.messages.len() - 1;
            self.places.entry(stream.to_owned()).or_default().insert(id.to_owned(), place);
            place
        });
        if let Some(message) = self.messages.get_mut(place) {
            self.numbers.insert(line.seq, Place::Message(place, message.makings.len()));
            message.makings.push(making(line));
        }
    }

    fn delete(&mut self, line: &Line<'_>, stream: &str) {
        self.numbers.insert(line.seq, Place::Deletion(self.deletions.len()));
        let (stream, id) = (stream.to_owned(), line.id.unwrap_or_default().to_owned());
        self.deleted.insert(id.clone());
        self.deletions.push(Deletion { stream, id, making: making(line) });
    }

    /// A message that was sent, by the line of its making, was not after all.
    fn settle(&mut self, seq: u64, fate: &str) {
        let making = match self.numbers.get(&seq) {
            Some(Place::Message(message, making)) => {
                self.messages.get_mut(*message).and_then(|message| message.makings.get_mut(*making))
            }
            Some(Place::Deletion(deletion)) => self.deletions.get_mut(*deletion).map(|deletion| &mut deletion.making),
            None => None,
        };
        if let Some(making) = making {
            fate.clone_into(&mut making.fate);
        }
    }
}

fn making(line: &Line<'_>) -> Making {
    Making { seq: line.seq, at_us: line.at_us, fate: line.fate.unwrap_or_default().to_owned() }
}
