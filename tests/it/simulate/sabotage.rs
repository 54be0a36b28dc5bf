//! A daemon that is wrong on purpose: the oracle that lets it pass is no oracle.

use std::time::Duration;

use siftd::coverage::Cause;
use siftd::record::{Reach, Record};
use siftd::signal::Class;
use siftd::time::Time;

use super::archive::{Archive, Entry};

/// One way to be wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sabotage {
    LosesARow,
    ClaimsWhatArrived,
    CommitsThePositionFirst,
    GapFromDetection,
    GapEndsTooEarly,
    IgnoresTheWarning,
    ForgetsTheQuarantine,
    GapTooWide,
    WrongCause,
    ForgetsToAsk,
}

impl Sabotage {
    pub(super) const ALL: [Self; 10] = [
        Self::LosesARow,
        Self::ClaimsWhatArrived,
        Self::CommitsThePositionFirst,
        Self::GapFromDetection,
        Self::GapEndsTooEarly,
        Self::IgnoresTheWarning,
        Self::ForgetsTheQuarantine,
        Self::GapTooWide,
        Self::WrongCause,
        Self::ForgetsToAsk,
    ];

    /// Hands what was asked of the archive on, in its own way.
    pub(super) fn spoil(self, now: Time, archive: &mut Archive, entry: Entry) {
        let wide = Duration::from_mins(5);
        match (self, entry) {
            (Self::LosesARow, Entry::Keep(_, message)) if message.is_multiple_of(101) => {}
            (Self::ForgetsTheQuarantine, Entry::Quarantine(_)) => {}
            (Self::ClaimsWhatArrived, Entry::Reach(reach)) => {
                archive.ask(Entry::Reach(Reach { proven_until: reach.covered_until, ..reach }));
            }
            (Self::CommitsThePositionFirst, entry @ Entry::Reach(_)) => archive.hurry(&entry),
            (Self::GapFromDetection, Entry::Record(Record::Gap { stream, cause, detail, .. })) => {
                archive.ask(Entry::Record(Record::Gap { stream, from: now, cause, detail }));
            }
            (Self::GapTooWide, Entry::Record(Record::Gap { stream, from, cause, detail })) => {
                archive.widen(stream, from.before(wide));
                archive.ask(Entry::Record(Record::Gap { stream, from: from.before(wide), cause, detail }));
            }
            (Self::WrongCause, Entry::Record(Record::Gap { stream, from, detail, .. })) => {
                archive.ask(Entry::Record(Record::Gap { stream, from, cause: Cause::Auth, detail }));
            }
            (Self::GapEndsTooEarly, Entry::Record(Record::Covered { stream, connection, from })) => {
                let from =
                    archive.gap_began(stream).map_or(from, |began| from.before(Duration::from_secs(3)).max(began));
                archive.ask(Entry::Record(Record::Covered { stream, connection, from }));
            }
            (_, entry) => archive.ask(entry),
        }
    }

    /// Whether a status of this class is not listened to.
    pub(super) fn hushes(self, class: Class) -> bool {
        self == Self::IgnoresTheWarning && class == Class::SlowWarning
    }
}
