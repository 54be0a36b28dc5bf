//! The pages for operators: what they tell people to type is run somewhere, and the alerts are those of the rules.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::Parser as _;
use siftd::command::Cli;
use siftd::notice::{Level, TABLE};
use siftd::simulator::shipped;

use crate::security::file_of;

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Commands that no step of the lab is, and what holds them: a test, a file that runs them, or why nobody does.
const ELSEWHERE: [(&str, &str); 24] = [
    (".ci/deb", ".ci/run"),
    ("cargo run --release -- demo", "it::demo::a_short_demo_loses_nothing_and_has_a_gap_of_every_cause"),
    ("cargo test", "with --locked by .ci/run"),
    ("cargo build --release", ".ci/deb"),
    ("apt-get install ./target/debian/siftd_*.deb", "dpkg --install in the lab, which has no network"),
    ("install -m 755 target/release/siftd /usr/bin/siftd", "the package puts it there"),
    ("editor /etc/siftd/daemon.toml", "a person"),
    ("editor /etc/siftd/streams.txt", "a person"),
    ("sudoedit /etc/siftd/daemon.toml", "a person"),
    ("sudoedit /etc/siftd/streams.txt", "a person"),
    ("siftd backfill --stream 4f3af38ad1c31646561bc814c3e69af5", FILLED),
    ("siftd simulate --scenario backfill", SHIPPED),
    ("siftd simulate --scenario backfill-trouble", SHIPPED),
    ("siftd simulate --scenario backfill-poor", SHIPPED),
    ("install -m 644 /usr/share/doc/siftd/examples/litestream.yml /etc/litestream.yml", LITESTREAM),
    ("litestream replicate -config /etc/litestream.yml", LITESTREAM),
    ("systemctl stop siftd litestream", LITESTREAM),
    (
        "litestream restore -config /etc/litestream.yml -integrity-check full -o /var/tmp/archive.db /var/lib/siftd/archive.db",
        LITESTREAM,
    ),
    (
        "rm -rf /var/lib/siftd/archive.db-wal /var/lib/siftd/archive.db-shm /var/lib/siftd/.archive.db-litestream",
        LITESTREAM,
    ),
    ("install -o siftd -g siftd -m 0640 /var/tmp/archive.db /var/lib/siftd/archive.db", LITESTREAM),
    ("systemctl start siftd litestream", LITESTREAM),
    (
        "datasette /var/lib/siftd/archive.db --metadata docs/datasette.json",
        "it::queries::datasette_answers_every_question",
    ),
    ("sqlite-utils query /var/lib/siftd/archive.db \"SELECT * FROM daemon\"", OTHER_TOOLS),
    (
        "duckdb -c \"ATTACH '/var/lib/siftd/archive.db' AS a (TYPE sqlite, READ_ONLY); SELECT * FROM a.streams\"",
        OTHER_TOOLS,
    ),
];

const FILLED: &str = "it::backfill::only_the_stream_and_the_time_that_are_named_are_filled";
const SHIPPED: &str = "siftd::simulator::shipped::tests::every_shipped_scenario_reads_well_and_says_what_it_does";
const LITESTREAM: &str = "proof::litestream::a_copy_that_follows_loses_nothing_that_was_committed_before";
const OTHER_TOOLS: &str = "it::queries::sqlite_utils_and_duckdb_read_the_views";

/// The pages that tell an operator what to type.
const PAGES: [&str; 8] = [
    "README.md",
    "docs/install.md",
    "docs/operate.md",
    "docs/troubleshooting.md",
    "docs/archive.md",
    "docs/backfill.md",
    "docs/queries.md",
    "docs/runbook.md",
];

/// What a page tells to type, a command each, without `sudo` and what is said of it.
fn commands(page: &str) -> Vec<String> {
    let text = file(page).replace(" \\\n ", "");
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).filter_map(|line| line.split(" #").next());
    // A query is one command, whatever stands in it.
    let apart = |line: &str| {
        let parts = line.split(" && ").flat_map(|part| part.split("; ")).map(str::to_owned);
        if line.contains('"') { vec![line.to_owned()] } else { parts.collect::<Vec<_>>() }
    };
    let bare = |command: String| command.trim().replacen("sudo -u siftd ", "", 1).replacen("sudo ", "", 1);
    lines.flat_map(apart).map(bare).collect()
}

/// Whether a script runs this very command: nothing that would make it another follows.
fn runs(script: &str, command: &str) -> bool {
    let ends = |rest: &str| {
        ["\n", "'", ")", ";", " <", " >", " 2>", " |", " &", " '", " \""].iter().any(|end| rest.starts_with(end))
    };
    script.match_indices(command).any(|(at, _)| script.get(at + command.len()..).is_some_and(ends))
}

#[test]
fn every_command_of_the_pages_is_run() {
    let steps = file("tests/lab/steps").replace("/lab/siftd.deb", "target/debian/siftd_*.deb");
    let mut unused: BTreeSet<&str> = ELSEWHERE.iter().map(|(command, _)| *command).collect();
    for page in PAGES {
        let commands = commands(page);
        assert!(commands.len() > 3, "{page}: the search has lost its way");
        for command in commands {
            // Every query of a page is asked by a test of its own: it::runbook.
            let command = command
                .split_once(" \"SELECT")
                .filter(|_| page.ends_with("runbook.md"))
                .map_or(command.as_str(), |(shell, _)| shell);
            unused.remove(command);
            let elsewhere = ELSEWHERE.iter().any(|(other, _)| *other == command);
            assert!(elsewhere || runs(&steps, command), "{page}: `{command}` is nowhere in tests/lab/steps");
        }
    }
    assert!(unused.is_empty(), "no page says {unused:?}");
    for (command, by) in ELSEWHERE {
        if by.contains("::") {
            assert!(file_of(by).is_some(), "{command}: there is no test {by}");
        } else if by.starts_with('.') {
            assert!(file(by).contains(command), "{by} does not run {command}");
        }
    }
}

#[test]
fn every_command_of_siftd_on_a_page_is_one() {
    let mut seen = 0;
    for page in PAGES.into_iter().chain(["docs/alert.md", "docs/tuning.md", "docs/security.md"]) {
        let text = file(page);
        let outside: String = text.split("```").step_by(2).collect();
        let inline =
            outside.split('`').skip(1).step_by(2).map(|code| code.split_whitespace().collect::<Vec<_>>().join(" "));
        // With brackets it is a form of a command, and tested where the commands are.
        for command in inline.chain(commands(page)).filter(|code| code.starts_with("siftd ") && !code.contains('[')) {
            let parsed = Cli::try_parse_from(command.split_whitespace());
            let wanted = |error: &clap::Error| error.kind() == clap::error::ErrorKind::DisplayVersion;
            assert!(parsed.as_ref().err().is_none_or(wanted), "{page}: `{command}`: {:?}", parsed.err());
            seen += 1;
        }
    }
    assert!(seen > 60, "the search has lost its way: {seen}");
}

/// The alerts of the rules: name, and the notices that its expression names.
fn alerts() -> Vec<(String, BTreeSet<String>)> {
    let rules = file("systemd/alerts/prometheus.rules.yml");
    let parts = rules.split("- alert: ").skip(1);
    let parts = parts.map(|part| {
        let name = part.lines().next().unwrap().to_owned();
        let notices = part.split("notice=").skip(1).filter_map(|rest| rest.split('"').nth(1));
        (name, notices.flat_map(|names| names.split('|')).map(str::to_owned).collect())
    });
    parts.collect()
}

#[test]
fn every_error_has_an_alert_and_every_alert_a_notice() {
    let table: BTreeSet<_> = TABLE.iter().map(|entry| entry.name.to_owned()).collect();
    let mut watched = BTreeSet::new();
    for (name, notices) in alerts() {
        for notice in &notices {
            assert!(table.contains(notice), "{name}: there is no notice {notice}");
        }
        // Of "a until b" both names are in the rule; only errors count below.
        watched.extend(notices);
    }
    for entry in TABLE.iter().filter(|entry| entry.level == Level::Error) {
        assert!(watched.contains(entry.name), "no alert in systemd/alerts/prometheus.rules.yml for {}", entry.name);
    }
}

#[test]
fn the_page_of_alerts_knows_each_and_a_drill_for_it() {
    let page = file("docs/alert.md");
    let lab = file("tests/lab/alerts");
    for (name, notices) in alerts() {
        let row = page.lines().find(|line| line.starts_with(&format!("| {name} |")));
        let row = row.unwrap_or_else(|| panic!("docs/alert.md has no row for {name}"));
        assert!(
            notices.iter().any(|notice| row.contains(&format!("`{notice}`"))) || row.contains("disconnect"),
            "{row}"
        );
        assert!(lab.contains(&format!("\n{name} ")), "tests/lab/alerts does not fire {name}");
        if let Some(scenario) = row.split("scenario `").nth(1).and_then(|rest| rest.split('`').next()) {
            assert!(shipped::named(scenario).is_some(), "there is no scenario {scenario}");
            assert!(lab.contains(&format!(" {scenario}\n")), "tests/lab/alerts does not play {scenario}");
        }
    }
    let rows = page.lines().filter(|line| line.starts_with("| Siftd")).count();
    assert_eq!(rows, alerts().len());
}

#[test]
fn the_package_is_of_this_version() {
    let first = file("systemd/debian/changelog");
    assert!(first.starts_with(&format!("siftd ({}-1) ", env!("CARGO_PKG_VERSION"))), "{first}");
}

#[test]
fn what_the_pages_lead_to_is_there() {
    for page in ["install", "operate", "alert", "tuning", "troubleshooting"] {
        let text = file(&format!("docs/{page}.md"));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(link).exists(), "docs/{page}.md: {link}");
        }
    }
}
