//! How gaps heal, as facts: a gap to fill, a job that works on it, and what each step of the job leaves behind.

use std::fmt;

use crate::historic::Span;
use crate::record::StreamId;
use crate::time::Time;

/// A gap, by its number in the archive.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize)]
#[serde(transparent)]
pub struct GapId(pub i64);

/// A job, by its number in the archive. Numbers grow and are never used again.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize)]
#[serde(transparent)]
pub struct JobId(pub i64);

/// A gap that has ended and waits to be filled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Gap {
    pub id: GapId,
    pub stream: StreamId,
    /// The stream as the server spells it.
    pub name: String,
    pub from: Time,
    pub until: Time,
    /// What of it no job has proven complete yet, in order; the whole of it at first.
    pub rest: Vec<(Time, Time)>,
    /// Jobs that have ended without filling it.
    pub tries: u32,
    /// All jobs that were ever begun for it.
    pub jobs: u32,
    /// When the last job of this stream, on whichever gap, was begun.
    pub begun: Option<Time>,
    /// When the server last refused to combine this stream with others.
    pub apart: Option<Time>,
}

/// A stream that a job asks for.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Stream {
    pub id: StreamId,
    /// As the server spells it.
    pub name: String,
}

/// The streams of a job in a few words: the one, or how many.
pub fn named(streams: &[Stream]) -> String {
    match streams {
        [stream] => stream.name.clone(),
        streams => format!("{} streams", streams.len()),
    }
}

/// A stretch of a gap that a job is to prove complete, as it stood when the job began.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Piece {
    pub gap: GapId,
    pub from: Time,
    pub until: Time,
}

/// What something costs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Serialize)]
pub struct Price {
    /// Of the requests, in the credits that the server counts requests by.
    pub credits: u64,
    /// Of the data, in thousandths of the unit that the server charges for.
    pub milliunits: u64,
}

impl Price {
    #[must_use]
    pub const fn and(self, more: Self) -> Self {
        Self {
            credits: self.credits.saturating_add(more.credits),
            milliunits: self.milliunits.saturating_add(more.milliunits),
        }
    }

    /// Whether this, on top of `spent`, stays within `budget`.
    pub const fn fits(self, spent: Self, budget: Self) -> bool {
        let sum = self.and(spent);
        sum.credits <= budget.credits && sum.milliunits <= budget.milliunits
    }
}

/// A job that is to be begun.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Draft {
    /// The same facts, the same name: a job whose number was lost in a crash is found again by it.
    pub name: String,
    /// Each once, in order; one at least.
    pub streams: Vec<Stream>,
    pub span: Span,
    /// Which sources are asked for.
    pub sources: Vec<String>,
    pub pieces: Vec<Piece>,
    pub price: Price,
}

/// How far a job has come. Each step is written down before the request that it names is made, so that whoever finds
/// the step after a crash knows that the request may have been made.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Stage {
    /// The query is being drawn up.
    Preparing,
    /// The delivery is being arranged.
    Delivering,
    /// The place in the delivery is being marked from which everything will be fetched.
    Anchoring,
    /// The query is being started.
    Starting,
    /// What it finds is being fetched.
    Fetching,
    /// Everything is written down; what is left at the server is being removed.
    Closing,
    /// Nothing is left to do.
    Closed,
}

impl Stage {
    pub const ALL: [Self; 7] = [
        Self::Preparing,
        Self::Delivering,
        Self::Anchoring,
        Self::Starting,
        Self::Fetching,
        Self::Closing,
        Self::Closed,
    ];

    /// The word in the archive.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Delivering => "delivering",
            Self::Anchoring => "anchoring",
            Self::Starting => "starting",
            Self::Fetching => "fetching",
            Self::Closing => "closing",
            Self::Closed => "closed",
        }
    }

    /// The stage that a word of the archive stands for.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.word() == word)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}

/// What has become of the rows of a job so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Serialize)]
pub struct Counts {
    /// New in the archive.
    pub stored: u64,
    /// There already: by the live way, or fetched before.
    pub known: u64,
    /// Deleted by order, and so not stored.
    pub deleted: u64,
    /// Refused: shown to be from outside the span that was asked for.
    pub outside: u64,
    /// Refused: posted long before the span, while nothing shows when the server had it.
    pub early: u64,
    /// Refused: of another stream, or, where several were asked for, of none that can be told.
    pub foreign: u64,
    /// Kept in quarantine, as they cannot be read.
    pub unreadable: u64,
}

impl Job {
    /// Whether it asks for several streams at once, so that each row must say of which it is.
    pub const fn is_combined(&self) -> bool {
        self.streams.len() > 1
    }

    /// The stream that it asks for, if that is only one.
    pub fn stream(&self) -> Option<String> {
        match self.streams.as_slice() {
            [stream] => Some(stream.name.clone()),
            _ => None,
        }
    }

    /// What its hours cost at so much for an hour of a stream; an hour begun counts whole.
    pub fn milliunits(&self, milliunits_an_hour: u64) -> u64 {
        self.hours()
            .saturating_mul(u64::try_from(self.streams.len()).unwrap_or(u64::MAX))
            .saturating_mul(milliunits_an_hour)
    }

    /// Hours that are begun within its span.
    pub fn hours(&self) -> u64 {
        u64::try_from(self.span.seconds()).unwrap_or(0).div_ceil(3_600)
    }

    /// A job that is begun now.
    pub fn begun(id: JobId, draft: &Draft, at: Time) -> Self {
        Self {
            id,
            name: draft.name.clone(),
            streams: draft.streams.clone(),
            span: draft.span,
            sources: draft.sources.clone(),
            stage: Stage::Preparing,
            query: None,
            delivery: None,
            cursor: None,
            blind: false,
            begun: at,
            counts: Counts::default(),
            flaws: Vec::new(),
        }
    }
}

impl Counts {
    #[must_use]
    pub const fn and(self, more: Self) -> Self {
        Self {
            stored: self.stored.saturating_add(more.stored),
            known: self.known.saturating_add(more.known),
            deleted: self.deleted.saturating_add(more.deleted),
            outside: self.outside.saturating_add(more.outside),
            early: self.early.saturating_add(more.early),
            foreign: self.foreign.saturating_add(more.foreign),
            unreadable: self.unreadable.saturating_add(more.unreadable),
        }
    }
}

/// A job, as the archive has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Job {
    pub id: JobId,
    pub name: String,
    /// Each once, in order; one at least.
    pub streams: Vec<Stream>,
    pub span: Span,
    pub sources: Vec<String>,
    pub stage: Stage,
    /// The server's names for the query and the delivery, once they are known.
    pub query: Option<String>,
    pub delivery: Option<String>,
    /// Everything before this place of the delivery is stored.
    pub cursor: Option<String>,
    /// A fetch without a cursor may have been answered: if its answer is lost, its rows are.
    pub blind: bool,
    pub begun: Time,
    pub counts: Counts,
    /// Why it cannot be complete, whatever comes; each once.
    pub flaws: Vec<String>,
}

/// How a job ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// All that the server's archive held for its pieces is stored.
    Complete,
    /// Something is missing, and this is what; another try may bring it.
    Partial(String),
    /// Nothing of it can ever be had, and this is why.
    Unfillable(String),
    /// It came to nothing; the gaps are as they were.
    Failed(String),
    /// The server does not combine these streams: each is asked for alone. The gaps are as they were, and this was no try.
    Apart(String),
}

impl Outcome {
    /// The word in the archive.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial(_) => "partial",
            Self::Unfillable(_) => "unfillable",
            Self::Failed(_) | Self::Apart(_) => "failed",
        }
    }

    /// What there is to say about it; nothing if all is well.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Complete => None,
            Self::Partial(detail) | Self::Unfillable(detail) | Self::Failed(detail) | Self::Apart(detail) => {
                Some(detail)
            }
        }
    }
}

/// How it stands, for the summary.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Serialize)]
pub struct Tally {
    /// Gaps that wait.
    pub pending: usize,
    /// Jobs that run.
    pub running: usize,
    /// Gaps that were filled since the start.
    pub filled: u64,
    /// Jobs that ended without filling all of their gaps since the start.
    pub failed: u64,
}

/// Why nothing at all is asked at present.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Gate {
    /// Not before this moment; kept over a restart.
    pub not_before: Option<Time>,
    /// A person is needed: the server's words.
    pub paused: Option<String>,
}

/// A change that is written down before anything is built on it.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Begin a job: its gaps are `filling` from now on. Refused if one of them is no longer as it was.
    Begin { draft: Box<Draft>, at: Time },
    /// A job has come further. `spent` is what it cost since the last change.
    Moved { job: Box<Job>, spent: Price, at: Time },
    /// A job has ended: its gaps change their state, and what it has proven is covered.
    Settled { job: Box<Job>, outcome: Outcome, at: Time },
    /// Nothing is asked for a while.
    Gate(Gate),
}

/// What came of a change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Written {
    /// The job's number; nothing if a gap was no longer as it was.
    Begun(Option<JobId>),
    Done,
    /// The gaps of a job that ended.
    Settled(Vec<Ending>),
    /// What became of the rows of a page.
    Stored(Counts),
}

/// How it stands with a gap whose job has ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ending {
    pub gap: GapId,
    /// As the server spells it.
    pub stream: String,
    pub state: &'static str,
}

/// What of a stretch is not in any of the stretches that are proven.
pub fn rest(from: Time, until: Time, proven: &mut [(Time, Time)]) -> Vec<(Time, Time)> {
    proven.sort_unstable();
    let (mut rest, mut reached) = (Vec::new(), from);
    for (begins, ends) in proven.iter() {
        rest.push((reached, (*begins).min(until)));
        reached = reached.max(*ends);
    }
    rest.push((reached, until));
    rest.retain(|(from, until)| from < until);
    // A gap without length is proven by whatever touches it.
    if from == until && proven.is_empty() {
        rest.push((from, until));
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_what_no_stretch_proves() {
        let at = Time::from_micros;
        let left = |proven: &[(i64, i64)]| {
            let mut proven: Vec<_> = proven.iter().map(|(from, until)| (at(*from), at(*until))).collect();
            let rest = rest(at(10), at(20), &mut proven);
            rest.iter().map(|(from, until)| (from.micros(), until.micros())).collect::<Vec<_>>()
        };
        assert_eq!(left(&[]), [(10, 20)]);
        assert_eq!(left(&[(10, 20)]), []);
        assert_eq!(left(&[(15, 30), (0, 15)]), []);
        assert_eq!(left(&[(17, 18), (12, 14)]), [(10, 12), (14, 17), (18, 20)]);
        assert_eq!(left(&[(25, 30), (0, 5)]), [(10, 20)]);
        assert_eq!(left(&[(0, 20), (25, 30)]), []);
        assert_eq!(rest(at(5), at(5), &mut []), [(at(5), at(5))]);
        assert_eq!(rest(at(5), at(5), &mut [(at(5), at(5))]), []);
    }

    fn job(streams: &[&str], span: Span) -> Job {
        let streams = (1..).zip(streams).map(|(id, name)| Stream { id: StreamId(id), name: (*name).to_owned() });
        let (name, sources, pieces, price) = ("n".to_owned(), Vec::new(), Vec::new(), Price::default());
        let draft = Draft { name, streams: streams.collect(), span, sources, pieces, price };
        Job::begun(JobId(1), &draft, Time::default())
    }

    #[test]
    fn a_job_is_called_by_its_one_stream_or_by_how_many_it_has() {
        let span = Span::default();
        let (one, two) = (job(&["a"], span), job(&["a", "b"], span));
        assert_eq!((named(&one.streams), named(&two.streams)), ("a".to_owned(), "2 streams".to_owned()));
        assert_eq!((one.stream(), two.stream()), (Some("a".to_owned()), None));
        assert_eq!((one.is_combined(), two.is_combined()), (false, true));
    }

    #[test]
    fn an_hour_that_is_begun_is_paid_whole_for_each_stream() {
        for (seconds, hours) in [(0, 0), (1, 1), (3_600, 1), (3_601, 2), (-1, 0)] {
            let (one, two) = (["a"].as_slice(), ["a", "b"].as_slice());
            let of = |streams| job(streams, Span { from: 5, until: 5 + seconds });
            assert_eq!((of(one).hours(), of(one).milliunits(7), of(two).milliunits(7)), (hours, 7 * hours, 14 * hours));
        }
    }

    #[test]
    fn a_price_fits_if_neither_part_of_the_sum_exceeds_the_budget() {
        let price = |credits, milliunits| Price { credits, milliunits };
        let (spent, budget) = (price(1, 20), price(10, 100));
        assert_eq!(price(9, 80).and(spent), budget);
        for (more, fits) in [(price(9, 80), true), (price(10, 80), false), (price(9, 81), false), (price(0, 0), true)] {
            assert_eq!(more.fits(spent, budget), fits, "{more:?}");
        }
        assert!(!price(u64::MAX, 0).fits(spent, budget), "a sum never wraps");
    }

    #[test]
    fn each_stage_and_each_outcome_has_its_word_in_the_archive() {
        let words = ["preparing", "delivering", "anchoring", "starting", "fetching", "closing", "closed"];
        assert_eq!(Stage::ALL.map(Stage::word), words);
        assert_eq!(words.map(Stage::of_word), Stage::ALL.map(Some));
        assert_eq!(Stage::of_word("begun"), None);
        assert_eq!(format!("{:>8}|", Stage::Closed), "  closed|");
        let why = || "why".to_owned();
        for (outcome, word, detail) in [
            (Outcome::Complete, "complete", None),
            (Outcome::Partial(why()), "partial", Some("why")),
            (Outcome::Unfillable(why()), "unfillable", Some("why")),
            (Outcome::Failed(why()), "failed", Some("why")),
            (Outcome::Apart(why()), "failed", Some("why")),
        ] {
            assert_eq!((outcome.word(), outcome.detail()), (word, detail));
        }
    }

    #[test]
    fn the_counts_of_two_pages_are_added_each_by_itself() {
        let counts = |by: u64| Counts {
            stored: by,
            known: 2 * by,
            deleted: 3 * by,
            outside: 4 * by,
            early: 5 * by,
            foreign: 6 * by,
            unreadable: 7 * by,
        };
        assert_eq!(counts(1).and(counts(10)), counts(11));
    }
}
