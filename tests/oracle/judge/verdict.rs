//! The verdict: proven, violated, or unknown, and everything that it rests on.

use std::collections::BTreeMap;
use std::fmt;

use super::driver::Driver;
use super::journal::Journal;

/// So many findings of a kind are told; the rest is counted.
const TOLD_MAX: usize = 5;

/// What a scenario promises to exercise, and what the daemon was told.
#[derive(Clone, Debug)]
pub(crate) struct Promise {
    /// Classes that must not be empty: a run that exercises nothing proves nothing.
    pub(crate) classes: Vec<String>,
    /// How late the history of a stream may begin: `[gap] starting`.
    pub(crate) starting_us: i64,
    /// The daemon's clock less the machine's, where a test makes them differ.
    pub(crate) local_offset_us: i64,
}

impl Default for Promise {
    fn default() -> Self {
        Self { classes: vec!["stored".to_owned()], starting_us: 60_000_000, local_offset_us: 0 }
    }
}

/// What a run has shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Proven,
    Violated,
    /// Something that was to be exercised was not. That is a failure, too.
    Unknown,
}

/// The gaps of one cause, or those that answer to one fault.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) gaps: usize,
    pub(crate) micros: i64,
    /// How much of it the streams were served nevertheless.
    pub(crate) excess_us: i64,
    pub(crate) excess_max_us: i64,
}

impl Sum {
    pub(crate) fn add(&mut self, micros: i64, excess_us: i64) {
        self.gaps += 1;
        self.micros = self.micros.saturating_add(micros);
        self.excess_us = self.excess_us.saturating_add(excess_us);
        self.excess_max_us = self.excess_max_us.max(excess_us);
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gaps, micros, excess_us, excess_max_us } = *self;
        let [long, excess, most] = [micros, excess_us, excess_max_us].map(seconds);
        write!(out, "{gaps} gaps, {long} s in all, of which {excess} s over the outage, {most} s at most")
    }
}

/// Microseconds as seconds with three decimals.
pub(crate) fn seconds(us: i64) -> String {
    let sign = if us < 0 { "-" } else { "" };
    let us = us.unsigned_abs();
    format!("{sign}{}.{:03}", us / 1_000_000, us % 1_000_000 / 1_000)
}

/// Everything that was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    counts: BTreeMap<&'static str, usize>,
    found: BTreeMap<&'static str, (usize, Vec<String>)>,
    unknown: Vec<String>,
    pub(crate) causes: BTreeMap<String, Sum>,
    pub(crate) faults: BTreeMap<String, Sum>,
}

impl Report {
    pub(crate) fn new(truth: &Journal) -> Self {
        Self { seed: truth.seed, ..Self::default() }
    }

    pub(crate) fn count(&mut self, class: &'static str) {
        *self.counts.entry(class).or_default() += 1;
    }

    /// How many messages are of a class.
    pub(crate) fn counted(&self, class: &str) -> usize {
        self.counts.get(class).copied().unwrap_or_default()
    }

    pub(crate) fn find(&mut self, kind: &'static str, told: impl FnOnce() -> String) {
        let (count, tellings) = self.found.entry(kind).or_default();
        *count += 1;
        if tellings.len() < TOLD_MAX {
            tellings.push(told());
        }
    }

    /// How many findings there are of a kind: `LOST`, `UNEXPECTED`, `DUPLICATE`, `UNDELETED`, `SKIPPED`, …
    pub(crate) fn findings(&self, kind: &str) -> usize {
        self.found.get(kind).map_or(0, |(count, _)| *count)
    }

    pub(crate) fn doubt(&mut self, why: String) {
        self.unknown.push(why);
    }

    /// Takes in what was found while the daemon ran.
    pub(crate) fn join(&mut self, other: &Self) {
        for (kind, (count, tellings)) in &other.found {
            let own = self.found.entry(kind).or_default();
            own.0 += count;
            own.1.extend(tellings.iter().map(|telling| format!("while it ran: {telling}")));
            own.1.truncate(TOLD_MAX);
        }
        self.unknown.extend(other.unknown.iter().cloned());
    }

    /// What was promised and is not there.
    pub(crate) fn conclude(&mut self, truth: &Journal, driver: &Driver, promise: &Promise) {
        if !truth.has_end {
            self.doubt("the server's journal is cut: its last line is missing".to_owned());
        }
        for class in &promise.classes {
            if self.counted(class) == 0 {
                self.doubt(format!("no message is {class}, and the scenario promises some"));
            }
        }
        for fault in driver.faults.iter().filter(|fault| fault.fired.is_none()) {
            self.doubt(format!("nothing proves that the fault {:?} fired", fault.name));
        }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        match (self.found.is_empty(), self.unknown.is_empty()) {
            (false, _) => Verdict::Violated,
            (true, false) => Verdict::Unknown,
            (true, true) => Verdict::Proven,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict() {
            Verdict::Proven => "proven",
            Verdict::Violated => "VIOLATED",
            Verdict::Unknown => "UNKNOWN",
        };
        writeln!(out, "{verdict} (seed {})", self.seed)?;
        for (class, count) in &self.counts {
            writeln!(out, "  {count:>9} {class}")?;
        }
        for (cause, sum) in &self.causes {
            writeln!(out, "  cause {cause}: {sum}")?;
        }
        for (fault, sum) in &self.faults {
            writeln!(out, "  fault {fault}: {sum}")?;
        }
        for (kind, (_, tellings)) in &self.found {
            writeln!(out, "  {:>9} {kind}", self.findings(kind))?;
            for telling in tellings {
                writeln!(out, "            {telling}")?;
            }
        }
        for why in &self.unknown {
            writeln!(out, "  unknown: {why}")?;
        }
        Ok(())
    }
}
