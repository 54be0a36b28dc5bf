//! What became of each message that a simulator made: a row, inside a gap, or neither.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde_json::Value;

use super::stage::Look;

/// How many messages were made, and what became of them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Audit {
    pub(crate) made: usize,
    pub(crate) stored: usize,
    pub(crate) in_gaps: usize,
    /// Neither stored nor in a gap.
    pub(crate) missing: usize,
}

/// A message of the simulator's journal: stream, id, and when it was made.
type Made = (String, String, i64);

/// All messages of a journal that some consumer had subscribed to.
pub(crate) fn made(journal: &Path) -> Vec<Made> {
    let text = std::fs::read_to_string(journal).unwrap();
    // The last line may be half written.
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let produced = lines.filter(|line| line["event"] == "produced");
    produced
        .map(|line| {
            let word = |name: &str| line[name].as_str().unwrap().to_owned();
            (word("stream"), word("id"), line["at_us"].as_i64().unwrap())
        })
        .collect()
}

/// Holds the journal against what the views of the archive say.
pub(crate) fn audit(journal: &Path, archive: &Path) -> Audit {
    let look = Look::at(archive);
    let mut rows = look.0.prepare("SELECT stream, interaction_id FROM interactions").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let stored: HashSet<(String, String)> = rows.map(Result::unwrap).collect();
    let mut spans =
        look.0.prepare("SELECT stream, started_us, coalesce(ended_us, 9223372036854775807) FROM gaps").unwrap();
    let spans = spans.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))).unwrap();
    let mut gaps: HashMap<String, Vec<(i64, i64)>> = HashMap::new();
    for span in spans {
        let (stream, span) = span.unwrap();
        gaps.entry(stream).or_default().push(span);
    }
    let mut audit = Audit::default();
    for (stream, id, at) in made(journal) {
        let inside =
            gaps.get(&stream).is_some_and(|gaps| gaps.iter().any(|(from, until)| (*from..=*until).contains(&at)));
        audit.made += 1;
        match (stored.contains(&(stream, id)), inside) {
            (true, _) => audit.stored += 1,
            (false, true) => audit.in_gaps += 1,
            (false, false) => audit.missing += 1,
        }
    }
    audit
}
