//! What the healer is in the midst of, and what it knows of each job beside the job itself.

use super::worker::Worker;
use crate::healing::{Draft, JobId, Outcome, Price};
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
    pub(super) booked: u64,
    pub(super) used: u64,
    /// Booked with the next change.
    pub(super) unbooked: Price,
}
