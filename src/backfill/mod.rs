//! How gaps heal: which ones are asked for, in which order and at which price; what each job asks next, and what an
//! answer means for it. Pure: time and chance are arguments.
//!
//! [`plan()`] makes jobs of gaps. A [`Worker`] carries one job through its stages. The [`Healer`] has all of them, the
//! budget and the gate, and speaks in two closed enums: [`Step`] (what to do next) and [`Input`] (what came of it). One
//! thing is done at a time: a change is written down and durable before the request that builds on it is made.

mod combine;
mod doing;
mod healer;
mod ladder;
mod plan;
mod price;
mod request;
mod ruling;
mod search;
mod step;
mod waits;
mod words;
mod worker;

pub use healer::Healer;
pub use ladder::{Climb, Reaction, of_refusal};
pub use plan::{Plan, Situation, Wait, Waiting, plan};
pub use price::{Tariff, price};
pub use request::Request;
pub use ruling::{Ruling, judge, marked};
pub use step::{Input, Step};
pub use worker::{Next, Worker};

use std::time::Duration;

use crate::healing::Price;

/// The settings that healing depends on. See daemon.toml for their meaning.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub mode: Mode,
    pub sources: Vec<String>,
    /// How long after its end a gap is in the server's archive, margin included.
    pub lag: Duration,
    /// By how much more than a gap is asked for at both ends.
    pub overlap: Duration,
    /// Gaps of a stream that lie no further apart are one job.
    pub join: Duration,
    /// So many streams are asked for by one job at most.
    pub combine: usize,
    /// A shorter gap is not filled.
    pub smallest: Duration,
    /// A stream's next job begins no sooner after its last.
    pub cool_down: Duration,
    /// A gap is not tried more often than this unless an operator asks.
    pub tries: u32,
    pub order: Order,
    /// What may be spent in a day (UTC).
    pub budget: Price,
    /// What an hour of a stream is taken to cost until the server says, in thousandths of its unit.
    pub milliunits_an_hour: u64,
    /// Jobs that run at a time.
    pub jobs_max: usize,
    /// A job that takes longer is given up.
    pub deadline: Duration,
    /// The size of a page, in bytes.
    pub page: usize,
    /// Rows that are written in a second.
    pub rows_a_second: u32,
}

/// Whether jobs are begun.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Nothing is planned, nothing is asked.
    Off,
    /// Jobs are planned and announced; an operator lets them begin.
    Approve,
    /// Jobs begin by themselves.
    Auto,
}

/// Which job comes first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// The oldest gap: what is kept longest at the server is lost first.
    Oldest,
    /// The cheapest job.
    Cheapest,
}
