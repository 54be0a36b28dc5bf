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
