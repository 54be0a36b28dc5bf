//! The real binary under force, judged by the oracle. docs/proof.md says which fault is where.
#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::panic,
    reason = "a test ends where something is not as it must be"
)]
#![expect(clippy::indexing_slicing, reason = "a document is looked into by its names")]

mod clocks;
mod cost;
mod crash;
mod deletes;
mod disk;
mod doctored;
mod first_version;
mod frames;
mod guard;
mod heal;
mod kills;
mod lies;
mod litestream;
mod load;
mod network;
#[path = "../oracle/judge/mod.rs"]
mod oracle;
mod passage;
mod peace;
mod power;
mod process;
mod protocol;
mod reload;
mod retention;
mod scene;
mod soak;
mod upgrade;
