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

/// The expected price of a job over `span`. Part of an hour is charged like an hour (DataSift, Billing).
pub fn price(tariff: &impl Tariff, span: Span, milliunits_an_hour: u64) -> Price {
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
    let calls: u64 = once.iter().map(|ask| tariff.credits(ask)).sum();
    let looks = LOOKS.saturating_mul(tariff.credits(&Ask::Delivery { delivery: empty() }));
    let hours = u64::try_from(span.seconds()).unwrap_or(0).div_ceil(HOUR);
    Price { credits: calls.saturating_add(looks), milliunits: hours.saturating_mul(milliunits_an_hour) }
}
