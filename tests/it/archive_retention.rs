//! Retention: what is too old or too much goes, in small steps, and nothing claims it any more.

use siftd::archive::{Event, Keep, Wanted};
use siftd::record::StreamId;
use std::time::Duration;

use super::archive_house::*;

const HOUR: i64 = 3_600;

/// Rows by stream, as they are; beside it, as the views count them.
const ROWS: &str = "SELECT s.stream, count(i.id) FROM streams s LEFT JOIN interactions i USING (stream) GROUP BY 1";
const COUNTED: &str = "SELECT stream, interactions FROM streams ORDER BY 1";
const BY_HOURS: &str =
    "SELECT s.stream, coalesce((SELECT sum(h.interactions) FROM hours h WHERE h.stream = s.stream), 0)
                          FROM streams s ORDER BY 1";
const PRUNED: &str =
    "SELECT stream, (pruned_before_us - 1700000000000000 + 999999) / 1000000 FROM streams ORDER BY stream";
const COVERAGE: &str = "SELECT stream, (from_us + 999999) / 1000000 - 1700000000, until_us / 1000000 - 1700000000
                          FROM coverage ORDER BY stream, from_us";

fn wanted(name: &str, max_age: Option<i64>, max_size: Option<u64>) -> Wanted {
    let max_age = max_age.map(|seconds| Duration::from_secs(seconds.unsigned_abs()));
    Wanted { name: name.to_owned(), label: None, keep: Keep { max_age, max_size } }
}

/// A connection that covers so many streams from the first second on.
fn covers(house: &House, running: &Running, streams: u32, until: i64) {
    house.send(running, |batch| {
        batch.record(opened(1, later(0)));
        (1..=streams).for_each(|stream| batch.record(covered(stream, 1, later(1))));
        batch.reach(reach(1, later(until), later(until)));
    });
}

/// One interaction of each of the streams every `every` seconds, with so many bytes of payload.
fn rows(house: &House, running: &Running, streams: u32, span: std::ops::Range<i64>, every: usize, bytes: usize) {
    let payload = format!("{{\"x\":\"{}\"}}", "y".repeat(bytes));
    house.send(running, |batch| {
        for second in span.step_by(every) {
            for stream in 1..=streams {
                let id = format!("{stream}-{second}");
                batch.interaction(later(second), StreamId(stream), &interaction(&id, &payload));
            }
        }
    });
}

/// Waits until retention has gone round once more after now.
fn rounds(house: &House, settled: impl Fn() -> bool) {
    let _hand = house.hand(Duration::from_secs(2));
    house.tick_until(settled);
}

/// What is told while time goes on.
fn told(house: &House, running: &mut Running) -> Event {
    let _hand = house.hand(Duration::from_secs(1));
    house.event(running)
}

fn consistent(house: &House) {
    assert_eq!(house.ask(COUNTED), house.ask(ROWS));
    assert_eq!(house.ask(BY_HOURS), house.ask(ROWS));
    assert_eq!(house.ask("SELECT * FROM pragma_integrity_check"), ["ok"]);
    let gone = "SELECT count(*) FROM interactions i JOIN streams s USING (stream)
                 WHERE i.origin = 'live' AND i.received_us < s.pruned_before_us";
    assert_eq!(house.ask(gone), ["0"], "what is said to be gone is gone");
}

#[test]
fn what_is_older_than_all_may_be_goes_but_for_streams_with_a_limit_of_their_own() {
    let mut house = House::new();
    house.options.keep.max_age = Some(Duration::from_hours(10));
    let listed =
        [wanted("all", None, None), wanted("long", Some(20 * HOUR), None), wanted("short", Some(5 * HOUR), None)];
    let mut running = house.run_with(&listed, 1 << 26);
    covers(&house, &running, 3, 30 * HOUR);
    rows(&house, &running, 3, 10..30 * HOUR, 60, 10);
    assert_eq!(house.ask(COVERAGE), ["all 1 108000", "long 1 108000", "short 1 108000"]);
    house.set(later(30 * HOUR));
    let event = told(&house, &mut running);
    assert!(matches!(event, Event::Pruned { rows: 1.., bytes: 1.., .. }), "{event:?}");
    house.set(later(31 * HOUR));
    rounds(&house, || {
        house.ask("SELECT min(pruned_before_us) >= 1700000000000000 + 39600000000 FROM streams") == ["1"]
    });
    let marks: Vec<i64> =
        house.ask(PRUNED).iter().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    for (mark, due) in marks.iter().zip([21 * HOUR, 11 * HOUR, 26 * HOUR]) {
        assert!((due..due + 600).contains(mark), "{marks:?}");
    }
    let oldest = "SELECT s.stream, (SELECT min(received_us) / 1000000 - 1700000000 FROM interactions i WHERE i.stream = s.stream)
                    FROM streams s ORDER BY 1";
    let oldest: Vec<i64> =
        house.ask(oldest).iter().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    for (oldest, mark) in oldest.iter().zip(&marks) {
        assert!((*mark..mark + 60).contains(oldest), "nothing else goes: {oldest} {mark}");
    }
    assert_eq!(
        house.ask(COVERAGE),
        marks
            .iter()
            .zip(["all", "long", "short"])
            .map(|(mark, name)| format!("{name} {mark} 108000"))
            .collect::<Vec<_>>()
    );
    consistent(&house);
    house.finish(running);
}

#[test]
fn the_oldest_of_all_go_until_the_file_is_small_enough_but_never_the_newest_hour() {
    let mut house = House::new();
    house.options.keep.max_size = Some(4 << 20);
    let mut running = house.run_with(&[wanted("a", None, None), wanted("b", Some(100 * HOUR), None)], 1 << 26);
    covers(&house, &running, 2, 10 * HOUR);
    rows(&house, &running, 2, 0..8 * HOUR, 10, 2_000);
    let used = "SELECT (p.page_count - f.freelist_count) * 32768 <= 4194304
                  FROM pragma_page_count p, pragma_freelist_count f";
    assert_eq!(house.ask(used), ["0"], "too much to begin with");
    house.set(later(8 * HOUR + 60));
    let event = told(&house, &mut running);
    assert!(matches!(event, Event::Pruned { rows: 1.., .. }), "{event:?}");
    assert_eq!(house.ask(used), ["1"]);
    let left = "SELECT count(*), max(received_us) / 1000000 - 1700000000 FROM interactions";
    let [count, newest] =
        house.ask(left)[0].split(' ').map(|word| word.parse::<i64>().unwrap()).collect::<Vec<_>>()[..]
    else {
        panic!()
    };
    assert!(count > 800 && newest == 8 * HOUR - 10, "{count} {newest}");
    let mark = "SELECT count(DISTINCT s.pruned_before_us), min(s.pruned_before_us) <= (SELECT min(received_us) FROM interactions) FROM streams s";
    assert_eq!(house.ask(mark), ["1 1"], "the limit of all takes from those with an age of their own too");
    consistent(&house);
    // Too small a limit: the newest hour stays, and somebody is told.
    rows(&house, &running, 2, 8 * HOUR..8 * HOUR + 3_000, 1, 2_000);
    house.set(later(8 * HOUR + 3_060));
    let event = told(&house, &mut running);
    assert!(matches!(event, Event::PruningBehind { why, .. } if why.contains("newest hour")), "{event:?}");
    assert_eq!(house.ask("SELECT min(received_us) / 1000000 - 1700000000 >= 8 * 3600 - 540 FROM interactions"), ["1"]);
    assert_eq!(house.ask("SELECT count(*) >= 6000 FROM interactions"), ["1"]);
    consistent(&house);
    house.finish(running);
}

/// What was removed is space for others: the file itself becomes smaller, but for what new rows will soon need.
#[test]
fn what_is_unused_is_given_back_to_the_file_system() {
    const SPARE: u64 = 64 << 20;
    let mut house = House::new();
    house.options.keep.max_age = Some(Duration::from_hours(1));
    let mut running = house.run(&["a"]);
    covers(&house, &running, 1, HOUR);
    for part in 0..6 {
        rows(&house, &running, 1, part * 200..(part + 1) * 200, 1, 100_000);
    }
    // A stop in order takes everything into the file.
    house.finish(running);
    let bytes = || std::fs::metadata(house.path()).unwrap().len();
    let before = bytes();
    assert!(before > 120_000_000, "{before}");
    running = house.run(&["a"]);
    house.set(later(3 * HOUR));
    rounds(&house, || bytes() <= SPARE + (4 << 20));
    assert_eq!(house.ask("SELECT count(*) FROM interactions"), ["0"]);
    assert!(bytes() >= SPARE / 2, "{}: what new rows will soon need is kept", bytes());
    consistent(&house);
    house.finish(running);
}

#[test]
fn a_stream_that_is_too_large_loses_its_own_oldest() {
    let house = House::new();
    let mut running = house.run_with(&[wanted("a", None, None), wanted("b", None, Some(500_000))], 1 << 27);
    covers(&house, &running, 2, 20 * HOUR);
    // Full buckets are counted: three of them.
    rows(&house, &running, 2, 0..25_000, 1, 92);
    house.set(later(20 * HOUR));
    let event = told(&house, &mut running);
    assert!(matches!(event, Event::Pruned { rows: 10_000.., .. }), "{event:?}");
    let bytes = "SELECT sum(octet_length(payload)) FROM interactions WHERE stream = 'b'";
    let bytes: i64 = house.ask(bytes)[0].parse().unwrap();
    assert!((500_000 - 100..500_000 + 16_384 * 50).contains(&bytes), "{bytes}");
    assert_eq!(house.ask("SELECT count(*), (SELECT pruned_before_us FROM streams WHERE stream = 'a') FROM interactions WHERE stream = 'a'"), ["25000 -"]);
    let exact = "SELECT s.pruned_before_us <= min(i.received_us) AND min(i.received_us) - s.pruned_before_us <= 1000000
                   FROM streams s JOIN interactions i USING (stream) WHERE s.stream = 'b'";
    assert_eq!(house.ask(exact), ["1"]);
    consistent(&house);
    house.finish(running);
}

#[test]
fn what_the_limit_of_all_has_taken_stays_taken_when_a_stream_gets_its_own() {
    let mut house = House::new();
    house.options.keep.max_age = Some(Duration::from_hours(5));
    let mut running = house.run_with(&[wanted("a", None, None)], 1 << 26);
    covers(&house, &running, 1, 10 * HOUR);
    rows(&house, &running, 1, 10..10 * HOUR, 60, 10);
    house.set(later(10 * HOUR));
    told(&house, &mut running);
    let mark = house.ask(PRUNED);
    let again = |keep| house.block(running.intake.adopt(vec![wanted("a", keep, None)], house.now())).unwrap();
    assert_eq!(again(Some(100 * HOUR)), []);
    assert_eq!(house.ask(PRUNED), mark);
    assert_eq!(house.ask("SELECT count(*) FROM coverage WHERE from_us >= 1700000000000000 + 5 * 3600000000"), ["1"]);
    again(None);
    assert_eq!(house.ask(PRUNED), mark);
    house.finish(running);
    // And after a start without any limit.
    house.options.keep = Keep::default();
    let running = house.run(&["a"]);
    assert_eq!(house.ask(PRUNED), mark);
    consistent(&house);
    house.finish(running);
}

#[test]
fn a_gap_of_a_time_that_is_gone_is_not_filled() {
    let mut house = House::new();
    house.options.keep.max_age = Some(Duration::from_hours(5));
    let mut running = house.run_with(&[wanted("a", None, None)], 1 << 26);
    house.send(&running, |batch| {
        for (number, lost) in [(1, 10), (2, HOUR), (3, 8 * HOUR)] {
            batch.record(opened(number, later(lost - 5)));
            batch.record(covered(1, number, later(lost - 5)));
            batch.reach(reach(number, later(lost), later(lost)));
            batch.record(gap(1, later(lost), siftd::coverage::Cause::Network));
        }
        batch.record(opened(4, later(9 * HOUR)));
        batch.record(covered(1, 4, later(9 * HOUR)));
    });
    let to_fill = || {
        let reading = siftd::archive::reading::Reading::open(house.path()).unwrap();
        siftd::archive::Unhealed::read(&reading, 0).unwrap().gaps.len()
    };
    assert_eq!(to_fill(), 3);
    rows(&house, &running, 1, 10..20, 1, 10);
    house.set(later(10 * HOUR));
    told(&house, &mut running);
    assert_eq!(to_fill(), 2, "one ended after that time, in the middle of it");
    assert_eq!(house.ask("SELECT count(*) FROM gaps"), ["3"], "that something was missed stays known");
    house.finish(running);
}
