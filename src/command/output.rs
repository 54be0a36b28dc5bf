//! What answers look like: tables without lines, and colours where they are welcome.

use std::fmt::{Display, Write as _};
use std::io::{self, IsTerminal, Write};

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use crate::limits::PEER_TEXT_MAX;
use crate::peer_text::one_line;

/// Whether an answer may be coloured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ink {
    Plain,
    Coloured,
}

impl Ink {
    /// Colours on a terminal, unless `NO_COLOR` is set (no-color.org).
    pub fn of_stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if io::stdout().is_terminal() && !unwanted { Self::Coloured } else { Self::Plain }
    }

    pub fn bold(self, text: impl Display) -> String {
        self.paint("1", text)
    }

    pub fn red(self, text: impl Display) -> String {
        self.paint("1;31", text)
    }

    pub fn yellow(self, text: impl Display) -> String {
        self.paint("33", text)
    }

    pub fn green(self, text: impl Display) -> String {
        self.paint("32", text)
    }

    fn paint(self, code: &str, text: impl Display) -> String {
        match self {
            Self::Plain => text.to_string(),
            Self::Coloured => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}

/// A text out of the archive, which a server may have chosen: bounded, and unable to leave its line.
pub fn cell(raw: &str) -> String {
    if raw.is_empty() { "-".to_owned() } else { one_line(raw, PEER_TEXT_MAX) }
}

/// Up to so many rows, columns are measured as a terminal shows them; beyond it their characters are counted, which
/// takes a quarter of the time and of the memory and differs only for wide writing.
const MEASURED_ROWS_MAX: usize = 1_000;

/// Aligned columns under a headline, nothing more: `awk` and `column` can go on from there.
pub struct Sheet {
    headline: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Sheet {
    /// Names of columns; those that begin with `>` are aligned to the right.
    pub fn new(headline: &[&'static str]) -> Self {
        Self { headline: headline.to_vec(), rows: Vec::new() }
    }

    /// One row, with a cell for each column.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub fn print(self, out: &mut dyn Write) -> io::Result<()> {
        if self.rows.len() > MEASURED_ROWS_MAX { self.print_counted(out) } else { self.print_measured(out) }
    }

    fn print_measured(self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(self.headline.iter().map(|name| name.trim_start_matches('>')));
        for (place, name) in self.headline.iter().enumerate() {
            if let Some(column) = table.column_mut(place) {
                column.set_padding((0, 2));
                if name.starts_with('>') {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        table.add_rows(self.rows);
        table.lines().try_for_each(|line| writeln!(out, "{}", line.trim_end()))
    }

    fn print_counted(mut self, out: &mut dyn Write) -> io::Result<()> {
        self.rows.insert(0, self.headline.iter().map(|name| name.trim_start_matches('>').to_owned()).collect());
        let mut widths = vec![0; self.headline.len()];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let mut line = String::new();
        for row in &self.rows {
            line.clear();
            for ((cell, width), name) in row.iter().zip(&widths).zip(&self.headline) {
                // Writing to a String cannot fail.
                if name.starts_with('>') { write!(line, "{cell:>width$}  ") } else { write!(line, "{cell:<width$}  ") }
                    .unwrap_or_default();
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        let mut sheet = Sheet::new(&["NAME", ">COUNT", "WHY"]);
        sheet.row(vec!["a".to_owned(), "1,000".to_owned(), "because".to_owned()]);
        sheet.row(vec!["a longer one".to_owned(), "7".to_owned(), "-".to_owned()]);
        sheet
    }

    #[test]
    fn both_ways_to_print_agree() {
        let (mut measured, mut counted) = (Vec::new(), Vec::new());
        sheet().print_measured(&mut measured).unwrap();
        sheet().print_counted(&mut counted).unwrap();
        let text = "NAME          COUNT  WHY\na             1,000  because\na longer one      7  -\n";
        assert_eq!(String::from_utf8(measured).unwrap(), text);
        assert_eq!(String::from_utf8(counted).unwrap(), text);
    }

    #[test]
    fn colours_are_for_those_who_want_them() {
        assert_eq!(Ink::Plain.red("x"), "x");
        assert_eq!(Ink::Coloured.red("x"), "\u{1b}[1;31mx\u{1b}[0m");
    }
}
