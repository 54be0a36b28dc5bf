//! The life of a connection in virtual time: what happens on the left, what is done about it on the right.

pub(crate) mod script;

mod again;
mod beginning;
mod coverage;
mod endings;
mod frames;
mod patience;
mod position;
mod proof;
mod reasons;
mod room;
mod saying;
mod slowness;
mod stopping;
mod subscribing;
mod unread;
mod waits;
