//! The power goes: real file systems whose log is not flushed, at random moments, again and again on one archive.

pub(crate) mod volume;

use std::collections::HashSet;
use std::io::Write as _;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use crate::scene::{Scene, Stage, skip};
use volume::{Kind, Volume};

/// Cuts on each file system in each mode: forty in all.
const CUTS: u64 = 10;

/// Streams and rows as a reader has seen them, and how far each stream was claimed to be complete.
struct Seen {
    rows: HashSet<(String, String)>,
    claims: Vec<(String, i64, i64)>,
}

fn seen(scene: &Scene) -> Seen {
    let db = Connection::open_with_flags(scene.archive(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    db.busy_timeout(Duration::from_secs(10)).unwrap();
    // One transaction: one state of the archive.
    db.execute_batch("BEGIN").unwrap();
    let mut rows = db.prepare("SELECT stream, interaction_id FROM interactions").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    let mut claims = db.prepare("SELECT stream, from_us, until_us FROM coverage WHERE until_us > from_us").unwrap();
    let claims = claims.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    Seen { rows, claims: claims.map(Result::unwrap).collect() }
}

impl Seen {
    /// Rows of `before` that are gone, and claims that are no longer made.
    fn lacks(&self, before: &Self) -> (usize, usize) {
        let stands = |(stream, from, until): &&(String, i64, i64)| {
            let mut claims = self.claims.iter();
            claims.any(|claim| claim.0 == *stream && claim.1 <= *from && claim.2 >= *until)
        };
        let claims = before.claims.iter().filter(|claim| !stands(claim)).count();
        (before.rows.difference(&self.rows).count(), claims)
    }
}

/// Lets the daemon run and cuts the power, so often. Nothing is deleted: what was seen must stay. Says how many rows and
/// claims were seen before a cut and not after it.
fn cut_again_and_again(mode: &str, volume: &Volume, seed: u64) -> (usize, usize) {
    let stage = Stage::new("[world]\nstreams = 10\nrate = 400\ndeletes = 0\n");
    let settings = format!("[archive]\nsynchronous = \"{mode}\"\n[gap]\nmargin = \"100ms\"\n");
    let mut scene = stage.settings(&settings).archive(&volume.path().join("archive.db")).open();
    let mut chance = fastrand::Rng::with_seed(seed);
    let (mut rows, mut claims) = (0, 0);
    scene.start();
    for cut in 0..CUTS {
        // At a random moment, but not before something is claimed.
        let claimed =
            "SELECT max(until_us - from_us) FROM coverage WHERE connection_id = (SELECT max(id) FROM connections)";
        scene.holds(&format!("SELECT ({claimed}) > {}", chance.i64(0..500_000)));
        let before = seen(&scene);
        let fault = scene.fault("power cut", &["crash", "starting"]);
        volume.cut();
        let dead = scene.kill();
        if mode == "normal" {
            // Whole lives may be taken back, up to the last time that the log was moved.
            for fault in [&fault, &dead] {
                scene.bound(fault, Duration::from_hours(1));
            }
        }
        volume.restore();
        scene.start();
        let fired = json!({"cut": cut, "probe": "a write failed"});
        scene.over(dead, &fired);
        scene.over(fault, &fired);
        assert_eq!(scene.number("SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
        let lacking = seen(&scene).lacks(&before);
        (rows, claims) = (rows + lacking.0, claims + lacking.1);
    }
    scene.finish(&["stored", "in_gap"]);
    (rows, claims)
}

#[test]
fn cut_forty_times() {
    let runs = [(Kind::Ext4, "full"), (Kind::Ext4, "normal"), (Kind::Xfs, "full"), (Kind::Xfs, "normal")];
    let runs = runs.map(|(kind, mode)| (kind, mode, Volume::make(kind, 320)));
    for (.., volume) in &runs {
        if let Err(why) = volume {
            return skip(
                "power::cut_forty_times",
                &format!("{why}: run as root, with xfsprogs and e2fsprogs installed"),
            );
        }
    }
    std::thread::scope(|scope| {
        for (seed, (kind, mode, volume)) in (1..).zip(&runs) {
            let volume = volume.as_ref().unwrap();
            scope.spawn(move || {
                let (rows, claims) = cut_again_and_again(mode, volume, seed);
                let told = format!("{kind:?}, {mode}: {rows} rows and {claims} claims taken back by {CUTS} power cuts");
                writeln!(std::io::stderr(), "{told}").ok();
                // What a reader saw of an archive that waits for its medium is there for ever. Of another one
                // rows go, and their claims with them, as the oracle finds: so the cuts are true ones.
                assert!(if *mode == "full" { (rows, claims) == (0, 0) } else { rows > 0 }, "{told}");
            });
        }
    });
}
