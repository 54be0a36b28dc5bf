//! The table of reactions to what HTTP says: which answers pass, which need a person, which end a job.
//!
//! Sources: RFC 9110 and 6585; DataSift, REST API, HTTP Response Codes and Rate Limiting; Salesforce, Status Codes and
//! Error Responses (whose 503 may mean that an hour's requests are used up, and 429 a day's). A status that is not in
//! the table is taken by its hundred.

use std::time::Duration;

use crate::historic::{Ask, Refusal, Why};
use crate::limits::RETRY_AFTER_MAX;

/// What to do about a refusal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reaction {
    /// Ask nothing of anybody for a while, then the same again; the wait grows, and is at least so long.
    Later { climb: Climb, least: Duration },
    /// A person is needed: ask nothing, try again rarely. The live stream goes on.
    Pause,
    /// It may have been heard: look what is there before anything is asked twice, after a wait that grows.
    Look,
    /// What was asked about is not there.
    Absent,
    /// Only this request fails: try it again later a few times, then give the job up.
    Some(Duration),
    /// Ask for less at a time.
    Smaller,
    /// This request will never be answered: the job is given up.
    Never,
}

/// Which ladder of waits a refusal climbs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Climb {
    /// The network or the server: seconds to minutes.
    Trouble,
    /// Requests are used up: minutes to an hour.
    Quota,
}

/// The least wait after 503, which may mean that requests are used up.
const BUSY: Duration = Duration::from_secs(30);

/// The wait before one more try of a request that failed alone.
const ALONE: Duration = Duration::from_secs(30);

const NONE: Duration = Duration::ZERO;

/// The reaction to a refusal of `ask`.
pub fn of_refusal(ask: &Ask, refusal: &Refusal) -> Reaction {
    let named = refusal.hint.retry_after.map_or(NONE, |wait| wait.min(RETRY_AFTER_MAX));
    let trouble = |least: Duration| {
        // What is heard twice is paid twice.
        if ask.may_repeat() { Reaction::Later { climb: Climb::Trouble, least } } else { Reaction::Look }
    };
    match refusal.why {
        Why::Unheard => Reaction::Later { climb: Climb::Trouble, least: named },
        Why::Oversize if is_fetch(ask) => Reaction::Smaller,
        Why::Unreachable | Why::Unusable | Why::Oversize => trouble(named),
        // A key is not carried to another address: whoever moved the service tells the operator.
        Why::Redirected => Reaction::Pause,
        Why::Status(status) => of_status(status, ask, refusal, named),
    }
}

const fn is_fetch(ask: &Ask) -> bool {
    matches!(ask, Ask::Fetch { .. })
}

#[expect(clippy::match_same_arms, reason = "a table: each row has its own reason")]
fn of_status(status: u16, ask: &Ask, refusal: &Refusal, named: Duration) -> Reaction {
    let quota = || {
        // A count that begins anew in the past, or in years, is no count.
        let reset = refusal.hint.reset.filter(|wait| *wait <= RETRY_AFTER_MAX).unwrap_or(NONE);
        Reaction::Later { climb: Climb::Quota, least: named.max(reset) }
    };
    let trouble = |least: Duration| {
        if ask.may_repeat() { Reaction::Later { climb: Climb::Trouble, least } } else { Reaction::Look }
    };
    match status {
        // A refusal for lack of requests bears the status of one for lack of rights.
        403 if refusal.hint.is_exhausted() => quota(),
        // To combine streams may not be ours to ask: each can still be asked for alone.
        403 if matches!(ask, Ask::Combine { .. }) => Reaction::Never,
        401..=403 => Reaction::Pause,
        404 | 410 if ask.concerns_one() => Reaction::Absent,
        409 | 412 if !ask.may_repeat() => Reaction::Look,
        409 | 412 | 423 | 424 => Reaction::Some(named.max(ALONE)),
        413 | 414 | 431 if is_fetch(ask) => Reaction::Smaller,
        420 | 429 | 507 | 509 | 529 => quota(),
        408 | 421 | 425 => trouble(named),
        // What was asked is wrong: the stream, its sources or the span.
        400 | 406 | 416 | 422 | 451 => Reaction::Never,
        // Neither the key nor the stream: the service is not what we take it for.
        404 | 405 | 410 | 411 | 415 | 418 | 426 | 501 | 505 | 511 => Reaction::Pause,
        503 => trouble(named.max(BUSY)),
        500 if ask.may_repeat() && ask.concerns_one() => Reaction::Some(named.max(ALONE)),
        500..=599 => trouble(named),
        300..=399 => Reaction::Pause,
        400..=499 => Reaction::Never,
        // A success that is not one of ours, or no status at all.
        _ => trouble(named),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::historic::{Hint, Span};

    fn combine() -> Ask {
        Ask::Combine { streams: vec!["a".to_owned(), "b".to_owned()] }
    }

    fn prepare() -> Ask {
        let (name, stream, span) = ("n".to_owned(), "a".to_owned(), Span { from: 0, until: 10 });
        Ask::Prepare { name, stream, span, sources: Vec::new() }
    }

    fn fetch(cursor: Option<&str>) -> Ask {
        Ask::Fetch { delivery: "d".to_owned(), cursor: cursor.map(str::to_owned), bytes: 1_000 }
    }

    fn query() -> Ask {
        Ask::Query { query: "q".to_owned() }
    }

    fn list() -> Ask {
        Ask::Deliveries { page: 1 }
    }

    fn of(ask: &Ask, why: Why, hint: Hint) -> Reaction {
        of_refusal(ask, &Refusal { why, hint, text: String::new() })
    }

    fn later(climb: Climb, seconds: u64) -> Reaction {
        Reaction::Later { climb, least: Duration::from_secs(seconds) }
    }

    #[test]
    fn the_same_status_means_another_thing_for_another_question() {
        let alone = || Reaction::Some(ALONE);
        for (status, ask, due) in [
            (403, combine(), Reaction::Never),
            (401, combine(), Reaction::Pause),
            (403, prepare(), Reaction::Pause),
            (404, prepare(), Reaction::Absent),
            (410, query(), Reaction::Absent),
            (404, list(), Reaction::Pause),
            (410, list(), Reaction::Pause),
            (408, query(), later(Climb::Trouble, 0)),
            (421, list(), later(Climb::Trouble, 0)),
            (425, prepare(), Reaction::Look),
            (409, prepare(), Reaction::Look),
            (412, fetch(None), Reaction::Look),
            (409, list(), alone()),
            (412, fetch(Some("c")), alone()),
            (423, prepare(), alone()),
            (424, prepare(), alone()),
            (413, fetch(None), Reaction::Smaller),
            (414, query(), Reaction::Never),
            (431, list(), Reaction::Never),
            (500, query(), alone()),
            (500, combine(), alone()),
            (500, list(), later(Climb::Trouble, 0)),
            (500, prepare(), Reaction::Look),
            (503, list(), later(Climb::Trouble, 30)),
            (503, fetch(None), Reaction::Look),
            (429, prepare(), later(Climb::Quota, 0)),
        ] {
            assert_eq!(of(&ask, Why::Status(status), Hint::default()), due, "{status} for {ask:?}");
        }
    }

    #[test]
    fn a_status_that_is_not_in_the_table_is_taken_by_its_hundred() {
        for (statuses, due, of_start) in [
            ([0, 199, 200, 299], later(Climb::Trouble, 0), Reaction::Look),
            ([300, 310, 398, 399], Reaction::Pause, Reaction::Pause),
            ([430, 444, 498, 499], Reaction::Never, Reaction::Never),
            ([502, 504, 530, 599], later(Climb::Trouble, 0), Reaction::Look),
            ([600, 999, 1_000, u16::MAX], later(Climb::Trouble, 0), Reaction::Look),
        ] {
            let start = Ask::Start { query: "q".to_owned() };
            for status in statuses {
                assert_eq!(of(&query(), Why::Status(status), Hint::default()), due, "{status}");
                assert_eq!(of(&start, Why::Status(status), Hint::default()), of_start, "{status}");
            }
        }
    }

    #[test]
    fn a_refusal_without_a_status_means_what_may_have_happened() {
        for (why, ask, due) in [
            (Why::Unheard, prepare(), later(Climb::Trouble, 7)),
            (Why::Unheard, query(), later(Climb::Trouble, 7)),
            (Why::Unreachable, prepare(), Reaction::Look),
            (Why::Unreachable, query(), later(Climb::Trouble, 7)),
            (Why::Unusable, fetch(None), Reaction::Look),
            (Why::Unusable, fetch(Some("c")), later(Climb::Trouble, 7)),
            (Why::Oversize, fetch(None), Reaction::Smaller),
            (Why::Oversize, fetch(Some("c")), Reaction::Smaller),
            (Why::Oversize, prepare(), Reaction::Look),
            (Why::Oversize, query(), later(Climb::Trouble, 7)),
            (Why::Redirected, prepare(), Reaction::Pause),
        ] {
            let hint = Hint { retry_after: Some(Duration::from_secs(7)), ..Hint::default() };
            assert_eq!(of(&ask, why, hint), due, "{why:?} for {ask:?}");
        }
    }

    #[test]
    fn a_wait_that_the_server_names_is_heeded_up_to_an_hour() {
        let wait = |seconds| Some(Duration::from_secs(seconds));
        for (status, retry_after, reset, due) in [
            (429, wait(3_600), None, later(Climb::Quota, 3_600)),
            (429, wait(3_601), None, later(Climb::Quota, 3_600)),
            (429, None, wait(3_600), later(Climb::Quota, 3_600)),
            // A count that begins anew in a year is no count.
            (429, None, wait(3_601), later(Climb::Quota, 0)),
            (429, wait(60), wait(50), later(Climb::Quota, 60)),
            (429, wait(50), wait(60), later(Climb::Quota, 60)),
            (503, wait(29), None, later(Climb::Trouble, 30)),
            (503, wait(31), None, later(Climb::Trouble, 31)),
            (502, wait(1), wait(60), later(Climb::Trouble, 1)),
            (500, wait(29), None, Reaction::Some(Duration::from_secs(30))),
            (500, wait(31), None, Reaction::Some(Duration::from_secs(31))),
            (423, wait(31), None, Reaction::Some(Duration::from_secs(31))),
        ] {
            let hint = Hint { retry_after, reset, left: None, cost: None };
            assert_eq!(of(&query(), Why::Status(status), hint), due, "{status} {retry_after:?} {reset:?}");
        }
    }

    #[test]
    fn a_refusal_of_rights_is_one_for_lack_of_requests_if_fewer_are_left_than_it_costs() {
        for (left, cost, due) in [
            (None, None, Reaction::Pause),
            (Some(25), Some(25), Reaction::Pause),
            (Some(24), Some(25), later(Climb::Quota, 0)),
            (Some(1), None, Reaction::Pause),
            (Some(0), None, later(Climb::Quota, 0)),
            (Some(0), Some(0), later(Climb::Quota, 0)),
        ] {
            let hint = Hint { left, cost, ..Hint::default() };
            assert_eq!(of(&query(), Why::Status(403), hint), due, "{left:?} of {cost:?}");
        }
        let hint = Hint { left: Some(0), ..Hint::default() };
        assert_eq!(of(&combine(), Why::Status(403), hint), later(Climb::Quota, 0));
        assert_eq!(of(&query(), Why::Status(401), hint), Reaction::Pause);
    }
}
