//! Which gaps are asked for now, as which jobs, and why the others wait.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::combine::{Strand, affordable, bundles, draft};
use super::price::Tariff;
use super::{Order, Policy};
use crate::healing::{Draft, Gap, GapId, Piece, Price, Stream};
use crate::historic::Span;
use crate::record::StreamId;
use crate::time::{Time, micros_of};

/// The longest span of one query ("at most one month": DataSift, Historics).
pub(super) const SPAN_MAX: Duration = Duration::from_hours(31 * 24);

/// What the plan depends on besides the gaps.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'s> {
    pub now: Time,
    /// The server's clock less ours, in microseconds; nothing while it is not known.
    pub offset: Option<i64>,
    /// What was spent today, what runs included.
    pub spent: Price,
    /// Jobs that run.
    pub jobs: usize,
    /// Marks the jobs of this archive among those of others on the same account.
    pub tag: &'s str,
    /// An operator asks: small gaps, cool-downs and earlier tries do not matter.
    pub asked: bool,
}

/// Jobs to begin, in this order, and what waits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    pub drafts: Vec<Draft>,
    pub waiting: Vec<Waiting>,
}

/// A gap that waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Waiting {
    pub gap: GapId,
    pub why: Wait,
    /// When it may be worth another look.
    pub until: Time,
}

/// Why a gap waits.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Wait {
    /// The server's archive does not hold its time yet.
    Lag,
    /// It is not known what time the server has.
    Clock,
    /// It is too short to be worth it.
    Small,
    /// The stream's last job is too recent.
    CoolDown,
    /// It was tried too often.
    Tries,
    /// Today's budget does not reach.
    Budget,
    /// No single day's budget reaches.
    Dear,
    /// Enough jobs run.
    Jobs,
}

impl Wait {
    /// For a table.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Lag => "the server's archive is not there yet",
            Self::Clock => "the server's clock is not known yet",
            Self::Small => "shorter than backfill.smallest",
            Self::CoolDown => "backfill.cool_down after the stream's last job",
            Self::Tries => "tried backfill.tries times: `siftd backfill` tries again",
            Self::Budget => "today's budget is spent",
            Self::Dear => "costs more than a day's budget",
            Self::Jobs => "backfill.jobs run",
        }
    }
}

impl Plan {
    /// What all jobs to begin cost together.
    pub fn price(&self) -> Price {
        self.drafts.iter().fold(Price::default(), |sum, draft| sum.and(draft.price))
    }

    /// When it is worth planning again, if nothing happens before.
    pub fn again(&self) -> Time {
        self.waiting.iter().map(|waiting| waiting.until).min().unwrap_or(Time::NEVER)
    }
}

/// Makes jobs of gaps.
pub fn plan(policy: &Policy, situation: &Situation<'_>, gaps: &[Gap], tariff: &impl Tariff) -> Plan {
    let mut plan = Plan::default();
    let mut ready: BTreeMap<StreamId, Vec<&Gap>> = BTreeMap::new();
    for gap in gaps {
        match held_back(policy, situation, gap) {
            Some((why, until)) => plan.waiting.push(Waiting { gap: gap.id, why, until }),
            None => ready.entry(gap.stream).or_default().push(gap),
        }
    }
    let mut strands: Vec<Strand> = Vec::new();
    for gaps in ready.into_values() {
        for pieces in groups(policy, &gaps) {
            strands.extend(strand(policy, situation, &gaps, pieces));
        }
    }
    let drafted = |bundle: Vec<Strand>| (draft(policy, situation.tag, &bundle, tariff), bundle);
    let mut drafts: Vec<(Draft, Vec<Strand>)> = bundles(policy, strands).into_iter().map(drafted).collect();
    match policy.order {
        Order::Oldest => {
            drafts.sort_by(|(one, _), (other, _)| (one.span, &one.streams).cmp(&(other.span, &other.streams)));
        }
        Order::Cheapest => drafts.sort_by_key(|(draft, _)| (draft.price.milliunits, draft.price.credits, draft.span)),
    }
    admit(policy, situation, drafts.into(), tariff, &mut plan);
    plan
}

/// Why a gap cannot be asked for now, and until when.
fn held_back(policy: &Policy, situation: &Situation<'_>, gap: &Gap) -> Option<(Wait, Time)> {
    let Some(offset) = situation.offset else { return Some((Wait::Clock, situation.now.after(CLOCK_AGAIN))) };
    if !situation.asked {
        if gap.until.since(gap.from) < policy.smallest {
            return Some((Wait::Small, Time::NEVER));
        }
        if gap.tries >= policy.tries {
            return Some((Wait::Tries, Time::NEVER));
        }
        // A gap that was tried in vain waits longer each time.
        let pause = policy.cool_down.saturating_mul(2_u32.saturating_pow(gap.tries.min(16)));
        let cool = gap.begun.map_or(Time::from_micros(i64::MIN), |begun| begun.after(pause));
        if cool > situation.now {
            return Some((Wait::CoolDown, cool));
        }
    }
    // The server judges the end that it is told, by its own clock.
    let asked_until = Time::from_seconds(end_of(policy, offset, gap.until));
    let there = asked_until.after(policy.lag).shifted(offset.saturating_neg());
    (there > situation.now).then_some((Wait::Lag, there))
}

/// How soon it is asked again what time the server has.
const CLOCK_AGAIN: Duration = Duration::from_secs(10);

/// Stretches of one stream that are asked for together: neighbours, and no more than a query may span.
fn groups(policy: &Policy, gaps: &[&Gap]) -> Vec<Vec<Piece>> {
    let longest = longest(policy);
    let mut stretches: Vec<Piece> = Vec::new();
    for gap in gaps {
        for (from, until) in &gap.rest {
            let mut from = *from;
            while until.since(from) > longest {
                stretches.push(Piece { gap: gap.id, from, until: from.after(longest) });
                from = from.after(longest);
            }
            stretches.push(Piece { gap: gap.id, from, until: *until });
        }
    }
    stretches.sort_by_key(|piece| (piece.from, piece.until));
    let mut groups: Vec<Vec<Piece>> = Vec::new();
    for piece in stretches {
        match groups.last_mut() {
            Some(group) if joins(policy, group, piece, longest) => group.push(piece),
            _ => groups.push(vec![piece]),
        }
    }
    groups
}

/// The longest piece of a gap that is one job: what one day's budget reaches for. A gap that is longer is filled day by
/// day.
fn longest(policy: &Policy) -> Duration {
    // The ends are rounded to seconds and moved apart by the overlap: a piece must leave room for that.
    let room = policy.overlap.saturating_mul(2).saturating_add(ROUNDING);
    let hours = policy.budget.milliunits.checked_div(policy.milliunits_an_hour);
    let paid = hours.map_or(SPAN_MAX, |hours| Duration::from_secs(hours.saturating_mul(3_600))).min(SPAN_MAX);
    let longest = paid.saturating_sub(room);
    // What is all overlap has no end.
    if longest < PIECE_MIN { SPAN_MAX.saturating_sub(room) } else { longest }
}

/// Seconds that rounding may add to both ends of a span.
const ROUNDING: Duration = Duration::from_secs(4);
/// A gap is not cut into shorter pieces than this: where a day pays no more, it is too dear.
const PIECE_MIN: Duration = Duration::from_mins(1);

fn joins(policy: &Policy, group: &[Piece], piece: Piece, longest: Duration) -> bool {
    let first = group.first().map_or(piece.from, |first| first.from);
    let until = group.iter().map(|piece| piece.until).max().unwrap_or(piece.from);
    piece.from.since(until) <= policy.join && piece.until.max(until).since(first) <= longest
}

fn strand(policy: &Policy, situation: &Situation<'_>, gaps: &[&Gap], pieces: Vec<Piece>) -> Option<Strand> {
    let offset = situation.offset?;
    let first = gaps.first()?;
    let from = pieces.iter().map(|piece| piece.from).min()?;
    let until = pieces.iter().map(|piece| piece.until).max()?;
    let span = Span { from: start_of(policy, offset, from), until: end_of(policy, offset, until) };
    let of_strand = gaps.iter().filter(|gap| pieces.iter().any(|piece| piece.gap == gap.id));
    let attempt = of_strand.map(|gap| gap.jobs.max(gap.tries)).max().unwrap_or(0).saturating_add(1);
    let stream = Stream { id: first.stream, name: first.name.clone() };
    let alone = policy.combine <= 1 || gaps.iter().any(|gap| Strand::is_refused(gap.apart, situation.now));
    Some(Strand { stream, pieces, span, attempt, alone })
}

const SECOND: i64 = 1_000_000;

/// The second from which to ask for what the server produced from `from` on, by our clock.
fn start_of(policy: &Policy, offset: i64, from: Time) -> i64 {
    from.shifted(offset).micros().div_euclid(SECOND).saturating_sub(seconds(policy.overlap))
}

/// The second up to which to ask, which is not in the span itself.
fn end_of(policy: &Policy, offset: i64, until: Time) -> i64 {
    let micros = until.shifted(offset).micros();
    let whole = micros.div_euclid(SECOND).saturating_add(i64::from(micros.rem_euclid(SECOND) > 0));
    whole.saturating_add(1).saturating_add(seconds(policy.overlap))
}

/// In whole seconds, rounded up.
fn seconds(span: Duration) -> i64 {
    micros_of(span).saturating_add(SECOND - 1).div_euclid(SECOND)
}

/// Lets jobs begin for as long as the budget and the number of jobs allow; the rest waits. Of streams that are asked for
/// together, as many begin as today's budget pays.
fn admit(
    policy: &Policy,
    situation: &Situation<'_>,
    mut drafts: VecDeque<(Draft, Vec<Strand>)>,
    tariff: &impl Tariff,
    plan: &mut Plan,
) {
    let mut spent = situation.spent;
    let mut jobs = situation.jobs;
    while let Some((mut drafted, mut bundle)) = drafts.pop_front() {
        let some = affordable(policy, spent, &bundle);
        if (1..bundle.len()).contains(&some) {
            let later = bundle.split_off(some);
            drafts.push_front((draft(policy, situation.tag, &later, tariff), later));
            drafted = draft(policy, situation.tag, &bundle, tariff);
        }
        if bundle.len() > 1 && !drafted.price.fits(Price::default(), policy.budget) {
            // The call that combines them is too much: one by one may do.
            let alone = bundle.into_iter().rev().map(|strand| vec![strand]);
            alone.for_each(|one| drafts.push_front((draft(policy, situation.tag, &one, tariff), one)));
            continue;
        }
        let held = if !drafted.price.fits(Price::default(), policy.budget) {
            Some((Wait::Dear, Time::NEVER))
        } else if !drafted.price.fits(spent, policy.budget) {
            Some((Wait::Budget, tomorrow(situation.now)))
        } else if jobs >= policy.jobs_max {
            Some((Wait::Jobs, Time::NEVER))
        } else {
            None
        };
        if let Some((why, until)) = held {
            plan.waiting.extend(drafted.pieces.iter().map(|piece| Waiting { gap: piece.gap, why, until }));
        } else {
            spent = spent.and(drafted.price);
            jobs += 1;
            plan.drafts.push(drafted);
        }
    }
}

/// A day in microseconds.
const DAY: i64 = 86_400 * SECOND;

/// The number of the day (UTC) that a moment belongs to.
pub(super) const fn day(at: Time) -> i64 {
    at.micros().div_euclid(DAY)
}

/// When the next day begins.
pub(super) const fn tomorrow(now: Time) -> Time {
    Time::from_micros(day(now).saturating_add(1).saturating_mul(DAY))
}
