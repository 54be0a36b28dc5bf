//! The manual pages and the shells' completions: all are there, tell all, and satisfy the programs that read them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::CommandFactory as _;
use siftd::command::Cli;
use siftd::notice::TABLE;
use tempfile::TempDir;

/// Everything that `siftd manual` writes, in a folder.
fn written() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut siftd = Command::new(env!("CARGO_BIN_EXE_siftd"));
    let output = siftd.arg("manual").arg(folder.path()).env("SOURCE_DATE_EPOCH", "1795323600").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let listed = String::from_utf8(output.stdout).unwrap();
    assert!(listed.lines().all(|path| Path::new(path).is_file()), "{listed}");
    folder
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The pages of a section.
fn pages(folder: &TempDir, section: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path().join("man").join(section)).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// What a program says of a file; nothing where it is not installed.
fn judged(program: &str, arguments: &[&str], file: &Path) -> Option<Output> {
    match Command::new(program).args(arguments).arg(file).output() {
        Ok(output) => Some(output),
        Err(error) => {
            crate::archive_house::skipped(&format!("{program} cannot be run ({error}): apt-get install {program}"));
            None
        }
    }
}

#[test]
fn every_page_is_well_made() {
    let folder = written();
    for page in ["man1", "man5", "man7"].iter().flat_map(|section| pages(&folder, section)) {
        if let Some(output) = judged("mandoc", &["-T", "lint", "-W", "warning"], &page) {
            assert_eq!(said(&output), "", "{}", page.display());
        }
    }
}

#[test]
fn every_command_has_its_page_with_every_argument() {
    let folder = written();
    let mut cli = Cli::command();
    cli.build();
    assert!(folder.path().join("man/man1/siftd.1").exists());
    for command in cli.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help") {
        let page = folder.path().join(format!("man/man1/siftd-{}.1", command.get_name()));
        let page = fs::read_to_string(&page).unwrap().replace('\\', "");
        for option in command.get_arguments().filter_map(clap::Arg::get_long) {
            assert!(page.contains(&format!("--{option}")), "{} --{option}", command.get_name());
        }
    }
}

#[test]
fn every_setting_every_view_and_every_notice_is_explained() {
    let folder = written();
    let page = |name: &str| fs::read_to_string(folder.path().join("man").join(name)).unwrap().replace('\\', "");
    let (settings, archive, notices) =
        (page("man5/daemon.toml.5"), page("man7/siftd-archive.7"), page("man7/siftd-notices.7"));
    let shipped = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("daemon.toml")).unwrap();
    let keys = shipped.lines().filter_map(|line| line.trim_start_matches("# ").split_once(" = "));
    let keys: Vec<_> = keys.filter(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_')).collect();
    assert!(keys.len() > 50, "the search has lost its way");
    for (key, value) in keys {
        assert!(settings.contains(&format!(".TP\nfB{key}fR = {value}\n")), "{key}");
    }
    for view in ["interactions", "coverage", "gaps", "streams", "connections", "notices", "daemon", "quarantine"] {
        assert!(archive.contains(&format!("\n.SS {view}\n")), "{view}");
    }
    for entry in TABLE {
        assert!(notices.contains(&format!("\n.SH {}\n", entry.name)), "{}", entry.name);
    }
    assert!(notices.contains(" 2026-11-22 "), "the date is the one that was given");
}

#[test]
fn each_shell_can_read_what_is_written_for_it() {
    let folder = written();
    for (shell, check, file) in [
        ("bash", "-n", "bash-completion/completions/siftd"),
        ("zsh", "-n", "zsh/vendor-completions/_siftd"),
        ("fish", "--no-execute", "fish/vendor_completions.d/siftd.fish"),
    ] {
        if let Some(output) = judged(shell, &[check], &folder.path().join(file)) {
            assert!(output.status.success() && said(&output).is_empty(), "{shell}: {}", said(&output));
        }
    }
    let script =
        "source \"$0\"; COMP_WORDS=(siftd sta); COMP_CWORD=1; _siftd siftd sta siftd; echo \"${COMPREPLY[@]}\"";
    if let Some(output) = judged("bash", &["-c", script], &folder.path().join("bash-completion/completions/siftd")) {
        assert_eq!(said(&output).trim(), "status");
    }
}
