//! The simulator's own clock: real time that can be made to lie by a fixed amount.

use jiff::SignedDuration;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Reads UTC once, then counts on with the monotonic clock, so that a run's times never step by accident.
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    start_us: i64,
    skew_us: i64,
}

impl Clock {
    pub(super) fn start(skew: SignedDuration) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the simulator stands apart from the daemon and has a clock of its own"
        )]
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { start: instant(), start_us: micros(since), skew_us: signed_micros(skew) }
    }

    /// What the server believes: microseconds since the epoch, skew included.
    pub(super) fn server_us(&self) -> i64 {
        self.true_us().saturating_add(self.skew_us)
    }

    /// One reading: what the server believes, and, where it is mistaken, what is true.
    pub(super) fn both_us(&self) -> (i64, Option<i64>) {
        let true_us = self.true_us();
        (true_us.saturating_add(self.skew_us), (self.skew_us != 0).then_some(true_us))
    }

    /// Microseconds since the epoch by the machine's clock.
    fn true_us(&self) -> i64 {
        self.start_us.saturating_add(micros(self.start.elapsed()))
    }

    pub(super) fn skew(&mut self, skew: SignedDuration) {
        self.skew_us = signed_micros(skew);
    }
}

/// The monotonic clock, for deadlines.
pub(super) fn instant() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "the simulator stands apart from the daemon and has a clock of its own"
    )]
    Instant::now()
}

/// Whole microseconds, held at the largest that fits.
pub(super) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// Whole microseconds of a span that may point backwards, held at the ends.
pub(super) fn signed_micros(span: SignedDuration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(if span.is_negative() { i64::MIN } else { i64::MAX })
}
