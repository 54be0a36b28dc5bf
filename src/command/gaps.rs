//! `siftd gaps`: what may have been missed, when and why.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::Failure;
use super::columns::{Columns, Document};
use super::figures;
use super::output::{Sheet, cell};
use crate::archive::reading::{Holder, Reading, holder};
use crate::config::archive_path;
use crate::time::Time;

/// The states that a gap can be in.
pub const STATES: [&str; 7] = ["open", "closed", "filling", "filled", "partial", "unfillable", "waived"];

/// List the gaps: when which stream is not proven complete
///
/// One line a gap, oldest first, and the sums by cause. A gap never is narrower than what was missed. Reads the
/// archive alone; while no daemon runs, nothing after the archive's watermark is proven either (`siftd status`).
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
States:
  open        it grows
  closed      it has ended and waits for backfill
  filling     a backfill works on it
  filled      everything in it was fetched
  partial     some of it was fetched; the detail names what is missing
  unfillable  it cannot be fetched; the detail says why
  waived      an operator said: leave it

Examples:
  siftd gaps --state open
  siftd gaps --since 2h --stream 4f3af38ad1c31646561bc814c3e69af5
  siftd gaps --since 2026-11-01 --json | jq '[.gaps[].seconds] | add'")]
pub struct Args {
    /// Only the gaps of this stream, by its hash or its label
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// Only the gaps in this state
    #[arg(long, value_name = "STATE", value_parser = STATES)]
    state: Option<String>,
    /// Only the gaps that reach beyond this moment: 2026-11-22T05:00:00Z, a date (UTC), or a span ago (2h, 3d)
    #[arg(long, value_name = "TIME", value_parser = Since::read)]
    since: Option<Since>,
    /// One JSON document: {"gaps": [...]}, every column of the view `gaps`
    #[arg(long)]
    json: bool,
}

/// A moment as an operator names it.
#[derive(Clone, Debug)]
pub(super) enum Since {
    At(jiff::Timestamp),
    Ago(jiff::Span),
}

impl Since {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
            return Ok(Self::At(stamp));
        }
        // A date alone is its first moment; without a zone it is meant in UTC, as everything here.
        if let Ok(moment) = text.parse::<jiff::civil::DateTime>() {
            return moment
                .to_zoned(TimeZone::UTC)
                .map(|moment| Self::At(moment.timestamp()))
                .map_err(|error| error.to_string());
        }
        match text.parse::<jiff::Span>() {
            Ok(span) => Ok(Self::Ago(span.abs())),
            Err(_) => {
                Err("write a moment (2026-11-22T05:00:00Z), a date (2026-11-22) or a span (90s, 2h, 3d)".to_owned())
            }
        }
    }

    /// The moment that is meant; a span may reach back beyond all time.
    pub(super) fn moment(&self, now: Time) -> Time {
        match self {
            Self::At(stamp) => Time::from_micros(stamp.as_microsecond()),
            Self::Ago(span) => {
                let zoned = jiff::Timestamp::from_microsecond(now.micros()).map(|now| now.to_zoned(TimeZone::UTC));
                let earlier = zoned.and_then(|now| now.checked_sub(*span));
                earlier.map_or(Time::from_micros(i64::MIN), |moment| {
                    Time::from_micros(moment.timestamp().as_microsecond())
                })
            }
        }
    }
}

const QUESTION: &str = "
SELECT * FROM gaps
 WHERE (?1 IS NULL OR stream IN (SELECT stream FROM streams WHERE stream = lower(?1) OR label = ?1))
   AND (?2 IS NULL OR state = ?2)
   AND (?3 IS NULL OR ended_us IS NULL OR ended_us > ?3)
 ORDER BY started_us, id";

/// Answers on `out` from the archive that the settings at `config` name.
pub fn run(args: &Args, config: Option<&Path>, now: Time, out: &mut dyn Write) -> Result<(), Failure> {
    let archive = Reading::open(&archive_path(config)?)?;
    if let Some(stream) = &args.stream {
        known(&archive, stream)?;
    }
    let since = args.since.as_ref().map(|since| since.moment(now).micros());
    let parameters = (&args.stream, &args.state, since);
    if args.json {
        let mut document = Document::begin(out, "gaps")?;
        archive.each(QUESTION, parameters, Columns::of, |gap| Ok::<(), Failure>(document.row(&gap)?))?;
        return Ok(document.end()?);
    }
    let mut list = List::new(now);
    archive.each(QUESTION, parameters, Columns::of, |gap| {
        list.take(&gap);
        Ok::<(), Failure>(())
    })?;
    list.print(out)?;
    unwatched(&archive, out)
}

/// While no daemon runs, the gap after its last word may not be written yet: an empty list would be a false comfort.
fn unwatched(archive: &Reading, out: &mut dyn Write) -> Result<(), Failure> {
    if holder(archive.path()) != Holder::Nobody {
        return Ok(());
    }
    match archive.first("SELECT watermark_us FROM daemon", [], |row| row.get::<_, Option<i64>>(0))?.flatten() {
        Some(watermark) => {
            let watermark = figures::moment(Time::from_micros(watermark));
            Ok(writeln!(
                out,
                "\nNo daemon runs: nothing after {watermark} is proven complete, whatever is listed here."
            )?)
        }
        None => Ok(writeln!(out, "\nNo daemon runs: nothing is proven complete.")?),
    }
}

/// The stream of this hash or label. One that the archive has never heard of is refused: no gaps would be a false comfort.
pub(super) fn known(archive: &Reading, stream: &str) -> Result<String, Failure> {
    const KNOWN: &str = "SELECT stream FROM streams WHERE stream = lower(?1) OR label = ?1 LIMIT 1";
    match archive.first(KNOWN, [stream], |row| row.get(0))? {
        Some(stream) => Ok(stream),
        None => Err(Failure::Usage(format!(
            "no stream in {} has the hash or the label {}: `siftd streams` lists them",
            archive.path().display(),
            cell(stream)
        ))),
    }
}

/// The table as it grows, and its sums.
struct List {
    now: Time,
    sheet: Sheet,
    growing: i64,
    /// Number and length of the gaps of each cause.
    causes: BTreeMap<String, (i64, Duration)>,
}

impl List {
    fn new(now: Time) -> Self {
        let headline = [">ID", "STREAM", "STARTED", "ENDED", ">SECONDS", "CAUSE", "STATE", "DELETES", "DETAIL"];
        Self { now, sheet: Sheet::new(&headline), growing: 0, causes: BTreeMap::new() }
    }

    fn take(&mut self, gap: &Columns) {
        let started = gap.moment("started_us").unwrap_or_default();
        let ended = gap.moment("ended_us");
        let length = ended.unwrap_or(self.now).since(started);
        self.growing += i64::from(ended.is_none());
        let (number, sum) = self.causes.entry(gap.text("cause").to_owned()).or_default();
        *number += 1;
        *sum = sum.saturating_add(length);
        self.sheet.row(vec![
            figures::count(gap.number("id").unwrap_or(0)),
            cell(gap.text("stream")),
            figures::moment(started),
            ended.map_or_else(|| "growing".to_owned(), figures::moment),
            format!("{:.1}", length.as_secs_f64()),
            cell(gap.text("cause")),
            cell(gap.text("state")),
            if gap.number("deletes_unknown") == Some(0) { "known" } else { "unknown" }.to_owned(),
            cell(gap.text("detail")),
        ]);
    }

    fn print(self, out: &mut dyn Write) -> io::Result<()> {
        if self.causes.is_empty() {
            return writeln!(out, "no gaps");
        }
        self.sheet.print(out)?;
        let (number, span) = self
            .causes
            .values()
            .fold((0, Duration::ZERO), |(number, span), (more, longer)| (number + more, span.saturating_add(*longer)));
        let (gaps, growing) = (figures::counted(number, "gap"), figures::count(self.growing));
        writeln!(
            out,
            "\n{gaps}, {growing} growing (counted until now), {:.1} s of streams in all",
            span.as_secs_f64()
        )?;
        let mut sums = Sheet::new(&["CAUSE", ">GAPS", ">SECONDS"]);
        for (cause, (number, span)) in self.causes {
            sums.row(vec![cell(&cause), figures::count(number), format!("{:.1}", span.as_secs_f64())]);
        }
        sums.print(out)
    }
}
