//! What we ask of the machine: the time, a place for the log, the service manager, signals, and no core dumps.

pub mod clock;
pub mod core_dump;
pub mod log;
pub mod signals;
pub mod systemd;
