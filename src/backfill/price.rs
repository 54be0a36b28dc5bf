//! What a job costs, as far as it can be known before it is begun.

use crate::healing::Price;
use crate::historic::{Ask, Span};

/// What the server charges for a request, in its credits.
pub trait Tariff {
    fn credits(&self, ask: &Ask) -> u64;
}

impl<F: Fn(&Ask) -> u64> Tariff for F {
    fn credits(&self, ask: &Ask) -> u64 {
        self(ask)
    }
}

/// How often a job is taken to ask how its delivery stands.
const LOOKS: u64 = 60;

const HOUR: u64 = 3_600;

/// The expected price of a job for so many streams over `span`. Part of an hour is charged like an hour (DataSift, Billing).
pub fn price(tariff: &impl Tariff, span: Span, streams: usize, milliunits_an_hour: u64) -> Price {
    let empty = String::new;
    let once = [
        Ask::Prepare { name: empty(), stream: empty(), span, sources: Vec::new() },
        Ask::Deliver { name: empty(), query: empty() },
        Ask::Start { query: empty() },
        // Once at the end, to learn of what failed.
        Ask::Query { query: empty() },
        Ask::DropDelivery { delivery: empty() },
        Ask::DropQuery { query: empty() },
    ];
    let combine = if streams > 1 { tariff.credits(&Ask::Combine { streams: Vec::new() }) } else { 0 };
    let calls: u64 = once.iter().map(|ask| tariff.credits(ask)).sum();
    let looks = LOOKS.saturating_mul(tariff.credits(&Ask::Delivery { delivery: empty() }));
    let hours = u64::try_from(span.seconds()).unwrap_or(0).div_ceil(HOUR);
    let hours = hours.saturating_mul(u64::try_from(streams).unwrap_or(u64::MAX));
    let credits = calls.saturating_add(looks).saturating_add(combine);
    Price { credits, milliunits: hours.saturating_mul(milliunits_an_hour) }
}
