//! When the disk does not keep up, or does not take anything.

use std::fmt;
use std::time::Duration;

use super::{Session, Turn};
use crate::coverage::Cause;
use crate::decide::reaction::{Reaction, of_class};
use crate::decide::{Ladder, StorageFault};
use crate::fault::Fault;
use crate::limits::HASTY;
use crate::notice::Notice;
use crate::signal::Class;
use crate::time::Time;

/// A time for which the connection was left unread, once or several times within moments, as its queue was full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stall {
    /// When it was last read again.
    ended: Time,
    /// How long it was left unread, in all.
    unread: Duration,
    /// Whether the disk had refused to write, not only taken its time.
    failed: bool,
}

impl fmt::Display for Stall {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the disk stalled: left unread for {:.1} s", self.unread.as_secs_f64())
    }
}

impl Session {
    /// What to do about the end of a connection that we did not read, for want of a disk: the server, or the network
    /// between, could do nothing but end it. The server's own word on that may lie in what we left unread.
    pub(super) fn starved(&self, now: Time, fault: &Fault) -> Option<Reaction> {
        if !matches!(fault, Fault::Closed { .. } | Fault::Broken(_)) {
            return None;
        }
        let stall = self.stall(now);
        if self.storage.is_some() || stall.is_some_and(|stall| stall.failed) {
            let (cause, ladder) = (Cause::LocalStorage, Ladder::Network);
            return Some(Reaction::Redial { cause, ladder, least: Duration::ZERO });
        }
        stall.map(|_| of_class(Class::SlowDisconnected, false))
    }

    /// What there is to say beside this cause.
    pub(super) fn stall_in_words(&self, now: Time, cause: Cause) -> Option<String> {
        self.stall(now).filter(|stall| cause == Cause::SlowConsumer && !stall.failed).map(|stall| stall.to_string())
    }

    /// The time for which we leave the connection unread, or did until a moment ago.
    fn stall(&self, now: Time) -> Option<Stall> {
        let link = self.link.as_ref()?;
        let began = self.unread.unwrap_or(now);
        let earlier = link.stall.filter(|stall| began.since(stall.ended) < HASTY);
        let Some(since) = self.unread else { return earlier };
        let failed = self.storage.is_some() || link.mended.is_some_and(|mended| mended >= since);
        Some(Stall {
            ended: now,
            unread: now.since(since).saturating_add(earlier.map_or(Duration::ZERO, |stall| stall.unread)),
            failed: failed || earlier.is_some_and(|stall| stall.failed),
        })
    }

    pub(super) fn on_unread(&mut self, turn: &mut Turn<'_>, unread: bool) {
        let (queue_bytes, max_bytes) = (self.pace.queued(), self.policy.queue_max);
        let stall = self.stall(turn.now);
        if unread && self.unread.is_none() {
            self.unread = Some(turn.now);
            self.say(turn, Notice::QueueFull { queue_bytes, max_bytes });
            // The server's own warning may be waiting in what is not read.
            self.enter_drain(turn, "the queue is full");
        } else if !unread && let Some(since) = self.unread.take() {
            if let Some(link) = &mut self.link {
                // What waited outside has not been read yet: silence counts from now.
                (link.alive, link.stall) = (turn.now, stall);
            }
            self.say(turn, Notice::QueueRelieved { seconds: turn.now.since(since).as_secs_f64() });
        }
    }

    pub(super) fn on_storage(&mut self, turn: &mut Turn<'_>, fault: Option<StorageFault>) {
        match (fault, self.storage) {
            (Some(StorageFault { full, detail }), None) => {
                (self.storage, self.full) = (Some(turn.now), full);
                let notice = if full { Notice::StorageFull { detail } } else { Notice::StorageTrouble { detail } };
                self.say(turn, notice);
            }
            (None, Some(since)) => {
                self.storage = None;
                if let Some(link) = &mut self.link {
                    link.mended = Some(turn.now);
                }
                self.say(turn, Notice::StorageRecovered { seconds: turn.now.since(since).as_secs_f64() });
            }
            // Whoever waits for this word makes room when it comes; what else fails meanwhile was said.
            (Some(StorageFault { full: true, detail }), Some(_)) if !self.full => {
                self.full = true;
                self.say(turn, Notice::StorageFull { detail });
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}
