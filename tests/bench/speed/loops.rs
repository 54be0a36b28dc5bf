//! SQLite alone: rows of the same messages, from memory, in one thread that also moves the log.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, params};
use siftd::archive::{Archive, INSERT_INTERACTION, Keep, Options, Purpose, Synchronous, Wanted};
use siftd::protocol::DataSift;
use siftd::time::Time;

use super::clock;
use super::frames::{Frames, Ids, stream_name};
use super::sample::Own;

/// Rows in a transaction.
const BATCH: usize = 1_000;

/// Rows in a bucket of the index by stream, as the archive has them.
const BUCKET: usize = 16 * 1024;

/// Ids without order in a zone of the index by id, as the archive has them; here no id comes twice.
const ZONE: usize = 8 * 1024;

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Schema {
    /// The archive's own, with all its indexes.
    Own,
    /// Rows at the end of one table, and no index.
    Append,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Loop {
    #[arg(long)]
    file: PathBuf,
    #[arg(long, value_enum)]
    schema: Schema,
    /// `FULL` or `NORMAL`.
    #[arg(long)]
    synchronous: String,
    #[arg(long)]
    messages: usize,
    #[arg(long, value_enum, default_value = "ordered")]
    ids: Ids,
    /// Says the seconds of every so many rows too: how the rate changes with the archive.
    #[arg(long)]
    every: Option<usize>,
}

/// A table without an index; the columns are the archive's.
const APPEND: &str =
    "CREATE TABLE interaction (received INTEGER PRIMARY KEY, bucket INTEGER NOT NULL, stream INTEGER NOT NULL,
    id TEXT NOT NULL, created INTEGER, kind TEXT, origin INTEGER NOT NULL, payload TEXT NOT NULL) STRICT";

const APPEND_INSERT: &str = "INSERT INTO interaction (received, bucket, stream, id, created, kind, origin, payload)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?8, ?7)";

impl Loop {
    /// Writes the rows. Only what SQLite does is counted.
    pub(crate) fn run(&self) {
        let db = self.open();
        let statement = if self.schema == Schema::Own { INSERT_INTERACTION } else { APPEND_INSERT };
        let mut insert = db.prepare(statement).unwrap();
        let mut frames = Frames::build(STREAMS, self.ids, None, 7, clock::now());
        let (mut wall, mut cpu, mut steps) = (Duration::ZERO, Duration::ZERO, Vec::new());
        let (mut done, mut key) = (0, 0);
        while done < self.messages {
            let first = done % frames.marks.len();
            frames.stretch(first, BATCH, usize::MAX, clock::now());
            let marks = &frames.marks[first..(first + BATCH).min(frames.marks.len())];
            let rows: Vec<_> =
                marks.iter().map(|mark| (mark.stream, frames.id_at(mark), frames.payload_at(mark))).collect();
            let (begun, spent, now) = (clock::start(), clock::spent(), clock::now());
            db.execute_batch("BEGIN IMMEDIATE").unwrap();
            for (at, (stream, id, payload)) in rows.iter().enumerate() {
                key = now.max(key + 1);
                let (bucket, stream) = (number((done + at) / BUCKET), number(stream + 1));
                if self.schema == Schema::Own {
                    let zone = zone_of(id, done + at);
                    insert.execute(params![key, bucket, stream, id, now, "twitter", payload, 0, zone]).unwrap();
                } else {
                    insert.execute(params![key, bucket, stream, id, now, "twitter", payload, 0]).unwrap();
                }
            }
            db.execute_batch("COMMIT").unwrap();
            wall += begun.elapsed();
            cpu += clock::spent().saturating_sub(spent);
            let before = done;
            done += rows.len();
            if self.every.is_some_and(|every| done / every > before / every) {
                steps.push((done, wall.as_secs_f64(), cpu.as_secs_f64()));
            }
        }
        if self.every.is_some() {
            super::sample::tell(&steps);
        } else {
            Own { seconds: wall.as_secs_f64(), cpu: cpu.as_secs_f64() }.tell();
        }
    }

    fn open(&self) -> Connection {
        if self.schema == Schema::Own {
            let wanted: Vec<_> = (0..STREAMS)
                .map(|place| Wanted { name: stream_name(place), label: None, keep: Keep::default() })
                .collect();
            let mut archive =
                Archive::open(&options(&self.file), Time::from_micros(clock::now()), |_upgrade| {}).unwrap();
            archive.adopt(&wanted, Time::from_micros(clock::now())).unwrap();
        }
        let db = Connection::open(&self.file).unwrap();
        db.pragma_update(None, "page_size", 32 * 1024).unwrap();
        db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
        db.pragma_update(None, "synchronous", &self.synchronous).unwrap();
        db.pragma_update(None, "cache_size", -4096).unwrap();
        // 16 MiB, as in the archive; here the writing thread moves it.
        db.pragma_update(None, "wal_autocheckpoint", 512).unwrap();
        if self.schema == Schema::Append {
            db.execute_batch(APPEND).unwrap();
        }
        db
    }
}

/// The zone that the archive gives to the row of this number.
fn zone_of(id: &str, row: usize) -> i64 {
    if DataSift::begins_with_time(id) { 0 } else { number(1 + row / ZONE) }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap()
}

pub(crate) const STREAMS: usize = 5_000;

/// An archive as the shipped settings have it.
pub(crate) fn options(path: &Path) -> Options {
    Options {
        path: path.to_owned(),
        synchronous: Synchronous::Full,
        quarantine_max: 64 * 1024 * 1024,
        max_wal: 64 * 1024 * 1024,
        version: env!("CARGO_PKG_VERSION"),
        tombstones: Duration::from_hours(90 * 24),
        notices: Duration::from_hours(365 * 24),
        starting: Duration::from_mins(1),
        purpose: Purpose::Serve,
        keep: Keep::default(),
        has_order: DataSift::begins_with_time,
    }
}
