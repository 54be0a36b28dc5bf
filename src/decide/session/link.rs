//! The present connection: what it has shown and how far it has come.

use std::time::Duration;

use super::disk::Stall;
use crate::coverage::{Frontier, ServerClock};
use crate::record::{ConnectionId, Reach};
use crate::time::Time;

/// One connection that stands.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: ConnectionId,
    pub(super) opened: Time,
    /// The last sign of life: a frame of any kind, or a part of one.
    pub(super) alive: Time,
    pub(super) frontier: Frontier,
    /// Whether it has served us: an acknowledgement, a tick or an interaction came.
    pub(super) proven: bool,
    /// Whether every stream was asked for and answered, once.
    pub(super) subscribed: bool,
    /// The last time for which we left it unread, once that was over.
    pub(super) stall: Option<Stall>,
    /// When the disk, having failed, last took something again.
    pub(super) mended: Option<Time>,
    /// Gaps that have ended since that was last said, and one of their streams.
    pub(super) healed: usize,
    pub(super) healed_stream: Option<String>,
    frames: u64,
    bytes: u64,
    pub(super) interactions: u64,
}

impl Link {
    pub(super) fn new(id: ConnectionId, now: Time, margin: Duration) -> Self {
        Self {
            id,
            opened: now,
            alive: now,
            frontier: Frontier::new(now, margin),
            proven: false,
            subscribed: false,
            stall: None,
            mended: None,
            healed: 0,
            healed_stream: None,
            frames: 0,
            bytes: 0,
            interactions: 0,
        }
    }

    /// A frame of any kind came.
    pub(super) fn frame(&mut self, now: Time, bytes: usize) {
        self.alive = now;
        self.frontier.frame(now);
        self.frames = self.frames.saturating_add(1);
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// What is to be committed with the frames so far.
    pub(super) fn reach(&self, clock: &ServerClock, last_tick: Option<Time>) -> Reach {
        Reach {
            connection: self.id,
            covered_until: self.frontier.reached(),
            proven_until: self.frontier.proven(),
            frames: self.frames,
            bytes: self.bytes,
            interactions: self.interactions,
            clock_offset: clock.offset(),
            last_tick,
        }
    }
}
