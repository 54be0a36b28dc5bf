//! From a byte of a file to the line and the column that an editor shows.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use super::fault::Place;

/// The places of one file.
pub(super) struct Positions<'a> {
    path: &'a Path,
    pub(super) text: &'a str,
    /// The spot that was looked for last: the next one mostly lies behind it.
    last: Cell<Spot>,
}

/// Offset in bytes, line and column from 1.
type Spot = (usize, usize, usize);

impl<'a> Positions<'a> {
    pub(super) fn new(path: &'a Path, text: &'a str) -> Self {
        Self { path, text, last: Cell::new((0, 1, 1)) }
    }

    /// Where the byte at `offset` stands.
    pub(super) fn place(&self, offset: usize) -> Place {
        let (from, line, column) = match self.last.get() {
            last if last.0 <= offset => last,
            _ => (0, 1, 1),
        };
        let between = self.text.get(from..offset).unwrap_or_default();
        let lines = between.matches('\n').count();
        let tail = between.rsplit('\n').next().unwrap_or_default();
        // The mark that some editors put before a text takes no room on the screen.
        let characters = tail.chars().filter(|c| *c != '\u{feff}').count();
        let column = if lines == 0 { column } else { 1 }.saturating_add(characters);
        let line = line.saturating_add(lines);
        self.last.set((offset, line, column));
        Place::Spot { file: PathBuf::from(self.path), line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_places_may_be_asked_in_any_order() {
        let text = "\u{feff}ab\r\né漢x\n";
        let positions = Positions::new(Path::new("a"), text);
        let place = |offset| positions.place(offset).to_string();
        let x = text.find('x').unwrap();
        assert_eq!(place(x), "a:2:3");
        assert_eq!(place("\u{feff}".len()), "a:1:1");
        assert_eq!(place(text.len()), "a:3:1");
        assert_eq!(place(x), "a:2:3");
    }
}
