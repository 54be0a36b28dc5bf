//! A copy that follows, by the real Litestream with the settings that are shipped: what was committed is in it, and what
//! its coverage claims is there.

use crate::oracle::{Promise, Verdict, judge};
use crate::scene::{Scene, Stage, number, skip, wait};
use rusqlite::Connection;
use serde_json::json;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

/// The program and its settings; it is killed with the test.
struct Litestream {
    program: PathBuf,
    settings: PathBuf,
    log: PathBuf,
    runs: Option<Child>,
}

impl Litestream {
    /// Nothing where it is not installed.
    fn of(scene: &Scene, test: &str) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = root.join("target/tools/bin/litestream");
        if !program.exists() {
            skip(test, "target/tools has no litestream (.ci/run installs it from PyPI)");
            return None;
        }
        let shipped = fs::read_to_string(root.join("systemd/examples/litestream.yml")).unwrap();
        let mut settings = shipped.clone();
        for (place, name) in [("/var/lib/siftd/archive.db", "archive.db"), ("/backup/siftd", "copies")] {
            assert!(shipped.contains(&format!("path: {place}\n")), "{place} is not in the example");
            settings = settings.replace(place, scene.path(name).to_str().unwrap());
        }
        fs::write(scene.path("litestream.yml"), settings).unwrap();
        let (settings, log) = (scene.path("litestream.yml"), scene.path("litestream.log"));
        Some(Self { program, settings, log, runs: None })
    }

    fn start(&mut self) {
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        let mut command = Command::new(&self.program);
        command.args(["replicate", "-config"]).arg(&self.settings).stdout(log.try_clone().unwrap()).stderr(log);
        self.runs = Some(command.spawn().unwrap());
    }

    fn kill(&mut self) {
        let mut child = self.runs.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn restore(&self, archive: &Path, into: &Path) -> Output {
        let mut command = Command::new(&self.program);
        command.args(["restore", "-force", "-integrity-check", "full", "-config"]).arg(&self.settings);
        command.arg("-o").arg(into).arg(archive).output().unwrap()
    }

    /// Restores again and again, until the copy holds something that arrived later than this.
    fn restored(&self, archive: &Path, into: &Path, after_us: i64) {
        wait("the copy to follow", || {
            let done = self.restore(archive, into);
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(done.status.success(), "{said}\n{}", fs::read_to_string(&self.log).unwrap());
            let newest = number(into, "SELECT coalesce(max(received_us), 0) FROM interactions").unwrap();
            (newest > after_us).then_some(())
        });
    }
}

impl Drop for Litestream {
    fn drop(&mut self) {
        if let Some(mut child) = self.runs.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Rows that arrived until then, and those of them that the copy has not, byte for byte. What was deleted by order since
/// is in neither.
fn missing(archive: &Path, copy: &Path, until_us: i64) -> (i64, i64) {
    let db = Connection::open(archive).unwrap();
    db.execute("ATTACH ?1 AS copy", [copy.to_str().unwrap()]).unwrap();
    let rows = format!(
        "SELECT stream, interaction_id, received_us, payload FROM interactions WHERE received_us <= {until_us}"
    );
    let count = |query: &str| db.query_row(&format!("SELECT count(*) FROM ({query})"), [], |row| row.get(0)).unwrap();
    let of_copy = rows.replace("FROM interactions", "FROM copy.interactions");
    (count(&rows), count(&format!("{rows} EXCEPT {of_copy}")))
}

fn newest(scene: &Scene) -> i64 {
    scene.number("SELECT max(received_us) FROM interactions")
}

/// Litestream is killed and comes back, the log begins anew without it, the daemon is killed and finds its archive as it
/// was; then everything is lost but the copy.
#[test]
fn a_copy_that_follows_loses_nothing_that_was_committed_before() {
    let world = "[world]\nstreams = 20\nrate = 400\ndeletes = 0.02\n";
    let mut scene = Stage::new(world).settings("[archive]\nmax_wal = \"256MiB\"\n").open();
    let test = "litestream::a_copy_that_follows_loses_nothing_that_was_committed_before";
    let Some(mut litestream) = Litestream::of(&scene, test) else { return };
    scene.start();
    scene.watch();
    let more = |scene: &Scene, rows: i64| {
        let now = scene.number("SELECT count(*) FROM interactions");
        scene.holds(&format!("SELECT count(*) > {now} + {rows} FROM interactions"));
    };
    let (archive, copy) = (scene.archive(), scene.path("copy.db"));
    litestream.start();
    more(&scene, 1000);
    litestream.restored(&archive, &copy, newest(&scene));
    // While nobody follows, the log is begun anew: what was in it is not to be had any more.
    litestream.kill();
    let begun = |path: &Path| fs::read(path).unwrap().get(16..24).map(<[u8]>::to_vec);
    let log = PathBuf::from(format!("{}-wal", archive.display()));
    let before = begun(&log);
    wait("the log to begin anew", || (begun(&log) != before).then_some(()));
    litestream.start();
    more(&scene, 1000);
    // Its tables in the archive are no reason to refuse it.
    let killed = scene.kill();
    scene.start();
    scene.over(killed, &json!("SIGKILL"));
    more(&scene, 1000);
    let moment = newest(&scene);
    litestream.restored(&archive, &copy, moment);
    let (rows, lost) = missing(&archive, &copy, moment);
    assert!(rows > 3000 && lost == 0, "{lost} of {rows} rows are not in the copy");
    // Now all is lost but the copy: it takes the archive's place.
    let proven = number(&copy, "SELECT max(until_us) FROM coverage").unwrap();
    scene.watched_no_more();
    let restored = scene.kill();
    litestream.kill();
    scene.settled();
    let report = judge(&scene.journal(), Some(&scene.path("driver.jsonl")), &copy, &Promise::default()).unwrap();
    assert!(report.verdict() != Verdict::Violated, "{report}");
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(format!("{}{suffix}", archive.display())).unwrap();
    }
    fs::rename(&copy, &archive).unwrap();
    scene.since(&restored, proven);
    scene.start();
    scene.over(restored, &json!({"rows": rows}));
    let gaps = format!("SELECT count(*) FROM gaps WHERE cause = 'crash' AND abs(started_us - {proven}) <= 1000");
    assert_eq!(scene.number(&gaps), 20, "each begins where the copy proves nothing more");
    scene.finish(&["stored", "in_gap", "deleted"]);
}
