//! Gaps that heal: the real daemon fills them from the simulator's archive, whatever that does.

mod answers;
mod besides;
mod combined;
mod doctored;
mod jobs;
mod kills;
mod pages;
mod purse;

use std::time::Duration;

use serde_json::Value;

use crate::scene::{Scene, Stage, wait};

/// An archive that is quick: it lags by a second, and a job takes one.
const QUICK: &str = r#"
[world]
streams = 2
rate = 40
deletes = 0
old = 0
large = 0
huge = 0

[rest.archive]
lag = "1s"

[rest.jobs]
start_delay = "300ms"
duration = "700ms"
chunk = "1s"

[rest.fees]
calls = 1000000
"#;

/// Gaps are filled as soon as the archive holds them, and nobody counts what that costs.
const EAGER: &str = r#"
[backfill]
mode = "auto"
sources = "bitly, board, disqus, facebook, facebook_page, instagram, reddit, tumblr, twitter, wikipedia, wordpress, youtube"
timeout = "2s"
lag = "2s"
overlap = "1s"
join = "0s"
combine = 1
smallest = "0s"
cool_down = "0s"
tries = 50
credits_a_day = 100000000
units_a_day = 1000000
"#;

/// A world over the quick one, and a daemon that fills its gaps.
pub(crate) fn stage(more: &str) -> Stage {
    Stage::laid(&[QUICK, more]).settings(EAGER).heals()
}

/// A daemon that has stored something.
fn begun(stage: Stage) -> Scene {
    let mut scene = stage.open();
    scene.start();
    scene.holds("SELECT count(*) > 60 FROM interactions");
    scene
}

/// The network goes away for a while: each stream has a gap then, and the archive has what was made in it. How many jobs
/// there were before.
pub(crate) fn cut(scene: &mut Scene, lasts: &str) -> i64 {
    let jobs = scene.number(BEGUN);
    let fault = scene.fault("the network is cut", &["network"]);
    scene.cue(&format!(r#"{{"do":{{"stop_listening":{{"lasts":"{lasts}"}}}}}}"#), "cue");
    let closed = scene.cue(r#"{"do":{"close":{"how":"reset"}}}"#, "closed");
    scene.until("subscribed");
    scene.over(fault, &closed);
    jobs
}

/// An operator has the settings read again: gaps are looked at anew, and no wait is waited any further.
pub(crate) fn reload(scene: &mut Scene) {
    let all = 0..scene.streams.len();
    scene.list(all);
}

const BEGUN: &str = "SELECT count(*) FROM backfills";

/// Reloads until so many jobs have begun in all: the archive lags, and a plan is made once a minute otherwise.
fn begin(scene: &mut Scene, jobs: i64) {
    wait("jobs to begin", || {
        reload(scene);
        std::thread::park_timeout(Duration::from_secs(1));
        (scene.number(BEGUN) >= jobs).then_some(())
    });
}

/// Waits until every gap that has ended is filled, as long as one after the other is.
pub(crate) fn filled(scene: &Scene) {
    scene.holds("SELECT count(*) > 0 FROM gaps WHERE ended_us IS NOT NULL");
    let left = || scene.number("SELECT count(*) FROM gaps WHERE ended_us IS NOT NULL AND state <> 'filled'");
    let mut before = left();
    while before > 0 {
        before = wait("a gap to be filled", || Some(left()).filter(|left| *left < before));
    }
}

/// Waits until nothing is left of any job.
fn closed(scene: &Scene) {
    scene.holds("SELECT count(*) > 0 AND min(stage = 'closed') FROM backfills");
}

/// The requests of backfill since that line of the journal.
fn calls(scene: &Scene, after: usize) -> Vec<Value> {
    scene.told(after, "call")
}

/// Has the next answers of a call spoilt.
pub(crate) fn spoil(scene: &Scene, what: &str) {
    let cue = format!(r#"{{"do":{{"rest":{{"fail":{{{what}}}}}}}}}"#);
    scene.cue(&cue, "cue");
}

/// Reloads until the archive has refused a call since this line of the journal, and what the daemon said of it.
pub(crate) fn provoked(scene: &mut Scene, from: usize, notice: &str) -> Value {
    let heard = scene.daemon().said.len();
    wait("a refusal", || {
        reload(scene);
        std::thread::park_timeout(Duration::from_millis(500));
        calls(scene, from).iter().any(|call| !call["error"].is_null() || !call["spoilt"].is_null()).then_some(())
    });
    // It may have been said before the last reload.
    let said = scene.daemon().said.iter().skip(heard);
    let mut said = said.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let found = said.find(|said| said["notice"] == notice);
    found.unwrap_or_else(|| scene.until(notice))
}

/// How often an answer was spoilt since that line.
pub(crate) fn spoilt(scene: &Scene, after: usize) -> Vec<Value> {
    calls(scene, after).into_iter().filter(|call| !call["spoilt"].is_null()).collect()
}

/// Something about the archive is changed.
fn order(scene: &Scene, what: &str) -> Value {
    scene.cue(&format!(r#"{{"do":{{"rest":{what}}}}}"#), "cue")
}

/// For so long the archive is left alone, or asked so often at most, while the live stream goes on.
fn calm(scene: &Scene, most: usize) {
    let (from, rows) = (scene.lines(), scene.number("SELECT count(*) FROM interactions"));
    std::thread::park_timeout(Duration::from_secs(4));
    scene.holds(&format!("SELECT count(*) > {rows} + 60 FROM interactions"));
    let calls = calls(scene, from);
    assert!(calls.len() <= most, "the archive is hammered: {calls:#?}");
}
