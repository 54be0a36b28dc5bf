//! The status on one screen.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::picture::Picture;
use super::trouble::Trouble;
use crate::archive::reading::Holder;
use crate::command::columns::Columns;
use crate::command::figures;
use crate::command::output::{Ink, cell};
use crate::notice::Level;
use crate::record::DaemonState;
use crate::time::Time;

pub(super) fn print(picture: &Picture, troubles: &[Trouble], ink: Ink, out: &mut dyn Write) -> io::Result<()> {
    for trouble in troubles {
        wrong(trouble, picture.now, ink, out)?;
    }
    if troubles.is_empty() {
        writeln!(out, "{}", ink.green("all is well"))?;
    }
    writeln!(out)?;
    let mut line = |name: &str, text: String| writeln!(out, "{} {text}", ink.bold(format_args!("{name:<13}")));
    line("daemon", daemon(picture))?;
    line("connection", connection(picture))?;
    line("streams", streams(picture))?;
    line("interactions", interactions(picture))?;
    line("gaps", gaps(picture))?;
    line("backfill", picture.healing.line())?;
    line("watermark", watermark(picture))?;
    line("archive", archive(picture))?;
    notices(picture, ink, out)
}

fn wrong(trouble: &Trouble, now: Time, ink: Ink, out: &mut dyn Write) -> io::Result<()> {
    let level = if trouble.level == Level::Error.word() { ink.red("ERROR") } else { ink.yellow("WARN ") };
    let since = trouble.since.map(|since| format!(", since {}", when(since, now))).unwrap_or_default();
    writeln!(out, "{level} {}{since}", cell(&trouble.what))?;
    writeln!(out, "      {}", trouble.remedy)
}

fn when(moment: Time, now: Time) -> String {
    format!("{} ({})", figures::moment(moment), figures::age(moment, now))
}

fn daemon(picture: &Picture) -> String {
    let Some(daemon) = &picture.daemon else { return "none has run yet".to_owned() };
    let since = daemon.moment("since_us").map(|since| when(since, picture.now)).unwrap_or_default();
    let (state, version) = (cell(daemon.text("state")), cell(daemon.text("version")));
    match &picture.holder {
        Holder::Daemon { .. } if state == DaemonState::Stopped.word() => {
            format!("starting or ending; stopped since {since}, siftd {version}")
        }
        Holder::Daemon { pid } => {
            let pid = pid.map_or_else(|| "a process".to_owned(), |pid| format!("process {pid}"));
            format!("{state} since {since}, {pid}, siftd {version}")
        }
        Holder::Nobody => format!("not running; last state {state} since {since}, siftd {version}"),
        Holder::Unknown(_) => format!("last state {state} since {since}, siftd {version}"),
    }
}

fn connection(picture: &Picture) -> String {
    let Some(connection) = &picture.connection else { return "none yet".to_owned() };
    let id = connection.number("id").unwrap_or_default();
    let count = |name| figures::count(connection.number(name).unwrap_or_default());
    let bytes = u64::try_from(connection.number("bytes").unwrap_or_default()).unwrap_or_default();
    let opened = connection.moment("opened_us").map(|opened| when(opened, picture.now)).unwrap_or_default();
    let taken = format!("{} frames, {}, {} interactions", count("frames"), figures::size(bytes), count("interactions"));
    match connection.moment("closed_us") {
        None if picture.holder == Holder::Nobody => format!("none; the last one ({id}) ended with the daemon: {taken}"),
        None => format!("{id} since {opened}: {taken}"),
        Some(closed) => format!(
            "none; the last one ({id}) ended {} ({}): {taken}",
            when(closed, picture.now),
            cell(connection.text("closed_because"))
        ),
    }
}

fn streams(picture: &Picture) -> String {
    let states: Vec<_> =
        picture.streams.iter().map(|(state, number)| format!("{} {}", figures::count(*number), cell(state))).collect();
    match states.is_empty() {
        true => "none".to_owned(),
        false if picture.holder == Holder::Nobody => format!("{}, as the daemon left them", states.join(", ")),
        false => states.join(", "),
    }
}

fn interactions(picture: &Picture) -> String {
    let came = &picture.interactions;
    let Some(last) = came.last else { return "none yet".to_owned() };
    let (whole, tenth) = (came.last_minute / 60, came.last_minute % 60 / 6);
    format!(
        "{} in the last minute ({}.{tenth}/s), {} in the last hour, last one {}",
        figures::count(came.last_minute),
        figures::count(whole),
        figures::count(came.last_hour),
        figures::age(last, picture.now)
    )
}

fn gaps(picture: &Picture) -> String {
    let gaps = &picture.gaps;
    let mut text = format!("{} open", figures::count(gaps.open));
    if let Some(oldest) = gaps.oldest {
        let causes: Vec<_> = gaps
            .open_by_cause
            .iter()
            .map(|gaps| format!("{} {}", cell(&gaps.cause), figures::count(gaps.streams)))
            .collect();
        // Writing to a String cannot fail.
        write!(text, " since {}: {}", when(oldest, picture.now), causes.join(", ")).unwrap_or_default();
    }
    write!(text, "; {} closed", figures::count(gaps.closed)).unwrap_or_default();
    text
}

fn watermark(picture: &Picture) -> String {
    let column = |name| picture.daemon.as_ref().and_then(|daemon: &Columns| daemon.number(name));
    let Some(watermark) = column("watermark_us").map(Time::from_micros) else {
        return "none yet".to_owned();
    };
    let waiting = column("queue_frames").unwrap_or_default();
    let clock = column("clock_offset_us").map(|offset| format!(", {}", figures::clocks(offset))).unwrap_or_default();
    format!(
        "everything until {} is committed, {} waiting{clock}",
        when(watermark, picture.now),
        figures::counted(waiting, "frame")
    )
}

fn archive(picture: &Picture) -> String {
    let files = &picture.archive;
    let free = files.free.map_or_else(|| "unknown space".to_owned(), figures::size);
    format!(
        "{}: {}, write-ahead log {}, {free} free",
        files.path,
        figures::size(files.archive),
        figures::size(files.log)
    )
}

fn notices(picture: &Picture, ink: Ink, out: &mut dyn Write) -> io::Result<()> {
    if picture.notices.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", ink.bold("warnings of the last hour, newest first (`siftd explain NAME`)"))?;
    for notice in &picture.notices {
        let age = notice.moment("at_us").map(|at| figures::age(at, picture.now)).unwrap_or_default();
        let name = cell(notice.text("notice"));
        let name = if notice.text("level") == Level::Error.word() { ink.red(name) } else { ink.yellow(name) };
        let number = notice.number("count").filter(|number| *number > 1);
        let number = number.map(|number| format!(" ({} times)", figures::count(number))).unwrap_or_default();
        writeln!(out, "{age:>17}  {name}{number}: {}", cell(notice.text("message")))?;
    }
    Ok(())
}
