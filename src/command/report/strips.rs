//! The history of each stream in so many cells of equal length.

use std::collections::HashMap;

use crate::coverage::Cause;

/// Cells of a strip.
pub(super) const CELLS: usize = 240;

/// A span of time in cells; everything in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) from: i64,
    pub(super) until: i64,
}

impl Frame {
    /// The length of a cell; never 0.
    fn cell(self) -> i64 {
        let cells = i64::try_from(CELLS).unwrap_or(i64::MAX);
        (self.until.saturating_sub(self.from).saturating_add(cells - 1) / cells).max(1)
    }

    /// The part of a span that lies in the frame.
    pub(super) fn within(self, from: i64, until: i64) -> Option<(i64, i64)> {
        let (from, until) = (from.max(self.from), until.min(self.until));
        (from < until).then_some((from, until))
    }

    /// The cell in which a moment of the frame lies.
    pub(super) fn place(self, at: i64) -> usize {
        usize::try_from(at.saturating_sub(self.from) / self.cell()).unwrap_or(0).min(CELLS - 1)
    }

    /// Gives each cell that a span touches, and how much of it lies there.
    pub(super) fn each(self, from: i64, until: i64, mut take: impl FnMut(usize, i64)) {
        let Some((from, until)) = self.within(from, until) else { return };
        let last = self.place(until - 1);
        for place in self.place(from)..=last {
            let begin = self.from.saturating_add(i64::try_from(place).unwrap_or(0).saturating_mul(self.cell()));
            let end = if place == CELLS - 1 { self.until } else { begin.saturating_add(self.cell()) };
            take(place, until.min(end).saturating_sub(from.max(begin)));
        }
    }

    /// How long a cell is; the last ones may be short, or lie behind the end.
    fn length(self, place: usize) -> i64 {
        let begin = self.from.saturating_add(i64::try_from(place).unwrap_or(0).saturating_mul(self.cell()));
        self.until.min(begin.saturating_add(self.cell())).saturating_sub(begin).max(0)
    }
}

/// What a gap has become.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Gap {
    Healed,
    /// Not filled, or not wholly; the place of its cause in [`Cause::ALL`].
    Left(usize),
}

/// One stream.
#[derive(Debug)]
pub(super) struct Strip {
    covered: Vec<i64>,
    /// The longest gap of each cell.
    gaps: Vec<(i64, Option<Gap>)>,
}

impl Default for Strip {
    fn default() -> Self {
        Self { covered: vec![0; CELLS], gaps: vec![(0, None); CELLS] }
    }
}

/// The strips of all streams, by the number of the stream.
#[derive(Debug, Default)]
pub(super) struct Strips(HashMap<i64, Strip>);

impl Strips {
    pub(super) fn covered(&mut self, frame: Frame, stream: i64, from: i64, until: i64) {
        let strip = self.0.entry(stream).or_default();
        frame.each(from, until, |place, length| {
            if let Some(cell) = strip.covered.get_mut(place) {
                *cell = cell.saturating_add(length);
            }
        });
    }

    pub(super) fn gap(&mut self, frame: Frame, stream: i64, from: i64, until: i64, gap: Gap) {
        let strip = self.0.entry(stream).or_default();
        frame.each(from, until, |place, length| {
            let Some((longest, kind)) = strip.gaps.get_mut(place) else { return };
            // What is not filled is not hidden behind what is.
            let prior = matches!((&kind, gap), (Some(Gap::Healed), Gap::Left(_)));
            let later = matches!((&kind, gap), (Some(Gap::Left(_)), Gap::Healed));
            if prior || (length > *longest && !later) {
                (*longest, *kind) = (length, Some(gap));
            }
        });
    }

    /// One letter a cell: `=` complete, `+` in part, `h` healed, `p` removed by retention, `.` nothing is known or wanted;
    /// a capital for a gap, `A` for the first cause.
    pub(super) fn letters(&self, frame: Frame, stream: i64, pruned: Option<i64>) -> String {
        let blank = Strip::default();
        let strip = self.0.get(&stream).unwrap_or(&blank);
        let cells = strip.covered.iter().zip(&strip.gaps).enumerate();
        cells
            .map(|(place, (covered, (_, gap)))| match gap {
                Some(Gap::Left(cause)) => {
                    u8::try_from(*cause).map_or('A', |cause| char::from(b'A'.saturating_add(cause)))
                }
                Some(Gap::Healed) => 'h',
                None if *covered > 0 && *covered >= frame.length(place) => '=',
                None if *covered > 0 => '+',
                None if pruned.is_some_and(|pruned| frame.from < pruned && place < frame.place(pruned)) => 'p',
                None => '.',
            })
            .collect()
    }
}

/// The place of a cause in the list of all, by its word.
pub(super) fn cause_of(word: &str) -> usize {
    Cause::ALL.iter().position(|cause| cause.word() == word).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame { from: 1_000, until: 1_000 + 10 * 240 };

    #[test]
    fn a_cell_is_complete_only_if_all_of_it_is_covered() {
        let mut strips = Strips::default();
        strips.covered(FRAME, 1, 0, 1_025);
        strips.covered(FRAME, 1, 1_025, 1_034);
        let letters = strips.letters(FRAME, 1, None);
        assert!(letters.starts_with("===+....") && letters.len() == CELLS, "{letters}");
        assert_eq!(strips.letters(FRAME, 2, Some(1_020)).get(..4), Some("pp.."));
        assert_eq!(strips.letters(FRAME, 2, Some(20)).get(..4), Some("...."));
    }

    #[test]
    fn a_gap_is_seen_however_short_and_one_that_is_left_before_one_that_is_healed() {
        let mut strips = Strips::default();
        strips.covered(FRAME, 1, 1_000, 9_000);
        strips.gap(FRAME, 1, 1_011, 1_012, Gap::Left(2));
        strips.gap(FRAME, 1, 1_013, 1_019, Gap::Left(4));
        strips.gap(FRAME, 1, 1_025, 1_029, Gap::Healed);
        strips.gap(FRAME, 1, 1_021, 1_022, Gap::Left(0));
        strips.gap(FRAME, 1, 1_035, 1_055, Gap::Healed);
        strips.gap(FRAME, 1, 3_399, i64::MAX, Gap::Left(17));
        let letters = strips.letters(FRAME, 1, None);
        assert!(letters.starts_with("=EAhhh=") && letters.ends_with("=R"), "{letters}");
        assert_eq!(cause_of(Cause::ALL[17].word()), 17);
    }

    #[test]
    fn a_frame_without_length_has_cells_too() {
        let frame = Frame { from: 5, until: 5 };
        let mut strips = Strips::default();
        strips.covered(frame, 1, 0, 10);
        assert_eq!(strips.letters(frame, 1, None).len(), CELLS);
        assert_eq!(frame.place(5), 0);
    }
}
