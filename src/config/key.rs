//! The table of the keys: what each takes, what stands for it when it is absent, and when a change
//! of it takes effect.

use std::fmt;

use self::Absent::{Default, Nothing, Refused};
use self::Applies::{NextConnection, Now, Restart};
use super::shape::Shape::{self, Count, Flag, Share, Size, Span, Streams, Text, Word};
use crate::limits::{COMBINE_MAX, JOBS_MAX, STREAMS_MAX};

/// A key of daemon.toml.
#[derive(Debug)]
pub(super) struct Key {
    /// Section and name, `gap.margin`.
    pub(super) path: &'static str,
    pub(super) shape: Shape,
    pub(super) absent: Absent,
    pub(super) applies: Applies,
}

/// What it means that a key is not written.
#[derive(Debug)]
pub(super) enum Absent {
    Default(&'static str),
    Nothing,
    Refused,
}

/// When a changed setting takes effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Applies {
    /// With the reload.
    Now,
    /// When the next connection is opened.
    NextConnection,
    /// When the daemon is started again.
    Restart,
}

impl fmt::Display for Applies {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Now => "now",
            NextConnection => "with the next connection",
            Restart => "after a restart",
        })
    }
}

impl Key {
    pub(super) fn section(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(section, _)| section)
    }

    pub(super) fn name(&self) -> &'static str {
        self.path.split_once('.').map_or("", |(_, name)| name)
    }
}

/// The key of this path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The sections in their order.
pub(super) fn sections() -> Vec<&'static str> {
    let mut sections: Vec<_> = KEYS.iter().map(Key::section).collect();
    sections.dedup();
    sections
}

/// The names of a section's keys.
pub(super) fn names(section: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter(move |key| key.section() == section).map(Key::name)
}

const fn key(path: &'static str, shape: Shape, absent: Absent, applies: Applies) -> Key {
    Key { path, shape, absent, applies }
}

const MS: u64 = 1;
const S: u64 = 1_000;
const H: u64 = 3_600 * S;
const D: u64 = 24 * H;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// All of them, section by section, in the order of the shipped daemon.toml.
#[rustfmt::skip] // one line a key
pub(super) const KEYS: &[Key] = &[
    key("source.kind", Word(&["datasift"]), Default("datasift"), Restart),
    key("source.url", Text, Refused, NextConnection),
    key("source.username", Text, Refused, NextConnection),
    key("source.api_key_file", Text, Default("api-key"), NextConnection),
    key("source.streams_file", Text, Nothing, Now),
    key("source.streams", Streams, Nothing, Now),
    key("source.max_streams", Count(1, STREAMS_MAX), Default("5000"), Now),
    key("source.subscribe_window", Count(1, STREAMS_MAX), Default("1000"), Now),
    key("source.connect_timeout", Span(MS, H), Default("10s"), NextConnection),
    key("source.max_frame", Size(KIB, GIB), Default("20MiB"), NextConnection),
    key("source.allow_insecure", Flag, Default("false"), NextConnection),
    key("archive.path", Text, Default("/var/lib/siftd/archive.db"), Restart),
    key("archive.synchronous", Word(&["full", "normal"]), Default("full"), Restart),
    key("archive.quarantine_max", Size(KIB, 1024 * GIB), Default("64MiB"), Restart),
    key("archive.max_wal", Size(MIB, 1024 * GIB), Default("64MiB"), Restart),
    key("log.format", Word(&["auto", "journald", "text", "json"]), Default("auto"), Restart),
    key("log.level", Word(&["error", "warn", "info", "debug", "trace"]), Default("info"), Now),
    key("reconnect.network_step", Span(MS, H), Default("1s"), Now),
    key("reconnect.network_max", Span(MS, H), Default("16s"), Now),
    key("reconnect.trouble_first", Span(MS, H), Default("10s"), Now),
    key("reconnect.trouble_max", Span(MS, H), Default("320s"), Now),
    key("reconnect.jitter", Share(0.0, 0.5), Default("0.1"), Now),
    key("reconnect.billing_probe", Span(MS, D), Default("1h"), Now),
    key("reconnect.identity_retry", Span(MS, H), Default("60s"), Now),
    key("reconnect.disabled_probe", Span(MS, 7 * D), Default("24h"), Now),
    key("liveness.silence", Span(MS, H), Default("65s"), Now),
    key("liveness.acknowledgement", Span(MS, H), Default("10s"), Now),
    key("queue.max_bytes", Size(KIB, 64 * GIB), Default("32MiB"), Restart),
    key("gap.margin", Span(0, H), Default("2s"), NextConnection),
    key("gap.starting", Span(0, H), Default("60s"), Now),
    key("backfill.mode", Word(&["off", "approve", "auto"]), Default("approve"), Now),
    key("backfill.url", Text, Default("https://api.datasift.com/v1.6"), Restart),
    key("backfill.sources", Text, Default("bitly, disqus, intensedebate, tumblr, wordpress"), Now),
    key("backfill.timeout", Span(S, H), Default("1m"), Restart),
    key("backfill.lag", Span(0, 30 * D), Default("65m"), Now),
    key("backfill.overlap", Span(0, H), Default("2s"), Now),
    key("backfill.join", Span(0, D), Default("10m"), Now),
    key("backfill.combine", Count(1, COMBINE_MAX), Default("45"), Now),
    key("backfill.smallest", Span(0, D), Default("1s"), Now),
    key("backfill.cool_down", Span(0, 30 * D), Default("1h"), Now),
    key("backfill.tries", Count(1, 1_000), Default("5"), Now),
    key("backfill.order", Word(&["oldest", "cheapest"]), Default("oldest"), Now),
    key("backfill.credits_a_day", Count(1, 100_000_000), Default("5000"), Now),
    key("backfill.units_a_day", Share(0.0, 1_000_000.0), Default("100"), Now),
    key("backfill.units_an_hour", Share(0.0, 1_000_000.0), Default("1.25"), Now),
    key("backfill.jobs", Count(1, JOBS_MAX), Default("20"), Now),
    key("backfill.deadline", Span(S, 31 * D), Default("5d"), Now),
    key("backfill.page", Size(64 * KIB, 50 * MIB), Default("2MiB"), Restart),
    key("backfill.rows_a_second", Count(1, 1_000_000), Default("1000"), Now),
    key("retention.max_age", Span(S, 36_500 * D), Nothing, Restart),
    key("retention.max_size", Size(64 * MIB, 1024 * 1024 * GIB), Nothing, Restart),
    key("retention.tombstones", Span(S, 36_500 * D), Default("90d"), Restart),
    key("retention.notices", Span(S, 36_500 * D), Default("365d"), Restart),
    key("tls.ca_file", Text, Nothing, NextConnection),
];

#[cfg(test)]
mod tests {
    use super::super::shape::Given;
    use super::*;

    const SHIPPED: &str = include_str!("../../daemon.toml");

    /// The keys of the shipped file: path and value, the commented ones without a value.
    fn shipped() -> Vec<(String, Option<&'static str>)> {
        let mut section = "";
        let mut keys = Vec::new();
        for line in SHIPPED.lines() {
            if let Some(heading) = line.strip_prefix('[') {
                section = heading.trim_end_matches(']');
            }
            let commented = line.strip_prefix("# ");
            if let Some((name, value)) = commented.unwrap_or(line).split_once(" = ") {
                let value = commented.is_none().then_some(value.trim_matches('"'));
                keys.push((format!("{section}.{name}"), value));
            }
        }
        keys
    }

    #[test]
    fn the_shipped_file_names_every_key_once_in_the_order_of_the_table() {
        let named: Vec<_> = shipped().into_iter().map(|(path, _)| path).collect();
        let known: Vec<_> = KEYS.iter().map(|key| key.path).collect();
        assert_eq!(named, known);
    }

    #[test]
    fn the_shipped_file_shows_the_defaults() {
        for (key, (path, shown)) in KEYS.iter().zip(shipped()) {
            match key.absent {
                Default(default) => assert_eq!(shown, Some(default), "{path}"),
                // Without a list there would be nothing to hold; the others stay commented out.
                Nothing if path == "source.streams_file" => assert!(shown.is_some()),
                Nothing => assert_eq!(shown, None, "{path}"),
                Refused => assert!(shown.is_some(), "{path}"),
            }
        }
    }

    #[test]
    fn every_default_is_a_value_that_its_key_takes() {
        for key in KEYS {
            if let Default(text) = key.absent {
                assert!(key.shape.judge(&Given::Loose(text)).is_ok(), "{}", key.path);
            }
        }
    }
}
