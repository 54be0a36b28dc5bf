//! A healer led by hand: each of its steps is looked at, and each answer chosen.

use std::time::Duration;

use siftd::backfill::{Healer, Input, Policy, Step};
use siftd::healing::{Change, Counts, Draft, Ending, Gap, Gate, Job, JobId, Outcome, Price, Written};
use siftd::historic::{Ask, Hint, Page, Refusal, Told, Why};
use siftd::notice::Notice;
use siftd::time::Time;

use super::{START, TARIFF, Tariff};

pub(super) struct Hand {
    pub(super) healer: Healer<Tariff>,
    pub(super) now: Time,
    pub(super) said: Vec<Notice>,
    begun: i64,
}

impl Hand {
    /// What time the server has is not known yet.
    pub(super) fn new(policy: Policy) -> Self {
        Self { healer: Healer::new(policy, TARIFF, "t", START, 1), now: START, said: Vec::new(), begun: 0 }
    }

    /// A process that finds this one job, and that so much was spent today.
    pub(super) fn found(policy: Policy, job: Job, spent: Price) -> Self {
        let healer = Healer::new(policy, TARIFF, "t", START, 1).resumed(vec![job], Gate::default(), spent, START);
        Self { healer, now: START, said: Vec::new(), begun: 0 }.with_clock()
    }

    pub(super) fn with_clock(mut self) -> Self {
        self.healer.handle(self.now, Input::Clock(0));
        self
    }

    pub(super) fn later(&mut self, wait: Duration) {
        self.now = self.now.after(wait);
    }

    pub(super) fn handle(&mut self, input: Input) {
        self.healer.handle(self.now, input);
    }

    /// The next step; what is said before it is kept.
    pub(super) fn step(&mut self) -> Step {
        loop {
            match self.healer.next(self.now) {
                Step::Say(notice) => self.said.push(notice),
                step @ (Step::Ask(_) | Step::Write(_) | Step::Keep { .. } | Step::Gaps | Step::Wait(_)) => return step,
            }
        }
    }

    /// What was said until now, by the names of the notices.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.said.iter().map(|notice| notice.entry().name).collect()
    }

    /// The gaps are read next, and these are there.
    pub(super) fn gaps(&mut self, gaps: &[Gap], spent: Price) {
        assert_eq!(self.step(), Step::Gaps);
        self.handle(Input::Gaps { gaps: gaps.to_vec(), spent });
    }

    /// A job is begun next.
    pub(super) fn begin(&mut self) -> Draft {
        let step = self.step();
        let Step::Write(Change::Begin { draft, .. }) = step else { panic!("no job begins: {step:?}") };
        self.begun += 1;
        self.handle(Input::Written(Written::Begun(Some(JobId(self.begun)))));
        *draft
    }

    /// How a job has come further is written down next: the job, and what it cost since.
    pub(super) fn moved(&mut self) -> (Job, Price) {
        let step = self.step();
        let Step::Write(Change::Moved { job, spent, .. }) = step else { panic!("nothing has moved: {step:?}") };
        self.handle(Input::Written(Written::Done));
        (*job, spent)
    }

    /// A page is stored next: what its job has cost since.
    pub(super) fn keep(&mut self, counts: Counts) -> Price {
        let step = self.step();
        let Step::Keep { spent, .. } = step else { panic!("no page is stored: {step:?}") };
        self.handle(Input::Written(Written::Stored(counts)));
        spent
    }

    /// A job ends next, and so do its gaps.
    pub(super) fn settled(&mut self, endings: Vec<Ending>) -> Outcome {
        let step = self.step();
        let Step::Write(Change::Settled { outcome, .. }) = step else { panic!("no job ends: {step:?}") };
        self.handle(Input::Written(Written::Settled(endings)));
        outcome
    }

    /// The gate is written down next.
    pub(super) fn gate(&mut self) -> Gate {
        let step = self.step();
        let Step::Write(Change::Gate(gate)) = step else { panic!("the gate stays as it was: {step:?}") };
        self.handle(Input::Written(Written::Done));
        gate
    }

    /// Something is asked next.
    pub(super) fn ask(&mut self) -> Ask {
        let step = self.step();
        let Step::Ask(ask) = step else { panic!("nothing is asked: {step:?}") };
        ask
    }

    /// Nothing is to be done before this moment.
    pub(super) fn rests(&mut self) -> Time {
        let step = self.step();
        let Step::Wait(until) = step else { panic!("it does not rest: {step:?}") };
        until
    }

    /// The next step that is not about the house: the gate is written down, and no gaps are there when they are read.
    pub(super) fn beyond(&mut self) -> Step {
        for _ in 0..1_000 {
            match self.step() {
                Step::Gaps => self.handle(Input::Gaps { gaps: Vec::new(), spent: Price::default() }),
                Step::Write(Change::Gate(_)) => self.handle(Input::Written(Written::Done)),
                step @ (Step::Ask(_) | Step::Write(_) | Step::Keep { .. } | Step::Say(_) | Step::Wait(_)) => {
                    return step;
                }
            }
        }
        panic!("a hot loop");
    }

    /// As [`Hand::rests`], for what is not about the house.
    pub(super) fn rests_on(&mut self) -> Time {
        let step = self.beyond();
        let Step::Wait(until) = step else { panic!("it does not rest: {step:?}") };
        until
    }

    pub(super) fn told(&mut self, told: Told) {
        self.handle(Input::Told { told, hint: Hint::default() });
    }

    pub(super) fn refused(&mut self, why: Why, hint: Hint, text: &str) {
        self.handle(Input::Refused(Refusal { why, hint, text: text.to_owned() }));
    }
}

pub(super) fn prepared(milliunits: Option<u64>) -> Told {
    Told::Prepared { query: "q".to_owned(), milliunits, lacking: Vec::new() }
}

/// A page, and the cursor behind it.
pub(super) fn page(next: &str) -> Told {
    Told::Page(Page { current: None, next: Some(next.to_owned()), rows: 5, unreadable: 0, left: None })
}

/// The server orders a wait.
pub(super) fn after(wait: Duration) -> Hint {
    Hint { retry_after: Some(wait), ..Hint::default() }
}
