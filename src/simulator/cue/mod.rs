//! A cue: something that happens to the node, and when.

mod action;
mod making;
mod rest;

pub use action::{
    Action, Change, Claim, Close, Count, Garbage, GarbageKind, How, Lag, Limit, Raw, Refuse, Say, Skew, SlowHandshake,
    Stall, Stalled, StopListening, Ticks,
};
pub use making::{Burst, Craft, Deletes, Fragments, Giant, Repeats};
pub use rest::{Fail, FeeChange, JobChange, Pages, Pause, Redirect, RestAction, Spoil, Status};

use jiff::fmt::serde::unsigned_duration;
use serde::Deserialize;
use std::time::Duration;

/// One entry of the timeline. Written in TOML as
/// `[[cue]]`, `when = { at = "10s" }`, `do = { close = { how = "reset" } }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cue {
    /// The name under which the journal says that it fired; the action's name if left out.
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub when: When,
    /// Only this connection (they are counted from 1); without it the one that set the cue off, or else all.
    #[serde(default)]
    pub connection: Option<u64>,
    #[serde(rename = "do")]
    pub action: Action,
}

/// When a cue fires: one of the five conditions, or at once if none is given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// So long after the start.
    #[serde(with = "unsigned_duration::optional")]
    pub at: Option<Duration>,
    /// When the world has made so many messages; repeated after each further so many.
    pub after_messages: Option<u64>,
    /// When this connection (from 1) has been upgraded; repeated at each following one.
    pub on_connect: Option<u64>,
    /// When so many subscriptions have been acknowledged since the start; repeated after each further so many.
    pub on_acknowledged: Option<u64>,
    /// When this job (from 1) has been prepared; repeated at each following one.
    pub on_job: Option<u64>,
    /// So long after the condition.
    #[serde(with = "unsigned_duration::required")]
    pub delay: Duration,
    /// Again each so often.
    #[serde(with = "unsigned_duration::optional")]
    pub every: Option<Duration>,
    /// How often in all: once if left out, but without end if `every` is given.
    pub times: Option<u32>,
}

impl From<Action> for Cue {
    /// A cue that fires at once.
    fn from(action: Action) -> Self {
        Self { name: None, when: When::default(), connection: None, action }
    }
}

impl Cue {
    /// Reads one cue from a line of JSON, as `--control stdin` takes it.
    pub fn parse(line: &str) -> Result<Self, String> {
        let cue: Self = serde_json::from_str(line).map_err(|fault| format!("not a cue: {fault}"))?;
        cue.check()?;
        Ok(cue)
    }

    /// Faults that the form alone does not rule out.
    pub(super) fn check(&self) -> Result<(), String> {
        let when = &self.when;
        let conditions = [
            when.at.is_some(),
            when.after_messages.is_some(),
            when.on_connect.is_some(),
            when.on_acknowledged.is_some(),
            when.on_job.is_some(),
        ];
        if conditions.iter().filter(|given| **given).count() > 1 {
            return Err(
                "give one of at, after_messages, on_connect, on_acknowledged and on_job, not several".to_owned()
            );
        }
        if when.every.is_some_and(|every| every.is_zero()) {
            return Err("every must be longer than nothing".to_owned());
        }
        if [when.after_messages, when.on_connect, when.on_acknowledged, when.on_job].contains(&Some(0)) {
            return Err("counts begin at 1".to_owned());
        }
        self.action.check()
    }
}
