//! The live rate while retention removes as much as comes, and while everything is kept.

use std::time::Duration;

use super::house::House;
use super::{Args, Window, measured, tell, tell_ratios};

/// What is younger than this, and too old by that much, shows that retention keeps up.
const LATE: u64 = 15;

pub(crate) fn compare(house: &mut House, args: &Args, age: u64) {
    println!("round  without: live/s  us/live  with: live/s  us/live  removed/s");
    let (mut without, mut with): (Vec<Window>, Vec<Window>) = (Vec::new(), Vec::new());
    let window = Duration::from_secs(args.window);
    for round in 1..=args.rounds {
        for kept in if round % 2 == 1 { [true, false] } else { [false, true] } {
            house.again(&if kept { String::new() } else { format!("[retention]\nmax_age = \"{age}s\"\n") });
            if !kept {
                house.nothing_older(age + LATE);
            }
            let (live, stored) = (house.live(), house.stored());
            let mut shown = measured(house, window);
            let removed = (house.live() - live) - (house.stored() - stored);
            shown.healed = removed / window.as_secs_f64();
            if kept { without.push(shown) } else { with.push(shown) }
        }
        let (Some(bare), Some(busy)) = (without.last(), with.last()) else { continue };
        assert!(busy.healed > 0.0, "nothing was removed in the window that is to show it");
        println!(
            "{round:>5} {:>16.0} {:>8.1} {:>13.0} {:>8.1} {:>10.0}",
            bare.live, bare.cpu, busy.live, busy.cpu, busy.healed
        );
    }
    tell("rows removed meanwhile, a second", &with, |window| window.healed);
    tell("processor time without, us a live interaction", &without, |window| window.cpu);
    tell("processor time with, us a live interaction", &with, |window| window.cpu);
    tell_ratios(&with, &without);
}
