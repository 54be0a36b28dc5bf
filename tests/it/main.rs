//! The daemon from outside: one binary, a module for each subject.

mod journal;
mod systemd;
mod tidy;
