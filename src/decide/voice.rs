//! What is said, how often: what a peer can provoke is bounded and counted, loss never is. And the minute's counts.

use std::collections::BTreeMap;

use crate::healing::Tally;
use crate::limits::{PROVOKED_NOTICES_PER_MINUTE, SUMMARY_EVERY};
use crate::notice::Notice;
use crate::time::Time;

/// The counts of the running minute.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    began: Time,
    said: BTreeMap<&'static str, u32>,
    omitted: BTreeMap<&'static str, u64>,
    pub(super) interactions: u64,
    pub(super) deletes: u64,
    /// Since the daemon started.
    pub(super) interactions_ever: u64,
    /// How the gaps heal, as it was last told.
    pub(super) healing: Tally,
}

impl Voice {
    pub(super) fn new(now: Time) -> Self {
        Self {
            began: now,
            said: BTreeMap::new(),
            omitted: BTreeMap::new(),
            interactions: 0,
            deletes: 0,
            interactions_ever: 0,
            healing: Tally::default(),
        }
    }

    /// Whether a notice may be said now; if not, it is counted.
    pub(super) fn admits(&mut self, notice: &Notice) -> bool {
        let entry = notice.entry();
        if !entry.provoked {
            return true;
        }
        let said = self.said.entry(entry.name).or_default();
        if *said < PROVOKED_NOTICES_PER_MINUTE {
            *said += 1;
            return true;
        }
        *self.omitted.entry(entry.name).or_default() += 1;
        false
    }

    /// When the minute is over.
    pub(super) fn deadline(&self) -> Time {
        self.began.after(SUMMARY_EVERY)
    }

    /// Begins a new minute: what was left out in the old one, and how long it was, in seconds.
    pub(super) fn turn(&mut self, now: Time) -> (Vec<Notice>, f64) {
        let seconds = now.since(self.began).as_secs_f64();
        let omitted = std::mem::take(&mut self.omitted);
        self.said.clear();
        self.began = now;
        let omitted = omitted.into_iter().map(|(name, count)| Notice::NoticesOmitted { name: name.to_owned(), count });
        (omitted.collect(), seconds)
    }
}
