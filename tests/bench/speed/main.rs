//! How fast siftd is, beside the parts that it stands on and beside other programs: `cargo bench --bench speed`.
//!
//! Everything runs in turn, several rounds of it, and each figure is a median with its spread. docs/speed.md has the last
//! full run. The same program is the server, the consumers to compare with, and the looks from outside, each in a process
//! of its own.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a benchmark ends where something is not as it must be")]
#![expect(clippy::indexing_slicing, reason = "a document is looked into by its names")]

mod audit;
mod clock;
mod contest;
mod curves;
mod filler;
mod frames;
mod generator;
mod goals;
mod growth;
mod instructions;
mod latency;
mod loops;
mod naive;
mod null;
mod overload;
mod peers;
mod plot;
mod process;
mod questions;
mod report;
mod sample;
mod scale;
mod setup;
mod stage;
mod stall;
mod watcher;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use contest::{Contestant, Often, Plan};
use sample::Book;

/// Measures siftd; writes docs/speed.md and docs/speed.svg after a full run.
#[derive(Debug, Parser)]
#[command(name = "speed")]
#[expect(clippy::struct_excessive_bools, reason = "each is a word on the command line")]
struct Asked {
    #[command(subcommand)]
    role: Option<Role>,
    /// Rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Messages of the daemon's runs.
    #[arg(long, default_value_t = 200_000)]
    messages: usize,
    /// Only what has one of these in its name; nothing is written then.
    #[arg(long)]
    only: Vec<String>,
    /// One round of few messages: shows that everything works; nothing is written then.
    #[arg(long)]
    quick: bool,
    /// Once, the growth to three million rows and the questions at five million too: half an hour and 30 GB of disk.
    #[arg(long)]
    long: bool,
    /// Goes on with the figures of the run before: what is measured now is added to them.
    #[arg(long)]
    add: bool,
    /// Without other programs; otherwise they are installed into target/bench/peers.
    #[arg(long)]
    no_peers: bool,
    /// What `cargo bench` says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Parts that this program plays for itself.
#[derive(Debug, Subcommand)]
enum Role {
    #[command(hide = true)]
    Generate(generator::Nature),
    #[command(hide = true)]
    Null {
        #[arg(long)]
        url: String,
        #[arg(long)]
        messages: usize,
    },
    #[command(hide = true)]
    Naive {
        #[arg(long)]
        url: String,
        #[arg(long)]
        file: PathBuf,
        #[arg(long)]
        streams: usize,
    },
    #[command(hide = true)]
    Loop(loops::Loop),
    #[command(hide = true)]
    Watch {
        #[arg(long)]
        archive: PathBuf,
        #[arg(long)]
        messages: usize,
    },
    #[command(hide = true)]
    Read {
        #[arg(long)]
        archive: PathBuf,
    },
}

fn main() {
    let asked = Asked::parse();
    match &asked.role {
        Some(Role::Generate(nature)) => generator::run(nature),
        Some(Role::Null { url, messages }) => null::run(url, *messages),
        Some(Role::Naive { url, file, streams }) => naive::run(url, file, *streams),
        Some(Role::Loop(alone)) => alone.run(),
        Some(Role::Watch { archive, messages }) => watcher::watch(archive, *messages),
        Some(Role::Read { archive }) => watcher::read(archive),
        None => measure(&asked),
    }
}

/// Everything in turn, round by round.
fn measure(asked: &Asked) {
    let (rounds, messages) = if asked.quick { (1, 20_000) } else { (asked.rounds, asked.messages) };
    let plan = Plan { messages, quick: asked.quick };
    let meant = |name: &str| asked.only.is_empty() || asked.only.iter().any(|part| name.contains(part.as_str()));
    let mut problems = if asked.no_peers { Vec::new() } else { report::install(meant) };
    let mut all = contest::own();
    if !asked.no_peers {
        all.extend(contest::peers());
    }
    all.extend(contest::once());
    all.extend(contest::long());
    let ran: Vec<&Contestant> = all
        .iter()
        .filter(|contestant| meant(contestant.name) && (asked.long || contestant.often != Often::Long))
        .collect();
    let figures = stage::home().join("speed.json");
    let mut book = if asked.add { Book::read(&figures) } else { Book::default() };
    for round in 0..rounds {
        for contestant in &ran {
            if contestant.often != Often::Round && round > 0 {
                continue;
            }
            let Some(told) = ran_well(contestant, &plan) else {
                problems.push(format!("{} failed in round {}", contestant.name, round + 1));
                continue;
            };
            for (name, measures) in told {
                tell(round, name, &measures);
                book.add(name, measures);
            }
            // What was measured is there for --add, whatever becomes of the rest.
            std::fs::write(&figures, serde_json::to_string_pretty(&book).unwrap()).unwrap();
        }
    }
    // With --add there may be more of them than this run made.
    let rounds = rounds.max(book.of("siftd", "rate").len());
    let tables = report::tables(&book, &ran, &plan, rounds, &problems);
    say(&tables);
    if !asked.quick {
        curves::publish(&book);
    }
    if asked.only.is_empty() && !asked.quick {
        report::publish(&tables, &book);
    }
}

/// Another program that fails is one that was not measured; nothing else may fail.
fn ran_well(contestant: &Contestant, plan: &Plan) -> Option<Vec<(&'static str, sample::Measures)>> {
    let is_peer = peers::PEERS.iter().any(|peer| peer.name == contestant.name);
    match catch_unwind(AssertUnwindSafe(|| (contestant.run)(plan))) {
        Ok(told) => Some(told),
        Err(_) if is_peer => None,
        Err(panic) => resume_unwind(panic),
    }
}

/// One run, as it comes.
fn tell(round: usize, name: &str, measures: &sample::Measures) {
    let told: Vec<String> =
        measures.iter().map(|(measure, value)| format!("{measure} {}", sample::figure(*value))).collect();
    say(&format!("{:>2} {name:<16} {}", round + 1, told.join(", ")));
}

#[expect(clippy::print_stdout, reason = "whoever runs a benchmark reads along")]
fn say(text: &str) {
    println!("{text}");
}
