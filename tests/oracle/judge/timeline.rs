//! Whether coverage and gaps are exact complements, and whether each gap has its reason: I4 and I8.

use super::archive::Gap;
use super::driver::{Fault, Wish};
use super::spans::{Span, Spans};
use super::verdict::{Report, seconds};
use super::{Look, clock};

/// A piece of a stream's history.
#[derive(Clone, Copy, Debug)]
struct Piece {
    span: Span,
    is_gap: bool,
}

pub(super) fn check(look: &Look<'_>, report: &mut Report) {
    let mut wanted: Vec<u32> = look.driver.wishes.iter().map(|wish| wish.stream).collect();
    wanted.extend(look.seen.gaps.keys().chain(look.seen.covers.keys()));
    wanted.sort_unstable();
    wanted.dedup();
    for stream in wanted {
        look.complement(stream, report);
        if look.is_final {
            look.reasons(stream, report);
        }
    }
}

impl Look<'_> {
    fn gaps(&self, stream: u32) -> &[Gap] {
        self.seen.gaps.get(&stream).map_or(&[], Vec::as_slice)
    }

    /// Live coverage and gaps in their order.
    fn pieces(&self, stream: u32) -> Vec<Piece> {
        let covers = self.seen.covers.get(&stream).into_iter().flatten();
        let covers = covers.filter(|cover| cover.is_live).map(|cover| Piece { span: cover.span, is_gap: false });
        let gaps = self.gaps(stream).iter().map(|gap| Piece { span: gap.span, is_gap: true });
        let mut pieces: Vec<Piece> =
            covers.chain(gaps).filter(|piece| piece.span.from_us < piece.span.until_us).collect();
        pieces.sort_by_key(|piece| piece.span.from_us);
        pieces
    }

    /// Within the time that a stream is wanted, each moment lies in coverage or in a gap, and in one of them only.
    fn complement(&self, stream: u32, report: &mut Report) {
        let name = self.streams.name(stream);
        let pieces = self.pieces(stream);
        if self.gaps(stream).iter().filter(|gap| gap.is_open()).count() > 1 {
            report.find("TWO OPEN GAPS", || format!("stream {name}"));
        }
        for (before, after) in pieces.iter().zip(pieces.iter().skip(1)) {
            if after.span.from_us < before.span.until_us {
                let told = || format!("stream {name}: {} and {}", told(*before), told(*after));
                report.find("OVERLAP", told);
            } else if after.span.from_us > before.span.until_us
                && !self.may_part(stream, before.span, after.span)
                && !self.is_pruned(stream, after.span.from_us)
            {
                report
                    .find("HOLE", || format!("stream {name}: nothing between {} and {}", told(*before), told(*after)));
            }
        }
        for cover in self.seen.covers.get(&stream).into_iter().flatten().filter(|cover| !cover.is_live) {
            let filled = self.gaps(stream).iter().filter(|gap| gap.state == "filled");
            if !filled.map(|gap| gap.span).collect::<Spans>().hold(cover.span) {
                report.find("OVERLAP", || {
                    format!("stream {name}: backfill from {} outside of a filled gap", clock(cover.span.from_us))
                });
            }
        }
        for wish in self.driver.wishes.iter().filter(|wish| wish.stream == stream) {
            self.history(wish, &pieces, report);
        }
    }

    /// What lies before is gone: by the word of the archive, and as far as the driver allows.
    fn is_pruned(&self, stream: u32, until_us: i64) -> bool {
        until_us <= self.seen.pruned_before(stream) && self.driver.is_pruned(stream, until_us.saturating_sub(1))
    }

    /// A stream that was taken out and in again has nothing to say about the time between.
    fn may_part(&self, stream: u32, before: Span, after: Span) -> bool {
        let mut wishes = self.driver.wishes.iter().filter(|wish| wish.stream == stream);
        wishes.any(|wish| wish.ended.is_some_and(|ended| ended.from_us <= before.until_us))
            && self.driver.wishes.iter().any(|wish| {
                wish.stream == stream
                    && wish.begun.from_us >= before.until_us.min(wish.begun.from_us)
                    && after.from_us >= wish.begun.from_us
                    && after.from_us <= wish.begun.until_us.saturating_add(self.promise.starting_us)
            })
    }

    /// History begins in time, and goes on to the end.
    fn history(&self, wish: &Wish, pieces: &[Piece], report: &mut Report) {
        if !self.is_final || !self.seen.is_stopped() {
            return;
        }
        let name = self.streams.name(wish.stream);
        let until_us = wish.ended.map_or(i64::MAX, |ended| ended.until_us);
        let own =
            || pieces.iter().filter(|piece| piece.span.from_us < until_us && piece.span.until_us > wish.begun.from_us);
        let Some(first) = own().next() else {
            let short = wish
                .ended
                .is_some_and(|ended| ended.from_us.saturating_sub(wish.begun.until_us) <= self.promise.starting_us);
            if !short {
                report.find("HOLE", || format!("stream {name} is wanted and has no history"));
            }
            return;
        };
        let late = first.span.from_us.saturating_sub(wish.begun.until_us) > self.promise.starting_us;
        if late && !self.is_pruned(wish.stream, first.span.from_us) {
            report.find("HOLE", || {
                format!("stream {name}: wanted since {}, and begins with {}", clock(wish.begun.until_us), told(*first))
            });
        }
        let last = own().next_back();
        let reaches = last.is_some_and(|last| match wish.ended {
            Some(ended) => last.span.until_us >= ended.from_us,
            None => last.is_gap && last.span.until_us == i64::MAX,
        });
        if !reaches {
            report.find("HOLE", || {
                format!("stream {name}: the last word is {}", last.map(|last| told(*last)).unwrap_or_default())
            });
        }
    }

    /// Each gap answers to a fault that allows its cause, and is hardly wider than what the fault did.
    fn reasons(&self, stream: u32, report: &mut Report) {
        let offset = self.promise.local_offset_us;
        let mut served = self.truth.served(stream);
        for fault in self.driver.faults.iter().filter(|fault| fault.concerns(stream)) {
            served.subtract(fault.span);
        }
        for gap in self.gaps(stream) {
            let until_us = gap.span.until_us.min(self.truth.until_us.saturating_add(offset));
            let span = Span { from_us: gap.span.from_us - offset, until_us: until_us - offset };
            let excess_us = served.within(span).micros();
            let micros = (span.until_us - span.from_us).max(0);
            report.causes.entry(gap.cause.clone()).or_default().add(micros, excess_us);
            if self.driver.knows_faults {
                self.reason(stream, gap, span, excess_us, report);
            }
        }
    }

    fn reason(&self, stream: u32, gap: &Gap, span: Span, excess_us: i64, report: &mut Report) {
        let end = if gap.is_open() { "on".to_owned() } else { clock(gap.span.until_us) };
        let (name, from) = (self.streams.name(stream), clock(gap.span.from_us));
        let told = format!("stream {name}, gap {} ({}) from {from} to {end}", gap.id, gap.cause);
        let faults = self.driver.faults.iter().filter(|fault| fault.concerns(stream) && answers(fault, gap, span));
        let Some(fault) = faults.max_by_key(|fault| fault.excess_us) else {
            return report.find("UNFOUNDED", || format!("{told}: no fault allows it"));
        };
        report.faults.entry(fault.name.clone()).or_default().add((span.until_us - span.from_us).max(0), excess_us);
        if excess_us > fault.excess_us {
            let [excess, bound] = [excess_us, fault.excess_us].map(seconds);
            let name = &fault.name;
            report.find("LOOSE", || format!("{told}: {excess} s of it were served, {bound} s are allowed ({name})"));
        }
    }
}

/// A gap begins at the last proof before the fault and ends at the first one after it.
fn answers(fault: &Fault, gap: &Gap, span: Span) -> bool {
    let reach = Span {
        from_us: fault.span.from_us.saturating_sub(fault.excess_us),
        until_us: fault.span.until_us.saturating_add(fault.excess_us).saturating_add(1),
    };
    fault.causes.contains(&gap.cause) && reach.meets(Span { until_us: span.until_us.max(span.from_us + 1), ..span })
}

fn told(piece: Piece) -> String {
    let what = if piece.is_gap { "gap" } else { "coverage" };
    let until = if piece.span.until_us == i64::MAX { "on".to_owned() } else { clock(piece.span.until_us) };
    format!("{what} {} to {until}", clock(piece.span.from_us))
}
