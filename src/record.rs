//! What the archive is asked to write down, in the order in which it came about.

use std::fmt;

use crate::coverage::Cause;
use crate::notice::Notice;
use crate::time::Time;

/// A stream, by its number in the archive.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize)]
#[serde(transparent)]
pub struct StreamId(pub u32);

/// A connection, by its number in the archive. Numbers grow and are never used again.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize)]
#[serde(transparent)]
pub struct ConnectionId(pub i64);

/// Where a stream stands, as its row in the archive says.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum StreamState {
    /// In the settings; not acknowledged by the present connection.
    Wanted,
    /// Acknowledged by the present connection.
    Active,
    /// The server will not serve it.
    Rejected,
    /// The server has switched it off.
    Disabled,
    /// The connection carries no more.
    Overflow,
    /// Taken out of the settings.
    Retired,
}

impl StreamState {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Active => "active",
            Self::Rejected => "rejected",
            Self::Disabled => "disabled",
            Self::Overflow => "overflow",
            Self::Retired => "retired",
        }
    }
}

impl fmt::Display for StreamState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}

/// What the daemon is doing, in one word.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum DaemonState {
    Starting,
    Connecting,
    Subscribing,
    Live,
    Draining,
    Waiting,
    PausedBilling,
    Stopping,
    Stopped,
}

impl DaemonState {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Starting,
        Self::Connecting,
        Self::Subscribing,
        Self::Live,
        Self::Draining,
        Self::Waiting,
        Self::PausedBilling,
        Self::Stopping,
        Self::Stopped,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Connecting => "connecting",
            Self::Subscribing => "subscribing",
            Self::Live => "live",
            Self::Draining => "draining",
            Self::Waiting => "waiting",
            Self::PausedBilling => "paused_billing",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for DaemonState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}

impl serde::Serialize for DaemonState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// One fact for the archive. Facts are written in order, together with the interactions between them.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A connection came up. `url` holds no secret.
    Opened { connection: ConnectionId, at: Time, url: String },
    /// A connection is gone. What it proves stands as the last [`Reach`] said; no stream is active any more.
    Closed { connection: ConnectionId, at: Time, because: String },
    /// Coverage of a stream begins on a connection; its open gap, if any, ends.
    Covered { stream: StreamId, connection: ConnectionId, from: Time },
    /// A stream is no longer proven complete from `from` on: its coverage, if it runs, ends there, and a gap
    /// begins. If a gap runs already, under another cause, that one ends there and the new one follows.
    Gap { stream: StreamId, from: Time, cause: Cause, detail: Option<String> },
    /// A stream stands differently, and why.
    Stands { stream: StreamId, state: StreamState, reason: Option<String> },
    /// A stream was taken out of the settings at `at`: its coverage ends at `proven`, and a gap from there at `at`.
    Retired { stream: StreamId, at: Time, proven: Time },
    /// Something an operator may want to read.
    Said { at: Time, connection: Option<ConnectionId>, notice: Notice },
    /// The daemon is in another state.
    Daemon { state: DaemonState, since: Time },
    /// The writer is to catch up (larger commits, less strict syncs, no side work), or no longer. It is told beside the
    /// queue, ahead of what waits there; nothing of it is stored.
    Drain(bool),
}

/// How far a connection has come: what commits together with the rows before it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Reach {
    pub connection: ConnectionId,
    /// The arrival of the last frame such that it and everything before it is in this or an earlier commit.
    pub covered_until: Time,
    /// The moment up to which production is proven complete by those frames, margin taken off.
    pub proven_until: Time,
    /// Frames, bytes and interactions of the connection so far.
    pub frames: u64,
    pub bytes: u64,
    pub interactions: u64,
    /// The server's clock less ours, in microseconds, where it is known.
    pub clock_offset: Option<i64>,
    /// The server's clock at its last tick.
    pub last_tick: Option<Time>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words stand in archives and in scripts that read them.
    #[test]
    fn a_stream_stands_in_the_same_word_for_ever() {
        for (state, word) in [
            (StreamState::Wanted, "wanted"),
            (StreamState::Active, "active"),
            (StreamState::Rejected, "rejected"),
            (StreamState::Disabled, "disabled"),
            (StreamState::Overflow, "overflow"),
            (StreamState::Retired, "retired"),
        ] {
            assert_eq!((state.word(), state.to_string().as_str()), (word, word));
        }
        assert_eq!(format!("{:<8}|{:>8}|", StreamState::Active, StreamState::Wanted), "active  |  wanted|");
    }

    #[test]
    fn the_daemon_is_in_the_same_word_wherever_it_is_told() {
        let words = "starting connecting subscribing live draining waiting paused_billing stopping stopped";
        assert_eq!(DaemonState::ALL.map(DaemonState::word).join(" "), words);
        for state in DaemonState::ALL {
            assert_eq!(state.to_string(), state.word());
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
        }
        assert_eq!(format!("{:<8}|", DaemonState::Live), "live    |");
    }
}
