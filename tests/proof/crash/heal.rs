//! SIGKILL at every system call that changes a file of the archive, while a gap is filled from the server's archive.

use serde_json::json;

use super::cannot_trace;
use super::gate::Gate;
use super::script::stop_when_healed;
use super::sweep::{Sweep, tell};
use super::tracer::Trace;
use crate::heal;
use crate::scene::{Scene, Stage, wait};

/// One stream, and a price for each job.
const WORLD: &str = "[world]\nstreams = 1\n[rest.archive]\nlag = \"0s\"\n[rest.fees]\ndpu_per_hour = 1.0\n\
                     [rest.deliveries]\npage_max = \"32KiB\"\n";

/// The archive is asked as early as can be. Long silences are fine: what is counted are the calls of the job.
const SETTINGS: &str = "[backfill]\nlag = \"1s\"\noverlap = \"0s\"\n[liveness]\nsilence = \"60s\"\n";

/// The same for three streams, which are one job.
const TOGETHER: &str = "[world]\nstreams = 3\nshared = 0.2\n";
const COMBINED: &str = "[backfill]\ncombine = 45\njoin = \"10m\"\n";

fn filling(end_at: usize) -> Trace {
    filled(heal::stage(WORLD).settings(SETTINGS), 1, end_at)
}

fn filling_together(end_at: usize) -> Trace {
    let world = WORLD.replace("[world]\nstreams = 1\n", TOGETHER);
    filled(heal::stage(&world).settings(SETTINGS).settings(COMBINED), 3, end_at)
}

/// A life with a gap; one that fills it, which ends at a call; and one that goes on with what that has left.
fn filled(stage: Stage, streams: i64, end_at: usize) -> Trace {
    let gate = Gate::default();
    let mut scene = stage.behind(&["sh", "-c", &gate.script(), "sh"]).starts_badly().open();
    let begun = Scene::clock();
    scene.launch();
    scene.until("subscribed");
    scene.holds("SELECT count(*) > 10 FROM interactions");
    heal::cut(&mut scene, "300ms");
    scene.cue(r#"{"do":{"rate":"0/s"}}"#, "cue");
    scene.cue(r#"{"do":{"ticks":{"every":"15s","now":true}}}"#, "cue");
    let ended = scene.holds("SELECT max(ended_us) FROM gaps WHERE cause = 'network'");
    let dead = scene.stop();
    // Its seconds are in the server's archive.
    wait("the archive to hold the gap", || (Scene::clock() > ended + 3_500_000).then_some(()));
    let tracer = gate.launch(&mut scene, Some(end_at));
    stop_when_healed(&mut scene);
    let (code, said) = scene.buried();
    let trace = tracer.end();
    assert_eq!(code, if trace.killed { None } else { Some(0) }, "{said}");
    let again = scene.fault("killed or stopped", &["crash", "shutdown", "network", "starting"]);
    scene.cue(r#"{"do":{"ticks":{"every":"1s","now":true}}}"#, "cue");
    scene.revive(begun);
    scene.until("subscribed");
    let fired = json!({"killed": trace.killed, "at": trace.points.last()});
    scene.over(dead, &fired);
    scene.over(again, &fired);
    scene.holds(&format!("SELECT count(*) = {streams} FROM gaps WHERE cause = 'network' AND state = 'filled'"));
    scene.holds("SELECT count(*) FROM backfills WHERE id = 1 AND stage = 'closed'");
    // The first job was paid for once, at whichever call it was cut short. Later ones are for later gaps.
    let first = scene.told(0, "charged").into_iter().filter(|line| line["job"] == 1).count();
    assert_eq!(first, 1, "{fired}");
    let tries = "SELECT count(*) FROM backfill_piece p JOIN gap g ON g.id = p.gap WHERE g.cause = 'network'";
    assert_eq!(scene.number(tries), streams, "{fired}");
    assert_eq!(scene.number("SELECT streams FROM backfills WHERE id = 1"), streams, "{fired}");
    scene.finish_as_it_is(&["stored", "healed"]);
    trace
}

fn swept(stride: usize, filling: fn(usize) -> Trace) -> Option<Sweep> {
    if cannot_trace("crash::heal") {
        return None;
    }
    let points = Sweep::over(stride, filling);
    tell(&format!("a gap that is filled, every point of {stride}: {points}"));
    Some(points)
}

#[test]
fn killed_at_calls_of_a_job() {
    if let Some(points) = swept(11, filling) {
        assert!(points.count() > 5, "{points}");
    }
}

#[test]
fn killed_at_calls_of_a_job_for_several_streams() {
    if let Some(points) = swept(29, filling_together) {
        assert!(points.count() > 5, "{points}");
    }
}

#[test]
#[ignore = "every call, some 300; the suite kills at each 11th, which need not be the one that breaks: cargo test --test proof every_call_of_a_job -- --ignored"]
fn killed_at_every_call_of_a_job() {
    if let Some(points) = swept(1, filling) {
        assert!(points.has("pwrite64 archive.db-wal") && points.has("sync archive.db-wal"), "{points}");
        assert!(points.count() > 60, "{points}");
    }
}
