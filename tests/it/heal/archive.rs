//! A model of the archive: what is written is durable, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};

use siftd::backfill::{Ruling, judge, marked};
use siftd::healing::{
    Change, Counts, Draft, Ending, Gap, GapId, Gate, Job, JobId, Outcome, Piece, Price, Stage, Written,
};
use siftd::record::StreamId;
use siftd::signal::{Delete, Interaction, Signal};
use siftd::time::Time;

use super::server::Row;

#[derive(Debug, Default)]
pub(super) struct Archive {
    pub(super) gaps: BTreeMap<GapId, (Gap, &'static str)>,
    pub(super) jobs: BTreeMap<JobId, (Job, Vec<Piece>, Option<Outcome>)>,
    pub(super) rows: BTreeSet<(String, String)>,
    pub(super) deleted: BTreeSet<String>,
    pub(super) gate: Gate,
    pub(super) spent: BTreeMap<i64, Price>,
    begun: BTreeMap<StreamId, Time>,
}

impl Archive {
    pub(super) fn gap(&mut self, stream: u32, name: &str, from: Time, until: Time) -> GapId {
        let id = GapId(i64::try_from(self.gaps.len()).unwrap() + 1);
        let rest = vec![(from, until)];
        let stream = StreamId(stream);
        let name = name.to_owned();
        let gap = Gap { id, stream, name, from, until, rest, tries: 0, jobs: 0, begun: None, apart: None };
        self.gaps.insert(id, (gap, "closed"));
        id
    }

    /// The gaps that can be filled.
    pub(super) fn waiting(&self) -> Vec<Gap> {
        let waiting = self.gaps.values().filter(|(_, state)| matches!(*state, "closed" | "partial"));
        waiting.map(|(gap, _)| Gap { begun: self.begun.get(&gap.stream).copied(), ..gap.clone() }).collect()
    }

    pub(super) fn unfinished(&self) -> Vec<Job> {
        self.jobs.values().filter(|(job, ..)| job.stage != Stage::Closed).map(|(job, ..)| job.clone()).collect()
    }

    pub(super) fn state(&self, gap: GapId) -> &'static str {
        self.gaps[&gap].1
    }

    pub(super) fn write(&mut self, change: Change, day: i64) -> Written {
        match change {
            Change::Begin { draft, at } => Written::Begun(self.begin(&draft, at, day)),
            Change::Moved { job, spent, .. } => {
                self.book(day, spent);
                let id = job.id;
                self.jobs.get_mut(&id).unwrap().0 = *job;
                Written::Done
            }
            Change::Settled { job, outcome, at } => Written::Settled(self.settle(*job, &outcome, at)),
            Change::Gate(gate) => {
                self.gate = gate;
                Written::Done
            }
        }
    }

    fn book(&mut self, day: i64, more: Price) {
        let spent = self.spent.entry(day).or_default();
        *spent = spent.and(more);
    }

    fn begin(&mut self, draft: &Draft, at: Time, day: i64) -> Option<JobId> {
        let fits = |piece: &Piece| matches!(self.gaps[&piece.gap].1, "closed" | "partial");
        if !draft.pieces.iter().all(fits) {
            return None;
        }
        let names: BTreeSet<&String> = self.jobs.values().map(|(job, ..)| &job.name).collect();
        assert!(!names.contains(&draft.name), "two jobs are called {}", draft.name);
        self.book(day, draft.price);
        self.begun.extend(draft.streams.iter().map(|stream| (stream.id, at)));
        for piece in &draft.pieces {
            let (gap, state) = self.gaps.get_mut(&piece.gap).unwrap();
            assert!(draft.streams.iter().any(|stream| stream.id == gap.stream), "a gap of another stream");
            (gap.jobs, *state) = (gap.jobs + 1, "filling");
        }
        let id = JobId(i64::try_from(self.jobs.len()).unwrap() + 1);
        self.jobs.insert(id, (Job::begun(id, draft, at), draft.pieces.clone(), None));
        Some(id)
    }

    fn settle(&mut self, job: Job, outcome: &Outcome, at: Time) -> Vec<Ending> {
        let apart = job.is_combined() && (matches!(outcome, Outcome::Apart(_)) || job.counts.foreign > 0);
        let (known, pieces, ended) = self.jobs.get_mut(&job.id).unwrap();
        assert!(ended.is_none(), "a job ends twice");
        let pieces = pieces.clone();
        (*known, *ended) = (job, Some(outcome.clone()));
        let mut told = Vec::new();
        for piece in pieces {
            let (gap, state) = self.gaps.get_mut(&piece.gap).unwrap();
            if *outcome == Outcome::Complete {
                gap.rest.retain(|(from, until)| *from < piece.from || piece.until < *until);
            } else if !matches!(outcome, Outcome::Apart(_)) {
                gap.tries += 1;
            }
            if apart {
                gap.apart = Some(at);
            }
            *state = match outcome {
                Outcome::Complete if gap.rest.is_empty() => "filled",
                Outcome::Unfillable(_) => "unfillable",
                Outcome::Failed(_) | Outcome::Apart(_) => "closed",
                Outcome::Complete | Outcome::Partial(_) => "partial",
            };
            told.push(Ending { gap: piece.gap, stream: gap.name.clone(), state });
        }
        told
    }

    /// Stores a row for each of the job's streams that it is of.
    fn stored(&mut self, job: &Job, row: &Row) -> Counts {
        let mut counts = Counts::default();
        for of_row in marked(job, &row.marks) {
            let stream = job.streams.iter().find(|stream| stream.id == of_row).unwrap();
            let is_new = self.rows.insert((stream.name.clone(), row.message.id.clone()));
            *if is_new { &mut counts.stored } else { &mut counts.known } += 1;
        }
        counts
    }

    /// Stores a page with its job: all or nothing.
    pub(super) fn keep(&mut self, job: Job, rows: &[Row], spent: Price, day: i64) -> Written {
        let mut counts = Counts::default();
        for row in rows {
            let at = Time::from_seconds(row.message.at);
            let id = row.message.id.as_str();
            let is_ours = job.streams.iter().any(|stream| stream.name == row.message.stream);
            let named = if is_ours { "" } else { &row.message.stream };
            let signal = if row.deletes {
                Signal::Delete(Delete { stream: named.into(), id: Some(id.into()) })
            } else {
                let created = (!row.dated).then_some(at);
                let (stream, kind) = (named.into(), "".into());
                Signal::Interaction(Interaction {
                    stream,
                    id: id.into(),
                    kind,
                    created,
                    produced: Some(at),
                    payload: "{}",
                })
            };
            match judge(&job, &signal, &row.marks) {
                Ruling::Keep if self.deleted.contains(id) => counts.deleted += 1,
                Ruling::Keep => counts = counts.and(self.stored(&job, row)),
                Ruling::Delete => {
                    self.deleted.insert(id.to_owned());
                    self.rows.retain(|(_, known)| known != id);
                }
                Ruling::Outside => counts.outside += 1,
                Ruling::Early => counts.early += 1,
                Ruling::Foreign => counts.foreign += 1,
                Ruling::Quarantine => counts.unreadable += 1,
            }
        }
        self.book(day, spent);
        let known = &mut self.jobs.get_mut(&job.id).unwrap().0;
        let sum = known.counts.and(counts);
        *known = Job { counts: sum, ..job };
        Written::Stored(counts)
    }
}
