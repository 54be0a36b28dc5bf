//! Tests of siftd from outside: one program, so that it is linked once.

mod archive;
mod archive_house;
