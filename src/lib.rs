//! siftd holds one streaming connection for months, stores every interaction, and writes down what it may have missed.
//!
//! # The way through
//!
//! ```text
//!  bytes           Signal            Action              Batch
//! server ─▶ transport ─▶ protocol ─▶ decide ─▶ driver ─▶ archive ─▶ SQLite
//!               ▲                      │          │
//!               └──────── dial, send ◀─┴──────────┘   what comes back: commits, deadlines, signals. Nothing else.
//! ```
//!
//! Decode (what did the server say) → decide (what does it mean for us, what do we do) → act (dial, send, hang up, keep,
//! say, stop). The words, `protocol` and `decide` are pure: no clock, no socket, no file, no log. Time and chance are
//! arguments, so a year of outages runs in a test in a second.
//!
//! # What always holds
//!
//! * **Coverage is recorded, gaps are its complement.** A stream that is wanted has, from its first word on, either a
//!   running cover or one open gap. What fails to be written is thereby a gap.
//! * **The position commits with the rows.** One row per connection says how far it is proven; it changes in the same
//!   transaction as the rows before it.
//! * **Coverage ends where production is proven**, not where arrival was seen: see [`coverage::Frontier`].
//! * **A gap ends at the stream's own acknowledgement**, not at the reconnect.
//! * **Policy returns waits and never sleeps**; back-off heals on proof of life; a clean close is a fault like any other.
//! * **One thread writes**; everything that waits for it is bounded in bytes, and when that bound is met the connection is
//!   left unread. Nothing is dropped.
//! * **A server's words are hostile** until they are a [`peer_text::PeerText`]. The key is in one place: [`config::ApiKey`].
//! * **The process ends in one place**, [`exit`]; a panic in any task ends it.
//!
//! `tests/it/tidy.rs` holds the directions in which modules may use one another.

// The words: what everyone speaks of. Pure.
pub mod time;
pub mod signal;
pub mod fault;
pub mod coverage;
pub mod historic;
pub mod healing;
pub mod record;
pub mod notice;
pub mod peer_text;
pub mod limits;

// Decode and decide. Pure.
pub mod protocol;
pub mod decide;
pub mod backfill;

// Act.
pub mod transport;
pub mod archive;
pub mod host;
pub mod exit;
pub mod config;
pub mod driver;
pub mod daemon;

// The server to test against, and the commands. The simulator uses no room of the daemon: it is an independent witness.
pub mod simulator;
pub mod command;
