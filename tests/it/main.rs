//! Everything that is tested through the library's doors and through the program itself; one binary, one link.

mod example;
mod journal;
mod status;
mod systemd;
mod tidy;
