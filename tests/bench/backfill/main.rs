//! The live rate with and without backfill, side by side: the real program against the simulator, round by round.
//!
//! `cargo bench --bench backfill` cuts the network, so that every stream has a gap, and then measures one window after
//! another: what the daemon takes in and commits, and the processor time that it needs for it, once while a backfill
//! runs and once while none does. Which comes first changes with each round. It prints each round, the medians, their
//! spread and the ratio. With `--retention SECONDS` it is not a backfill that runs beside, but retention, which removes
//! as many rows as come.
#![expect(clippy::print_stdout, reason = "what it measures is its output")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made ends it")]

mod house;
mod retention;
#[path = "../wait.rs"]
mod wait;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use self::house::House;

/// Live rate with and without backfill.
#[derive(Debug, Parser)]
struct Args {
    /// Rounds; each has a window with backfill and one without
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Interactions a second that the server sends
    #[arg(long, default_value_t = 10_000)]
    rate: u32,
    /// Streams
    #[arg(long, default_value_t = 50)]
    streams: u32,
    /// How long a window is, in seconds
    #[arg(long, default_value_t = 8)]
    window: u64,
    /// Measures retention instead: rows are kept for so many seconds
    #[arg(long, value_name = "SECONDS")]
    retention: Option<u64>,
    /// The program that is measured [default: the one that was built with this]
    #[arg(long, default_value = env!("CARGO_BIN_EXE_siftd"), hide_default_value = true)]
    program: PathBuf,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// What one window showed.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// Interactions a second that came live and were committed.
    live: f64,
    /// Rows a second that backfill stored or found there.
    healed: f64,
    /// Processor time of the daemon for a live interaction, in microseconds.
    cpu: f64,
}

fn main() {
    let args = Args::parse();
    let mut house = House::open(&args.program, args.streams, args.rate);
    println!("{} streams, {} interactions a second sent, windows of {} s", args.streams, args.rate, args.window);
    if let Some(age) = args.retention {
        return retention::compare(&mut house, &args, age);
    }
    println!("round  without: live/s  us/live  with: live/s  us/live  healed/s");
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        house.tear_gaps();
        let window = Duration::from_secs(args.window);
        if round % 2 == 1 {
            without.push(measured(&house, window));
        }
        let healing = house.heal();
        let healed = measured(&house, window);
        assert!(healed.healed > 0.0, "no backfill ran in the window that is to show it: make the gaps longer");
        with.push(healed);
        house.healed(healing);
        if round % 2 == 0 {
            without.push(measured(&house, window));
        }
        let (Some(bare), Some(busy)) = (without.last(), with.last()) else { continue };
        println!(
            "{round:>5} {:>16.0} {:>8.1} {:>13.0} {:>8.1} {:>9.0}",
            bare.live, bare.cpu, busy.live, busy.cpu, busy.healed
        );
    }
    tell("live rate without backfill, a second", &without, |window| window.live);
    tell("live rate with backfill, a second", &with, |window| window.live);
    tell("rows healed meanwhile, a second", &with, |window| window.healed);
    tell("processor time without, us a live interaction", &without, |window| window.cpu);
    tell("processor time with, us a live interaction", &with, |window| window.cpu);
    tell_ratios(&with, &without);
}

fn measured(house: &House, span: Duration) -> Window {
    let begun = wait::start();
    let (live, healed, cpu) = (house.live(), house.rows_healed(), house.cpu());
    wait::nap(span);
    let seconds = begun.elapsed().as_secs_f64();
    let came = house.live() - live;
    let healed = (house.rows_healed() - healed) / seconds;
    Window { live: came / seconds, healed, cpu: (house.cpu() - cpu) * 1e6 / came.max(1.0) }
}

fn tell(what: &str, windows: &[Window], of: impl Fn(&Window) -> f64) {
    let (least, median, most) = spread(windows.iter().map(of).collect());
    println!("{what}: {median:.1} ({least:.1} to {most:.1})");
}

/// With to without, each pair of a round.
fn tell_ratios(with: &[Window], without: &[Window]) {
    let tell = |what: &str, of: fn(&Window) -> f64| {
        let (least, median, most) = spread(with.iter().zip(without).map(|(with, bare)| of(with) / of(bare)).collect());
        println!("{what} with : without, round by round: {median:.3} ({least:.3} to {most:.3})");
    };
    tell("live rate", |window| window.live);
    tell("processor time", |window| window.cpu);
}

/// The least, the median and the most.
fn spread(mut numbers: Vec<f64>) -> (f64, f64, f64) {
    numbers.sort_by(f64::total_cmp);
    let at = |place: usize| numbers.get(place).copied().unwrap_or(f64::NAN);
    (at(0), at(numbers.len() / 2), at(numbers.len().saturating_sub(1)))
}
