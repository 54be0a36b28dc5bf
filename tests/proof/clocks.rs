//! Clocks that lie, differ, are set, or stand still: what is claimed rests on none of them.

use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::scene::{Scene, Stage, skip, wait};

/// What is sent waits for 1.5 s: a break loses it, and the claim must end before it.
const SLOW: &str = "[node]\nlag = \"1500ms\"\n[world]\nstreams = 10\nrate = 100\n";

/// A break and its end. Gaps that touch would be one, and its width that of several faults: let proof pass between them.
fn reset(scene: &mut Scene) {
    reset_within(scene, None);
}

/// A break and its end; with a bound for how much wider than it the gap may be.
fn reset_within(scene: &mut Scene, bound: Option<Duration>) {
    let fault = scene.fault("reset", &["network"]);
    if let Some(bound) = bound {
        scene.bound(&fault, bound);
    }
    let closed = scene.cue(r#"{"do":{"close":{"how":"reset"}}}"#, "closed");
    scene.until("subscribed");
    scene.over(fault, &closed);
}

fn tick(scene: &Scene, more: &Value) {
    let mut ticks = json!({"now": true});
    ticks.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    scene.cue(&json!({"do": {"ticks": ticks}}).to_string(), "tick");
}

/// Waits until so many more rows are there.
fn more_rows(scene: &Scene, count: i64) {
    let before = scene.number("SELECT count(*) FROM interactions");
    scene.holds(&format!("SELECT count(*) > {before} + {count} FROM interactions"));
}

/// Waits until what is proven of every stream has come past this moment.
fn passes(scene: &Scene, moment: &str) {
    let since = scene.number(&format!("SELECT {moment}"));
    scene.holds(&format!("SELECT min(covered_until_us) > {since} FROM streams WHERE state <> 'retired'"));
}

const NOW: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";

/// A tick that is wrong by less than a message can have waited is like a right one; beyond that it proves nothing.
#[test]
fn absurd_ticks_shrink_no_gap() {
    let mut scene = Stage::new(SLOW).open();
    scene.start();
    scene.watch();
    more_rows(&scene, 200);
    for value in ["0", "-1", "9223372036854775807", "9223372036854775808", "1e300", "\"soon\"", "null", "{}"] {
        tick(&scene, &json!({"value": value}));
    }
    passes(&scene, NOW);
    reset(&mut scene);
    for skew in ["-24h", "24h", "-5m", "30s", "-30s"] {
        tick(&scene, &json!({"value": "", "skew": skew}));
        passes(&scene, NOW);
        reset(&mut scene);
    }
    tick(&scene, &json!({"value": "", "skew": "0s"}));
    scene.finish(&["stored", "in_gap"]);
}

#[test]
fn a_server_five_minutes_ahead_or_behind() {
    for skew in ["5m", "-5m"] {
        let node = format!("[node]\nclock_skew = \"{skew}\"\nlag = \"1500ms\"\n");
        let mut scene = Stage::new(&format!("{node}[world]\nstreams = 10\nrate = 100\n")).open();
        scene.start();
        scene.watch();
        more_rows(&scene, 200);
        reset(&mut scene);
        more_rows(&scene, 200);
        let offset = scene.number("SELECT clock_offset_us / 1000000 FROM daemon");
        assert!((offset.abs() - 300).abs() <= 1, "{offset}");
        scene.finish(&["stored", "in_gap"]);
    }
}

#[test]
fn a_server_whose_clock_is_set_goes_on_proving_what_it_sends() {
    let mut scene = Stage::new("[world]\nstreams = 10\nrate = 100\n").open();
    scene.start();
    scene.watch();
    more_rows(&scene, 100);
    let ahead = scene.cue(r#"{"do":{"clock":{"skew":"20s"}}}"#, "cue");
    // It takes ten seconds to believe it, and what is claimed lags a minute behind until the next connection.
    passes(&scene, NOW);
    let fault = scene.fault("set back", &["network"]);
    scene.bound(&fault, Duration::from_secs(90));
    scene.cue(r#"{"do":{"clock":{"skew":"-20s"}}}"#, "cue");
    more_rows(&scene, 100);
    scene.cue(r#"{"do":{"close":{"how":"reset"}}}"#, "closed");
    scene.until("subscribed");
    scene.over(fault, &ahead);
    passes(&scene, NOW);
    scene.finish(&["stored"]);
}

#[test]
fn a_date_in_the_upgrade_that_is_an_hour_off_makes_nothing_narrower() {
    for skew in ["1h", "-1h"] {
        let node = format!("[node]\ndate_skew = \"{skew}\"\nlag = \"1500ms\"\n");
        let mut scene = Stage::new(&format!("{node}[world]\nstreams = 10\nrate = 100\n")).open();
        scene.start();
        more_rows(&scene, 200);
        reset_within(&mut scene, Some(Duration::from_secs(3700)));
        more_rows(&scene, 100);
        let stop = scene.fault("the last connection", &["shutdown"]);
        scene.bound(&stop, Duration::from_secs(3700));
        scene.over(stop, &json!({"date_skew": skew}));
        scene.finish_as_it_is(&["stored", "in_gap"]);
    }
}

/// Where Debian has the library.
fn faketime() -> PathBuf {
    format!("/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1", std::env::consts::ARCH).into()
}

/// The daemon's wall clock is what this file says, and nothing else of its time is touched.
fn under_faketime(stage: Stage, file: &Path, offset: &str) -> Stage {
    std::fs::write(file, offset).unwrap();
    let stage = stage
        .environment("LD_PRELOAD", &faketime().display().to_string())
        .environment("FAKETIME_TIMESTAMP_FILE", &file.display().to_string());
    stage.environment("FAKETIME_NO_CACHE", "1").environment("DONT_FAKE_MONOTONIC", "1")
}

#[test]
fn a_wall_clock_that_is_set_while_it_runs() {
    if !faketime().exists() {
        return skip(
            "clocks::a_wall_clock_that_is_set_while_it_runs",
            "libfaketime is missing: apt-get install faketime",
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("faketime");
    let mut scene = under_faketime(Stage::new(SLOW), &file, "+0").open();
    scene.start();
    scene.watch();
    for offset in ["+3600", "-3600", "+315360000", "-315360000", "+1"] {
        std::fs::write(&file, offset).unwrap();
        more_rows(&scene, 100);
        passes(&scene, NOW);
        reset(&mut scene);
    }
    std::fs::write(&file, "+3600").unwrap();
    // The clocks are compared once a minute, so that any of the steps before may have been told or missed; all that is
    // told leads from the true time to this hour.
    let mut stepped = 0.0;
    while (stepped - 3600.0_f64).abs() > 2.0 {
        stepped += scene.until("clock-stepped")["seconds"].as_f64().unwrap();
    }
    scene.finish(&["stored", "in_gap"]);
}

#[test]
fn a_wall_clock_that_is_ten_years_off_at_the_start() {
    if !faketime().exists() {
        return skip(
            "clocks::a_wall_clock_that_is_ten_years_off_at_the_start",
            "libfaketime is missing: apt-get install faketime",
        );
    }
    for years in [10, -10_i64] {
        let seconds = years * 365 * 86_400;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("faketime");
        let mut scene = under_faketime(Stage::new(SLOW), &file, &format!("{seconds:+}")).open();
        scene.start();
        more_rows(&scene, 200);
        let offset = scene.number("SELECT clock_offset_us / 1000000 FROM daemon");
        assert!((offset + seconds).abs() < 5, "the server's clock less ours: {offset}");
        reset(&mut scene);
        more_rows(&scene, 100);
        passes(&scene, &format!("{NOW} + {seconds} * 1000000"));
        let mut evidence = scene.end(&["stored", "in_gap"]);
        evidence.promise.local_offset_us = seconds * 1_000_000;
        evidence.prove();
    }
}

#[test]
fn a_daemon_that_was_stopped_for_longer_than_the_silence_limit() {
    let mut scene = Stage::new(SLOW).settings("[liveness]\nsilence = \"3s\"\n").open();
    scene.start();
    scene.watch();
    more_rows(&scene, 200);
    let fault = scene.fault("SIGSTOP", &["suspended", "silence", "slow_consumer", "network"]);
    // A clock in doubt is charged a minute: what is claimed lags by up to that until the next connection asks.
    scene.bound(&fault, Duration::from_secs(75));
    let from = scene.lines();
    scene.daemon().signal(Signal::STOP);
    // Its 3 s and 5 s of lateness go by, and more.
    for _ in 0..10 {
        let after = scene.lines().max(from);
        scene.cue(r#"{"do":{"ticks":{"now":true}}}"#, "tick");
        let _second =
            scene.line(after, |line| line["event"] == "ping" || line["event"] == "written" || line["event"] == "tick");
        std::thread::park_timeout(Duration::from_secs(1));
    }
    scene.daemon().signal(Signal::CONT);
    let said = scene.until("suspended");
    assert!(said["seconds"].as_f64().unwrap() >= 8.0, "{said}");
    scene.until("subscribed");
    scene.over(fault, &said);
    more_rows(&scene, 100);
    scene.finish(&["stored", "in_gap"]);
}

#[test]
fn a_short_stop_is_no_gap() {
    let mut scene = Stage::new(SLOW).open();
    scene.start();
    scene.watch();
    more_rows(&scene, 200);
    scene.daemon().signal(Signal::STOP);
    let stopped = format!("/proc/{}/stat", scene.daemon().pid());
    wait("the daemon to stand still", || std::fs::read_to_string(&stopped).unwrap().contains(") T ").then_some(()));
    std::thread::park_timeout(Duration::from_secs(2));
    scene.daemon().signal(Signal::CONT);
    more_rows(&scene, 200);
    let report = scene.finish(&["stored"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}
