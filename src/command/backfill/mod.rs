//! `siftd backfill`: fills gaps now, or shows what that would take.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Failure;
use super::columns::Columns;
use super::figures;
use super::gaps::{Since, known};
use super::output::{Sheet, cell};
use crate::archive::reading::{Holder, Reading, holder};
use crate::backfill::{Plan, Request};
use crate::config::{self, BackfillMode};
use crate::daemon::{planned, request_path};
use crate::exit::Exit;
use crate::healing::Price;
use crate::time::Time;

/// How often the archive is asked how it stands.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long the daemon may take to see the request.
const TAKEN_MAX: Duration = Duration::from_secs(15);
/// How long after that its first job may take to begin.
const BEGUN_MAX: Duration = Duration::from_secs(5);

/// Fill gaps from the server's archive, now
///
/// Asks the running daemon to fill the gaps that can be filled, within the day's budget, and shows how it gets on. Small
/// gaps and those that were tried in vain are asked for too. A job takes minutes to days; ending this command does not
/// end it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit codes:
   0  no job runs any more
  75  no daemon runs on the archive, or it does not take the request
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
    #[error("no daemon runs on {}: start it, it fills gaps while it runs; `--dry-run` works without", .0.display())]
    NoDaemon(PathBuf),
    #[error("{}: the request cannot be left here ({why}): run this as the daemon's user", .path.display())]
    NotAllowed { path: PathBuf, why: std::io::Error },
    #[error("the daemon has not taken the request within {} s: look at `siftd status`", .0.as_secs())]
    NotTaken(Duration),
}

impl Refusal {
    pub(super) const fn exit(&self) -> Exit {
        match self {
            Self::Off => Exit::Config,
            Self::NoDaemon(_) | Self::NotTaken(_) => Exit::Held,
            Self::NotAllowed { .. } => Exit::Storage,
        }
    }
}

/// Answers on `out`.
pub fn run(args: &Args, config: Option<&Path>, now: Time, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = config::load(config)?.settings;
    let archive = Reading::open(&settings.archive.path)?;
    let request = Request {
        stream: args.stream.as_ref().map(|stream| known(&archive, stream)).transpose()?,
        since_us: args.since.as_ref().map(|since| since.moment(now).micros()),
    };
    if args.dry_run {
        let (plan, known) = planned(&settings, &archive, &request, now)?;
        return show(&plan, known, out);
    }
    if settings.backfill.mode == BackfillMode::Off {
        return Err(Refusal::Off.into());
    }
    if holder(archive.path()) == Holder::Nobody {
        return Err(Refusal::NoDaemon(archive.path().to_owned()).into());
    }
    let before = archive.first("SELECT max(id) FROM backfills", [], |row| row.get::<_, Option<i64>>(0))?.flatten();
    let path = leave(&archive, &request)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(follow(&archive, &path, before.unwrap_or(0), out))
}

/// The plan as a table, its price, and why other gaps wait.
fn show(plan: &Plan, clock_known: bool, out: &mut dyn Write) -> Result<(), Failure> {
    if plan.drafts.is_empty() {
        writeln!(out, "no gap can be filled now")?;
    } else {
        let mut sheet = Sheet::new(&["STREAM", "FROM", "UNTIL", ">GAPS", ">CREDITS", ">UNITS"]);
        for draft in &plan.drafts {
            sheet.row(vec![
                cell(&draft.stream_name),
                figures::moment(Time::from_seconds(draft.span.from)),
                figures::moment(Time::from_seconds(draft.span.until)),
                draft.pieces.len().to_string(),
                draft.price.credits.to_string(),
                units(draft.price),
            ]);
        }
        sheet.print(out)?;
        let (price, jobs) = (plan.price(), plan.drafts.len());
        writeln!(out, "\n{jobs} jobs for about {} credits and {} units", price.credits, units(price))?;
    }
    let mut waits: BTreeMap<&str, (usize, Time)> = BTreeMap::new();
    for waiting in &plan.waiting {
        let (number, until) = waits.entry(waiting.why.words()).or_insert((0, Time::NEVER));
        *number += 1;
        *until = waiting.until.min(*until);
    }
    for (why, (number, until)) in waits {
        let until = if until == Time::NEVER { String::new() } else { format!(", until {}", figures::moment(until)) };
        writeln!(out, "{number} gaps wait: {why}{until}")?;
    }
    if !clock_known {
        writeln!(out, "The server's clock is not known now: the plan takes it to be ours.")?;
    }
    Ok(())
}

fn units(price: Price) -> String {
    format!("{}.{:03}", price.milliunits / 1000, price.milliunits % 1000)
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

const JOBS: &str = "
SELECT id, stream, stage, outcome, detail, stored, known
  FROM backfills WHERE id > ?1 OR stage <> 'closed' ORDER BY id";

/// Tells how the jobs get on until none runs any more.
async fn follow(archive: &Reading, request: &Path, before: i64, out: &mut dyn Write) -> Result<(), Failure> {
    let mut clock = tokio::time::interval(LOOK_EVERY);
    let mut waited = Duration::ZERO;
    let mut told: BTreeMap<i64, String> = BTreeMap::new();
    while request.exists() {
        clock.tick().await;
        waited = waited.saturating_add(LOOK_EVERY);
        if waited > TAKEN_MAX {
            std::fs::remove_file(request).unwrap_or_default();
            return Err(Refusal::NotTaken(TAKEN_MAX).into());
        }
    }
    waited = Duration::ZERO;
    loop {
        clock.tick().await;
        waited = waited.saturating_add(LOOK_EVERY);
        let jobs = archive.all(JOBS, [before], Columns::of)?;
        for job in &jobs {
            let line = line(job);
            if told.insert(job.number("id").unwrap_or(0), line.clone()) != Some(line.clone()) {
                writeln!(out, "{line}")?;
                out.flush()?;
            }
        }
        if jobs.iter().all(|job| job.text("stage") == "closed") && (waited > BEGUN_MAX || !jobs.is_empty()) {
            break;
        }
        if holder(archive.path()) == Holder::Nobody {
            return Err(Refusal::NoDaemon(archive.path().to_owned()).into());
        }
    }
    if told.is_empty() {
        writeln!(out, "no gap can be filled now: `siftd backfill --dry-run` says why")?;
    }
    Ok(())
}

/// One job in one line.
fn line(job: &Columns) -> String {
    let state = if job.text("outcome").is_empty() { job.text("stage") } else { job.text("outcome") };
    let count = |name| figures::count(job.number(name).unwrap_or(0));
    let detail = cell(job.text("detail"));
    let detail = if detail.is_empty() { detail } else { format!(": {detail}") };
    let id = job.number("id").unwrap_or(0);
    let (stream, new, known) = (cell(job.text("stream")), count("stored"), count("known"));
    format!("job {id}, stream {stream}: {state}, {new} rows new, {known} known{detail}")
}
