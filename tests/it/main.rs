//! Everything that is tested through the library's doors and through the program itself; one binary, one link.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends where something is not as it must be")]
#![expect(clippy::print_stderr, reason = "a test that cannot run here says so")]

mod archive;
mod archive_house;
mod commands;
mod config;
mod config_files;
mod config_values;
mod demo;
mod example;
mod journal;
mod reading;
mod reload;
mod status;
mod systemd;
mod tidy;
