//! The status as metrics, for the textfile collector of Prometheus' node exporter.
//!
//! Form: Prometheus, Exposition Formats, Text-based format; names as in Prometheus, Metric and label naming.

use std::io::{self, Write};

use super::picture::Picture;
use super::trouble::Trouble;
use crate::archive::reading::Holder;
use crate::command::columns::Columns;
use crate::coverage::Cause;
use crate::notice::Level;
use crate::record::DaemonState;

pub(super) fn print(picture: &Picture, troubles: &[Trouble], out: &mut dyn Write) -> io::Result<()> {
    let mut sheet = Sheet { out };
    daemon(picture, &mut sheet)?;
    let level = |level: Level| troubles.iter().filter(|trouble| trouble.level == level.word()).count();
    sheet.family("siftd_problems", "What siftd status finds wrong, by level.")?;
    for word in [Level::Error, Level::Warn] {
        sheet.sample("siftd_problems", Some(("level", word.word())), &level(word).to_string())?;
    }
    sheet.family("siftd_streams", "Streams by state.")?;
    for state in crate::command::streams::STATES {
        let number = picture.streams.get(state).copied().unwrap_or(0);
        sheet.sample("siftd_streams", Some(("state", state)), &number.to_string())?;
    }
    sheet.family("siftd_open_gaps", "Streams that are not covered now, by cause.")?;
    for cause in Cause::ALL {
        let open = picture.gaps.open_by_cause.iter().find(|gaps| gaps.cause == cause.word());
        let number = open.map_or(0, |gaps| gaps.streams);
        sheet.sample("siftd_open_gaps", Some(("cause", cause.word())), &number.to_string())?;
    }
    sheet.moment(
        "siftd_open_gaps_oldest_timestamp_seconds",
        "Since when the oldest growing gap grows; absent without one.",
        picture.gaps.oldest.map(crate::time::Time::micros),
    )?;
    sheet.number("siftd_closed_gaps", "Gaps that have ended and wait for backfill.", picture.gaps.closed)?;
    let came = &picture.interactions;
    sheet.number(
        "siftd_interactions_last_minute",
        "Interactions that arrived in the last minute.",
        came.last_minute,
    )?;
    sheet.number("siftd_interactions_last_hour", "Interactions that arrived in the last hour.", came.last_hour)?;
    sheet.moment(
        "siftd_last_interaction_timestamp_seconds",
        "When the last interaction arrived.",
        came.last.map(crate::time::Time::micros),
    )?;
    let files = &picture.archive;
    let whole = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    sheet.number("siftd_archive_bytes", "Size of the archive.", whole(files.archive))?;
    sheet.number("siftd_wal_bytes", "Size of its write-ahead log.", whole(files.log))?;
    if let Some(free) = files.free {
        sheet.number("siftd_disk_free_bytes", "What the daemon can still use of the archive's disk.", whole(free))?;
    }
    sheet.moment("siftd_status_timestamp_seconds", "When this was written.", Some(picture.now.micros()))
}

/// Whether it lives, what it does, and how far it has come.
fn daemon(picture: &Picture, sheet: &mut Sheet<'_>) -> io::Result<()> {
    match &picture.holder {
        Holder::Daemon { .. } => sheet.number("siftd_up", UP, 1)?,
        Holder::Nobody => sheet.number("siftd_up", UP, 0)?,
        Holder::Unknown(_) => {}
    }
    let Some(daemon) = &picture.daemon else { return Ok(()) };
    sheet.family("siftd_info", "The version of the daemon.")?;
    sheet.sample("siftd_info", Some(("version", daemon.text("version"))), "1")?;
    sheet
        .family("siftd_state", "What the daemon is doing, or was when it died: 1 for that state, 0 for the others.")?;
    for state in DaemonState::ALL {
        let is = if daemon.text("state") == state.word() { "1" } else { "0" };
        sheet.sample("siftd_state", Some(("state", state.word())), is)?;
    }
    for (name, help, column) in [
        ("siftd_state_since_timestamp_seconds", "Since when it is in this state.", "since_us"),
        ("siftd_told_timestamp_seconds", "When the daemon last wrote that it lives.", "told_us"),
        ("siftd_watermark_timestamp_seconds", "Everything that arrived until then is stored.", "watermark_us"),
    ] {
        sheet.moment(name, help, daemon.number(column))?;
    }
    sheet.number("siftd_queue_frames", "Frames that wait to be stored.", daemon.number("queue_frames").unwrap_or(0))?;
    sheet.moment("siftd_clock_offset_seconds", "The server's clock less ours.", daemon.number("clock_offset_us"))?;
    let interactions = picture.connection.as_ref().and_then(|newest: &Columns| newest.number("interactions"));
    let help = "Interactions of the newest connection; begins anew with each.";
    sheet.number("siftd_connection_interactions", help, interactions.unwrap_or(0))
}

const UP: &str = "Whether a daemon holds the archive; absent where that cannot be told.";

/// Metrics, one family after the other.
struct Sheet<'out> {
    out: &'out mut dyn Write,
}

impl Sheet<'_> {
    fn family(&mut self, name: &str, help: &str) -> io::Result<()> {
        writeln!(self.out, "# HELP {name} {help}\n# TYPE {name} gauge")
    }

    fn sample(&mut self, name: &str, label: Option<(&str, &str)>, value: &str) -> io::Result<()> {
        match label {
            Some((label, text)) => writeln!(self.out, "{name}{{{label}=\"{}\"}} {value}", escaped(text)),
            None => writeln!(self.out, "{name} {value}"),
        }
    }

    fn number(&mut self, name: &str, help: &str, value: i64) -> io::Result<()> {
        self.family(name, help)?;
        self.sample(name, None, &value.to_string())
    }

    /// Microseconds as seconds; nothing where they are not known.
    fn moment(&mut self, name: &str, help: &str, micros: Option<i64>) -> io::Result<()> {
        let Some(micros) = micros else { return Ok(()) };
        let (sign, size) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
        self.family(name, help)?;
        self.sample(name, None, &format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000))
    }
}

/// A label's value, unable to leave its quotes or its line.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
