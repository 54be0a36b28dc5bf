//! What one transaction writes.

use rusqlite::{CachedStatement, Connection, ErrorCode, ffi, params};

use super::batch::{Batch, Entry, Quarantined};
use super::ledger::Ledger;
use super::prune::Pruning;
use super::tally::{Tally, uncount};
use super::tombstone::Tombstones;
use super::trouble::Trouble;
use super::zone::Zones;
use crate::limits::STATUS_EVERY;
use crate::notice::Notice;
use crate::record::{ConnectionId, Reach, Record, StreamId};
use crate::time::Time;

/// What the writer knows of the file's content. After a transaction that failed it is loaded anew.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) ledger: Ledger,
    pub(super) tombstones: Tombstones,
    tally: Tally,
    pub(super) zones: Zones,
    pub(super) pruning: Pruning,
    /// Whether there may be rows that came by backfill, over which live ones win.
    pub(super) backfilled: bool,
    /// When the daemon's row was written.
    pub(super) told: Time,
}

/// What goes along with the facts of a transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occasion {
    pub(super) now: Time,
    /// Frames that wait, for the daemon's row.
    pub(super) queue_frames: usize,
    /// See [`super::Options::starting`].
    pub(super) starting: std::time::Duration,
}

/// How a row is stored. Public so that a benchmark can measure SQLite alone by it.
pub const INSERT: &str = "INSERT INTO interaction (received, bucket, stream, zone, id, created, kind, origin, payload)
                          VALUES (?1, ?2, ?3, ?9, ?4, ?5, ?6, ?8, ?7) ON CONFLICT (zone, id, stream) DO NOTHING";

/// A live row takes the place of one that came by backfill; the row itself stays where it is.
const REPLACE: &str = "UPDATE interaction SET created = ?3, kind = ?4, payload = ?5, origin = 0
                        WHERE zone = ?6 AND id = ?1 AND stream = ?2 AND origin = 1";

impl Books {
    /// See [`super::Options::has_order`].
    pub(super) fn load(db: &Connection, has_order: fn(&str) -> bool) -> Result<Self, Trouble> {
        let mut zones = Zones::new(has_order);
        zones.load(db)?;
        Self::of(db, zones)
    }

    /// Takes back what a transaction that failed has left here.
    pub(super) fn reload(&mut self, db: &Connection) -> Result<(), Trouble> {
        self.zones.load(db)?;
        let fresh = self.zones.fresh();
        let (told, zones) = (self.told, std::mem::replace(&mut self.zones, fresh));
        *self = Self { told, ..Self::of(db, zones)? };
        Ok(())
    }

    fn of(db: &Connection, zones: Zones) -> Result<Self, Trouble> {
        Ok(Self {
            zones,
            ledger: Ledger::load(db)?,
            tombstones: Tombstones::load(db)?,
            tally: Tally::load(db)?,
            pruning: Pruning::default(),
            backfilled: db.prepare("SELECT 1 FROM backfill_job LIMIT 1")?.exists([])?,
            told: Time::from_micros(0),
        })
    }

    /// Writes the facts of these batches, in order.
    pub(super) fn write<'b>(
        &mut self,
        db: &Connection,
        batches: impl Iterator<Item = &'b Batch>,
        occasion: Occasion,
    ) -> Result<(), Trouble> {
        self.zones.write(db)?;
        let mut turn = Turn::new(db, occasion)?;
        for batch in batches {
            let (mut text, entries) = batch.parts();
            for entry in entries {
                self.fact(&mut turn, &mut text, entry)?;
            }
        }
        if let Some(last) = turn.reach {
            reached(db, &last)?;
            self.tell(db, &last, occasion)?;
        }
        Ok(())
    }

    /// Writes one fact; its texts are at the head of `text`.
    fn fact(&mut self, turn: &mut Turn<'_>, text: &mut &str, entry: &Entry) -> Result<(), Trouble> {
        match entry {
            Entry::Interaction { received, stream, created, id, kind, payload } => {
                let row = Row {
                    received: *received,
                    stream: *stream,
                    created: *created,
                    id: cut(text, *id)?,
                    kind: cut(text, *kind)?,
                    payload: cut(text, *payload)?,
                };
                self.interaction(turn, &row, Origin::Live).map(drop)
            }
            Entry::Delete { id } => self.delete(turn.db, cut(text, *id)?, turn.occasion.now),
            Entry::Quarantine(frame) => quarantine(turn.db, frame),
            Entry::Reach(next) => match turn.reach.replace(**next) {
                // Only the last position of a connection matters: all of them commit together.
                Some(last) if last.connection != next.connection => reached(turn.db, &last),
                Some(_) | None => Ok(()),
            },
            Entry::Record(record) => self.record(turn.db, record, turn.occasion),
        }
    }

    pub(super) fn interaction(&mut self, turn: &mut Turn<'_>, row: &Row<'_>, origin: Origin) -> Result<Kept, Trouble> {
        if self.tombstones.bars(turn.db, row.id)? {
            return Ok(Kept::Barred);
        }
        let place = self.zones.place(turn.db, row.id)?;
        let mut key = self.tally.key(row.received);
        let created = row.created.map(Time::micros);
        loop {
            let (bucket, by) = (self.tally.bucket(), origin.number());
            let (stream, zone) = (row.stream.0, place.zone);
            match turn.insert.execute(params![key, bucket, stream, row.id, created, row.kind, row.payload, by, zone]) {
                Ok(0) if origin == Origin::Live && self.backfilled => {
                    let values = params![row.id, stream, created, row.kind, row.payload, zone];
                    if turn.db.prepare_cached(REPLACE)?.execute(values)? > 0 {
                        self.tally.forget_sizes();
                    }
                    return Ok(Kept::Known);
                }
                Ok(0) => return Ok(Kept::Known),
                Ok(_) => {
                    self.zones.wrote(turn.db, place)?;
                    let done = self.tally.wrote(turn.db, key, row.stream, row.payload.len());
                    return done.map(|()| Kept::New);
                }
                Err(error) if is_taken(&error) => key = key.saturating_add(1),
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub(super) fn delete(&mut self, db: &Connection, id: &str, now: Time) -> Result<(), Trouble> {
        self.tombstones.bar(db, id, now)?;
        let mut rows = db.prepare_cached(
            "DELETE FROM interaction WHERE zone = ?2 AND id = ?1 RETURNING stream, received, bucket, octet_length(payload)",
        )?;
        let mut gone: Vec<(u32, i64, i64, i64)> = Vec::new();
        for zone in self.zones.all(db, id)? {
            let rows =
                rows.query_map(params![id, zone], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            gone.extend(rows.collect::<Result<Vec<_>, _>>()?);
        }
        for (stream, received, bucket, bytes) in gone {
            if bucket < self.tally.bucket() {
                uncount(db, StreamId(stream), received, bytes, self.tally.bucket())?;
            } else {
                self.tally.lost_some();
            }
        }
        Ok(())
    }

    fn record(&mut self, db: &Connection, record: &Record, occasion: Occasion) -> Result<(), Trouble> {
        match record {
            Record::Opened { connection, at, url } => {
                let sql = "INSERT INTO connection (id, opened, url, covered, proven) VALUES (?1, ?2, ?3, ?2, ?2)";
                db.prepare_cached(sql)?.execute(params![connection.0, at.micros(), url])?;
            }
            Record::Closed { connection, at, because } => {
                let sql = "UPDATE connection SET closed = ?2, closed_because = ?3 WHERE id = ?1";
                db.prepare_cached(sql)?.execute(params![connection.0, at.micros(), because])?;
                // What it carried is acknowledged by none.
                db.prepare_cached("UPDATE stream SET state = 'wanted' WHERE state = 'active'")?.execute([])?;
            }
            Record::Covered { stream, connection, from } => {
                self.ledger.covered(db, *stream, *connection, *from, occasion.starting)?;
            }
            Record::Gap { stream, from, cause, detail } => {
                self.ledger.gap(db, *stream, *from, *cause, detail.as_deref())?;
            }
            Record::Stands { stream, state, reason } => {
                let sql = "UPDATE stream SET state = ?2, reason = ?3 WHERE id = ?1 AND state <> 'retired'";
                db.prepare_cached(sql)?.execute(params![stream.0, state.word(), reason])?;
            }
            Record::Retired { stream, at, proven } => self.ledger.retired(db, *stream, *at, *proven)?,
            Record::Said { at, connection, notice } => say(db, *at, *connection, notice)?,
            Record::Daemon { state, since } => {
                let sql = "UPDATE state SET state = ?1, since = ?2, queue_frames = ?3, told = ?4";
                let waits = i64::try_from(occasion.queue_frames).unwrap_or(i64::MAX);
                db.prepare_cached(sql)?.execute(params![state.word(), since.micros(), waits, occasion.now.micros()])?;
                self.told = occasion.now;
            }
            Record::Drain(_) => {}
        }
        Ok(())
    }

    /// Renews the daemon's row, if it has become old.
    fn tell(&mut self, db: &Connection, reach: &Reach, occasion: Occasion) -> Result<(), Trouble> {
        if occasion.now.since(self.told) < STATUS_EVERY {
            return Ok(());
        }
        let sql = "UPDATE state SET clock_offset = coalesce(?1, clock_offset), last_tick = coalesce(?2, last_tick)";
        db.prepare_cached(sql)?.execute(params![reach.clock_offset, reach.last_tick.map(Time::micros)])?;
        self.live(db, occasion)
    }

    /// The bucket that is being filled.
    pub(super) const fn filling(&self) -> i64 {
        self.tally.bucket()
    }

    /// Rows of the bucket that is being filled may have gone.
    pub(super) fn lost_some(&mut self) {
        self.tally.lost_some();
    }

    /// Writes into the daemon's row that it lives.
    pub(super) fn live(&mut self, db: &Connection, occasion: Occasion) -> Result<(), Trouble> {
        let waits = i64::try_from(occasion.queue_frames).unwrap_or(i64::MAX);
        db.prepare_cached("UPDATE state SET queue_frames = ?1, told = ?2")?
            .execute(params![waits, occasion.now.micros()])?;
        self.told = occasion.now;
        Ok(())
    }
}

/// The way by which a row came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Origin {
    Live,
    Backfill,
}

impl Origin {
    /// As in the table.
    const fn number(self) -> i64 {
        match self {
            Self::Live => 0,
            Self::Backfill => 1,
        }
    }
}

/// What became of a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kept {
    New,
    /// It was there.
    Known,
    /// It was deleted by order.
    Barred,
}

/// One transaction while it is being written.
pub(super) struct Turn<'c> {
    pub(super) db: &'c Connection,
    insert: CachedStatement<'c>,
    occasion: Occasion,
    reach: Option<Reach>,
}

impl<'c> Turn<'c> {
    pub(super) fn new(db: &'c Connection, occasion: Occasion) -> Result<Self, Trouble> {
        Ok(Self { db, insert: db.prepare_cached(INSERT)?, occasion, reach: None })
    }
}

/// An interaction on its way into its row.
pub(super) struct Row<'t> {
    pub(super) received: Time,
    pub(super) stream: StreamId,
    pub(super) created: Option<Time>,
    pub(super) id: &'t str,
    pub(super) kind: &'t str,
    pub(super) payload: &'t str,
}

/// Takes the next piece off the batch's text.
pub(super) fn cut<'t>(text: &mut &'t str, length: usize) -> Result<&'t str, Trouble> {
    let (piece, rest) =
        text.split_at_checked(length).ok_or_else(|| Trouble::Broken("a batch ends within a row".to_owned()))?;
    *text = rest;
    Ok(piece)
}

/// Whether a row was refused because its key is taken.
fn is_taken(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        error.code == ErrorCode::ConstraintViolation
            && matches!(error.extended_code, ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID)
    })
}

pub(super) fn quarantine(db: &Connection, frame: &Quarantined) -> Result<(), Trouble> {
    let connection = frame.connection.map(|connection| connection.0);
    db.prepare_cached("INSERT INTO quarantined (at, connection, reason, frame) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![frame.at.micros(), connection, frame.reason, frame.frame])?;
    Ok(())
}

/// The connection's position: in the same transaction as the rows up to it.
fn reached(db: &Connection, reach: &Reach) -> Result<(), Trouble> {
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let changed = db
        .prepare_cached(
            "UPDATE connection SET covered = ?2, proven = ?3, frames = ?4, bytes = ?5, interactions = ?6 WHERE id = ?1",
        )?
        .execute(params![
            reach.connection.0,
            reach.covered_until.micros(),
            reach.proven_until.micros(),
            count(reach.frames),
            count(reach.bytes),
            count(reach.interactions)
        ])?;
    if changed == 1 {
        Ok(())
    } else {
        Err(Trouble::Broken(format!("connection {} moves on before it came up", reach.connection.0)))
    }
}

fn say(db: &Connection, at: Time, connection: Option<ConnectionId>, notice: &Notice) -> Result<(), Trouble> {
    let entry = notice.entry();
    let detail = notice.detail();
    let stream = detail.get("stream").and_then(serde_json::Value::as_str);
    let connection = connection.map(|connection| connection.0);
    db.prepare_cached(
        "INSERT INTO notice (at, level, notice, stream, connection, message, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        at.micros(),
        entry.level.word(),
        entry.name,
        stream,
        connection,
        notice.to_string(),
        serde_json::Value::Object(detail.clone()).to_string()
    ])?;
    Ok(())
}
