//! What is to be done with each row of a page.

use std::time::Duration;

use crate::healing::{Job, Stream};
use crate::record::StreamId;
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

/// Rules on one row of a page. A row is never guessed to a stream: where several were asked for, `marks` are those that
/// the server says it is of, and it is kept for each of the job's among them (see [`marked`]).
pub fn judge(job: &Job, row: &Signal<'_>, marks: &[String]) -> Ruling {
    match row {
        Signal::Delete(_) => Ruling::Delete,
        Signal::Interaction(row) if !row.stream.is_empty() && !is_of(job, &row.stream) => Ruling::Foreign,
        Signal::Interaction(_) if marked(job, marks).next().is_none() => Ruling::Foreign,
        Signal::Interaction(row) => of_dates(job, row.created, row.produced),
        Signal::Unreadable(..) | Signal::Status(_) | Signal::Tick(_) => Ruling::Quarantine,
    }
}

fn is_of(job: &Job, name: &str) -> bool {
    job.streams.iter().any(|stream| stream.name == name)
}

/// The streams of the job that a row is of: the only one, or those that it is marked with.
pub fn marked<'j>(job: &'j Job, marks: &'j [String]) -> impl Iterator<Item = StreamId> + 'j {
    let is_marked = move |stream: &&Stream| !job.is_combined() || marks.contains(&stream.name);
    job.streams.iter().filter(is_marked).map(|stream| stream.id)
}

/// A post may be this much older than the moment at which the server came to have it, and the server says nothing of
/// that moment.
const OLD: Duration = Duration::from_hours(24);
/// What the server says of when it had a message may be this far from what it selects by.
const SLACK: Duration = Duration::from_mins(1);

/// The server found the row for the span that was asked for. It is refused only if its dates show that it cannot be of
/// it: to refuse more would lose messages, to believe all would store whatever is slipped in.
fn of_dates(job: &Job, created: Option<Time>, produced: Option<Time>) -> Ruling {
    let (from, until) = (Time::from_seconds(job.span.from), Time::from_seconds(job.span.until));
    match produced {
        _ if created.is_some_and(|created| created >= until) => Ruling::Outside,
        // No date at all.
        None => Ruling::Keep,
        Some(produced) if produced >= until.after(SLACK) => Ruling::Outside,
        Some(produced) if produced >= from.before(OLD) => Ruling::Keep,
        Some(produced) if created == Some(produced) => Ruling::Early,
        Some(_) => Ruling::Outside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::healing::{Draft, JobId, Price};
    use crate::historic::Span;

    #[test]
    fn a_row_is_refused_only_if_its_dates_show_that_it_cannot_be_of_the_span() {
        let span = Span { from: 1_000_000, until: 1_000_100 };
        let (name, streams) = ("n".to_owned(), vec![Stream { id: StreamId(1), name: "s".to_owned() }]);
        let (sources, pieces, price) = (Vec::new(), Vec::new(), Price::default());
        let draft = Draft { name, streams, span, sources, pieces, price };
        let job = Job::begun(JobId(1), &draft, Time::default());
        let ruled = |created: Option<i64>, produced: Option<i64>| {
            of_dates(&job, created.map(Time::from_seconds), produced.map(Time::from_seconds))
        };
        assert_eq!(ruled(None, None), Ruling::Keep);
        assert_eq!(ruled(Some(1_000_000), Some(1_000_000)), Ruling::Keep);
        assert_eq!(ruled(Some(1_000_099), Some(1_000_101)), Ruling::Keep, "had a moment later");
        assert_eq!(ruled(Some(1_000_100), Some(1_000_100)), Ruling::Outside, "posted after the span");
        assert_eq!(ruled(Some(1_000_000), Some(1_000_160)), Ruling::Outside, "had a minute later");
        assert_eq!(ruled(Some(950_000), Some(950_000)), Ruling::Keep, "an old post");
        assert_eq!(ruled(Some(5), Some(1_000_050)), Ruling::Keep, "a very old post that the server had in the span");
        assert_eq!(ruled(Some(900_000), Some(900_000)), Ruling::Early, "too old to tell");
        assert_eq!(ruled(Some(5), Some(900_000)), Ruling::Outside, "had long before");
    }
}
