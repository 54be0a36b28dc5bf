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
    use crate::signal::{Class, Delete, Interaction, Status};

    const FROM: i64 = 1_000_000;
    const UNTIL: i64 = 1_000_100;

    /// A job for the streams of these names, whose numbers begin at one.
    fn job(names: &[&str]) -> Job {
        let stream = |(id, name): (u32, &&str)| Stream { id: StreamId(id), name: (*name).to_owned() };
        let draft = Draft {
            name: "n".to_owned(),
            streams: (1..).zip(names).map(stream).collect(),
            span: Span { from: FROM, until: UNTIL },
            sources: Vec::new(),
            pieces: Vec::new(),
            price: Price::default(),
        };
        Job::begun(JobId(1), &draft, Time::default())
    }

    #[test]
    fn a_row_is_refused_only_if_its_dates_show_that_it_cannot_be_of_the_span() {
        let job = job(&["s"]);
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

    #[test]
    fn the_dates_of_a_row_are_judged_to_the_microsecond() {
        let (job, day) = (job(&["s"]), FROM - 86_400);
        let of = |seconds: i64, micros: i64| Some(Time::from_seconds(seconds).shifted(micros));
        for (created, produced, ruling) in [
            (of(UNTIL, -1), of(UNTIL, -1), Ruling::Keep),
            (of(UNTIL, 0), of(UNTIL, 0), Ruling::Outside),
            // Posted after the span, whatever else is said of it.
            (of(UNTIL, 0), None, Ruling::Outside),
            (of(UNTIL, -1), None, Ruling::Keep),
            (None, of(UNTIL + 60, -1), Ruling::Keep),
            (None, of(UNTIL + 60, 0), Ruling::Outside),
            (None, of(day, 0), Ruling::Keep),
            (None, of(day, -1), Ruling::Outside),
            (of(day, 0), of(day, 0), Ruling::Keep),
            (of(day, -1), of(day, -1), Ruling::Early),
            (of(day, -2), of(day, -1), Ruling::Outside),
        ] {
            assert_eq!(of_dates(&job, created, produced), ruling, "{created:?} {produced:?}");
        }
    }

    /// A row that says to be of this stream.
    fn row(stream: &str) -> Signal<'_> {
        let (id, kind) = ("1".into(), "".into());
        Signal::Interaction(Interaction {
            stream: stream.into(),
            id,
            kind,
            created: None,
            produced: None,
            payload: "{}",
        })
    }

    fn marks(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_row_of_another_stream_or_of_none_that_can_be_told_is_foreign() {
        let (one, two) = (job(&["a"]), job(&["a", "b"]));
        for (job, stream, marked, ruling) in [
            // Of one stream that was asked for, whatever does not say otherwise.
            (&one, "", vec![], Ruling::Keep),
            (&one, "a", vec![], Ruling::Keep),
            (&one, "", marks(&["c"]), Ruling::Keep),
            (&one, "c", vec![], Ruling::Foreign),
            // Of several, what is marked with one of them.
            (&two, "", vec![], Ruling::Foreign),
            (&two, "a", vec![], Ruling::Foreign),
            (&two, "", marks(&["c"]), Ruling::Foreign),
            (&two, "", marks(&["b"]), Ruling::Keep),
            (&two, "", marks(&["c", "a", "b"]), Ruling::Keep),
            (&two, "a", marks(&["b"]), Ruling::Keep),
            (&two, "c", marks(&["b"]), Ruling::Foreign),
        ] {
            assert_eq!(judge(job, &row(stream), &marked), ruling, "{stream:?} {marked:?} of {:?}", job.streams);
        }
    }

    #[test]
    fn a_row_is_of_each_stream_of_the_job_that_it_is_marked_with() {
        let of = |job: &Job, marks: &[String]| marked(job, marks).map(|stream| stream.0).collect::<Vec<_>>();
        let (one, three) = (job(&["a"]), job(&["a", "b", "c"]));
        assert_eq!((of(&one, &[]), of(&one, &marks(&["d"]))), (vec![1], vec![1]), "the only one");
        assert!(of(&three, &[]).is_empty());
        assert_eq!(of(&three, &marks(&["d", "b"])), [2]);
        assert_eq!(of(&three, &marks(&["c", "a"])), [1, 3]);
    }

    #[test]
    fn an_order_to_delete_is_heeded_and_what_is_no_message_is_kept_aside() {
        let job = job(&["a"]);
        let delete = Signal::Delete(Delete { stream: "c".into(), id: Some("1".into()) });
        assert_eq!(judge(&job, &delete, &[]), Ruling::Delete, "of whichever stream it is said");
        for signal in [
            Signal::Tick(None),
            Signal::Unreadable("half".to_owned(), "{"),
            Signal::Status(Status { class: Class::Alive, streams: Vec::new(), text: "".into() }),
        ] {
            assert_eq!(judge(&job, &signal, &[]), Ruling::Quarantine, "{signal:?}");
        }
    }
}
