//! Who would harm the daemon, or harm others through it: docs/security.md names each of these tests beside its threat.

mod archive;
mod canary;
mod limits;
mod peer;
mod process;
mod redirect;
mod rest;
mod tls;
mod users;
mod words;
