//! Where a row goes by its id, and where it is looked for.
//!
//! Ids that begin with their time come nearly in order: all of them are in zone 0, at whose end new ones are written, and
//! the index forbids doubles. Ids without order would each touch a page of their own in such an index. They go into the
//! zone of the moment, a few pages; and since the index forbids doubles within a zone only, this object knows which zone an
//! id has: exactly for the group of 8 zones that is being filled, by a filter for each full one. Whatever a filter
//! says is looked up in the index before it is believed. All rows of an id are in one zone.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use rusqlite::{Connection, params};

use super::filter::{Entry, Filter, Filters, KEYS};
use super::trouble::Trouble;

/// Zones of a group.
const ZONES: i64 = 8;

/// Ids of a zone.
const ZONE_IDS: usize = KEYS / 8;

/// Groups that one step of pruning looks at.
const LOOKED_AT: usize = 8;

/// What says that a filter is as it was written.
type Digest = [u8; 16];

/// What is known of the zones. It follows the transactions; after one that failed it is loaded anew.
pub(super) struct Zones {
    /// See [`super::Options::has_order`].
    has_order: fn(&str) -> bool,
    key: [u8; 32],
    /// The group that is being filled, and for each of its ids, by their hashes, the zone's place in it.
    group: i64,
    filling: HashMap<u64, u8>,
    filters: Filters,
    /// The groups that have one.
    full: BTreeMap<i64, Digest>,
    /// Those that are still to be written.
    unwritten: Vec<(i64, Filter)>,
    /// Full groups for which none could be made: an id can be in any of their zones.
    unknown: Vec<i64>,
    /// The last group that pruning looked at.
    looked: i64,
}

/// Without the key.
impl fmt::Debug for Zones {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (filling, full) = (self.filling.len(), self.full.len());
        out.debug_struct("Zones").field("filling", &filling).field("full", &full).finish_non_exhaustive()
    }
}

/// Where a row belongs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) zone: i64,
    /// The hash of an id that is in no zone yet.
    new: Option<u64>,
}

impl Zones {
    pub(super) fn new(has_order: fn(&str) -> bool) -> Self {
        Self {
            has_order,
            key: [0; 32],
            group: 0,
            filling: HashMap::new(),
            filters: Filters::default(),
            full: BTreeMap::new(),
            unwritten: Vec::new(),
            unknown: Vec::new(),
            looked: i64::MIN,
        }
    }

    /// One that knows nothing yet.
    pub(super) fn fresh(&self) -> Self {
        Self::new(self.has_order)
    }

    /// Takes over what was committed. Filters that are in memory already are not read again; what is missing in the
    /// archive, or not as it was written, is made out of the index.
    pub(super) fn load(&mut self, db: &Connection) -> Result<(), Trouble> {
        self.key = db.query_row("SELECT value FROM meta WHERE name = 'id_key'", [], |row| row.get(0))?;
        let newest: Option<i64> = db.query_row("SELECT max(zone) FROM interaction", [], |row| row.get(0))?;
        let mut digests = db.prepare_cached("SELECT part, digest FROM id_filter")?;
        let digests = digests.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let kept: BTreeMap<i64, Vec<u8>> = digests.collect::<Result<_, _>>()?;
        let behind = kept.keys().next_back().map_or(0, |last| last.saturating_add(1));
        self.group = behind.max(newest.map_or(0, group_of));
        self.unwritten.clear();
        self.unknown.clear();
        self.full.retain(|group, digest| kept.get(group).is_some_and(|kept| kept == digest));
        self.filters.retain(|group| self.full.contains_key(&group));
        for group in kept.into_keys() {
            if !self.full.contains_key(&group)
                && let Some((filter, digest)) = self.kept(db, group)?
            {
                self.filters.add(group, &filter);
                self.full.insert(group, digest);
            }
        }
        self.make_missing(db)?;
        self.filling = self.in_index(db, self.group)?;
        self.close_if_full();
        Ok(())
    }

    /// The filter of a group as it is in the archive; nothing if it cannot be believed.
    fn kept(&self, db: &Connection, group: i64) -> Result<Option<(Filter, Digest)>, Trouble> {
        let mut select = db.prepare_cached("SELECT seed, digest, cells FROM id_filter WHERE part = ?1")?;
        let (seed, said, cells): (i64, Vec<u8>, Vec<u8>) =
            select.query_row([group], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let filter = u32::try_from(seed).ok().and_then(|seed| Filter::from_bytes(seed, &cells));
        let filter = filter.map(|filter| {
            let digest = self.digest(group, &filter);
            (filter, digest)
        });
        Ok(filter.filter(|(_, digest)| said == digest))
    }

    /// Makes the filters of those full groups that have none.
    fn make_missing(&mut self, db: &Connection) -> Result<(), Trouble> {
        let mut next = db.prepare_cached("SELECT min(zone) FROM interaction WHERE zone >= ?1")?;
        let mut from = first_of(0);
        while let Some(zone) = next.query_row([from], |row| row.get::<_, Option<i64>>(0))? {
            let group = group_of(zone);
            if group >= self.group {
                break;
            }
            if !self.full.contains_key(&group) {
                let ids = self.in_index(db, group)?;
                self.close(group, ids);
            }
            from = first_of(group.saturating_add(1));
        }
        Ok(())
    }

    /// The ids of a group, as the index has them.
    fn in_index(&self, db: &Connection, group: i64) -> Result<HashMap<u64, u8>, Trouble> {
        let sql = "SELECT zone, id FROM interaction INDEXED BY interaction_id WHERE zone BETWEEN ?1 AND ?2";
        let (mut select, first) = (db.prepare_cached(sql)?, first_of(group));
        let (mut rows, mut ids) = (select.query([first, last_of(group)])?, HashMap::new());
        while let Some(row) = rows.next()? {
            let at = row.get::<_, i64>(0)?.saturating_sub(first);
            ids.insert(self.hash(row.get_ref(1)?.as_str().unwrap_or_default()), u8::try_from(at).unwrap_or_default());
        }
        Ok(ids)
    }

    /// A group has these ids, and gets no more.
    fn close(&mut self, group: i64, ids: HashMap<u64, u8>) {
        let entries: Vec<Entry> = ids.into_iter().collect();
        if let Some(filter) = Filter::of(&entries) {
            self.filters.add(group, &filter);
            self.full.insert(group, self.digest(group, &filter));
            self.unwritten.push((group, filter));
        } else {
            self.unknown.push(group);
        }
    }

    fn close_if_full(&mut self) {
        if self.filling.len() >= KEYS {
            let ids = std::mem::take(&mut self.filling);
            self.close(self.group, ids);
            self.group = self.group.saturating_add(1);
        }
    }

    /// Writes the filters that the archive has not.
    pub(super) fn write(&mut self, db: &Connection) -> Result<(), Trouble> {
        let sql = "INSERT OR REPLACE INTO id_filter (part, seed, digest, cells) VALUES (?1, ?2, ?3, ?4)";
        for (group, filter) in std::mem::take(&mut self.unwritten) {
            let digest = self.digest(group, &filter);
            db.prepare_cached(sql)?.execute(params![group, filter.seed, digest, filter.bytes()])?;
        }
        Ok(())
    }

    /// Where a row with this id belongs: with the others of this id, if there are any.
    pub(super) fn place(&self, db: &Connection, id: &str) -> Result<Place, Trouble> {
        if (self.has_order)(id) {
            return Ok(Place { zone: 0, new: None });
        }
        let key = self.hash(id);
        if let Some(zone) = self.in_full(db, key, id)?.first() {
            return Ok(Place { zone: *zone, new: None });
        }
        let (at, new) = if let Some(at) = self.filling.get(&key) {
            (i64::from(*at), None)
        } else {
            (i64::try_from(self.filling.len() / ZONE_IDS).unwrap_or_default(), Some(key))
        };
        Ok(Place { zone: first_of(self.group) + at, new })
    }

    /// The first row of an id was written.
    pub(super) fn wrote(&mut self, db: &Connection, place: Place) -> Result<(), Trouble> {
        let Some(key) = place.new else { return Ok(()) };
        self.filling.insert(key, u8::try_from(place.zone - first_of(self.group)).unwrap_or_default());
        self.close_if_full();
        self.write(db)
    }

    /// Every zone that can have rows of this id.
    pub(super) fn all(&self, db: &Connection, id: &str) -> Result<Vec<i64>, Trouble> {
        if (self.has_order)(id) {
            return Ok(vec![0]);
        }
        let key = self.hash(id);
        let mut zones = self.in_full(db, key, id)?;
        zones.extend(self.filling.get(&key).map(|at| first_of(self.group) + i64::from(*at)));
        Ok(zones)
    }

    /// The zones of full groups that have rows of this id. A filter only says where to look.
    fn in_full(&self, db: &Connection, key: u64, id: &str) -> Result<Vec<i64>, Trouble> {
        let mut zones = Vec::new();
        self.filters.ask(key, |group, at| zones.push(first_of(group) + i64::from(at)));
        for group in &self.unknown {
            zones.extend(first_of(*group)..=last_of(*group));
        }
        if zones.is_empty() {
            return Ok(zones);
        }
        let mut look = db.prepare_cached("SELECT 1 FROM interaction WHERE zone = ?1 AND id = ?2")?;
        let mut found = Vec::new();
        for zone in zones {
            if look.exists(params![zone, id])? {
                found.push(zone);
            }
        }
        Ok(found)
    }

    /// Drops filters of groups that have no rows any more: a few are looked at, the next time the next.
    pub(super) fn drop_gone(&mut self, db: &Connection) -> Result<(), Trouble> {
        let from = self.looked.saturating_add(1);
        let next: Vec<i64> = self.full.range(from..).map(|(group, _)| *group).take(LOOKED_AT).collect();
        self.looked = if next.len() < LOOKED_AT { i64::MIN } else { next.last().copied().unwrap_or(i64::MIN) };
        let mut any = db.prepare_cached("SELECT 1 FROM interaction WHERE zone BETWEEN ?1 AND ?2 LIMIT 1")?;
        for group in next {
            if !any.exists([first_of(group), last_of(group)])? {
                db.prepare_cached("DELETE FROM id_filter WHERE part = ?1")?.execute([group])?;
                self.full.remove(&group);
                self.unwritten.retain(|(unwritten, _)| *unwritten != group);
                self.filters.retain(|of| of != group);
            }
        }
        Ok(())
    }

    /// With a key that nobody outside knows: nobody can make ids that meet.
    fn hash(&self, id: &str) -> u64 {
        let whole = blake3::keyed_hash(&self.key, id.as_bytes());
        whole.as_bytes().first_chunk().copied().map_or(0, u64::from_be_bytes)
    }

    fn digest(&self, group: i64, filter: &Filter) -> Digest {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&group.to_be_bytes()).update(&filter.seed.to_be_bytes()).update(&filter.bytes());
        hasher.finalize().as_bytes().first_chunk().copied().unwrap_or_default()
    }

    /// Takes every filter for one that says yes to every id.
    #[cfg(test)]
    pub(super) fn doubt(&mut self) {
        self.unknown = self.full.keys().copied().collect();
    }

    /// The groups that are full, and how many ids the one has that is being filled.
    #[cfg(test)]
    pub(super) fn count(&self) -> (usize, usize) {
        (self.full.len(), self.filling.len())
    }
}

/// The group of a zone; of zone 0, which is in none, the first.
const fn group_of(zone: i64) -> i64 {
    let group = zone.saturating_sub(1).div_euclid(ZONES);
    if group < 0 { 0 } else { group }
}

const fn first_of(group: i64) -> i64 {
    group.saturating_mul(ZONES).saturating_add(1)
}

const fn last_of(group: i64) -> i64 {
    group.saturating_mul(ZONES).saturating_add(ZONES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::schema::in_memory;

    fn begins_with_digit(id: &str) -> bool {
        id.starts_with(|first: char| first.is_ascii_digit())
    }

    fn zones(db: &Connection) -> Zones {
        let mut zones = Zones::new(begins_with_digit);
        zones.load(db).unwrap();
        zones
    }

    /// Stores a row as the archive does; says whether it was new.
    fn put(db: &Connection, zones: &mut Zones, stream: u32, id: &str) -> bool {
        let place = zones.place(db, id).unwrap();
        let sql = "INSERT INTO interaction (bucket, stream, zone, id, origin, payload) VALUES (0, ?1, ?2, ?3, 0, '')
                   ON CONFLICT (zone, id, stream) DO NOTHING";
        let new = db.execute(sql, params![stream, place.zone, id]).unwrap() == 1;
        if new {
            zones.wrote(db, place).unwrap();
        }
        new
    }

    fn ids(numbers: std::ops::Range<u32>) -> Vec<String> {
        numbers.map(|number| format!("x{number}")).collect()
    }

    fn put_all(db: &Connection, zones: &mut Zones, stream: u32, numbers: std::ops::Range<u32>) -> usize {
        ids(numbers).iter().filter(|id| put(db, zones, stream, id)).count()
    }

    fn number(db: &Connection, sql: &str) -> i64 {
        db.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Ids that are in more zones than one.
    const SCATTERED: &str =
        "SELECT count(*) FROM (SELECT id FROM interaction GROUP BY id HAVING min(zone) < max(zone))";

    fn filters(db: &Connection) -> Vec<(i64, Vec<u8>)> {
        let mut select = db.prepare("SELECT part, digest FROM id_filter ORDER BY part").unwrap();
        select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn ids_with_order_are_in_zone_0_and_take_no_memory() {
        let db = in_memory();
        let mut zones = zones(&db);
        for id in 0..200 {
            assert!(put(&db, &mut zones, 1, &id.to_string()));
            assert!(!put(&db, &mut zones, 1, &id.to_string()));
        }
        assert_eq!((zones.count(), filters(&db).len()), ((0, 0), 0));
        assert_eq!(number(&db, "SELECT max(zone) FROM interaction"), 0);
        assert_eq!(zones.all(&db, "7").unwrap(), [0]);
    }

    #[test]
    fn all_rows_of_an_id_are_in_one_zone_however_far_apart_they_come() {
        let db = in_memory();
        let mut zones = zones(&db);
        assert_eq!(put_all(&db, &mut zones, 1, 0..200), 200);
        assert_eq!(zones.count(), (6, 8));
        assert_eq!(number(&db, "SELECT max(n) FROM (SELECT count(*) AS n FROM interaction GROUP BY zone)"), 4);
        assert_eq!(put_all(&db, &mut zones, 1, 0..200), 0);
        assert_eq!(put_all(&db, &mut zones, 2, 0..200), 200);
        assert_eq!((zones.count(), number(&db, SCATTERED)), ((6, 8), 0));
        let zone = number(&db, "SELECT zone FROM interaction WHERE id = 'x20'");
        assert_eq!(zones.all(&db, "x20").unwrap(), [zone]);
        assert!(zones.all(&db, "x1000").unwrap().is_empty());
    }

    #[test]
    fn a_filter_that_says_yes_to_everything_costs_time_and_changes_nothing() {
        let db = in_memory();
        let mut zones = zones(&db);
        assert_eq!(put_all(&db, &mut zones, 1, 0..100), 100);
        zones.doubt();
        // And one that names a zone for ids that nobody has seen.
        let lies: Vec<Entry> = ids(100..130).iter().map(|id| (zones.hash(id), 3)).collect();
        zones.filters.add(0, &Filter::of(&lies).unwrap());
        assert_eq!(put_all(&db, &mut zones, 1, 0..200), 100);
        assert_eq!(put_all(&db, &mut zones, 2, 0..200), 200);
        assert_eq!((zones.count(), number(&db, SCATTERED)), ((6, 8), 0));
        assert!(zones.all(&db, "x1000").unwrap().is_empty());
    }

    #[test]
    fn a_start_in_the_middle_of_a_group_goes_on_with_it() {
        let db = in_memory();
        let mut first = zones(&db);
        put_all(&db, &mut first, 1, 0..75);
        let mut second = zones(&db);
        assert_eq!((second.count(), second.group), ((2, 11), 2));
        assert_eq!(first.filling, second.filling);
        assert_eq!(put_all(&db, &mut second, 1, 0..96), 21);
        assert_eq!((second.count(), zones(&db).count()), ((3, 0), (3, 0)));
        assert_eq!(put_all(&db, &mut zones(&db), 1, 0..97), 1);
        assert_eq!(number(&db, "SELECT max(zone) FROM interaction"), first_of(3));
    }

    #[test]
    fn what_was_taken_back_is_not_known() {
        let db = in_memory();
        let mut zones = zones(&db);
        put_all(&db, &mut zones, 1, 0..40);
        let before = (zones.filling.clone(), filters(&db));
        db.execute_batch("BEGIN").unwrap();
        assert_eq!(put_all(&db, &mut zones, 1, 40..140), 100);
        assert_eq!(zones.count(), (4, 12));
        db.execute_batch("ROLLBACK").unwrap();
        zones.load(&db).unwrap();
        assert_eq!((zones.count(), (zones.filling.clone(), filters(&db))), ((1, 8), before));
        assert_eq!(put_all(&db, &mut zones, 2, 0..140), 140);
        assert_eq!(put_all(&db, &mut zones, 1, 0..140), 100);
        assert_eq!((zones.count(), number(&db, SCATTERED), filters(&db).len()), ((4, 12), 0, 4));
    }

    #[test]
    fn a_filter_that_is_gone_or_torn_is_made_anew() {
        let db = in_memory();
        put_all(&db, &mut zones(&db), 1, 0..140);
        let before = filters(&db);
        for harm in [
            "DELETE FROM id_filter",
            "DELETE FROM id_filter WHERE part IN (1, 3)",
            "UPDATE id_filter SET cells = zeroblob(length(cells)) WHERE part = 2",
            "UPDATE id_filter SET cells = x'00' WHERE part = 3",
            "UPDATE id_filter SET seed = -1",
            "UPDATE id_filter SET digest = x''",
            "UPDATE id_filter SET part = part + 100",
        ] {
            db.execute(harm, []).unwrap();
            let mut zones = zones(&db);
            assert!(!zones.unwritten.is_empty(), "{harm}");
            assert_eq!(put_all(&db, &mut zones, 1, 0..140), 0, "{harm}");
            zones.write(&db).unwrap();
            db.execute("DELETE FROM id_filter WHERE part > 3", []).unwrap();
            assert_eq!(filters(&db).len(), before.len(), "{harm}");
        }
    }

    #[test]
    fn filters_in_memory_are_not_read_again_and_those_of_groups_that_are_gone_are_dropped() {
        let db = in_memory();
        let mut zones = zones(&db);
        put_all(&db, &mut zones, 1, 0..330);
        assert_eq!(zones.count(), (10, 10));
        db.execute("UPDATE id_filter SET cells = x''", []).unwrap();
        zones.load(&db).unwrap();
        assert!(zones.unwritten.is_empty());
        db.execute("DELETE FROM interaction WHERE zone <= 32 OR zone > 72", []).unwrap();
        // Eight at a time, and after the last the first again.
        for left in [6, 5, 5] {
            zones.drop_gone(&db).unwrap();
            assert_eq!((zones.full.len(), filters(&db).len()), (left, left));
        }
        assert_eq!(put_all(&db, &mut zones, 1, 0..330), 128 + 42);
        assert_eq!(number(&db, SCATTERED), 0);
    }
}
