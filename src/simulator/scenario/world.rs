//! The settings of the world and of its streams.

use super::super::world::as_hash;
use super::Rate;
use jiff::fmt::serde::unsigned_duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What happens in the world, whether or not anybody listens. Shares are of all messages, from 0 to 1.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct World {
    /// How many streams; their hashes come from the seed.
    pub streams: usize,
    /// Hashes to use first, before those made from the seed.
    pub hashes: Vec<String>,
    pub rate: Rate,
    /// Streams, as a share of all, that never see an interaction.
    pub silent_streams: f64,
    /// Interactions that match two to four streams.
    pub shared: f64,
    /// Exact repetitions of a recent message.
    pub duplicates: f64,
    /// Deletes, nearly all of something recent.
    pub deletes: f64,
    /// Deletes, as a share of the deletes, that come before their interaction.
    pub early_deletes: f64,
    /// The forms that deletes take, in turn.
    pub delete_forms: Vec<DeleteForm>,
    /// Interactions of about 100 kB.
    pub large: f64,
    /// Interactions of about 1 MB.
    pub huge: f64,
    /// Interactions that were posted long before they arrive, by up to `old_by`.
    pub old: f64,
    #[serde(with = "unsigned_duration::required")]
    pub old_by: Duration,
    /// Frames whose `data` comes before their `hash`.
    pub data_first: f64,
}

/// The forms of a delete.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum DeleteForm {
    /// `{"deleted":true,"interaction":{"id":…,"type":…},"twitter":{"id":…}}`
    Short,
    /// The same with `"user":{"id":…}` in the source object.
    WithUser,
    /// `deleted` beside `hash` and `data`, which one official client looked for.
    TopLevel,
}

/// A stream that behaves unlike the others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    pub stream: Pick,
    pub behaviour: Behaviour,
}

/// A stream by its place in the world's list, from 0, or by its hash.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Pick {
    Place(usize),
    Hash(String),
}

/// What a subscription to a stream meets.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Behaviour {
    #[default]
    Fine,
    Invalid,
    Disabled,
    /// "There was a problem starting your stream" so many times, then fine.
    Trouble {
        times: u32,
    },
    /// "There was an error getting the stream information" so many times, then fine.
    InformationError {
        times: u32,
    },
    /// No answer of any kind; the stream works.
    Unacknowledged,
    /// No answer and nothing sent.
    Ignored,
}

impl World {
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(hash) = self.hashes.iter().find(|hash| as_hash(hash).is_none()) {
            return Err(format!("world.hashes: {hash:?} is not a hash; it takes 32 digits from 0 to f, in lower case"));
        }
        if self.delete_forms.is_empty() {
            return Err("world.delete_forms needs at least one form".to_owned());
        }
        let shares = [
            ("silent_streams", self.silent_streams),
            ("shared", self.shared),
            ("duplicates", self.duplicates),
            ("deletes", self.deletes),
            ("early_deletes", self.early_deletes),
            ("large", self.large),
            ("huge", self.huge),
            ("old", self.old),
            ("data_first", self.data_first),
        ];
        match shares.iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
            Some((name, share)) => Err(format!("world.{name} is a share from 0 to 1, not {share}")),
            None => Ok(()),
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self {
            streams: 20,
            hashes: Vec::new(),
            rate: Rate::per_second(10),
            silent_streams: 0.0,
            shared: 0.03,
            duplicates: 0.01,
            deletes: 0.01,
            early_deletes: 0.1,
            delete_forms: vec![DeleteForm::Short, DeleteForm::WithUser],
            large: 0.0005,
            huge: 0.000_01,
            old: 0.01,
            old_by: Duration::from_hours(1),
            data_first: 0.05,
        }
    }
}
