//! The commands: what can be asked of siftd, and how an answer ends.

pub mod backfill;
pub mod backup;
pub mod check;
pub mod columns;
pub mod demo;
pub mod explain;
pub mod figures;
pub mod gaps;
pub mod manual;
pub mod output;
pub mod reload;
pub mod report;
pub mod run;
pub mod simulate;
pub mod status;
pub mod streams;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::archive::reading::ReadError;
use crate::config::Faults;
use crate::exit::Exit;
use crate::host::clock::Clock;
use crate::limits::RELOAD_ANSWER_MAX;

/// Holds one streaming connection for months, stores every interaction, and writes down what it may have missed.
#[derive(Debug, Parser)]
#[command(name = "siftd", version, after_long_help = EXAMPLES)]
pub struct Cli {
    /// The settings; without it ./daemon.toml, else /etc/siftd/daemon.toml
    #[arg(long, global = true, value_name = "PATH")]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  siftd status                        what is wrong, and how it stands
  siftd streams --state rejected      the streams that the server will not serve
  siftd gaps --since 24h              what may have been missed since yesterday
  siftd status --json | jq .problems  the same for a program

Exit codes:
   0  done, or stopped as asked
  64  the command line makes no sense
  65  the archive is damaged, foreign, or newer than this program
  70  a bug
  73  the archive cannot be created, or the file of a backup
  74  input or output failed
  75  another daemon holds the archive (reload: none does, or it does not answer)
  77  the server refuses our identity
  78  the settings, or a file that they name, cannot be used";

#[derive(Debug, Subcommand)]
pub enum Command {
    Run(run::Args),
    Check(check::Args),
    Status(status::Args),
    Streams(streams::Args),
    Gaps(gaps::Args),
    Backfill(backfill::Args),
    Backup(backup::Args),
    Reload(reload::Args),
    Report(report::Args),
    Explain(explain::Args),
    Simulate(simulate::Args),
    Demo(demo::Args),
    #[command(hide = true)] // for packages; --help is for operators
    Manual(manual::Args),
}

impl Cli {
    /// Does what was asked and says how it ended.
    pub fn run(&self) -> Exit {
        let config = self.config.as_deref();
        let now = Clock::start().now();
        match &self.command {
            Command::Run(run::Args {}) => run::run(config),
            Command::Check(check::Args {}) => check::run(config),
            Command::Status(args) => answered(|out| status::run(args, config, now, out)),
            Command::Streams(args) => answered(|out| streams::run(args, config, out)),
            Command::Gaps(args) => answered(|out| gaps::run(args, config, now, out)),
            Command::Backfill(args) => answered(|out| backfill::run(args, config, now, out)),
            Command::Backup(args) => answered(|out| backup::run(args, config, now, out)),
            Command::Reload(reload::Args {}) => answered(|out| reload::run(config, RELOAD_ANSWER_MAX, out)),
            Command::Report(args) => answered(|out| report::run(args, config, now, out)),
            Command::Explain(args) => answered(|out| explain::run(args, out)),
            Command::Simulate(args) => simulate::run(args),
            Command::Demo(args) => demo::run(args),
            Command::Manual(args) => answered(|out| manual::run(args, now, out)),
        }
    }
}

/// Says what is wrong with the arguments, or what `--help` and `--version` ask for.
pub fn refused(refusal: &clap::Error) -> Exit {
    let printed = refusal.print();
    match (refusal.use_stderr(), printed) {
        (true, _) => Exit::Usage,
        (false, Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Storage,
        (false, _) => Exit::Stopped,
    }
}

/// Why a command could not answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Settings(#[from] Faults),
    #[error(transparent)]
    Archive(#[from] ReadError),
    #[error("standard output cannot be written ({0}): is the disk full that it goes to?")]
    Output(#[from] io::Error),
    #[error(transparent)]
    Reload(#[from] reload::Refusal),
    #[error(transparent)]
    Backfill(#[from] backfill::Refusal),
    #[error(transparent)]
    Backup(#[from] backup::Refusal),
    #[error(transparent)]
    Report(#[from] report::Unwritten),
    #[error(transparent)]
    Notice(#[from] explain::UnknownNotice),
    #[error("{path} cannot be written ({error}): choose a folder that this user may write to")]
    File { path: String, error: io::Error },
    #[error("{0}")]
    Usage(String),
}

impl Failure {
    fn exit(&self) -> Exit {
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Stopped,
            Self::Output(_) | Self::File { .. } | Self::Report(_) => Exit::Storage,
            Self::Usage(_) | Self::Notice(_) => Exit::Usage,
            Self::Reload(refusal) => refusal.exit(),
            Self::Backfill(refusal) => refusal.exit(),
            Self::Backup(refusal) => refusal.exit(),
            Self::Settings(_) => Exit::Config,
            Self::Archive(error) => match error {
                ReadError::Foreign { .. } | ReadError::Newer { .. } | ReadError::Damaged { .. } => Exit::Damaged,
                ReadError::Missing(_) | ReadError::Denied { .. } | ReadError::Locked(_) | ReadError::Failed { .. } => {
                    Exit::Storage
                }
            },
        }
    }
}

/// Lets a command write its answer to standard output. A reader that went away (`| head`) is no failure.
fn answered(work: impl FnOnce(&mut dyn Write) -> Result<(), Failure>) -> Exit {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let ended = work(&mut out).and_then(|()| Ok(out.flush()?));
    let exit = match &ended {
        Ok(()) => Exit::Stopped,
        Err(failure) => failure.exit(),
    };
    if let (Err(failure), true) = (ended, exit != Exit::Stopped) {
        // A closed standard error leaves the exit code to speak.
        writeln!(io::stderr(), "siftd: {failure}").unwrap_or_default();
    }
    exit
}
