//! Every sentence that an operator may have to read: its name, its level, what it means, what it costs and what to do.
//!
//! This table is the one source: the log, the `notices` view, the runbook (docs/runbook.md), the journal's catalogue
//! and the alert rules are made from it or tested against it.

mod message;
pub mod runbook;

use serde_json::{Map, Value};

use crate::coverage::Cause;
use crate::healing::{GapId, JobId};
use crate::peer_text::PeerText;
use crate::record::{ConnectionId, DaemonState};

/// How much a notice matters.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// Data is being lost, or a person is needed.
    Error,
    /// Degraded, and healing by itself.
    Warn,
    /// The life of the daemon, and one summary a minute.
    Info,
    /// For those who look closely.
    Debug,
}

impl Level {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// One row of the table: what is the same for every notice of a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Stable for ever; alerts are built on it.
    pub name: &'static str,
    pub level: Level,
    /// Whether a peer can cause it as often as it likes: then it is counted rather than said beyond a bound.
    pub provoked: bool,
    /// The names of its fields, as the log, the `notices` view and the journal carry them.
    pub fields: &'static [&'static str],
    pub meaning: &'static str,
    /// What it costs: which data, which streams, for how long, or that it costs nothing.
    pub impact: &'static str,
    pub remedy: &'static str,
}

impl Entry {
    /// The identifier under which the journal's catalogue explains this notice: 32 hexadecimal digits.
    pub fn message_id(&self) -> String {
        let digest = blake3::hash(format!("siftd notice {}", self.name).as_bytes());
        digest.to_hex().chars().take(32).collect()
    }
}

/// Writes the enum, its table and the way from one to the other.
macro_rules! notices {
    ($($(#[$doc:meta])* $variant:ident { $($field:ident: $type:ty),* $(,)? }
        = $name:literal, $level:ident, $provoked:ident, $meaning:literal, $impact:literal, $remedy:literal;)*) => {
        /// Something an operator may want to read. Serialized without a tag: its fields are its detail.
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        #[serde(untagged)]
        pub enum Notice { $($(#[$doc])* $variant { $($field: $type),* },)* }

        impl Notice {
            /// The row of the table that this notice belongs to.
            pub const fn entry(&self) -> Entry {
                match self { $(Self::$variant { .. } => Entry {
                    name: $name, level: Level::$level, provoked: notices!(@$provoked),
                    fields: &[$(stringify!($field)),*], meaning: $meaning, impact: $impact,
                    remedy: $remedy,
                },)* }
            }
        }

        /// The whole table, in the order of the runbook.
        pub const TABLE: &[Entry] = &[$(Entry {
            name: $name, level: Level::$level, provoked: notices!(@$provoked),
            fields: &[$(stringify!($field)),*], meaning: $meaning, impact: $impact, remedy: $remedy,
        },)*];
    };
    (@provoked) => { true };
    (@own) => { false };
}

notices! {
    Started { version: String, pid: u32, archive: String, streams: usize }
        = "started", Info, own,
        "The daemon runs: settings and archive are good. The server has not been asked yet.",
        "Until `subscribed` follows nothing is proven: the time since the last stop lies in a gap of every stream that was wanted then.",
        "Nothing.";
    Upgrading { from_version: i64, to_version: i64, bytes: u64 }
        = "upgrading", Info, own,
        "The archive is of an earlier version and is brought to this one before anything else, all of it or nothing.",
        "Nothing is asked of the server until `upgraded`; that time lies in the gap of the restart. It can take minutes for tens of gigabytes, and three times the archive's size on the disk.",
        "Wait. If the start fails for lack of space, make room and start again: the archive is as it was.";
    Upgraded { from_version: i64, to_version: i64, seconds: f64 }
        = "upgraded", Info, own,
        "The archive is of this version now.",
        "An older siftd refuses it from here on.",
        "Nothing.";
    Connected { connection: ConnectionId, url: String, handshake_ms: u64 }
        = "connected", Info, own,
        "The connection stands; the streams are being subscribed.",
        "Messages may come, but a stream counts as covered only from its own acknowledgement on.",
        "Nothing.";
    Subscribed { connection: ConnectionId, active: usize, out: usize, seconds: f64 }
        = "subscribed", Info, own,
        "Every stream that can be had is acknowledged. Streams that are out (rejected, disabled, beyond the limit, or asked again later) are counted.",
        "Every active stream is covered again and its gap has ended. Streams that are out go on losing messages.",
        "If `out` is not 0, see `siftd streams --state rejected` and the other states.";
    Disconnected { connection: ConnectionId, cause: Cause, detail: String, seconds: f64 }
        = "disconnected", Warn, own,
        "The connection is gone; from here on messages may be lost until the streams are acknowledged again.",
        "All streams are uncovered: each has a growing gap that begins where production is last proven, so somewhat before the break.",
        "Nothing if `reconnecting` and `subscribed` follow. Otherwise see the cause.";
    ConnectFailed { cause: Cause, detail: String, attempt: u32 }
        = "connect-failed", Warn, own,
        "The server could not be reached or did not accept the connection.",
        "The gaps of all streams grow by the wait before each further attempt, up to `reconnect.network_max` after a network failure, and `reconnect.trouble_max` after trouble at the server.",
        "Check the network, the name in `source.url`, the proxy or the certificate that the detail names.";
    Reconnecting { seconds: f64, attempt: u32, cause: Cause }
        = "reconnecting", Info, own,
        "The next attempt to connect starts after this many seconds.",
        "Nothing arrives during the wait; it is part of the gap that already grows.",
        "Nothing.";
    Maintenance { text: PeerText }
        = "maintenance", Info, own,
        "The server's node closes and asks to connect anew at once, which is being done.",
        "A gap of a second or two in every stream, from what waited at the closing node to the new acknowledgements.",
        "Nothing. A short gap with cause `maintenance` is normal.";
    SlowConsumerWarning { text: PeerText, queue_bytes: usize }
        = "slow-consumer-warning", Warn, own,
        "The server says that data is taken too slowly. What it may have dropped is put into a gap, and the daemon catches up.",
        "Messages from before the warning may be missing in all streams, for the server does not say what it dropped. If nothing changes it cuts the connection.",
        "If it comes again: look at the disk (`siftd status`), at other load on the machine, and at the number of busy streams.";
    SlowConsumerDisconnected { text: PeerText }
        = "slow-consumer-disconnected", Error, own,
        "The server cut the connection because data was taken too slowly. What it held for us is lost and lies in a gap.",
        "All streams are uncovered, and the gap reaches back over what waited at the server: it can be minutes wide. Without more speed it happens again.",
        "Find what was slow: the disk, the processor, or the network. Fewer streams or a faster disk help.";
    DrainEntered { reason: String, queue_bytes: usize }
        = "drain-entered", Warn, own,
        "The daemon catches up: larger commits, less strict syncs, no side work.",
        "Nothing is lost by it. A power cut would take back more than usual (it becomes a gap); backfill and retention stand still, and readers see rows a little later.",
        "Nothing if `drain-left` follows within minutes.";
    DrainLeft { seconds: f64 }
        = "drain-left", Info, own,
        "The daemon has caught up and works as usual.",
        "Commits are as strict as the settings say again, and backfill and retention go on.",
        "Nothing.";
    QueueFull { queue_bytes: usize, max_bytes: usize }
        = "queue-full", Error, provoked,
        "The disk does not keep up: the queue has reached its bound and the connection is left unread. The server will soon drop data.",
        "Nothing is lost yet: what arrives waits at the server, whose buffer is small. Next come `slow-consumer-warning` and a gap in all streams.",
        "Look at the disk now: is it full, slow or failing? A larger `queue.max_bytes` only buys time.";
    QueueRelieved { seconds: f64 }
        = "queue-relieved", Info, provoked,
        "The queue has room again and the connection is being read.",
        "If neither a slow-consumer notice nor `disconnected` comes within seconds, nothing was lost. Else the gap has the cause `slow_consumer` and tells for how long the connection was left unread.",
        "Nothing.";
    BillingPaused { text: PeerText, since_us: crate::time::Time, probe_seconds: f64 }
        = "billing-paused", Error, own,
        "The account has no credits left. The connection is closed; every stream has a growing gap with cause `billing`.",
        "Nothing is received for any stream. Every hour of the pause is an hour that only a backfill can bring back, and a backfill costs credits too.",
        "Top up the credits, then `siftd reload` to go on at once; otherwise it is tried again every hour.";
    BillingResumed { seconds: f64 }
        = "billing-resumed", Info, own,
        "The server serves the account again after a pause for lack of credits.",
        "From the acknowledgements on all streams are covered. The pause stays a gap with cause `billing` in each of them.",
        "Nothing. The time of the pause is a gap.";
    IdentityRefused { text: PeerText, last: bool }
        = "identity-refused", Error, own,
        "The server does not accept the user name or the key, or has banned the account. If `last` is true the daemon stops with exit code 77; else it tries once more.",
        "Nothing is received for any stream. After the exit systemd does not start the daemon again: the gaps grow until a person acts.",
        "Check `source.username` and the key file, put the right key in place, and start the daemon again.";
    StreamRejected { stream: String, text: PeerText }
        = "stream-rejected", Error, own,
        "The server does not know this stream. The others go on; this one has a growing gap.",
        "Messages of this stream are never received while it stands in the list like this. No other stream is harmed.",
        "Check the hash in the stream list; take it out or correct it, then `siftd reload`.";
    StreamDisabled { stream: String, text: PeerText }
        = "stream-disabled", Error, own,
        "The server has switched this stream off. It is asked for again once a day and on reload.",
        "What this stream would match is lost for as long as the provider keeps it off: nobody collects it there either, so a backfill may not bring it back.",
        "Look up the stream in the provider's account: deprecated targets or terms of service are the usual reasons.";
    StreamTrouble { stream: String, text: PeerText, retry_seconds: f64 }
        = "stream-trouble", Warn, provoked,
        "The server cannot serve this stream at the moment; it is asked for again after a wait.",
        "This stream alone has a growing gap until it is acknowledged; each failure doubles the wait, up to `reconnect.trouble_max`.",
        "Nothing, unless it lasts for an hour.";
    TooManySubscriptions { active: usize, overflow: usize, text: PeerText }
        = "too-many-subscriptions", Error, own,
        "The connection carries no more streams. Those beyond the limit have a growing gap with cause `over_limit`.",
        "The streams beyond the limit receive nothing at all, for as long as the list is longer than what the account may have. Those that are active are whole.",
        "Take streams out of the list, or join several into one at the provider.";
    AcknowledgementMissing { streams: usize, stream: String }
        = "acknowledgement-missing", Warn, provoked,
        "The server did not answer some subscriptions in time; they are asked for again. One of them is named.",
        "These streams may be served or not; none of it is claimed. Their gaps stay open until an acknowledgement or a first message.",
        "Nothing, unless it lasts.";
    RequestRefused { text: PeerText, sent: String }
        = "request-refused", Error, provoked,
        "The server found a request of ours wrong. This is a fault in the daemon or a change at the server.",
        "What was asked for did not happen: if it was a subscription, that stream stays uncovered. It is not asked in a loop.",
        "Report it with the text and the request named here.";
    Unattributed { text: PeerText }
        = "unattributed-refusal", Warn, provoked,
        "The server refused a stream without saying which. The connection is renewed, so that the subscriptions tell.",
        "One stream is out and it is not known which, so all are subscribed anew: a short gap in every stream.",
        "Nothing.";
    Capacity { text: PeerText }
        = "capacity", Warn, provoked,
        "The service is full; the daemon tries again with growing waits.",
        "No stream is covered while the service takes nobody in; attempts are up to `reconnect.trouble_max` apart, so gaps outlast the trouble by as much.",
        "Nothing. If it lasts for hours, ask the provider.";
    ConnectionTrouble { text: PeerText }
        = "connection-trouble", Warn, provoked,
        "The server cannot serve the connection at the moment; the daemon tries again with growing waits.",
        "All streams are uncovered until an attempt succeeds; attempts are up to `reconnect.trouble_max` apart, so gaps outlast the trouble by as much.",
        "Nothing. If it lasts for hours, ask the provider.";
    Silence { seconds: f64 }
        = "silence", Warn, own,
        "Nothing at all came for too long: the connection is taken for dead and renewed at once.",
        "Nothing of the silent time is claimed: every stream has a gap from the last sign of life to its new acknowledgement, a little more than `liveness.silence`.",
        "If it comes often: a firewall or a proxy between here and the server drops idle connections.";
    Suspended { seconds: f64 }
        = "suspended", Warn, own,
        "This machine or this process stood still. The time is a gap.",
        "The server may have dropped what nobody read meanwhile, so every stream has a gap over the standstill. Alerts that count seconds were blind as well.",
        "Find out what stopped the machine: a snapshot, a suspend, a debugger, or a lack of processor time.";
    UnknownStatus { status: String, text: PeerText }
        = "unknown-status", Warn, provoked,
        "The server said something that is not in the table of known messages. It was handled by its status word.",
        "If it was a warning, none. A failure that names no stream is taken for trouble of the connection and costs a short gap in every stream.",
        "Report the text, so that it can be put into the table.";
    FrameQuarantined { reason: String, bytes: usize }
        = "frame-quarantined", Warn, provoked,
        "A frame could not be understood. It is kept byte for byte in the `quarantine` view.",
        "What the frame held is not among the interactions, but no byte is lost: it can be read out of quarantine later. No gap is made for it.",
        "Look at it: `SELECT * FROM quarantine ORDER BY id DESC LIMIT 1`.";
    QuarantineFull { max_bytes: usize }
        = "quarantine-full", Error, provoked,
        "A frame could not be understood and there is no room left to keep it. The loss is a gap, and the connection is renewed.",
        "What the frame held is lost, and the renewed connection costs a short gap in every stream. Each further unreadable frame does it again.",
        "Look into the `quarantine` view, find out what the server sends, and raise `archive.quarantine_max` if the frames matter.";
    OversizeFrame { limit: usize }
        = "oversize-frame", Error, own,
        "A message was larger than `source.max_frame` and is lost; the loss is a gap, and the connection is renewed.",
        "The message is lost, and the renewed connection costs a short gap in every stream. Each such message does it again.",
        "Raise `source.max_frame` if such messages are genuine.";
    ForeignInteraction { stream: PeerText }
        = "foreign-interaction", Debug, provoked,
        "The server sent a message of a stream that is not wanted (or no longer); it was dropped.",
        "None for the streams that are wanted. Bytes, and perhaps credits, are spent on messages that nobody keeps.",
        "Nothing right after a reload. Otherwise the server confuses its subscriptions.";
    DeleteUnmatched { stream: PeerText }
        = "delete-unmatched", Warn, provoked,
        "The server ordered a deletion without an interaction id, so nothing could be removed by it.",
        "An interaction that its author or the provider wanted removed may still be in the archive: a matter of the terms of service and not of completeness.",
        "If the terms of service demand it, find and delete the post by hand.";
    GapOpened { streams: usize, stream: Option<String>, cause: Cause, since_us: crate::time::Time }
        = "gap-opened", Warn, own,
        "From `since_us` on (for some streams later) nothing is proven complete, for this many streams and this cause.",
        "Messages of these streams may be missing from that moment on; a query over that time must not be taken for complete.",
        "See the cause: `siftd gaps --state open`.";
    GapClosed { streams: usize, stream: Option<String>, connection: ConnectionId }
        = "gap-closed", Info, own,
        "The growing gaps of this many streams have ended: the streams are acknowledged again. What was missed stays recorded.",
        "These streams are complete again from now on. The gap stays on record with a bound on both sides, and waits for a backfill.",
        "Nothing.";
    GapFilled { gap: GapId, stream: String, job: JobId, rows: u64 }
        = "gap-filled", Info, own,
        "A gap is filled: everything that the server's archive held for it is stored. `rows` of them were new; deletions ordered in that time stay unknown.",
        "Queries over that time are as complete as the server's archive is; posts that were deleted meanwhile may still be among the rows.",
        "Nothing.";
    GapUnfillable { gap: GapId, stream: String, job: JobId, why: String }
        = "gap-unfillable", Warn, own,
        "A gap cannot be filled from the server's archive, now or later; what it missed is lost.",
        "This stretch of the stream stays incomplete for ever. It is kept as such, so that nobody takes it for quiet.",
        "See the reason: the stream may be unknown to the archive, or its sources may not be in it.";
    BackfillPlanned { jobs: usize, gaps: usize, credits: u64, milliunits: u64 }
        = "backfill-planned", Info, own,
        "So many jobs would fill so many gaps, at about this price in credits for requests and thousandths of a unit for data. Nothing is spent until an operator says so.",
        "None yet: the gaps wait, and no money is spent. The provider's archive keeps data for a limited time, so waiting can cost the chance.",
        "`siftd backfill --dry-run` shows the plan, `siftd backfill` carries it out; `backfill.mode = \"auto\"` does so from now on.";
    BackfillStarted { job: JobId, streams: usize, stream: Option<String> }
        = "backfill-started", Info, own,
        "The server works on a job; what it finds is fetched as it comes, in minutes to days.",
        "Money is being spent. Rows appear with origin `backfill` as they come, before their gap counts as filled.",
        "Nothing.";
    BackfillFailed { job: JobId, streams: usize, stream: Option<String>, why: String, rows: u64 }
        = "backfill-failed", Warn, own,
        "A job has ended without filling all of its gaps. What it fetched is stored; the gaps stay open to another try.",
        "Those gaps stay incomplete for now. What was fetched was paid for and is kept; another try pays for the rest.",
        "See the reason. It is tried again after `backfill.cool_down`; `siftd backfill` tries at once.";
    BackfillTrouble { text: PeerText, retry_seconds: f64 }
        = "backfill-trouble", Warn, provoked,
        "The server's archive cannot be asked at the moment; it is tried again after a wait. The live stream is not concerned.",
        "Gaps fill later. Jobs that run at the server go on there, but it keeps their results for a limited time.",
        "Nothing, unless it lasts for hours.";
    BackfillPaused { text: PeerText }
        = "backfill-paused", Error, own,
        "The server's archive refuses us: rights, credit or address. Gaps stay as they are; it is tried once an hour. The live stream goes on.",
        "No gap is filled. Nothing is lost by that today, but the server's archive keeps data and results for a limited time.",
        "See the text: the account may have no access to the archive, or no credit. When that is mended, `siftd reload` or `siftd backfill` goes on at once.";
    BackfillResumed { reason: String }
        = "backfill-resumed", Info, own,
        "The server's archive answers again after a pause.",
        "Gaps are filled again, from where it stood. A pause of hours may have cost results that the server does not keep for ever.",
        "Nothing.";
    CrashFound { streams: usize, since_us: crate::time::Time }
        = "crash-found", Warn, own,
        "The daemon had not stopped in order: what came after its last commit is put into gaps.",
        "Every stream has a gap from what the last commit proves to its acknowledgement in the new life. All that was committed is there.",
        "Find out why it died: the journal of the time before, the kernel's log, the memory limit.";
    Reloaded { added: Vec<String>, removed: Vec<String>, changed: Vec<String> }
        = "reloaded", Info, own,
        "Settings and stream list were read again and the difference is applied.",
        "Streams that were added are covered from their acknowledgement on, and those taken out end without a gap. The others did not notice.",
        "Nothing.";
    ReloadRefused { faults: String }
        = "reload-refused", Error, own,
        "Settings or stream list were read again and are not usable. The old ones stay in force.",
        "None for the streams that run. What the change was for (a new stream, another limit) is not in force, and a restart with these files would fail with 78.",
        "Correct what the faults name (`siftd check` shows them too), then reload again.";
    StorageFull { detail: String }
        = "storage-full", Error, own,
        "The archive cannot be written for lack of space. What arrives waits in memory; nothing is claimed. When the queue is full the connection is left unread.",
        "No stream is covered from the last commit on. Messages are safe in memory until the queue is full or the daemon dies; then they are lost, and lie in a gap.",
        "Free space on the archive's file system now. The daemon goes on by itself.";
    StorageTrouble { detail: String }
        = "storage-trouble", Error, own,
        "The archive cannot be written. What arrives waits in memory; nothing is claimed. It is tried again and again.",
        "Coverage stands still while messages wait in memory. If it lasts until the queue is full, or the daemon dies, they are lost and lie in a gap.",
        "Look at the detail: a lock held by another program, a failing disk, a changed permission. The daemon goes on by itself.";
    StorageRecovered { seconds: f64 }
        = "storage-recovered", Info, own,
        "The archive can be written again; what waited is stored.",
        "If the queue was not full meanwhile, nothing is missing and there is no gap.",
        "Nothing.";
    LogHeldBack { wal_bytes: u64 }
        = "wal-growth", Warn, own,
        "A reader holds an old view of the archive, so its write-ahead log grows.",
        "Nothing is lost, but the disk fills and every reader becomes slower. Bytes of deleted interactions stay in the log for as long.",
        "Find the reader with a long transaction (`fuser -v` on the archive) and end it.";
    ClockStepped { seconds: f64 }
        = "clock-stepped", Warn, own,
        "The system's clock was set. The daemon measures with a clock that does not jump and keeps its own time until it is started again.",
        "Coverage and gaps stay true. Times of arrival and those in the log differ by the step from the system's clock, and so does what `--since` selects.",
        "If the step was large, restart the daemon at a quiet moment so that its times agree with the system's.";
    NoticesOmitted { name: String, count: u64 }
        = "notices-omitted", Warn, own,
        "So many notices of this name were left out within a minute, because a peer can cause them without end.",
        "No gap goes untold by it: `gap-opened` is never left out. Only the record of what the peer caused has holes.",
        "See the notices of that name which were written.";
    LogLost { count: u64 }
        = "log-lost", Warn, own,
        "The log could not take so many lines (a stopped journal, a full pipe). The archive has the notices.",
        "Alerts that are built on the log may have missed a notice of any level. The archive and its gaps are not harmed.",
        "Look at the program that reads the log.";
    State { state: DaemonState, active: usize, wanted: usize, out: usize, open_gaps: usize, queue_bytes: usize,
            connection: Option<ConnectionId>, watermark_us: Option<crate::time::Time>, settings: Value }
        = "state", Info, own,
        "The full state, written because SIGUSR1 asked for it.",
        "None: it only tells.",
        "Nothing.";
    Pruned { rows: u64, bytes: u64, before_us: crate::time::Time }
        = "pruned", Info, own,
        "Retention has removed interactions that were older, or more, than the settings keep, with so many bytes of payload. They had arrived before `before_us`. No coverage claims them any more. Said once an hour at most, with what was removed since.",
        "Those rows are gone for good, as the settings ask. Questions about the time before must look at `pruned_before_at` of the stream.",
        "Nothing. `retention.max_age` and `retention.max_size`, and those of a stream in its list, say what is kept.";
    RetentionBehind { seconds: f64, why: String }
        = "retention-behind", Warn, own,
        "What is older or more than the settings keep has not all been removed for this long. The archive may grow beyond its limit; nothing that is to be kept is at risk.",
        "The disk fills further than was planned, and interactions are kept for longer than the limit says, which may matter for the terms of service.",
        "Nothing in the first hours after a limit was set. Otherwise raise `retention.max_size`, or look for what slows the disk.";
    Summary { state: DaemonState, interactions: u64, per_second: f64, deletes: u64, active: usize, wanted: usize, open_gaps: usize, queue_bytes: usize,
              backfill_pending: usize, backfill_running: usize, backfill_filled: u64, backfill_failed: u64 }
        = "summary", Info, own,
        "What the last minute brought; gaps that wait for backfill, jobs that run, and since the start gaps filled and jobs that failed. Its absence for five minutes means that the daemon is dead or stuck.",
        "None: it is the pulse. What matters is its absence.",
        "Nothing.";
    Stopping { reason: String }
        = "stopping", Info, own,
        "The daemon has been asked to stop: it closes the connection and commits what it has.",
        "Coverage ends with what has come until now. From there a gap with cause `shutdown` grows in every stream until the next start.",
        "Nothing.";
    Stopped { reason: String, interactions: u64 }
        = "stopped", Info, own,
        "The daemon has stopped; everything it received is committed. This many interactions were taken in since it started.",
        "Nothing is received until the next start, and that time is a gap with cause `shutdown` in every stream. The archive can be read and copied.",
        "Nothing.";
}

impl Notice {
    /// The fields of this notice, by name.
    pub fn detail(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) | Err(_) => Map::new(),
        }
    }

    /// The stream it speaks of, if it speaks of one.
    pub fn stream(&self) -> Option<String> {
        self.detail().get("stream")?.as_str().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_stable_words_and_differ() {
        let names: BTreeSet<_> = TABLE.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), TABLE.len());
        for name in names {
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
        }
    }

    #[test]
    fn every_entry_says_what_it_means_what_it_costs_and_what_to_do() {
        for entry in TABLE {
            assert!(entry.meaning.ends_with('.') && entry.remedy.ends_with(['.', '`']), "{}", entry.name);
            assert!(entry.impact.ends_with('.') && entry.impact != entry.meaning, "{}", entry.name);
            // Who is woken by it needs more than a word.
            let urgent = matches!(entry.level, Level::Error | Level::Warn);
            assert!(!urgent || entry.impact.split(' ').count() >= 8, "{}: {}", entry.name, entry.impact);
        }
    }

    #[test]
    fn what_a_notice_costs_is_said_of_no_other() {
        let impacts: BTreeSet<_> = TABLE.iter().map(|entry| entry.impact).collect();
        assert_eq!(impacts.len(), TABLE.len());
    }

    #[test]
    fn a_notice_carries_its_fields() {
        let notice = Notice::StreamRejected { stream: "ab".into(), text: PeerText::of("ab is an invalid hash") };
        assert_eq!(notice.stream().as_deref(), Some("ab"));
        assert_eq!(Value::Object(notice.detail()).to_string(), r#"{"stream":"ab","text":"ab is an invalid hash"}"#);
    }
}
