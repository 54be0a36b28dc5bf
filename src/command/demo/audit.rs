//! Compares the archive with the server's journal: every message is stored, deleted by order, or answered for.
//!
//! A witness of its own: it reads the archive through its views and knows nothing of how the daemon reckons coverage.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::Row;

use super::failure::Failure;
use super::journal::{Making, Message, Truth};
use crate::archive::reading::{ReadError, Reading};
use crate::simulator::digest;
use crate::time::Time;

/// So many pieces of evidence are named; the rest is counted.
const NAMED_MAX: usize = 10;

const SUBSCRIBED: &str = "
    SELECT connection_id, detail ->> '$.seconds', detail ->> '$.active'
      FROM notices WHERE notice = 'subscribed' ORDER BY id";

/// What became of the messages that the server made. A message counts once for each stream that it matches.
#[derive(Debug, Default)]
pub(super) struct Audit {
    pub(super) made: usize,
    /// Of these, handed to a connection at least once.
    pub(super) sent: usize,
    pub(super) stored: usize,
    pub(super) deleted: usize,
    pub(super) in_gaps: usize,
    pub(super) before_acknowledgement: usize,
    /// Not in the archive, and no record answers for it.
    pub(super) missing: Vec<String>,
    /// In the archive, and never made, or otherwise than it was made.
    pub(super) invented: Vec<String>,
    /// In the archive twice.
    pub(super) doubled: Vec<String>,
    /// In the archive although the order to delete it came while nothing was amiss.
    pub(super) undeleted: Vec<String>,
    /// Stored although they lie in a gap: how much wider the gaps are than the loss.
    pub(super) stored_in_gaps: usize,
    /// Sent more than once, stored once.
    pub(super) repeated: usize,
    pub(super) deletions: usize,
    /// Gaps that were filled.
    pub(super) filled: usize,
    pub(super) causes: BTreeMap<String, OfCause>,
    /// Connections, how long each took from its upgrade to the last acknowledgement in seconds, and for how many streams.
    pub(super) acknowledged: Vec<(i64, f64, i64)>,
}

/// The gaps of one cause.
#[derive(Debug, Default)]
pub(super) struct OfCause {
    pub(super) gaps: usize,
    pub(super) streams: HashSet<String>,
    pub(super) micros: i64,
    pub(super) filled: usize,
    /// Messages that are lost in them.
    pub(super) lost: usize,
}

/// A gap as the view has it; one that still grows has no end.
#[derive(Clone, Debug)]
struct Gap {
    from_us: i64,
    until_us: i64,
    cause: String,
    /// Its messages are claimed to be there; only orders to delete that came in it stay unknown.
    filled: bool,
}

/// The gaps by stream.
#[derive(Debug, Default)]
struct Gaps(HashMap<String, Vec<Gap>>);

impl Gaps {
    /// A gap at this moment that answers for a message that is not there.
    fn at(&self, stream: &str, at_us: i64) -> Option<&Gap> {
        self.any_at(stream, at_us).find(|gap| !gap.filled)
    }

    /// Every gap at this moment, whether it was filled or not.
    fn any_at(&self, stream: &str, at_us: i64) -> impl Iterator<Item = &Gap> {
        let gaps = self.0.get(stream).into_iter().flatten();
        gaps.filter(move |gap| (gap.from_us..=gap.until_us).contains(&at_us))
    }
}

/// Compares what was made with what the archive holds.
pub(super) fn of(truth: &Truth, archive: &Reading) -> Result<Audit, Failure> {
    let mut audit = Audit { made: truth.messages.len(), deletions: truth.deletions.len(), ..Audit::default() };
    let gaps = gaps(archive, &mut audit)?;
    let mut stored = vec![0_usize; truth.messages.len()];
    let rows = "SELECT stream, interaction_id, payload FROM interactions";
    archive.each(rows, [], three_texts, |(stream, id, payload)| {
        audit.row(truth, &mut stored, &stream, &id, &payload);
        Ok::<(), ReadError>(())
    })?;
    audit.acknowledged = archive.all(SUBSCRIBED, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let ordered: HashSet<&str> = truth
        .deletions
        .iter()
        .filter(|deletion| deletion.making.fate == "sent")
        .map(|deletion| deletion.id.as_str())
        .collect();
    for (message, rows) in truth.messages.iter().zip(&stored) {
        audit.judge(message, *rows, ordered.contains(message.id.as_str()), truth, &gaps);
    }
    audit.judge_deletions(truth, &stored, &gaps);
    Ok(audit)
}

fn three_texts(row: &Row<'_>) -> rusqlite::Result<(String, String, String)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn gaps(archive: &Reading, audit: &mut Audit) -> Result<Gaps, ReadError> {
    const GAPS: &str = "
        SELECT stream, started_us, ended_us, cause,
               (SELECT max(at_us) FROM notices) AS last_word_us, state = 'filled'
          FROM gaps";
    let mut gaps = Gaps::default();
    let read = |row: &Row<'_>| -> rusqlite::Result<(String, i64, Option<i64>, String, i64, bool)> {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
    };
    archive.each(GAPS, [], read, |(stream, from_us, ended_us, cause, last_us, filled)| {
        let gap = Gap { from_us, until_us: ended_us.unwrap_or(i64::MAX), cause, filled };
        audit.gap(&stream, ended_us.unwrap_or(last_us).saturating_sub(from_us), &gap);
        gaps.0.entry(stream).or_default().push(gap);
        Ok::<(), ReadError>(())
    })?;
    Ok(gaps)
}

impl Audit {
    fn gap(&mut self, stream: &str, micros: i64, gap: &Gap) {
        let of_cause = self.causes.entry(gap.cause.clone()).or_default();
        of_cause.gaps += 1;
        of_cause.filled += usize::from(gap.filled);
        self.filled += usize::from(gap.filled);
        of_cause.micros = of_cause.micros.saturating_add(micros.max(0));
        if !of_cause.streams.contains(stream) {
            of_cause.streams.insert(stream.to_owned());
        }
    }

    /// A row of the archive.
    fn row(&mut self, truth: &Truth, stored: &mut [usize], stream: &str, id: &str, payload: &str) {
        let Some(place) = truth.place(stream, id) else {
            return self.invented.push(format!("{stream} {id}: never made"));
        };
        let known = digest(payload.as_bytes());
        if !truth.tagged.contains(&known) && truth.messages.get(place).is_some_and(|made| made.digest != known) {
            self.invented.push(format!("{stream} {id}: made otherwise"));
        }
        if let Some(rows) = stored.get_mut(place) {
            *rows += 1;
        }
    }

    /// What became of one message.
    fn judge(&mut self, message: &Message, rows: usize, ordered: bool, truth: &Truth, gaps: &Gaps) {
        let Message { stream, id, makings, .. } = message;
        let sent = makings.iter().filter(|making| making.fate == "sent").count();
        self.sent += usize::from(sent > 0);
        let covered = |making: &&Making| gaps.at(stream, making.at_us).is_none();
        if rows > 0 {
            self.stored += 1;
            self.stored_in_gaps += usize::from(!makings.iter().any(|making| covered(&making)));
            self.repeated += usize::from(sent > 1);
            if rows > 1 {
                self.doubled.push(format!("{stream} {id}: {rows} rows"));
            }
            return;
        }
        // The server's archive does not hold what was deleted, whether we were there to hear of it or not.
        let is_filled = |making: &Making| gaps.any_at(stream, making.at_us).any(|gap| gap.filled);
        if ordered || (truth.was_deleted(id) && makings.iter().any(is_filled)) {
            self.deleted += 1;
            return;
        }
        let acknowledged = truth.first_acknowledged.get(stream).copied();
        let served = |making: &&Making| acknowledged.is_none_or(|since| making.at_us >= since);
        if let Some(making) = makings.iter().filter(served).find(covered) {
            let Making { seq, at_us, fate } = making;
            let at = Time::from_micros(*at_us);
            return self.missing.push(format!("{stream} {id}: made at {at} (number {seq}, {fate}), no gap then"));
        }
        match makings.iter().find_map(|making| gaps.at(stream, making.at_us)) {
            Some(gap) => {
                self.in_gaps += 1;
                self.causes.entry(gap.cause.clone()).or_default().lost += 1;
            }
            None => self.before_acknowledgement += 1,
        }
    }

    /// An order that came over while its stream was covered was obeyed, in every stream.
    fn judge_deletions(&mut self, truth: &Truth, stored: &[usize], gaps: &Gaps) {
        let mut obeyed = HashSet::new();
        for deletion in &truth.deletions {
            let at_us = deletion.making.at_us;
            let served = truth.first_acknowledged.get(&deletion.stream).is_some_and(|since| at_us >= *since);
            if served && gaps.any_at(&deletion.stream, at_us).next().is_none() {
                obeyed.insert(deletion.id.as_str());
            }
        }
        for (message, rows) in truth.messages.iter().zip(stored) {
            if *rows > 0 && obeyed.contains(message.id.as_str()) {
                self.undeleted.push(format!("{} {}: still there", message.stream, message.id));
            }
        }
    }

    /// Nothing is missing, nothing is invented, nothing is there twice, nothing stays that was to go.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        let mut evidence = Vec::new();
        for (what, found) in [
            ("missing", &self.missing),
            ("invented or altered", &self.invented),
            ("stored twice", &self.doubled),
            ("not deleted", &self.undeleted),
        ] {
            evidence.extend(found.iter().take(NAMED_MAX).map(|line| format!("{what}: {line}")));
            if found.len() > NAMED_MAX {
                evidence.push(format!("{what}: and {} more", found.len() - NAMED_MAX));
            }
        }
        if evidence.is_empty() { Ok(()) } else { Err(Failure::Broken(evidence.join("\n"))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "4f3af38ad1c31646561bc814c3e69af5";

    fn made(seq: u64, at_us: i64, id: &str, kind: &str, fate: &str) -> String {
        let digest = digest(id.as_bytes());
        format!(
            r#"{{"at_us":{at_us},"event":"produced","seq":{seq},"stream":"{STREAM}","id":"{id}","created_us":0,"kind":"{kind}","bytes":1,"digest":"{digest}","fate":"{fate}"}}"#
        )
    }

    /// Acknowledged at 100; a, b, c and d made at 50, 200, 300 and 400; b twice; c is deleted; a gap lies at 390 to 410.
    fn truth() -> Truth {
        let lines = [
            made(1, 50, "a", "interaction", "unsubscribed"),
            format!(r#"{{"at_us":100,"event":"acknowledged","seq":2,"connection":1,"stream":"{STREAM}"}}"#),
            made(3, 200, "b", "interaction", "sent"),
            made(4, 210, "b", "duplicate", "sent"),
            made(5, 300, "c", "interaction", "sent"),
            made(6, 310, "c", "delete", "sent"),
            made(7, 400, "d", "interaction", "sent"),
            r#"{"event":"fate","seq":7,"connection":1,"fate":"dropped"}"#.to_owned(),
        ];
        let mut truth = Truth::default();
        for line in lines {
            truth.take(&line).unwrap();
        }
        truth
    }

    /// The audit of these rows, with the gap or without it.
    fn audit(rows: &[(&str, &str)], with_gap: bool) -> Audit {
        audited(rows, with_gap, false)
    }

    fn audited(rows: &[(&str, &str)], with_gap: bool, filled: bool) -> Audit {
        let (truth, mut audit, mut gaps) = (truth(), Audit::default(), Gaps::default());
        if with_gap {
            let gap = Gap { from_us: 390, until_us: 410, cause: "network".to_owned(), filled };
            gaps.0.insert(STREAM.to_owned(), vec![gap]);
        }
        let mut stored = vec![0; truth.messages.len()];
        for (id, payload) in rows {
            audit.row(&truth, &mut stored, STREAM, id, payload);
        }
        for (message, rows) in truth.messages.iter().zip(&stored) {
            audit.judge(message, *rows, message.id == "c", &truth, &gaps);
        }
        audit.judge_deletions(&truth, &stored, &gaps);
        audit
    }

    #[test]
    fn what_is_answered_for_is_no_loss() {
        let audit = audit(&[("b", "b")], true);
        audit.verdict().unwrap();
        let counts = (audit.before_acknowledgement, audit.stored, audit.repeated, audit.deleted, audit.in_gaps);
        assert_eq!(counts, (1, 1, 1, 1, 1));
        assert_eq!(audit.causes.get("network").map(|of_cause| of_cause.lost), Some(1));
    }

    #[test]
    fn a_gap_that_is_called_filled_answers_for_nothing() {
        audited(&[("b", "b"), ("d", "d")], true, true).verdict().unwrap();
        let claimed = audited(&[("b", "b")], true, true);
        assert_eq!((claimed.in_gaps, claimed.missing.len()), (0, 1), "{claimed:?}");
        assert!(claimed.missing.iter().all(|line| line.starts_with(&format!("{STREAM} d: made at "))), "{claimed:?}");
    }

    fn evidence(rows: &[(&str, &str)], with_gap: bool) -> String {
        audit(rows, with_gap).verdict().unwrap_err().to_string().lines().skip(1).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn each_fault_is_found() {
        assert_eq!(
            evidence(&[("b", "b")], false),
            format!("missing: {STREAM} d: made at 1970-01-01T00:00:00.000400Z (number 7, dropped), no gap then")
        );
        assert!(evidence(&[], true).starts_with(&format!("missing: {STREAM} b: made at 1970")));
        assert_eq!(evidence(&[("b", "B")], true), format!("invented or altered: {STREAM} b: made otherwise"));
        assert_eq!(evidence(&[("b", "b"), ("e", "e")], true), format!("invented or altered: {STREAM} e: never made"));
        assert_eq!(evidence(&[("b", "b"), ("b", "b")], true), format!("stored twice: {STREAM} b: 2 rows"));
        assert_eq!(evidence(&[("b", "b"), ("c", "c")], true), format!("not deleted: {STREAM} c: still there"));
    }
}
