//! What SQLite leaves of rows in the unused parts of pages, and how it is cleared.
//!
//! Under `secure_delete` SQLite overwrites the place of a row that is deleted, and whole pages that become free. One
//! thing it does not overwrite: when it lays out a page anew (`rebuildPage`, as pages are split and joined) it packs the
//! rows that stay at the end of the page, and where they lay before, between the pointers and the first row, their
//! bytes stay, and those of rows that went to another page. A row that is deleted later is overwritten where it lives
//! and nowhere else. So every page that was written is looked at once more, and that unused part of it is cleared, in
//! a transaction like any other. Which pages were written stands in the log.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension};

use super::checkpoint::FRAME_HEADER;
use super::schema::PAGE;
use super::trouble::Trouble;

/// SQLite has its table of pages only if it is compiled with it.
const _: &str = env!(
    "LIBSQLITE3_FLAGS",
    "SQLite needs -DSQLITE_ENABLE_DBPAGE_VTAB: call Cargo in siftd's folder, where .cargo/config.toml says so"
);

/// Pages looked at in one step: what a step takes is within what a commit takes.
const STEP: usize = 64;

/// The first page holds the schema, the second a part of the map of pages.
const FIRST: u32 = 3;

/// The name in `meta` of the page before which nothing was left when the daemon stopped in order.
const MARK: &str = "swept";
const EVERYTHING: i64 = i64::MAX;

/// The log's own header, and where its salt stands in it (SQLite, Database File Format, section 4.1).
const LOG_HEADER: u64 = 32;
const SALT: u64 = 16;

/// The pages that may hold remains.
#[derive(Debug, Default)]
pub(super) struct Remains {
    /// Written since the present round began.
    written: BTreeSet<u32>,
    /// To be looked at in the present round.
    round: BTreeSet<u32>,
    /// The file is looked through, once: it is not known what was written before this life.
    unswept: Option<Sweep>,
    /// How far the log has been read: which log, and how many of its pages.
    salt: [u8; 8],
    read: u64,
}

/// A look through the file, page by page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Sweep {
    /// The next page.
    from: u32,
    /// The last one: where the file ended at the first look. What has been added since is known from the log, so the
    /// sweep need not run after a file that grows as fast.
    until: Option<u32>,
}

impl Sweep {
    const fn over(from: u32) -> Self {
        Self { from, until: None }
    }
}

impl Remains {
    /// Takes the mark of the last stop in order out of the archive: from now on only this object knows.
    pub(super) fn load(db: &Connection) -> Result<Self, Trouble> {
        let sql = "DELETE FROM meta WHERE name = ?1 RETURNING value";
        let mark: Option<i64> = db.query_row(sql, [MARK], |row| row.get(0)).optional()?;
        let unswept = mark.map_or(Some(FIRST), |mark| u32::try_from(mark).ok());
        Ok(Self { unswept: unswept.map(Sweep::over), ..Self::default() })
    }

    /// Reads out of the log which pages were written. To be called before anybody can begin it anew.
    pub(super) fn note(&mut self, log: &Path) {
        if self.follow(log).is_err() {
            self.lose_track();
        }
    }

    /// It is not known what was written: any page may have been.
    pub(super) fn lose_track(&mut self) {
        self.unswept = Some(Sweep::over(FIRST));
    }

    fn follow(&mut self, log: &Path) -> io::Result<()> {
        let log = File::open(log)?;
        let end = log.metadata()?.len();
        if end < LOG_HEADER {
            return Ok(());
        }
        let mut salt = [0; 8];
        log.read_exact_at(&mut salt, SALT)?;
        if salt != self.salt {
            (self.salt, self.read) = (salt, 0);
        }
        let mut frame = self.read;
        loop {
            let at = LOG_HEADER + frame * (FRAME_HEADER + PAGE);
            if at + FRAME_HEADER > end {
                return Ok(());
            }
            let mut words = [[0; 4]; 4];
            log.read_exact_at(words.as_flattened_mut(), at)?;
            let [page, pages_after_commit, of_salt @ ..] = words;
            // Behind what was committed may lie the rest of an earlier log, or of a transaction that was taken back.
            if of_salt.as_flattened() != salt {
                return Ok(());
            }
            frame += 1;
            self.written.insert(u32::from_be_bytes(page));
            if pages_after_commit != [0; 4] {
                self.read = frame;
            }
        }
    }

    /// What was written so far is to be looked at now.
    pub(super) fn begin(&mut self) {
        self.round.append(&mut self.written);
    }

    /// Whether the present round has come to its end.
    pub(super) fn is_through(&self) -> bool {
        self.round.is_empty()
    }

    /// Whether there are pages to be looked at now.
    pub(super) fn is_busy(&self) -> bool {
        !self.round.is_empty() || self.unswept.is_some()
    }

    /// The pages to be looked at next, in order.
    pub(super) fn next(&self) -> Vec<u32> {
        if self.round.is_empty() {
            self.unswept.map_or(Vec::new(), |sweep| (sweep.from..=sweep.until.unwrap_or(u32::MAX)).take(STEP).collect())
        } else {
            self.round.iter().copied().take(STEP).collect()
        }
    }

    /// These have been looked at.
    pub(super) fn looked(&mut self, pages: &[u32], found: Cleared) {
        if self.round.is_empty() {
            // It may have begun anew meanwhile.
            if let (Some(sweep), Some(last)) = (self.unswept.filter(|it| pages.first() == Some(&it.from)), pages.last())
            {
                let until = sweep.until.unwrap_or(found.end);
                let goes_on = *last < until && !found.past_the_end;
                self.unswept = goes_on.then_some(Sweep { from: last + 1, until: Some(until) });
            }
        } else {
            for page in pages {
                self.round.remove(page);
            }
        }
    }

    /// The present round ends; what is left of it comes with the next.
    pub(super) fn put_off(&mut self) {
        self.written.append(&mut self.round);
    }

    /// Marks the archive: what is not behind the mark holds no remains. Only when all that was written is cleared.
    pub(super) fn mark(&self, db: &Connection) -> Result<(), Trouble> {
        let mark = self.unswept.map_or(EVERYTHING, |sweep| i64::from(sweep.from));
        db.execute("INSERT INTO meta (name, value) VALUES (?1, ?2)", (MARK, mark))?;
        Ok(())
    }
}

/// What became of some pages.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Cleared {
    /// Pages that held something.
    pub(super) pages: usize,
    /// One of them lies behind the end of the file.
    pub(super) past_the_end: bool,
    /// The last page of the file.
    end: u32,
}

/// Clears the unused part of those of these pages that hold rows, in the transaction that is open.
pub(super) fn clear(db: &Connection, pages: &[u32]) -> Result<Cleared, Trouble> {
    let end = db.prepare_cached("PRAGMA page_count")?.query_row([], |row| row.get(0))?;
    let mut cleared = Cleared { end, ..Cleared::default() };
    let mut select = db.prepare_cached("SELECT data FROM sqlite_dbpage WHERE pgno = ?1")?;
    for page in pages {
        let unused = select.query_row([page], |row| Ok(remains(row.get_ref(0)?.as_blob()?))).optional()?;
        let Some(unused) = unused else {
            cleared.past_the_end = true;
            continue;
        };
        if let Some(unused) = unused
            && holds_rows(db, *page)?
        {
            let mut data: Vec<u8> = select.query_row([page], |row| row.get(0))?;
            data.get_mut(unused).unwrap_or_default().fill(0);
            overwrite(db, *page, &data)?;
            cleared.pages += 1;
        }
    }
    Ok(cleared)
}

/// Pages can be written only while SQLite is told that this is meant.
fn overwrite(db: &Connection, page: u32, data: &[u8]) -> Result<(), Trouble> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false)?;
    let sql = "UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1";
    let done = db.prepare_cached(sql).and_then(|mut update| update.execute((page, data)));
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    Ok(done.map(drop)?)
}

/// The part of a page of rows that lies between the pointers and the first row (SQLite, Database File Format, section
/// 1.6), if it is not empty. Nothing if the page is none, which only the map of pages knows for certain.
fn remains(page: &[u8]) -> Option<Range<usize>> {
    static NOTHING: [u8; 32 * 1024] = [0; 32 * 1024];
    let pointers = match page.first()? {
        0x02 | 0x05 => 12,
        0x0a | 0x0d => 8,
        _ => return None,
    };
    let rows = usize::from(number(page, 3)?);
    let unused = pointers + 2 * rows..usize::from(number(page, 5)?);
    let empty = NOTHING.get(..unused.len())?;
    // A page that makes no sense is left as it is.
    let makes_sense = unused.start <= unused.end
        && page
            .get(pointers..unused.start)?
            .chunks(2)
            .all(|row| number(row, 0).is_some_and(|row| usize::from(row) >= unused.end))
        && matches!(usize::from(number(page, 1)?), free if free == 0 || free >= unused.end);
    (makes_sense && page.get(unused.clone())? != empty).then_some(unused)
}

/// A big-endian number of two bytes.
fn number(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_be_bytes)
}

/// Whether a page holds rows, or what leads to them: the map of pages says so (SQLite, Database File Format, section
/// 1.8). Any other page could look like one.
fn holds_rows(db: &Connection, page: u32) -> Result<bool, Trouble> {
    const ROOT: u8 = 1;
    const BRANCH: u8 = 5;
    /// An entry is one byte that says what the page is, and the four of its parent's number.
    const ENTRY: u32 = 5;
    /// SQLite locks a byte at this place, so it never uses the page around it.
    const LOCKED: u32 = 0x4000_0000;
    let size = u32::try_from(PAGE).unwrap_or(0);
    // The first page says whether there is such a map, and that all of a page is used.
    let sql = "SELECT substr(data, 17, 2) = ?1 AND substr(data, 21, 1) = x'00' AND substr(data, 53, 4) <> x'00000000'
                 FROM sqlite_dbpage WHERE pgno = 1";
    let is_mapped: bool = db.prepare_cached(sql)?.query_row([size.to_be_bytes().get(2..)], |row| row.get(0))?;
    let mapped = size / ENTRY;
    let map = (page.saturating_sub(2) / (mapped + 1)) * (mapped + 1) + 2;
    let map = if map == LOCKED / size + 1 { map + 1 } else { map };
    if !is_mapped || page <= map {
        return Ok(false);
    }
    let sql = "SELECT substr(data, ?2, 1) FROM sqlite_dbpage WHERE pgno = ?1";
    let kind: Option<Vec<u8>> =
        db.prepare_cached(sql)?.query_row([map, ENTRY * (page - map - 1) + 1], |row| row.get(0)).optional()?;
    Ok(matches!(kind.as_deref(), Some([ROOT | BRANCH])))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rusqlite::wal::CheckpointMode;

    use super::*;
    use crate::archive::checkpoint::checkpoint;
    use crate::archive::schema::{self, in_memory};
    use crate::archive::writer::transact;

    /// Every page of rows, as SQLite's own statistics say.
    fn told(db: &Connection) -> BTreeMap<u32, bool> {
        let mut statement = db.prepare("SELECT pageno, pagetype IN ('leaf', 'internal') FROM dbstat").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    #[test]
    fn the_map_of_pages_tells_pages_of_rows_from_all_others() {
        let db = in_memory();
        let quarantined = |bytes: i64| {
            let sql = "INSERT INTO quarantined (at, reason, frame) VALUES (0, '', zeroblob(?1))";
            db.execute(sql, [bytes]).unwrap();
        };
        // Chains of pages and pages of many rows, on both sides of the second part of the map, and free ones.
        for bytes in [100_000, 500_000, 220_000_000, 20_000, 20_000, 100_000] {
            quarantined(bytes);
        }
        for number in 0..2000 {
            db.execute("INSERT INTO stream (name, state, wanted) VALUES (?1, 'wanted', 0)", [number]).unwrap();
        }
        db.execute("DELETE FROM quarantined WHERE id = 2", []).unwrap();
        let told = told(&db);
        let pages: u32 = db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        assert!(pages > 6556 + 10 && told.values().filter(|rows| !**rows).count() > 6500, "{pages}");
        for page in FIRST..=pages {
            let expected = told.get(&page).copied().unwrap_or(false);
            assert_eq!(holds_rows(&db, page).unwrap(), expected, "page {page}");
        }
    }

    /// The pages of a table's rows.
    fn pages(db: &Connection, table: &str) -> BTreeSet<u32> {
        let mut statement = db.prepare("SELECT pageno FROM dbstat WHERE name = ?1").unwrap();
        let rows = statement.query_map([table], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// Litestream empties the log between two commits and then writes into it; so may anybody with a shell.
    #[test]
    fn nobody_can_empty_the_log_before_it_is_known_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let (path, log) = (folder.path().join("archive.db"), folder.path().join("archive.db-wal"));
        drop(File::create(&path).unwrap());
        let mut db = schema::connect(&path).unwrap();
        schema::conceive(&db).unwrap();
        schema::log_ahead(&db).unwrap();
        schema::settle(&db).unwrap();
        schema::migrate(&mut db).unwrap();
        let other = schema::connect(&path).unwrap();
        other.busy_timeout(std::time::Duration::ZERO).unwrap();
        let empties = || {
            let busy = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
            other.execute("INSERT INTO meta (name, value) VALUES (random(), 0)", []).unwrap();
            !busy.unwrap()
        };
        let mut remains = Remains::default();
        // The log is in use; has been moved into the archive, so that whoever writes next may begin it anew; is empty.
        for before in [None, Some(CheckpointMode::PASSIVE), Some(CheckpointMode::TRUNCATE)] {
            before.map(|mode| checkpoint(&db, mode).unwrap());
            let many = |db: &Connection| {
                db.execute("DELETE FROM quarantined", [])?;
                for _ in 0..100 {
                    db.execute("INSERT INTO quarantined (at, reason, frame) VALUES (0, '', zeroblob(2000))", [])?;
                }
                Ok(())
            };
            let mut emptied = false;
            let committed = || {
                emptied = empties();
                remains.note(&log);
            };
            transact(&db, many, committed).unwrap();
            let held = pages(&db, "quarantined");
            assert!(held.len() > 5 && remains.written.is_superset(&held), "{held:?} in {:?}", remains.written);
            assert_eq!((emptied, remains.unswept), (false, None));
            assert!(empties(), "it may as soon as that is known");
            remains.written.clear();
        }
    }

    #[test]
    fn what_was_taken_back_hides_nothing_that_comes_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        // Of this log: page 3 and 4, committed; 5, taken back. Behind that a page of an earlier log.
        let mut bytes = [vec![0; 16], b"salt of ".to_vec(), vec![0; 8]].concat();
        let mut write = |frame: u64, page: u32, commits: u32, salt: &[u8; 8]| {
            let at = usize::try_from(LOG_HEADER + frame * (FRAME_HEADER + PAGE)).unwrap();
            let words = [&page.to_be_bytes()[..], &commits.to_be_bytes(), salt].concat();
            bytes.resize(bytes.len().max(at + usize::try_from(FRAME_HEADER + PAGE).unwrap()), 0);
            bytes.splice(at..at + words.len(), words);
            std::fs::write(&log, &bytes).unwrap();
        };
        for (frame, page, commits, salt) in
            [(0, 3, 0, b"salt of "), (1, 4, 9, b"salt of "), (2, 5, 0, b"salt of "), (3, 6, 9, b"another ")]
        {
            write(frame, page, commits, salt);
        }
        let mut remains = Remains::default();
        remains.note(&log);
        assert_eq!((remains.written.iter().copied().collect::<Vec<_>>(), remains.read), (vec![3, 4, 5], 2));
        // The next transaction takes its place.
        write(2, 7, 9, b"salt of ");
        remains.note(&log);
        assert_eq!((remains.written.iter().copied().collect::<Vec<_>>(), remains.read), (vec![3, 4, 5, 7], 3));
        // Emptied, it holds nothing; gone, it is not known what it held.
        std::fs::write(&log, []).unwrap();
        remains.note(&log);
        assert_eq!(remains.unswept, None);
        std::fs::remove_file(&log).unwrap();
        remains.note(&log);
        assert_eq!(remains.unswept, Some(Sweep::over(FIRST)));
    }

    #[test]
    fn a_sweep_ends_where_the_file_did_when_it_began_however_fast_that_grows() {
        let db = in_memory();
        let grow = || {
            db.execute("INSERT INTO quarantined (at, reason, frame) VALUES (0, '', zeroblob(5000000))", []).unwrap();
            db.query_row("PRAGMA page_count", [], |row| row.get::<_, u32>(0)).unwrap()
        };
        let mut end = grow();
        let mut remains = Remains::default();
        remains.lose_track();
        let (mut swept, mut lost) = (Vec::<u32>::new(), false);
        while remains.is_busy() {
            let pages = remains.next();
            let found = clear(&db, &pages).unwrap();
            let grown = grow();
            if swept.is_empty() || lost {
                swept.extend(&pages);
            } else {
                // Once, in the midst of it, all begins anew.
                remains.lose_track();
                swept.clear();
                (lost, end) = (true, grown);
            }
            remains.looked(&pages, found);
            assert!(swept.len() < 1000, "{end} pages of {grown}");
        }
        swept.retain(|page| *page <= end);
        assert_eq!(swept, (FIRST..=end).collect::<Vec<_>>());
    }

    #[test]
    fn without_a_map_no_page_is_taken_for_one_of_rows() {
        let mut db = Connection::open_in_memory().unwrap();
        db.pragma_update(None, "page_size", 32_768).unwrap();
        schema::migrate(&mut db).unwrap();
        assert!(told(&db).keys().all(|page| !holds_rows(&db, *page).unwrap()));
    }

    #[test]
    fn only_what_lies_between_the_pointers_and_the_first_row_is_unused() {
        let mut page = vec![0; 32 * 1024];
        // A leaf with one row at 32,000 and a free block behind it.
        page.splice(..10, [0x0d, 0x7d, 0x64, 0, 1, 0x7d, 0, 0, 0x7d, 0]);
        assert_eq!(remains(&page), None);
        page.splice(32_000..32_010, *b"a row here");
        assert_eq!(remains(&page), None);
        for place in [10, 20_000, 31_999] {
            let mut left = page.clone();
            left.splice(place..=place, [1]);
            assert_eq!(remains(&left), Some(10..32_000), "{place}");
            // Another kind of page, a row before the first, a free block before it: it is not what it seems to be.
            for (at, wrong) in [(0, 0x03), (8, 0x70), (1, 0x70), (3, 0x7f)] {
                let mut strange = left.clone();
                strange.splice(at..=at, [wrong]);
                assert_eq!(remains(&strange), None, "{at}");
            }
        }
    }
}
