//! Coverage and gaps as the archive writes them down.

use siftd::archive::{Standing, Wanted};
use siftd::coverage::Cause;
use siftd::record::{DaemonState, Record, StreamId, StreamState};

use super::archive_house::*;

const GAPS: &str = "SELECT stream, started_us / 1000000 - 1700000000, ended_us / 1000000 - 1700000000, cause, state
                      FROM gaps ORDER BY stream, started_us, id";
const COVERAGE: &str = "SELECT stream, from_us / 1000000 - 1700000000, until_us / 1000000 - 1700000000, connection_id
                          FROM coverage ORDER BY stream, from_us";

#[test]
fn a_quick_acknowledgement_begins_a_history_and_a_late_one_has_a_gap_before_it() {
    let house = House::new();
    let running = house.run(&["late", "quick"]);
    house.send(&running, |batch| {
        batch.record(opened(1, later(1)));
        batch.record(covered(2, 1, later(60)));
        batch.record(covered(1, 1, later(61)));
        batch.reach(reach(1, later(100), later(90)));
    });
    assert_eq!(house.ask(GAPS), ["late 0 61 starting closed"]);
    assert_eq!(house.ask(COVERAGE), ["late 61 90 1", "quick 60 90 1"]);
    house.finish(running);
}

/// A gap from the beginning on, an acknowledgement at 10 s, and nothing proven after it yet.
fn acknowledged_after_a_gap(house: &House, running: &Running) {
    house.send(running, |batch| {
        batch.record(opened(1, later(1)));
        batch.record(gap(1, later(1), Cause::Network));
        batch.record(covered(1, 1, later(10)));
        batch.reach(reach(1, later(12), later(9)));
    });
}

#[test]
fn a_gap_begins_where_proof_ends_and_its_cause_may_change() {
    let house = House::new();
    let running = house.run(&["aa"]);
    house.send(&running, |batch| {
        batch.record(opened(1, later(1)));
        batch.record(covered(1, 1, later(2)));
        batch.reach(reach(1, later(30), later(28)));
        batch.record(gap(1, later(28), Cause::Network));
        batch.record(Record::Closed {
            connection: siftd::record::ConnectionId(1),
            at: later(31),
            because: "network".to_owned(),
        });
        batch.record(gap(1, later(40), Cause::Network));
        batch.record(gap(1, later(50), Cause::Billing));
        batch.record(opened(2, later(60)));
        batch.record(covered(1, 2, later(61)));
        batch.reach(reach(2, later(70), later(68)));
    });
    assert_eq!(house.ask(GAPS), ["aa 28 50 network closed", "aa 50 61 billing closed"]);
    assert_eq!(house.ask(COVERAGE), ["aa 2 28 1", "aa 61 68 2"]);
    house.finish(running);
}

#[test]
fn an_empty_coverage_goes_and_the_gaps_on_both_sides_are_one() {
    let house = House::new();
    let running = house.run(&["aa"]);
    acknowledged_after_a_gap(&house, &running);
    house.send(&running, |batch| batch.record(gap(1, later(9), Cause::Network)));
    assert_eq!(house.ask(GAPS), ["aa 0 - network open"]);
    assert_eq!(house.ask(COVERAGE), [""; 0]);
    assert_eq!(house.ask("SELECT covered_until_us, open_gaps FROM streams"), ["- 1"]);
    house.finish(running);
}

/// A backfill that works on a gap works on what it took up, not on what has been added since.
#[test]
fn a_gap_that_is_being_filled_grows_no_more() {
    let house = House::new();
    let running = house.run(&["aa"]);
    acknowledged_after_a_gap(&house, &running);
    let filler = rusqlite::Connection::open(house.path()).unwrap();
    filler.execute("UPDATE gap SET state = 'filling'", []).unwrap();
    house.send(&running, |batch| batch.record(gap(1, later(9), Cause::Network)));
    assert_eq!(house.ask(GAPS), ["aa 0 10 network filling", "aa 10 - network open"]);
    house.finish(running);
}

/// The clock was set back between the moment that a stream became wanted and its acknowledgement.
#[test]
fn coverage_does_not_begin_before_the_stream_was_wanted() {
    let house = House::new();
    house.set(later(100));
    let running = house.run(&["aa"]);
    house.send(&running, |batch| {
        batch.record(opened(1, later(40)));
        batch.record(covered(1, 1, later(50)));
        batch.reach(reach(1, later(200), later(150)));
    });
    assert_eq!(house.ask(COVERAGE), ["aa 100 150 1"]);
    assert_eq!(house.ask(GAPS), [""; 0]);
    house.finish(running);
}

/// The clock was set back between the break and the next acknowledgement.
#[test]
fn a_gap_does_not_end_before_it_began() {
    let house = House::new();
    let running = house.run(&["aa"]);
    house.send(&running, |batch| {
        batch.record(opened(1, later(1)));
        batch.record(covered(1, 1, later(2)));
        batch.reach(reach(1, later(30), later(28)));
        batch.record(gap(1, later(28), Cause::Network));
        batch.record(opened(2, later(15)));
        batch.record(covered(1, 2, later(20)));
        batch.reach(reach(2, later(60), later(50)));
    });
    assert_eq!(house.ask(GAPS), ["aa 28 28 network closed"]);
    assert_eq!(house.ask(COVERAGE), ["aa 2 28 1", "aa 28 50 2"]);
    house.finish(running);
}

#[test]
fn no_stream_is_active_without_a_connection() {
    let house = House::new();
    let running = house.run(&["aa", "bb"]);
    house.send(&running, |batch| {
        batch.record(opened(1, later(1)));
        batch.record(Record::Stands { stream: StreamId(1), state: StreamState::Active, reason: None });
        batch.record(Record::Stands { stream: StreamId(2), state: StreamState::Rejected, reason: None });
    });
    assert_eq!(house.ask("SELECT state FROM streams ORDER BY stream"), ["active", "rejected"]);
    let (connection, because) = (siftd::record::ConnectionId(1), "network".to_owned());
    house.send(&running, |batch| batch.record(Record::Closed { connection, at: later(9), because }));
    assert_eq!(house.ask("SELECT state FROM streams ORDER BY stream"), ["wanted", "rejected"]);
    house.finish(running);
}

#[test]
fn an_acknowledgement_on_another_connection_leaves_no_hole() {
    let house = House::new();
    let running = house.run(&["aa"]);
    house.send(&running, |batch| {
        batch.record(opened(1, later(1)));
        batch.record(covered(1, 1, later(2)));
        batch.reach(reach(1, later(30), later(28)));
    });
    house.send(&running, |batch| {
        batch.record(opened(2, later(40)));
        batch.record(covered(1, 2, later(41)));
        batch.record(covered(1, 2, later(45)));
    });
    assert_eq!(house.ask(GAPS), ["aa 28 41 network closed"]);
    assert_eq!(house.ask(COVERAGE), ["aa 2 28 1", "aa 41 41 2"]);
    house.finish(running);
}

#[test]
fn a_retired_stream_has_no_gap_behind_it_and_begins_anew() {
    let house = House::new();
    let running = house.run(&["aa", "bb"]);
    house.send(&running, |batch| {
        batch.record(opened(1, later(1)));
        batch.record(covered(1, 1, later(2)));
        batch.record(gap(2, later(2), Cause::Rejected));
        batch.record(Record::Retired { stream: StreamId(1), at: later(20), proven: later(18) });
        batch.record(Record::Retired { stream: StreamId(2), at: later(20), proven: later(18) });
        // What comes late changes nothing.
        batch.record(gap(1, later(25), Cause::Network));
        batch.record(covered(2, 1, later(25)));
        batch.record(Record::Stands { stream: StreamId(2), state: StreamState::Active, reason: None });
    });
    assert_eq!(house.ask(GAPS), ["aa 18 20 shutdown closed", "bb 0 20 rejected closed"]);
    assert_eq!(house.ask(COVERAGE), ["aa 2 18 1"]);
    assert_eq!(house.ask("SELECT stream, state FROM streams ORDER BY 1"), ["aa retired", "bb retired"]);
    house.set(later(200));
    let again =
        vec![Wanted { name: "bb".to_owned(), label: Some("B".to_owned()), keep: siftd::archive::Keep::default() }];
    let starts = house.block(running.intake.adopt(again, later(200))).unwrap();
    let [start] = starts.as_slice() else { panic!("one stream is new") };
    assert_eq!((start.id, start.wanted, start.standing), (StreamId(2), later(200), Standing::New));
    house.send(&running, |batch| batch.record(covered(2, 1, later(201))));
    assert_eq!(house.ask(GAPS), ["aa 18 20 shutdown closed", "bb 0 20 rejected closed"]);
    assert_eq!(house.ask("SELECT label, wanted_us FROM streams WHERE stream = 'bb'"), ["B 1700000200000000"]);
    house.finish(running);
}

#[test]
fn a_start_asks_again_for_all_and_retires_the_rest() {
    let house = House::new();
    let running = house.run(&["aa", "bb", "cc"]);
    house.send(&running, |batch| {
        batch.record(gap(1, later(1), Cause::Rejected));
        batch.record(Record::Stands {
            stream: StreamId(1),
            state: StreamState::Rejected,
            reason: Some("no such hash".to_owned()),
        });
        batch.record(gap(2, later(1), Cause::Shutdown));
    });
    assert_eq!(house.ask("SELECT state, reason FROM streams WHERE stream = 'aa'"), ["rejected no such hash"]);
    house.finish(running);
    house.set(later(500));
    let running = house.run(&["dd", "aa"]);
    let starts: Vec<_> = running.streams.iter().map(|s| (s.name.as_str(), s.id.0, s.wanted, s.standing)).collect();
    assert_eq!(starts, [("dd", 4, later(500), Standing::New), ("aa", 1, later(0), Standing::Gap(Cause::Rejected))]);
    assert_eq!(
        house.ask("SELECT stream, state, reason FROM streams ORDER BY 1"),
        ["aa wanted -", "bb retired -", "cc retired -", "dd wanted -"]
    );
    assert_eq!(house.ask(GAPS), ["aa 0 - rejected open", "bb 0 500 shutdown closed"]);
    house.finish(running);
}

#[test]
fn an_end_without_order_becomes_a_gap_at_the_next_start() {
    let house = House::new();
    let running = house.run(&["aa", "bb"]);
    house.send(&running, |batch| {
        batch.record(opened(1, later(1)));
        batch.record(covered(1, 1, later(2)));
        batch.record(Record::Daemon { state: DaemonState::Live, since: later(2) });
        batch.reach(reach(1, later(20), later(18)));
    });
    let copy = house.crash(running);
    copy.set(later(100));
    let running = copy.run(&["aa", "bb"]);
    let crashed = running.recovery.crashed.unwrap();
    assert_eq!((crashed.streams, crashed.since, running.recovery.connection.0), (1, later(18), 1));
    let standings: Vec<_> = running.streams.iter().map(|stream| stream.standing).collect();
    assert_eq!(standings, [Standing::Gap(Cause::Crash), Standing::New]);
    assert_eq!(copy.ask(COVERAGE), ["aa 2 18 1"]);
    assert_eq!(copy.ask(GAPS), ["aa 18 - crash open"]);
    assert_eq!(copy.ask("SELECT closed_us, closed_because FROM connections"), ["1700000020000000 crash"]);
    copy.finish(running);
    let running = copy.run(&["aa", "bb"]);
    assert_eq!(running.recovery.crashed, None);
    copy.finish(running);
}

#[test]
fn a_crash_before_anything_was_proven_leaves_no_coverage() {
    let house = House::new();
    let running = house.run(&["aa"]);
    house.send(&running, |batch| {
        batch.record(opened(1, later(1)));
        batch.record(covered(1, 1, later(2)));
    });
    house.set(later(10));
    let copy = house.crash(running);
    copy.finish(copy.run(&["aa"]));
    assert_eq!(copy.ask(COVERAGE), [""; 0]);
    assert_eq!(copy.ask(GAPS), ["aa 2 - crash open"]);
}

#[test]
fn a_history_that_ends_in_nothing_is_mended() {
    let house = House::new();
    let running = house.run(&["aa", "bb"]);
    house.send(&running, |batch| {
        batch.record(opened(1, later(1)));
        batch.record(covered(1, 1, later(2)));
        batch.record(gap(1, later(9), Cause::Network));
        batch.record(gap(2, later(9), Cause::Crash));
    });
    house.finish(running);
    let writer = rusqlite::Connection::open(house.path()).unwrap();
    writer.execute("DELETE FROM gap WHERE stream = 1", []).unwrap();
    writer.execute("UPDATE gap SET state = 'closed', ended = started + 5000000 WHERE stream = 2", []).unwrap();
    drop(writer);
    house.set(later(10));
    let running = house.run(&["aa", "bb"]);
    assert_eq!(running.recovery.crashed.map(|crashed| (crashed.streams, crashed.since)), Some((2, later(5))));
    assert_eq!(house.ask(GAPS), ["aa 9 - crash open", "bb 0 - crash open"]);
    house.finish(running);
}

#[test]
fn a_clock_that_was_set_back_is_told_and_its_gaps_are_not_swallowed() {
    let house = House::new();
    house.set(later(1000));
    let running = house.run(&["aa", "bb", "cc"]);
    house.send(&running, |batch| {
        batch.record(opened(1, later(1000)));
        batch.record(covered(1, 1, later(1001)));
        batch.record(covered(3, 1, later(1001)));
        batch.reach(reach(1, later(1100), later(1098)));
        batch.record(gap(2, later(1001), Cause::Rejected));
        batch.record(Record::Retired { stream: StreamId(3), at: later(1090), proven: later(1080) });
    });
    let copy = house.crash(running);
    copy.set(later(500));
    let running = copy.run(&["aa", "cc"]);
    assert_eq!(running.recovery.clock_behind.map(|behind| behind.as_secs()), Some(600));
    // What is claimed of moments that have not come yet is taken back.
    assert_eq!(copy.ask(COVERAGE), [""; 0]);
    assert_eq!(copy.ask(GAPS), ["aa 500 - crash open", "bb 500 500 rejected closed", "cc 1080 1090 shutdown closed"]);
    // And the moments that come again have their own coverage and their own gaps.
    copy.send(&running, |batch| {
        batch.record(opened(2, later(501)));
        batch.record(covered(1, 2, later(502)));
        batch.record(covered(3, 2, later(503)));
        batch.reach(reach(2, later(600), later(598)));
        batch.record(gap(1, later(598), Cause::Network));
    });
    assert_eq!(copy.ask(COVERAGE), ["aa 502 598 2", "cc 503 598 2"]);
    assert_eq!(
        copy.ask(GAPS),
        [
            "aa 500 502 crash closed",
            "aa 598 - network open",
            "bb 500 500 rejected closed",
            "cc 1080 1090 shutdown closed"
        ]
    );
    copy.finish(running);
}

#[test]
fn a_clock_that_was_ahead_by_the_servers_word_takes_its_claims_back_by_as_much() {
    let house = House::new();
    let running = house.run(&["aa"]);
    house.send(&running, |batch| {
        batch.record(opened(1, later(1)));
        batch.record(covered(1, 1, later(2)));
        batch.reach(siftd::record::Reach { clock_offset: Some(-60_000_000), ..reach(1, later(100), later(98)) });
    });
    let copy = house.crash(running);
    copy.set(later(90));
    let running = copy.run(&["aa"]);
    assert_eq!(copy.ask(GAPS), ["aa 38 - crash open"]);
    assert_eq!(copy.ask(COVERAGE), ["aa 2 38 1"]);
    copy.finish(running);
}

#[test]
fn five_thousand_acknowledgements_and_losses_are_one_short_commit() {
    let house = House::new();
    let names: Vec<String> = (0..5000).map(|number| format!("{number:032x}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let running = house.run(&names);
    let rounds = 3;
    for round in 0..rounds {
        house.send(&running, |batch| {
            let at = 10 + i64::from(round) * 10;
            batch.record(opened(i64::from(round) + 1, later(at)));
            for stream in 1..=5000 {
                batch.record(covered(stream, i64::from(round) + 1, later(at)));
                batch.record(Record::Stands { stream: StreamId(stream), state: StreamState::Active, reason: None });
            }
            batch.reach(reach(i64::from(round) + 1, later(at + 5), later(at + 3)));
        });
        house.send(&running, |batch| {
            for stream in 1..=5000 {
                batch.record(gap(stream, later(13 + i64::from(round) * 10), Cause::Network));
            }
        });
    }
    assert_eq!(house.ask("SELECT count(*), min(state), max(state) FROM streams"), ["5000 active active"]);
    assert_eq!(house.ask("SELECT count(*), sum(ended_us IS NULL) FROM gaps"), ["15000 5000"]);
    assert_eq!(house.ask("SELECT count(*) FROM coverage"), ["15000"]);
    house.finish(running);
}
