//! What can be asked of a server's archive of past messages, and what it answers, whatever its protocol.
//!
//! A query selects what was produced for a stream within a span; a delivery keeps what the query finds until it is
//! fetched, page by page. Several servers work in this way, so these words name no protocol.

use std::time::Duration;

use crate::time::Time;

/// A stretch of whole seconds since 1970 by the server's clock: with the first, without the last.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize)]
pub struct Span {
    pub from: i64,
    pub until: i64,
}

impl Span {
    pub const fn seconds(self) -> i64 {
        self.until.saturating_sub(self.from)
    }

    /// Whether a moment of the server's clock lies in it.
    pub fn holds(self, at: Time) -> bool {
        Time::from_seconds(self.from) <= at && at < Time::from_seconds(self.until)
    }
}

/// One thing to ask.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ask {
    /// Make one stream of several, whose messages say of which of them they are. Asked again, it is the same one.
    Combine { streams: Vec<String> },
    /// Draw up a query for one stream. It does nothing and costs nothing until it is started.
    Prepare { name: String, stream: String, span: Span, sources: Vec<String> },
    /// Keep what a query finds, for us to fetch.
    Deliver { name: String, query: String },
    /// Run a query. This is what is paid for.
    Start { query: String },
    /// Fetch the page behind a cursor, of so many bytes; without a cursor, what was not fetched yet.
    Fetch { delivery: String, cursor: Option<String>, bytes: usize },
    /// How does a delivery stand? The cheap question.
    Delivery { delivery: String },
    /// How does a query stand? The dear question.
    Query { query: String },
    /// Forget a delivery.
    DropDelivery { delivery: String },
    /// Forget a query.
    DropQuery { query: String },
    /// Which deliveries are there? One page of the list; the first is 1.
    Deliveries { page: u32 },
    /// Which queries are there?
    Queries { page: u32 },
}

impl Ask {
    /// Whether asking twice does what asking once does. Otherwise, an answer that never came leaves a doubt.
    pub const fn may_repeat(&self) -> bool {
        match self {
            Self::Prepare { .. } | Self::Deliver { .. } | Self::Start { .. } => false,
            // Without a cursor the server moves on by itself.
            Self::Fetch { cursor, .. } => cursor.is_some(),
            Self::Combine { .. }
            | Self::Delivery { .. }
            | Self::Query { .. }
            | Self::DropDelivery { .. }
            | Self::DropQuery { .. }
            | Self::Deliveries { .. }
            | Self::Queries { .. } => true,
        }
    }

    /// Whether the thing asked about is one delivery or query of ours, rather than the service.
    pub const fn concerns_one(&self) -> bool {
        !matches!(self, Self::Deliveries { .. } | Self::Queries { .. })
    }
}

/// A request in the form that HTTP carries. The identity is not in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    pub method: &'static str,
    /// Below the server's address, without a slash at its head.
    pub path: &'static str,
    /// Behind a `?` for `GET` and `DELETE`, as a form in the body otherwise.
    pub parameters: Vec<(&'static str, String)>,
}

/// An answer as it came.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Decoded, and whole.
    pub body: Vec<u8>,
}

impl Reply {
    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim())
    }
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// Several streams are one now, by this name. `milliunits_an_hour` is what an hour of it costs.
    Combined {
        stream: String,
        milliunits_an_hour: Option<u64>,
    },
    /// A query is drawn up. `milliunits` is what the server thinks it will cost, in thousandths of its unit; `lacking`
    /// names sources that the archive does not hold in full.
    Prepared {
        query: String,
        milliunits: Option<u64>,
        lacking: Vec<String>,
    },
    Delivering {
        delivery: String,
    },
    /// Done as asked.
    Done,
    /// A page. Its rows are read from the body apart.
    Page(Page),
    /// Nothing to fetch at present. With a cursor, the place from which a fetch would go on.
    Nothing {
        cursor: Option<String>,
    },
    Delivery(Delivery),
    Query(Query),
    Deliveries {
        found: Vec<Delivery>,
        more: bool,
    },
    Queries {
        found: Vec<Query>,
        more: bool,
    },
}

impl Told {
    /// What a query over so many hours will cost, if this says so, in thousandths of the server's unit.
    pub fn milliunits(&self, hours: u64) -> Option<u64> {
        match self {
            Self::Prepared { milliunits, .. } => *milliunits,
            Self::Combined { milliunits_an_hour, .. } => milliunits_an_hour.map(|costs| costs.saturating_mul(hours)),
            Self::Delivering { .. }
            | Self::Done
            | Self::Page(_)
            | Self::Nothing { .. }
            | Self::Delivery(_)
            | Self::Query(_)
            | Self::Deliveries { .. }
            | Self::Queries { .. } => None,
        }
    }
}

/// What a page says of itself.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Page {
    /// The cursor that it was fetched by, as the server says.
    pub current: Option<String>,
    /// The cursor behind it.
    pub next: Option<String>,
    pub rows: usize,
    /// Rows that cannot be read.
    pub unreadable: usize,
    /// Bytes that wait behind it.
    pub left: Option<u64>,
}

/// One delivery.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delivery {
    pub id: String,
    pub name: String,
    /// The query that it belongs to.
    pub query: String,
    pub state: DeliveryState,
    /// The server had to drop some of what it kept.
    pub lost: bool,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum DeliveryState {
    /// More may come.
    Active,
    /// Stopped for a while by somebody.
    Paused,
    /// All that the query found is there.
    Finished,
    /// The server gave it up.
    Failed,
}

/// One query.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Query {
    pub id: String,
    pub name: String,
    pub state: QueryState,
    /// In per cent.
    pub progress: u8,
    /// Why what it finds is not all there is, in words for the operator.
    pub flaws: Vec<String>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum QueryState {
    /// Drawn up, not started.
    Prepared,
    Running,
    Done,
    Failed,
    /// Ended by somebody before it was done.
    Stopped,
}

/// Why there is no answer of use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    pub why: Why,
    pub hint: Hint,
    /// What the server said. Hostile until escaped.
    pub text: String,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Why {
    /// There was no way to the server: nothing was sent.
    Unheard,
    /// No whole answer came: whether the request was heard is not known.
    Unreachable,
    /// The server said no, with this status of HTTP.
    Status(u16),
    /// The answer was not what it had to be: a page for people, half a document, another document.
    Unusable,
    /// The answer was larger than the bound.
    Oversize,
    /// The server sends us elsewhere. Nobody follows with a key.
    Redirected,
}

/// What the server says about coming back.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Hint {
    pub retry_after: Option<Duration>,
    /// Requests that may still be made, in credits, until the count begins anew.
    pub left: Option<u64>,
    /// What this request would cost or has cost.
    pub cost: Option<u64>,
    /// How long until the count begins anew; nothing if what was said makes no sense.
    pub reset: Option<Duration>,
}

impl Hint {
    /// Whether a refusal is one for lack of requests rather than of rights.
    pub fn is_exhausted(&self) -> bool {
        self.left.is_some_and(|left| left < self.cost.unwrap_or(1).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_holds_its_first_moment_and_not_its_last() {
        let span = Span { from: 10, until: 14 };
        let holds = |micros| span.holds(Time::from_micros(micros));
        assert_eq!([9_999_999, 10_000_000, 13_999_999, 14_000_000].map(holds), [false, true, true, false]);
        assert_eq!((span.seconds(), Span { from: i64::MIN, until: i64::MAX }.seconds()), (4, i64::MAX));
    }

    #[test]
    fn what_has_no_answer_is_asked_again_only_if_that_does_no_more_than_asking_once() {
        let text = || "x".to_owned();
        let fetch = |cursor| Ask::Fetch { delivery: text(), cursor, bytes: 1 };
        let span = Span::default();
        // Whether it may be repeated, and whether it is about one thing of ours.
        for (ask, repeat, one) in [
            (Ask::Combine { streams: Vec::new() }, true, true),
            (Ask::Prepare { name: text(), stream: text(), span, sources: Vec::new() }, false, true),
            (Ask::Deliver { name: text(), query: text() }, false, true),
            (Ask::Start { query: text() }, false, true),
            (fetch(None), false, true),
            (fetch(Some(text())), true, true),
            (Ask::Delivery { delivery: text() }, true, true),
            (Ask::Query { query: text() }, true, true),
            (Ask::DropDelivery { delivery: text() }, true, true),
            (Ask::DropQuery { query: text() }, true, true),
            (Ask::Deliveries { page: 1 }, true, false),
            (Ask::Queries { page: 1 }, true, false),
        ] {
            assert_eq!((ask.may_repeat(), ask.concerns_one()), (repeat, one), "{ask:?}");
        }
    }

    #[test]
    fn a_header_is_found_by_its_name_and_freed_of_blanks() {
        let headers = [("date", " today "), ("retry-after", "7")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let reply = Reply { headers, ..Reply::default() };
        assert_eq!(["date", "retry-after", "age"].map(|name| reply.header(name)), [Some("today"), Some("7"), None]);
    }

    #[test]
    fn a_price_is_told_for_the_whole_or_by_the_hour_or_not_at_all() {
        let prepared = |milliunits| Told::Prepared { query: String::new(), milliunits, lacking: Vec::new() };
        let combined = |milliunits_an_hour| Told::Combined { stream: String::new(), milliunits_an_hour };
        assert_eq!([prepared(Some(7)), prepared(None)].map(|told| told.milliunits(3)), [Some(7), None]);
        assert_eq!([combined(Some(7)), combined(None)].map(|told| told.milliunits(3)), [Some(21), None]);
        assert_eq!(Told::Done.milliunits(3), None);
    }

    #[test]
    fn requests_are_used_up_when_fewer_are_left_than_this_one_costs() {
        for (left, cost, exhausted) in [
            (None, None, false),
            (None, Some(25), false),
            (Some(0), None, true),
            (Some(1), None, false),
            (Some(0), Some(0), true),
            (Some(24), Some(25), true),
            (Some(25), Some(25), false),
        ] {
            let hint = Hint { left, cost, ..Hint::default() };
            assert_eq!(hint.is_exhausted(), exhausted, "{left:?} left of {cost:?}");
        }
    }
}
