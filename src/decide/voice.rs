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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer_text::PeerText;

    #[test]
    fn what_a_peer_can_provoke_is_said_so_often_a_minute_and_then_counted() {
        let now = Time::from_seconds(1_000_000);
        let mut voice = Voice::new(now);
        let provoked = Notice::UnknownStatus { status: "failure".to_owned(), text: PeerText::of("so") };
        assert!(provoked.entry().provoked);
        for minute in 1..=2_u64 {
            let said = (0..PROVOKED_NOTICES_PER_MINUTE + 7).filter(|_| voice.admits(&provoked)).count();
            assert_eq!(u32::try_from(said), Ok(PROVOKED_NOTICES_PER_MINUTE), "minute {minute}");
            assert!(voice.admits(&Notice::DrainLeft { seconds: 1.0 }), "what nobody provokes is always said");
            let end = voice.deadline();
            assert_eq!(end, now.after(SUMMARY_EVERY.saturating_mul(u32::try_from(minute).unwrap())));
            let (omitted, seconds) = voice.turn(end);
            assert_eq!(omitted, [Notice::NoticesOmitted { name: "unknown-status".to_owned(), count: 7 }]);
            assert!((seconds - SUMMARY_EVERY.as_secs_f64()).abs() < 1e-9);
        }
        assert_eq!(voice.turn(voice.deadline()).0, [], "nothing was left out");
    }
}
