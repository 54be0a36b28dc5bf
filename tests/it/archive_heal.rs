//! Jobs in the archive: what each step writes, what it proves, and what it leaves alone.

#![expect(clippy::unwrap_used, reason = "in a test, what fails fails the test")]

use refinery::{Migration, Runner};
use rusqlite::Connection;
use siftd::archive::reading::Reading;
use siftd::archive::{Healing, Unhealed};
use siftd::coverage::Cause;
use siftd::healing::{Change, Counts, Draft, Ending, Gate, Job, JobId, Outcome, Piece, Price, Stage, Stream, Written};
use siftd::historic::Span;
use siftd::record::StreamId;
use siftd::time::Time;

use super::archive_house::*;

const GAPS: &str = "SELECT stream, (started_us - 1700000000000000) / 1000000, (ended_us - 1700000000000000) / 1000000,
                           cause, state FROM gaps ORDER BY started_us, id";
const ROWS: &str = "SELECT interaction_id, origin, payload FROM interactions ORDER BY 1";

/// Two streams; the first has gaps from 10 to 20 and from 30 to 40.
fn with_gaps(house: &House) -> Running {
    let running = house.run(&["aa", "bb"]);
    house.send(&running, |batch| {
        for (connection, at) in [(1, 1), (2, 20), (3, 40)] {
            batch.record(opened(connection, later(at)));
            batch.record(covered(1, connection, later(at)));
            batch.reach(reach(connection, later(at + 9), later(at + 9)));
            batch.record(gap(1, later(at + if at == 1 { 9 } else { 10 }), Cause::Network));
        }
    });
    house.set(later(9000));
    running
}

fn unhealed(house: &House) -> Unhealed {
    Unhealed::read(&Reading::open(house.path()).unwrap(), later(9000).micros() / 86_400_000_000).unwrap()
}

/// A job for these gaps of stream `aa`, by their place in the list.
fn draft(house: &House, name: &str, gaps: &[usize]) -> Draft {
    let found = unhealed(house).gaps;
    let pieces = gaps.iter().map(|place| {
        let gap = &found[*place];
        Piece { gap: gap.id, from: gap.from, until: gap.until }
    });
    Draft {
        name: name.to_owned(),
        streams: vec![Stream { id: StreamId(1), name: "aa".to_owned() }],
        span: Span { from: 1_700_000_008, until: 1_700_000_043 },
        sources: vec!["blog".to_owned()],
        pieces: pieces.collect(),
        price: Price { credits: 166, milliunits: 1_250 },
    }
}

fn heal(house: &House, running: &Running, healing: Healing) -> Written {
    house.block(running.intake.heal(healing)).unwrap()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else it is, it is wrong")]
fn begin(house: &House, running: &Running, draft: &Draft) -> Option<Job> {
    let change = Change::Begin { draft: Box::new(draft.clone()), at: house.now() };
    match heal(house, running, Healing::Change(change)) {
        Written::Begun(id) => id.map(|id| Job::begun(id, draft, house.now())),
        other => panic!("{other:?}"),
    }
}

/// Stores rows and the cursor behind them.
fn page(house: &House, running: &Running, job: &mut Job, rows: &[(&str, &str)], cursor: &str) -> Counts {
    let mut batch = running.intake.batch();
    for (id, payload) in rows {
        batch.interaction(house.now(), StreamId(1), &interaction(id, payload));
    }
    (job.stage, job.cursor) = (Stage::Fetching, Some(cursor.to_owned()));
    let spent = Price { credits: 1, milliunits: 0 };
    let page =
        Healing::Page { job: Box::new(job.clone()), rows: batch, refused: Counts::default(), spent, at: house.now() };
    let Written::Stored(counts) = heal(house, running, page) else { panic!() };
    job.counts = job.counts.and(counts);
    counts
}

fn settle(house: &House, running: &Running, job: &Job, outcome: Outcome) -> Vec<&'static str> {
    let job = Box::new(Job { stage: Stage::Closed, ..job.clone() });
    let change = Change::Settled { job, outcome, at: house.now() };
    let Written::Settled(gaps) = heal(house, running, Healing::Change(change)) else { panic!() };
    gaps.into_iter().map(|Ending { state, .. }| state).collect()
}

#[test]
fn a_job_fills_its_gaps_and_what_it_proves_is_covered() {
    let house = House::new();
    let running = with_gaps(&house);
    let before = unhealed(&house);
    assert_eq!((before.gaps.len(), before.jobs.len(), before.tag.len()), (2, 0, 8));
    let mut job = begin(&house, &running, &draft(&house, "one", &[0, 1])).unwrap();
    assert_eq!(house.ask(GAPS), ["aa 10 20 network filling", "aa 30 40 network filling", "aa 50 - network open"]);
    assert_eq!(unhealed(&house).gaps, []);
    assert_eq!(page(&house, &running, &mut job, &[("x", "{\"n\":1}"), ("y", "{}")], "two").stored, 2);
    assert_eq!(unhealed(&house).jobs, [job.clone()]);
    assert_eq!(settle(&house, &running, &job, Outcome::Complete), ["filled", "filled"]);
    assert_eq!(house.ask(GAPS), ["aa 10 20 network filled", "aa 30 40 network filled", "aa 50 - network open"]);
    assert_eq!(
        house.ask(
            "SELECT (from_us - 1700000000000000) / 1000000, (until_us - 1700000000000000) / 1000000, how, connection_id
                     FROM coverage WHERE stream = 'aa' ORDER BY from_us"
        ),
        ["1 10 live 1", "10 20 backfill -", "20 30 live 2", "30 40 backfill -", "40 50 live 3"]
    );
    assert_eq!(
        house.ask("SELECT detail FROM gaps WHERE state = 'filled'"),
        ["backfill: 2 rows were new, 0 known, from blog"; 2]
    );
    assert_eq!(house.ask("SELECT stage, outcome, stored, credits FROM backfills"), ["closed complete 2 167"]);
    let after = unhealed(&house);
    assert_eq!((after.gaps, after.jobs, after.spent), (vec![], vec![], Price { credits: 167, milliunits: 1_250 }));
    house.finish(running);
}

#[test]
fn live_wins_over_backfill_and_a_tombstone_over_both() {
    let house = House::new();
    let running = with_gaps(&house);
    house.send(&running, |batch| {
        batch.interaction(later(5), StreamId(1), &interaction("live first", "\"live\""));
        batch.delete("deleted");
    });
    let mut job = begin(&house, &running, &draft(&house, "one", &[0])).unwrap();
    let rows = [("live first", "\"old\""), ("live later", "\"old\""), ("deleted", "\"old\""), ("only here", "\"old\"")];
    let counts = page(&house, &running, &mut job, &rows, "c");
    assert_eq!((counts.stored, counts.known, counts.deleted), (2, 1, 1));
    // The same page once more.
    let counts = page(&house, &running, &mut job, &rows, "c");
    assert_eq!((counts.stored, counts.known, counts.deleted), (0, 3, 1));
    house.send(&running, |batch| {
        batch.interaction(later(9001), StreamId(1), &interaction("live later", "\"live\""));
        batch.interaction(later(9001), StreamId(2), &interaction("only here", "\"of bb\""));
    });
    let due = [
        "live first live \"live\"",
        "live later live \"live\"",
        "only here backfill \"old\"",
        "only here live \"of bb\"",
    ];
    assert_eq!(house.ask(ROWS), due);
    let counted = "SELECT interactions FROM streams ORDER BY stream";
    assert_eq!(house.ask(counted), ["3", "1"]);
    house.finish(running);
    // It is known after a start too that live wins.
    let running = house.run(&["aa", "bb"]);
    house.send(&running, |batch| {
        batch.interaction(later(9002), StreamId(1), &interaction("only here", "\"live\""));
    });
    assert_eq!(house.ask("SELECT origin FROM interactions WHERE interaction_id = 'only here'"), ["live", "live"]);
    house.finish(running);
}

#[test]
fn a_gap_that_a_job_works_on_is_taken_once_and_never_grows() {
    let house = House::new();
    let running = with_gaps(&house);
    let plan = draft(&house, "one", &[0]);
    let job = begin(&house, &running, &plan).unwrap();
    // Planned before, begun too late; and the same name again.
    assert_eq!(begin(&house, &running, &Draft { name: "two".to_owned(), ..plan.clone() }), None);
    let other = draft(&house, "one", &[0]);
    assert_eq!(begin(&house, &running, &other), None);
    assert_eq!(house.ask("SELECT count(*), max(credits) FROM backfill_spent"), ["1 166"]);
    // Another gap opens where it ends: it stays on its own, and stays open when the job is done.
    house.send(&running, |batch| {
        batch.record(gap(1, later(50), Cause::Network));
        batch.record(opened(4, later(60)));
        batch.record(covered(1, 4, later(60)));
    });
    let last = draft(&house, "last", &[1]);
    let second = begin(&house, &running, &last).unwrap();
    house.send(&running, |batch| batch.record(gap(1, later(60), Cause::Network)));
    let states = |state| {
        vec![
            "aa 10 20 network filling".to_owned(),
            "aa 30 40 network closed".to_owned(),
            format!("aa 50 60 network {state}"),
        ]
    };
    assert_eq!(house.ask(GAPS)[..3], states("filling"));
    assert_eq!(settle(&house, &running, &second, Outcome::Complete), ["filled"]);
    assert_eq!(house.ask(GAPS)[..3], states("filled"));
    assert_eq!(house.ask(GAPS)[3], "aa 60 - network open");
    drop(job);
    house.finish(running);
}

#[test]
fn a_job_does_not_begin_on_a_gap_that_another_has_ended_meanwhile() {
    let why = "the server never had it".to_owned();
    for (outcome, state) in [(Outcome::Complete, "filled"), (Outcome::Unfillable(why), "unfillable")] {
        let house = House::new();
        let running = with_gaps(&house);
        let (one, two) = (draft(&house, "one", &[0]), draft(&house, "two", &[0]));
        let job = begin(&house, &running, &one).unwrap();
        assert_eq!(settle(&house, &running, &job, outcome), [state]);
        assert_eq!(begin(&house, &running, &two), None);
        assert_eq!(house.ask(GAPS).first(), Some(&format!("aa 10 20 network {state}")));
        house.finish(running);
    }
}

#[test]
fn what_is_missing_is_named_and_can_be_tried_again() {
    let house = House::new();
    let running = with_gaps(&house);
    for (name, outcome, state, tries) in [
        ("one", Outcome::Failed("no credit".to_owned()), "closed", 1),
        ("two", Outcome::Partial("a part failed".to_owned()), "partial", 2),
        ("three", Outcome::Partial("a part failed".to_owned()), "partial", 3),
    ] {
        let job = begin(&house, &running, &draft(&house, name, &[0])).unwrap();
        assert_eq!(settle(&house, &running, &job, outcome), [state]);
        assert_eq!(unhealed(&house).gaps[0].tries, tries);
        assert_eq!(unhealed(&house).gaps[0].begun, Some(house.now()));
    }
    assert_eq!(
        house.ask("SELECT detail FROM gaps WHERE state = 'partial'"),
        ["backfill: a part failed (0 rows were new, 0 known, from blog)"]
    );
    let job = begin(&house, &running, &draft(&house, "four", &[0])).unwrap();
    assert_eq!(settle(&house, &running, &job, Outcome::Unfillable("unknown hash".to_owned())), ["unfillable"]);
    assert_eq!(unhealed(&house).gaps.len(), 1);
    house.finish(running);
}

#[test]
fn a_gap_in_pieces_is_filled_when_all_of_them_are() {
    let house = House::new();
    let running = with_gaps(&house);
    let whole = draft(&house, "whole", &[0]);
    let [piece] = whole.pieces[..] else { panic!() };
    let half = |name: &str, from, until| Draft {
        name: name.to_owned(),
        pieces: vec![Piece { gap: piece.gap, from, until }],
        ..whole.clone()
    };
    let first = begin(&house, &running, &half("first", piece.from, later(15))).unwrap();
    let second = begin(&house, &running, &half("second", later(15), piece.until)).unwrap();
    assert_eq!(settle(&house, &running, &first, Outcome::Complete), ["filling"]);
    assert_eq!(settle(&house, &running, &second, Outcome::Partial("lost".to_owned())), ["partial"]);
    let left = unhealed(&house).gaps;
    assert_eq!(left[0].rest, [(later(15), later(20))]);
    let third = begin(&house, &running, &half("third", later(15), piece.until)).unwrap();
    assert_eq!(settle(&house, &running, &third, Outcome::Complete), ["filled"]);
    house.finish(running);
}

#[test]
fn a_job_and_the_gate_outlive_a_crash() {
    let house = House::new();
    let running = with_gaps(&house);
    let mut job = begin(&house, &running, &draft(&house, "one", &[0])).unwrap();
    job.query = Some("q".to_owned());
    job.flaws = vec!["it is \"lost\"".to_owned()];
    page(&house, &running, &mut job, &[("x", "{}")], "cursor");
    let gate = Gate { not_before: Some(later(9500)), paused: Some("no rights".to_owned()) };
    heal(&house, &running, Healing::Change(Change::Gate(gate.clone())));
    let copy = house.crash(running);
    let running = copy.run(&["aa", "bb"]);
    let found = unhealed(&copy);
    assert_eq!((found.jobs, found.gate), (vec![job], gate));
    assert_eq!(copy.ask(ROWS), ["x backfill {}"]);
    copy.finish(running);
}

#[test]
fn an_archive_of_the_first_version_is_brought_up_to_date_where_it_is() {
    let house = House::new();
    let mut old = Connection::open(house.path()).unwrap();
    old.pragma_update(None, "page_size", 32 * 1024).unwrap();
    old.pragma_update(None, "auto_vacuum", "INCREMENTAL").unwrap();
    old.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    let first = Migration::unapplied("V1__archive", include_str!("../../migrations/V1__archive.sql")).unwrap();
    Runner::new(&[first]).set_grouped(true).run(&mut old).unwrap();
    old.execute_batch(
        "INSERT INTO stream (id, name, state, wanted, began) VALUES (1, 'aa', 'active', 1700000000000000, 1700000000000000);
         INSERT INTO gap (stream, started, ended, cause, state, detail)
         VALUES (1, 1700000010000000, 1700000020000000, 'network', 'closed', 'reset');
         INSERT INTO interaction VALUES (1700000001000000, 0, 1, 'x', NULL, 'blog', 0, '{}');",
    )
    .unwrap();
    assert_eq!(ask(&old, "PRAGMA user_version"), ["1"]);
    drop(old);
    let kept: Vec<String> = house.ask("SELECT * FROM interactions");
    let running = house.run(&["aa"]);
    assert_eq!(house.ask("PRAGMA user_version"), ["5"]);
    assert_eq!(house.ask("SELECT * FROM interactions"), kept);
    let fresh = House::new();
    fresh.finish(fresh.run(&["aa"]));
    let schema = "SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY name";
    assert_eq!(house.ask(schema), fresh.ask(schema));
    let mut job = begin(&house, &running, &draft(&house, "one", &[0])).unwrap();
    page(&house, &running, &mut job, &[("y", "{}")], "c");
    assert_eq!(settle(&house, &running, &job, Outcome::Complete), ["filled"]);
    let told = "reset | backfill: 1 rows were new, 0 known, from blog";
    assert_eq!(house.ask("SELECT detail FROM gaps WHERE state = 'filled'"), [told]);
    house.finish(running);
    assert!(job.id > JobId(0) && job.begun > Time::default());
}

#[test]
fn a_gap_is_not_filled_while_a_source_of_its_stream_was_not_asked_for() {
    let house = House::new();
    let running = with_gaps(&house);
    house.send(&running, |batch| {
        let message = interaction("x", "{}");
        batch.interaction(later(5), StreamId(1), &siftd::signal::Interaction { kind: "tumblr".into(), ..message });
    });
    let plan = draft(&house, "one", &[0]);
    let job = begin(&house, &running, &plan).unwrap();
    assert_eq!(settle(&house, &running, &job, Outcome::Complete), ["partial"]);
    let told = "backfill: the stream brings tumblr as well: see backfill.sources (0 rows were new, 0 known, from blog)";
    assert_eq!(house.ask("SELECT detail FROM gaps WHERE state = 'partial'"), [told]);
    let both = Draft { sources: vec!["blog".to_owned(), "tumblr".to_owned()], name: "two".to_owned(), ..plan };
    let job = begin(&house, &running, &both).unwrap();
    assert_eq!(settle(&house, &running, &job, Outcome::Complete), ["filled"]);
    house.finish(running);
}

#[test]
fn a_page_and_the_place_behind_it_are_one_commit() {
    let house = House::new();
    let running = with_gaps(&house);
    let mut job = begin(&house, &running, &draft(&house, "one", &[0])).unwrap();
    page(&house, &running, &mut job, &[("x", "{}")], "two");
    let other = Connection::open(house.path()).unwrap();
    let poison = "CREATE TRIGGER poison BEFORE INSERT ON interaction WHEN NEW.id = 'z'
                  BEGIN SELECT RAISE(ABORT, 'poison'); END";
    other.execute_batch(poison).unwrap();
    let mut rows = running.intake.batch();
    for id in ["y", "z"] {
        rows.interaction(house.now(), StreamId(1), &interaction(id, "{}"));
    }
    let job = Box::new(Job { cursor: Some("three".to_owned()), ..job });
    let (refused, spent, at) = (Counts::default(), Price::default(), house.now());
    house.block(running.intake.heal(Healing::Page { job, rows, refused, spent, at })).unwrap_err();
    other.execute_batch("DROP TRIGGER poison").unwrap();
    assert_eq!(house.ask("SELECT interaction_id FROM interactions"), ["x"]);
    assert_eq!(house.ask("SELECT cursor, stored FROM backfill_job"), ["two 1"]);
}

/// A job for the gaps of both streams, which they have from 10 to 20.
fn for_both(house: &House, name: &str) -> (Running, Draft) {
    let running = house.run(&["aa", "bb"]);
    house.send(&running, |batch| {
        for (connection, at) in [(1, 1), (2, 20)] {
            batch.record(opened(connection, later(at)));
            for stream in [1, 2] {
                batch.record(covered(stream, connection, later(at)));
            }
            batch.reach(reach(connection, later(at + 9), later(at + 9)));
            for stream in [1, 2] {
                batch.record(gap(stream, later(at + 9), Cause::Network));
            }
        }
    });
    house.set(later(9000));
    let streams = [(1, "aa"), (2, "bb")].map(|(id, name)| Stream { id: StreamId(id), name: name.to_owned() });
    let draft = Draft { streams: streams.to_vec(), ..draft(house, name, &[0, 1]) };
    (running, draft)
}

const OUTCOMES: &str = "SELECT stream, outcome FROM backfill_stream ORDER BY job, stream";

#[test]
fn a_job_for_two_streams_fills_the_gaps_of_both_with_the_rows_of_each() {
    let house = House::new();
    let (running, plan) = for_both(&house, "both");
    let mut job = begin(&house, &running, &plan).unwrap();
    assert_eq!(house.ask("SELECT stream, streams, gaps FROM backfills"), ["- 2 2"]);
    let mut rows = running.intake.batch();
    rows.interaction(house.now(), StreamId(1), &interaction("x", "{}"));
    rows.interaction(house.now(), StreamId(2), &interaction("x", "{}"));
    rows.interaction(house.now(), StreamId(2), &interaction("y", "{}"));
    let (refused, spent, at) = (Counts::default(), Price::default(), house.now());
    let page = Healing::Page { job: Box::new(job.clone()), rows, refused, spent, at };
    let Written::Stored(counts) = heal(&house, &running, page) else { panic!() };
    job.counts = job.counts.and(counts);
    assert_eq!(counts.stored, 3);
    let found = unhealed(&house).jobs;
    assert_eq!(found, [job.clone()], "a restart knows the streams");
    assert_eq!(settle(&house, &running, &job, Outcome::Complete), ["filled", "filled"]);
    assert_eq!(house.ask(OUTCOMES), ["1 complete", "2 complete"]);
    let told = "backfill: 3 rows were new, 0 known, for 2 streams together, from blog";
    assert_eq!(house.ask("SELECT detail FROM gaps WHERE state = 'filled'"), [told; 2]);
    assert_eq!(house.ask("SELECT stream, interaction_id FROM interactions ORDER BY 1, 2"), ["aa x", "bb x", "bb y"]);
    house.finish(running);
}

#[test]
fn a_source_that_one_stream_lacks_leaves_the_gap_of_the_other_filled() {
    let house = House::new();
    let (running, plan) = for_both(&house, "both");
    house.send(&running, |batch| {
        let message = interaction("x", "{}");
        batch.interaction(later(5), StreamId(2), &siftd::signal::Interaction { kind: "tumblr".into(), ..message });
    });
    let job = begin(&house, &running, &plan).unwrap();
    assert_eq!(settle(&house, &running, &job, Outcome::Complete), ["filled", "partial"]);
    assert_eq!(house.ask(OUTCOMES), ["1 complete", "2 partial"]);
    let told = "partial 1 of 2 streams bring others as well: see backfill.sources";
    assert_eq!(house.ask("SELECT outcome, detail FROM backfills"), [told]);
    let left = unhealed(&house).gaps;
    assert_eq!((left.len(), left[0].stream, left[0].tries, left[0].jobs), (1, StreamId(2), 1, 1));
    assert_eq!(left[0].rest, [(left[0].from, left[0].until)], "nothing of it is proven");
    house.finish(running);
}

#[test]
fn streams_that_are_not_combined_are_as_if_they_had_not_been_tried_and_are_known_for_it() {
    let house = House::new();
    let (running, plan) = for_both(&house, "both");
    let job = begin(&house, &running, &plan).unwrap();
    assert_eq!(settle(&house, &running, &job, Outcome::Apart("400".to_owned())), ["closed", "closed"]);
    assert_eq!(house.ask(OUTCOMES), ["1 apart", "2 apart"]);
    assert_eq!(house.ask("SELECT outcome, detail FROM backfills"), ["failed 400"]);
    for gap in unhealed(&house).gaps {
        assert_eq!((gap.tries, gap.begun, gap.jobs, gap.apart), (0, None, 1, Some(house.now())));
    }
    // Rows that do not say whose they are have the same consequence, and were a try.
    house.set(later(9_100));
    let mut job = begin(&house, &running, &Draft { name: "again".to_owned(), ..plan }).unwrap();
    job.counts.foreign = 5;
    assert_eq!(settle(&house, &running, &job, Outcome::Partial("5 rows".to_owned())), ["partial", "partial"]);
    for gap in unhealed(&house).gaps {
        assert_eq!((gap.tries, gap.begun, gap.jobs, gap.apart), (1, Some(house.now()), 2, Some(house.now())));
    }
    house.finish(running);
}

#[test]
fn a_job_takes_neither_gaps_nor_rows_of_a_stream_that_it_does_not_ask_for() {
    let house = House::new();
    let (running, plan) = for_both(&house, "both");
    let alone = Draft { streams: plan.streams[..1].to_vec(), ..plan.clone() };
    assert_eq!(begin(&house, &running, &alone), None);
    let own: Vec<Piece> = plan.pieces[..1].to_vec();
    let job = begin(&house, &running, &Draft { pieces: own, ..alone }).unwrap();
    let mut rows = running.intake.batch();
    rows.interaction(house.now(), StreamId(2), &interaction("x", "{}"));
    let (refused, spent, at) = (Counts::default(), Price::default(), house.now());
    house.block(running.intake.heal(Healing::Page { job: Box::new(job), rows, refused, spent, at })).unwrap_err();
    assert_eq!(house.ask("SELECT count(*) FROM interactions"), ["0"]);
}

#[test]
fn jobs_of_the_third_version_keep_their_stream_and_their_end() {
    let house = House::new();
    let mut old = Connection::open(house.path()).unwrap();
    old.pragma_update(None, "page_size", 32 * 1024).unwrap();
    old.pragma_update(None, "auto_vacuum", "INCREMENTAL").unwrap();
    old.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    let before = [
        ("V1__archive", include_str!("../../migrations/V1__archive.sql")),
        ("V2__backfill", include_str!("../../migrations/V2__backfill.sql")),
        ("V3__retention", include_str!("../../migrations/V3__retention.sql")),
    ];
    let before = before.map(|(name, sql)| Migration::unapplied(name, sql).unwrap());
    Runner::new(&before).set_grouped(true).run(&mut old).unwrap();
    old.execute_batch(
        "INSERT INTO stream (id, name, state, wanted, began) VALUES (1, 'aa', 'active', 1700000000000000, 1700000000000000);
         INSERT INTO gap (id, stream, started, ended, cause, state)
         VALUES (7, 1, 1700000010000000, 1700000020000000, 'network', 'partial'),
                (8, 1, 1700000030000000, 1700000040000000, 'network', 'filling');
         INSERT INTO backfill_job (id, name, stream, asked_from, asked_till, sources, stage, begun, ended, outcome)
         VALUES (1, 'one', 1, 1700000008, 1700000023, '[]', 'closed', 1700000050000000, 1700000060000000, 'complete'),
                (2, 'two', 1, 1700000008, 1700000023, '[]', 'closed', 1700000070000000, 1700000080000000, 'failed'),
                (3, 'three', 1, 1700000028, 1700000043, '[]', 'fetching', 1700000090000000, NULL, NULL);
         INSERT INTO backfill_piece VALUES (7, 1, 1700000010000000, 1700000014000000), (7, 2, 1700000014000000, 1700000020000000),
                                           (8, 3, 1700000030000000, 1700000040000000);",
    )
    .unwrap();
    drop(old);
    let running = house.run(&["aa"]);
    assert_eq!(house.ask(OUTCOMES), ["1 complete", "1 failed", "1 -"]);
    assert_eq!(house.ask("SELECT stream, streams FROM backfills"), ["aa 1"; 3]);
    let found = unhealed(&house);
    let [gap] = found.gaps.as_slice() else { panic!("{found:?}") };
    assert_eq!((gap.tries, gap.jobs, gap.begun), (1, 2, Some(later(90))));
    assert_eq!(gap.rest, [(later(14), later(20))]);
    let [job] = found.jobs.as_slice() else { panic!("{found:?}") };
    assert_eq!((job.name.as_str(), job.streams.len(), job.is_combined()), ("three", 1, false));
    house.finish(running);
}
