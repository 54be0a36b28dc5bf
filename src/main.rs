//! Arguments → command → exit code; nothing else.

use std::process::ExitCode;

use clap::Parser;
use siftd::command::{self, Cli};
use siftd::exit;

fn main() -> ExitCode {
    exit::end_on_panic();
    match Cli::try_parse() {
        Ok(cli) => cli.run(),
        Err(refusal) => command::refused(&refusal),
    }
}
