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
    }
}
