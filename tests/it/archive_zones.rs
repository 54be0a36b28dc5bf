//! Ids with an order of time and ids without: which are which, for the program and for a migration, and how they are found.

use proptest::prelude::*;
use refinery::{Migration, Runner};
use rusqlite::{Connection, params};
use siftd::archive::Upgrade;
use siftd::protocol::DataSift;
use siftd::record::StreamId;

use super::archive_house::*;

/// The migrations up to the one that made zones.
const BEFORE: [(&str, &str); 4] = [
    ("V1__archive", include_str!("../../migrations/V1__archive.sql")),
    ("V2__backfill", include_str!("../../migrations/V2__backfill.sql")),
    ("V3__retention", include_str!("../../migrations/V3__retention.sql")),
    ("V4__combined", include_str!("../../migrations/V4__combined.sql")),
];

const ZONES: &str = include_str!("../../migrations/V5__zones.sql");

/// An archive as it was before there were zones.
fn old(house: &House) -> Connection {
    let mut old = Connection::open(house.path()).unwrap();
    old.pragma_update(None, "page_size", 32 * 1024).unwrap();
    old.pragma_update(None, "auto_vacuum", "INCREMENTAL").unwrap();
    old.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    let migrations: Vec<_> = BEFORE.iter().map(|(name, sql)| Migration::unapplied(name, sql).unwrap()).collect();
    Runner::new(&migrations).set_grouped(true).run(&mut old).unwrap();
    old
}

/// Ids without order, in a form that is nearly the other.
fn id(number: u32) -> String {
    format!("{number:032x}")
}

/// Ids that come with their time, that nearly do, and anything else.
fn ids() -> impl Strategy<Value = String> {
    prop_oneof![
        "1[ef][0-9a-f]{30}",
        "[12][0-9a-f]{31}",
        "1[d-f0][0-9a-f]{29,31}",
        "1[efEF][0-9a-fA-F]{30}",
        "1e[0-9a-f]{29}[^0-9a-f]",
        "1e[0-9a-f]{30}\u{0}[0-9a-f]?",
        "1e[0-9a-f]{28}é",
        any::<String>(),
    ]
}

/// What the migration takes for an id with order, cut out of it.
fn condition() -> &'static str {
    let (_, rest) = ZONES.split_once("CASE WHEN ").unwrap();
    rest.split_once("THEN").unwrap().0
}

proptest! {
    #[test]
    fn the_migration_takes_the_same_ids_for_ordered_as_the_program(ids in proptest::collection::vec(ids(), 1..200)) {
        let db = Connection::open_in_memory().unwrap();
        let mut ask = db.prepare(&format!("SELECT {} FROM (SELECT ?1 AS id) b", condition())).unwrap();
        for id in ids {
            let ordered: bool = ask.query_row([&id], |row| row.get(0)).unwrap();
            prop_assert_eq!(ordered, DataSift::begins_with_time(&id), "{:?}", id);
        }
    }
}

#[test]
fn an_archive_of_before_gets_its_zones_and_its_filters() {
    let house = House::new();
    let old = old(&house);
    old.execute_batch(
        "INSERT INTO stream (id, name, state, wanted, began) VALUES (1, 'aa', 'active', 1, 1), (2, 'bb', 'active', 1, 1);
         UPDATE meta SET value = 9 WHERE name = 'bucket';
         UPDATE refinery_schema_history SET checksum = '1' WHERE version = 4; -- its words were others then
         CREATE VIEW mine AS SELECT interaction_id FROM interactions;
         CREATE VIEW mine_too AS SELECT id FROM interaction",
    )
    .unwrap();
    let mut insert = old
        .prepare(
            "INSERT INTO interaction (received, bucket, stream, id, created, kind, origin, payload)
             VALUES (?1, ?2, ?3, ?4, NULL, 'blog', 0, '{}')",
        )
        .unwrap();
    old.execute_batch("BEGIN").unwrap();
    // Ten buckets of 100 rows; every fifth id again in the other stream, a bucket later; every tenth has an order.
    let mut received = 1_699_000_000_000_000_i64;
    for number in 0..1_000_u32 {
        let name = if number % 10 == 0 { format!("1e{number:030x}") } else { id(number) };
        for (stream, bucket) in [(1, number / 100), (2, (number / 100 + 1).min(9))] {
            if stream == 1 || number % 5 == 0 {
                received += 1;
                insert.execute(params![received, bucket, stream, name]).unwrap();
            }
        }
    }
    old.execute_batch("COMMIT").unwrap();
    drop(insert);
    let views = "SELECT name, sql FROM sqlite_schema WHERE type = 'view' ORDER BY name";
    let rows = "SELECT * FROM interactions ORDER BY id";
    let before = (ask(&old, views), ask(&old, rows));
    drop(old);
    let running = house.run(&["aa", "bb"]);
    assert!(matches!(running.recovery.upgraded, Some(Upgrade { from: 4, to: 5, .. })), "{:?}", running.recovery);
    assert_eq!((house.ask(views), house.ask(rows)), before);
    assert_eq!(house.ask("SELECT count(*) FROM mine"), ["1200"]);
    assert_eq!(house.ask("SELECT count(*) FROM interaction WHERE zone = 0"), ["200"]);
    assert_eq!(house.ask("SELECT count(*) FROM interaction WHERE (zone = 0) <> (id GLOB '1e*')"), ["0"]);
    assert_eq!(house.ask("SELECT group_concat(DISTINCT zone) FROM interaction"), ["0,1,3,5,7,9,11,13,15,17,19"]);
    assert_eq!(
        house.ask("SELECT count(*) FROM (SELECT id FROM interaction GROUP BY id HAVING min(zone) < max(zone))"),
        ["0"]
    );
    // Four buckets a group: the third is being filled.
    assert_eq!(house.ask("SELECT group_concat(part) FROM id_filter"), ["0,1"]);
    // Each row once more, and each id in one stream more: nothing is stored twice.
    house.send(&running, |batch| {
        for number in 0..1_000 {
            let name = if number % 10 == 0 { format!("1e{number:030x}") } else { id(number) };
            batch.interaction(later(1), StreamId(1), &interaction(&name, "{}"));
            batch.interaction(later(2), StreamId(2), &interaction(&name, "{}"));
        }
        batch.delete(&id(5));
        batch.delete(&format!("1e{:030x}", 10));
    });
    assert_eq!(house.ask("SELECT count(*) FROM interaction"), ["1996"]);
    assert_eq!(house.ask("SELECT count(*) FROM (SELECT DISTINCT id, stream FROM interaction)"), ["1996"]);
    house.finish(running);
}

#[test]
fn a_question_for_an_id_looks_into_each_zone_and_not_at_each_row() {
    let house = House::new();
    let running = house.run(&["aa"]);
    house.send(&running, |batch| {
        for number in 0..100 {
            batch.interaction(later(0), StreamId(1), &interaction(&id(number), "{}"));
            batch.interaction(later(0), StreamId(1), &interaction(&format!("1e{number:030x}"), "{}"));
        }
    });
    let db = house.reader();
    for question in [
        "SELECT * FROM interactions WHERE interaction_id = ?1",
        "SELECT * FROM interactions WHERE interaction_id = ?1 AND stream = 'aa'",
        "SELECT * FROM interactions WHERE interaction_id IN (?1, ?1 || 'x')",
    ] {
        let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {question}")).unwrap();
        let steps: Vec<String> = plan.query_map([""], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        let expected = "SEARCH i USING INDEX interaction_id (ANY(zone) AND id=?";
        assert!(steps.iter().any(|step| step.starts_with(expected)), "{question}: {steps:?}");
        for name in [id(7), format!("1e{:030x}", 7)] {
            let mut ask = db.prepare(question).unwrap();
            assert_eq!(ask.query_map([&name], |_| Ok(())).unwrap().count(), 1, "{question}");
        }
    }
    house.finish(running);
}
