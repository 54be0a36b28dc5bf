//! What was deleted by order leaves no byte in the file, although SQLite moves rows between pages and forgets copies.

#![expect(clippy::unwrap_used, reason = "in a test, what fails fails the test")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row};
use siftd::record::StreamId;

use super::archive_house::*;

const COMMITS: u64 = 12;
const ROWS: u64 = 250;

/// Whether a stop has said that nothing is left.
const SWEPT: &str = "SELECT count(*) FROM meta WHERE name = 'swept'";

/// The rows of one commit: ids in no order, as many servers give them.
fn ids(commit: u64) -> impl Iterator<Item = String> {
    let mixed =
        |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (commit * ROWS..(commit + 1) * ROWS).map(move |row| {
        format!("{:016x}{:016x}{}", mixed(row), mixed(!row), "-".repeat(usize::try_from(mixed(row) % 60).unwrap()))
    })
}

/// Of some commits nearly all is deleted, of the others some.
fn is_deleted(commit: u64, place: usize) -> bool {
    place.is_multiple_of(10) != (commit % 3 == 1)
}

/// Fills an archive and has most of it deleted; says which ids.
fn deleted(house: &House, running: &Running) -> BTreeSet<String> {
    let mut gone = BTreeSet::new();
    house.send(running, |batch| {
        batch.record(opened(1, later(0)));
        batch.record(covered(1, 1, later(0)));
    });
    for commit in 0..COMMITS {
        house.send(running, |batch| {
            for (place, id) in ids(commit).enumerate() {
                let payload = format!("{{\"id\":\"{id}\",\"text\":\"{}\"}}", "x".repeat(place * 13 % 2000));
                batch.interaction(later(0), StreamId(1), &interaction(&id, &payload));
            }
        });
    }
    for commit in 0..COMMITS {
        house.send(running, |batch| {
            for (_, id) in ids(commit).enumerate().filter(|(place, _)| is_deleted(commit, *place)) {
                batch.delete(&id);
                gone.insert(id);
            }
        });
    }
    gone
}

/// How many of these ids stand somewhere in the archive or its log.
fn left(house: &House, ids: &BTreeSet<String>) -> usize {
    let known: BTreeSet<&[u8]> = ids.iter().map(|id| id.as_bytes().get(..32).unwrap()).collect();
    let mut left: BTreeSet<Vec<u8>> = BTreeSet::new();
    for suffix in ["", "-wal"] {
        let bytes = std::fs::read(house.beside(suffix)).unwrap_or_default();
        let words = bytes.split(|byte| !byte.is_ascii_hexdigit()).filter(|word| word.len() >= 32);
        left.extend(words.flat_map(|word| word.windows(32)).filter(|word| known.contains(word)).map(<[u8]>::to_vec));
    }
    left.len()
}

fn assert_sound(house: &House, gone: &BTreeSet<String>) {
    assert_eq!(house.ask("PRAGMA integrity_check"), ["ok"]);
    let kept: BTreeSet<String> = (0..COMMITS).flat_map(ids).filter(|id| !gone.contains(id)).collect();
    let found: BTreeSet<String> = house.ask("SELECT interaction_id FROM interactions").into_iter().collect();
    assert_eq!(found, kept);
    assert_eq!(house.ask("SELECT count(*) FROM interactions WHERE payload ->> 'id' <> interaction_id"), ["0"]);
}

#[test]
fn after_a_stop_nothing_is_left() {
    let house = House::new();
    let running = house.run(&["aa"]);
    let gone = deleted(&house, &running);
    assert!(left(&house, &gone) > 0);
    house.finish(running);
    assert_eq!(left(&house, &gone), 0);
    assert_sound(&house, &gone);
}

#[test]
fn while_it_runs_nothing_is_left_after_a_minute() {
    let house = House::new();
    let running = house.run(&["aa"]);
    let gone = deleted(&house, &running);
    assert!(left(&house, &gone) > 0);
    // It has had to catch up, for which this was put off, and has done so.
    running.intake.drain(true);
    house.settle(&running);
    house.settle(&running);
    running.intake.drain(false);
    let hand = house.hand(Duration::from_secs(10));
    house.tick_until(|| left(&house, &gone) == 0);
    drop(hand);
    assert_sound(&house, &gone);
    house.finish(running);
}

#[test]
fn what_was_left_at_a_kill_is_cleared_by_the_next_start() {
    let house = House::new();
    let running = house.run(&["aa"]);
    let gone = deleted(&house, &running);
    let house = house.crash(running);
    // The log is lost out of sight: another program has moved it into the archive.
    Connection::open(house.path()).unwrap().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    assert!(left(&house, &gone) > 0);
    assert_eq!(house.ask(SWEPT), ["0"]);
    let running = house.run(&["aa"]);
    house.finish(running);
    assert_eq!(left(&house, &gone), 0);
    assert_eq!(house.ask("SELECT value FROM meta WHERE name = 'swept'"), [i64::MAX.to_string()]);
    assert_sound(&house, &gone);
}

/// Such as a query of an operator, or the daemon's own look for gaps.
#[test]
fn a_stop_waits_for_whoever_asks_a_short_question() {
    let house = House::new();
    let running = house.run(&["aa"]);
    let gone = deleted(&house, &running);
    let finished = AtomicBool::new(false);
    let is_swept = |db: &Connection| db.query_row(SWEPT, [], |row| row.get::<_, bool>(0)).unwrap();
    // Whether somebody else moves the log at this moment, and whether something is left to be moved.
    let moved = |db: &Connection| {
        let all = |row: &Row<'_>| Ok((row.get::<_, bool>(0)?, row.get::<_, i64>(1)? > row.get::<_, i64>(2)?));
        db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], all).unwrap()
    };
    let other = Connection::open(house.path()).unwrap();
    other.busy_timeout(Duration::ZERO).unwrap();
    // Whoever moves the log from now on is the stop.
    while moved(&other) != (false, false) {
        std::thread::yield_now();
    }
    std::thread::scope(|scope| {
        let asking = Connection::open_with_flags(house.path(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        asking.execute_batch("BEGIN").unwrap();
        assert!(!is_swept(&asking));
        let finished = &finished;
        scope.spawn(move || {
            // All is swept, and nobody may move the log or write: it is about to be emptied, and this question in the way.
            let is_waiting =
                || is_swept(&other) && moved(&other).0 && other.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_err();
            while !is_waiting() && !finished.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            drop(asking);
        });
        house.finish(running);
        finished.store(true, Ordering::SeqCst);
    });
    assert_eq!(std::fs::metadata(house.beside("-wal")).unwrap().len(), 0);
    assert_eq!(left(&house, &gone), 0);
}
