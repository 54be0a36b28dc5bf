//! The limits of a process: the size of its files, its memory, its open files.

use crate::scene::{Scene, Stage, number, wait};
use rustix::process::{Pid, Resource, Rlimit};
use serde_json::json;

const WORLD: &str = "[world]\nstreams = 10\nrate = 200\nlarge = 0.05\n";

/// Changes a limit of the running daemon.
fn limit(scene: &mut Scene, resource: Resource, current: Option<u64>, maximum: Option<u64>) {
    let pid = Pid::from_raw(i32::try_from(scene.daemon().pid()).unwrap());
    rustix::process::prlimit(pid, resource, Rlimit { current, maximum }).unwrap();
}

/// Row 40: the files may not grow any further, as with a quota. That ends no process, and it passes.
#[test]
fn files_may_not_grow() {
    let mut scene = Stage::new(WORLD).open();
    scene.start();
    scene.watch();
    scene.holds("SELECT count(*) > 100 FROM interactions");
    limit(&mut scene, Resource::Fsize, Some(1 << 20), None);
    let trouble = scene.until("storage-full");
    assert!(!trouble["detail"].as_str().unwrap().is_empty(), "{trouble}");
    limit(&mut scene, Resource::Fsize, None, None);
    scene.until("storage-recovered");
    assert_eq!(scene.number("SELECT count(*) FROM gaps"), 0);
    scene.finish(&["stored"]);
}

/// Row 56: a new connection needs a file. It is tried again, and comes about when there is one.
#[test]
fn no_file_can_be_opened() {
    let mut scene = Stage::new(WORLD).open();
    scene.start();
    scene.holds("SELECT count(*) > 100 FROM interactions");
    let fault = scene.fault("no file can be opened", &["network"]);
    limit(&mut scene, Resource::Nofile, Some(3), Some(1024));
    scene.cue(r#"{"do":{"close":{"how":"reset"}}}"#, "closed");
    let failed = scene.until("connect-failed");
    assert!(failed["detail"].as_str().unwrap().contains("open files"), "{failed}");
    scene.until("connect-failed");
    limit(&mut scene, Resource::Nofile, Some(1024), Some(1024));
    scene.until("subscribed");
    scene.over(fault, &failed);
    scene.finish(&["stored", "in_gap"]);
}

/// Row 56: a start with too few files ends with 74 and says so, whichever file would have been the first that lacks.
#[test]
fn a_start_with_too_few_files() {
    let (mut refused, mut ran) = (0, 0);
    for files in [5, 6, 7, 8, 9, 10, 12, 16, 20, 28, 36, 44, 52, 60, 68] {
        let limit = format!("--nofile={files}");
        let mut scene = Stage::new(WORLD).behind(&["prlimit", &limit]).starts_badly().open();
        scene.launch();
        if scene.heard("subscribed").is_some() {
            ran += 1;
            continue;
        }
        let (code, said) = scene.buried();
        assert_eq!(code, Some(74), "{files}: {said}");
        assert!(said.contains("open files"), "{files}: {said}");
        refused += 1;
    }
    assert!(refused > 5 && ran > 0, "{refused} refused, {ran} ran");
}

/// Row 55: with too little memory it lives or it dies, and what it has claimed is there.
#[test]
fn too_little_memory() {
    let mut scene = Stage::new(WORLD).settings("[queue]\nmax_bytes = \"64MiB\"\n").open();
    scene.start();
    scene.holds("SELECT count(*) > 100 FROM interactions");
    let fault = scene.fault("too little memory", &["crash", "network", "local_storage", "slow_consumer"]);
    limit(&mut scene, Resource::As, Some(1 << 20), None);
    let giant = scene.cue(r#"{"do":{"giant":{"bytes":"15MiB"}}}"#, "produced");
    let archive = scene.archive();
    let died = wait("the end of the daemon, or the giant in the archive", || {
        let stored = "SELECT count(*) FROM interactions WHERE length(payload) > 15000000";
        let lives = number(&archive, stored).is_ok_and(|stored| stored > 0);
        scene.daemon().ended().map(Some).or(lives.then_some(None))
    });
    match died {
        Some(status) => {
            let (code, said) = scene.buried();
            assert_ne!(code, Some(0), "{said}");
            scene.start();
            scene.over(fault, &json!({"giant": giant, "status": status.to_string()}));
        }
        None => scene.over(fault, &json!({"giant": giant, "status": "it lives"})),
    }
    scene.finish(&["stored"]);
}
