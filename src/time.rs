//! Moments in UTC, in whole microseconds: the one unit of time in the house.

use std::fmt;
use std::time::Duration;

/// A moment in UTC, in microseconds since 1970-01-01.
///
/// Inside the daemon such moments come from one steady clock (see `host::clock`): anchored to UTC when the
/// process starts and carried on by a clock that never steps. So they may be subtracted from one another, and a
/// test can make one and print one.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Serialize)]
#[serde(transparent)]
pub struct Time(i64);

impl Time {
    /// The end of time: a deadline that never comes.
    pub const NEVER: Self = Self(i64::MAX);

    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The moment `span` later, held at the end of time.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros_of(span)))
    }

    /// The moment `span` earlier, held at the beginning of time.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros_of(span)))
    }

    /// How long it has been since `earlier`; nothing if that lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// This moment moved by a signed number of microseconds.
    #[must_use]
    pub const fn shifted(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

/// ISO 8601 with microseconds and `Z`, as the archive's `*_at` columns write it.
impl fmt::Display for Time {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(stamp) => write!(out, "{stamp:.6}"),
            Err(_) => write!(out, "{}us", self.0),
        }
    }
}

/// A span in whole microseconds, held at the largest that fits.
pub fn micros_of(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_prints_with_microseconds_and_z() {
        assert_eq!(Time::from_micros(1_311_694_603_000_001).to_string(), "2011-07-26T15:36:43.000001Z");
        assert_eq!(Time::from_seconds(0).to_string(), "1970-01-01T00:00:00.000000Z");
    }

    #[test]
    fn moments_do_not_wrap() {
        assert_eq!(Time::NEVER.after(Duration::from_secs(1)), Time::NEVER);
        assert_eq!(Time::from_micros(5).since(Time::from_micros(9)), Duration::ZERO);
        let (first, last) = (Time::from_micros(i64::MIN), Time::NEVER);
        assert_eq!(first.before(Duration::from_secs(1)), first);
        assert_eq!((first.shifted(-1), last.shifted(1)), (first, last));
        assert_eq!((Time::from_seconds(i64::MIN), Time::from_seconds(i64::MAX)), (first, last));
        assert_eq!(last.since(first), Duration::from_micros(i64::MAX.unsigned_abs()));
    }

    #[test]
    fn a_moment_moves_by_whole_microseconds_and_tells_how_far() {
        let (noon, span) = (Time::from_seconds(43_200), Duration::from_micros(1_500_001));
        assert_eq!(noon.micros(), 43_200_000_000);
        assert_eq!(noon.after(span), Time::from_micros(43_201_500_001));
        assert_eq!(noon.before(span), Time::from_micros(43_198_499_999));
        assert_eq!(noon.after(span).since(noon), span);
        assert_eq!(noon.since(noon.after(span)), Duration::ZERO);
        assert_eq!((noon.shifted(-7).micros(), noon.shifted(7).micros()), (43_199_999_993, 43_200_000_007));
        assert_eq!(
            noon.after(Duration::from_nanos(1_999)),
            noon.shifted(1),
            "what is less than a microsecond is cut off"
        );
    }

    #[test]
    fn a_span_is_told_in_whole_microseconds_up_to_the_largest() {
        for (span, micros) in [
            (Duration::ZERO, 0),
            (Duration::from_nanos(999), 0),
            (Duration::from_millis(2), 2_000),
            (Duration::from_micros(i64::MAX.unsigned_abs()), i64::MAX),
            (Duration::MAX, i64::MAX),
        ] {
            assert_eq!(micros_of(span), micros, "{span:?}");
        }
    }

    #[test]
    fn a_moment_of_no_calendar_is_told_as_a_number() {
        assert_eq!(Time::NEVER.to_string(), "9223372036854775807us");
        assert_eq!(Time::from_micros(-1).to_string(), "1969-12-31T23:59:59.999999Z");
    }
}
