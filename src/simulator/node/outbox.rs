//! What waits to be sent on one connection.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Bytes;

/// Frames handed to the socket in one call, at most.
const BATCH_FRAMES: usize = 64;
const BATCH_BYTES: usize = 256 << 10;

/// Bytes for the wire; a message of the world has its number in the journal.
#[derive(Clone, Debug)]
pub(super) struct Parcel {
    pub(super) bytes: Bytes,
    pub(super) seq: Option<u64>,
}

impl Parcel {
    pub(super) fn control(bytes: Bytes) -> Self {
        Self { bytes, seq: None }
    }
}

/// The buffer of one connection. Its owner watches its size; it never refuses.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Being written; the first may be written in part.
    flying: VecDeque<Parcel>,
    written_of_first: usize,
    /// Goes first.
    urgent: VecDeque<Parcel>,
    /// In order, each from its moment on.
    waiting: VecDeque<(Instant, Parcel)>,
    /// Becomes urgent at its moment.
    later: BTreeMap<(Instant, u64), Parcel>,
    laters: u64,
    bytes: usize,
    /// Nothing starts to be sent before this moment.
    hold: Option<Instant>,
}

/// What the socket is to do next.
#[derive(Debug)]
pub(super) enum Next {
    Write(Vec<Bytes>),
    /// Nothing until something is put in, or until this moment.
    Wait(Option<Instant>),
}

impl Outbox {
    pub(super) fn put(&mut self, parcel: Parcel, from: Instant) {
        self.bytes += parcel.bytes.len();
        self.waiting.push_back((from, parcel));
    }

    pub(super) fn put_urgent(&mut self, parcel: Parcel) {
        self.bytes += parcel.bytes.len();
        self.urgent.push_back(parcel);
    }

    pub(super) fn put_later(&mut self, parcel: Parcel, from: Instant) {
        self.bytes += parcel.bytes.len();
        self.laters += 1;
        self.later.insert((from, self.laters), parcel);
    }

    /// This goes out right after what has begun; nothing else starts from then on.
    pub(super) fn put_last(&mut self, parcel: Parcel, now: Instant) {
        self.bytes += parcel.bytes.len();
        self.flying.push_back(parcel);
        self.hold = Some(now + FOR_GOOD);
    }

    /// Bytes that wait, those in flight included.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn hold_until(&mut self, moment: Option<Instant>) {
        self.hold = moment;
    }

    pub(super) fn next(&mut self, now: Instant) -> Next {
        if self.flying.is_empty() {
            if self.hold.is_some_and(|hold| now < hold) {
                return Next::Wait(self.hold);
            }
            self.load(now);
        }
        if self.flying.is_empty() {
            let due = self.waiting.front().map(|(from, _)| *from);
            let later = self.later.keys().next().map(|(from, _)| *from);
            return Next::Wait([due, later].into_iter().flatten().min());
        }
        let mut batch: Vec<Bytes> = self.flying.iter().map(|parcel| parcel.bytes.clone()).collect();
        if let Some(first) = batch.first_mut() {
            *first = first.slice(self.written_of_first..);
        }
        Next::Write(batch)
    }

    fn load(&mut self, now: Instant) {
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= now) {
            self.urgent.push_back(entry.remove());
        }
        let mut bytes = 0;
        while self.flying.len() < BATCH_FRAMES && bytes < BATCH_BYTES {
            let due = self.waiting.front().is_some_and(|(from, _)| *from <= now);
            let parcel = match self.urgent.pop_front() {
                None if due => self.waiting.pop_front().map(|(_, parcel)| parcel),
                urgent => urgent,
            };
            let Some(parcel) = parcel else { break };
            bytes += parcel.bytes.len();
            self.flying.push_back(parcel);
        }
    }

    /// So many bytes of the batch went out: returns the number of the last message that is now wholly written.
    pub(super) fn wrote(&mut self, mut bytes: usize) -> Written {
        let mut written = Written { bytes, ..Written::default() };
        self.bytes = self.bytes.saturating_sub(bytes);
        bytes += self.written_of_first;
        while self.flying.front().is_some_and(|first| first.bytes.len() <= bytes) {
            let Some(first) = self.flying.pop_front() else { break };
            bytes -= first.bytes.len();
            written.frames += 1;
            written.messages += u64::from(first.seq.is_some());
            written.through = first.seq.or(written.through);
        }
        self.written_of_first = bytes;
        written
    }

    /// Drops what has not begun to be written, except what is urgent; returns the numbers of the messages.
    pub(super) fn drop_waiting(&mut self) -> Vec<u64> {
        let begun = usize::from(self.written_of_first > 0).min(self.flying.len());
        let dropped: Vec<Parcel> =
            self.flying.drain(begun..).chain(self.waiting.drain(..).map(|(_, parcel)| parcel)).collect();
        self.later.clear();
        self.hold = None;
        let (messages, words): (Vec<_>, Vec<_>) = dropped.into_iter().partition(|parcel| parcel.seq.is_some());
        // Words that were about to be written keep their place before those that follow.
        for word in words.into_iter().rev() {
            self.urgent.push_front(word);
        }
        self.count();
        messages.into_iter().filter_map(|parcel| parcel.seq).collect()
    }

    /// Empties it; returns the numbers of the messages that were never wholly written.
    pub(super) fn drop_all(&mut self) -> Vec<u64> {
        self.written_of_first = 0;
        let mut dropped = self.drop_waiting();
        dropped.extend(self.flying.drain(..).filter_map(|parcel| parcel.seq));
        self.urgent.clear();
        self.bytes = 0;
        dropped
    }

    fn count(&mut self) {
        let flying = self.flying.iter().map(|parcel| parcel.bytes.len()).sum::<usize>();
        let urgent = self.urgent.iter().map(|parcel| parcel.bytes.len()).sum::<usize>();
        self.bytes = (flying + urgent).saturating_sub(self.written_of_first);
    }

    /// Makes everything due at once, for a last flush.
    pub(super) fn release(&mut self, now: Instant) {
        self.hold = None;
        for (from, _) in &mut self.waiting {
            *from = now;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.flying.is_empty() && self.urgent.is_empty() && self.waiting.is_empty()
    }
}

/// What a write achieved.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    pub(super) bytes: usize,
    pub(super) frames: u64,
    pub(super) messages: u64,
    /// The last message that is now wholly in the socket.
    pub(super) through: Option<u64>,
}

/// As far ahead as anything here looks.
pub(super) const FOR_GOOD: Duration = Duration::from_hours(365 * 24);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::clock::instant;

    fn message(seq: u64, text: &'static str) -> Parcel {
        Parcel { bytes: Bytes::from_static(text.as_bytes()), seq: Some(seq) }
    }

    fn batch(outbox: &mut Outbox, now: Instant) -> Vec<Bytes> {
        match outbox.next(now) {
            Next::Write(batch) => batch,
            Next::Wait(_) => Vec::new(),
        }
    }

    #[test]
    fn a_partial_write_keeps_the_rest_and_the_count() {
        let now = instant();
        let mut outbox = Outbox::default();
        outbox.put(message(1, "abcd"), now);
        outbox.put(message(2, "efgh"), now);
        assert_eq!(batch(&mut outbox, now), ["abcd", "efgh"]);
        assert_eq!(outbox.wrote(6).through, Some(1));
        assert_eq!((outbox.bytes(), batch(&mut outbox, now)), (2, vec![Bytes::from("gh")]));
        assert_eq!(outbox.wrote(2).through, Some(2));
        assert!(outbox.is_empty());
    }

    #[test]
    fn a_close_drops_everything_but_the_frame_that_has_begun() {
        let now = instant();
        let mut outbox = Outbox::default();
        for (seq, text) in [(1, "abcd"), (2, "efgh"), (3, "ijkl")] {
            outbox.put(message(seq, text), now);
        }
        batch(&mut outbox, now);
        outbox.wrote(5);
        outbox.put_urgent(Parcel::control(Bytes::from("bye")));
        assert_eq!(outbox.drop_waiting(), [3]);
        assert_eq!(batch(&mut outbox, now), ["fgh"]);
        outbox.wrote(3);
        assert_eq!(batch(&mut outbox, now), ["bye"]);
        outbox.wrote(3);
        assert!(outbox.is_empty());
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn what_is_held_back_waits_and_what_is_urgent_does_not() {
        let now = instant();
        let soon = now + Duration::from_millis(500);
        let mut outbox = Outbox::default();
        outbox.put(message(1, "late"), soon);
        outbox.put_urgent(Parcel::control(Bytes::from("now")));
        outbox.put_later(Parcel::control(Bytes::from("ack")), soon);
        assert_eq!(batch(&mut outbox, now), ["now"]);
        outbox.wrote(3);
        assert!(matches!(outbox.next(now), Next::Wait(Some(at)) if at == soon));
        assert_eq!(batch(&mut outbox, soon), ["ack", "late"]);
    }
}
