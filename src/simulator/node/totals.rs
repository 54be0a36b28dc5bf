//! What a run amounted to.

use crate::simulator::journal::Fate;
use crate::simulator::world::Kind;
use serde::Serialize;

/// The sums of a run: the fields of the journal's last line.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Totals {
    /// Messages for one stream each: an interaction that matches three streams counts three times.
    pub produced: u64,
    pub deletes: u64,
    pub duplicates: u64,
    /// Wholly handed to a socket (a message counts once for each connection).
    pub written: u64,
    /// Buffered for a connection that ended before they were wholly written.
    pub dropped: u64,
    pub not_connected: u64,
    pub unsubscribed: u64,
    pub connections: u64,
    pub refused: u64,
    pub acknowledged: u64,
    pub cues: u64,
    /// Calls of the REST side, the credits spent for them, and the messages that its pages held.
    pub calls: u64,
    pub credits: u64,
    pub served: u64,
}

impl Totals {
    pub(super) fn count(&mut self, kind: Kind, fate: Fate) {
        self.produced += 1;
        match kind {
            Kind::Interaction => {}
            Kind::Delete => self.deletes += 1,
            Kind::Duplicate => self.duplicates += 1,
        }
        match fate {
            Fate::Sent => {}
            Fate::Unsubscribed => self.unsubscribed += 1,
            Fate::NotConnected => self.not_connected += 1,
            Fate::Dropped => self.dropped += 1,
        }
    }
}
