//! The disk, the files and the machine's limits fail: nothing is claimed that is not there, and it goes on by itself.

mod files;
mod injected;
mod limits;
mod locks;
mod space;
