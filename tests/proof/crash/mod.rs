//! SIGKILL at every system call that changes a file of the archive, one after the other, none left out.

mod gate;
mod heal;
mod script;
mod sweep;
mod tracer;

use std::collections::BTreeMap;
use std::sync::Mutex;

use rustix::process::Signal;
use serde_json::json;

use crate::first_version;
use crate::scene::{Fault, Scene, Stage, skip};
use gate::Gate;
use script::{aged, lived, play, stop_when_pruned};
use sweep::{Sweep, tell};
use tracer::Trace;

const WORLD: &str = "[world]\nstreams = 4\nrate = \"40/s\"\ndeletes = 0.1\n";

/// What is made while a start is watched is a call more or less: in this world a start has nearly the same calls each
/// time, and the sweep an end.
const CALM: &str = "[world]\nstreams = 4\nrate = \"2/s\"\ndeletes = 0.1\n";

/// A scene whose daemon can be watched, and its gate.
fn scene(world: &str) -> (Gate, Scene) {
    let gate = Gate::default();
    let stage = Stage::new(world).settings("[reconnect]\nnetwork_step = \"50ms\"\n[retention]\nnotices = \"1h\"\n");
    let scene = stage.behind(&["sh", "-c", &gate.script(), "sh"]).starts_badly().open();
    (gate, scene)
}

/// A first start on an empty folder, and all that can happen in a second.
fn from_nothing(end_at: usize) -> Trace {
    let (gate, mut scene) = scene(WORLD);
    let begun = Scene::clock();
    let tracer = gate.launch(&mut scene, Some(end_at));
    play(&mut scene);
    let dead = scene.fault("killed", &["crash", "shutdown", "network", "starting"]);
    let (code, said) = scene.buried();
    let trace = tracer.end();
    assert_eq!(code, if trace.killed { None } else { Some(0) }, "{said}");
    prove(scene, begun, dead, &trace);
    trace
}

/// A start after a kill: what was not proven becomes gaps, and notices that have expired go.
fn from_ruins(end_at: usize) -> Trace {
    let (gate, mut scene) = scene(CALM);
    let begun = Scene::clock();
    scene.launch();
    lived(&mut scene);
    let dead = scene.kill();
    let before = aged(&scene.archive());
    let tracer = gate.launch(&mut scene, Some(end_at));
    stop_when_pruned(&mut scene, before);
    let (code, said) = scene.buried();
    let trace = tracer.end();
    assert_eq!(code, if trace.killed { None } else { Some(0) }, "{said}");
    prove(scene, begun, dead, &trace);
    trace
}

/// A start on an archive of the first version, which is killed at the latest when it has begun its work. Says what it
/// left: the old archive or the new one.
fn from_the_first_version(end_at: usize, left: &Mutex<BTreeMap<i64, usize>>) -> Trace {
    let (gate, mut scene) = scene(CALM);
    first_version::make(&scene.archive(), &scene.streams);
    let before = first_version::kept(&scene.archive());
    assert!(before.iter().all(|rows| !rows.is_empty()), "something of everything");
    let tracer = gate.launch(&mut scene, Some(end_at));
    if scene.heard("started").is_some() {
        scene.daemon().signal(Signal::KILL);
    }
    let (code, said) = scene.buried();
    let trace = tracer.end();
    assert_eq!(code, None, "{said}");
    let at = trace.points.last();
    let version = first_version::version(&scene.archive());
    assert!(first_version::holds(&scene.archive(), &before), "something is lost after {at:?}");
    *left.lock().unwrap().entry(version).or_default() += 1;
    // The next start finishes what the last one began.
    scene.start();
    scene.daemon().signal(Signal::TERM);
    let (code, said) = scene.buried();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(first_version::version(&scene.archive()), first_version::LAST);
    assert!(first_version::holds(&scene.archive(), &before), "something is lost after {at:?} and another start");
    trace
}

/// The next start goes well, and the oracle finds nothing.
fn prove(mut scene: Scene, begun: i64, dead: Fault, trace: &Trace) {
    let again = scene.fault("killed or stopped", &["crash", "shutdown", "network", "starting"]);
    scene.revive(begun);
    scene.until("subscribed");
    let fired = json!({"killed": trace.killed, "at": trace.points.last()});
    scene.over(dead, &fired);
    scene.over(again, &fired);
    scene.finish_as_it_is(&[]);
}

fn cannot_trace(name: &str) -> bool {
    let able = cfg!(target_arch = "x86_64") && rustix::process::geteuid().is_root();
    if !able {
        skip(name, "it reads the registers of x86_64 and the open files of a process that forbids it: run as root");
    }
    !able
}

#[test]
fn killed_at_every_call_of_a_first_second() {
    if cannot_trace("crash::killed_at_every_call_of_a_first_second") {
        return;
    }
    let points = Sweep::over(1, from_nothing);
    tell(&format!("a first second: {points}"));
    // Whatever else a later version does, it cannot do without these.
    for call in ["pwrite64 archive.db-wal", "pwrite64 archive.db", "sync archive.db-wal", "sync ."] {
        assert!(points.has(call), "no {call}: {points}");
    }
    assert!(points.count() > 200, "{points}");
}

#[test]
fn killed_at_every_call_of_a_start_after_a_kill() {
    if cannot_trace("crash::killed_at_every_call_of_a_start_after_a_kill") {
        return;
    }
    let points = Sweep::over(1, from_ruins);
    tell(&format!("a start after a kill: {points}"));
    assert!(points.has("pwrite64 archive.db-wal") && points.count() > 100, "{points}");
}

#[test]
fn killed_at_every_call_of_a_migration() {
    if cannot_trace("crash::killed_at_every_call_of_a_migration") {
        return;
    }
    let left: Mutex<BTreeMap<i64, usize>> = Mutex::default();
    let points = Sweep::over(1, |end_at| from_the_first_version(end_at, &left));
    let left = left.into_inner().unwrap();
    tell(&format!("a migration: {points}; {left:?} left by version"));
    assert!(points.has("pwrite64 archive.db-wal") && points.has("sync archive.db-wal"), "{points}");
    assert!(
        left.get(&1).is_some_and(|count| *count > 5) && left.contains_key(&first_version::LAST) && left.len() == 2,
        "{left:?}"
    );
}
