//! What a cue does to the REST side.

use super::super::rest::Call;
use super::super::scenario::Size;
use jiff::SignedDuration;
use jiff::fmt::serde::unsigned_duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What happens to the REST side. Written in TOML as `do = { rest = { fail = { call = "pull", how = "hang" } } }`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RestAction {
    /// Spoils the answers of the next calls.
    Fail(Fail),
    /// Changes one job, or the next ones.
    Job(JobChange),
    /// Spoils the next pages that hold something.
    Pages(Pages),
    /// Changes what calls and jobs may cost.
    Fees(FeeChange),
    /// Closes the listening socket, and with it every connection once it has been answered.
    StopListening,
    /// Opens it again.
    Listen,
}

/// Spoilt answers.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Fail {
    /// Only calls of this kind: `historics/prepare`, `pull` and so on.
    #[serde(default)]
    pub call: Option<String>,
    /// After so many of them have passed.
    #[serde(default)]
    pub after: u32,
    #[serde(default = "one")]
    pub times: u32,
    /// Whether the call has its effect before its answer is spoilt.
    #[serde(default)]
    pub acts: bool,
    pub how: Spoil,
}

/// How an answer is spoilt.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Spoil {
    /// Another status.
    Status(Status),
    /// A page for people with status 200, as from a gateway.
    Html,
    /// The body ends in its midst, and so does the connection.
    Cut,
    /// The length that is announced is longer than the body by this much (or shorter).
    Length(i64),
    /// The body never ends.
    Endless,
    /// A body of this size.
    Oversized(Size),
    /// The body is called gzip and is not.
    BadGzip,
    /// A small body of gzip that unpacks to this size.
    Bomb(Size),
    /// The client is sent to another host.
    Redirect(Redirect),
    /// So long between two bytes of the answer.
    Slow(Pause),
    /// No answer; the connection stays open.
    Hang,
    /// A TCP reset instead of an answer.
    Reset,
    /// The end of the connection instead of an answer.
    Close,
}

/// A status instead of the right one.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    pub status: u16,
    /// The body as it is; without it a JSON document with `error`.
    #[serde(default)]
    pub body: Option<String>,
    /// The body is a page for people.
    #[serde(default)]
    pub html: bool,
    /// The `Retry-After` header: seconds or a date.
    #[serde(default)]
    pub retry_after: Option<String>,
}

/// Where a client is sent.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    pub status: u16,
    pub location: String,
}

/// Between two bytes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    #[serde(with = "unsigned_duration::required")]
    pub pause: Duration,
}

/// A change of jobs; what is left out stays.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobChange {
    /// This job alone (they are counted from 1); without it, each that is prepared from now on.
    pub job: Option<u64>,
    /// Some of what it found was dropped before it could be fetched: so many messages, and `lost_data` says so.
    pub lose: usize,
    /// The first chunk fails; its messages are not found.
    pub fail_chunk: bool,
    /// The job itself fails in the end.
    pub fail: bool,
    /// Nothing of this source is found, although it was asked for.
    pub without_source: Option<String>,
    /// No more than this much of all messages, in per cent.
    pub sample: Option<u8>,
    /// It never comes further than this, in per cent.
    pub stuck_at: Option<u8>,
    /// What its status is said to be while it runs; an empty text ends that.
    pub status: Option<String>,
    /// What the status of its deliveries is said to be; an empty text ends that.
    pub delivery_status: Option<String>,
    /// It is gone, and its deliveries with it.
    pub vanish: bool,
}

/// Pages with what does not belong there.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pages {
    /// So many pages.
    pub next: u32,
    /// Rows from outside the job's window.
    pub outside: usize,
    /// Rows that are said to be of another stream.
    pub foreign: usize,
    /// Deletes of what the page holds.
    pub deletes: usize,
    /// Rows of a job for several streams that bear no tags.
    pub untagged: usize,
    /// Rows that are cut in their midst.
    pub garbled: usize,
    /// Every row differs from what was sent live.
    pub reworded: bool,
    /// The page before comes again.
    pub same: bool,
    /// The delivery begins anew.
    pub rewind: bool,
}

/// What calls and jobs may cost from now on; what is left out stays.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeeChange {
    /// Credits for calls that are left until they are renewed.
    pub left: Option<u64>,
    pub calls: Option<u64>,
    #[serde(with = "unsigned_duration::optional")]
    pub period: Option<Duration>,
    pub exhausted: Option<u16>,
    pub reset_skew: Option<SignedDuration>,
    pub dpus: Option<f64>,
    pub dpu_per_hour: Option<f64>,
}

impl Default for Pages {
    fn default() -> Self {
        Self {
            next: 1,
            outside: 0,
            foreign: 0,
            deletes: 0,
            garbled: 0,
            reworded: false,
            untagged: 0,
            same: false,
            rewind: false,
        }
    }
}

const fn one() -> u32 {
    1
}

impl RestAction {
    /// Faults that the form alone does not rule out.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self::Fail(fail) = self else { return Ok(()) };
        if let Some(call) = &fail.call
            && Call::named(call).is_none()
        {
            return Err(format!("no call is {call:?}; there are: {}", Call::ALL.map(Call::name).join(", ")));
        }
        let status = match &fail.how {
            Spoil::Status(Status { status, .. }) | Spoil::Redirect(Redirect { status, .. }) => *status,
            Spoil::Html
            | Spoil::Cut
            | Spoil::Length(_)
            | Spoil::Endless
            | Spoil::Oversized(_)
            | Spoil::BadGzip
            | Spoil::Bomb(_)
            | Spoil::Slow(_)
            | Spoil::Hang
            | Spoil::Reset
            | Spoil::Close => 200,
        };
        if (200..=599).contains(&status) {
            Ok(())
        } else {
            Err(format!("an HTTP status is a number from 200 to 599, not {status}"))
        }
    }
}
