//! Which streams are asked for together: those that miss the same time, where that costs no more data.

use std::time::Duration;

use super::Policy;
use super::price::{Tariff, price};
use crate::healing::{Draft, Piece, Price, Stream};
use crate::historic::Span;
use crate::time::Time;

/// What is to be asked for one stream at one go.
#[derive(Clone, Debug)]
pub(super) struct Strand {
    pub(super) stream: Stream,
    pub(super) pieces: Vec<Piece>,
    pub(super) span: Span,
    /// The number of this try.
    pub(super) attempt: u32,
    /// It cannot be asked for with others.
    pub(super) alone: bool,
}

/// For so long a stream is asked for alone after the server refused to combine it.
pub(super) const ALONE_FOR: Duration = Duration::from_hours(24);

impl Strand {
    /// Whether a refusal still holds.
    pub(super) fn is_refused(apart: Option<Time>, now: Time) -> bool {
        apart.is_some_and(|at| at.after(ALONE_FOR) > now)
    }
}

/// Strands that are one job each, in the order of their spans. Together they cost no more data than one by one: begun
/// hours are paid by the stream, and the ends of a bundle lie no further apart than gaps may lie to be joined.
pub(super) fn bundles(policy: &Policy, mut strands: Vec<Strand>) -> Vec<Vec<Strand>> {
    strands.sort_by(|one, other| (one.span, &one.stream).cmp(&(other.span, &other.stream)));
    let mut open: Vec<Vec<Strand>> = Vec::new();
    let mut done: Vec<Vec<Strand>> = Vec::new();
    for strand in strands {
        if strand.alone {
            done.push(vec![strand]);
            continue;
        }
        // What begins later than this fits into none of those.
        let (late, near): (Vec<_>, Vec<_>) = open.into_iter().partition(|bundle| {
            bundle.first().is_none_or(|first| strand.span.from.saturating_sub(first.span.from) > seconds(policy.join))
        });
        done.extend(late);
        open = near;
        match open.iter_mut().find(|bundle| fits(policy, bundle, &strand)) {
            Some(bundle) => bundle.push(strand),
            None => open.push(vec![strand]),
        }
    }
    done.extend(open);
    done
}

fn fits(policy: &Policy, bundle: &[Strand], strand: &Strand) -> bool {
    let streams = bundle.len().saturating_add(1);
    if streams > policy.combine || bundle.iter().any(|held| held.stream.id == strand.stream.id) {
        return false;
    }
    let span = spanned(bundle.iter().chain([strand]));
    let near = |held: &Strand| {
        span.until.saturating_sub(held.span.until) <= seconds(policy.join)
            && held.span.from.saturating_sub(span.from) <= seconds(policy.join)
    };
    let apart: u64 = bundle.iter().chain([strand]).map(|held| hours(held.span)).sum();
    let together = hours(span).saturating_mul(whole(streams));
    let units = together.saturating_mul(policy.milliunits_an_hour);
    bundle.iter().chain([strand]).all(near) && together <= apart && units <= policy.budget.milliunits
}

/// How many of these streams what is left of a day's budget pays, at this span.
pub(super) fn affordable(policy: &Policy, spent: Price, bundle: &[Strand]) -> usize {
    let left = policy.budget.milliunits.saturating_sub(spent.milliunits);
    let of_one = hours(spanned(bundle.iter())).saturating_mul(policy.milliunits_an_hour);
    left.checked_div(of_one).map_or(bundle.len(), |streams| usize::try_from(streams).unwrap_or(usize::MAX))
}

/// A bundle as a job.
pub(super) fn draft(policy: &Policy, tag: &str, bundle: &[Strand], tariff: &impl Tariff) -> Draft {
    let span = spanned(bundle.iter());
    let mut streams: Vec<Stream> = bundle.iter().map(|strand| strand.stream.clone()).collect();
    streams.sort_unstable();
    let attempt = bundle.iter().map(|strand| strand.attempt).max().unwrap_or(1);
    let name = format!("siftd-{tag}-{}-{}-{}-{attempt}", title(&streams), span.from, span.until);
    let price = price(tariff, span, streams.len(), policy.milliunits_an_hour);
    let pieces = bundle.iter().flat_map(|strand| strand.pieces.iter().copied()).collect();
    Draft { name, streams, span, sources: policy.sources.clone(), pieces, price }
}

/// What stands for the streams in the job's name: of several, the same for the same.
fn title(streams: &[Stream]) -> String {
    if let [stream] = streams {
        return stream.name.clone();
    }
    let mut digest = blake3::Hasher::new();
    for stream in streams {
        digest.update(stream.name.as_bytes()).update(b"\n");
    }
    let digest: String = digest.finalize().to_hex().chars().take(16).collect();
    format!("{}x{digest}", streams.len())
}

fn spanned<'s>(strands: impl Iterator<Item = &'s Strand>) -> Span {
    let both = |one: Span, other: Span| Span { from: one.from.min(other.from), until: one.until.max(other.until) };
    strands.map(|strand| strand.span).reduce(both).unwrap_or_default()
}

fn hours(span: Span) -> u64 {
    u64::try_from(span.seconds()).unwrap_or(0).div_ceil(3_600)
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

fn whole(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
