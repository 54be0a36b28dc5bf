//! Everything that is tested through the library's doors and through the program itself; one binary, one link.
#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::panic,
    reason = "a test ends where something is not as it must be"
)]
#![expect(clippy::indexing_slicing, reason = "a document is looked into by its names")]
#![expect(clippy::print_stderr, reason = "a test that cannot run here says so")]

mod archive;
mod archive_files;
mod archive_gaps;
mod archive_heal;
mod archive_house;
mod archive_log;
mod archive_page;
mod archive_remains;
mod archive_retention;
mod archive_trouble;
mod archive_views;
mod archive_zones;
mod backfill;
mod backup;
mod chains;
mod commands;
mod config;
mod config_files;
mod config_guarded;
mod config_program;
mod config_values;
mod corpus;
mod coverage;
mod daemon;
mod decode;
mod decode_any;
mod decode_bounds;
mod decode_key;
mod demo;
mod example;
mod heal;
mod historics;
mod historics_bounds;
mod http;
mod journal;
mod logcheck;
mod manual;
mod messages;
mod mutants;
mod pages;
mod proof_page;
mod queries;
mod reading;
mod readme;
mod reload;
mod report;
mod runbook;
mod security;
mod session;
mod simulate;
mod simulator;
mod small;
mod sql;
mod status;
mod status_screen;
mod systemd;
mod tidy;
mod written;
