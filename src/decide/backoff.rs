//! When to try again: two ladders of waits, which heal on proof of life and not on connect.

use std::time::Duration;

use super::Policy;

/// Which ladder a failure climbs (DataSift, Streaming API, Reconnecting).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ladder {
    /// The network, or the server's end of it: one step more each time, to a low top.
    Network,
    /// The service itself: doubling, to a high top.
    Trouble,
}

/// How often each ladder was climbed since the last proof of life.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Backoff {
    network: u32,
    trouble: u32,
    chance: u64,
}

impl Backoff {
    /// `seed` makes the jitter; the same seed, the same waits.
    pub fn new(seed: u64) -> Self {
        Self { network: 0, trouble: 0, chance: seed }
    }

    /// The wait before the next attempt, jitter included. At the top it stays there for ever.
    pub fn climb(&mut self, ladder: Ladder, policy: &Policy) -> Duration {
        let wait = match ladder {
            Ladder::Network => {
                self.network = self.network.saturating_add(1);
                policy.network_step.saturating_mul(self.network).min(policy.network_max)
            }
            Ladder::Trouble => {
                let wait = doubled(policy.trouble_first, self.trouble, policy.trouble_max);
                self.trouble = self.trouble.saturating_add(1);
                wait
            }
        };
        self.jittered(wait, policy)
    }

    /// The server has shown that it serves us: the next failure starts at the foot.
    pub fn heal(&mut self) {
        (self.network, self.trouble) = (0, 0);
    }

    /// A wait made up to `policy.jitter` longer or shorter, so that many clients do not come back as one.
    pub fn jittered(&mut self, wait: Duration, policy: &Policy) -> Duration {
        wait.mul_f64(1.0 + policy.jitter * (2.0 * self.random() - 1.0))
    }

    /// A number in 0..1 (`SplitMix64`).
    fn random(&mut self) -> f64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.chance;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let top = u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(u32::MAX);
        f64::from(top) / (f64::from(u32::MAX) + 1.0)
    }
}

/// `first`, doubled `times` over, held at `most`.
pub(super) fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times.min(31))).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_split_mix_64_and_fills_its_range() {
        let mut backoff = Backoff::new(0);
        // The first numbers of the published generator from seed nought, of which the upper halves are used.
        for top in [0xe220_a839_u32, 0x6e78_9e6a, 0x06c4_5d18, 0xf88b_b8a8, 0x1b39_896a, 0x53cb_9f0c, 0x2c82_9abe] {
            assert!((backoff.random() * 4_294_967_296.0 - f64::from(top)).abs() < 0.5, "{top:x}");
        }
        let numbers: Vec<f64> = (0..1000).map(|_| backoff.random()).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        let (least, most) = numbers.iter().fold((1.0_f64, 0.0_f64), |(a, b), n| (a.min(*n), b.max(*n)));
        assert!(least < 0.01 && most > 0.99, "{least} to {most}");
    }
}
