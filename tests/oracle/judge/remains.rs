//! Whether a deleted interaction has left its bytes behind: I5, down to the free pages and the log of the file.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::verdict::Report;
use super::{Look, Unreadable};

/// Ids of interactions are so many hexadecimal digits; others are not searched for.
const DIGITS: usize = 32;

/// Searches the archive and its log, when the daemon has stopped in order, for every id that was deleted.
pub(super) fn search(look: &Look<'_>, archive: &Path, report: &mut Report) -> Result<(), Unreadable> {
    let orders = look.truth.orders.iter().filter(|order| order.id.len() == DIGITS && look.is_obeyed(order));
    let gone: HashSet<&[u8]> = orders.map(|order| order.id.as_bytes()).collect();
    if gone.is_empty() || !look.seen.is_stopped() {
        return Ok(());
    }
    let mut log = archive.as_os_str().to_owned();
    log.push("-wal");
    for path in [archive.to_owned(), PathBuf::from(log)] {
        // Without a log there is nothing left in it.
        let bytes = if path.exists() { std::fs::read(&path) } else { Ok(Vec::new()) };
        let bytes = bytes.map_err(|error| Unreadable::File(path.clone(), error))?;
        for id in found(&bytes, &gone) {
            report.find("REMAINS", || format!("{id} was deleted by order, and is still in {}", path.display()));
        }
    }
    Ok(())
}

/// Those of the ids that stand somewhere in the bytes.
fn found(bytes: &[u8], ids: &HashSet<&[u8]>) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut digits = 0;
    for (place, byte) in bytes.iter().enumerate() {
        digits = if matches!(byte, b'0'..=b'9' | b'a'..=b'f') { digits + 1 } else { 0 };
        let word = (digits >= DIGITS).then(|| bytes.get(place + 1 - DIGITS..=place)).flatten();
        if let Some(word) = word.filter(|word| ids.contains(*word)) {
            found.insert(String::from_utf8_lossy(word).into_owned());
        }
    }
    found
}
