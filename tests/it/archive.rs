//! The archive from outside: what is sent is there, once, in order, and what is deleted is gone.

use std::time::Duration;

use siftd::archive::Event;
use siftd::archive::reading::Reading;
use siftd::limits::QUARANTINED_WEIGHT;
use siftd::record::{ConnectionId, StreamId};

use super::archive_house::*;

#[test]
fn what_is_sent_is_stored_once_and_byte_for_byte() {
    let house = House::new();
    let running = house.run(&["aa", "bb"]);
    let payload = r#"{"z":1.0,"a":1e400,"é":"\u00e9\/","b":12345678901234567890,"interaction":{"title":"t\u0000x"}}"#;
    house.send(&running, |batch| {
        batch.record(opened(1, later(1)));
        batch.record(covered(1, 1, later(2)));
        batch.interaction(later(3), StreamId(1), &interaction("i1", payload));
        batch.interaction(later(3), StreamId(2), &interaction("i1", "{}"));
        batch.interaction(later(4), StreamId(1), &interaction("i1", r#"{"late":true}"#));
        batch.reach(reach(1, later(4), later(2)));
    });
    assert_eq!(
        house.ask(
            "SELECT stream, interaction_id, received_us - 1700000000000000, payload FROM interactions ORDER BY id"
        ),
        [format!("aa i1 3000000 {payload}"), "bb i1 3000001 {}".to_owned()]
    );
    assert_eq!(house.ask("SELECT watermark_us FROM daemon"), ["1700000004000000"]);
    house.finish(running);
    assert_eq!(house.ask("SELECT count(*) FROM interactions"), ["2"]);
}

#[test]
fn hostile_ids_and_names_are_only_texts() {
    let house = House::new();
    let running = house.run(&["'); DROP TABLE stream; --", "%s\u{0}\u{202e}"]);
    let ids = ["", "\u{0}", "a\u{0}b", "a", "'; DROP TABLE interaction; --", "\u{10ffff}", "%s%n"];
    house.send(&running, |batch| {
        for id in ids {
            batch.interaction(later(1), StreamId(2), &interaction(id, "{}"));
            batch.delete(&format!("{id}{id}."));
        }
    });
    let found: Vec<String> = {
        let reader = house.reader();
        let mut statement = reader.prepare("SELECT interaction_id FROM interactions ORDER BY id").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(found, ids);
    house.finish(running);
}

#[test]
fn the_same_moment_and_an_earlier_one_find_their_own_keys() {
    let house = House::new();
    let running = house.run(&["aa"]);
    house.send(&running, |batch| {
        for number in 0..300 {
            batch.interaction(later(1), StreamId(1), &interaction(&format!("{number}"), "{}"));
        }
    });
    house.finish(running);
    // The clock was set back: the same moments come again.
    let running = house.run(&["aa"]);
    house.send(&running, |batch| batch.interaction(later(1), StreamId(1), &interaction("again", "{}")));
    house.finish(running);
    assert_eq!(
        house.ask("SELECT count(*), max(id) - min(id), max(interaction_id) FROM interactions"),
        ["301 300 again"]
    );
}

#[test]
fn a_deletion_removes_it_everywhere_and_for_good() {
    let house = House::new();
    let running = house.run(&["aa", "bb"]);
    house.send(&running, |batch| {
        batch.interaction(later(1), StreamId(1), &interaction("gone", "{}"));
        batch.interaction(later(1), StreamId(2), &interaction("gone", "{}"));
        batch.interaction(later(1), StreamId(1), &interaction("stays", "{}"));
        batch.delete("gone");
        batch.delete("never");
        batch.interaction(later(2), StreamId(1), &interaction("gone", "{}"));
        batch.interaction(later(2), StreamId(1), &interaction("never", "{}"));
    });
    assert_eq!(house.ask("SELECT interaction_id FROM interactions"), ["stays"]);
    house.finish(running);
    // Neither does a restart bring it back.
    let running = house.run(&["aa", "bb"]);
    house.send(&running, |batch| batch.interaction(later(9), StreamId(2), &interaction("gone", "{}")));
    assert_eq!(house.ask("SELECT interaction_id FROM interactions"), ["stays"]);
    // Until what is kept of it has expired.
    house.set(later(31 * 24 * 3600));
    house.settle(&running);
    house.tick_until(|| house.ask("SELECT count(*) FROM tombstone") == ["0"]);
    house.send(&running, |batch| batch.interaction(later(9), StreamId(2), &interaction("gone", "{}")));
    assert_eq!(house.ask("SELECT interaction_id FROM interactions ORDER BY 1"), ["gone", "stays"]);
    house.finish(running);
}

#[test]
fn nothing_of_a_deleted_interaction_can_be_found_in_the_files() {
    let house = House::new();
    let secret = "the words that were taken back";
    let running = house.run(&["aa"]);
    let payload = format!(r#"{{"content":"{}"}}"#, secret.repeat(4000));
    house.send(&running, |batch| {
        batch.interaction(later(1), StreamId(1), &interaction("id-of-it", &payload));
        batch.interaction(later(1), StreamId(1), &interaction("other", "{}"));
    });
    let bytes = |suffix: &str| std::fs::read(house.beside(suffix)).unwrap();
    let holds = |text: &str| {
        let text = text.as_bytes();
        ["", "-wal"].into_iter().any(|suffix| bytes(suffix).windows(text.len()).any(|window| window == text))
    };
    assert!(holds(secret) && holds("id-of-it"));
    house.send(&running, |batch| batch.delete("id-of-it"));
    // The log is emptied once a minute in quiet moments.
    house.set(later(120));
    house.settle(&running);
    house.tick_until(|| !holds(secret));
    assert!(!holds("id-of-it") && holds("other"));
    house.finish(running);
}

#[test]
fn what_remains_of_a_deletion_can_be_tested_by_nobody_without_the_archives_own_key() {
    let marks = [(); 2].map(|()| {
        let house = House::new();
        let running = house.run(&["aa"]);
        house.send(&running, |batch| batch.delete("an id that somebody may guess"));
        house.finish(running);
        house.ask("SELECT hex(digest) FROM tombstone").concat()
    });
    assert_eq!(marks.each_ref().map(String::len), [32, 32]);
    assert_ne!(marks[0], marks[1], "the same id in two archives leaves the same mark");
}

#[test]
fn counts_stay_exact_across_buckets_and_deletions() {
    let house = House::new();
    let running = house.run(&["aa", "bb"]);
    let hour = 3600;
    for part in 0..33_i64 {
        house.send(&running, |batch| {
            for number in part * 1000..part * 1000 + 1000 {
                let stream = StreamId(u32::try_from(1 + number % 2).unwrap());
                batch.interaction(later(number % 7 * hour), stream, &interaction(&number.to_string(), "{}"));
            }
        });
    }
    let reading = Reading::open(house.path()).unwrap();
    for hours in [0, 3, 6, 7] {
        let since = later(hours * hour);
        let plain = format!("SELECT count(*) FROM interactions WHERE received_us >= {}", since.micros());
        assert_eq!(house.ask(&plain), [reading.arrived_since(since).unwrap().to_string()], "{hours} hours later");
    }
    house.send(&running, |batch| {
        for number in (0..33_000).step_by(500) {
            batch.delete(&number.to_string());
        }
    });
    let counted = house.ask("SELECT stream, count(*), max(received_us) FROM interactions GROUP BY stream ORDER BY 1");
    let told = "SELECT stream, interactions, last_interaction_us FROM streams ORDER BY 1";
    assert_eq!(house.ask(told), counted);
    assert_eq!(house.ask("SELECT sum(interactions) FROM streams"), ["32934"]);
    let hours = "SELECT stream, hour_us, interactions FROM hours ORDER BY 1, 2";
    let grouped = "SELECT stream, received_us / 3600000000 * 3600000000 AS h, count(*) FROM interactions
                    GROUP BY stream, h ORDER BY 1, 2";
    assert_eq!(house.ask(hours), house.ask(grouped));
    house.finish(running);
    let running = house.run(&["aa", "bb"]);
    house.send(&running, |batch| {
        for number in 0..33_000 {
            batch.delete(&number.to_string());
        }
        batch.interaction(later(1), StreamId(1), &interaction("last", "{}"));
    });
    assert_eq!(house.ask(told), ["aa 1 1700000001000000", "bb 0 -"]);
    assert_eq!(house.ask(hours), ["aa 1699999200000000 1"]);
    house.finish(running);
}

#[test]
fn what_cannot_be_read_is_kept_within_its_bound() {
    let mut house = House::new();
    // Beside its bytes each frame counts for a weight: many small ones are bounded too.
    house.options.quarantine_max = 2 * u64::try_from(QUARANTINED_WEIGHT).unwrap() + 10;
    let running = house.run(&["aa"]);
    assert!(running.intake.quarantine_room(6));
    assert!(!running.intake.quarantine_room(5));
    house.send(&running, |batch| batch.quarantine(later(1), Some(ConnectionId(1)), "not JSON", b"\xff\x00{\"a\""));
    assert_eq!(
        house.ask("SELECT at_us, connection_id, reason, hex(frame) FROM quarantine"),
        ["1700000001000000 1 not JSON FF007B226122"]
    );
    house.finish(running);
    let running = house.run(&["aa"]);
    assert_eq!(running.recovery.quarantine_bytes, u64::try_from(QUARANTINED_WEIGHT).unwrap() + 6);
    assert!(!running.intake.quarantine_room(5));
    assert!(running.intake.quarantine_room(4));
    house.finish(running);
}

#[test]
fn the_queue_has_a_bound_and_a_batch_above_it_goes_alone() {
    let house = House::new();
    let running = house.run_with(&[], 8 * 1024);
    let hold = house.hold();
    let full = |size: usize| {
        let mut batch = running.intake.batch();
        batch.quarantine(later(1), None, "", &vec![0; size]);
        batch
    };
    running.intake.try_send(full(100_000)).unwrap();
    let refused = running.intake.try_send(full(1)).unwrap_err();
    assert!(running.intake.queued_bytes() > 100_000);
    assert_eq!(running.intake.queued_frames(), 1);
    let waited = house
        .block(async { tokio::time::timeout(Duration::from_millis(50), running.intake.room(refused.weight())).await });
    assert!(waited.is_err());
    drop(hold);
    house.block(running.intake.room(refused.weight()));
    running.intake.try_send(refused).unwrap();
    house.settle(&running);
    assert_eq!((running.intake.queued_bytes(), running.intake.queued_frames()), (0, 0));
    assert_eq!(house.ask("SELECT count(*) FROM quarantine"), ["2"]);
    house.finish(running);
}

#[test]
fn the_writer_shows_that_it_lives() {
    let house = House::new();
    let running = house.run(&[]);
    let before = running.intake.progress();
    let grown = house.block(async {
        tokio::time::timeout(Duration::from_secs(2), async {
            while running.intake.progress() == before {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
    });
    assert!(grown.is_ok());
    house.finish(running);
}

#[test]
fn a_fault_of_ours_ends_the_writer_and_says_so() {
    let house = House::new();
    let mut running = house.run(&["aa"]);
    let mut batch = running.intake.batch();
    batch.record(covered(77, 1, later(1)));
    running.intake.try_send(batch).unwrap();
    let Event::Broken { detail } = house.event(&mut running) else { panic!("the writer goes on") };
    assert!(detail.contains("77"), "{detail}");
    assert_eq!(house.block(running.events.next()), None);
    assert!(running.intake.try_send(running.intake.batch()).is_err());
    assert!(house.try_finish(running, Duration::from_secs(5)).is_err());
}
