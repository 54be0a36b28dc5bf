//! The simulator as its clients meet it: over real sockets, with its journal as the second witness.

mod answers;
mod client;
mod ends;
mod rest;
mod truth;
mod upgrades;
mod words;
