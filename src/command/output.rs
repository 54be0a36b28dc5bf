//! What answers look like: tables without lines, and colours where they are welcome.

use std::fmt::Display;
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

/// Aligned columns under a headline, nothing more: `awk` and `column` can go on from there.
pub struct Sheet(Table);

impl Sheet {
    /// Names of columns; those that begin with `>` are aligned to the right.
    pub fn new(headline: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(headline.iter().map(|name| name.trim_start_matches('>')));
        let last = headline.len().saturating_sub(1);
        for (place, name) in headline.iter().enumerate() {
            if let Some(column) = table.column_mut(place) {
                column.set_padding((0, if place == last { 0 } else { 2 }));
                if name.starts_with('>') {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        Self(table)
    }

    pub fn row(&mut self, cells: Vec<String>) {
        self.0.add_row(cells);
    }

    pub fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        self.0.lines().try_for_each(|line| writeln!(out, "{}", line.trim_end()))
    }
}
