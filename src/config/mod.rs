//! The settings: daemon.toml, the files it names and the environment, read once, judged whole.
//!
//! Two passes, because neither library does both: `toml` knows where everything stands and takes
//! nothing for something else, `config` lays defaults, file and environment over one another. All
//! that is wrong is collected; nobody has to correct a file ten times.

mod authorities;
mod difference;
mod document;
mod endpoint;
mod fault;
mod file;
mod key;
mod layers;
mod load;
mod position;
mod rules;
mod secret;
mod settings;
mod shape;
mod streams;
mod units;
mod variables;

pub use difference::Change;
pub use fault::{Fault, Faults, Place};
pub use key::Applies;
pub use load::{Loaded, Origin, archive_path, archive_path_in, load, load_in};
pub use secret::ApiKey;
pub use settings::{
    Archive, Backfill, BackfillMode, BackfillOrder, Gap, Kind, Liveness, Log, LogFormat, LogLevel, Queue, Reconnect,
    Retention, Settings, Source, StreamEntry, Synchronous, Tls,
};
pub use variables::Surroundings;
