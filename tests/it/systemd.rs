//! The unit file against the program, and against systemd's own tools.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use siftd::exit::Exit;
use siftd::limits::STOP_MAX;

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd").join(name)
}

fn unit() -> String {
    fs::read_to_string(shipped("siftd.service")).unwrap()
}

/// The values of a key, in the order of the file.
fn values<'u>(unit: &'u str, key: &str) -> Vec<&'u str> {
    unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

/// The one value of a key.
fn value<'u>(unit: &'u str, key: &str) -> &'u str {
    match values(unit, key).as_slice() {
        [value] => value,
        other => panic!("{key}= stands {} times", other.len()),
    }
}

fn span(unit: &str, key: &str) -> Duration {
    let seconds = value(unit, key).strip_suffix('s').unwrap();
    Duration::from_secs(seconds.parse().unwrap())
}

/// Runs a tool of systemd; nothing, and a line that says so, where it is not installed.
fn tool(program: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) => {
            crate::archive_house::skipped(&format!("{program} cannot be run ({error})"));
            None
        }
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_restart_is_prevented_for_exactly_the_codes_that_it_cannot_help() {
    let unit = unit();
    let prevented: Vec<u8> =
        value(&unit, "RestartPreventExitStatus").split(' ').map(|code| code.parse().unwrap()).collect();
    let mut hopeless: Vec<u8> =
        Exit::ALL.into_iter().filter(|exit| *exit != Exit::Stopped && !exit.restart_helps()).map(Exit::code).collect();
    // A key that systemd cannot read: it ends the start itself, before there is a daemon (systemd.exec, EXIT_CREDENTIALS).
    hopeless.push(243);
    assert_eq!(prevented, hopeless);
    assert_eq!(value(&unit, "Restart"), "on-failure");
}

#[test]
fn systemd_waits_longer_than_a_stop_takes() {
    assert!(span(&unit(), "TimeoutStopSec") >= STOP_MAX * 2);
}

#[test]
fn old_versions_of_systemd_understand_it() {
    let unit = unit();
    assert_eq!(value(&unit, "Type"), "notify");
    let since_253 = ["RestartSteps", "RestartMaxDelaySec", "RestartMode", "MemoryZSwapMax"];
    assert!(since_253.iter().all(|key| values(&unit, key).is_empty()));
}

#[test]
fn a_reload_ends_when_the_daemon_has_reloaded() {
    let unit = unit();
    let reload = value(&unit, "ExecReload");
    assert_eq!(reload.split(' ').nth(1), Some("reload"), "it waits; nothing else of the unit may see the key");
    assert!(value(&unit, "ExecStart").ends_with(reload.split_once("--config").unwrap().1));
}

#[test]
fn calls_are_allowed_before_they_are_denied() {
    let unit = unit();
    let filters = values(&unit, "SystemCallFilter");
    assert!(!filters.first().unwrap().starts_with('~'), "a list that begins with a denial denies nothing else");
    assert!(filters.iter().skip(1).all(|filter| filter.starts_with('~')));
}

#[test]
fn the_key_is_in_no_core_and_no_environment() {
    let unit = unit();
    assert_eq!(value(&unit, "LimitCORE"), "0");
    assert_eq!(value(&unit, "LoadCredential"), "api-key:/etc/siftd/api-key");
    assert!(values(&unit, "Environment").is_empty());
}

#[test]
fn a_group_can_read_the_archive_and_nobody_else() {
    let unit = unit();
    assert_eq!(value(&unit, "StateDirectoryMode"), "2750");
    assert_eq!(value(&unit, "UMask"), "0027");
    assert!(values(&unit, "DynamicUser").is_empty(), "its folder could not be entered by any reader");
    assert!(fs::read_to_string(shipped("siftd.sysusers")).unwrap().contains(&format!("\nu {} ", value(&unit, "User"))));
}

#[test]
fn systemd_finds_little_exposed() {
    let path = shipped("siftd.service");
    let arguments = ["security", "--offline=true", "--threshold=12", "--no-pager", path.to_str().unwrap()];
    if let Some(output) = tool("systemd-analyze", &arguments) {
        assert!(output.status.success(), "{}", said(&output));
    }
}

#[test]
fn systemd_finds_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("siftd.service");
    let program = env!("CARGO_BIN_EXE_siftd");
    fs::write(&path, unit().replace("/usr/bin/siftd", program)).unwrap();
    let arguments = ["verify", "--man=no", "--recursive-errors=no", path.to_str().unwrap()];
    if let Some(output) = tool("systemd-analyze", &arguments) {
        assert!(output.status.success(), "{}", said(&output));
        assert_eq!(said(&output), "");
    }
}

#[test]
fn the_user_and_the_folders_can_be_made() {
    if !rustix::process::geteuid().is_root() {
        crate::archive_house::skipped("only root can give folders away");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let root_argument = format!("--root={}", root.path().display());
    fs::create_dir_all(root.path().join("etc/siftd")).unwrap();
    fs::write(root.path().join("etc/siftd/api-key"), "k").unwrap();
    let users = shipped("siftd.sysusers");
    let Some(output) = tool("systemd-sysusers", &[&root_argument, users.to_str().unwrap()]) else { return };
    assert!(output.status.success(), "{}", said(&output));
    assert!(fs::read_to_string(root.path().join("etc/passwd")).unwrap().starts_with("siftd:"));
    let folders = shipped("siftd.tmpfiles");
    let Some(output) = tool("systemd-tmpfiles", &["--create", &root_argument, folders.to_str().unwrap()]) else {
        return;
    };
    assert!(output.status.success(), "{}", said(&output));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &root.path().join("etc/siftd/api-key").metadata().unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}
