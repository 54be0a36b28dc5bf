//! The real binary under force, judged by the oracle. docs/proof.md says which fault is where.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]
#![expect(clippy::indexing_slicing, reason = "a document is looked into by its names")]

mod crash;
mod disk;
mod doctored;
mod frames;
mod network;
#[path = "../oracle/judge/mod.rs"]
mod oracle;
mod peace;
mod power;
mod protocol;
mod scene;
