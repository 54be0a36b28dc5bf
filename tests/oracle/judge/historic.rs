//! What the server's archive of the past did: the REST side of the simulator's journal.

use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::Streams;

#[derive(Deserialize)]
struct Line<'a> {
    event: &'a str,
    job: Option<u64>,
    #[serde(borrow, default)]
    stream: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    why: Cow<'a, str>,
    #[serde(default)]
    told: bool,
    #[serde(borrow, default)]
    ids: Vec<Option<Cow<'a, str>>>,
    #[serde(borrow, default)]
    digests: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    deletes: Vec<Cow<'a, str>>,
    /// Of which streams each row is, where a job asks for several.
    #[serde(borrow, default)]
    streams: Option<Vec<Vec<Cow<'a, str>>>>,
}

/// A query at the server.
#[derive(Debug)]
pub(crate) struct Job {
    stream: u32,
    pub(crate) name: Box<str>,
    /// It was started at some time, which is what is paid for.
    pub(crate) is_started: bool,
}

/// Why a message did not come of a job although the server once made it.
#[derive(Clone, Debug)]
pub(crate) struct Withheld {
    pub(crate) job: u64,
    pub(crate) why: Box<str>,
    /// The server's own answers said that something is missing.
    pub(crate) is_told: bool,
}

/// What was asked for, what was given, and what was held back.
#[derive(Debug, Default)]
pub(crate) struct Historic {
    pub(crate) jobs: HashMap<u64, Job>,
    /// The digests of what was given for an interaction.
    given: HashMap<(u32, Box<str>), Vec<u64>>,
    withheld: HashMap<(u32, Box<str>), Withheld>,
    /// Interactions that a page said are deleted.
    struck: HashSet<Box<str>>,
}

impl Historic {
    /// Whether a line of the journal is about the archive.
    pub(super) fn concerns(event: &str) -> bool {
        matches!(event, "job" | "served" | "withheld")
    }

    pub(super) fn take(&mut self, line: &[u8], streams: &mut Streams) -> Result<(), serde_json::Error> {
        let line: Line<'_> = serde_json::from_slice(line)?;
        let Some(number) = line.job else { return Ok(()) };
        match line.event {
            "job" => {
                let stream = streams.number(line.stream.as_deref().unwrap_or_default());
                let job =
                    self.jobs.entry(number).or_insert(Job { stream, name: (*line.name).into(), is_started: false });
                job.is_started |= !matches!(&*line.status, "init" | "deleted");
            }
            "served" => self.give(&line, number, streams),
            _ => {
                let stream = streams.number(line.stream.as_deref().unwrap_or_default());
                for id in line.ids.iter().flatten() {
                    let withheld = Withheld { job: number, why: (*line.why).into(), is_told: line.told };
                    self.withheld.insert((stream, (**id).into()), withheld);
                }
            }
        }
        Ok(())
    }

    fn give(&mut self, line: &Line<'_>, number: u64, streams: &mut Streams) {
        let Some(stream) = self.jobs.get(&number).map(|job| job.stream) else { return };
        for (place, (id, digest)) in line.ids.iter().zip(&line.digests).enumerate() {
            let Some(id) = id else { continue };
            let digest = u64::from_str_radix(digest, 16).unwrap_or_default();
            let of_row: Vec<u32> = match &line.streams {
                None => vec![stream],
                Some(lists) => lists.get(place).into_iter().flatten().map(|name| streams.number(name)).collect(),
            };
            for stream in of_row {
                let digests = self.given.entry((stream, (**id).into())).or_default();
                if !digests.contains(&digest) {
                    digests.push(digest);
                }
            }
        }
        self.struck.extend(line.deletes.iter().map(|id| (**id).into()));
    }

    /// The digests of what the archive gave for an interaction; nothing if it gave nothing.
    pub(crate) fn given(&self, stream: u32, id: &str) -> Option<&[u64]> {
        self.given.get(&(stream, id.into())).map(Vec::as_slice)
    }

    /// What held an interaction back the last time.
    pub(crate) fn withheld(&self, stream: u32, id: &str) -> Option<&Withheld> {
        self.withheld.get(&(stream, id.into()))
    }

    /// Whether a page ordered an interaction to be deleted.
    pub(crate) fn is_struck(&self, id: &str) -> bool {
        self.struck.contains(id)
    }
}
