//! What is kept of a deleted interaction so that it stays deleted: a keyed digest of its id.

use std::collections::HashSet;
use std::fmt;

use rusqlite::{Connection, params};

use super::trouble::Trouble;
use crate::time::Time;

/// Digests known in memory at most; beyond, the table is asked for every interaction.
const LISTED_MAX: usize = 1_000_000;

/// Digests removed in one go once they have expired.
const EXPIRE_STEP: usize = 500;

/// Bytes of the digest that are kept.
const DIGEST: usize = 16;

/// The deleted interactions. Their ids cannot be read out of it: each digest is made with the archive's own key.
pub(super) struct Tombstones {
    key: [u8; 32],
    /// The first eight bytes of every digest in the table, unless there are too many.
    listed: Option<HashSet<u64>>,
}

/// Without the key.
impl fmt::Debug for Tombstones {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Tombstones").field("listed", &self.listed.as_ref().map(HashSet::len)).finish_non_exhaustive()
    }
}

impl Tombstones {
    pub(super) fn load(db: &Connection) -> Result<Self, Trouble> {
        let key = db.query_row("SELECT value FROM meta WHERE name = 'tombstone_key'", [], |row| row.get(0))?;
        let mut listed = HashSet::new();
        let mut statement = db.prepare("SELECT digest FROM tombstone")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if listed.len() >= LISTED_MAX {
                return Ok(Self { key, listed: None });
            }
            listed.insert(prefix(&row.get(0)?));
        }
        Ok(Self { key, listed: Some(listed) })
    }

    /// Keeps an interaction from coming back.
    pub(super) fn bar(&mut self, db: &Connection, id: &str, now: Time) -> Result<(), Trouble> {
        let digest = self.digest(id);
        db.prepare_cached(
            "INSERT INTO tombstone (digest, written) VALUES (?1, ?2)
             ON CONFLICT (digest) DO UPDATE SET written = max(written, excluded.written)",
        )?
        .execute(params![digest, now.micros()])?;
        match &mut self.listed {
            Some(listed) if listed.len() < LISTED_MAX => {
                listed.insert(prefix(&digest));
            }
            full => *full = None,
        }
        Ok(())
    }

    /// Whether an interaction was deleted.
    pub(super) fn bars(&self, db: &Connection, id: &str) -> Result<bool, Trouble> {
        let digest = match &self.listed {
            Some(listed) if listed.is_empty() => return Ok(false),
            Some(listed) => {
                let digest = self.digest(id);
                if !listed.contains(&prefix(&digest)) {
                    return Ok(false);
                }
                digest
            }
            None => self.digest(id),
        };
        Ok(db.prepare_cached("SELECT 1 FROM tombstone WHERE digest = ?1")?.exists([digest])?)
    }

    /// Removes some that were written before `before`; true if there may be more.
    pub(super) fn expire(&mut self, db: &Connection, before: Time) -> Result<bool, Trouble> {
        let mut statement =
            db.prepare_cached("SELECT digest FROM tombstone WHERE written < ?1 ORDER BY written LIMIT ?2")?;
        let limit = i64::try_from(EXPIRE_STEP).unwrap_or(i64::MAX);
        let expired: Vec<[u8; DIGEST]> =
            statement.query_map(params![before.micros(), limit], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut delete = db.prepare_cached("DELETE FROM tombstone WHERE digest = ?1")?;
        for digest in &expired {
            delete.execute([digest])?;
            if let Some(listed) = &mut self.listed {
                listed.remove(&prefix(digest));
            }
        }
        Ok(expired.len() == EXPIRE_STEP)
    }

    fn digest(&self, id: &str) -> [u8; DIGEST] {
        let whole = blake3::keyed_hash(&self.key, id.as_bytes());
        whole.as_bytes().first_chunk().copied().unwrap_or_default()
    }
}

fn prefix(digest: &[u8; DIGEST]) -> u64 {
    digest.first_chunk().copied().map_or(0, u64::from_be_bytes)
}
