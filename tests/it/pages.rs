//! The pages for operators: what they tell people to type is run somewhere, and the alerts are those of the rules.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use siftd::notice::{Level, TABLE};
use siftd::simulator::shipped;

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Commands that open an editor, build, or are run by others: each with the reason.
const ELSEWHERE: [(&str, &str); 5] = [
    (".ci/deb", ".ci/run runs it"),
    ("cargo build --release", ".ci/deb runs it"),
    ("install -m 755 target/release/siftd /usr/bin/siftd", "the package puts it there"),
    ("editor /etc/siftd/daemon.toml", "a person"),
    ("editor /etc/siftd/streams.txt", "a person"),
];

#[test]
fn every_command_of_the_pages_is_run_on_a_real_systemd() {
    let steps = file("tests/lab/steps").replace("/lab/siftd.deb", "target/debian/siftd_*.deb");
    for page in ["install", "operate", "troubleshooting"] {
        let text = file(&format!("docs/{page}.md"));
        let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
        let commands: Vec<&str> =
            blocks.flat_map(str::lines).map(|line| line.split(" #").next().unwrap().trim()).collect();
        assert!(commands.len() > 4, "the search has lost its way");
        for command in commands {
            let known = ELSEWHERE.iter().any(|(other, _)| *other == command) || steps.contains(command);
            assert!(known, "docs/{page}.md: `{command}` is nowhere in tests/lab/steps");
        }
    }
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
