//! What is to be done next, and what came of it.

use super::Policy;
use super::request::Request;
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
