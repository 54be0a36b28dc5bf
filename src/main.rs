//! Arguments → command → exit code; nothing else.

use clap::Parser;
use siftd::command::simulate;
use std::process::ExitCode;

/// Holds one streaming connection for months, stores every interaction, and writes down what it may have missed.
#[derive(Debug, Parser)]
#[command(version)]
enum Command {
    Simulate(simulate::Args),
}

fn main() -> ExitCode {
    match Command::parse() {
        Command::Simulate(args) => simulate::run(&args),
    }
}
