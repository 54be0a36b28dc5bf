//! A wanted stream, and where its subscription stands.

use super::{Refusal, Standing};
use crate::record::StreamId;
use crate::time::Time;

/// One wanted stream.
#[derive(Clone, Debug)]
pub(in crate::decide) struct Stream {
    pub(in crate::decide) id: StreamId,
    pub(in crate::decide) name: String,
    pub(in crate::decide) wanted: Time,
    pub(in crate::decide) standing: Standing,
    pub(super) ask: Ask,
    /// When it is to be asked for again by itself.
    pub(super) due: Time,
    /// Grows with every change of `ask`; an entry of a queue with another one is stale.
    pub(super) ticket: u64,
    /// How often it was asked for in vain.
    pub(super) tries: u32,
    /// Requests for it on this connection that have no answer yet.
    pub(super) unanswered: u32,
    /// Answers still to come on this connection to requests from before it was taken out and in again.
    pub(super) owed: u32,
    /// A subscription of it has ended on this connection: what comes may be left from that one.
    pub(super) ended: bool,
    /// When it was first asked for after that.
    pub(super) asked: Option<Time>,
    /// A refusal that named no stream was taken to mean it.
    pub(super) guessed: bool,
    /// As what its refusal was last told.
    pub(super) told: Option<Refusal>,
}

impl Stream {
    /// Whether the server cannot serve it at the moment, by its own word.
    pub(in crate::decide) fn is_troubled(&self) -> bool {
        self.ask == Ask::Later && self.ended
    }
}

/// Where a subscription stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ask {
    /// Not on this connection.
    Idle,
    /// To be asked for.
    Queued,
    /// Asked for, not answered.
    InFlight,
    Active,
    /// To be asked for again at some later time.
    Later,
    Out(Refusal),
}
