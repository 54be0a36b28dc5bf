//! The archive from outside: what is sent is there, once, in order, and every claim about it is true.

use siftd::coverage::Cause;
use siftd::record::{DaemonState, Record, StreamId};

use super::archive_house::*;

#[test]
fn what_is_sent_is_stored_once_and_byte_for_byte() {
    let house = House::new();
    let running = house.run(&["aa", "bb"]);
    let payload = r#"{"z":1.0,"a":1e400,"é":"\u00e9\/","b":12345678901234567890,"interaction":{"title":"t\u0000x"}}"#;
    let mut batch = running.intake.batch();
    batch.record(opened(1, later(1)));
    batch.record(covered(1, 1, later(2)));
    batch.interaction(later(3), StreamId(1), &interaction("i1", payload));
    batch.interaction(later(3), StreamId(2), &interaction("i1", "{}"));
    batch.interaction(later(4), StreamId(1), &interaction("i1", r#"{"late":true}"#));
    batch.reach(reach(1, later(4), later(2)));
    running.intake.try_send(batch).unwrap();
    house.settle(&running);
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
fn an_end_without_order_becomes_a_gap_at_the_next_start() {
    let house = House::new();
    let running = house.run(&["aa", "bb"]);
    let mut batch = running.intake.batch();
    batch.record(opened(1, later(1)));
    batch.record(covered(1, 1, later(2)));
    batch.record(Record::Daemon { state: DaemonState::Live, since: later(2) });
    batch.reach(reach(1, later(20), later(18)));
    running.intake.try_send(batch).unwrap();
    let copy = house.crash(running);
    copy.set(later(100));
    let running = copy.run(&["aa", "bb"]);
    let crashed = running.recovery.crashed.unwrap();
    assert_eq!((crashed.streams, crashed.since, running.recovery.connection.0), (1, later(18), 1));
    assert_eq!(running.streams[0].standing, siftd::archive::Standing::Gap(Cause::Crash));
    assert_eq!(running.streams[1].standing, siftd::archive::Standing::New);
    copy.finish(running);
    assert_eq!(copy.ask("SELECT stream, from_us, until_us FROM coverage"), ["aa 1700000002000000 1700000018000000"]);
    assert_eq!(
        copy.ask("SELECT stream, started_us, ended_us, cause, state FROM gaps"),
        ["aa 1700000018000000 - crash open"]
    );
    assert_eq!(copy.ask("SELECT closed_us, closed_because FROM connections"), ["1700000020000000 crash"]);
}
