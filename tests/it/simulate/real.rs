//! The true archive beside its model: both are given the same, and must say the same.

use std::collections::{BTreeMap, BTreeSet};

use siftd::record::StreamId;
use siftd::signal::Interaction;
use siftd::time::Time;

use super::archive::{Archive, Entry};
use crate::archive_house::{House, Running};

/// Stretches of a stream as (from, until), in microseconds; what touches is one.
type Stretches = BTreeMap<(u32, String), Vec<(i64, Option<i64>)>>;

pub(super) struct Real {
    house: House,
    running: Option<Running>,
}

impl Real {
    pub(super) fn new() -> Self {
        // In memory where there is such a place: how safe a disk is, is tried elsewhere.
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self { house: House::within(folder.unwrap()), running: None }
    }

    /// Opened again as a daemon would after an end of any kind, and asked for the streams that the model wants.
    pub(super) fn start(&mut self, now: Time, model: &Archive, streams: &[String]) {
        self.house.set(now);
        let id = |at: usize| StreamId(u32::try_from(at + 1).unwrap());
        let wanted = streams.iter().enumerate().filter(|(at, _)| model.is_wanted(id(*at)));
        let wanted: Vec<&str> = wanted.map(|(_, name)| name.as_str()).collect();
        let running = self.house.run(&wanted);
        assert!(
            running
                .streams
                .iter()
                .all(|start| streams.get(usize::try_from(start.id.0 - 1).unwrap()) == Some(&start.name)),
            "streams have changed their numbers"
        );
        self.running = Some(running);
    }

    /// A stream is wanted while the daemon runs.
    pub(super) fn adopt(&mut self, now: Time, name: &str) {
        self.house.set(now);
        let wanted =
            siftd::archive::Wanted { name: name.to_owned(), label: None, keep: siftd::archive::Keep::default() };
        let running = self.running.as_ref().unwrap();
        self.house.block(running.intake.adopt(vec![wanted], now)).unwrap();
    }

    /// Writes what the model has committed.
    pub(super) fn write(&mut self, now: Time, entries: &[Entry]) {
        let Some(running) = self.running.as_ref().filter(|_| !entries.is_empty()) else { return };
        self.house.set(now);
        let mut batch = running.intake.batch();
        for entry in entries {
            match entry {
                Entry::Keep(stream, message) => {
                    let id = format!("m{message}");
                    let interaction = Interaction {
                        stream: "".into(),
                        id: id.into(),
                        kind: "".into(),
                        created: None,
                        produced: None,
                        payload: "{}",
                    };
                    batch.interaction(now, *stream, &interaction);
                }
                Entry::Erase(message) => batch.delete(&format!("m{message}")),
                Entry::Quarantine(message) => batch.quarantine(now, None, "garbled", format!("m{message}").as_bytes()),
                Entry::Record(record) => batch.record(record.clone()),
                Entry::Reach(reach) => batch.reach(*reach),
            }
        }
        assert!(running.intake.try_send(batch).is_ok(), "no room");
    }

    /// Ends the writer, and holds what is in the file against the model.
    pub(super) fn compare(&mut self, model: &Archive) {
        let Some(running) = self.running.take() else { return };
        self.house.finish(running);
        let db = self.house.reader();
        let gaps = "SELECT s.id, g.cause, g.started, g.ended FROM gap g JOIN stream s ON s.id = g.stream";
        let lost = model.gaps.iter().map(|gap| (&gap.stretch, gap.cause.word()));
        // What a stream had missed when it was taken out is a gap of the archive, and nobody's promise in the model.
        let removed =
            format!("{gaps} WHERE coalesce(g.detail, '') <> 'taken out of the settings' ORDER BY s.id, g.started");
        assert_eq!(stretches(&db, &removed), joined(lost), "gaps");
        let covers = "SELECT stream, '', began, ended FROM cover ORDER BY stream, began";
        assert_eq!(stretches(&db, covers), joined(model.covers.iter().map(|(cover, _)| (cover, ""))), "coverage");
        let mut rows = db.prepare("SELECT stream, id FROM interaction").unwrap();
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).unwrap();
        let rows: BTreeSet<(u32, String)> = rows.map(Result::unwrap).collect();
        let kept = model.rows.iter().filter(|(_, message)| !model.erased.contains(message));
        assert_eq!(rows, kept.map(|(stream, message)| (stream.0, format!("m{message}"))).collect(), "rows");
    }
}

fn stretches(db: &rusqlite::Connection, sql: &str) -> Stretches {
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    let mut found = Stretches::new();
    for (stream, word, from, until) in rows.map(Result::unwrap) {
        put(found.entry((stream, word)).or_default(), from, until);
    }
    found.retain(|_, stretches| !stretches.is_empty());
    found
}

fn joined<'m>(all: impl Iterator<Item = (&'m super::archive::Stretch, &'m str)>) -> Stretches {
    let mut all: Vec<_> = all.map(|(stretch, word)| (stretch.stream.0, stretch.from, stretch.until, word)).collect();
    all.sort();
    let mut found = Stretches::new();
    for (stream, from, until, word) in all {
        put(found.entry((stream, word.to_owned())).or_default(), from.micros(), until.map(Time::micros));
    }
    found.retain(|_, stretches| !stretches.is_empty());
    found
}

/// Puts a stretch behind others; what touches is one, what has no length is none.
fn put(stretches: &mut Vec<(i64, Option<i64>)>, from: i64, until: Option<i64>) {
    match stretches.last_mut() {
        _ if until == Some(from) => {}
        Some(last) if last.1 == Some(from) => last.1 = until,
        _ => stretches.push((from, until)),
    }
}
