//! What a run of the simulator does: a plain struct, written in TOML or built in code.

mod rate;
mod size;

pub use rate::Rate;
pub use size::Size;

use super::cue::Cue;
use jiff::SignedDuration;
use jiff::fmt::serde::unsigned_duration;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
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
    /// Streams that behave unlike the others.
    #[serde(rename = "stream")]
    pub streams: Vec<Stream>,
    /// The timeline.
    #[serde(rename = "cue")]
    pub cues: Vec<Cue>,
}

/// The streaming node: its limits, its clock, and how it holds and sends.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Node {
    /// Where to listen; port 0 takes any free one. Loopback is all that is meant.
    pub listen: String,
    /// PEM files; with both, the node speaks TLS.
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// Subscriptions that one connection may hold (DataSift: 5,000).
    pub max_subscriptions: usize,
    /// A tick after so much silence (DataSift: 30 s); zero sends none.
    #[serde(with = "unsigned_duration::required")]
    pub tick_every: Duration,
    /// The `tick` value as JSON text instead of the clock's seconds, to lie with: `"0"`, `"-1"`, `"9223372036854775808"`.
    pub tick_value: Option<String>,
    /// Added to the clock's seconds in each tick.
    pub tick_skew: SignedDuration,
    /// A WebSocket ping each so often; zero sends none.
    #[serde(with = "unsigned_duration::required")]
    pub ping_every: Duration,
    /// Every interaction and tick is held so long before it is sent, so that a close loses the last ones.
    #[serde(with = "unsigned_duration::required")]
    pub lag: Duration,
    /// Statuses and warnings overtake the buffered interactions; otherwise they wait their turn behind them.
    pub overtake: bool,
    /// More than this in one connection's buffer: the slow-consumer warning.
    pub slow_warning: Size,
    /// More than this: disconnected as too slow.
    pub slow_disconnect: Size,
    /// The kernel's send buffer per connection; smaller ones make a slow client show sooner.
    pub socket_buffer: Option<Size>,
    /// How long a closing connection may take to hear the last words.
    #[serde(with = "unsigned_duration::required")]
    pub close_grace: Duration,
    /// The node's clock runs so far ahead (or behind) of the machine's.
    pub clock_skew: SignedDuration,
    /// Added to the clock in the `Date` header.
    pub date_skew: SignedDuration,
}

/// Who may connect.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Account {
    /// Without a user name and a key, anybody may.
    pub username: Option<String>,
    pub api_key: Option<String>,
    pub refusal: IdentityRefusal,
}

/// How a wrong identity is told: nobody recorded which way the real service went.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum IdentityRefusal {
    /// HTTP 401 at the upgrade, with a JSON status body.
    #[default]
    Http,
    /// The upgrade succeeds, one failure frame follows, then a close.
    Frame,
}

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

impl Scenario {
    /// Reads a scenario; the error names line, column, key and what would do.
    pub fn parse(text: &str) -> Result<Self, String> {
        let scenario: Self = toml::from_str(text).map_err(|fault| fault.to_string().trim_end().to_owned())?;
        for (place, cue) in scenario.cues.iter().enumerate() {
            cue.check().map_err(|fault| format!("cue {}: {fault}", place + 1))?;
        }
        Ok(scenario)
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
            streams: Vec::new(),
            cues: Vec::new(),
        }
    }
}

impl Default for Node {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".to_owned(),
            tls_cert: None,
            tls_key: None,
            max_subscriptions: 5000,
            tick_every: Duration::from_secs(30),
            tick_value: None,
            tick_skew: SignedDuration::ZERO,
            ping_every: Duration::from_secs(20),
            lag: Duration::ZERO,
            overtake: true,
            slow_warning: Size(32 << 20),
            slow_disconnect: Size(128 << 20),
            socket_buffer: None,
            close_grace: Duration::from_secs(2),
            clock_skew: SignedDuration::ZERO,
            date_skew: SignedDuration::ZERO,
        }
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            ack: AckForm::Text,
            ack_delay: Duration::ZERO,
            ack_copies: 1,
            ack_shuffle: 0,
            ack_stray_every: 0,
            refusal: RefusalForm::Text,
            resubscribe: Resubscribe::Acknowledge,
            unsubscribe: Unsubscribe::Silence,
            unknown: Unknown::Refuse,
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
