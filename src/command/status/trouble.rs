//! What is wrong, as far as the archive tells, and what to do about it.

use std::time::Duration;

use serde::Serialize;

use super::picture::{OpenGaps, Picture};
use crate::archive::reading::Holder;
use crate::command::columns::Columns;
use crate::command::figures;
use crate::coverage::Cause;
use crate::notice::{Level, TABLE};
use crate::record::{DaemonState, StreamState};
use crate::time::{Time, micros_of};

/// A connection that is not live after this long is worth a word.
const PATIENCE: Duration = Duration::from_mins(1);
/// A daemon writes its row every few seconds, whatever its state.
const STALE: Duration = Duration::from_secs(30);
/// Clocks this far apart are worth a word.
const CLOCKS_APART: Duration = Duration::from_secs(5);
/// Below this the disk will be full soon, in bytes.
const FREE_LOW: u64 = 1 << 30;
/// A write-ahead log above this is held back by a reader, in bytes.
const LOG_LARGE: u64 = 256 << 20;

/// One thing that is wrong.
#[derive(Debug, Eq, PartialEq, Serialize)]
pub(super) struct Trouble {
    /// `error`: data is being lost or a person is needed. `warn`: degraded, healing by itself.
    pub level: &'static str,
    #[serde(rename = "since_us")]
    pub since: Option<Time>,
    pub what: String,
    /// What to do now.
    pub remedy: String,
}

/// All that is wrong, what matters most first.
pub(super) fn troubles(picture: &Picture) -> Vec<Trouble> {
    let mut found = Vec::new();
    found.extend(absence(picture));
    if matches!(picture.holder, Holder::Daemon { .. }) {
        found.extend(picture.daemon.as_ref().and_then(|daemon| state(daemon, picture)));
    }
    // Without a daemon nothing heals by itself, and its absence is said already.
    let absent = picture.holder == Holder::Nobody;
    let told = |gaps: &&OpenGaps| !absent || !Cause::of_word(&gaps.cause).is_some_and(heals);
    found.extend(picture.gaps.open_by_cause.iter().filter(told).map(uncovered));
    found.extend(surroundings(picture));
    found.sort_by_key(|trouble| trouble.level != Level::Error.word());
    found
}

fn error(since: Option<Time>, what: String, remedy: impl Into<String>) -> Trouble {
    Trouble { level: Level::Error.word(), since, what, remedy: remedy.into() }
}

fn warning(since: Option<Time>, what: String, remedy: impl Into<String>) -> Trouble {
    Trouble { level: Level::Warn.word(), since, what, remedy: remedy.into() }
}

/// The remedy that the table of notices has for a name.
fn remedy_of(name: &str) -> &'static str {
    TABLE.iter().find(|entry| entry.name == name).map_or("See `siftd explain`.", |entry| entry.remedy)
}

/// No daemon runs.
fn absence(picture: &Picture) -> Option<Trouble> {
    const START: &str = "Start the daemon (`systemctl start siftd`): whatever the server sends meanwhile is missed.";
    const DIED: &str = "Find out why it died (`journalctl -u siftd -n 100`) and start it again (`systemctl start siftd`): \
                        whatever the server sends meanwhile is missed, and nothing after the watermark is proven.";
    match (&picture.holder, &picture.daemon) {
        (Holder::Daemon { .. }, _) => None,
        (Holder::Unknown(why), _) => Some(warning(
            None,
            format!("it cannot be told whether a daemon runs ({why})"),
            "Run this as a member of the group that the lock file belongs to.",
        )),
        (Holder::Nobody, None) => Some(error(None, "no daemon has ever run on this archive".to_owned(), START)),
        (Holder::Nobody, Some(daemon)) if is_refused(picture) => {
            let what = "not running: the server refused user name or key".to_owned();
            Some(error(daemon.moment("since_us"), what, remedy_of("identity-refused")))
        }
        (Holder::Nobody, Some(daemon)) if daemon.text("state") == DaemonState::Stopped.word() => {
            Some(error(daemon.moment("since_us"), "not running: it was stopped in order".to_owned(), START))
        }
        (Holder::Nobody, Some(daemon)) => {
            let last_sign = daemon.moment("told_us").max(picture.newest_notice);
            let state = daemon.text("state");
            Some(error(last_sign, format!("not running: it died (its last word was `{state}`)"), DIED))
        }
    }
}

/// To start the daemon again would be of no use: it ended because of who we are.
fn is_refused(picture: &Picture) -> bool {
    picture.gaps.open_by_cause.iter().any(|gaps| gaps.cause == Cause::Auth.word())
}

/// The daemon runs, and is not as it should be.
fn state(daemon: &Columns, picture: &Picture) -> Option<Trouble> {
    let now = picture.now;
    let since = daemon.moment("since_us");
    let lasting = since.is_none_or(|since| now.since(since) > PATIENCE);
    let is = |state: DaemonState| daemon.text("state") == state.word();
    if let Some(told) = daemon.moment("told_us").filter(|told| now.since(*told) > STALE && !is(DaemonState::Stopped)) {
        let (why, notice) = match picture.archive.free {
            Some(free) if free < FREE_LOW => ("the disk is full", "storage-full"),
            _ => ("the disk or the daemon is stuck", "storage-trouble"),
        };
        return Some(error(Some(told), format!("nothing is being written: {why}"), remedy_of(notice)));
    }
    if is(DaemonState::PausedBilling) {
        return Some(error(since, "paused: the account has no credits left".to_owned(), remedy_of("billing-paused")));
    }
    if is(DaemonState::Waiting) {
        return Some(warning(
            since,
            "not connected, waiting to try again".to_owned(),
            "It does so by itself; the cause stands below.",
        ));
    }
    if lasting && (is(DaemonState::Starting) || is(DaemonState::Connecting) || is(DaemonState::Subscribing)) {
        let what = format!("{} takes long", daemon.text("state"));
        return Some(warning(since, what, remedy_of("connect-failed")));
    }
    is(DaemonState::Draining).then(|| warning(since, "catching up".to_owned(), remedy_of("drain-entered")))
}

/// Streams that are not covered for one cause.
fn uncovered(gaps: &OpenGaps) -> Trouble {
    let what = format!("{} not covered ({})", figures::counted(gaps.streams, "stream"), gaps.cause);
    let cause = Cause::of_word(&gaps.cause);
    let remedy = cause.map_or("See `siftd gaps --state open`.", |cause| remedy_of(notice_of(cause)));
    let which = cause.and_then(state_of).map(|state| format!(" Which: `siftd streams --state {}`.", state.word()));
    let remedy = format!("{remedy}{}", which.unwrap_or_default());
    match cause.filter(|cause| heals(*cause)) {
        Some(_) => warning(Some(gaps.since), what, remedy),
        None => error(Some(gaps.since), what, remedy),
    }
}

/// Whether a gap of this cause ends without a person.
fn heals(cause: Cause) -> bool {
    match cause {
        Cause::Network
        | Cause::ServerClosed
        | Cause::Maintenance
        | Cause::Silence
        | Cause::Capacity
        | Cause::ServerError
        | Cause::OversizeFrame
        | Cause::Shutdown
        | Cause::Crash
        | Cause::Suspended
        | Cause::Starting => true,
        Cause::SlowConsumer
        | Cause::Billing
        | Cause::Auth
        | Cause::Rejected
        | Cause::Disabled
        | Cause::OverLimit
        | Cause::LocalStorage => false,
    }
}

/// The state of the streams that a person has to look at one by one for a gap of this cause.
fn state_of(cause: Cause) -> Option<StreamState> {
    match cause {
        Cause::Rejected => Some(StreamState::Rejected),
        Cause::Disabled => Some(StreamState::Disabled),
        Cause::OverLimit => Some(StreamState::Overflow),
        Cause::Network
        | Cause::ServerClosed
        | Cause::Maintenance
        | Cause::Silence
        | Cause::SlowConsumer
        | Cause::Capacity
        | Cause::Billing
        | Cause::Auth
        | Cause::ServerError
        | Cause::OversizeFrame
        | Cause::LocalStorage
        | Cause::Shutdown
        | Cause::Crash
        | Cause::Suspended
        | Cause::Starting => None,
    }
}

/// The notice whose remedy fits a gap of this cause.
fn notice_of(cause: Cause) -> &'static str {
    match cause {
        Cause::Network => "connect-failed",
        Cause::ServerClosed => "disconnected",
        Cause::Shutdown => "reconnecting",
        Cause::Maintenance => "maintenance",
        Cause::Silence => "silence",
        Cause::SlowConsumer => "slow-consumer-disconnected",
        Cause::Capacity => "capacity",
        Cause::Billing => "billing-paused",
        Cause::Auth => "identity-refused",
        Cause::Rejected => "stream-rejected",
        Cause::Disabled => "stream-disabled",
        Cause::OverLimit => "too-many-subscriptions",
        Cause::ServerError => "connection-trouble",
        Cause::OversizeFrame => "oversize-frame",
        Cause::LocalStorage => "storage-trouble",
        Cause::Crash => "crash-found",
        Cause::Suspended => "suspended",
        Cause::Starting => "acknowledgement-missing",
    }
}

/// The disk and the clock.
fn surroundings(picture: &Picture) -> impl Iterator<Item = Trouble> {
    let disk = picture.archive.free.filter(|free| *free < FREE_LOW).map(|free| {
        error(None, format!("only {} left on the archive's disk", figures::size(free)), remedy_of("storage-full"))
    });
    let log = (picture.archive.log > LOG_LARGE).then(|| {
        let what = format!("the write-ahead log has grown to {}", figures::size(picture.archive.log));
        warning(None, what, remedy_of("wal-growth"))
    });
    let offset = picture.daemon.as_ref().and_then(|daemon| daemon.number("clock_offset_us"));
    let clock = offset.filter(|offset| offset.saturating_abs() > micros_of(CLOCKS_APART)).map(|offset| {
        const REMEDY: &str = "Check that this machine's clock is set by NTP (`timedatectl`). Coverage takes the difference into account.";
        warning(None, figures::clocks(offset), REMEDY)
    });
    let paused = picture
        .healing
        .paused
        .as_ref()
        .map(|words| error(None, format!("backfill is paused: {words}"), remedy_of("backfill-paused")));
    disk.into_iter().chain(log).chain(clock).chain(paused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_remedy_is_in_the_table() {
        let named = [
            "billing-paused",
            "connect-failed",
            "storage-trouble",
            "drain-entered",
            "storage-full",
            "wal-growth",
            "backfill-paused",
        ];
        for name in Cause::ALL.into_iter().map(notice_of).chain(named) {
            assert!(TABLE.iter().any(|entry| entry.name == name), "{name}");
        }
    }
}
