//! The settings of the streaming node.

use super::Size;
use jiff::SignedDuration;
use jiff::fmt::serde::unsigned_duration;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// The streaming node: its limits, its clock, and how it holds and sends.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Node {
    /// Where to listen; port 0 takes any free one. Loopback is all that is meant.
    pub listen: String,
    /// PEM files; with both, the node speaks TLS.
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// Subscriptions that one connection may hold (DataSift: 5,000).
    pub max_subscriptions: usize,
    /// A tick after so much silence (DataSift: 30 s); zero sends none.
    #[serde(with = "unsigned_duration::required")]
    pub tick_every: Duration,
    /// The `tick` value as JSON text instead of the clock's seconds, to lie with: `"0"`, `"-1"`, `"9223372036854775808"`.
    pub tick_value: Option<String>,
    /// Added to the clock's seconds in each tick.
    pub tick_skew: SignedDuration,
    /// A WebSocket ping each so often; zero sends none.
    #[serde(with = "unsigned_duration::required")]
    pub ping_every: Duration,
    /// Every interaction and tick is held so long before it is sent, so that a close loses the last ones.
    #[serde(with = "unsigned_duration::required")]
    pub lag: Duration,
    /// Statuses and warnings overtake the buffered interactions; otherwise they wait their turn behind them.
    pub overtake: bool,
    /// More than this in one connection's buffer: the slow-consumer warning.
    pub slow_warning: Size,
    /// More than this: disconnected as too slow.
    pub slow_disconnect: Size,
    /// The kernel's send buffer per connection; smaller ones make a slow client show sooner.
    pub socket_buffer: Option<Size>,
    /// How long a closing connection may take to hear the last words.
    #[serde(with = "unsigned_duration::required")]
    pub close_grace: Duration,
    /// The node's clock runs so far ahead (or behind) of the machine's.
    pub clock_skew: SignedDuration,
    /// Added to the clock in the `Date` header.
    pub date_skew: SignedDuration,
}

impl Default for Node {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".to_owned(),
            tls_cert: None,
            tls_key: None,
            max_subscriptions: 5000,
            tick_every: Duration::from_secs(30),
            tick_value: None,
            tick_skew: SignedDuration::ZERO,
            ping_every: Duration::from_secs(20),
            lag: Duration::ZERO,
            overtake: true,
            slow_warning: Size(32 << 20),
            slow_disconnect: Size(128 << 20),
            socket_buffer: None,
            close_grace: Duration::from_secs(2),
            clock_skew: SignedDuration::ZERO,
            date_skew: SignedDuration::ZERO,
        }
    }
}
