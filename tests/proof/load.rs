//! More than the disk takes: memory stays bounded, the connection is left unread, and the gap that follows is true.

use serde_json::json;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::scene::{Scene, Stage, skip, wait};

/// A tracer that makes system calls of one process on the archive slow. It is killed with the test.
struct SlowDisk(Child);

impl SlowDisk {
    fn of(pid: u32, calls: &str, micros: u32) -> Self {
        let inject = format!("inject={calls}:delay_enter={micros}");
        let trace = format!("--trace={calls}");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-p", &pid.to_string(), &trace, "-o", "/dev/null", "-e", &inject]);
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

const SMALL: &str = "[source]\nmax_frame = \"1MiB\"\n[queue]\nmax_bytes = \"4MiB\"\n[log]\nlevel = \"debug\"\n";

/// A server that warns of what it holds for us, and cuts us off, at these bounds.
fn flood(warning: &str, disconnect: &str) -> Scene {
    let node =
        format!("[node]\nslow_warning = {warning:?}\nslow_disconnect = {disconnect:?}\nsocket_buffer = \"64KiB\"\n");
    Stage::new(&format!("{node}[world]\nstreams = 50\nrate = 100\nhuge = 0\n")).settings(SMALL).open()
}

/// What tells in a gap that it was the disk, and for how long.
const TOLD: &str = "SELECT count(*) >= 50 FROM gaps WHERE cause = 'slow_consumer' AND detail LIKE 'the disk stalled: left unread for % s'";

#[test]
fn a_burst_beyond_what_the_disk_takes_is_left_unread_and_then_a_true_gap() {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        let name = "load::a_burst_beyond_what_the_disk_takes_is_left_unread_and_then_a_true_gap";
        return skip(name, "strace is missing: apt-get install strace");
    }
    let mut scene = flood("4MiB", "24MiB");
    scene.start();
    scene.holds("SELECT count(*) > 200 FROM interactions");
    let pid = scene.daemon().pid();
    let before = scene.daemon().peak_kib();
    // Whether the server's last word is read before its end hangs on what the kernel still holds of it; the cause does not.
    let fault = scene.fault("more than the disk takes", &["slow_consumer"]);
    // A page of 32 KiB takes two writes: with 50 ms each the disk takes a third of a megabyte a second, on any machine,
    // and also while siftd catches up, when it does not sync.
    let disk = SlowDisk::of(pid, "pwrite64,fdatasync,fsync", 50_000);
    scene.cue(r#"{"do":{"rate":"5000/s"}}"#, "cue");
    let full = scene.until("queue-full");
    let warned = scene.line(0, |line| line["event"] == "warning");
    scene.line(0, |line| line["event"] == "closed" && line["why"] == "slow");
    scene.until("disconnected");
    scene.cue(r#"{"do":{"rate":"100/s"}}"#, "cue");
    drop(disk);
    scene.until("subscribed");
    scene.holds("SELECT count(*) >= 50 FROM gaps WHERE cause <> 'shutdown' AND state = 'closed'");
    let grown = scene.daemon().peak_kib() - before;
    assert!(grown < 48 * 1024, "{grown} KiB more for a queue of 4 MiB");
    scene.holds(TOLD);
    scene.over(fault, &json!([full, warned]));
    scene.finish(&["stored", "in_gap"]);
}

/// Long before the sync returns the queue is full and the server has gone: its word on that was never read, or never sent.
#[test]
fn a_sync_that_outlasts_the_servers_patience_is_our_slowness() {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        let name = "load::a_sync_that_outlasts_the_servers_patience_is_our_slowness";
        return skip(name, "strace is missing: apt-get install strace");
    }
    let mut scene = flood("1MiB", "2MiB");
    scene.start();
    scene.holds("SELECT count(*) > 200 FROM interactions");
    let fault = scene.fault("the disk stalls", &["slow_consumer"]);
    let disk = SlowDisk::of(scene.daemon().pid(), "fdatasync,fsync", 6_000_000);
    scene.cue(r#"{"do":{"rate":"5000/s"}}"#, "cue");
    let full = scene.until("queue-full");
    scene.line(0, |line| line["event"] == "closed" && line["why"] == "slow");
    scene.cue(r#"{"do":{"rate":"100/s"}}"#, "cue");
    scene.until("disconnected");
    drop(disk);
    scene.until("subscribed");
    scene.holds(TOLD);
    scene.over(fault, &full);
    scene.finish(&["stored", "in_gap"]);
}

#[test]
fn five_thousand_streams_are_subscribed_anew_at_every_flap() {
    let mut scene = Stage::new("[world]\nstreams = 5000\nrate = 300\n").open();
    scene.start();
    let mut sizes = Vec::new();
    for _ in 0..6 {
        let fault = scene.fault("reset", &["network"]);
        scene.bound(&fault, Duration::from_secs(15));
        let closed = scene.cue(r#"{"do":{"close":{"how":"reset"}}}"#, "closed");
        scene.until("subscribed");
        scene.over(fault, &closed);
        scene.holds("SELECT min(covered_until_us) > (SELECT max(opened_us) FROM connections) FROM streams");
        sizes.push(scene.daemon().peak_kib());
    }
    let grown = sizes[5] - sizes[2];
    assert!(grown < 16 * 1024, "{sizes:?} KiB");
    scene.finish(&["stored", "in_gap"]);
}
