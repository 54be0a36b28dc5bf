//! The one thread that writes.

mod log;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::wal::CheckpointMode;
use tokio::sync::{mpsc, oneshot};

use super::adopt;
use super::checkpoint::{Mover, checkpoint};
use super::commit::{Books, Occasion};
use super::event::Event;
use super::identity::Identity;
use super::lock::Lock;
use super::open::{Options, Purpose, Synchronous, beside};
use super::pace::Pace;
use super::prune::expire_notices;
use super::queue::{Parcel, Queue, Task};
use super::remains::{Remains, clear};
use super::schema::{connect, settle};
use super::trouble::Trouble;
use crate::limits::{
    COMMIT_BYTES_MAX, COMMIT_ROWS_DRAINING_MAX, COMMIT_ROWS_MAX, POSITION_EVERY, STORAGE_RETRY_FIRST, STORAGE_RETRY_MAX,
};
use crate::time::Time;

/// How long the writer waits for work before it looks around.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long while there are pages to look at.
const PATIENCE_CLEARING: Duration = Duration::from_millis(20);
/// How often it makes sure that its files are where they were.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A lock held by another program is worth a word after this long.
const LOCKED_QUIETLY: Duration = Duration::from_secs(5);
/// How often what was deleted is cleared out of the pages that were written, and then out of the log by emptying it.
const EMPTY_EVERY: Duration = Duration::from_mins(1);
/// How much of the time for a stop is left to the log when the last pages are cleared.
const EMPTYING: Duration = Duration::from_secs(3);
/// How often what has expired is looked for, and how soon again if there was more than one step's worth.
const CHORES_EVERY: Duration = Duration::from_hours(1);
const CHORES_AGAIN: Duration = Duration::from_secs(1);

/// What the writer is made of.
pub(super) struct Parts {
    pub(super) path: PathBuf,
    pub(super) options: Options,
    pub(super) db: Connection,
    pub(super) books: Books,
    pub(super) remains: Remains,
    pub(super) lock: Lock,
    pub(super) identity: Identity,
    pub(super) mover: Mover,
    pub(super) queue: Arc<Queue>,
    pub(super) events: mpsc::Sender<Event>,
}

/// The writing connection and what it knows.
pub(super) struct Writer {
    parts: Parts,
    draining: bool,
    /// Whether commits wait for the medium at present.
    strict: bool,
    trust: Trust,
    ill: Option<Illness>,
    /// When rows were committed last.
    wrote: Time,
    looked: Time,
    /// When the present round of clearing began, and the last one that the log was emptied after.
    begun: Time,
    emptied: Time,
    /// No page is looked at before.
    clearing: Time,
    chores: Time,
    pace: Pace,
    held_back: Option<Time>,
    /// The log's size from which the writer moves it itself.
    move_at: u64,
    /// The log's size when it was last meant to begin anew.
    tried_at: u64,
    /// A sync failed while the log was moved.
    unsynced: bool,
}

/// How far the writer's own memory can be trusted.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Trust {
    Sound,
    /// The books may differ from the file.
    Stale,
    /// The connection must not be used again.
    Suspect,
}

/// How strictly a commit waits for the medium.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Care {
    /// Always: something outside relies on it.
    Grave,
    /// As the settings and the pressure say.
    Usual,
    /// Not at all: if the power takes it back, it is done again.
    Light,
}

impl Care {
    /// Whether a commit is on the medium before anything follows it.
    const fn is_strict(self, synchronous: Synchronous, draining: bool) -> bool {
        match self {
            Self::Grave => true,
            Self::Usual => matches!(synchronous, Synchronous::Full) && !draining,
            Self::Light => false,
        }
    }
}

/// A run of failures.
struct Illness {
    since: Time,
    told: Option<(bool, String)>,
}

/// Why the writer ends before it is asked to.
enum End {
    Damaged(String),
    Broken(String),
    /// It was asked to, and could not store what is left by then.
    GivenUp(String),
}

type Farewell = oneshot::Sender<Result<(), String>>;

impl Writer {
    pub(super) fn new(parts: Parts) -> Self {
        let now = parts.queue.now();
        let move_at = parts.options.max_wal;
        Self {
            parts,
            draining: false,
            strict: true,
            trust: Trust::Sound,
            ill: None,
            wrote: Time::from_micros(0),
            looked: now,
            begun: now,
            emptied: now,
            clearing: now,
            chores: now,
            pace: Pace::new(now),
            held_back: None,
            move_at,
            tried_at: 0,
            unsynced: false,
        }
    }

    /// Writes until it is told to finish, or cannot go on.
    pub(super) fn run(mut self) {
        let end = self.work();
        let Parts { path, identity, db, mover, queue, events, lock, .. } = self.parts;
        mover.stop();
        if matches!(end, Err(End::Damaged(_))) || !identity.has_archive(&path) {
            // Nothing more is written into a file that makes no sense: whoever repairs it finds it and its log as is.
            // And the log of a file that is gone is all that is left: it is not moved to where nobody finds it.
            db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).ok();
        } else {
            log::empty(&db, &queue);
        }
        drop(db);
        drop(lock);
        match end {
            Ok(answer) => drop(answer.send(Ok(()))),
            Err(End::Damaged(detail)) => drop(events.try_send(Event::Damaged { detail })),
            Err(End::Broken(detail)) => drop(events.try_send(Event::Broken { detail })),
            Err(End::GivenUp(detail)) => queue.refuse(&detail),
        }
        queue.close();
    }

    fn work(&mut self) -> Result<Farewell, End> {
        loop {
            self.parts.queue.beat();
            self.draining = self.parts.queue.is_draining();
            let rows = if self.draining { COMMIT_ROWS_DRAINING_MAX } else { COMMIT_ROWS_MAX };
            match self.parts.queue.take(rows, COMMIT_BYTES_MAX, self.patience(), self.wrote) {
                Task::Nothing => self.idle()?,
                Task::Write(parcels) => self.write(parcels)?,
                Task::Adopt { added, now, answer } => {
                    let work = |books: &mut Books, db: &Connection, _: Occasion| {
                        books.pruning.forget();
                        adopt::also(db, &mut books.ledger, &added, now)
                    };
                    let starts = self.persist(Care::Grave, work)?;
                    // Nobody waits any more: the streams are wanted all the same.
                    drop(answer.send(starts));
                }
                Task::Heal { healing, answer } => {
                    let work =
                        |books: &mut Books, db: &Connection, occasion: Occasion| books.heal(db, &healing, occasion);
                    // What leaves the machine, or costs money, is on the medium first.
                    let written = self.persist(Care::Grave, work)?;
                    drop(answer.send(written));
                }
                Task::Finish { answer } => {
                    self.clear_all();
                    return Ok(answer);
                }
            }
            self.look_after()?;
        }
    }

    fn write(&mut self, parcels: Vec<Parcel>) -> Result<(), End> {
        let grave = parcels.iter().any(|parcel| parcel.batch.is_grave());
        let care = if grave { Care::Grave } else { Care::Usual };
        let work = |books: &mut Books, db: &Connection, occasion: Occasion| {
            books.write(db, parcels.iter().map(|parcel| &parcel.batch), occasion)
        };
        self.persist(care, work)?;
        self.parts.queue.release(parcels);
        self.wrote = self.parts.queue.now();
        Ok(())
    }

    /// Nothing came for a while.
    fn idle(&mut self) -> Result<(), End> {
        let quiet = self.parts.queue.now().since(self.parts.books.told) < POSITION_EVERY;
        if quiet || self.parts.options.purpose == Purpose::Fill {
            return Ok(());
        }
        self.persist(Care::Usual, Books::live)
    }

    /// Commits what `work` writes; tries until it succeeds, or can never succeed, or time is up.
    fn persist<T>(
        &mut self,
        care: Care,
        work: impl Fn(&mut Books, &Connection, Occasion) -> Result<T, Trouble>,
    ) -> Result<T, End> {
        let mut delay = STORAGE_RETRY_FIRST;
        loop {
            self.parts.queue.beat();
            match self.attempt(care, &work) {
                Ok(done) => {
                    self.recovered();
                    return Ok(done);
                }
                Err(trouble) => {
                    // A lock is waited for where it is taken; a disk that fails is not to be hammered.
                    let soon = matches!(trouble, Trouble::Busy(_)) || self.parts.queue.finish_by().is_some();
                    self.failed(trouble.at(&self.parts.path))?;
                    self.parts.queue.pause(if soon { STORAGE_RETRY_FIRST } else { delay });
                    delay = delay.saturating_mul(2).min(STORAGE_RETRY_MAX);
                }
            }
        }
    }

    /// One transaction, on a connection and with books that can be trusted.
    fn attempt<T>(
        &mut self,
        care: Care,
        work: &impl Fn(&mut Books, &Connection, Occasion) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let now = self.parts.queue.now();
        if self.trust == Trust::Suspect || now.since(self.looked) >= LOOK_EVERY {
            self.parts.identity.stands(&self.parts.path)?;
            self.looked = now;
        }
        if self.trust == Trust::Suspect {
            self.reopen()?;
        }
        if self.trust == Trust::Stale {
            self.parts.books.reload(&self.parts.db)?;
            self.trust = Trust::Sound;
        }
        self.heed(care)?;
        let occasion = Occasion { now, queue_frames: self.parts.queue.frames(), starting: self.parts.options.starting };
        let log = beside(&self.parts.path, "-wal");
        let committed = || self.parts.remains.note(&log);
        let done = transact(&self.parts.db, |db| work(&mut self.parts.books, db, occasion), committed);
        if done.is_err() {
            self.trust = Trust::Stale;
        }
        done
    }

    /// After an error of the medium nothing that the connection remembers counts: neither its pages nor what it
    /// believes to be on the medium. The log begins anew, so that no later commit lies behind a hole in it.
    fn reopen(&mut self) -> Result<(), Trouble> {
        let db = connect(&self.parts.path)?;
        settle(&db)?;
        match checkpoint(&db, CheckpointMode::RESTART).map_err(Trouble::from) {
            Ok(_) | Err(Trouble::Busy(_)) => {}
            Err(trouble) => return Err(trouble),
        }
        self.parts.db = db;
        self.parts.remains.lose_track();
        self.strict = true;
        self.trust = Trust::Stale;
        Ok(())
    }

    /// Chooses how strictly the next commit waits for the medium.
    fn heed(&mut self, care: Care) -> Result<(), Trouble> {
        let strict = care.is_strict(self.parts.options.synchronous, self.draining);
        if strict != self.strict {
            self.parts.db.pragma_update(None, "synchronous", if strict { "FULL" } else { "NORMAL" })?;
            self.strict = strict;
        }
        Ok(())
    }

    fn failed(&mut self, trouble: Trouble) -> Result<(), End> {
        let now = self.parts.queue.now();
        let first = self.ill.is_none();
        let since = self.ill.as_ref().map_or(now, |ill| ill.since);
        let (full, detail, quiet) = match trouble {
            Trouble::Broken(detail) => return Err(End::Broken(detail)),
            // Once, it may be the connection that is wrong rather than the file.
            Trouble::Damaged(detail) if !first => return Err(End::Damaged(detail)),
            Trouble::Damaged(detail) | Trouble::Medium(detail) => {
                self.trust = Trust::Suspect;
                (false, detail, false)
            }
            Trouble::Full(detail) => (true, detail, false),
            Trouble::Busy(detail) => (false, detail, now.since(since) < LOCKED_QUIETLY),
        };
        if self.parts.queue.finish_by().is_some_and(|by| now >= by) {
            return Err(End::GivenUp(detail));
        }
        let ill = self.ill.get_or_insert(Illness { since, told: None });
        let news = Some((full, detail));
        if !quiet && ill.told != news {
            ill.told = news;
            if let Some((full, detail)) = ill.told.clone() {
                self.say(Event::Failing { full, detail });
            }
        }
        Ok(())
    }

    fn recovered(&mut self) {
        if let Some(Illness { since, told: Some(_) }) = self.ill.take() {
            let after = self.parts.queue.now().since(since);
            self.say(Event::Recovered { after });
        }
    }

    /// The daemon reads its events; what it does not read in time it can do without.
    fn say(&self, event: Event) {
        drop(self.parts.events.try_send(event));
    }

    /// What has to be done besides: the log's size, and what has expired.
    fn look_after(&mut self) -> Result<(), End> {
        let now = self.parts.queue.now();
        self.watch_log(now)?;
        self.prune(now)?;
        self.clear_some(now)?;
        if self.draining || now < self.chores || !self.parts.queue.is_empty() {
            return Ok(());
        }
        let (tombstones, notices) = (now.before(self.parts.options.tombstones), now.before(self.parts.options.notices));
        let more = self.persist(Care::Usual, |books, db, _| {
            let more = books.tombstones.expire(db, tombstones)?;
            Ok(expire_notices(db, notices)? || more)
        })?;
        self.chores = now.after(if more { CHORES_AGAIN } else { CHORES_EVERY });
        Ok(())
    }

    /// Removes some of what is too old or too much, where that keeps nobody waiting.
    fn prune(&mut self, now: Time) -> Result<(), End> {
        let (keep, rows) = (self.parts.options.keep, self.pace.rows());
        let idle = self.draining || self.parts.options.purpose == Purpose::Fill;
        if idle || !self.pace.is_due(now) || self.parts.queue.frames() > COMMIT_ROWS_MAX {
            return Ok(());
        }
        // The next commit of the live stream takes it to the medium.
        let step = self.persist(Care::Light, |books, db, occasion| books.prune(db, keep, rows, occasion.now))?;
        let events = self.pace.took(step, now, self.parts.queue.now());
        events.into_iter().flatten().for_each(|event| self.say(event));
        Ok(())
    }

    /// How long to wait for work: no longer than until the next step of what is done beside it.
    fn patience(&self) -> Duration {
        let patience = if self.is_clearing() { PATIENCE_CLEARING } else { PATIENCE };
        if self.draining { patience } else { patience.min(self.pace.due_in(self.parts.queue.now())) }
    }

    fn is_clearing(&self) -> bool {
        self.parts.remains.is_busy() && !self.draining && self.parts.queue.now() >= self.clearing
    }

    /// Looks at some of the pages that may hold what was deleted. Every minute those written since begin anew.
    fn clear_some(&mut self, now: Time) -> Result<(), End> {
        if self.draining || now < self.clearing {
            return Ok(());
        }
        if now.since(self.begun) >= EMPTY_EVERY {
            self.begun = now;
            self.parts.remains.begin();
        }
        match self.clear_next() {
            Err(trouble) => {
                self.parts.remains.put_off();
                self.clearing = now.after(EMPTY_EVERY);
                self.failed(trouble.at(&self.parts.path))
            }
            Ok(()) => Ok(()),
        }
    }

    fn clear_next(&mut self) -> Result<(), Trouble> {
        let pages = self.parts.remains.next();
        if !pages.is_empty() {
            let cleared =
                self.attempt(Care::Usual, &|_: &mut Books, db: &Connection, _: Occasion| clear(db, &pages))?;
            self.parts.remains.looked(&pages, cleared);
        }
        Ok(())
    }

    /// Before a stop in order: clears what was written, and says in the archive how far nothing is left. What fails or
    /// takes too long is done at the next start.
    fn clear_all(&mut self) {
        let by = self.parts.queue.finish_by().map(|by| by.before(EMPTYING));
        self.parts.remains.begin();
        while self.parts.remains.is_busy() && by.is_none_or(|by| self.parts.queue.now() < by) {
            self.parts.queue.beat();
            if self.clear_next().is_err() {
                break;
            }
        }
        if self.parts.remains.is_through() {
            let remains = std::mem::take(&mut self.parts.remains);
            self.attempt(Care::Grave, &|_: &mut Books, db: &Connection, _: Occasion| remains.mark(db)).ok();
        }
    }
}

/// One transaction: all of it, or nothing. Until `committed` has looked at the log, nobody can begin that anew: a query
/// that has not come to its end goes on reading from it.
pub(super) fn transact<T>(
    db: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Trouble>,
    committed: impl FnOnce(),
) -> Result<T, Trouble> {
    db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let done = work(db).and_then(|done| {
        let mut query = db.prepare_cached("SELECT 1 FROM sqlite_schema")?;
        let mut reading = query.query([])?;
        reading.next()?;
        db.prepare_cached("COMMIT")?.execute([])?;
        committed();
        Ok(done)
    });
    if done.is_err() && !db.is_autocommit() {
        // If even this fails, the connection rolls back when it is closed; the first error is the one that tells.
        db.execute_batch("ROLLBACK").ok();
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nothing_is_built_on_may_be_lost_with_the_power() {
        for synchronous in [Synchronous::Full, Synchronous::Normal] {
            for draining in [false, true] {
                let strict = [Care::Grave, Care::Usual, Care::Light].map(|care| care.is_strict(synchronous, draining));
                let rows = synchronous == Synchronous::Full && !draining;
                assert_eq!(strict, [true, rows, false], "{synchronous:?}, catching up: {draining}");
            }
        }
    }
}
