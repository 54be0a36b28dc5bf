//! How jobs are shown: bars on a terminal, a line for each change elsewhere.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::watch::{Stand, Sums};
use crate::command::figures;
use crate::healing::Stage;

/// The height of a terminal that does not tell its own.
const ROWS: usize = 24;
/// Rows that are left to what was there before, and to the bar over all.
const ROWS_LEFT: usize = 4;

/// Where the jobs are shown.
pub(super) enum Progress {
    Lines,
    Bars(Bars),
}

/// One bar a job, as many as there is room for, and one over all below them.
pub(super) struct Bars {
    all: MultiProgress,
    jobs: BTreeMap<i64, ProgressBar>,
    whole: ProgressBar,
    room: usize,
}

impl Progress {
    /// Bars where a cursor can be moved: a log of a build has none. `gaps` are to be filled.
    pub(super) fn of_stdout(gaps: u64) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        if !io::stdout().is_terminal() || dumb {
            return Self::Lines;
        }
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let whole = all.add(ProgressBar::new(gaps).with_style(style("{bar:40} {pos} of {len} gaps  {msg}")));
        let rows = rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_row));
        let room = if rows == 0 { ROWS } else { rows }.saturating_sub(ROWS_LEFT).max(1);
        Self::Bars(Bars { all, jobs: BTreeMap::new(), whole, room })
    }

    /// A sentence that stays.
    pub(super) fn say(&self, line: &str, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Lines => {
                writeln!(out, "{line}")?;
                out.flush()
            }
            Self::Bars(bars) => bars.all.println(line),
        }
    }

    /// These jobs stand differently.
    pub(super) fn show(&mut self, changed: &[Stand], sums: &Sums, out: &mut dyn Write) -> io::Result<()> {
        if let Self::Lines = self {
            return changed.iter().try_for_each(|stand| self.say(&stand.line(), out));
        }
        for stand in changed.iter().filter(|stand| stand.is_over()) {
            self.say(&stand.line(), out)?;
        }
        if let Self::Bars(bars) = self {
            bars.draw(changed, sums);
        }
        Ok(())
    }

    /// Nothing changes any more: the bars go, the sentences stay.
    pub(super) fn finish(&self) -> io::Result<()> {
        match self {
            Self::Lines => Ok(()),
            Self::Bars(bars) => bars.all.clear(),
        }
    }
}

impl Bars {
    fn draw(&mut self, changed: &[Stand], sums: &Sums) {
        for stand in changed {
            if stand.is_over() {
                if let Some(bar) = self.jobs.remove(&stand.id) {
                    bar.finish_and_clear();
                    self.all.remove(&bar);
                }
                continue;
            }
            if !self.jobs.contains_key(&stand.id) && self.jobs.len() < self.room {
                let bar = ProgressBar::new(steps(Stage::Closed)).with_style(style("{prefix:>10} {bar:12} {msg}"));
                let bar = self.all.insert_before(&self.whole, bar);
                bar.set_prefix(format!("job {}", stand.id));
                self.jobs.insert(stand.id, bar);
            }
            if let Some(bar) = self.jobs.get(&stand.id) {
                bar.set_position(Stage::of_word(&stand.stage).map_or(0, steps));
                bar.set_message(stand.short());
            }
        }
        let unseen = sums.running.saturating_sub(self.jobs.len());
        let more = if unseen == 0 { String::new() } else { format!(", {unseen} more jobs run") };
        let (new, known) = (figures::count(sums.stored), figures::count(sums.known));
        self.whole.set_length(self.whole.length().unwrap_or(0).max(sums.gaps));
        self.whole.set_position(sums.gaps);
        self.whole.set_message(format!("{new} rows new, {known} known{more}"));
        self.whole.tick();
    }
}

/// How many stages lie behind one that is in this one.
fn steps(stage: Stage) -> u64 {
    let behind = Stage::ALL.iter().take_while(|other| **other < stage).count();
    u64::try_from(behind).unwrap_or(0)
}

fn style(template: &str) -> ProgressStyle {
    // A template that does not parse is a fault that the tests see; the bar is drawn all the same.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ")
}
