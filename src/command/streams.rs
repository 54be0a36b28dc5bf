//! `siftd streams`: every stream, how it stands, and how far it is covered.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use super::Failure;
use super::columns::{Columns, Document};
use super::figures;
use super::output::{Sheet, cell};
use crate::archive::reading::Reading;
use crate::config::archive_path;
use crate::record::StreamState;

/// The states that a stream can be in.
pub const STATES: [&str; 6] = [
    StreamState::Wanted.word(),
    StreamState::Active.word(),
    StreamState::Rejected.word(),
    StreamState::Disabled.word(),
    StreamState::Overflow.word(),
    StreamState::Retired.word(),
];

/// List the streams and their coverage
///
/// One line a stream: its hash and label, how it stands and why, up to when it is proven complete, how many
/// interactions it has and when the last one came, and how many of its gaps still grow. Reads the archive alone:
/// the daemon may run or not.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  siftd streams --state rejected
  siftd streams --json | jq -r '.streams[] | select(.open_gaps > 0) | .stream'")]
pub struct Args {
    /// Only the streams in this state
    #[arg(long, value_name = "STATE", value_parser = STATES)]
    state: Option<String>,
    /// One JSON document: {"streams": [...]}, every column of the view `streams`
    #[arg(long)]
    json: bool,
}

const QUESTION: &str = "SELECT * FROM streams WHERE ?1 IS NULL OR state = ?1 ORDER BY stream";

/// Answers on `out` from the archive that the settings at `config` name.
pub fn run(args: &Args, config: Option<&Path>, out: &mut dyn Write) -> Result<(), Failure> {
    let archive = Reading::open(&archive_path(config)?)?;
    if args.json {
        let mut document = Document::begin(out, "streams")?;
        archive.each(QUESTION, [&args.state], Columns::of, |stream| Ok::<(), Failure>(document.row(&stream)?))?;
        return Ok(document.end()?);
    }
    print(&archive.all(QUESTION, [&args.state], Columns::of)?, out)
}

fn print(streams: &[Columns], out: &mut dyn Write) -> Result<(), Failure> {
    let mut headline =
        vec!["STREAM", "LABEL", "STATE", "COVERED UNTIL", ">INTERACTIONS", "LAST INTERACTION", ">OPEN GAPS", "REASON"];
    // Where nothing is limited there is nothing to say.
    let limited = streams.iter().any(|stream| stream.number("pruned_before_us").is_some());
    if limited {
        headline.push("KEPT SINCE");
    }
    let mut sheet = Sheet::new(&headline);
    let mut states: BTreeMap<&str, i64> = BTreeMap::new();
    for stream in streams {
        let moment = |name| stream.moment(name).map_or_else(|| "-".to_owned(), figures::moment);
        let count = |name| figures::count(stream.number(name).unwrap_or(0));
        let mut row = vec![
            cell(stream.text("stream")),
            cell(stream.text("label")),
            cell(stream.text("state")),
            moment("covered_until_us"),
            count("interactions"),
            moment("last_interaction_us"),
            count("open_gaps"),
            cell(stream.text("reason")),
        ];
        if limited {
            row.push(moment("pruned_before_us"));
        }
        sheet.row(row);
        *states.entry(stream.text("state")).or_default() += 1;
    }
    if !streams.is_empty() {
        sheet.print(out)?;
        writeln!(out)?;
    }
    let total = figures::counted(i64::try_from(streams.len()).unwrap_or(i64::MAX), "stream");
    let states: Vec<_> =
        states.into_iter().map(|(state, number)| format!("{} {state}", figures::count(number))).collect();
    match states.len() {
        0 | 1 => writeln!(out, "{total}")?,
        _ => writeln!(out, "{total}: {}", states.join(", "))?,
    }
    Ok(())
}
