//! What is to be done next, and what came of it.

use super::Policy;
use crate::healing::{Change, Gap, Job, Price, Written};
use crate::historic::{Ask, Hint, Refusal, Told};
use crate::notice::Notice;
use crate::time::Time;

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Make this request. Answer with `Told` or `Refused`.
    Ask(Ask),
    /// Write this down, durably. Answer with `Written`.
    Write(Change),
    /// Store the rows of the page just told together with this job. Answer with `Written`.
    Keep { job: Box<Job>, spent: Price },
    /// Tell the operator. No answer.
    Say(Notice),
    /// Read the gaps that have ended and are not filled. Answer with `Gaps`.
    Gaps,
    /// Nothing before this moment, unless something happens.
    Wait(Time),
}

/// What came of it, or happened besides.
#[derive(Clone, Debug)]
pub enum Input {
    Gaps {
        gaps: Vec<Gap>,
        spent: Price,
    },
    Told {
        told: Told,
        hint: Hint,
    },
    Refused(Refusal),
    Written(Written),
    /// The server's clock less ours, in microseconds.
    Clock(i64),
    /// The daemon catches up, or no longer: until then nothing is asked and nothing stored.
    Drain(bool),
    /// An operator asks for gaps to be filled now.
    Asked(Request),
    /// Other settings.
    Policy(Policy),
}

/// What an operator asks for.
#[derive(Clone, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Request {
    /// Only this stream, as the server spells it.
    pub stream: Option<String>,
    /// Only gaps that reach beyond this moment.
    pub since_us: Option<i64>,
}

impl Request {
    pub fn covers(&self, gap: &Gap) -> bool {
        self.stream.as_ref().is_none_or(|stream| *stream == gap.name)
            && self.since_us.is_none_or(|since| gap.until > Time::from_micros(since))
    }
}

/// How it stands, for the summary.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
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
