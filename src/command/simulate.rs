//! `siftd simulate`: the simulator in the foreground.

use crate::exit::Exit;
use crate::simulator::scenario::Rate;
use crate::simulator::{Cue, Orders, Running, Scenario, Server, Totals, shipped};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fmt::Display;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A DataSift-compatible server on loopback, streaming and REST, with faults on cue: rehearse your alerts with it.
///
/// It prints `listening on URL` and `REST on URL` and goes on until SIGTERM, SIGINT, the scenario's end or `--seconds`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A shipped scenario by name, or a TOML file; `--list` names the shipped ones
    #[arg(long, default_value = "quiet", value_name = "NAME|FILE")]
    pub scenario: String,

    /// Names the shipped scenarios and what they do, and ends
    #[arg(long)]
    pub list: bool,

    /// Prints the scenario's text, to begin one of your own with, and ends
    #[arg(long)]
    pub show: bool,

    /// Where to listen; port 0 takes any free one [default: a free port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,

    /// Where the REST side listens [default: a free port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub rest_listen: Option<String>,

    /// JSON lines of everything that was made, sent, acknowledged and dropped; overwrites the file, `/dev/null` keeps
    /// none
    #[arg(long, default_value = "simulator.jsonl", value_name = "PATH")]
    pub journal: PathBuf,

    /// How many streams the world has
    #[arg(long, value_name = "N")]
    pub streams: Option<usize>,

    /// Writes the world's streams, one `HASH LABEL` a line as `streams_file` in daemon.toml takes them; `-` prints them
    #[arg(long, value_name = "PATH")]
    pub streams_file: Option<PathBuf>,

    /// Interactions: "2000/s", "6/m", "1/h" or "max"
    #[arg(long, value_name = "RATE", value_parser = Rate::parse)]
    pub rate: Option<Rate>,

    /// The same seed makes the same world
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Ends the run after so many seconds
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,

    /// Takes cues from standard input, one JSON object a line: {"do": {"say": {"message": "maintenance"}}}
    #[arg(long, value_name = "WHERE")]
    pub control: Option<Control>,

    /// Speaks TLS with this certificate chain (PEM)
    #[arg(long, value_name = "PATH", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// and its private key (PEM)
    #[arg(long, value_name = "PATH", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
}

/// Where cues may come from while the simulator runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum Control {
    Stdin,
}

/// Why a run could not be, and the exit code for it.
struct Failure(Exit, String);

/// Runs until the end. 64: no such scenario, or one that makes no sense; 74: cannot listen, read or write.
pub fn run(args: &Args) -> Exit {
    match attempt(args) {
        Ok(()) => Exit::Stopped,
        Err(Failure(exit, sentence)) => {
            complain(&sentence);
            exit
        }
    }
}

/// Standard error may be closed; there is nobody left to tell then.
fn complain(sentence: &str) {
    drop(writeln!(io::stderr().lock(), "siftd simulate: {sentence}"));
}

/// A reader of standard output may leave when it has seen enough; the run goes on.
fn print(line: &dyn Display) {
    drop(writeln!(io::stdout().lock(), "{line}"));
}

fn attempt(args: &Args) -> Result<(), Failure> {
    if args.list {
        for (name, text) in shipped::ALL {
            print(&format!("{name:18} {}", about(text)));
        }
        return Ok(());
    }
    let text = scenario_text(&args.scenario)?;
    if args.show {
        print(&text.trim_end());
        return Ok(());
    }
    let scenario =
        Scenario::parse(&text).map_err(|fault| Failure(Exit::Usage, format!("scenario {}: {fault}", args.scenario)))?;
    let scenario = adapt(scenario, args);
    scenario.check().map_err(|fault| Failure(Exit::Usage, fault))?;
    let running = Server::start(scenario, &args.journal).map_err(|fault| {
        Failure(
            Exit::Storage,
            format!("{fault}; choose another with --listen, --rest-listen, --journal, --tls-cert or --tls-key"),
        )
    })?;
    let mut signals = Signals::new([SIGTERM, SIGINT])
        .map_err(|fault| Failure(Exit::Storage, format!("cannot listen to signals: {fault}")))?;
    let orders = running.orders();
    spawn("signals", move || signals.forever().for_each(|_| orders.stop()))?;
    // Whoever waits for the line below finds the file complete.
    if let Some(path) = args.streams_file.as_deref().filter(|path| *path != Path::new("-")) {
        fs::write(path, list(running.streams())).map_err(|fault| {
            Failure(Exit::Storage, format!("cannot write the streams to {}: {fault}", path.display()))
        })?;
    }
    print(&format!("listening on {}", running.url()));
    print(&format!("REST on {}", running.rest_url()));
    if args.streams_file.as_deref() == Some(Path::new("-")) {
        print(&list(running.streams()).trim_end());
    }
    if args.control == Some(Control::Stdin) {
        let orders = running.orders();
        spawn("control", move || take_cues(&orders))?;
    }
    let totals = finish(running, &args.journal)?;
    print(&Summary(totals, &args.journal));
    Ok(())
}

fn finish(running: Running, journal: &Path) -> Result<Totals, Failure> {
    running
        .wait()
        .map_err(|fault| Failure(Exit::Storage, format!("the journal {} is incomplete: {fault}", journal.display())))
}

fn about(text: &str) -> String {
    Scenario::parse(text).map_or_else(|fault| fault, |scenario| scenario.about)
}

fn scenario_text(name: &str) -> Result<String, Failure> {
    if let Some((_, text)) = shipped::ALL.iter().find(|(shipped, _)| *shipped == name) {
        return Ok((*text).to_owned());
    }
    fs::read_to_string(name).map_err(|fault| {
        Failure(Exit::Usage, format!("scenario {name} is neither a file ({fault}) nor shipped; --list names those"))
    })
}

/// Arguments go before the scenario.
fn adapt(mut scenario: Scenario, args: &Args) -> Scenario {
    if let Some(listen) = &args.listen {
        scenario.node.listen.clone_from(listen);
    }
    if let Some(listen) = &args.rest_listen {
        scenario.rest.listen.clone_from(listen);
    }
    if let Some(cert) = &args.tls_cert {
        scenario.node.tls_cert = Some(cert.clone());
        scenario.node.tls_key.clone_from(&args.tls_key);
    }
    if let Some(seconds) = args.seconds {
        scenario.run_for = Some(Duration::from_secs(seconds));
    }
    scenario.world.streams = args.streams.unwrap_or(scenario.world.streams);
    scenario.world.rate = args.rate.unwrap_or(scenario.world.rate);
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    scenario
}

fn list(streams: &[(String, String)]) -> String {
    let lines: Vec<String> = streams.iter().map(|(hash, label)| format!("{hash} {label}\n")).collect();
    lines.concat()
}

/// Work beside the run; it ends with the process.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    let started = thread.spawn(work);
    started.map(drop).map_err(|fault| Failure(Exit::Storage, format!("cannot start a thread: {fault}")))
}

/// A faulty cue is told and left out; the others go on.
fn take_cues(orders: &Orders) {
    for line in io::stdin().lock().lines().map_while(Result::ok).filter(|line| !line.trim().is_empty()) {
        let taken = Cue::parse(&line).and_then(|cue| orders.cue(cue).map_err(|fault| fault.to_string()));
        if let Err(fault) = taken {
            complain(&format!("cue left out: {fault}"));
        }
    }
}

struct Summary<'a>(Totals, &'a Path);

impl Display for Summary<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Totals { produced, written, dropped, not_connected, unsubscribed, connections, cues, .. } = self.0;
        write!(
            out,
            "made {produced} messages: {written} sent, {dropped} dropped, {not_connected} while nobody was connected, \
             {unsubscribed} for streams that nobody had subscribed; {connections} connections, {cues} cues; journal: {}",
            self.1.display()
        )
    }
}
