//! Identities: hashes of streams, ids of interactions, and dates, in the forms that the service used.

use fastrand::Rng;
use std::io::Write;
use std::sync::Arc;

/// From 1582-10-15, where the clock of UUIDs begins, to 1970, in microseconds.
const UUID_EPOCH_US: i64 = 12_219_292_800_000_000;

/// The id of an interaction: 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(in crate::simulator) struct Id([u8; 32]);

impl Id {
    /// The first 15 digits are the time of the post in ticks of 100 ns since 1582-10-15, as in the service's
    /// recorded ids, so that ids sort by time; then a count and chance make it unique.
    pub(super) fn new(created_us: i64, count: u64, rng: &mut Rng) -> Self {
        let ticks = created_us.saturating_add(UUID_EPOCH_US).saturating_mul(10) & 0x0fff_ffff_ffff_ffff;
        let mut id = [b'0'; 32];
        let chance = rng.u64(..) & 0xf_ffff_ffff;
        // 15 + 8 + 9 digits fill the array exactly.
        let written = write!(id.as_mut_slice(), "{ticks:015x}{:08x}{chance:09x}", count & 0xffff_ffff);
        debug_assert!(written.is_ok(), "an id is 32 digits");
        Self(id)
    }

    pub(in crate::simulator) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(in crate::simulator) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// What the journal calls a message: an id of the world's own making, or one that a cue gave.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(in crate::simulator) enum Name {
    Made(Id),
    Given(Arc<str>),
}

impl Name {
    pub(in crate::simulator) fn as_str(&self) -> &str {
        match self {
            Self::Made(id) => id.as_str(),
            Self::Given(text) => text,
        }
    }
}

/// A stream's hash: 32 lower-case hexadecimal digits.
pub(super) fn stream_hash(rng: &mut Rng) -> [u8; 32] {
    let mut hash = [b'0'; 32];
    let written = write!(hash.as_mut_slice(), "{:032x}", rng.u128(..));
    debug_assert!(written.is_ok(), "a hash is 32 digits");
    hash
}

/// The 32 digits of a hash, if that is what the text is.
pub(in crate::simulator) fn as_hash(text: &str) -> Option<[u8; 32]> {
    let digits: [u8; 32] = text.as_bytes().try_into().ok()?;
    digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')).then_some(digits)
}

/// A date as interactions carry it (RFC 2822, whole seconds): 31 characters in any year of four digits.
pub(in crate::simulator) fn date(second: i64) -> [u8; 31] {
    let mut out = *b"Thu, 01 Jan 1970 00:00:00 +0000";
    let text = jiff::Timestamp::from_second(second)
        .map(|stamp| stamp.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string())
        .unwrap_or_default();
    if let Ok(text) = text.as_bytes().try_into() {
        out = text;
    }
    out
}

/// A moment as `received_at` carries it: seconds with six decimals, 17 characters until the year 2286.
pub(super) fn seconds(us: i64) -> String {
    format!("{:010}.{:06}", us.div_euclid(1_000_000), us.rem_euclid(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_begins_with_the_time_of_the_post() {
        // A recorded one: 1e30b1613c35a000e074b9646fb45366, a post of Wed, 01 Jan 2014 about noon is 1e3…
        let created_us = 1_311_694_603_000_000;
        let mut rng = Rng::with_seed(1);
        let first = Id::new(created_us, 1, &mut rng);
        let ticks = i64::from_str_radix(first.as_str().get(..15).unwrap(), 16).unwrap();
        assert_eq!(ticks / 10 - UUID_EPOCH_US, created_us);
        assert!(first.as_str() < Id::new(created_us + 1, 0, &mut rng).as_str());
        assert_eq!(first.as_str().len(), 32);
    }

    #[test]
    fn dates_are_rfc_2822_in_whole_seconds() {
        assert_eq!(&date(1_350_753_020), b"Sat, 20 Oct 2012 17:10:20 +0000");
        assert_eq!(&date(0), b"Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(seconds(1_350_753_020_000_042), "1350753020.000042");
    }

    #[test]
    fn only_32_digits_are_a_hash() {
        assert!(as_hash("4f3af38ad1c31646561bc814c3e69af5").is_some());
        assert!(as_hash("4F3AF38AD1C31646561BC814C3E69AF5").is_none());
        assert!(as_hash("4f3af38a").is_none());
    }
}
