//! What the healer is in the midst of, and what it knows of each job beside the job itself.

use super::worker::Worker;
use crate::healing::{Draft, Job, JobId, Outcome, Piece, Price};
use crate::historic::Ask;

/// What is being done, until its answer comes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Doing {
    /// Without a job: only to learn what time the server has.
    Ask(Option<JobId>, Ask),
    Begin(Box<Draft>),
    Save(JobId),
    Keep(JobId),
    Settle(JobId, Outcome),
    Gate,
    Gaps,
}

/// A worker, and what it has cost.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) worker: Worker,
    /// Credits that were booked for it, and those that it has used.
    booked: u64,
    used: u64,
    /// Booked with the next change.
    pub(super) unbooked: Price,
    /// What its data was booked with, in thousandths of the server's unit.
    milliunits: u64,
    /// What it is to prove complete, if it was begun by this process.
    pub(super) pieces: Vec<Piece>,
}

impl Member {
    /// A job that was begun as drafted.
    pub(super) fn begun(worker: Worker, draft: Draft) -> Self {
        let Price { credits, milliunits } = draft.price;
        Self { worker, booked: credits, used: 0, unbooked: Price::default(), milliunits, pieces: draft.pieces }
    }

    /// A job that an earlier process began: what its hours were taken to cost is booked.
    pub(super) fn found(worker: Worker, milliunits_an_hour: u64) -> Self {
        let milliunits = worker.job.milliunits(milliunits_an_hour);
        Self { worker, booked: 0, used: 0, unbooked: Price::default(), milliunits, pieces: Vec::new() }
    }

    /// A request of so many credits is made: what that is above what was booked.
    pub(super) fn uses(&mut self, credits: u64) -> Price {
        self.used = self.used.saturating_add(credits);
        let over = Price { credits: self.used.saturating_sub(self.booked), milliunits: 0 };
        self.booked = self.booked.max(self.used);
        self.unbooked = self.unbooked.and(over);
        over
    }

    /// The server says what the data costs: what that is above what was booked.
    pub(super) const fn above(&self, milliunits: u64) -> Price {
        Price { credits: 0, milliunits: milliunits.saturating_sub(self.milliunits) }
    }

    /// So much more is booked for its data.
    pub(super) const fn book(&mut self, more: Price) {
        self.milliunits = self.milliunits.saturating_add(more.milliunits);
        self.unbooked = self.unbooked.and(more);
    }

    pub(super) fn job(&self) -> &Job {
        &self.worker.job
    }
}
