//! A DataSift-compatible streaming server with faults on cue, and a journal that is the truth about what it did.

mod clock;
mod connection;
pub mod cue;
mod journal;
pub mod message;
mod node;
pub mod scenario;
mod server;
pub mod shipped;
mod wire;
mod world;

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "what is not there fails the test")]
mod tests;

pub use cue::{Action, Cue};
pub use journal::digest;
pub use node::Totals;
pub use scenario::Scenario;
pub use server::{Orders, Running, Server};
