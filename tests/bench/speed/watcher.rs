//! Looks from outside, each in a process of its own: when rows become visible, and a reader that never rests.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock;
use super::sample::{float, quantile, tell};
use super::stage::Look;

/// How often it is looked for new rows.
const EVERY: Duration = Duration::from_micros(500);

/// From a row's arrival until another connection sees it, in milliseconds.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) most: f64,
}

/// Looks for new rows until it has seen so many, and says how old they were.
pub(crate) fn watch(archive: &Path, messages: usize) {
    let look = Look::at(archive);
    let mut ages = Vec::with_capacity(messages);
    let mut last: i64 = 0;
    let mut newer = look.0.prepare("SELECT id FROM interactions WHERE id > ?1 ORDER BY id").unwrap();
    tell(&serde_json::json!({ "event": "watching" }));
    while ages.len() < messages {
        let mut rows = newer.query([last]).unwrap();
        let mut now = None;
        while let Some(row) = rows.next().unwrap() {
            last = row.get(0).unwrap();
            // The moment at which this look began to see: later rows of it were visible then too.
            let now = *now.get_or_insert_with(clock::now);
            ages.push((now - last).max(0));
        }
        drop(rows);
        clock::nap(EVERY);
    }
    ages.sort_unstable();
    let milliseconds = |share: f64| float(usize::try_from(quantile(&ages, share)).unwrap()) / 1000.0;
    tell(&Latency { p50: milliseconds(0.5), p99: milliseconds(0.99), most: milliseconds(1.0) });
}

/// Reads fifty rows at a time, from anywhere, without a rest, until its standard input ends.
pub(crate) fn read(archive: &Path) {
    let look = Look::at(archive);
    let mut rng = fastrand::Rng::with_seed(3);
    std::thread::spawn(|| {
        std::io::stdin().lines().for_each(drop);
        end();
    });
    let mut some = look.0.prepare("SELECT payload FROM interactions WHERE id >= ?1 ORDER BY id LIMIT 50").unwrap();
    let mut first = look.0.prepare("SELECT id FROM interactions ORDER BY id LIMIT 1").unwrap();
    let mut last = look.0.prepare("SELECT id FROM interactions ORDER BY id DESC LIMIT 1").unwrap();
    loop {
        let ends: Vec<i64> =
            [&mut first, &mut last].into_iter().filter_map(|end| end.query_row([], |row| row.get(0)).ok()).collect();
        let [first, last] = ends.as_slice() else { continue };
        let place = rng.i64(*first..=*last);
        let rows = some.query_map([place], |row| row.get::<_, String>(0)).unwrap();
        rows.for_each(|row| drop(std::hint::black_box(row)));
    }
}

#[expect(clippy::exit, reason = "the process that it served has no more need of it")]
fn end() {
    std::process::exit(0);
}
