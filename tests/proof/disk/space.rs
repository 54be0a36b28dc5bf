//! No room: a small file system fills up, and is given room again.

use crate::first_version;
use crate::scene::{Scene, Stage, skip};
use rustix::process::Signal;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

const WORLD: &str = "[world]\nstreams = 10\nrate = 200\n";

/// A file system in memory. Goes with everything in it, whatever becomes of the test.
struct Small(TempDir);

impl Small {
    fn mount(name: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"]).arg(folder.path()).output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        skip(name, "mounting a small file system needs root");
        None
    }

    fn archive(&self) -> PathBuf {
        self.0.path().join("archive.db")
    }

    /// Takes all the room that is left, to the last page.
    fn fill(&self) {
        let mut chunk = 1 << 20;
        let mut file = fs::File::create(self.0.path().join("filler")).unwrap();
        while chunk >= 512 {
            use std::io::Write as _;
            if file.write_all(&vec![0; chunk]).is_err() {
                chunk /= 2;
            }
        }
    }

    fn relieve(&self) {
        fs::remove_file(self.0.path().join("filler")).unwrap();
        self.grow();
    }

    fn grow(&self) {
        let grown = Command::new("mount").args(["-o", "remount,size=512m"]).arg(self.0.path()).output().unwrap();
        assert!(grown.status.success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(self.0.path()).output());
    }
}

fn filled(scene: &mut Scene, small: &Small) -> serde_json::Value {
    scene.holds("SELECT count(*) > 100 FROM interactions");
    small.fill();
    scene.until("storage-full")
}

/// Row 38: what comes meanwhile waits in memory, and is there afterwards.
#[test]
fn full_and_then_room() {
    let Some(small) = Small::mount("disk::space::full_and_then_room") else { return };
    let mut scene = Stage::new(WORLD).archive(&small.archive()).open();
    scene.start();
    scene.watch();
    filled(&mut scene, &small);
    small.relieve();
    scene.until("storage-recovered");
    assert_eq!(scene.number("SELECT count(*) FROM gaps"), 0);
    scene.finish(&["stored"]);
}

/// Row 38: full for longer than memory holds. The connection is left unread, and what the server then drops is a gap.
#[test]
fn full_until_the_queue_is_full() {
    let Some(small) = Small::mount("disk::space::full_until_the_queue_is_full") else { return };
    let world =
        "[world]\nstreams = 10\nrate = 2000\n[node]\nslow_warning = \"400KiB\"\nslow_disconnect = \"1500KiB\"\n";
    let settings = "[source]\nmax_frame = \"1MiB\"\n[queue]\nmax_bytes = \"1MiB\"\n";
    let mut scene = Stage::new(world).settings(settings).archive(&small.archive()).open();
    scene.start();
    scene.watch();
    let fault = scene.fault("full", &["local_storage", "slow_consumer", "silence", "network", "server_closed"]);
    let full = filled(&mut scene, &small);
    scene.until("queue-full");
    scene.line(0, |line| line["event"] == "closed");
    small.relieve();
    scene.until("storage-recovered");
    scene.until("subscribed");
    scene.over(fault, &full);
    scene.finish(&["stored", "in_gap"]);
}

/// A start on a full disk says so and ends with 74: nothing was asked of the server, so nothing can be lost that is not
/// in a gap already, and the service manager starts it again until there is room.
#[test]
fn a_start_on_a_full_disk() {
    let Some(small) = Small::mount("disk::space::a_start_on_a_full_disk") else { return };
    let mut scene = Stage::new(WORLD).archive(&small.archive()).open();
    scene.start();
    scene.holds("SELECT count(*) > 100 FROM interactions");
    let stopped = scene.stop();
    small.fill();
    let answer = scene.answer("run");
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert_eq!(answer.status.code(), Some(74), "{said}");
    assert!(said.contains("full"), "{said}");
    small.relieve();
    scene.start();
    scene.over(stopped, &serde_json::json!(said));
    scene.finish(&["stored", "in_gap"]);
}

/// An archive of an earlier version that cannot be made anew for lack of room is left as it is.
#[test]
fn an_upgrade_without_room() {
    let Some(small) = Small::mount("disk::space::an_upgrade_without_room") else { return };
    let mut scene = Stage::new(WORLD).archive(&small.archive()).open();
    first_version::make(&small.archive(), &scene.streams);
    first_version::fatten(&small.archive(), 1_200, 12_000);
    let answer = scene.answer("run");
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert_eq!(answer.status.code(), Some(74), "{said}");
    assert!(
        said.contains("cannot be brought to version 5 and is as it was: that takes ") && said.contains("; make room")
    );
    assert_eq!(first_version::version(&small.archive()), 1);
    small.grow();
    scene.start();
    scene.daemon().signal(Signal::TERM);
    let (code, said) = scene.buried();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(first_version::version(&small.archive()), first_version::LAST);
}
