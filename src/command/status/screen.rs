//! The status on one screen.

use std::io::{self, Write};
use std::time::Duration;

use super::layout::{ROWS, cut, wrapped};
use super::picture::Picture;
use super::trouble::Trouble;
use crate::archive::reading::Holder;
use crate::command::columns::Columns;
use crate::command::figures;
use crate::command::output::{Ink, cell};
use crate::notice::Level;
use crate::record::DaemonState;
use crate::time::Time;

/// Columns that the name of a line takes, the level of what is wrong, and the age of a warning.
const NAME: usize = 14;
const LEVEL: usize = 6;
const AGE: usize = 15;
/// Rows that one line takes at most.
const LINE_ROWS: usize = 2;
const DAY: Duration = Duration::from_hours(24);

/// Everything on one screen: how it stands takes what it needs, what is wrong stands before it and takes most of the
/// rest, and the latest warnings take what is left.
pub(super) fn print(picture: &Picture, troubles: &[Trouble], ink: Ink, out: &mut dyn Write) -> io::Result<()> {
    let standing = standing(picture, ink);
    let wrong = if troubles.is_empty() {
        vec![ink.green("all is well")]
    } else {
        wrong(troubles, picture.now, ink, ROWS.saturating_sub(standing.len() + 1))
    };
    let left = ROWS.saturating_sub(standing.len() + 1 + wrong.len());
    let notices = notices(picture, ink, left);
    let rows = wrong.into_iter().chain([String::new()]).chain(standing).chain(notices);
    rows.into_iter().try_for_each(|row| writeln!(out, "{row}"))
}

/// How everything stands.
fn standing(picture: &Picture, ink: Ink) -> Vec<String> {
    let lines = [
        ("daemon", daemon(picture)),
        ("connection", connection(picture)),
        ("streams", streams(picture)),
        ("interactions", interactions(picture)),
        ("gaps", gaps(picture)),
        ("backfill", picture.healing.line()),
        ("watermark", watermark(picture)),
        ("archive", archive(picture)),
    ];
    let mut rows = Vec::new();
    for (name, text) in lines {
        let mut text = wrapped(&text, NAME);
        if let Some(first) = text.first_mut() {
            *first = format!("{}{first}", ink.bold(format_args!("{name:<NAME$}")));
        }
        if text.len() > LINE_ROWS {
            text.truncate(LINE_ROWS);
            let last = text.pop().unwrap_or_default();
            text.push(cut(&format!("{last} \u{2026}"), 0));
        }
        rows.extend(text);
    }
    rows
}

/// What is wrong, in so many rows at most: the first ones with what to do, the others by name if there is no more room.
fn wrong(troubles: &[Trouble], now: Time, ink: Ink, room: usize) -> Vec<String> {
    for explained in (1..=troubles.len()).rev() {
        let rows = told(troubles, explained, now, ink);
        if rows.len() <= room {
            return rows;
        }
    }
    let mut rows = told(troubles, 1, now, ink);
    let shown = rows.len().min(room.saturating_sub(1));
    // One row each from the second on.
    let more = rows.len().saturating_sub(shown).min(troubles.len().saturating_sub(1));
    rows.truncate(shown);
    rows.push(format!("      and {more} more: `siftd status --json`"));
    rows
}

fn told(troubles: &[Trouble], explained: usize, now: Time, ink: Ink) -> Vec<String> {
    let mut rows = Vec::new();
    let mut said: Option<&str> = None;
    for (place, trouble) in troubles.iter().enumerate() {
        let level = if trouble.level == Level::Error.word() { ink.red("ERROR") } else { ink.yellow("WARN ") };
        let since = trouble.since.map(|since| format!(", since {}", when(since, now))).unwrap_or_default();
        let what = format!("{}{since}", cell(&trouble.what));
        if place < explained {
            let mut text = wrapped(&what, LEVEL);
            if let Some(first) = text.first_mut() {
                *first = format!("{level} {first}");
            }
            rows.extend(text);
            // What was to be done just before is not said twice.
            if said != Some(trouble.remedy.as_str()) {
                rows.extend(wrapped(&trouble.remedy, LEVEL).into_iter().enumerate().map(hanging));
            }
            said = Some(&trouble.remedy);
        } else {
            rows.push(format!("{level} {}", cut(&what, LEVEL)));
        }
    }
    rows
}

/// The first row is set in as the others are.
fn hanging((place, row): (usize, String)) -> String {
    if place == 0 { " ".repeat(LEVEL) + &row } else { row }
}

/// The time of day is enough for what is younger than a day, and keeps a line in one row.
fn when(moment: Time, now: Time) -> String {
    let told = figures::moment(moment);
    let today = !figures::is_ahead(moment, now) && now.since(moment) < DAY;
    let told = told.split_once('T').filter(|_| today).map_or(told.as_str(), |(_, time)| time);
    format!("{told} ({})", figures::age(moment, now))
}

fn daemon(picture: &Picture) -> String {
    let Some(daemon) = &picture.daemon else { return "none has run yet".to_owned() };
    let since = daemon.moment("since_us").map(|since| when(since, picture.now)).unwrap_or_default();
    let (state, version) = (cell(daemon.text("state")), cell(daemon.text("version")));
    // Worth a word only where it is another than the one that answers.
    let version = if version == env!("CARGO_PKG_VERSION") { String::new() } else { format!(", siftd {version}") };
    match &picture.holder {
        Holder::Daemon { .. } if state == DaemonState::Stopped.word() => {
            format!("starting or ending; stopped since {since}{version}")
        }
        Holder::Daemon { pid } => {
            let pid = pid.map_or_else(|| "a process".to_owned(), |pid| format!("process {pid}"));
            format!("{state} since {since}, {pid}{version}")
        }
        Holder::Nobody => format!("not running; last state {state} since {since}{version}"),
        Holder::Unknown(_) => format!("last state {state} since {since}{version}"),
    }
}

fn connection(picture: &Picture) -> String {
    let Some(connection) = &picture.connection else { return "none yet".to_owned() };
    let id = connection.number("id").unwrap_or_default();
    let count = |name| figures::count(connection.number(name).unwrap_or_default());
    let bytes = u64::try_from(connection.number("bytes").unwrap_or_default()).unwrap_or_default();
    let lasted = |until: Time| connection.moment("opened_us").map(|opened| figures::span(until.since(opened)));
    let taken = format!("{}, {} interactions", figures::size(bytes), count("interactions"));
    match connection.moment("closed_us") {
        None if picture.holder == Holder::Nobody => format!("none; {id} ended with the daemon"),
        None => format!("{id} for {}: {taken}", lasted(picture.now).unwrap_or_default()),
        Some(closed) => format!(
            "none; {id} ended {} ({}) after {}",
            figures::age(closed, picture.now),
            cell(connection.text("closed_because")),
            lasted(closed).unwrap_or_default(),
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
        "last minute {} ({}.{tenth}/s), hour {}, newest {}",
        figures::count(came.last_minute),
        figures::count(whole),
        figures::count(came.last_hour),
        figures::age(last, picture.now)
    )
}

fn gaps(picture: &Picture) -> String {
    let gaps = &picture.gaps;
    let causes =
        gaps.open_by_cause.iter().map(|gaps| format!("{} {}", cell(&gaps.cause), figures::count(gaps.streams)));
    let causes = causes.collect::<Vec<_>>().join(", ");
    let causes = if causes.is_empty() { causes } else { format!(" ({causes})") };
    format!("{} open{causes}, {} closed", figures::count(gaps.open), figures::count(gaps.closed))
}

fn watermark(picture: &Picture) -> String {
    let column = |name| picture.daemon.as_ref().and_then(|daemon: &Columns| daemon.number(name));
    let Some(watermark) = column("watermark_us").map(Time::from_micros) else {
        return "none yet".to_owned();
    };
    let waiting = column("queue_frames").unwrap_or_default();
    format!("committed until {}, {} waiting", when(watermark, picture.now), figures::counted(waiting, "frame"))
}

fn archive(picture: &Picture) -> String {
    let files = &picture.archive;
    let free = files.free.map_or_else(|| "unknown space".to_owned(), figures::size);
    let (archive, log) = (figures::size(files.archive), figures::size(files.log));
    format!("{archive}, log {log}, {free} free, {}", files.path)
}

/// The latest warnings, in so many rows at most.
fn notices(picture: &Picture, ink: Ink, room: usize) -> Vec<String> {
    let Some(room) = room.checked_sub(2).filter(|room| *room > 0 && !picture.notices.is_empty()) else {
        return Vec::new();
    };
    let title = "warnings of the last hour, newest first (`siftd explain NAME`)";
    let mut rows = vec![String::new(), ink.bold(title)];
    let shown = if picture.notices.len() > room { room - 1 } else { room };
    for notice in picture.notices.iter().take(shown) {
        let age = notice.moment("at_us").map(|at| figures::age(at, picture.now)).unwrap_or_default();
        let name = cell(notice.text("notice"));
        let number = notice.number("count").filter(|number| *number > 1);
        let number = number.map(|number| format!(" ({} times)", figures::count(number))).unwrap_or_default();
        let taken = AGE + 2 + name.chars().count();
        let rest = cut(&format!("{number}: {}", cell(notice.text("message"))), taken);
        let name = if notice.text("level") == Level::Error.word() { ink.red(name) } else { ink.yellow(name) };
        rows.push(format!("{age:>AGE$}  {name}{rest}"));
    }
    let more = picture.notices.len().saturating_sub(shown);
    if more > 0 {
        rows.push(format!("{:AGE$}  and {more} more: `siftd status --json`", ""));
    }
    rows
}
