//! The forms of the answers: everything about them that nobody recorded is a switch.

use jiff::fmt::serde::unsigned_duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How the node answers its clients. Nothing recorded says which of these forms the real service used.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Answers {
    pub ack: AckForm,
    /// An acknowledgement comes so late.
    #[serde(with = "unsigned_duration::required")]
    pub ack_delay: Duration,
    /// Each acknowledgement so many times.
    pub ack_copies: u32,
    /// Acknowledgements are gathered until so many wait, then sent in another order.
    pub ack_shuffle: usize,
    /// After each so many acknowledgements, one for a hash that nobody asked for.
    pub ack_stray_every: u64,
    /// A subscription that comes sooner than this after the one before, or after the connect, is left without an answer or effect.
    #[serde(with = "unsigned_duration::required")]
    pub deaf_for: Duration,
    pub refusal: RefusalForm,
    pub resubscribe: Resubscribe,
    pub unsubscribe: Unsubscribe,
    /// What a subscription to a hash outside the world meets.
    pub unknown: Unknown,
}

/// What an acknowledgement carries besides its status.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AckForm {
    /// The documented text, which ends with the hash.
    #[default]
    Text,
    /// The text and a field `hash`.
    Hash,
    /// The text and a field `hashes` with one hash.
    Hashes,
    /// Only a status and a field `hash`.
    Bare,
    /// No acknowledgement at all.
    None,
}

/// How a refusal names its stream.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalForm {
    /// In the text, where the documented text has a place for it.
    #[default]
    Text,
    /// In a field `hash` too.
    Hash,
    /// In a field `hashes` too.
    Hashes,
    /// Not at all: the documented texts that name no stream.
    Anonymous,
}

/// What subscribing again to an active stream meets.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resubscribe {
    #[default]
    Acknowledge,
    Warn,
    Ignore,
}

/// What an unsubscribe meets.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unsubscribe {
    #[default]
    Silence,
    Acknowledge,
    /// Nothing at all: the stream's messages go on.
    Ignore,
}

/// What a subscription to a hash outside the world meets.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    #[default]
    Refuse,
    /// The world takes it in and makes interactions for it: rehearse with your own list of streams.
    Adopt,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            ack: AckForm::Text,
            ack_delay: Duration::ZERO,
            ack_copies: 1,
            ack_shuffle: 0,
            ack_stray_every: 0,
            deaf_for: Duration::ZERO,
            refusal: RefusalForm::Text,
            resubscribe: Resubscribe::Acknowledge,
            unsubscribe: Unsubscribe::Silence,
            unknown: Unknown::Refuse,
        }
    }
}
