//! Fuzzes `properties/frame.rs`.
#![no_main]
#![allow(dead_code, reason = "each target uses one of the properties")]

#[path = "../properties/mod.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::frame::holds(input));
