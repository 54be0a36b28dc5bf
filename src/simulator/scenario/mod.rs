//! What a run of the simulator does: a plain struct, written in TOML or built in code.

mod answers;
mod node;
mod rate;
mod rest;
mod size;
mod world;

pub use answers::{AckForm, Answers, RefusalForm, Resubscribe, Unknown, Unsubscribe};
pub use node::Node;
pub use rate::Rate;
pub use rest::{Archive, Deliveries, Fees, Jobs, MissingSource, Order, Prepared, Rest, Window};
pub use size::Size;
pub use world::{Behaviour, DeleteForm, Pick, Stream, World};

use super::cue::Cue;
use jiff::fmt::serde::unsigned_duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A whole run. `Scenario::default()` is a well-behaved server with 20 streams and ten interactions a second.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// One sentence for `--list`.
    pub about: String,
    /// All randomness comes from here: the same seed makes the same world.
    pub seed: u64,
    /// Ends the run after so long; without it the run ends on a signal or the cue `exit`.
    #[serde(with = "unsigned_duration::optional")]
    pub run_for: Option<Duration>,
    pub node: Node,
    pub account: Account,
    pub answers: Answers,
    pub world: World,
    pub rest: Rest,
    /// Streams that behave unlike the others.
    #[serde(rename = "stream")]
    pub streams: Vec<Stream>,
    /// The timeline.
    #[serde(rename = "cue")]
    pub cues: Vec<Cue>,
}

/// Who may connect.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Account {
    /// Without a user name and a key, anybody may.
    pub username: Option<String>,
    /// No journal shows it.
    #[serde(skip_serializing)]
    pub api_key: Option<String>,
    pub refusal: IdentityRefusal,
    /// A new connection ends the older ones.
    pub evict: bool,
}

/// How a wrong identity is told: nobody recorded which way the real service went.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityRefusal {
    /// HTTP 401 at the upgrade, with a JSON status body.
    #[default]
    Http,
    /// The upgrade succeeds, one failure frame follows, then a close.
    Frame,
}

impl Scenario {
    /// Reads a scenario; the error names line, column, key and what would do.
    pub fn parse(text: &str) -> Result<Self, String> {
        let scenario: Self = toml::from_str(text).map_err(|fault| fault.to_string().trim_end().to_owned())?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Faults that the form alone does not rule out.
    pub fn check(&self) -> Result<(), String> {
        for (place, cue) in self.cues.iter().enumerate() {
            cue.check().map_err(|fault| format!("cue {}: {fault}", place + 1))?;
        }
        self.world.check()?;
        self.rest.check()?;
        let streams = self.world.streams.max(self.world.hashes.len());
        for stream in &self.streams {
            match &stream.stream {
                Pick::Place(place) if *place >= streams => {
                    return Err(format!("there is no stream {place} in a world of {streams} (they count from 0)"));
                }
                Pick::Hash(hash) if !self.world.hashes.contains(hash) => {
                    return Err(format!("stream {hash} is not among world.hashes; list it there, or give a place"));
                }
                Pick::Place(_) | Pick::Hash(_) => {}
            }
        }
        Ok(())
    }
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            about: String::new(),
            seed: 1,
            run_for: None,
            node: Node::default(),
            account: Account::default(),
            answers: Answers::default(),
            world: World::default(),
            rest: Rest::default(),
            streams: Vec::new(),
            cues: Vec::new(),
        }
    }
}
