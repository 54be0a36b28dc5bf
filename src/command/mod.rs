//! The commands: each reads, says what it found, and ends with its exit code.

pub mod check;
pub mod explain;
