//! What filling would take, as a table, and why gaps wait.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::backfill::{Plan, Waiting};
use crate::command::figures;
use crate::command::output::{Sheet, cell};
use crate::healing::{Price, named};
use crate::time::Time;

/// The plan as a table, its price, and why other gaps wait.
pub(super) fn show(plan: &Plan, clock_known: bool, out: &mut dyn Write) -> io::Result<()> {
    if plan.drafts.is_empty() {
        writeln!(out, "no gap can be filled now")?;
    } else {
        let mut sheet = Sheet::new(&["STREAM", "FROM", "UNTIL", ">GAPS", ">CREDITS", ">UNITS"]);
        for draft in &plan.drafts {
            sheet.row(vec![
                cell(&named(&draft.streams)),
                figures::moment(Time::from_seconds(draft.span.from)),
                figures::moment(Time::from_seconds(draft.span.until)),
                draft.pieces.len().to_string(),
                draft.price.credits.to_string(),
                units(draft.price),
            ]);
        }
        sheet.print(out)?;
        let price = plan.price();
        let jobs = figures::counted(i64::try_from(plan.drafts.len()).unwrap_or(i64::MAX), "job");
        writeln!(out, "\n{jobs} for about {} credits and {} units", price.credits, units(price))?;
    }
    for line in waits(&plan.waiting) {
        writeln!(out, "{line}")?;
    }
    if !clock_known {
        writeln!(out, "The server's clock is not known now: the plan takes it to be ours.")?;
    }
    Ok(())
}

/// Why gaps wait, and until when: a line a reason.
pub(super) fn waits(waiting: &[Waiting]) -> Vec<String> {
    let mut reasons: BTreeMap<&str, (i64, Time)> = BTreeMap::new();
    for waiting in waiting {
        let (number, until) = reasons.entry(waiting.why.words()).or_insert((0, Time::NEVER));
        *number += 1;
        *until = waiting.until.min(*until);
    }
    let line = |(why, (number, until)): (&str, (i64, Time))| {
        let until = if until == Time::NEVER { String::new() } else { format!(", until {}", figures::moment(until)) };
        let (gaps, wait) = (figures::counted(number, "gap"), if number == 1 { "waits" } else { "wait" });
        format!("{gaps} {wait}: {why}{until}")
    };
    reasons.into_iter().map(line).collect()
}

fn units(price: Price) -> String {
    format!("{}.{:03}", price.milliunits / 1000, price.milliunits % 1000)
}
