//! `siftd reload`: has the running daemon read its settings again, and says what came of it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

use super::Failure;
use super::columns::Columns;
use super::figures;
use super::output::cell;
use crate::archive::reading::{Holder, Reading, holder, lock_path};
use crate::config::archive_path;
use crate::exit::Exit;
use crate::peer_text::one_line;

/// How often the archive is asked for the answer.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// So many streams are named; the rest is counted.
const NAMED_MAX: usize = 20;
/// A line about a fault is cut at this many bytes.
const FAULT_LINE_MAX: usize = 1_024;

/// Have the running daemon read its settings and stream list again
///
/// Sends SIGHUP to the daemon that holds the archive, waits until it has reloaded, and prints the difference: streams
/// added and removed, settings changed and from when on they apply. If the daemon refuses the new settings, prints why
/// and ends with 78; the old ones stay in force.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit codes:
   0  reloaded
  74  this user may not signal the daemon, or the archive cannot be read
  75  no daemon runs on the archive, or it does not answer within 30 s
  78  the settings are refused, here or by the daemon

Examples:
  siftd check && siftd reload
  sudo -u siftd siftd reload --config /etc/siftd/daemon.toml")]
pub struct Args {}

/// Why there was no reload.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("no daemon runs on {}: nothing to reload; the settings are read when it starts", .0.display())]
    NoDaemon(PathBuf),
    #[error("it cannot be told whether a daemon runs on {} ({why}): run this as the daemon's user", .path.display())]
    Unknown { path: PathBuf, why: String },
    #[error("a daemon holds {} but has not written its process id yet: try again", .0.display())]
    Unnamed(PathBuf),
    #[error("process {pid}, named in {}, is not the daemon as seen from here: run `siftd reload` inside its container",
        .lock.display())]
    Elsewhere { pid: i32, lock: PathBuf },
    #[error(
        "process {0} belongs to another user: run this as the daemon's user (`sudo -u siftd siftd reload`) or as root"
    )]
    NotAllowed(i32),
    #[error("process {pid} cannot be signalled ({detail}): `systemctl reload siftd` may")]
    Unreachable { pid: i32, detail: io::Error },
    #[error("the daemon ended before it had reloaded: `siftd status` and its log say why")]
    Ended,
    #[error("the daemon has not answered within {} s; it may still follow: look at `siftd status`", .0.as_secs())]
    NoAnswer(Duration),
    #[error("the daemon refuses the new settings and keeps the old ones:\n{0}")]
    Refused(String),
    #[error("the daemon's answer cannot be read ({0}): is this siftd as new as the daemon?")]
    Unreadable(#[from] serde_json::Error),
}

impl Refusal {
    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self::NoDaemon(_) | Self::Unnamed(_) | Self::Ended | Self::NoAnswer(_) => Exit::Held,
            Self::Unknown { .. }
            | Self::Elsewhere { .. }
            | Self::NotAllowed(_)
            | Self::Unreachable { .. }
            | Self::Unreadable(_) => Exit::Storage,
            Self::Refused(_) => Exit::Config,
        }
    }
}

/// What the notice `reloaded` tells.
#[derive(Debug, Deserialize)]
struct Difference {
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<String>,
}

/// Asks the daemon on the archive that the settings at `config` name, and waits for its answer no longer than `within`.
pub fn run(config: Option<&Path>, within: Duration, out: &mut dyn Write) -> Result<(), Failure> {
    let archive = Reading::open(&archive_path(config)?)?;
    let pid = daemon(archive.path())?;
    let before = archive.first("SELECT max(id) FROM notices", [], |row| row.get::<_, Option<i64>>(0))?.flatten();
    ask(pid)?;
    let answer = tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
        let answer = tokio::time::timeout(within, answer(&archive, before.unwrap_or(0))).await;
        answer.unwrap_or(Err(Refusal::NoAnswer(within).into()))
    })?;
    let detail = answer.text("detail");
    if answer.text("notice") == "reloaded" {
        return Ok(tell(&serde_json::from_str(detail).map_err(Refusal::from)?, out)?);
    }
    let faults: Faults = serde_json::from_str(detail).map_err(Refusal::from)?;
    let lines: Vec<_> = faults.faults.lines().map(|line| one_line(line, FAULT_LINE_MAX)).collect();
    Err(Refusal::Refused(lines.join("\n")).into())
}

/// What the notice `reload-refused` tells.
#[derive(Debug, Deserialize)]
struct Faults {
    faults: String,
}

/// The process that holds the archive.
fn daemon(archive: &Path) -> Result<i32, Refusal> {
    let pid = match holder(archive) {
        Holder::Nobody => return Err(Refusal::NoDaemon(archive.to_owned())),
        Holder::Unknown(why) => return Err(Refusal::Unknown { path: archive.to_owned(), why }),
        Holder::Daemon { pid: None } => return Err(Refusal::Unnamed(archive.to_owned())),
        Holder::Daemon { pid: Some(pid) } => pid,
    };
    // SIGHUP ends most programs, so the process must be the right one: a container counts processes of its own.
    match fs::read_to_string("/proc/locks") {
        Ok(locks) if !holds_a_lock(&locks, pid) => Err(Refusal::Elsewhere { pid, lock: lock_path(archive) }),
        Ok(_) | Err(_) => Ok(pid),
    }
}

/// Whether the kernel's table of locks (`proc_locks(5)`) has a whole-file lock of this process.
fn holds_a_lock(locks: &str, pid: i32) -> bool {
    let pid = pid.to_string();
    locks.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some("FLOCK") && fields.nth(2) == Some(&pid)
    })
}

fn ask(pid: i32) -> Result<(), Refusal> {
    let Some(process) = Pid::from_raw(pid) else { return Err(Refusal::Ended) };
    match kill_process(process, Signal::HUP) {
        Ok(()) => Ok(()),
        Err(Errno::SRCH) => Err(Refusal::Ended),
        Err(Errno::PERM) => Err(Refusal::NotAllowed(pid)),
        Err(errno) => Err(Refusal::Unreachable { pid, detail: errno.into() }),
    }
}

/// The first word on a reload that is newer than the notice `before`.
async fn answer(archive: &Reading, before: i64) -> Result<Columns, Failure> {
    const ANSWER: &str = "SELECT notice, detail FROM notices WHERE id > ?1 AND notice IN ('reloaded', 'reload-refused') ORDER BY id LIMIT 1";
    let mut clock = tokio::time::interval(LOOK_EVERY);
    loop {
        clock.tick().await;
        // Whether it lives is asked first: then its last word cannot be missed.
        let alive = holder(archive.path()) != Holder::Nobody;
        if let Some(answer) = archive.first(ANSWER, [before], Columns::of)? {
            return Ok(answer);
        }
        if !alive {
            return Err(Refusal::Ended.into());
        }
    }
}

fn tell(difference: &Difference, out: &mut dyn Write) -> io::Result<()> {
    let Difference { added, removed, changed } = difference;
    if added.is_empty() && removed.is_empty() && changed.is_empty() {
        return writeln!(out, "reloaded: nothing has changed");
    }
    writeln!(out, "reloaded")?;
    streams(added, "added", out)?;
    streams(removed, "removed", out)?;
    changed.iter().try_for_each(|change| writeln!(out, "  {}", one_line(change, FAULT_LINE_MAX)))
}

fn streams(names: &[String], how: &str, out: &mut dyn Write) -> io::Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let number = i64::try_from(names.len()).unwrap_or(i64::MAX);
    writeln!(out, "  {} {how}:", figures::counted(number, "stream"))?;
    names.iter().take(NAMED_MAX).try_for_each(|name| writeln!(out, "    {}", cell(name)))?;
    match names.len().saturating_sub(NAMED_MAX) {
        0 => Ok(()),
        more => writeln!(out, "    and {more} more (`siftd streams`)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_of_another_process_does_not_count() {
        let locks = "1: FLOCK  ADVISORY  WRITE 14179 fe:00:10010652 0 EOF\n2: POSIX  ADVISORY  WRITE 7 fe:00:1 0 EOF\n";
        assert!(holds_a_lock(locks, 14_179));
        assert!(!holds_a_lock(locks, 7));
        assert!(!holds_a_lock(locks, 1));
        assert!(!holds_a_lock("", 14_179));
    }

    #[test]
    fn a_difference_is_told_in_bounds_and_without_escapes() {
        let names: Vec<String> = (0..22).map(|number| format!("{number:032x}")).collect();
        let difference = Difference {
            added: names,
            removed: vec!["a\u{1b}[2Jb".to_owned()],
            changed: vec!["gap.margin: \"2s\" is now \"3s\"; applies now".to_owned()],
        };
        let mut out = Vec::new();
        tell(&difference, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("reloaded\n  22 streams added:\n    00000000000000000000000000000000\n"), "{text}");
        assert!(text.contains("    and 2 more (`siftd streams`)\n  1 stream removed:\n    a\\u{1b}[2Jb\n"), "{text}");
        assert!(text.ends_with("  gap.margin: \"2s\" is now \"3s\"; applies now\n"), "{text}");
    }
}
