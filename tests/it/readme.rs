//! README.md: its queries are answered, and what it says of the commands, the code and the runbook is so.

use std::fs;
use std::path::Path;

use clap::CommandFactory as _;
use rusqlite::Connection;
use siftd::command::Cli;
use siftd::exit::Exit;

use crate::example::Example;

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What stands between the fences of one language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn every_query_is_answered() {
    let example = Example::filled();
    let archive = Connection::open(example.archive()).unwrap();
    let queries: Vec<String> = blocks(&readme(), "sql").iter().flat_map(|block| statements(block)).collect();
    assert!(queries.len() >= 10, "{} queries", queries.len());
    for query in queries {
        let mut statement = archive.prepare(&query).unwrap_or_else(|error| panic!("{query}: {error}"));
        let mut rows = statement.query([]).unwrap();
        while rows.next().unwrap_or_else(|error| panic!("{query}: {error}")).is_some() {}
    }
}

fn statements(block: &str) -> Vec<String> {
    block.split(';').map(str::trim).filter(|query| query.contains("SELECT")).map(str::to_owned).collect()
}

#[test]
fn every_command_is_named_and_no_other() {
    let page = readme();
    let table: Vec<&str> = page.lines().filter(|line| line.starts_with("| `siftd ")).collect();
    let named: Vec<&str> =
        table.iter().filter_map(|line| line.strip_prefix("| `siftd ")?.split([' ', '`']).next()).collect();
    let cli = Cli::command();
    let mut known: Vec<&str> =
        cli.get_subcommands().filter(|command| !command.is_hide_set()).map(clap::Command::get_name).collect();
    known.sort_unstable();
    let mut sorted = named.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, known);
}

#[test]
fn every_exit_code_is_named() {
    let page = readme();
    for exit in Exit::ALL {
        assert!(page.contains(&format!("{} ", exit.code())), "{}", exit.code());
    }
}

#[test]
fn what_it_leads_to_is_there() {
    let page = readme();
    let links: Vec<&str> =
        page.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|link| !link.contains(':')).collect();
    assert!(!links.is_empty());
    for link in links {
        assert!(root().join(link).exists(), "{link}");
    }
    for unit in ["siftd.service", "siftd.sysusers", "siftd.tmpfiles", "siftd.catalog"] {
        assert!(page.contains(&format!("systemd/{unit}")) && root().join("systemd").join(unit).exists(), "{unit}");
    }
}
