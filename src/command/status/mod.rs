//! `siftd status`: what is wrong, since when, what to do; then how everything stands.

mod healing;
mod layout;
mod picture;
mod prometheus;
mod screen;
mod trouble;

use std::io::Write;
use std::path::Path;

use super::Failure;
use super::columns::write_json;
use super::output::Ink;
use crate::archive::reading::Reading;
use crate::config::archive_path;
use crate::time::Time;

use picture::Picture;
use trouble::{Trouble, troubles};

/// Show what is wrong, and how everything stands
///
/// One screen from the archive alone, whether the daemon runs or not: first what is wrong, since when and what to do
/// now; then the daemon, the connection, the streams, what came in, the gaps, and the latest warnings, as far as a screen
/// of 80 by 24 has room; the JSON has everything. Ends with 0 whenever the archive could be read: ask `problems` in the
/// JSON for what is wrong.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  siftd status
  siftd status --json | jq -e '.problems == []'      # for a monitor: fails if anything is wrong
  siftd status --json | jq .daemon.watermark_us
  siftd status --format prometheus | sponge /var/lib/prometheus/node-exporter/siftd.prom")]
pub struct Args {
    /// One JSON document; names that come from a view are the view's
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// The form of the answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Form::Text)]
    format: Form,
}

/// Whom the answer is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Form {
    /// A person
    Text,
    /// A program, as --json
    Json,
    /// The textfile collector of Prometheus' node exporter
    Prometheus,
}

/// Answers on `out` from the archive that the settings at `config` name.
pub fn run(args: &Args, config: Option<&Path>, now: Time, out: &mut dyn Write) -> Result<(), Failure> {
    let archive = Reading::open(&archive_path(config)?)?;
    let picture = Picture::take(&archive, now)?;
    let troubles = troubles(&picture);
    if args.format == Form::Prometheus {
        return Ok(prometheus::print(&picture, &troubles, out)?);
    }
    if args.json || args.format == Form::Json {
        write_json(out, &Document { problems: &troubles, picture: &picture })?;
        return Ok(writeln!(out)?);
    }
    Ok(screen::print(&picture, &troubles, Ink::of_stdout(), out)?)
}

#[derive(serde::Serialize)]
struct Document<'of> {
    problems: &'of [Trouble],
    #[serde(flatten)]
    picture: &'of Picture,
}
