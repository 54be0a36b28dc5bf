//! siftd (the map is filled in as the rooms are built).

pub mod time;
pub mod signal;
pub mod fault;
pub mod coverage;
pub mod record;
pub mod notice;
pub mod peer_text;
pub mod limits;
pub mod protocol;
pub mod decide;
pub mod transport;
pub mod archive;
pub mod host;
pub mod exit;
pub mod config;
pub mod simulator;
pub mod command;
pub mod driver;
pub mod daemon;
