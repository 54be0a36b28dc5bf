//! `siftd run`: the daemon, in the foreground.

use std::io::{self, Write as _};
use std::path::Path;

use crate::daemon;
use crate::exit::{Exit, end_on_panic};

/// Run the daemon in the foreground, as a service manager wants it
///
/// Stops in order on SIGTERM and SIGINT, reads its settings again on SIGHUP (see `siftd reload`), and writes its full
/// state to the log on SIGUSR1. The log goes to standard error.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {}

/// Runs until the daemon ends; a refusal to start is one sentence on standard error.
pub fn run(config: Option<&Path>) -> Exit {
    end_on_panic();
    daemon::run(config).unwrap_or_else(|refusal| {
        // A standard error that nobody reads leaves the exit code to speak.
        writeln!(io::stderr(), "siftd: {}", refusal.sentence).ok();
        refusal.exit
    })
}
