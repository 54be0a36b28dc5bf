//! Three users of one machine: the daemon's own, one of its group who reads, and one who is nobody to it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use siftd::simulator::{Running, Scenario, Server};
use tempfile::TempDir;

use crate::scene::{KEY, number, skip, wait};

const DAEMON: u32 = 64_001;
const READER: u32 = 64_002;
const STRANGER: u32 = 64_003;

/// A machine's folders: where the program, the settings and the archive lie, as the package lays them out.
struct House {
    folder: TempDir,
    server: Running,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scenario = Scenario::parse("[node]\ntick_every = \"1s\"\n[world]\nstreams = 5\nrate = 50\n").unwrap();
        let server = Server::start(scenario, &folder.path().join("journal.jsonl")).unwrap();
        let house = Self { folder, server };
        set(house.folder.path(), 0o755, 0, 0);
        for (name, mode, user, group) in [("bin", 0o755, 0, 0), ("etc", 0o755, 0, 0), ("state", 0o2750, DAEMON, DAEMON)]
        {
            fs::create_dir(house.path(name)).unwrap();
            set(&house.path(name), mode, user, group);
        }
        // A copy: the place where it was built may be closed to other users.
        fs::copy(env!("CARGO_BIN_EXE_siftd"), house.path("bin/siftd")).unwrap();
        let streams: Vec<String> = house.server.streams().iter().map(|(hash, _)| format!("{hash}\n")).collect();
        let settings = format!(
            "[source]\nurl = \"{}\"\nusername = \"acme\"\nstreams_file = \"streams.txt\"\n[archive]\npath = \"{}\"\n",
            house.server.url(),
            house.archive().display()
        );
        for (name, text, mode, user) in [
            ("etc/daemon.toml", settings.as_str(), 0o644, 0),
            ("etc/streams.txt", &streams.concat(), 0o644, 0),
            ("etc/api-key", KEY, 0o600, DAEMON),
        ] {
            fs::write(house.path(name), text).unwrap();
            set(&house.path(name), mode, user, 0);
        }
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn archive(&self) -> PathBuf {
        self.path("state/archive.db")
    }

    /// The program as one of the users, with the least careful umask there is.
    fn siftd(&self, user: u32, words: &[&str]) -> Command {
        let mut command = as_user(user, "sh");
        command.args(["-c", "umask 0; exec \"$0\" \"$@\""]).arg(self.path("bin/siftd")).args(words);
        command.arg("--config").arg(self.path("etc/daemon.toml")).env_clear().env("PATH", "/usr/bin:/bin");
        command
    }

    fn daemon(&self) -> Child {
        let child = self.siftd(DAEMON, &["run"]).stderr(Stdio::null()).spawn().unwrap();
        let live = "SELECT count(*) FROM daemon WHERE state = 'live' AND pid = ";
        wait("the daemon to be live", || {
            number(&self.archive(), &format!("{live}{}", child.id())).ok().filter(|lives| *lives == 1)
        });
        child
    }

    /// What each of the three may do, in whatever state the daemon is.
    fn holds(&self, when: &str) {
        for suffix in ["", "-wal", "-shm", ".lock"] {
            let file = self.path(&format!("state/archive.db{suffix}"));
            let about = fs::metadata(&file).unwrap();
            assert_eq!(
                (about.mode() & 0o7777, about.uid(), about.gid()),
                (0o640, DAEMON, DAEMON),
                "{when}: {}",
                file.display()
            );
        }
        let about = fs::metadata(self.path("state")).unwrap();
        assert_eq!((about.mode() & 0o7777, about.uid(), about.gid()), (0o2750, DAEMON, DAEMON), "{when}");
        for words in [["status", "--json"].as_slice(), &["streams"], &["gaps"]] {
            let read = self.siftd(READER, words).output().unwrap();
            assert_eq!(read.status.code(), Some(0), "{when}: the group's {words:?}: {}", text(&read));
            let refused = self.siftd(STRANGER, words).output().unwrap();
            assert_eq!(refused.status.code(), Some(74), "{when}: a stranger's {words:?}: {}", text(&refused));
            assert!(text(&refused).contains("this user may not read it"), "{}", text(&refused));
        }
        for user in [READER, STRANGER] {
            for file in
                ["state/archive.db", "state/archive.db-wal", "state/archive.db.lock", "etc/daemon.toml", "etc/api-key"]
            {
                let written =
                    as_user(user, "sh").args(["-c", "exec 2>&-; : >> \"$0\""]).arg(self.path(file)).status().unwrap();
                assert!(!written.success(), "{when}: {user} writes to {file}");
            }
            let made = as_user(user, "touch").arg(self.path("state/x")).stderr(Stdio::null()).status().unwrap();
            assert!(!made.success(), "{when}: {user} makes files in the archive's folder");
            let checked = self.siftd(user, &["check"]).output().unwrap();
            assert_eq!(checked.status.code(), Some(78), "the key is not theirs: {}", text(&checked));
            assert!(text(&checked).contains("may not be read"), "{}", text(&checked));
            let run = self.siftd(user, &["run"]).output().unwrap();
            assert_eq!(run.status.code(), Some(78), "{when}: {user} runs it: {}", text(&run));
        }
    }
}

fn set(path: &Path, mode: u32, user: u32, group: u32) {
    chown(path, Some(user), Some(group)).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A program as another user; the reader is of the daemon's group.
fn as_user(user: u32, program: &str) -> Command {
    let groups = if user == READER { format!("--groups={DAEMON}") } else { "--clear-groups".to_owned() };
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={user}"), format!("--regid={user}"), groups]).arg(program);
    command
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

fn possible(name: &str) -> bool {
    let possible = geteuid().is_root() && Command::new("setpriv").arg("--version").output().is_ok();
    if !possible {
        skip(name, "other users need root and setpriv (package util-linux)");
    }
    possible
}

#[test]
fn the_group_reads_at_any_time_and_a_stranger_never() {
    if !possible("guard::users::the_group_reads_at_any_time_and_a_stranger_never") {
        return;
    }
    let house = House::new();
    let mut daemon = house.daemon();
    house.holds("while it runs");
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    house.holds("after kill -9");
    let mut daemon = house.daemon();
    kill_process(Pid::from_child(&daemon), Signal::TERM).unwrap();
    assert_eq!(daemon.wait().unwrap().code(), Some(0));
    house.holds("after a stop");
}

#[test]
fn what_others_could_change_or_read_is_refused() {
    if !possible("guard::users::what_others_could_change_or_read_is_refused") {
        return;
    }
    let house = House::new();
    for (file, mode, good, why) in [
        ("etc/daemon.toml", 0o646, 0o644, "may be changed by other users"),
        ("etc/streams.txt", 0o646, 0o644, "may be changed by other users"),
        ("etc/api-key", 0o604, 0o600, "is open to other users"),
        ("etc/api-key", 0o602, 0o600, "is open to other users"),
        ("etc", 0o757, 0o755, "may be replaced by other users"),
    ] {
        fs::set_permissions(house.path(file), Permissions::from_mode(mode)).unwrap();
        for words in [["check"], ["run"]] {
            let output = house.siftd(DAEMON, &words).output().unwrap();
            assert_eq!(output.status.code(), Some(78), "{file} {mode:o}: {}", text(&output));
            assert!(text(&output).contains(why), "{file} {mode:o}: {}", text(&output));
        }
        fs::set_permissions(house.path(file), Permissions::from_mode(good)).unwrap();
    }
    let output = house.siftd(DAEMON, &["check"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(!house.archive().exists(), "nothing was made meanwhile");
}

#[test]
fn nobody_of_the_same_user_looks_into_its_memory() {
    if !possible("guard::users::nobody_of_the_same_user_looks_into_its_memory") {
        return;
    }
    let house = House::new();
    let mut daemon = house.daemon();
    let pid = daemon.id();
    // What is not dumpable belongs to root in /proc (proc(5)), and no debugger may attach (ptrace(2)).
    for name in ["environ", "mem", "maps"] {
        assert_eq!(fs::metadata(format!("/proc/{pid}/{name}")).unwrap().uid(), 0, "/proc/PID/{name}");
        let read = as_user(DAEMON, "head").args(["-c", "1", &format!("/proc/{pid}/{name}")]).output().unwrap();
        assert!(!read.status.success(), "/proc/PID/{name} can be read");
    }
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    // A control: another process of that user can be looked into.
    let mut sleeper = as_user(DAEMON, "sleep").arg("60").spawn().unwrap();
    let environ = format!("/proc/{}/environ", sleeper.id());
    wait("the control", || as_user(DAEMON, "cat").arg(&environ).output().unwrap().status.success().then_some(()));
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}
