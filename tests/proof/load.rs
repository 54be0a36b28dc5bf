//! More than the disk takes: memory stays bounded, the connection is left unread, and the gap that follows is true.

use serde_json::json;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::scene::{Scene, Stage, skip, wait};

/// A tracer that makes each write into the archive by one process slow, and each sync. It is killed with the test.
struct SlowDisk(Child);

impl SlowDisk {
    /// A page of 32 KiB takes two writes: with 50 ms each the disk takes a third of a megabyte a second, on any machine,
    /// and also while siftd catches up, when it does not sync.
    fn of(pid: u32, micros: u32) -> Self {
        let inject = format!("inject=pwrite64,fdatasync,fsync:delay_enter={micros}");
        let mut strace = Command::new("strace");
        strace.args([
            "-f",
            "-p",
            &pid.to_string(),
            "--trace=pwrite64,fdatasync,fsync",
            "-o",
            "/dev/null",
            "-e",
            &inject,
        ]);
        let child = strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let status = format!("/proc/{pid}/status");
        wait("the tracer", || {
            let status = fs::read_to_string(&status).unwrap();
            status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0")).then_some(())
        });
        Self(child)
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The most memory that it ever had, in KiB.
fn peak(pid: u32) -> i64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

const SMALL: &str = "[source]\nmax_frame = \"1MiB\"\n[queue]\nmax_bytes = \"4MiB\"\n[log]\nlevel = \"debug\"\n";

fn flood(rate: u32) -> Scene {
    let node = "[node]\nslow_warning = \"4MiB\"\nslow_disconnect = \"24MiB\"\nsocket_buffer = \"64KiB\"\n";
    Stage::new(&format!("{node}[world]\nstreams = 50\nrate = {rate}\nhuge = 0\n")).settings(SMALL).open()
}

#[test]
fn a_burst_beyond_what_the_disk_takes_is_left_unread_and_then_a_true_gap() {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        let name = "load::a_burst_beyond_what_the_disk_takes_is_left_unread_and_then_a_true_gap";
        return skip(name, "strace is missing: apt-get install strace");
    }
    let mut scene = flood(100);
    scene.start();
    scene.holds("SELECT count(*) > 200 FROM interactions");
    let pid = scene.daemon().pid();
    let before = peak(pid);
    // Whether the server's last word is read before its end hangs on what the kernel still holds of it; where it is not,
    // the daemon knows of nothing but its own disk.
    let causes = ["slow_consumer", "local_storage", "network", "silence"];
    let fault = scene.fault("more than the disk takes", &causes);
    let disk = SlowDisk::of(pid, 50_000);
    scene.cue(r#"{"do":{"rate":"5000/s"}}"#, "cue");
    let full = scene.until("queue-full");
    let warned = scene.line(0, |line| line["event"] == "warning");
    scene.line(0, |line| line["event"] == "closed" && line["why"] == "slow");
    scene.until("disconnected");
    scene.cue(r#"{"do":{"rate":"100/s"}}"#, "cue");
    drop(disk);
    scene.until("subscribed");
    scene.holds("SELECT count(*) >= 50 FROM gaps WHERE cause <> 'shutdown' AND state = 'closed'");
    let grown = peak(pid) - before;
    assert!(grown < 48 * 1024, "{grown} KiB more for a queue of 4 MiB");
    scene.over(fault, &json!([full, warned]));
    scene.finish(&["stored", "in_gap"]);
}

#[test]
fn five_thousand_streams_are_subscribed_anew_at_every_flap() {
    let mut scene = Stage::new("[world]\nstreams = 5000\nrate = 300\n").open();
    scene.start();
    let pid = scene.daemon().pid();
    let mut sizes = Vec::new();
    for _ in 0..6 {
        let fault = scene.fault("reset", &["network"]);
        scene.bound(&fault, Duration::from_secs(15));
        let closed = scene.cue(r#"{"do":{"close":{"how":"reset"}}}"#, "closed");
        scene.until("subscribed");
        scene.over(fault, &closed);
        scene.holds("SELECT min(covered_until_us) > (SELECT max(opened_us) FROM connections) FROM streams");
        sizes.push(peak(pid));
    }
    let grown = sizes[5] - sizes[2];
    assert!(grown < 16 * 1024, "{sizes:?} KiB");
    scene.finish(&["stored", "in_gap"]);
}
