//! What a cue does.

use super::super::scenario::{Account, Answers, Pick, Rate};
use super::super::{message, wire};
use super::RestAction;
use super::making::{Burst, Craft, Deletes, Fragments, Giant, Repeats};
use jiff::SignedDuration;
use jiff::fmt::serde::unsigned_duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What happens.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Sends a message: one of [`message::MESSAGES`] by name, or any text.
    Say(Say),
    /// Ends connections.
    Close(Close),
    /// Stops sending or reading for a while, or for good.
    Stall(Stall),
    /// Sends something that is not in any book.
    Garbage(Garbage),
    /// Puts these bytes on the wire between two frames.
    Raw(Raw),
    /// Makes one interaction of this size.
    Giant(Giant),
    /// A frame header that claims so many bytes, of which none follow; the connection is silent from then on.
    Claim(Claim),
    /// Makes one interaction and sends it in pieces.
    Fragments(Fragments),
    /// Sends pings without pause.
    Pings(Count),
    /// Refuses the next upgrades.
    Refuse(Refuse),
    /// Answers the next upgrades byte by byte.
    SlowHandshake(SlowHandshake),
    /// Closes the listening socket.
    StopListening(StopListening),
    /// Opens it again.
    Listen,
    /// Disables a stream, and says so to its subscribers.
    Disable(Change),
    /// Makes a hash invalid, and says so to its subscribers.
    Invalidate(Change),
    /// Makes a stream fine again.
    Restore(Change),
    /// Changes how many subscriptions a connection may hold.
    Limit(Limit),
    /// Changes the pace of the world.
    Rate(Rate),
    /// Makes so many interactions at once.
    Burst(Burst),
    /// Makes so many deletes at once.
    Deletes(Deletes),
    /// Sends recent messages once more.
    Repeats(Repeats),
    /// Makes one message that is exactly this.
    Craft(Craft),
    /// Changes how far the node's clock is off.
    Clock(Skew),
    /// Changes the ticks, or sends one at once.
    Ticks(Ticks),
    /// Changes how long messages are held before they are sent.
    Lag(Lag),
    /// Changes the forms of the answers.
    Answers(Answers),
    /// Does something to the REST side.
    Rest(Box<RestAction>),
    /// Changes who may connect: a key is rotated or revoked. Whoever is connected stays.
    Account(Account),
    /// Ends the run.
    Exit,
}

/// A message by name or as text; `<HASH>` in it stands for the stream's hash.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Say {
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub stream: Option<Pick>,
    #[serde(default = "one")]
    pub copies: u32,
}

/// An end of connections.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    #[serde(default)]
    pub how: How,
    #[serde(default = "normal_closure")]
    pub code: u16,
    #[serde(default)]
    pub reason: String,
    /// Send first what is buffered, instead of dropping it.
    #[serde(default)]
    pub drain: bool,
}

/// The ways in which a connection ends.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// A close frame with code and reason, then the end of the TCP connection.
    #[default]
    Clean,
    /// The end of the TCP connection without a close frame.
    Bare,
    /// A TCP reset.
    Reset,
    /// Nothing: the socket stays open, unread and unwritten.
    HalfOpen,
}

/// A pause of one side of the connection.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Stall {
    #[serde(default)]
    pub what: Stalled,
    /// Without it, for good.
    #[serde(default, with = "unsigned_duration::optional")]
    pub lasts: Option<Duration>,
}

/// Which side of the connection stalls.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stalled {
    #[default]
    Sending,
    Reading,
    Both,
}

/// Something that is not in any book.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Garbage {
    pub kind: GarbageKind,
    #[serde(default = "one")]
    pub copies: u32,
}

/// The kinds of garbage: first those that a WebSocket allows, then those that it does not.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GarbageKind {
    /// Text that is not JSON.
    NotJson,
    /// JSON cut in the middle.
    BrokenJson,
    /// JSON nested 100,000 levels deep.
    DeepJson,
    /// An object with 100,000 keys.
    WideJson,
    /// An object that means nothing.
    UnknownJson,
    /// A number out of range, a lone surrogate and a key that comes twice.
    OddJson,
    /// A status whose text nobody knows.
    UnknownStatus,
    /// A frame of nothing.
    Empty,
    /// A byte-order mark before a tick.
    ByteOrderMark,
    /// An interaction for a hash that nobody asked for.
    StrayHash,
    /// Two interactions for the first stream in one array (made by the world, so that the journal knows them).
    Array,
    /// Two interactions for the first stream in one frame, a newline between them (made by the world too).
    Lines,
    /// An interaction without an id (made by the world too).
    NoId,
    /// A binary frame.
    Binary,
    /// A pong that nobody asked for.
    Pong,
    /// Text that is not UTF-8.
    InvalidUtf8,
    /// A frame with reserved bits.
    ReservedBits,
    /// A frame with an operation code that does not exist.
    UnknownOpcode,
    /// A frame masked as only clients may.
    Masked,
    /// A ping longer than the 125 bytes allowed.
    LongPing,
    /// A close frame with a code that must not be sent.
    BadClose,
    /// A continuation of nothing.
    Continuation,
    /// Random bytes.
    Noise,
}

/// Bytes for the wire.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// Two hexadecimal digits a byte, spaces allowed.
    pub hex: String,
}

/// What a frame header claims.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// As text, since it may be larger than TOML's numbers.
    pub bytes: String,
}

/// So many.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    pub count: u32,
}

/// How the next upgrades are refused.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Refuse {
    pub status: u16,
    #[serde(default = "one")]
    pub times: u32,
    /// The `Retry-After` header: seconds or a date.
    #[serde(default)]
    pub retry_after: Option<String>,
    /// The `Location` header.
    #[serde(default)]
    pub location: Option<String>,
    /// The name of a message that becomes the body.
    #[serde(default)]
    pub message: Option<String>,
    /// The body as it is; goes before `message`.
    #[serde(default)]
    pub body: Option<String>,
}

/// Upgrades answered byte by byte.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SlowHandshake {
    #[serde(default = "one")]
    pub times: u32,
    /// Between two bytes.
    #[serde(with = "unsigned_duration::required")]
    pub pause: Duration,
}

/// A closed listening socket.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StopListening {
    /// Listen again after so long; without it, on the cue `listen`.
    #[serde(default, with = "unsigned_duration::optional")]
    pub lasts: Option<Duration>,
}

/// A stream whose behaviour changes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub stream: Pick,
    /// Whether the subscribers are told.
    #[serde(default = "yes")]
    pub tell: bool,
}

/// How many subscriptions a connection may hold.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    pub subscriptions: usize,
}

/// How far a clock is off.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Skew {
    pub skew: SignedDuration,
}

/// Changes of the ticks; what is left out stays.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ticks {
    /// Zero sends none.
    #[serde(with = "unsigned_duration::optional")]
    pub every: Option<Duration>,
    /// The value as JSON text; an empty text returns to the clock.
    pub value: Option<String>,
    pub skew: Option<SignedDuration>,
    /// Sends one at once.
    pub now: bool,
}

/// How long messages are held.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lag {
    #[serde(with = "unsigned_duration::required")]
    pub hold: Duration,
}

const fn one() -> u32 {
    1
}

const fn yes() -> bool {
    true
}

const fn normal_closure() -> u16 {
    1000
}

impl Default for Close {
    fn default() -> Self {
        Self { how: How::Clean, code: normal_closure(), reason: String::new(), drain: false }
    }
}

impl Say {
    /// The message of this name, once.
    pub fn named(message: &str) -> Self {
        Self { message: Some(message.to_owned()), text: None, stream: None, copies: 1 }
    }
}

impl Action {
    /// Faults that the form alone does not rule out.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Self::Say(say) = self {
            if say.message.is_some() == say.text.is_some() {
                return Err("say needs either message (a name) or text".to_owned());
            }
            return known(say.message.as_deref());
        }
        if let Self::Refuse(refuse) = self {
            if !(300..=599).contains(&refuse.status) {
                return Err(format!("refuse takes an HTTP status from 300 to 599, not {}", refuse.status));
            }
            return known(refuse.message.as_deref());
        }
        if let Self::Rest(rest) = self {
            return rest.check();
        }
        if let Self::Raw(raw) = self
            && wire::unhex(&raw.hex).is_none()
        {
            return Err("raw needs two hexadecimal digits a byte".to_owned());
        }
        if let Self::Claim(claim) = self
            && let Err(fault) = claim.bytes.parse::<u64>()
        {
            return Err(format!("claim.bytes is not a number of bytes: {fault}"));
        }
        if let Self::Ticks(Ticks { value: Some(value), .. }) = self
            && !value.is_empty()
            && serde_json::from_str::<serde::de::IgnoredAny>(value).is_err()
        {
            return Err(format!("ticks.value is not JSON: {value:?}"));
        }
        Ok(())
    }

    /// The stream that it is about, if it names one that must be of the world.
    pub(in crate::simulator) fn stream(&self) -> Option<&Pick> {
        match self {
            Self::Say(Say { stream, .. }) => stream.as_ref().filter(|pick| matches!(pick, Pick::Place(_))),
            Self::Giant(Giant { stream, .. })
            | Self::Fragments(Fragments { stream, .. })
            | Self::Craft(Craft { stream, .. })
            | Self::Burst(Burst { stream, .. }) => stream.as_ref(),
            Self::Disable(change) | Self::Invalidate(change) | Self::Restore(change) => Some(&change.stream),
            Self::Close(_)
            | Self::Stall(_)
            | Self::Garbage(_)
            | Self::Raw(_)
            | Self::Claim(_)
            | Self::Pings(_)
            | Self::Refuse(_)
            | Self::SlowHandshake(_)
            | Self::StopListening(_)
            | Self::Listen
            | Self::Limit(_)
            | Self::Rate(_)
            | Self::Deletes(_)
            | Self::Repeats(_)
            | Self::Clock(_)
            | Self::Ticks(_)
            | Self::Lag(_)
            | Self::Answers(_)
            | Self::Rest(_)
            | Self::Account(_)
            | Self::Exit => None,
        }
    }

    /// Its name in TOML and in the journal.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Say(_) => "say",
            Self::Close(_) => "close",
            Self::Stall(_) => "stall",
            Self::Garbage(_) => "garbage",
            Self::Raw(_) => "raw",
            Self::Giant(_) => "giant",
            Self::Claim(_) => "claim",
            Self::Fragments(_) => "fragments",
            Self::Pings(_) => "pings",
            Self::Refuse(_) => "refuse",
            Self::SlowHandshake(_) => "slow_handshake",
            Self::StopListening(_) => "stop_listening",
            Self::Listen => "listen",
            Self::Disable(_) => "disable",
            Self::Invalidate(_) => "invalidate",
            Self::Restore(_) => "restore",
            Self::Limit(_) => "limit",
            Self::Rate(_) => "rate",
            Self::Burst(_) => "burst",
            Self::Deletes(_) => "deletes",
            Self::Repeats(_) => "repeats",
            Self::Craft(_) => "craft",
            Self::Clock(_) => "clock",
            Self::Ticks(_) => "ticks",
            Self::Lag(_) => "lag",
            Self::Answers(_) => "answers",
            Self::Rest(_) => "rest",
            Self::Account(_) => "account",
            Self::Exit => "exit",
        }
    }
}

fn known(message: Option<&str>) -> Result<(), String> {
    match message {
        Some(name) if message::named(name).is_none() => {
            Err(format!("no message is called {name:?}; the names are: {}", message::names()))
        }
        Some(_) | None => Ok(()),
    }
}
