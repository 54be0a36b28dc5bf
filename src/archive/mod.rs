//! The archive: one SQLite file.

pub mod reading;
