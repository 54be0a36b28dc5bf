//! What is going on means for us, and what we do about it. Pure: time and chance are arguments.
//!
//! The core speaks in two closed enums: [`Input`] (what happened) and [`Action`] (what to do). [`Session::handle`] and
//! [`Session::deadline`] are its only doors, so a year of outages runs in a test in a second.

mod backoff;
mod pace;
mod reaction;
mod session;
mod subscriptions;
mod voice;

pub use backoff::{Backoff, Ladder};
pub use pace::Pace;
pub use reaction::{Reaction, of_class, of_fault};
pub use session::Session;
pub use subscriptions::{Refusal, Standing, Start};

use std::time::Duration;

use crate::fault::Fault;
use crate::healing::Tally;
use crate::notice::Notice;
use crate::record::{Record, StreamId};
use crate::signal::Signal;
use crate::time::Time;

/// The settings that decisions depend on. See daemon.toml for their meaning.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub subscribe_window: usize,
    pub acknowledgement: Duration,
    pub silence: Duration,
    pub network_step: Duration,
    pub network_max: Duration,
    pub trouble_first: Duration,
    pub trouble_max: Duration,
    /// The share by which a wait is made longer or shorter by chance.
    pub jitter: f64,
    pub billing_probe: Duration,
    pub identity_retry: Duration,
    pub disabled_probe: Duration,
    pub margin: Duration,
    pub starting: Duration,
    pub queue_max: usize,
    pub quarantine_max: usize,
}

/// What happened.
#[derive(Debug)]
pub enum Input<'f> {
    /// Everything is ready: begin.
    Start,
    /// The connection stands. `told` is the server's clock (whole seconds), said between `sent` and now.
    Opened { sent: Time, told: Option<Time>, shown: String },
    /// The attempt to connect failed.
    DialFailed(Fault),
    /// A frame of any kind came, this many bytes long.
    Frame(usize),
    /// A part of a frame came, or of several.
    Part,
    /// What the frame said.
    Signal(Signal<'f>),
    /// A frame, or a part of one, that could not be understood. `room` is whether the quarantine can keep it.
    Unreadable { reason: &'f str, bytes: usize, room: bool },
    /// The connection is gone.
    Lost(Fault),
    /// The time that [`Session::deadline`] named has come, or may have.
    Deadline,
    /// So many bytes wait for the disk.
    Queue(usize),
    /// The queue is full and the connection is left unread, or (`false`) it is read again.
    Unread(bool),
    /// The archive cannot be written (`full`: for lack of space), or, with `None`, can be written again.
    Storage(Option<StorageFault>),
    /// The operator had the settings read again.
    Reload(Reload),
    /// The operator had the settings read again, and they are not usable.
    ReloadRefused(String),
    /// The operator wants to know everything.
    State(serde_json::Value),
    /// How the gaps heal, for the summary.
    Healing(Tally),
    /// Someone else has something to say.
    Notice(Notice),
    /// The operator wants an end.
    Stop(String),
}

/// Why the archive cannot be written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StorageFault {
    pub full: bool,
    pub detail: String,
}

/// The difference between two readings of the settings. What is added is in the archive already.
#[derive(Debug, Default)]
pub struct Reload {
    pub added: Vec<Start>,
    pub removed: Vec<String>,
    /// The settings that changed, for the notice.
    pub changed: Vec<String>,
    pub policy: Option<Policy>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Connect. Answer with `Opened` or `DialFailed`.
    Dial,
    /// Drop the connection, or the attempt at one, without a word.
    HangUp,
    /// Close the connection in order; what still comes is wanted. Answer with `Lost`.
    Farewell,
    /// Ask for a stream.
    Subscribe(String),
    /// End a stream.
    Unsubscribe(String),
    /// Keep the interaction that was just handed in, for this stream.
    Keep(StreamId),
    /// Remove the interaction that the delete just handed in names.
    Erase,
    /// Keep the frame that could not be understood.
    Quarantine,
    /// Write a fact down.
    Record(Record),
    /// Tell the operator (the archive's record of it follows by itself).
    Say(Notice),
    /// It is over.
    End(Ending),
}

/// How it ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// As asked.
    Stopped,
    /// The server does not accept who we are.
    IdentityRefused,
}
