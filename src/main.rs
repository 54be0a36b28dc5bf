//! Arguments → command → exit code; nothing else.

use clap::Parser;
use siftd::command::{self, Cli};
use siftd::exit::Exit;

fn main() -> Exit {
    match Cli::try_parse() {
        Ok(cli) => cli.run(),
        Err(refusal) => command::refused(&refusal),
    }
}
