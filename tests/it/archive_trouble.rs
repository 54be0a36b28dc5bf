//! The archive when its medium fails it: nothing is dropped, nothing is claimed, and it goes on by itself.

#![expect(clippy::unwrap_used, reason = "in a test, what fails fails the test")]

use std::process::Command;
use std::time::Duration;

use siftd::archive::{Event, FinishError};
use siftd::coverage::Cause;
use siftd::record::StreamId;

use super::archive_house::*;

#[test]
fn another_programs_lock_is_waited_for() {
    let house = House::new();
    let mut running = house.run(&["aa"]);
    let hold = house.hold();
    let mut batch = running.intake.batch();
    batch.record(opened(1, later(1)));
    batch.interaction(later(1), StreamId(1), &interaction("1", "{}"));
    running.intake.try_send(batch).unwrap();
    // After some seconds it is worth a word.
    let hand = house.hand(Duration::from_secs(1));
    let Event::Failing { full: false, detail } = house.event(&mut running) else { panic!("no word about the lock") };
    drop(hand);
    assert!(detail.contains("locked"), "{detail}");
    drop(hold);
    assert!(matches!(house.event(&mut running), Event::Recovered { .. }));
    house.settle(&running);
    assert_eq!(house.ask("SELECT interaction_id FROM interactions"), ["1"]);
    house.finish(running);
}

#[test]
fn a_stop_that_cannot_store_says_so() {
    let house = House::new();
    let running = house.run(&["aa"]);
    let hold = house.hold();
    let mut batch = running.intake.batch();
    batch.interaction(later(1), StreamId(1), &interaction("1", "{}"));
    running.intake.try_send(batch).unwrap();
    let hand = house.hand(Duration::from_millis(200));
    let finished = house.try_finish(running, Duration::from_secs(3));
    let Err(FinishError::Failing(detail)) = finished else { panic!("{finished:?}") };
    assert!(detail.contains("locked"), "{detail}");
    drop((hand, hold));
}

#[test]
fn a_removed_archive_is_not_written_on_silently() {
    for suffix in ["", "-wal"] {
        let house = House::new();
        let mut running = house.run(&["aa"]);
        house.settle(&running);
        let (here, away) = (house.beside(suffix), house.beside(".away"));
        std::fs::rename(&here, &away).unwrap();
        house.set(later(10));
        let mut batch = running.intake.batch();
        batch.interaction(later(1), StreamId(1), &interaction("1", "{}"));
        running.intake.try_send(batch).unwrap();
        let Event::Failing { detail, .. } = house.event(&mut running) else { panic!("no word about the file") };
        assert!(detail.contains("removed or replaced"), "{detail}");
        std::fs::rename(&away, &here).unwrap();
        assert!(matches!(house.event(&mut running), Event::Recovered { .. }));
        house.settle(&running);
        assert_eq!(house.ask("SELECT interaction_id FROM interactions"), ["1"], "{suffix}");
        house.finish(running);
    }
}

#[test]
fn a_reader_that_never_ends_is_told_of_and_stops_nobody() {
    let mut house = House::new();
    house.options.max_wal = 1024 * 1024;
    let mut running = house.run(&["aa"]);
    let reader = house.reader();
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(ask(&reader, "SELECT count(*) FROM interactions"), ["0"]);
    let payload = " ".repeat(100_000);
    let mut number = 0;
    let bytes = loop {
        number += 1;
        house.send(&running, |batch| {
            batch.interaction(later(1), StreamId(1), &interaction(&number.to_string(), &payload));
        });
        let said = house.block(async { tokio::time::timeout(Duration::from_millis(1), running.events.next()).await });
        if let Ok(event) = said {
            let Some(Event::LogHeldBack { bytes }) = event else { panic!("{event:?}") };
            break bytes;
        }
        assert!(number < 1000, "no word about the reader");
    };
    assert!(bytes > 1024 * 1024);
    assert_eq!(ask(&reader, "SELECT count(*) FROM interactions"), ["0"]);
    drop(reader);
    assert_eq!(house.ask("SELECT count(*) FROM interactions"), [number.to_string()]);
    house.set(later(120));
    house.settle(&running);
    house.tick_until(|| std::fs::metadata(house.beside("-wal")).unwrap().len() == 0);
    house.finish(running);
}

#[test]
fn a_full_disk_holds_everything_up_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount(4) else {
        skipped("mounting a small file system needs root");
        return;
    };
    let house = House::within(tempfile::tempdir_in(disk.path()).unwrap());
    let mut running = house.run(&["aa"]);
    let filler = disk.path().join("filler");
    std::fs::write(&filler, vec![0; 1024 * 1024]).unwrap();
    let payload = " ".repeat(100_000);
    for number in 0..40 {
        let mut batch = running.intake.batch();
        batch.interaction(later(1), StreamId(1), &interaction(&number.to_string(), &payload));
        running.intake.try_send(batch).unwrap();
    }
    let Event::Failing { full: true, detail } = house.event(&mut running) else { panic!("no word about the disk") };
    assert!(!detail.is_empty());
    assert!(running.intake.queued_frames() > 0);
    std::fs::remove_file(&filler).unwrap();
    disk.grow(64);
    assert!(matches!(house.event(&mut running), Event::Recovered { .. }));
    house.settle(&running);
    assert_eq!(house.ask("SELECT count(*) FROM interactions"), ["40"]);
    assert_eq!(house.ask("PRAGMA integrity_check"), ["ok"]);
    house.finish(running);
}

/// The writer keeps in mind what runs for each stream. What it noted while a transaction was written that then could not
/// be committed was never so.
#[test]
fn what_a_commit_that_failed_took_back_is_written_by_the_next() {
    let Some(disk) = SmallDisk::mount(8) else {
        skipped("mounting a small file system needs root");
        return;
    };
    let house = House::within(tempfile::tempdir_in(disk.path()).unwrap());
    let mut running = house.run(&["aa", "bb"]);
    house.send(&running, |batch| {
        batch.record(opened(1, later(1)));
        batch.record(covered(1, 1, later(2)));
        batch.reach(reach(1, later(9), later(8)));
    });
    let filler = disk.path().join("filler");
    let full = std::fs::write(&filler, vec![0; 8 * 1024 * 1024]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    // More than the log has room for, and less than SQLite keeps in memory until the commit: that is what fails.
    let payload = " ".repeat(3 * 1024 * 1024);
    assert!(std::fs::metadata(house.beside("-wal")).unwrap().len() < payload.len().try_into().unwrap());
    let mut batch = running.intake.batch();
    batch.record(covered(2, 1, later(10)));
    batch.record(gap(1, later(8), Cause::Network));
    batch.record(gap(2, later(20), Cause::Network));
    batch.record(opened(2, later(30)));
    batch.record(covered(1, 2, later(31)));
    batch.interaction(later(32), StreamId(1), &interaction("1", &payload));
    batch.reach(reach(2, later(40), later(39)));
    running.intake.try_send(batch).unwrap();
    let Event::Failing { full: true, .. } = house.event(&mut running) else { panic!("no word about the disk") };
    assert_eq!(house.ask("SELECT count(*) FROM connections"), ["1"]);
    std::fs::remove_file(&filler).unwrap();
    assert!(matches!(house.event(&mut running), Event::Recovered { .. }));
    house.settle(&running);
    let seconds = "from_us / 1000000 - 1700000000, until_us / 1000000 - 1700000000, connection_id";
    let coverage = format!("SELECT stream, {seconds} FROM coverage ORDER BY stream, from_us");
    assert_eq!(house.ask(&coverage), ["aa 2 8 1", "aa 31 39 2", "bb 10 20 1"]);
    let gaps = "SELECT stream, started_us / 1000000 - 1700000000, cause, state FROM gaps ORDER BY stream";
    assert_eq!(house.ask(gaps), ["aa 8 network closed", "bb 20 network open"]);
    assert_eq!(house.ask("SELECT stream, interactions FROM streams ORDER BY stream"), ["aa 1", "bb 0"]);
    house.finish(running);
}

#[test]
fn damage_that_comes_to_light_late_ends_the_writer_and_is_left_as_it_is() {
    let house = House::new();
    // With an order of time: a start reads the newest of the others.
    let ids: Vec<String> = (0..5000).map(|number| format!("1e{number:030x}")).collect();
    let store = |running: &Running| {
        let mut batch = running.intake.batch();
        for id in &ids {
            batch.interaction(later(1), StreamId(1), &interaction(id, "{}"));
        }
        running.intake.try_send(batch).unwrap();
    };
    let running = house.run(&["aa"]);
    store(&running);
    house.finish(running);
    // A page in the middle of the index by id, where opening does not look.
    let leaves =
        house.ask("SELECT pageno FROM dbstat WHERE name = 'interaction_id' AND pagetype = 'leaf' ORDER BY path");
    let page: usize = leaves.get(leaves.len() / 2).unwrap().parse().unwrap();
    let mut bytes = std::fs::read(house.path()).unwrap();
    *bytes.get_mut((page - 1) * 32 * 1024).unwrap() = 0xff;
    std::fs::write(house.path(), &bytes).unwrap();
    let mut running = house.run(&["aa"]);
    store(&running);
    assert!(matches!(house.event(&mut running), Event::Failing { full: false, .. }));
    let Event::Damaged { detail } = house.event(&mut running) else { panic!("the writer goes on") };
    assert!(detail.contains("malformed"), "{detail}");
    assert!(house.try_finish(running, Duration::from_secs(5)).is_err());
    assert!(house.beside("-wal").exists());
}

#[test]
fn catching_up_and_back_loses_nothing() {
    let mut house = House::new();
    house.options.synchronous = siftd::archive::Synchronous::Normal;
    let running = house.run(&["aa"]);
    house.send(&running, |batch| batch.record(opened(1, later(1))));
    running.intake.drain(true);
    for number in 0..5000 {
        let mut batch = running.intake.batch();
        batch.interaction(later(1), StreamId(1), &interaction(&number.to_string(), "{}"));
        running.intake.try_send(batch).unwrap();
    }
    running.intake.drain(false);
    house.send(&running, |batch| batch.record(covered(1, 1, later(1))));
    assert_eq!(house.ask("SELECT count(*) FROM interactions"), ["5000"]);
    house.finish(running);
}

/// A file system in memory, so small that it is soon full.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(mebibytes: usize) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"])
            .arg(folder.path())
            .output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }

    fn path(&self) -> &std::path::Path {
        self.0.path()
    }

    fn grow(&self, mebibytes: usize) {
        let options = format!("remount,size={mebibytes}m");
        let output = Command::new("mount").args(["-o", &options]).arg(self.path()).output().unwrap();
        assert!(output.status.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(self.path()).output());
    }
}
