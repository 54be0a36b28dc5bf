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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_bound_with_chance_in_them_and_begin_anew() {
        let (first, most) = (Duration::from_secs(1), Duration::from_mins(5));
        for seed in 0..20 {
            let mut ladder = Ladder::new(first, most, seed);
            for _ in 0..2 {
                for step in 0..20 {
                    let (wait, plain) = (ladder.climb(), first.saturating_mul(1 << step).min(most));
                    assert!(plain <= wait && wait <= plain * 2, "{wait:?} at step {step}");
                }
                ladder.heal();
            }
        }
        let waits: std::collections::BTreeSet<_> = (0..20).map(|seed| Ladder::new(first, most, seed).climb()).collect();
        assert!(waits.len() > 10, "many clients come back as one: {waits:?}");
    }
}
