//! The archive: one SQLite file, one writing thread, and what it proves.
//!
//! | file | what it is |
//! |---|---|
//! | `open`, `lock`, `header`, `schema`, `check`, `upgrade` | the way to a file that is ours, whole, and of this version |
//! | `ledger`, `recover`, `retract`, `adopt` | coverage and gaps of every stream, from the start to its end |
//! | `batch`, `queue`, `event` | the way from the connection to the writer, and what the writer has to say |
//! | `writer`, `trouble`, `identity`, `checkpoint` | the one thread that writes, and what it does when it cannot |
//! | `commit`, `tally`, `tombstone` | what one transaction writes |
//! | `zone`, `filter` | where rows go by their ids, and where they are looked for |
//! | `remains` | what deleted rows leave in the file, and how it is cleared |
//! | `prune`, `pace` | what is older, or larger, than the settings keep |
//! | `heal`, `unhealed` | jobs that fill gaps: what each step writes, and what there is to do |
//!
//! Three facts hold it together. The position of a connection commits with the rows before it. A stream that is
//! wanted has exactly one running cover or one open gap from its first word on. What could not be committed stays in
//! the queue; nothing is dropped and nothing is claimed.

mod adopt;
mod batch;
mod check;
mod checkpoint;
mod commit;
#[cfg(test)]
mod commit_model;
mod event;
mod filter;
mod header;
mod heal;
mod identity;
mod ledger;
#[cfg(test)]
mod ledger_model;
mod lock;
mod open;
mod pace;
mod prune;
mod queue;
pub mod reading;
mod recover;
mod remains;
mod retract;
mod schema;
mod tally;
mod tombstone;
mod trouble;
mod unhealed;
mod upgrade;
mod writer;
mod zone;

pub use batch::Batch;
pub use commit::INSERT as INSERT_INTERACTION;
pub use event::{Event, Events};
pub use heal::Healing;
pub use open::{
    Archive, Crashed, Keep, OpenError, Options, Purpose, Recovery, Standing, StreamStart, Synchronous, Wanted,
};
pub use queue::{AdoptError, FinishError, Intake, QueueBounds};
pub use unhealed::Unhealed;
pub use upgrade::Upgrade;
