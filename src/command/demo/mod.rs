//! `siftd demo`: the simulator, the daemon and a live view of both; it ends by itself and is audited.

mod audit;
mod children;
mod failure;
mod folder;
mod journal;
mod queries;
mod report;
mod screen;
mod show;
mod story;
mod view;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::failure::Failure;
use self::folder::Folder;
use self::journal::Truth;
use self::screen::Screen;
use self::show::{Ended, Show};
use super::figures;
use super::output::Ink;
use crate::archive::reading::Reading;
use crate::exit::Exit;
use crate::host::clock::Clock;
use crate::host::signals::Requests;

/// See it work: a simulated server, the daemon and a live view of both
///
/// Starts the built-in DataSift-compatible server on loopback and the daemon against it, breaks what can break
/// (refused streams, maintenance, a network cut, a slow-consumer warning, no credits, kill -9), has the gaps filled from
/// the server's archive, and at the end compares the archive with the server's own journal. Needs no settings, no account
/// and no network.
#[derive(clap::Args, Clone, Debug)]
#[command(after_long_help = "\
Exit codes: 0 nothing is missing; 64 the folder is not empty; 70 something is missing, or a process died; 73 the folder
cannot be made; 74 input or output failed.

Examples:
  siftd demo
  siftd demo --seconds 120 --dir /var/tmp/siftd-demo")]
pub struct Args {
    /// How long the troubles take, from 15 on; everything is scaled to it. Filling the gaps comes on top
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(15..=3600))]
    pub seconds: u16,

    /// How many streams, 50 to 5000
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u16).range(50..=5000))]
    pub streams: u16,

    /// Interactions a second
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub rate: u32,

    /// The folder for archive, journal, settings and log; it must be empty or not there yet [default: a new one for
    /// temporary files]
    #[arg(long, value_name = "PATH")]
    pub dir: Option<PathBuf>,
}

impl Args {
    fn length(&self) -> Duration {
        Duration::from_secs(u64::from(self.seconds))
    }
}

/// Plays, audits and tells. 70 if the archive lacks anything that no gap record answers for.
pub fn run(args: &Args) -> Exit {
    match attempt(args) {
        Ok(()) => Exit::Stopped,
        Err(failure) => {
            let exit = failure.exit();
            if exit != Exit::Stopped {
                // A closed standard error leaves the exit code to speak.
                writeln!(io::stderr(), "siftd demo: {failure}").unwrap_or_default();
            }
            exit
        }
    }
}

fn attempt(args: &Args) -> Result<(), Failure> {
    let clock = Clock::start();
    let folder = Folder::make(args.dir.as_deref(), clock.now())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let ended = runtime.block_on(async {
        let requests = Requests::listen().map_err(Failure::Runtime)?;
        Show::open(args, &folder, clock, Screen::of_stdout()).await?.play(requests).await
    })?;
    let mut out = io::stdout().lock();
    match ended {
        Ended::Interrupted => {
            let folder = folder.path().display();
            writeln!(out, "\nended on request, without an audit; what there is lies in {folder}")?;
            Ok(())
        }
        Ended::Played => conclude(&folder, &mut out),
    }
}

/// What came of it: the audit, the files and what can be asked of them.
fn conclude(folder: &Folder, out: &mut dyn Write) -> Result<(), Failure> {
    let archive = Reading::open(&folder.archive())?;
    let truth = Truth::read(&folder.journal())?;
    let audit = audit::of(&truth, &archive)?;
    report::print(&audit, Ink::of_stdout(), out)?;
    files(folder, out)?;
    queries::print(&archive, out)?;
    out.flush()?;
    audit.verdict()
}

fn files(folder: &Folder, out: &mut dyn Write) -> Result<(), Failure> {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    writeln!(out)?;
    for (name, path) in [
        ("archive", folder.archive()),
        ("journal", folder.journal()),
        ("log", folder.log()),
        ("backfill", folder.backfill_log()),
        ("settings", folder.settings()),
    ] {
        writeln!(out, "{name:<10}{}  ({})", path.display(), figures::size(size(&path)))?;
    }
    writeln!(out, "{:<10}siftd --config {} status", "look", queries::shell(&folder.settings()))?;
    Ok(())
}
