//! A query over the archive: what it looks for, how far it has come, what it has found.
//!
//! Source: DataSift, Historics; fields and statuses as recorded.

use super::definitions::Definition;
use super::tape::{Place, Record, Tape};
use crate::simulator::clock::micros;
use crate::simulator::cue::JobChange;
use crate::simulator::scenario::{Archive, Jobs, Order};
use crate::simulator::world::Name;
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// A job.
#[derive(Debug)]
pub(super) struct Job {
    /// They are counted from 1.
    pub(super) number: u64,
    pub(super) id: String,
    /// What it looks for.
    pub(super) definition: Definition,
    pub(super) name: String,
    /// Whole seconds since 1970: with the first, without the last.
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) created_s: i64,
    pub(super) sources: Vec<String>,
    /// In per cent.
    pub(super) sample: u8,
    /// What cues have done to it.
    pub(super) change: JobChange,
    /// Nobody finds it any more.
    pub(super) gone: bool,
    /// The answer to `historics/prepare` said which sources the archive lacks.
    pub(super) tells_sources: bool,
    run: Option<Run>,
}

/// What a new job is asked to look for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) definition: Definition,
    pub(super) name: String,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) sources: Vec<String>,
    pub(super) sample: u8,
}

#[derive(Debug)]
struct Run {
    since: Instant,
    started_s: i64,
    paused: Option<Instant>,
    /// In all the pauses that are over.
    rested: Duration,
    /// It was stopped when it had run for so long.
    stopped: Option<Duration>,
    found: Vec<Place>,
    /// The streams of each message that is of several.
    shared: HashMap<Place, Vec<usize>>,
}

/// Why a job does not give what the archive of the world holds.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Why {
    /// Its source was not asked for.
    Unasked,
    /// Its source is not archived.
    Source,
    /// Its chunk failed.
    Chunk,
    /// It is not in the sample.
    Sample,
    /// It waited for too long to be fetched.
    Expired,
}

/// What is not given, and why.
pub(super) type Withheld = (Place, Why);

impl Why {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Unasked => "unasked",
            Self::Source => "source",
            Self::Chunk => "chunk",
            Self::Sample => "sample",
            Self::Expired => "expired",
        }
    }
}

/// How a job stands.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Stand {
    pub(super) status: String,
    /// In per cent.
    pub(super) progress: u8,
    /// Nothing more comes of it.
    pub(super) over: bool,
    pub(super) failed: bool,
}

/// What a job goes by beside itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules<'r> {
    pub(super) archive: &'r Archive,
    pub(super) jobs: &'r Jobs,
}

impl Job {
    pub(super) fn new(number: u64, id: String, created_s: i64, asked: Asked, change: JobChange) -> Self {
        let Asked { definition, name, start, end, sources, sample } = asked;
        let (gone, tells_sources, run) = (false, false, None);
        Self { number, id, definition, name, start, end, created_s, sources, sample, change, gone, tells_sources, run }
    }

    pub(super) fn span(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.end.saturating_sub(self.start)).unwrap_or(0))
    }

    pub(super) fn is_started(&self) -> bool {
        self.run.is_some()
    }

    /// Searches the archive as it is now. What it finds becomes known bit by bit.
    pub(super) fn start(
        &mut self,
        tape: &Tape,
        rules: Rules<'_>,
        rng: &mut Rng,
        (now, now_s): (Instant, i64),
    ) -> Vec<Withheld> {
        let archived = |kind: &str| {
            let archived = &rules.archive.sources;
            archived.is_empty() || archived.iter().any(|source| source == kind)
        };
        let asked = |kind: &str| self.sources.iter().any(|source| source == kind);
        let mut withheld = Vec::new();
        let mut found: Vec<(Place, i64)> = Vec::new();
        let mut shared: HashMap<Place, Vec<usize>> = HashMap::new();
        let mut known: HashMap<(&Name, i64), Place> = HashMap::new();
        for (place, record) in self.definition.streams.iter().flat_map(|stream| tape.of(*stream)) {
            let second = record.second(rules.archive.window);
            if !(self.start..self.end).contains(&second) {
                continue;
            }
            // What several of the streams match comes once.
            if let Some(id) = &record.id {
                let first = *known.entry((id, record.made_us)).or_insert(place);
                shared.entry(first).or_default().push(record.stream);
                if first != place {
                    continue;
                }
            }
            match record.kind() {
                kind if !asked(kind) => withheld.push((place, Why::Unasked)),
                kind if !archived(kind) => withheld.push((place, Why::Source)),
                _ => found.push((place, second)),
            }
        }
        match rules.jobs.order {
            Order::Time => found.sort_by_key(|(place, second)| (*second, *place)),
            Order::Shuffled => rng.shuffle(&mut found),
            Order::Chunks => {
                let chunk = chunk_seconds(rules.jobs);
                found.sort_by_key(|(place, second)| (-second.div_euclid(chunk), *second, *place));
            }
        }
        let mut found: Vec<Place> = found.into_iter().map(|(place, _)| place).collect();
        for index in (0..found.len()).rev() {
            if rng.f64() < rules.jobs.repeats {
                let later = rng.usize(index..found.len()) + 1;
                let place = found.get(index).copied().unwrap_or_default();
                found.insert(later, place);
            }
        }
        self.run = Some(Run {
            since: now,
            started_s: now_s,
            paused: None,
            rested: Duration::ZERO,
            stopped: None,
            found,
            shared,
        });
        withheld.extend(self.narrow(tape, rules, 0));
        withheld
    }

    /// Takes away what cues will not let it find, of what it has not found yet: all but the first so many.
    pub(super) fn narrow(&mut self, tape: &Tape, rules: Rules<'_>, reach: usize) -> Vec<Withheld> {
        let failed = self.change.fail_chunk.then(|| self.chunks(rules).first().copied()).flatten();
        let without = self.change.without_source.clone();
        let sample = self.sample;
        let lacks = |record: &Record| {
            let second = record.second(rules.archive.window);
            if failed.is_some_and(|(from, until)| (from..until).contains(&second)) {
                Some(Why::Chunk)
            } else if without.as_deref() == Some(record.kind()) {
                Some(Why::Source)
            } else if record.id.as_ref().is_some_and(|id| lot(id.as_str().as_bytes()) >= sample) {
                Some(Why::Sample)
            } else {
                None
            }
        };
        let Some(run) = &mut self.run else { return Vec::new() };
        let (mut index, mut withheld) = (0, Vec::new());
        run.found.retain(|place| {
            index += 1;
            let why = tape.get(*place).filter(|_| index > reach).and_then(lacks);
            withheld.extend(why.map(|why| (*place, why)));
            why.is_none()
        });
        withheld
    }

    pub(super) fn pause(&mut self, now: Instant) {
        if let Some(run) = &mut self.run {
            run.paused.get_or_insert(now);
        }
    }

    pub(super) fn resume(&mut self, now: Instant) {
        if let Some(run) = &mut self.run
            && let Some(paused) = run.paused.take()
        {
            run.rested += now.saturating_duration_since(paused);
        }
    }

    pub(super) fn stop(&mut self, now: Instant) {
        if let Some(run) = &mut self.run {
            let elapsed = run.elapsed(now);
            run.stopped.get_or_insert(elapsed);
        }
    }

    /// What it has found, in the order in which it delivers that.
    pub(super) fn found(&self) -> &[Place] {
        self.run.as_ref().map_or(&[], |run| &run.found)
    }

    /// The streams that a message is of, among those that are looked for.
    pub(super) fn streams(&self, place: Place, record: &Record) -> Vec<usize> {
        let shared = self.run.as_ref().and_then(|run| run.shared.get(&place));
        shared.cloned().unwrap_or_else(|| vec![record.stream])
    }

    /// How much of what it finds it has found by now.
    pub(super) fn reach(&self, rules: Rules<'_>, now: Instant) -> usize {
        self.run.as_ref().map_or(0, |run| self.reach_after(rules, run.elapsed(now)))
    }

    /// How much of it has lain there for longer than this.
    pub(super) fn reach_before(&self, rules: Rules<'_>, now: Instant, age: Duration) -> usize {
        let Some(run) = &self.run else { return 0 };
        let real = now.saturating_duration_since(run.since).saturating_sub(run.rested);
        real.checked_sub(age).map_or(0, |then| self.reach_after(rules, then.min(run.elapsed(now))))
    }

    fn reach_after(&self, rules: Rules<'_>, elapsed: Duration) -> usize {
        let progress = self.progress(rules, elapsed);
        let found = u128::try_from(self.found().len()).unwrap_or(0);
        usize::try_from(found * progress / WHOLE).unwrap_or(usize::MAX)
    }

    /// How far it is after it has run for so long, in parts of [`WHOLE`].
    fn progress(&self, rules: Rules<'_>, elapsed: Duration) -> u128 {
        let Some(ran) = elapsed.checked_sub(rules.jobs.start_delay) else { return 0 };
        let whole = rules.jobs.duration.as_micros();
        let progress = (ran.as_micros() * WHOLE).checked_div(whole).map_or(WHOLE, |done| done.min(WHOLE));
        let half_way = self.change.fail.then_some(50);
        let most = [self.change.stuck_at, half_way].into_iter().flatten().min();
        most.map_or(progress, |most| progress.min(u128::from(most) * WHOLE / 100))
    }

    pub(super) fn stand(&self, rules: Rules<'_>, now: Instant) -> Stand {
        let stand = |status: &str, progress: u8, over: bool, failed: bool| Stand {
            status: status.to_owned(),
            progress,
            over,
            failed,
        };
        let Some(run) = &self.run else { return stand("init", 0, false, false) };
        let elapsed = run.elapsed(now);
        let progress = u8::try_from(self.progress(rules, elapsed) * 100 / WHOLE).unwrap_or(100);
        let delay = rules.jobs.start_delay;
        let ended = elapsed >= delay + rules.jobs.duration && self.change.stuck_at.is_none();
        if run.stopped.is_some() {
            return stand("stopped", progress, true, false);
        }
        if ended {
            let (status, progress) = if self.change.fail { ("failed", progress) } else { ("succeeded", 100) };
            return stand(status, progress, true, self.change.fail);
        }
        if let Some(status) = self.change.status.as_deref().filter(|status| !status.is_empty()) {
            return stand(status, progress, false, false);
        }
        if run.paused.is_some() {
            return stand("paused", progress, false, false);
        }
        let status = if elapsed >= delay {
            "running"
        } else if elapsed >= delay / 2 {
            "submitted"
        } else {
            "queued"
        };
        stand(status, progress, false, false)
    }

    /// Seconds from and until, of each chunk of its window.
    fn chunks(&self, rules: Rules<'_>) -> Vec<(i64, i64)> {
        let chunk = chunk_seconds(rules.jobs);
        let first = self.start.div_euclid(chunk);
        let last = self.end.saturating_sub(1).div_euclid(chunk);
        // A window of a month in chunks of a second has 2.7 million of them.
        let some = (first..=last).take(1000);
        some.map(|at| ((at * chunk).max(self.start), ((at + 1) * chunk).min(self.end))).collect()
    }

    /// The job as the service describes it; with its chunks, if it is asked for alone and was started.
    pub(super) fn document(&self, rules: Rules<'_>, now: Instant, alone: bool) -> Value {
        let Stand { status, progress, over, .. } = self.stand(rules, now);
        let whole = micros(rules.jobs.start_delay + rules.jobs.duration).div_euclid(1_000_000);
        let completion = self.run.as_ref().filter(|_| over).map_or(0, |run| run.started_s + whole);
        let mut document = json!({
            "id": self.id,
            "definition_id": self.definition.hash,
            "name": self.name,
            "start": self.start,
            "end": self.end,
            "created_at": self.created_s,
            "status": status,
            "progress": progress,
            "sources": self.sources,
            "sample": self.sample,
            "estimated_completion": completion,
            "delivery_count": self.reach(rules, now),
        });
        if let (true, Some(_), Some(fields)) = (alone, &self.run, document.as_object_mut()) {
            let chunks = self.chunks(rules).into_iter().enumerate().map(|(place, (from, until))| {
                let failed = self.change.fail_chunk && place == 0;
                let status = if failed { "failed" } else { status.as_str() };
                json!({"status": status, "progress": progress, "start_time": from, "end_time": until,
                       "estimated_completion": completion})
            });
            fields.insert("chunks".to_owned(), chunks.collect());
        }
        document
    }
}

/// A progress of so many parts is all of it.
const WHOLE: u128 = 1_000_000;

impl Run {
    /// How long it has run, pauses left out.
    fn elapsed(&self, now: Instant) -> Duration {
        let until = self.paused.unwrap_or(now);
        let ran = until.saturating_duration_since(self.since).saturating_sub(self.rested);
        self.stopped.map_or(ran, |stopped| stopped.min(ran))
    }
}

fn chunk_seconds(jobs: &Jobs) -> i64 {
    i64::try_from(jobs.chunk.as_secs()).unwrap_or(i64::MAX).max(1)
}

/// A number from 0 to 99 that an interaction keeps for ever: a sample of so many per cent has those below.
fn lot(id: &[u8]) -> u8 {
    blake3::hash(id).as_bytes().first().map_or(0, |byte| byte % 100)
}
