//! The table of streams, tried at its own doors.

mod answers;
mod requests;

use std::time::Duration;

use super::{Anonymous, Answer, Refusal, Slot, Standing, Start, Subscriptions};
use crate::decide::Policy;
use crate::record::StreamId;
use crate::time::Time;

const PATIENCE: Duration = Duration::from_secs(7);
const FIRST: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_micros(1);

fn policy() -> Policy {
    Policy {
        subscribe_window: 64,
        acknowledgement: PATIENCE,
        silence: Duration::from_secs(65),
        network_step: Duration::from_secs(1),
        network_max: Duration::from_secs(16),
        trouble_first: FIRST,
        trouble_max: Duration::from_secs(320),
        jitter: 0.0,
        billing_probe: Duration::from_hours(1),
        identity_retry: Duration::from_mins(1),
        disabled_probe: Duration::from_hours(24),
        margin: Duration::from_secs(2),
        starting: Duration::from_mins(1),
        queue_max: 1600,
        quarantine_max: 1024,
    }
}

fn start(name: &str) -> Start {
    Start { id: StreamId(0), name: name.to_owned(), wanted: Time::from_seconds(0), standing: Standing::New }
}

/// A table on a connection that stands. Its streams are called by letters, several of them by a word.
struct Table {
    all: Subscriptions,
    now: Time,
    policy: Policy,
}

impl Table {
    fn new(names: &str) -> Self {
        let mut all = Subscriptions::new(names.chars().map(|name| start(&name.to_string())).collect());
        all.connected();
        Self { all, now: Time::from_seconds(1_000_000), policy: policy() }
    }

    /// A table that has asked for all its streams.
    fn asked(names: &str) -> Self {
        let mut table = Self::new(names);
        assert_eq!(table.ask(64), names);
        table
    }

    /// One in which the first streams are served, and the others are asked for.
    fn serving(served: &str, asked: &str) -> Self {
        let mut table = Self::asked(&format!("{served}{asked}"));
        served.chars().for_each(|name| assert!(table.ack(&name.to_string())));
        table
    }

    fn slot(&self, name: &str) -> Slot {
        self.all.find(name).unwrap()
    }

    fn name(&self, slot: Slot) -> &str {
        &self.all.get(slot).unwrap().name
    }

    fn names(&self, slots: &[Slot]) -> String {
        slots.iter().map(|slot| self.name(*slot)).collect()
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now.after(span);
    }

    /// Lets all of a span pass but the last moment, which is a tick.
    fn nearly(&mut self, span: Duration) {
        self.now = self.now.after(span).before(TICK);
    }

    /// Asks for what may be asked for, and says what that is.
    fn ask(&mut self, window: usize) -> String {
        let mut asked = String::new();
        while let Some(slot) = self.all.next(self.now, window) {
            asked.push_str(self.name(slot));
        }
        asked
    }

    fn ack(&mut self, name: &str) -> bool {
        self.all.acknowledged(self.slot(name), self.now, &self.policy)
    }

    fn item(&mut self, name: &str) -> bool {
        self.all.message_came(self.slot(name), self.now).unwrap().1
    }

    fn refuse(&mut self, name: &str, why: Refusal) -> bool {
        self.all.refused(self.slot(name), why, self.now, &self.policy)
    }

    fn trouble(&mut self, name: &str) -> Option<Duration> {
        self.all.troubled(self.slot(name), self.now, &self.policy)
    }

    fn due(&mut self) -> String {
        let slots = self.all.due(self.now, self.now, &self.policy);
        self.names(&slots)
    }

    /// How long it is until something is due.
    fn rest(&self) -> Option<Duration> {
        Some(self.all.deadline(&self.policy)).filter(|at| *at != Time::NEVER).map(|at| at.since(self.now))
    }

    /// Takes a stream out. Says whether the server has to be told.
    fn remove(&mut self, name: &str) -> bool {
        self.all.remove(self.slot(name)).unwrap().1
    }

    /// Takes a stream in, to be asked for.
    fn add(&mut self, name: &str) {
        let slot = self.all.add(start(name)).unwrap();
        self.all.queue(slot);
    }

    /// An answer without a name: whom it means.
    fn unnamed(&mut self, answer: Answer) -> String {
        match self.all.anonymous(answer, self.now, &self.policy) {
            Anonymous::Nobody => "nobody".to_owned(),
            Anonymous::These(slots) => self.names(&slots),
            Anonymous::Doubt => "in doubt".to_owned(),
        }
    }

    fn is_active(&self, name: &str) -> bool {
        let slot = self.slot(name);
        let id = self.all.is_active(slot).then(|| self.all.get(slot).unwrap().id);
        assert_eq!(self.all.served(slot), id, "{name}");
        id.is_some()
    }

    fn is_troubled(&self, name: &str) -> bool {
        self.all.get(self.slot(name)).unwrap().is_troubled()
    }

    fn counts(&self) -> (usize, usize, usize, bool) {
        (self.all.wanted(), self.all.active(), self.all.out(), self.all.is_settled())
    }
}
