//! siftd (the map is filled in as the rooms are built).

pub mod command;
pub mod config;
pub mod time;
