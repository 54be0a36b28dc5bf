//! A DataSift-compatible server, streaming and REST, with faults on cue, and a journal that is the truth about what it did.
//!
//! It shares no code with the daemon: an error in the daemon's idea of the service cannot hide behind the same error
//! here. What nobody recorded about the service is a switch of the [`Scenario`] rather than a guess.
//!
//! ```no_run
//! use siftd::simulator::{Action, Scenario, Server, cue::Say};
//!
//! let running = Server::start(Scenario::default(), std::path::Path::new("journal.jsonl"))?;
//! println!("{}", running.url());
//! running.cue(Action::Say(Say::named("maintenance")))?;
//! let totals = running.stop()?;
//! # std::io::Result::Ok(())
//! ```
//!
//! # The journal
//!
//! JSON lines, at most 20 ms behind while the disk keeps up. Every line has `event`; every line but `fate` has `at_us`
//! (microseconds since the epoch by the node's clock, skew included; `true_us` beside it while the clock is off) and
//! `seq`, which counts the lines in their order. `connection` counts upgraded connections from 1. Fields without a
//! value are left out; readers ignore events and fields that they do not know.
//!
//! | event | when, and its fields |
//! | --- | --- |
//! | `listening` | first line: `url`, `rest_url` (it has a port of its own), `seed` |
//! | `produced` | the world made a message for one stream, whether or not anybody listens: `stream`, `id` (of the interaction; absent if it was made without), `created_us` (its `created_at`, whole seconds), `kind` (`interaction`, `delete`, `duplicate`), `bytes` and `digest` (of the JSON under `data`; 16 hexadecimal digits of BLAKE3), `fate`, `connection`. An interaction that matches three streams is three lines |
//! | `fate` | overrides or adds to the fate of message `seq` on `connection`: `dropped` if it was never wholly written to the socket, `sent` for a second subscriber. It has no time |
//! | `written` | `through_seq`: all messages of this connection up to that line that were not dropped are wholly in the socket; `frames`, `messages` and `bytes` since the last such line. What a reset then destroys on its way is not known here |
//! | `connected` | an upgrade succeeded: `path`, `query` (without the key) |
//! | `refused` | an upgrade was refused: `status`, `retry_after`, `message` (its name) |
//! | `subscribed` | from this line on, messages of `stream` go to this connection; `again` if they already did |
//! | `acknowledged` | the acknowledgement for `stream` was put into the buffer, or will be at `due_us`; `stray` if nobody asked |
//! | `stream_refused` | a subscription or its end was refused: `stream` (as sent), `message` (its name) |
//! | `ignored` | a subscription or its end was left without any answer or effect: `stream` |
//! | `unsubscribed` | messages of `stream` no longer go to this connection; `by` is `server` when the stream fell |
//! | `misunderstood` | the client sent what is not JSON (`bytes`) or an unknown `action` |
//! | `tick`, `ping`, `pong` | `value` of a tick; `by` says who pinged |
//! | `warning` | the buffer passed a limit: `what` (`slow-warning`, `slow-disconnected`), `buffered` bytes |
//! | `closed` | an end was ordered or seen: `by` (`server`, `client`), `why`, `how`, `code`, `dropped` messages |
//! | `gone` | the socket is closed: `undelivered` messages, dropped after `closed` |
//! | `call` | the REST side was asked: `call`, `method`, `status`, `cost` (credits spent), `job`, `delivery`, `bytes` (of the right answer, unpacked), `error` (the text of a refusal); if the answer was spoilt, `spoilt` (how) and whether the call `acted` before. No key |
//! | `job` | the status of a job has changed: `job` (they are counted from 1), `id`, `status` (`deleted` when nobody finds it any more), `progress`, `stream`, `start` and `end` (seconds by the node's clock), `name`, `finds` (messages in all, repetitions included) |
//! | `delivery` | the status of a pull subscription has changed: `delivery` (its id), `job`, `status`, `name`, `lost_data` |
//! | `charged` | a job was paid for: `job`, `dpus` |
//! | `served` | a page was put together: `delivery`, `job`, `cursor`, `next`, `ids` (of the interactions that belong there, in order; null for one without), `count` (all rows), `bytes`, `doctored` (what does not belong there), `digests` (of the rows of `ids` as they went out), `deletes` (ids that the page says are deleted). Whether it arrives whole is not known here |
//! | `withheld` | what was made for `stream` in the window of `job` and does not come of it: `ids`, `why` (`unasked`: its source; `source`: not archived; `chunk`: failed; `sample`; `expired`), and whether the service's own answers to the client `told` so |
//! | `cue` | a cue fired: `name`, `do` (all of it), `connections` that it was meant for |
//! | `trouble` | the simulator could not do something: `what` |
//! | `end` | last line, the sums of [`Totals`]. A journal without it is cut |
//!
//! The archive that jobs search holds every `produced` line's message but deletes and (unless
//! `rest.archive.keeps_deleted`) what was deleted by then, however its fate; a job finds those with `at_us` (or `created_us`, if `rest.archive.window` says so) in its window.
//!
//! `fate` is `sent` (put into a connection's buffer, and written unless a `fate` line says `dropped`),
//! `unsubscribed` (connections were there, but none had subscribed to the stream), `not_connected` or `dropped`.

mod clock;
mod connection;
pub mod cue;
mod journal;
pub mod message;
mod node;
mod rest;
pub mod scenario;
mod server;
pub mod shipped;
mod socket;
mod wire;
mod world;

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "what is not there fails the test")]
mod tests;

pub use cue::{Action, Cue};
pub use journal::digest;
pub use node::Totals;
pub use scenario::Scenario;
pub use server::{Orders, Running, Server};
