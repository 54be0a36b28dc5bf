//! What is to be done with each row of a page.

use crate::healing::Job;
use crate::signal::Signal;
use crate::time::Time;

/// What is to be done with a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ruling {
    /// Store it for the job's stream.
    Keep,
    /// Remove what it names, now and for ever.
    Delete,
    /// It cannot be read: keep it aside.
    Quarantine,
    Outside,
    Early,
    Foreign,
}

/// Rules on one row of a page. A row is never guessed to a stream.
pub fn judge(job: &Job, row: &Signal<'_>) -> Ruling {
    match row {
        Signal::Delete(_) => Ruling::Delete,
        Signal::Interaction(row) if !row.stream.is_empty() && row.stream != job.stream_name => Ruling::Foreign,
        Signal::Interaction(row) => match (row.created, row.produced) {
            (_, Some(produced)) if job.span.holds(produced) => Ruling::Keep,
            // An old post that the server came to have at a time that it does not tell.
            (Some(created), Some(produced)) if created == produced && produced < Time::from_seconds(job.span.from) => {
                Ruling::Early
            }
            (_, Some(_)) => Ruling::Outside,
            // No date at all: the server found it for this span.
            (_, None) => Ruling::Keep,
        },
        Signal::Unreadable(..) | Signal::Status(_) | Signal::Tick(_) => Ruling::Quarantine,
    }
}
