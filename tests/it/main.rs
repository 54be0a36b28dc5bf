//! The tests that use siftd from outside, in one binary.

mod config;
mod config_files;
mod config_values;
