//! The table for people: the runbook's page, the journal's catalogue, and one entry on a terminal.

use super::{Entry, Level, TABLE};

/// The width of lines that are read on a terminal.
const WIDTH: usize = 78;

/// The opening of docs/runbook.md.
const INTRODUCTION: &str = "\
<!-- Made from the table in src/notice/mod.rs. After a change there: UPDATE_EXPECT=1 cargo test notice::runbook -->

# Runbook

Everything that siftd has to say has a name, and the names do not change: build alerts on them.
The same text is on every machine that has siftd: `siftd explain NAME`, and `journalctl -x` once the catalogue is
installed.

- **error**: data is being lost, or a person is needed.
- **warn**: degraded, and healing by itself.
- **info**: the life of the daemon, and one `summary` a minute. No `summary` for five minutes: the daemon is dead or stuck.
- **debug**: for those who look closely.

A notice is in the log and in the archive. To see the last ones of a name, with all their fields:

```sh
journalctl --unit siftd SIFTD_NOTICE=disconnected --output verbose
sqlite3 -readonly /var/lib/siftd/archive.db \\
  \"SELECT at, message, detail FROM notices WHERE notice = 'disconnected' ORDER BY id DESC LIMIT 20\"
```

The field `stream` is `SIFTD_STREAM` in the journal, `stream` in a line of JSON, and `detail ->> 'stream'` in the view
`notices`; so with all the others. Spans are in seconds or, where the name says so, in milliseconds (`_ms`); sizes are in
bytes; `since_us` and `watermark_us` are microseconds since 1970 in UTC. `text` is what the server said, cut and made harmless.
Very long values are cut in the log; the archive has them whole.

What a server can cause without end is said ten times a minute at most; `notices-omitted` then counts the rest.
";

/// docs/runbook.md.
pub fn page() -> String {
    let rows: Vec<_> = TABLE.iter().map(row).collect();
    let sections: Vec<_> = TABLE.iter().map(section).collect();
    format!(
        "{INTRODUCTION}\n| notice | level | meaning |\n| --- | --- | --- |\n{}\n\n{}\n",
        rows.join("\n"),
        sections.join("\n\n")
    )
}

fn row(entry: &Entry) -> String {
    let first_sentence = entry.meaning.split_inclusive(". ").next().unwrap_or(entry.meaning).trim_end();
    format!("| [{0}](#{0}) | {1} | {first_sentence} |", entry.name, entry.level.word())
}

fn section(entry: &Entry) -> String {
    let limited = if entry.provoked { ", at most ten a minute" } else { "" };
    let fields: Vec<_> = entry.fields.iter().map(|field| format!("`{field}`")).collect();
    let mut paragraphs = vec![
        format!("## {}", entry.name),
        format!("Level **{}**{limited}. Fields: {}.", entry.level.word(), fields.join(", ")),
        format!("**Meaning.** {}", entry.meaning),
        format!("**Impact.** {}", entry.impact),
        format!("**What to do.** {}", entry.remedy),
    ];
    paragraphs.push(match look(entry.name) {
        Some(Look::Query(query)) => format!("```sql\n{query}\n```"),
        Some(Look::Command(command)) => format!("```sh\n{command}\n```"),
        None => format!("```sql\n{}\n```", newest(entry.name)),
    });
    paragraphs.join("\n\n")
}

/// What shows more of a notice for which nothing else does.
fn newest(name: &str) -> String {
    format!("SELECT at, message, detail FROM notices WHERE notice = '{name}' ORDER BY id DESC LIMIT 20")
}

/// systemd/siftd.catalog: what `journalctl -x` adds to a line ("Journal Message Catalogs", systemd.io).
pub fn catalogue() -> String {
    let messages: Vec<_> = TABLE.iter().map(message).collect();
    format!(
        "# Installed as /usr/lib/systemd/catalog/siftd.catalog. Made from the table of notices.\n\n{}\n",
        messages.join("\n\n")
    )
}

fn message(entry: &Entry) -> String {
    format!(
        "-- {}\nSubject: siftd: {}\nDefined-By: siftd\nDocumentation: man:siftd-notices(7)\n\n{}\n\n{}\n\n{}",
        entry.message_id(),
        entry.name,
        wrapped(entry.meaning),
        wrapped(&format!("Impact: {}", entry.impact)),
        wrapped(&format!("What to do: {}", entry.remedy)),
    )
}

/// One entry for a terminal.
pub fn on_terminal(entry: &Entry) -> String {
    let mut paragraphs = vec![
        format!("{} ({})", entry.name, urgency(entry.level)),
        wrapped(entry.meaning),
        wrapped(&format!("Impact: {}", entry.impact)),
        wrapped(&format!("What to do: {}", entry.remedy)),
    ];
    let ask = |query: &str| format!("sqlite3 -readonly /var/lib/siftd/archive.db \\\n  \"{query}\"");
    paragraphs.push(match look(entry.name) {
        Some(Look::Query(query)) => ask(query),
        Some(Look::Command(command)) => command.to_owned(),
        None => ask(&newest(entry.name)),
    });
    paragraphs.push(wrapped(&format!("Fields: {}", entry.fields.join(", "))));
    paragraphs.push(format!("In the journal: journalctl --unit siftd SIFTD_NOTICE={}\n", entry.name));
    paragraphs.join("\n\n")
}

const fn urgency(level: Level) -> &'static str {
    match level {
        Level::Error => "error: data is being lost, or a person is needed",
        Level::Warn => "warn: degraded, and healing by itself",
        Level::Info => "info: the life of the daemon",
        Level::Debug => "debug: for those who look closely",
    }
}

/// Lines of at most [`WIDTH`] characters, broken between words.
fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// What to type to see more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Look {
    /// Of the archive's views.
    Query(&'static str),
    /// In a shell.
    Command(&'static str),
}

/// The notices for which one line shows more.
const LOOKS: &[(&[&str], Look)] = &[
    (
        &["subscribed", "stream-rejected", "stream-disabled", "stream-trouble", "too-many-subscriptions"],
        Look::Query("SELECT stream, label, state, reason FROM streams WHERE state NOT IN ('active', 'retired')"),
    ),
    (
        &["disconnected", "connect-failed", "reconnecting", "silence"],
        Look::Query(
            "SELECT id, opened_at, closed_at, frames, closed_because FROM connections ORDER BY id DESC LIMIT 10",
        ),
    ),
    (
        &["slow-consumer-warning", "slow-consumer-disconnected", "drain-entered", "queue-full"],
        Look::Command("vmstat 1 5; df -h /var/lib/siftd"),
    ),
    (
        &["gap-opened", "gap-closed", "crash-found"],
        Look::Query(
            "SELECT stream, started_at, ended_at, cause, state, detail FROM gaps ORDER BY started_us DESC LIMIT 20",
        ),
    ),
    (
        &["billing-paused"],
        Look::Query("SELECT count(*), min(started_at) FROM gaps WHERE cause = 'billing' AND ended_us IS NULL"),
    ),
    (
        &["frame-quarantined", "quarantine-full"],
        Look::Query(
            "SELECT id, at_us, reason, length(frame), substr(frame, 1, 200) FROM quarantine ORDER BY id DESC LIMIT 5",
        ),
    ),
    (
        &["unknown-status"],
        Look::Query(
            "SELECT at, detail ->> 'status', detail ->> 'text' FROM notices WHERE notice = 'unknown-status' ORDER BY id DESC",
        ),
    ),
    (&["reload-refused"], Look::Command("siftd check --config /etc/siftd/daemon.toml")),
    (&["storage-full"], Look::Command("df -h /var/lib/siftd; df -i /var/lib/siftd")),
    (
        &["storage-trouble", "wal-growth"],
        Look::Command("fuser --verbose /var/lib/siftd/archive.db*; ls -l /var/lib/siftd"),
    ),
    (&["clock-stepped"], Look::Command("timedatectl")),
    (&["log-lost"], Look::Command("systemctl status systemd-journald; journalctl --disk-usage")),
    (&["summary", "state"], Look::Command("siftd status")),
];

fn look(name: &str) -> Option<Look> {
    LOOKS.iter().find(|(names, _)| names.contains(&name)).map(|(_, look)| *look)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::Notice;
    use expect_test::expect_file;
    use std::collections::BTreeSet;

    #[test]
    fn the_shipped_page_is_the_table() {
        expect_file!["../../docs/runbook.md"].assert_eq(&page());
    }

    #[test]
    fn the_shipped_catalogue_is_the_table() {
        expect_file!["../../systemd/siftd.catalog"].assert_eq(&catalogue());
    }

    #[test]
    fn every_entry_has_an_identifier_of_its_own() {
        let ids: BTreeSet<_> = TABLE.iter().map(Entry::message_id).collect();
        assert_eq!(ids.len(), TABLE.len());
        assert!(ids.iter().all(|id| id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit())));
        // An identifier that changes makes installed catalogues silent.
        let stopped = Notice::Stopped { reason: String::new(), interactions: 0 }.entry();
        assert_eq!(stopped.message_id(), "55194753c2a98754b69b35bf81d42ecf");
    }

    #[test]
    fn every_entry_has_fields_and_every_look_an_entry() {
        assert!(TABLE.iter().all(|entry| !entry.fields.is_empty()));
        for name in LOOKS.iter().flat_map(|(names, _)| *names) {
            assert!(TABLE.iter().any(|entry| entry.name == *name), "{name}");
        }
    }

    #[test]
    fn lines_for_a_terminal_fit_on_it() {
        assert_eq!(wrapped(&"word ".repeat(20)).lines().map(str::len).max(), Some(74));
        for entry in TABLE {
            assert!(wrapped(entry.meaning).lines().all(|line| line.chars().count() <= WIDTH), "{}", entry.name);
        }
    }
}
