//! The audit in tables.

use std::io::{self, Write};

use super::audit::Audit;
use crate::command::figures;
use crate::command::output::{Ink, Sheet, cell};

pub(super) fn print(audit: &Audit, ink: Ink, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{}", ink.bold("AUDIT: the archive against the server's journal"))?;
    let mut sheet = Sheet::new(&["A MESSAGE COUNTS ONCE A STREAM", ">MESSAGES"]);
    for (what, number) in [
        ("made for wanted streams", audit.made),
        ("  (sent, or about to be)", audit.sent),
        ("  stored", audit.stored),
        ("  deleted by order", audit.deleted),
        ("  in gaps", audit.in_gaps),
        ("  before the first acknowledgement", audit.before_acknowledgement),
        ("  MISSING", audit.missing.len()),
        ("invented or altered", audit.invented.len()),
        ("stored twice", audit.doubled.len()),
        ("not deleted though ordered", audit.undeleted.len()),
        ("sent twice and stored once", audit.repeated),
        ("stored though a gap spans them", audit.stored_in_gaps),
        ("orders to delete", audit.deletions),
    ] {
        sheet.row(vec![what.to_owned(), counted(number)]);
    }
    sheet.print(out)?;
    writeln!(out)?;
    causes(audit, out)?;
    writeln!(out)?;
    connections(audit, out)?;
    match audit.verdict() {
        Ok(()) => writeln!(
            out,
            "{}",
            ink.green(match (audit.in_gaps, audit.filled) {
                (0, 1..) => "nothing is missing: every gap that had ended is filled, and everything sent is stored or deleted by order",
                _ => "nothing is missing: what is not stored was deleted by order or lies in a gap",
            })
        ),
        Err(_) => writeln!(out, "{}", ink.red("THE PROMISE IS BROKEN")),
    }
}

fn causes(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    let mut sheet = Sheet::new(&["CAUSE OF GAPS", ">STREAMS", ">GAPS", ">FILLED", ">SECONDS", ">A STREAM", ">LOST"]);
    for (cause, gaps) in &audit.causes {
        let streams = i64::try_from(gaps.streams.len()).unwrap_or(i64::MAX);
        sheet.row(vec![
            cell(cause),
            figures::count(streams),
            counted(gaps.gaps),
            counted(gaps.filled),
            tenths(gaps.micros),
            tenths(gaps.micros / streams.max(1)),
            counted(gaps.lost),
        ]);
    }
    sheet.print(out)
}

fn connections(audit: &Audit, out: &mut dyn Write) -> io::Result<()> {
    for (connection, seconds, streams) in &audit.acknowledged {
        let streams = figures::counted(*streams, "stream");
        writeln!(out, "connection {connection}: {streams} acknowledged {seconds:.2} s after the upgrade")?;
    }
    Ok(())
}

fn counted(number: usize) -> String {
    figures::count(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Microseconds in seconds with a tenth.
fn tenths(micros: i64) -> String {
    format!("{}.{}", figures::count(micros / 1_000_000), micros % 1_000_000 / 100_000)
}
