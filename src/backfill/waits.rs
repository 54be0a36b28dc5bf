//! Waits that grow while nothing helps, with chance in them, so that many clients do not come back as one.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::limits::RETRY_AFTER_MAX;

/// A ladder of waits.
#[derive(Debug)]
pub(super) struct Ladder {
    builder: ExponentialBuilder,
    steps: ExponentialBackoff,
}

impl Ladder {
    pub(super) fn new(first: Duration, most: Duration, seed: u64) -> Self {
        let builder = ExponentialBuilder::new()
            .with_min_delay(first)
            .with_max_delay(most)
            .without_max_times()
            .with_jitter()
            .with_jitter_seed(seed);
        Self { builder, steps: builder.build() }
    }

    pub(super) fn climb(&mut self) -> Duration {
        self.steps.next().unwrap_or(RETRY_AFTER_MAX)
    }

    pub(super) fn heal(&mut self) {
        self.steps = self.builder.build();
    }
}
