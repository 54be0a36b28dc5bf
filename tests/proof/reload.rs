//! Settings, lists and keys that change while messages come: what is untouched notices nothing.

use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::scene::{KEY, Scene, Stage, wait};

/// Waits until so many more rows are there.
fn more_rows(scene: &Scene, count: i64) {
    let before = scene.number("SELECT count(*) FROM interactions");
    scene.holds(&format!("SELECT count(*) > {before} + {count} FROM interactions"));
}

/// `siftd reload` fails and says this; the daemon says it too, and goes on as before.
fn refused(scene: &mut Scene, what: &str) {
    const REFUSALS: &str = "(SELECT count(*) FROM notices WHERE notice = 'reload-refused')";
    let before = scene.number(&format!("SELECT {REFUSALS}"));
    let answer = scene.answer("reload");
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert_eq!(answer.status.code(), Some(78), "{what}: {said}{}", String::from_utf8_lossy(&answer.stdout));
    assert!(said.contains(what), "{what}: {said}");
    // A daemon.toml that does not even say where the archive is keeps the command from asking; the signal does not.
    if !said.contains("the daemon refuses") {
        scene.daemon().signal(Signal::HUP);
    }
    let is_it = |said: &Value| said["notice"] == "reload-refused" && said["faults"].as_str().unwrap().contains(what);
    scene.daemon().until_that(what, is_it);
    // The log speaks before the archive: without this the next `siftd reload` could find this answer instead of its own.
    assert_eq!(scene.holds(&format!("SELECT {REFUSALS} - {before}")), 1, "{what}: refused once");
}

#[test]
fn broken_missing_and_half_written_files_leave_everything_as_it_was() {
    let mut scene = Stage::new("[world]\nstreams = 20\nrate = 200\n").open();
    scene.start();
    scene.watch();
    more_rows(&scene, 100);
    let [settings, list, key] = ["daemon.toml", "streams.txt", "api-key"].map(|name| scene.path(name));
    let good = [&settings, &list, &key].map(|path| fs::read(path).unwrap());
    // In the middle of the last stream.
    let half = good[1].len() - good[1].split_inclusive(|byte| *byte == b'\n').next_back().unwrap().len() + 16;
    let cases: [(&std::path::Path, Option<&[u8]>, &str); 9] = [
        (&settings, Some(b"[source\n"), "daemon.toml:1:8"),
        (&settings, Some(&good[0][..good[0].len() / 2]), "daemon.toml:"),
        (&settings, Some(b"[archive]\npath = \"archive.db\"\n"), "source.streams_file: no stream is listed"),
        (&settings, None, "daemon.toml: the file does not exist"),
        (&list, Some(&good[1][..half]), "streams.txt:20:"),
        (&list, Some(b""), "no stream is listed"),
        (&list, None, "streams.txt does not exist"),
        (&key, Some(b"\n"), "api-key is empty"),
        (&key, None, "api-key does not exist"),
    ];
    for (path, text, what) in cases {
        match text {
            Some(text) => fs::write(path, text).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        refused(&mut scene, what);
        for (path, text) in [&settings, &list, &key].iter().zip(&good) {
            fs::write(path, text).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        more_rows(&scene, 20);
    }
    assert_eq!(scene.number("SELECT count(*) FROM connections"), 1);
    let report = scene.finish(&["stored"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}

#[test]
fn a_link_that_is_turned_to_another_file_is_followed() {
    let mut scene = Stage::new("[world]\nstreams = 20\nrate = 200\n").open();
    let real = scene.path("settings-1.toml");
    fs::rename(scene.path("daemon.toml"), &real).unwrap();
    symlink("settings-1.toml", scene.path("daemon.toml")).unwrap();
    scene.start();
    let text = fs::read_to_string(&real).unwrap();
    for (name, text, good) in
        [("settings-2.toml", "[broken", false), ("settings-3.toml", &*text.replace("1s", "2s"), true)]
    {
        fs::write(scene.path(name), text).unwrap();
        symlink(name, scene.path("next")).unwrap();
        fs::rename(scene.path("next"), scene.path("daemon.toml")).unwrap();
        if good {
            scene.daemon().signal(Signal::HUP);
            let reloaded = scene.until("reloaded");
            assert!(reloaded["changed"].to_string().contains("gap.margin"), "{reloaded}");
        } else {
            refused(&mut scene, "daemon.toml:1:8");
        }
        more_rows(&scene, 50);
    }
    let report = scene.finish(&["stored"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}

#[test]
fn a_thousand_in_and_a_thousand_out_of_five_thousand_under_load() {
    let mut scene = Stage::new("[world]\nstreams = 6000\nrate = 500\n").listed(5_000).open();
    scene.start();
    more_rows(&scene, 500);
    let removed = scene.fault("taken out", &["shutdown"]);
    scene.only(&removed, 0..1_000);
    let added = scene.fault("not yet acknowledged", &["starting"]);
    scene.only(&added, 5_000..6_000);
    scene.list(1_000..6_000);
    let proof = scene.line(0, |line| line["event"] == "unsubscribed");
    scene.holds("SELECT count(*) = 5000 FROM streams WHERE state = 'active'");
    scene.over(removed, &proof);
    scene.over(added, &proof);
    more_rows(&scene, 500);
    assert_eq!(scene.number("SELECT count(*) FROM connections"), 1, "no reconnect");
    assert_eq!(scene.number("SELECT count(*) FROM streams WHERE state = 'retired'"), 1_000);
    let report = scene.finish(&["stored", "unwanted"]);
    assert_eq!(report.counted("LOST"), 0, "{report}");
}

/// Resident memory in KiB, and open files.
fn size(pid: u32) -> (i64, usize) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib = line.trim().trim_end_matches(" kB").parse().unwrap();
    (kib, fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count())
}

/// A hundred streams out and a hundred in, so many times.
fn churn(rounds: usize) {
    let mut scene = Stage::new("[world]\nstreams = 300\nrate = 200\n").listed(200).open();
    scene.start();
    more_rows(&scene, 100);
    let change = scene.fault("taken out and in", &["shutdown", "starting"]);
    for places in [0..100, 200..300] {
        scene.only(&change, places);
    }
    scene.only(&change, 0..300);
    let mut first = None;
    for round in 0..rounds {
        scene.list(if round % 2 == 0 { 100..300 } else { 0..200 });
        let outs = i64::try_from(round + 1).unwrap() * 100;
        scene.holds("SELECT count(*) = 200 FROM streams WHERE state = 'active'");
        if round == rounds / 3 {
            first = Some(size(scene.daemon().pid()));
        }
        assert!(scene.number("SELECT count(*) FROM streams") <= 300, "the table is bounded after {outs} changes");
    }
    let (pid, (early_memory, early_files)) = (scene.daemon().pid(), first.unwrap());
    // A file may be open for a moment, to be read.
    wait("no more files to be open than before", || (size(pid).1 <= early_files).then_some(()));
    let (memory, _) = size(pid);
    assert!(memory < early_memory + 8 * 1024, "{memory} KiB, {early_memory} KiB before");
    assert_eq!(scene.number("SELECT count(*) FROM connections"), 1, "no reconnect");
    // The hundred in the middle were never touched.
    let untouched: Vec<String> = scene.streams[100..200].iter().map(|(hash, _)| format!("'{hash}'")).collect();
    assert_eq!(scene.number(&format!("SELECT count(*) FROM gaps WHERE stream IN ({})", untouched.join(","))), 0);
    let proof = scene.line(0, |line| line["event"] == "unsubscribed");
    scene.over(change, &proof);
    scene.finish(&["stored", "unwanted"]);
}

#[test]
fn streams_that_come_and_go() {
    churn(30);
}

#[test]
#[ignore = "an hour of coming and going, where the suite has half a minute: cargo test --test proof streams_that_come_and_go -- --ignored"]
fn streams_that_come_and_go_for_an_hour() {
    churn(3_600);
}

fn reset(scene: &Scene) -> Value {
    scene.cue(r#"{"do":{"close":{"how":"reset"}}}"#, "closed")
}

#[test]
fn a_key_that_is_rotated_is_used_with_the_next_connection() {
    let mut scene = Stage::new(&format!("[account]\napi_key = \"{KEY}\"\n[world]\nstreams = 20\nrate = 200\n")).open();
    scene.start();
    more_rows(&scene, 100);
    fs::write(scene.path("api-key"), "r0tated-c4n4ry\n").unwrap();
    scene.daemon().signal(Signal::HUP);
    let reloaded = scene.until("reloaded");
    assert!(reloaded["changed"].to_string().contains("source.api_key_file"), "{reloaded}");
    scene.cue(r#"{"do":{"account":{"api_key":"r0tated-c4n4ry"}}}"#, "cue");
    more_rows(&scene, 50);
    let fault = scene.fault("reset", &["network"]);
    let closed = reset(&scene);
    scene.until("subscribed");
    scene.over(fault, &closed);
    assert_eq!(scene.count(0, "refused"), 0, "no attempt with the old key");
    let evidence = scene.end(&["stored"]);
    for path in [&evidence.archive, &evidence.journal] {
        let bytes = fs::read(path).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"c4n4ry"), "{}", path.display());
    }
    evidence.prove();
}

#[test]
fn a_key_that_is_revoked_ends_it_after_one_more_try() {
    let mut scene = Stage::new(&format!("[account]\napi_key = \"{KEY}\"\n[world]\nstreams = 20\nrate = 200\n")).open();
    scene.start();
    more_rows(&scene, 100);
    scene.cue(r#"{"do":{"account":{"api_key":"another"}}}"#, "cue");
    let fault = scene.fault("revoked", &["network", "auth"]);
    let closed = reset(&scene);
    let said = scene.ended_with(77);
    assert!(said.contains("identity-refused") && !said.contains("c4n4ry"), "{said}");
    assert_eq!(scene.count(0, "refused"), 2, "one more try, and no more");
    scene.over(fault, &json!({"closed": closed, "exit": 77}));
    scene.finish_as_it_is(&["stored", "in_gap"]);
}
