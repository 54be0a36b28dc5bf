//! Everything that is tested through the library's doors and through the program itself; one binary, one link.

mod config;
mod config_files;
mod config_values;
mod example;
mod status;
mod systemd;
