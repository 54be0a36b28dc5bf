//! Tests of siftd from outside: one program, so that it is linked once.

mod archive;
mod archive_files;
mod archive_gaps;
mod archive_house;
mod archive_trouble;
mod archive_views;
