//! Everything that is tested through the library's doors and through the program itself; one binary, one link.

mod commands;
mod example;
mod reading;
mod reload;
mod status;
