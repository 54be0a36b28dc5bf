//! When the disk does not keep up, or does not take anything.

use super::{Session, Turn};
use crate::decide::StorageFault;
use crate::limits::HASTY;
use crate::notice::Notice;
use crate::time::Time;

impl Session {
    /// Whether we do not keep up with the connection for want of a disk, or did not a moment ago.
    pub(super) fn is_starved(&self, now: Time) -> bool {
        let relieved = self.link.as_ref().and_then(|link| link.relieved);
        self.storage.or(self.unread).is_some() || relieved.is_some_and(|at| now.since(at) < HASTY)
    }

    pub(super) fn on_unread(&mut self, turn: &mut Turn<'_>, unread: bool) {
        let (queue_bytes, max_bytes) = (self.pace.queued(), self.policy.queue_max);
        if unread && self.unread.is_none() {
            self.unread = Some(turn.now);
            self.say(turn, Notice::QueueFull { queue_bytes, max_bytes });
        } else if !unread && let Some(since) = self.unread.take() {
            if let Some(link) = &mut self.link {
                // What waited outside has not been read yet: silence counts from now.
                (link.alive, link.relieved) = (turn.now, Some(turn.now));
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
