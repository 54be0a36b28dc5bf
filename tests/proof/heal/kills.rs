//! SIGKILL at random moments while gaps are filled under live load.

use serde_json::json;
use std::time::Duration;

use super::{begin, closed, cut, filled, reload, stage};
use crate::oracle::{Promise, Verdict, judge};
use crate::scene::Scene;

/// Judges what a killed daemon has left: nobody writes it.
fn judged(scene: &Scene, round: u32) {
    scene.settled();
    let driver = scene.path("driver.jsonl");
    let report = judge(&scene.journal(), Some(&driver), &scene.archive(), &Promise::default()).unwrap();
    assert!(report.verdict() != Verdict::Violated, "after kill {round}: {report}");
}

fn killed(rounds: u32, seed: u64) {
    let mut chance = fastrand::Rng::with_seed(seed);
    let world = format!(
        "seed = {seed}\n[world]\nstreams = 3\nrate = 150\ndeletes = 0.05\nduplicates = 0.05\nshared = 0.1\n\
         [rest.fees]\ndpu_per_hour = 1.0\n[rest.deliveries]\npage_max = \"64KiB\"\n"
    );
    let mut scene = stage(&world).settings("[gap]\nmargin = \"200ms\"\n").open();
    scene.start();
    scene.holds("SELECT count(*) > 60 FROM interactions");
    let before = cut(&mut scene, "1s");
    begin(&mut scene, before + 1);
    for round in 0..rounds {
        std::thread::park_timeout(Duration::from_millis(chance.u64(0..4_000)));
        let fault = scene.kill();
        judged(&scene, round);
        scene.start();
        scene.over(fault, &json!("SIGKILL"));
        if chance.bool() {
            // Whatever has ended by now is begun at once.
            reload(&mut scene);
        }
    }
    reload(&mut scene);
    filled(&scene);
    closed(&scene);
    // Every job was paid for once, and none is left at the server.
    let jobs = scene.number("SELECT count(*) FROM backfills WHERE outcome = 'complete'");
    assert!(jobs >= 3, "{jobs}");
    assert_eq!(i64::try_from(scene.count(0, "charged")).unwrap(), scene.number("SELECT count(*) FROM backfills"));
    let report = scene.finish(&["stored", "deleted", "healed"]);
    assert_eq!(report.counted("in_gap"), 0, "{report}");
}

#[test]
fn at_random_moments_under_load() {
    killed(8, 0x5eed);
}

#[test]
#[ignore = "100 kills for what 8 in the suite may miss by chance, seven minutes: cargo test --test proof heal::kills -- --ignored"]
fn a_hundred_times_under_load() {
    killed(100, u64::from(std::process::id()));
}
