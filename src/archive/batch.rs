//! A run of facts on their way to the writer, in the order in which they came.

use crate::limits::{BATCH_WEIGHT, QUARANTINED_WEIGHT};
use crate::record::{ConnectionId, Reach, Record, StreamId};
use crate::signal::Interaction;
use crate::time::Time;

/// What an entry weighs beside its text.
const ENTRY_WEIGHT: usize = 64;

/// What a record weighs, roughly: most are a few words, a notice is a line.
const RECORD_WEIGHT: usize = 512;

/// Facts for the archive, in order. Texts lie one behind the other in one buffer that is used again and again;
/// an entry holds their lengths only, so that one batch can be put behind another by two copies.
#[derive(Debug, Default)]
pub struct Batch {
    text: String,
    entries: Vec<Entry>,
    /// Weight beyond text and entries: quarantined frames and records.
    extra: usize,
    rows: usize,
}

/// One fact. Lengths are bytes in the batch's text, in the order of the fields.
#[derive(Debug)]
pub(super) enum Entry {
    Interaction { received: Time, stream: StreamId, created: Option<Time>, id: usize, kind: usize, payload: usize },
    Delete { id: usize },
    Quarantine(Box<Quarantined>),
    Record(Box<Record>),
    Reach(Box<Reach>),
}

/// A frame that could not be read.
#[derive(Debug)]
pub(super) struct Quarantined {
    pub(super) at: Time,
    pub(super) connection: Option<ConnectionId>,
    pub(super) reason: String,
    pub(super) frame: Vec<u8>,
}

impl Batch {
    /// An interaction to store, unless the stream has it already or it was deleted.
    pub fn interaction(&mut self, received: Time, stream: StreamId, interaction: &Interaction<'_>) {
        let (id, kind, payload) = (&interaction.id, &interaction.kind, interaction.payload);
        self.text.reserve(id.len() + kind.len() + payload.len());
        self.text.push_str(id);
        self.text.push_str(kind);
        self.text.push_str(payload);
        self.entries.push(Entry::Interaction {
            received,
            stream,
            created: interaction.created,
            id: id.len(),
            kind: kind.len(),
            payload: payload.len(),
        });
        self.rows += 1;
    }

    /// The order to remove an interaction from every stream, now and whenever it comes again.
    pub fn delete(&mut self, id: &str) {
        self.text.push_str(id);
        self.entries.push(Entry::Delete { id: id.len() });
        self.rows += 1;
    }

    /// A frame that could not be read, to be kept byte for byte. Ask [`super::Intake::quarantine_room`] first.
    pub fn quarantine(&mut self, at: Time, connection: Option<ConnectionId>, reason: &str, frame: &[u8]) {
        self.extra += QUARANTINED_WEIGHT + reason.len() + frame.len();
        self.entries.push(Entry::Quarantine(Box::new(Quarantined {
            at,
            connection,
            reason: reason.to_owned(),
            frame: frame.to_vec(),
        })));
        self.rows += 1;
    }

    /// Any other fact.
    pub fn record(&mut self, record: Record) {
        self.extra += RECORD_WEIGHT;
        self.entries.push(Entry::Record(Box::new(record)));
    }

    /// How far the connection has come with all that stands before this in the batch.
    pub fn reach(&mut self, reach: Reach) {
        if let Some(Entry::Reach(last)) = self.entries.last_mut()
            && last.connection == reach.connection
        {
            **last = reach;
        } else {
            self.entries.push(Entry::Reach(Box::new(reach)));
        }
    }

    /// What the batch weighs in the queue, in bytes.
    pub fn weight(&self) -> usize {
        BATCH_WEIGHT + self.text.len() + self.extra + self.entries.len() * ENTRY_WEIGHT
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Frames in the batch: interactions, deletions and what could not be read.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Puts `later` behind this one and leaves it empty.
    pub(super) fn append(&mut self, later: &mut Self) {
        self.text.push_str(&later.text);
        self.entries.append(&mut later.entries);
        self.extra += later.extra;
        self.rows += later.rows;
        later.clear();
    }

    /// Empties the batch and keeps its buffers.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.entries.clear();
        self.extra = 0;
        self.rows = 0;
    }

    /// Memory that the buffers hold, in bytes.
    pub(super) fn capacity(&self) -> usize {
        self.text.capacity() + self.entries.capacity() * size_of::<Entry>()
    }

    /// The text and the facts that speak of it.
    pub(super) fn parts(&self) -> (&str, &[Entry]) {
        (&self.text, &self.entries)
    }

    /// Whether the batch holds something that must be on the medium before anything is built on it.
    pub(super) fn is_grave(&self) -> bool {
        self.entries.iter().any(|entry| match entry {
            Entry::Record(record) => !matches!(**record, Record::Said { .. }),
            Entry::Interaction { .. } | Entry::Delete { .. } | Entry::Quarantine(_) | Entry::Reach(_) => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interaction<'f>(id: &'f str, payload: &'f str) -> Interaction<'f> {
        Interaction { stream: "s".into(), id: id.into(), kind: "blog".into(), created: None, produced: None, payload }
    }

    #[test]
    fn a_batch_behind_another_keeps_the_order() {
        let (mut first, mut second) = (Batch::default(), Batch::default());
        first.interaction(Time::from_micros(1), StreamId(1), &interaction("a", "{}"));
        second.delete("a");
        second.interaction(Time::from_micros(2), StreamId(1), &interaction("b", "[]"));
        first.append(&mut second);
        assert_eq!(first.parts().0, "ablog{}abblog[]");
        assert_eq!((first.rows(), second.rows(), second.is_empty()), (3, 0, true));
    }

    #[test]
    fn positions_in_a_row_are_one() {
        let mut batch = Batch::default();
        for frames in 1..=3 {
            batch.reach(Reach { frames, ..Reach::default() });
        }
        let [Entry::Reach(last)] = batch.parts().1 else { panic!("one position remains") };
        assert_eq!(last.frames, 3);
    }
}
