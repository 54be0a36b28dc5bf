//! Stands in for the host until it is merged.

pub mod clock;
