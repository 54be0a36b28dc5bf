//! The oracle as a program: `cargo run --example oracle -- JOURNAL ARCHIVE [--driver FILE] [--promise CLASS]… [--watch]`.
//!
//! Exit code 0: proven, 1: violated, 2: unknown, 64: not asked properly, 66: something cannot be read.

mod judge;

use judge::{Promise, Report, Unreadable, Verdict, Watch};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: oracle JOURNAL ARCHIVE [--driver FILE] [--promise CLASS]... [--watch]";

#[derive(Default)]
struct Asked {
    places: Vec<PathBuf>,
    driver: Option<PathBuf>,
    classes: Vec<String>,
    watch: bool,
}

fn asked(mut words: impl Iterator<Item = String>) -> Option<Asked> {
    let mut asked = Asked::default();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--driver" => asked.driver = Some(words.next()?.into()),
            "--promise" => asked.classes.push(words.next()?),
            "--watch" => asked.watch = true,
            _ => asked.places.push(word.into()),
        }
    }
    Some(asked).filter(|asked| asked.places.len() == 2)
}

fn answer(asked: &Asked) -> Result<Report, Unreadable> {
    let [journal, archive] = asked.places.as_slice() else { return Ok(Report::default()) };
    let driver = asked.driver.as_deref();
    let mut promise = Promise::default();
    promise.classes.extend_from_slice(&asked.classes);
    let judged = || judge::judge(journal, driver, archive, &promise);
    if !asked.watch {
        return judged();
    }
    let (seen, looks) = Watch::begin(journal, driver, archive, promise.clone())?.end(false)?;
    let mut report = judged()?;
    report.join(&seen);
    if looks < 2 {
        report.doubt("the run was over before it was looked at twice".to_owned());
    }
    Ok(report)
}

fn main() -> ExitCode {
    let Some(asked) = asked(std::env::args().skip(1)) else {
        return say(&USAGE, 64);
    };
    match answer(&asked) {
        Ok(report) => say(
            &report,
            match report.verdict() {
                Verdict::Proven => 0,
                Verdict::Violated => 1,
                Verdict::Unknown => 2,
            },
        ),
        Err(unreadable) => say(&format!("oracle: {unreadable}"), 66),
    }
}

/// Whoever reads may have left; the exit code says the same.
fn say(what: &dyn std::fmt::Display, code: u8) -> ExitCode {
    drop(writeln!(std::io::stdout().lock(), "{what}"));
    ExitCode::from(code)
}
