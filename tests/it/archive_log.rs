//! The write-ahead log after an end without order, with a broken byte in it: refused, or nothing is claimed that is not there.

#![expect(clippy::unwrap_used, reason = "in a test, what fails fails the test")]

use std::collections::HashSet;

use rusqlite::Connection;
use siftd::archive::OpenError;
use siftd::record::{Reach, StreamId};

use super::archive_house::*;

/// Commits in the log, each with rows and the claim that all is there up to it. Up to here they are also in the
/// archive itself.
const COMMITS: i64 = 16;
const MOVED: i64 = 8;

/// Rows in a commit.
const ROWS: i64 = 3;

const PAGE: usize = 32 * 1024;
const HEADER: usize = 32;
const FRAME: usize = 24 + PAGE;

/// Long, and in no order, so that every commit touches many pages of the index.
fn id(commit: i64, row: i64) -> String {
    let mixed = (commit * ROWS + row).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed());
    format!("{mixed:016x}{:200}", "")
}

/// An archive as a kill leaves it while a reader keeps the log from beginning anew.
fn killed() -> House {
    let house = House::new();
    let running = house.run(&["aa"]);
    house.send(&running, |batch| {
        batch.record(opened(1, later(0)));
        batch.record(covered(1, 1, later(0)));
    });
    let payload = format!("{:10000}", "{}");
    let commit = |number: i64| {
        house.send(&running, |batch| {
            for row in 0..ROWS {
                batch.interaction(later(number), StreamId(1), &interaction(&id(number, row), &payload));
            }
            let frames = u64::try_from(number).unwrap();
            batch.reach(Reach { frames, ..reach(1, later(number), later(number)) });
        });
    };
    (1..=MOVED).for_each(commit);
    let reader = house.reader();
    reader.execute_batch("BEGIN").unwrap();
    ask(&reader, "SELECT count(*) FROM interactions");
    let mover = Connection::open(house.path()).unwrap();
    assert_eq!(ask(&mover, "PRAGMA wal_checkpoint(PASSIVE)").len(), 1);
    drop(mover);
    (MOVED + 1..=COMMITS).for_each(commit);
    let copy = house.crash(running);
    drop(reader);
    copy
}

#[test]
fn a_broken_byte_in_the_log_is_refused_or_nothing_is_claimed_that_is_not_there() {
    let (mut refused, mut cut_back) = (0, 0);
    let house = killed();
    let [archive, log] = ["", "-wal"].map(|suffix| std::fs::read(house.beside(suffix)).unwrap());
    let frames = (log.len() - HEADER) / FRAME;
    assert!(frames > 30, "{frames}");
    for frame in (0..frames).step_by(3) {
        let mut broken = log.clone();
        // In the page, far from its frame's header; the first time in the header of the log itself.
        let place = if frame == 0 { 20 } else { HEADER + frame * FRAME + 1000 };
        *broken.get_mut(place).unwrap() ^= 0x10;
        std::fs::write(house.path(), &archive).unwrap();
        std::fs::write(house.beside("-wal"), &broken).unwrap();
        std::fs::remove_file(house.beside("-shm")).ok();
        match house.open() {
            Ok(opened) => drop(opened),
            Err(OpenError::Damaged { .. }) => {
                refused += 1;
                assert!(std::fs::read(house.path()).unwrap() == archive, "frame {frame}: it is left as it is");
                assert!(std::fs::read(house.beside("-wal")).unwrap() == broken, "frame {frame}: the log, too");
                continue;
            }
            Err(error) => panic!("frame {frame}: {error}"),
        }
        assert_eq!(house.ask("PRAGMA integrity_check"), ["ok"], "frame {frame}");
        let claimed: i64 = house.ask("SELECT coalesce(max(until_us), 0) FROM coverage").concat().parse().unwrap();
        let last = (1..=COMMITS).rev().find(|number| later(*number).micros() <= claimed).unwrap_or(0);
        let stored: HashSet<String> = house.ask("SELECT interaction_id FROM interactions").into_iter().collect();
        for number in 1..=last {
            assert!((0..ROWS).all(|row| stored.contains(&id(number, row))), "frame {frame}: {number} of {last}");
        }
        cut_back += i32::from(last < COMMITS);
    }
    assert!(refused > 0 && cut_back > 0, "{refused} refused, {cut_back} cut back");
}
