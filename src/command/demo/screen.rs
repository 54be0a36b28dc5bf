//! The live view: a few lines redrawn in place on a terminal, a line a second elsewhere.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use super::view::Picture;
use crate::command::figures;
use crate::command::output::{Ink, cell};

/// The width of a terminal that does not tell its own.
const COLUMNS: usize = 80;
const LABEL: usize = 10;

/// Where the show is seen.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: bool,
    ink: Ink,
    /// The lines as they were last drawn, over which the next drawing goes.
    drawn: Vec<String>,
    playing: String,
}

impl Screen {
    /// Redraws only where that is understood: a log of a build has no cursor.
    pub(super) fn of_stdout() -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        Self {
            terminal: io::stdout().is_terminal() && !dumb,
            ink: Ink::of_stdout(),
            drawn: Vec::new(),
            playing: String::new(),
        }
    }

    /// Says what is played from now on. It stays there; the lines of the view go on below it.
    pub(super) fn announce(&mut self, at: Duration, says: &str) -> io::Result<()> {
        says.clone_into(&mut self.playing);
        let line = format!("{} {}", clock(at), self.ink.bold(format_args!(">> {says}")));
        if !self.terminal {
            return put(&format!("{line}\n"));
        }
        put(&drawing(self.drawn.len(), std::iter::once(&line).chain(&self.drawn)))
    }

    /// Shows how it stands.
    pub(super) fn show(&mut self, at: Duration, state: &str, picture: &Picture) -> io::Result<()> {
        if !self.terminal {
            return put(&format!("{} {}\n", clock(at), summary(state, picture)));
        }
        let room = columns().saturating_sub(LABEL + 1);
        let lines = block(at, state, &self.playing, picture).into_iter().map(|(label, said)| {
            let said: String = said.chars().take(room).collect();
            let said = if label == "daemon" { self.tinted(state, &said) } else { said };
            format!("{}{said}", self.ink.bold(format_args!("{label:<LABEL$}")))
        });
        let lines: Vec<_> = lines.collect();
        put(&drawing(self.drawn.len(), lines.iter()))?;
        self.drawn = lines;
        Ok(())
    }

    /// The last drawing is left to stand; the cursor is given back.
    pub(super) fn finish(&mut self) {
        if self.terminal {
            self.terminal = false;
            put("\u{1b}[?25h").unwrap_or_default();
        }
    }

    fn tinted(&self, state: &str, text: &str) -> String {
        match state {
            "live" => self.ink.green(text),
            "dead" | "paused_billing" => self.ink.red(text),
            _ => self.ink.yellow(text),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Goes up over the last drawing and overwrites it line by line, so that nothing flickers; what is below goes.
fn drawing<'a>(over: usize, lines: impl Iterator<Item = &'a String>) -> String {
    let mut text = String::from("\u{1b}[?25l");
    if over > 0 {
        // Writing to a String cannot fail.
        write!(text, "\u{1b}[{over}A\r").unwrap_or_default();
    }
    for line in lines {
        writeln!(text, "{line}\u{1b}[K").unwrap_or_default();
    }
    text.push_str("\u{1b}[J");
    text
}

/// One write, so that a drawing is never seen in halves.
fn put(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn columns() -> usize {
    rustix::termios::tcgetwinsize(io::stdout())
        .map(|size| usize::from(size.ws_col))
        .ok()
        .filter(|columns| *columns > 0)
        .unwrap_or(COLUMNS)
}

fn clock(at: Duration) -> String {
    format!("{:02}:{:02}", at.as_secs() / 60, at.as_secs() % 60)
}

/// Streams by state; without a daemon, as the dead one left them.
fn streams(state: &str, picture: &Picture) -> String {
    let were = if matches!(state, "dead" | "starting") { "were " } else { "" };
    let states: Vec<_> =
        picture.streams.iter().map(|(state, number)| format!("{} {}", figures::count(*number), cell(state))).collect();
    if states.is_empty() { "no streams yet".to_owned() } else { format!("{were}{}", states.join(", ")) }
}

fn gaps(picture: &Picture) -> String {
    let (open, closed) = (figures::count(picture.gaps_open), figures::count(picture.gaps_closed));
    let filled = match picture.gaps_filled {
        0 => String::new(),
        filled => format!(", {} of them filled", figures::count(filled)),
    };
    format!("{open} open, {closed} closed{filled}, {} s", figures::count(picture.gap_seconds))
}

/// Everything on one line.
fn summary(state: &str, picture: &Picture) -> String {
    let (stored, rate) = (figures::count(picture.stored), figures::count(picture.rate));
    let (streams, gaps) = (streams(state, picture), gaps(picture));
    let notice = picture.notices.first().map_or("-", |(_, name, _)| name);
    format!("{state:<14} {stored:>8} stored {rate:>6}/s | {streams} | gaps {gaps} | {}", cell(notice))
}

/// The lines of the screen: label and text.
fn block(at: Duration, state: &str, playing: &str, picture: &Picture) -> Vec<(String, String)> {
    let mut lines = vec![
        (clock(at), playing.to_owned()),
        ("daemon".to_owned(), state.to_owned()),
        ("stored".to_owned(), format!("{}, {} a second", figures::count(picture.stored), figures::count(picture.rate))),
        ("streams".to_owned(), streams(state, picture)),
        ("gaps".to_owned(), format!("{} of all streams together", gaps(picture))),
    ];
    for (place, (level, name, message)) in picture.notices.iter().enumerate() {
        let label = if place == 0 { "notices" } else { "" };
        lines.push((label.to_owned(), format!("{:<6}{}: {}", cell(level), cell(name), cell(message))));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        Picture {
            stored: 61_234,
            rate: 2_011,
            streams: vec![("active".to_owned(), 4_997), ("rejected".to_owned(), 1)],
            gaps_open: 1,
            gaps_closed: 5_000,
            gaps_filled: 4_000,
            gaps_waiting: 1_000,
            gap_seconds: 12_345,
            notices: vec![("warn".to_owned(), "crash-found".to_owned(), "it died\u{1b}[2J".to_owned())],
        }
    }

    #[test]
    fn a_line_has_everything() {
        assert_eq!(
            summary("live", &picture()),
            "live             61,234 stored  2,011/s | 4,997 active, 1 rejected | gaps 1 open, 5,000 closed, 4,000 of them filled, 12,345 s | crash-found"
        );
    }

    #[test]
    fn a_drawing_goes_over_the_last_one() {
        let lines = ["a".to_owned(), "b".to_owned()];
        assert_eq!(drawing(0, lines.iter()), "\u{1b}[?25la\u{1b}[K\nb\u{1b}[K\n\u{1b}[J");
        assert!(drawing(2, lines.iter()).starts_with("\u{1b}[?25l\u{1b}[2A\ra"));
    }

    #[test]
    fn a_block_is_harmless() {
        let lines = block(Duration::from_secs(83), "live", "the network is cut", &picture());
        assert_eq!(lines.first(), Some(&("01:23".to_owned(), "the network is cut".to_owned())));
        assert_eq!(lines.len(), 6);
        assert!(!lines.iter().any(|(_, text)| text.contains('\u{1b}')));
    }
}
