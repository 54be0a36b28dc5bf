//! The settings as the rest of the house sees them: plain, parsed, within their bounds.

use std::path::PathBuf;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};

use super::secret::ApiKey;
use super::units::{maybe_size, maybe_span, size, span};

/// Everything that daemon.toml and the files it names have to say.
///
/// Serialised, it is what `siftd check` prints: no secret, and no stream list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    pub source: Source,
    pub archive: Archive,
    pub log: Log,
    pub reconnect: Reconnect,
    pub liveness: Liveness,
    pub queue: Queue,
    pub gap: Gap,
    pub backfill: Backfill,
    pub retention: Retention,
    pub tls: Tls,
}

/// Where interactions come from and which are wanted.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Source {
    pub kind: Kind,
    /// The address of the multistream, `ws://` or `wss://`, without a query or a user; an
    /// unencrypted one leads to this host unless `allow_insecure` is set.
    pub url: String,
    pub username: String,
    #[serde(rename = "api_key_file")]
    pub api_key: ApiKey,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streams_file: Option<PathBuf>,
    /// Each once, in the order in which they are listed; never empty.
    #[serde(skip)]
    pub streams: Vec<StreamEntry>,
    /// How many streams one connection may carry ("Up to 5,000 streams": `DataSift`, Streaming
    /// API, Multiple Streams).
    pub max_streams: usize,
    /// How many subscriptions may wait for their acknowledgement at once.
    pub subscribe_window: usize,
    /// Name lookup, TCP, TLS and upgrade together.
    #[serde(with = "span")]
    pub connect_timeout: Duration,
    /// The largest frame that is read, in bytes.
    #[serde(with = "size")]
    pub max_frame: usize,
    /// Whether `ws://` may lead to another host, with the key in clear text.
    pub allow_insecure: bool,
}

/// A stream that is wanted.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StreamEntry {
    /// The stream's hash in lower case.
    pub name: String,
    /// What the operator calls it; no control character in it.
    pub label: Option<String>,
    /// How long its interactions are kept, where it is not as long as all others.
    pub max_age: Option<Duration>,
    /// How many bytes of its payloads are kept.
    pub max_size: Option<usize>,
}

/// The protocol that the source speaks.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    DataSift,
}

/// Where interactions go.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// The `SQLite` file; absolute.
    pub path: PathBuf,
    pub synchronous: Synchronous,
    /// How many bytes of unreadable frames are kept.
    #[serde(with = "size")]
    pub quarantine_max: usize,
    /// The size of the write-ahead log, in bytes, above which a reader holds it back.
    #[serde(with = "size")]
    pub max_wal: usize,
}

/// How far a commit goes (`SQLite`, PRAGMA synchronous).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Synchronous {
    /// Every commit is on the disk: nothing that is called covered is lost with the power.
    Full,
    /// Checkpoints are on the disk: the last commits may go with the power.
    Normal,
}

/// How and how much is said on standard error.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    pub level: LogLevel,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// `Journald` under systemd, `Text` on a terminal, `Json` otherwise.
    Auto,
    Journald,
    Text,
    Json,
}

/// The least level that is said.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// How long to wait before the next attempt ("Reconnecting": `DataSift`, Streaming API).
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reconnect {
    /// After a failure of the network: this, twice this, … up to `network_max`.
    #[serde(with = "span")]
    pub network_step: Duration,
    #[serde(with = "span")]
    pub network_max: Duration,
    /// After trouble at the server: this, doubled each time, up to `trouble_max`.
    #[serde(with = "span")]
    pub trouble_first: Duration,
    #[serde(with = "span")]
    pub trouble_max: Duration,
    /// The share of a wait by which chance may change it, 0 to 0.5.
    pub jitter: f64,
    /// While the credit is used up.
    #[serde(with = "span")]
    pub billing_probe: Duration,
    /// Before the one more try after an identity that worked is refused.
    #[serde(with = "span")]
    pub identity_retry: Duration,
    /// Before a stream that was disabled is asked for again.
    #[serde(with = "span")]
    pub disabled_probe: Duration,
}

/// How long nothing may come.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Liveness {
    /// On a connection: more than two ticks of 30 s.
    #[serde(with = "span")]
    pub silence: Duration,
    /// For an answer to a subscription.
    #[serde(with = "span")]
    pub acknowledgement: Duration,
}

/// What waits for the disk.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// In bytes; above it the socket is left unread.
    #[serde(with = "size")]
    pub max_bytes: usize,
}

/// Where gaps begin.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// How much earlier than is computed coverage ends.
    #[serde(with = "span")]
    pub margin: Duration,
    /// How late the first acknowledgement of a stream may come without a gap.
    #[serde(with = "span")]
    pub starting: Duration,
}

/// How gaps are filled from the server's archive. See daemon.toml for each key.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Backfill {
    pub mode: BackfillMode,
    /// `https://` or, to this host, `http://`.
    pub url: String,
    /// With commas; see [`Backfill::listed`].
    pub sources: String,
    #[serde(with = "span")]
    pub timeout: Duration,
    #[serde(with = "span")]
    pub lag: Duration,
    #[serde(with = "span")]
    pub overlap: Duration,
    #[serde(with = "span")]
    pub join: Duration,
    /// Streams that one job asks for at most.
    pub combine: usize,
    #[serde(with = "span")]
    pub smallest: Duration,
    #[serde(with = "span")]
    pub cool_down: Duration,
    pub tries: usize,
    pub order: BackfillOrder,
    /// Of requests.
    pub credits_a_day: usize,
    /// Of data.
    pub units_a_day: f64,
    pub units_an_hour: f64,
    pub jobs: usize,
    #[serde(with = "span")]
    pub deadline: Duration,
    /// In bytes.
    #[serde(with = "size")]
    pub page: usize,
    pub rows_a_second: usize,
}

impl Backfill {
    /// The sources, each once, in order.
    pub fn listed(&self) -> Vec<String> {
        let mut listed: Vec<String> = Vec::new();
        for source in self.sources.split(',').map(str::trim).filter(|source| !source.is_empty()) {
            if !listed.iter().any(|known| known == source) {
                listed.push(source.to_owned());
            }
        }
        listed
    }
}

/// Whether gaps are filled.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BackfillMode {
    Off,
    /// When an operator asks.
    Approve,
    Auto,
}

/// Which job comes first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BackfillOrder {
    Oldest,
    Cheapest,
}

/// How long things are kept.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Interactions, from their arrival on.
    #[serde(default, with = "maybe_span", skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
    /// The archive, in bytes.
    #[serde(default, with = "maybe_size", skip_serializing_if = "Option::is_none")]
    pub max_size: Option<usize>,
    /// The mark that an interaction was deleted.
    #[serde(with = "span")]
    pub tombstones: Duration,
    #[serde(with = "span")]
    pub notices: Duration,
}

/// Whom to trust besides the authorities of the system.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Tls {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The certificates of `ca_file`, each fit to be a trust anchor.
    #[serde(skip)]
    pub authorities: Vec<CertificateDer<'static>>,
}
