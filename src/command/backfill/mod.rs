//! `siftd backfill`: fills gaps now, or shows what that would take.

mod plan;
mod progress;
mod watch;

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Interval, interval};

use self::progress::Progress;
use self::watch::Watch;
use super::Failure;
use super::figures;
use super::gaps::{Since, known};
use crate::archive::reading::{Holder, Reading, holder};
use crate::backfill::{Plan, Request, Wait};
use crate::config::{self, BackfillMode, Settings};
use crate::daemon::{self, Alone, Filled, planned, request_path, taken_path};
use crate::exit::Exit;
use crate::host::clock::Clock;
use crate::host::core_dump::forbid_core_dumps;
use crate::host::signals::{Request as Asked, Requests};
use crate::time::Time;

/// How often the archive is asked how it stands.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long the daemon may take to see the request.
const TAKEN_MAX: Duration = Duration::from_secs(15);

/// Fill gaps from the server's archive, now
///
/// Has the running daemon fill the gaps that can be filled, within the day's budget, and shows how it gets on: with bars
/// on a terminal, a line for each change elsewhere. Small gaps and those that were tried in vain are asked for too. A job
/// takes minutes to days; ending this command does not end it.
///
/// Where no daemon runs, this command fills the gaps itself, without a live connection: ended by Ctrl-C, it leaves its
/// jobs to whoever comes next, the daemon or this command.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit codes:
   0  nothing that can be filled now is left, or ended by Ctrl-C
  65  the archive is damaged
  74  the archive cannot be written
  75  another program holds the archive, the daemon does not take the request, or the server's archive refuses us
  78  the settings cannot be used, or backfill.mode is \"off\"

Examples:
  siftd backfill --dry-run
  siftd backfill --since 24h
  sudo -u siftd siftd backfill --stream 4f3af38ad1c31646561bc814c3e69af5")]
pub struct Args {
    /// Only the gaps of this stream, by its hash or its label
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// Only the gaps that reach beyond this moment: 2026-11-22T05:00:00Z, a date (UTC), or a span ago (2h, 3d)
    #[arg(long, value_name = "TIME", value_parser = Since::read)]
    since: Option<Since>,
    /// Show the plan and its price; nothing is asked of the server
    #[arg(long)]
    dry_run: bool,
}

/// Why nothing is filled.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("backfill.mode is \"off\": write \"approve\" or \"auto\", then `siftd reload`")]
    Off,
    #[error("{}: the daemon has ended: run this again, it goes on where the daemon stopped", .0.display())]
    Ended(PathBuf),
    #[error("{}: the request cannot be left here ({why}): run this as the daemon's user", .path.display())]
    NotAllowed { path: PathBuf, why: std::io::Error },
    #[error("the daemon has not taken the request within {} s: look at `siftd status`", .0.as_secs())]
    NotTaken(Duration),
    #[error("the server's archive refuses us: {0}: see `siftd explain backfill-paused`")]
    Refused(String),
    #[error("{sentence}")]
    Alone { exit: Exit, sentence: String },
}

impl Refusal {
    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self::Off => Exit::Config,
            Self::Ended(_) | Self::NotTaken(_) | Self::Refused(_) => Exit::Held,
            Self::NotAllowed { .. } => Exit::Storage,
            Self::Alone { exit, .. } => *exit,
        }
    }
}

impl From<daemon::Refusal> for Refusal {
    fn from(refusal: daemon::Refusal) -> Self {
        Self::Alone { exit: refusal.exit, sentence: refusal.sentence }
    }
}

/// Answers on `out`.
pub fn run(args: &Args, config: Option<&Path>, now: Time, out: &mut dyn Write) -> Result<(), Failure> {
    // Before the key is read.
    forbid_core_dumps()?;
    let settings = config::load(config)?.settings;
    let archive = Reading::open(&settings.archive.path)?;
    let since = args.since.as_ref().map(|since| since.moment(now));
    if let Some(since) = since.filter(|since| *since > now) {
        let at = figures::moment(since);
        return Err(Failure::Usage(format!("--since: {at} lies ahead: no gap has reached beyond it yet")));
    }
    let request = Request {
        stream: args.stream.as_ref().map(|stream| known(&archive, stream)).transpose()?,
        since_us: since.map(Time::micros),
    };
    let (before, clock_known) = planned(&settings, &archive, &request, now)?;
    if args.dry_run {
        return Ok(plan::show(&before, clock_known, out)?);
    }
    if settings.backfill.mode == BackfillMode::Off {
        return Err(Refusal::Off.into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let watch = Watch::new(&archive, Progress::of_stdout(gaps_of(&before)))?;
    runtime.block_on(async {
        if holder(archive.path()) == Holder::Nobody {
            let requests = Requests::listen()?;
            let alone = daemon::alone(&settings, request.clone()).map_err(Refusal::from)?;
            fill(alone, requests, watch, out).await
        } else {
            let path = leave(&archive, &request)?;
            follow(&archive, &path, watch, out).await
        }
    })?;
    remaining(&settings, &archive, &request, out)
}

/// How many gaps will be worked on, as far as the plan can tell.
fn gaps_of(plan: &Plan) -> u64 {
    let soon = plan.waiting.iter().filter(|waiting| matches!(waiting.why, Wait::Jobs | Wait::Clock));
    let drafted = plan.drafts.iter().flat_map(|draft| draft.pieces.iter().map(|piece| piece.gap));
    let gaps: BTreeSet<_> = drafted.chain(soon.map(|waiting| waiting.gap)).collect();
    u64::try_from(gaps.len()).unwrap_or(u64::MAX)
}

/// Says which gaps wait, and for what.
fn remaining(settings: &Settings, archive: &Reading, request: &Request, out: &mut dyn Write) -> Result<(), Failure> {
    let (left, _) = planned(settings, archive, request, Clock::start().now())?;
    for line in plan::waits(&left.waiting) {
        writeln!(out, "{line}")?;
    }
    let again: BTreeSet<_> = left.drafts.iter().flat_map(|draft| draft.pieces.iter().map(|piece| piece.gap)).collect();
    if !again.is_empty() {
        let gaps = figures::counted(i64::try_from(again.len()).unwrap_or(i64::MAX), "gap");
        writeln!(out, "{gaps} could not be filled whole: another `siftd backfill` tries again")?;
    }
    if left.waiting.is_empty() && again.is_empty() {
        writeln!(out, "no gap that has ended waits to be filled")?;
    }
    Ok(())
}

/// Leaves the request where the daemon looks for it.
fn leave(archive: &Reading, request: &Request) -> Result<PathBuf, Failure> {
    let path = request_path(archive.path());
    let text = serde_json::to_string(request).map_err(|error| Failure::Usage(error.to_string()))?;
    let part = path.with_extension("backfill-part");
    let refuse = |why| Refusal::NotAllowed { path: path.clone(), why };
    let mut options = std::fs::File::options();
    options.write(true).create(true).truncate(true).mode(0o640);
    // Whole or not at all: the daemon looks at any moment.
    let written = options.open(&part).and_then(|mut file| file.write_all(text.as_bytes()));
    written.and_then(|()| std::fs::rename(&part, &path)).map_err(refuse)?;
    Ok(path)
}

/// Tells how the daemon gets on until it has done what was asked.
async fn follow(archive: &Reading, request: &Path, mut watch: Watch<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let mut clock = interval(LOOK_EVERY);
    let mut waited = Duration::ZERO;
    while request.exists() {
        clock.tick().await;
        waited = waited.saturating_add(LOOK_EVERY);
        if waited > TAKEN_MAX {
            std::fs::remove_file(request).unwrap_or_default();
            return Err(Refusal::NotTaken(TAKEN_MAX).into());
        }
    }
    let taken = taken_path(archive.path());
    loop {
        clock.tick().await;
        // In this order: the last job is open before the request is done.
        let asked = taken.exists();
        let open = watch.look(out)?;
        if let Some(words) = watch.refused.take() {
            watch.finish(out)?;
            return Err(Refusal::Refused(words).into());
        }
        if !asked && !open {
            return watch.finish(out);
        }
        if holder(archive.path()) == Holder::Nobody {
            watch.finish(out)?;
            return Err(Refusal::Ended(archive.path().to_owned()).into());
        }
    }
}

/// Fills the gaps here, and tells how that gets on.
async fn fill(alone: Alone, mut requests: Requests, mut watch: Watch<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    let mut clock = interval(LOOK_EVERY);
    let filled = {
        let filling = alone.run(stop_asked(&mut requests));
        tokio::pin!(filling);
        loop {
            tokio::select! {
                filled = &mut filling => break filled,
                looked = look(&mut clock, &mut watch, out) => looked?,
            }
        }
    };
    watch.look(out)?;
    watch.finish(out)?;
    match filled {
        Ok(Filled::Done) => Ok(()),
        Ok(Filled::Stopped) => {
            Ok(writeln!(out, "stopped: open jobs go on with the daemon or the next `siftd backfill`")?)
        }
        Ok(Filled::Refused(words)) => Err(Refusal::Refused(words).into()),
        Err(error) => Err(Refusal::Alone { exit: error.exit, sentence: error.detail }.into()),
    }
}

async fn look(clock: &mut Interval, watch: &mut Watch<'_>, out: &mut dyn Write) -> Result<(), Failure> {
    clock.tick().await;
    watch.look(out).map(drop)
}

/// Waits for Ctrl-C or SIGTERM; the other signals of a daemon mean nothing here.
async fn stop_asked(requests: &mut Requests) {
    while !matches!(requests.next().await, Asked::Stop(_)) {}
}
