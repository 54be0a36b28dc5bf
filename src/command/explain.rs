//! `siftd explain`: what a notice means, what it costs and what to do, from the table that the runbook is made of.

use std::io::Write;

use super::Failure;
use crate::notice::{Entry, TABLE, runbook};
use crate::peer_text::one_line;

/// Explain a notice: what it means, what it costs and what to do
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The name of a notice, as the log says it; without it, all names
    #[arg(value_name = "NOTICE")]
    pub notice: Option<String>,
}

/// A name that no notice has.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("explain: there is no notice `{name}`{meant}; `siftd explain` lists all names")]
pub struct UnknownNotice {
    name: String,
    meant: String,
}

/// Writes what is asked for.
///
/// # Errors
/// A name that no notice has, or a place that cannot be written to.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Failure> {
    Ok(out.write_all(answer(args)?.as_bytes())?)
}

fn answer(args: &Args) -> Result<String, UnknownNotice> {
    match &args.notice {
        Some(name) => match TABLE.iter().find(|entry| entry.name == *name) {
            Some(entry) => Ok(runbook::on_terminal(entry)),
            None => Err(UnknownNotice { name: one_line(name, NAME_MAX), meant: meant(name) }),
        },
        None => Ok(TABLE.iter().map(line).collect()),
    }
}

/// What was typed is repeated up to this many bytes.
const NAME_MAX: usize = 64;

fn line(entry: &Entry) -> String {
    format!("{:<6} {}\n", entry.level.word(), entry.name)
}

/// The names that come nearest, as the end of a sentence.
fn meant(written: &str) -> String {
    let written = written.to_ascii_lowercase().replace('_', "-");
    let likeness = |entry: &Entry| strsim::jaro_winkler(&written, entry.name);
    let mut near: Vec<_> =
        TABLE.iter().map(|entry| (likeness(entry), entry.name)).filter(|(by, _)| *by > 0.8).collect();
    near.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    let names: Vec<_> = near.iter().take(3).map(|(_, name)| format!("`{name}`")).collect();
    if names.is_empty() { String::new() } else { format!(" (did you mean {}?)", names.join(" or ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn explain(name: &str) -> Result<String, String> {
        answer(&Args { notice: Some(name.to_owned()) }).map_err(|unknown| unknown.to_string())
    }

    #[test]
    fn a_notice_is_explained_with_meaning_impact_and_remedy() {
        expect![[r#"
            gap-opened (warn: degraded, and healing by itself)

            From `since_us` on (for some streams later) nothing is proven complete, for
            this many streams and this cause.

            Impact: Messages of these streams may be missing from that moment on; a query
            over that time must not be taken for complete.

            What to do: See the cause: `siftd gaps --state open`.

            sqlite3 -readonly /var/lib/siftd/archive.db \
              "SELECT stream, started_at, ended_at, cause, state, detail FROM gaps ORDER BY started_us DESC LIMIT 20"

            Fields: streams, stream, cause, since_us

            In the journal: journalctl --unit siftd SIFTD_NOTICE=gap-opened
        "#]]
        .assert_eq(&explain("gap-opened").unwrap());
    }

    #[test]
    fn every_notice_is_explained_and_listed() {
        let list = answer(&Args { notice: None }).unwrap();
        for entry in TABLE {
            let explained = explain(entry.name).unwrap();
            assert!(explained.starts_with(&format!("{} (", entry.name)));
            for part in ["Impact: ", "What to do: ", "In the journal: "] {
                assert_eq!(explained.matches(&format!("\n\n{part}")).count(), 1, "{}: {part}", entry.name);
            }
            assert!(list.lines().any(|line| line.split_whitespace().nth(1) == Some(entry.name)));
        }
    }

    #[test]
    fn a_near_name_is_proposed() {
        expect!["explain: there is no notice `Gap_open` (did you mean `gap-opened` or `gap-closed` or `gap-filled`?); `siftd explain` lists all names"].assert_eq(&explain("Gap_open").unwrap_err());
        expect![[r#"explain: there is no notice `\u{1b}[2Jzzz`; `siftd explain` lists all names"#]]
            .assert_eq(&explain("\u{1b}[2Jzzz").unwrap_err());
    }
}
