//! System calls that fail or take their time, by strace, in a daemon that starts on a sound archive.

use crate::process::thread;
use crate::scene::{Scene, Stage, skip, wait};
use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process};
use siftd::limits::LOG_LONG;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

const WORLD: &str = "[world]\nstreams = 10\nrate = 200\n";

/// The second start is made under strace, which writes down what it did to which call.
struct Injection {
    folder: TempDir,
}

impl Injection {
    /// What strace is to inject, as strace(1) has it. Nothing if there is no strace here.
    fn new(name: &str, inject: &str) -> Option<(Self, Scene)> {
        if Command::new("strace").arg("-V").output().is_err() {
            skip(name, "install strace");
            return None;
        }
        let injection = Self { folder: tempfile::tempdir().unwrap() };
        let (ready, log) = (injection.ready(), injection.log());
        let script = format!(
            "if [ -e {} ]; then exec strace -D -f -qq -o {} -e trace={} -e {inject} \"$@\"; fi; exec \"$@\"",
            ready.display(),
            log.display(),
            // It writes down a call that it has touched only if it traces it.
            inject.split(['=', ':']).nth(1).unwrap()
        );
        let mut scene = Stage::new(WORLD).behind(&["sh", "-c", &script, "sh"]).open();
        // The first start makes the archive; the second one then has little to write before its streams are there.
        scene.start();
        let stopped = scene.stop();
        std::fs::write(ready, "").unwrap();
        scene.start();
        scene.over(stopped, &serde_json::json!("the daemon ended with 0"));
        Some((injection, scene))
    }

    fn ready(&self) -> PathBuf {
        self.folder.path().join("ready")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("strace")
    }

    /// So many calls were touched.
    fn fired(&self, least: usize) {
        wait("strace to inject", || {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            (log.lines().filter(|line| line.contains("INJECTED") || line.contains("DELAYED")).count() >= least)
                .then_some(())
        });
    }
}

/// A disk that fails and recovers: both are said, all is there in the end, and there is no gap.
fn said_and_recovered(name: &str, inject: &str, notice: &str) {
    let Some((injection, mut scene)) = Injection::new(name, inject) else { return };
    scene.watch();
    let trouble = scene.until(notice);
    assert!(trouble["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{trouble}");
    scene.until("storage-recovered");
    injection.fired(2);
    let gaps = "SELECT count(*) FROM gaps WHERE cause NOT IN ('shutdown')";
    assert_eq!(scene.number(gaps), 0);
    scene.finish(&["stored"]);
}

/// Row 38, as the kernel says it.
#[test]
fn no_space_for_a_while() {
    said_and_recovered(
        "disk::injected::no_space_for_a_while",
        "inject=pwrite64:error=ENOSPC:when=150..153",
        "storage-full",
    );
}

/// Row 39: a sync that failed is no success the next time, whatever the kernel says then.
#[test]
fn a_sync_fails() {
    said_and_recovered(
        "disk::injected::a_sync_fails",
        "inject=fsync,fdatasync:error=EIO:when=20..23",
        "storage-trouble",
    );
}

/// Row 39: the writer itself moves the log, as it does to begin it anew, and the archive's sync fails. Nobody but it hears
/// of that: the next sync succeeds, and the pages are gone.
#[test]
fn a_sync_of_the_archive_fails_while_its_log_is_moved() {
    let name = "disk::injected::a_sync_of_the_archive_fails_while_its_log_is_moved";
    if !rustix::process::geteuid().is_root() || Command::new("strace").arg("-V").output().is_err() {
        return skip(name, "install strace, and run this as root: only root may look into the daemon");
    }
    let mut scene = Stage::new("[world]\nstreams = 10\nrate = 1500\n").open();
    scene.start();
    scene.watch();
    let writer = thread(scene.daemon().pid(), "archive-writer");
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut strace = Command::new("strace")
        .args(["-qq", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=1", "-o"])
        .arg(log.path())
        .arg("-P")
        .arg(scene.archive())
        .arg("-p")
        .arg(writer)
        .spawn()
        .unwrap();
    // A reader keeps the log from beginning anew until it is so long that the writer sees to that.
    let reader = Connection::open_with_flags(scene.archive(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    reader.execute_batch("BEGIN; SELECT 1 FROM interactions LIMIT 1").unwrap();
    let wal = scene.path("archive.db-wal");
    wait("a long log", || (std::fs::metadata(&wal).unwrap().len() > 2 * LOG_LONG).then_some(()));
    drop(reader);
    wait("strace to inject", || std::fs::read_to_string(log.path()).unwrap().contains("INJECTED").then_some(()));
    scene.until("storage-trouble");
    scene.until("storage-recovered");
    kill_process(Pid::from_child(&strace), Signal::TERM).unwrap();
    strace.wait().unwrap();
    assert_eq!(scene.number("SELECT count(*) FROM gaps"), 0);
    scene.finish(&["stored"]);
}

/// Row 39, a disk that cannot write for a while.
#[test]
fn a_write_fails() {
    said_and_recovered("disk::injected::a_write_fails", "inject=pwrite64:error=EIO:when=150..153", "storage-trouble");
}

/// Row 40: a file system that has turned read-only.
#[test]
fn read_only_for_a_while() {
    said_and_recovered(
        "disk::injected::read_only_for_a_while",
        "inject=pwrite64,ftruncate:error=EROFS:when=150..153",
        "storage-trouble",
    );
}

/// Row 46: nothing is dropped and no gap comes of it; the queue holds what waits.
#[test]
fn syncs_take_two_seconds() {
    let inject = "inject=fsync,fdatasync:delay_exit=2000000:when=20..22";
    let Some((injection, mut scene)) = Injection::new("disk::injected::syncs_take_two_seconds", inject) else { return };
    scene.watch();
    injection.fired(2);
    assert_eq!(scene.number("SELECT count(*) FROM gaps WHERE cause NOT IN ('shutdown')"), 0);
    scene.finish(&["stored"]);
}

/// Row 56: a thread that cannot be started is said in a sentence, and the service manager starts the daemon again. None
/// of them may be missing from a daemon that lives.
#[test]
fn no_thread_can_be_started() {
    let name = "disk::injected::no_thread_can_be_started";
    if Command::new("strace").arg("-V").output().is_err() {
        return skip(name, "install strace");
    }
    for thread in 1..10 {
        let log = tempfile::NamedTempFile::new().unwrap();
        let inject = format!("inject=clone,clone3:error=EAGAIN:when={thread}");
        let path = log.path().display().to_string();
        let prefix = ["strace", "-D", "-f", "-qq", "-o", &path, "-e", "trace=clone,clone3", "-e", &inject];
        let mut scene = Stage::new(WORLD).behind(&prefix).starts_badly().open();
        // A name is looked up on a thread of its own.
        let url = scene.server().url().replace("127.0.0.1", "localhost");
        scene.settings(&format!("[source]\nurl = {url:?}\n"));
        scene.launch();
        let subscribed = scene.heard("subscribed");
        let injected = std::fs::read_to_string(log.path()).unwrap().contains("INJECTED");
        if subscribed.is_some() {
            let stopped = scene.stop();
            scene.over(stopped, &serde_json::json!("the daemon ended with 0"));
            if !injected {
                assert!(thread > 2, "it starts threads");
                return;
            }
            continue;
        }
        let (code, said) = scene.buried();
        assert_eq!(code, Some(74), "thread {thread}: {said}");
        assert!(injected && said.lines().last().unwrap().contains("thread"), "thread {thread}: {said}");
    }
    panic!("it starts more and more threads");
}
