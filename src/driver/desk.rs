//! What is gathered for the archive: one batch at a time, in the order in which it was decided.

use crate::archive::{Batch, Intake};
use crate::decide::Action;
use crate::limits::POSITION_EVERY;
use crate::record::{Reach, Record};
use crate::signal::Signal;
use crate::time::Time;

/// The desk between deciding and writing.
#[derive(Debug)]
pub(super) struct Desk {
    batch: Batch,
    /// A batch for which the queue has no room.
    stuck: Option<Batch>,
    /// The position that was last handed over.
    handed: Option<Reach>,
    handed_at: Time,
    /// The writer is to catch up, or to end that: it hears of it before what waits in the queue.
    draining: Option<bool>,
    /// Decided, not yet sorted.
    pub(super) actions: Vec<Action>,
    /// What is to be done elsewhere than in the archive.
    pub(super) deeds: Vec<Action>,
}

impl Desk {
    pub(super) fn new(batch: Batch, now: Time) -> Self {
        Self {
            batch,
            stuck: None,
            handed: None,
            handed_at: now,
            draining: None,
            actions: Vec::new(),
            deeds: Vec::new(),
        }
    }

    /// Whether everything that was decided is done.
    pub(super) fn is_clear(&self) -> bool {
        self.actions.is_empty() && self.deeds.is_empty()
    }

    /// Puts what concerns the archive into the batch; `signal` is what the actions were decided about.
    pub(super) fn keep(&mut self, now: Time, signal: Option<&Signal<'_>>) {
        for action in self.actions.drain(..) {
            match (action, signal) {
                (Action::Keep(stream), Some(Signal::Interaction(interaction))) => {
                    self.batch.interaction(now, stream, interaction);
                }
                (Action::Erase, Some(Signal::Delete(delete))) => {
                    if let Some(id) = &delete.id {
                        self.batch.delete(id);
                    }
                }
                (Action::Record(Record::Drain(on)), _) => self.draining = Some(on),
                (Action::Record(record), _) => self.batch.record(record),
                (action, _) => self.deeds.push(action),
            }
        }
    }

    /// The same for a frame that could not be understood.
    pub(super) fn keep_unreadable(&mut self, now: Time, reach: Option<Reach>, reason: &str, frame: &[u8]) {
        if let Some(place) = self.actions.iter().position(|action| *action == Action::Quarantine) {
            self.actions.remove(place);
            self.batch.quarantine(now, reach.map(|reach| reach.connection), reason, frame);
        }
        self.keep(now, None);
    }

    /// What a batch weighs that waits for room; while it does, nothing more may be read.
    pub(super) fn stuck_weight(&self) -> Option<usize> {
        self.stuck.as_ref().map(Batch::weight)
    }

    /// When the position must be handed over although nothing else is: a quiet connection proves things too.
    pub(super) fn deadline(&self, reach: Option<Reach>) -> Time {
        if reach == self.handed { Time::NEVER } else { self.handed_at.after(POSITION_EVERY) }
    }

    /// Hands over what there is, position included, if the queue has room.
    pub(super) fn hand_over(&mut self, intake: &Intake, reach: Option<Reach>, now: Time) {
        if let Some(on) = self.draining.take() {
            intake.drain(on);
        }
        if let Some(stuck) = self.stuck.take()
            && let Err(stuck) = intake.try_send(stuck)
        {
            self.stuck = Some(stuck);
            return;
        }
        if self.batch.is_empty() && self.deadline(reach) > now {
            return;
        }
        if let Some(reach) = reach {
            self.batch.reach(reach);
        }
        (self.handed, self.handed_at) = (reach, now);
        let batch = std::mem::replace(&mut self.batch, intake.batch());
        if let Err(stuck) = intake.try_send(batch) {
            self.stuck = Some(stuck);
        }
    }
}
