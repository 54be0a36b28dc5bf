//! The sentence of each notice.

use std::fmt;

use super::Notice;

impl fmt::Display for Notice {
    #[expect(clippy::too_many_lines, reason = "one sentence a notice, in the order of the table")]
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { version, pid, archive, streams } => {
                write!(out, "siftd {version} runs as process {pid}: {streams} streams into {archive}")
            }
            Self::Upgrading { from_version, to_version, bytes } => {
                write!(out, "the archive is brought from version {from_version} to {to_version}: {bytes} bytes")
            }
            Self::Upgraded { from_version, to_version, seconds } => {
                write!(out, "the archive was brought from version {from_version} to {to_version} in {seconds:.1} s")
            }
            Self::Connected { connection, url, handshake_ms } => {
                write!(out, "connection {} to {url} stands after {handshake_ms} ms", connection.0)
            }
            Self::Subscribed { active, out: absent, seconds, .. } => {
                write!(out, "all streams answered: {active} active, {absent} out, after {seconds:.3} s")
            }
            Self::Disconnected { connection, cause, detail, seconds } => {
                write!(out, "connection {} ended after {seconds:.1} s ({cause}): {detail}", connection.0)
            }
            Self::ConnectFailed { detail, attempt, .. } => {
                write!(out, "attempt {attempt} failed: {detail}")
            }
            Self::Reconnecting { seconds, attempt, cause } => {
                write!(out, "attempt {attempt} to connect in {seconds:.1} s ({cause})")
            }
            Self::Maintenance { text } => {
                write!(out, "the server's node closes, reconnecting at once: {text}")
            }
            Self::SlowConsumerWarning { text, queue_bytes } => {
                write!(out, "the server finds us too slow ({queue_bytes} bytes wait here): {text}")
            }
            Self::SlowConsumerDisconnected { text } => write!(out, "cut off as too slow: {text}"),
            Self::DrainEntered { reason, queue_bytes } => {
                write!(out, "catching up, {queue_bytes} bytes wait: {reason}")
            }
            Self::DrainLeft { seconds } => write!(out, "caught up after {seconds:.0} s"),
            Self::QueueFull { queue_bytes, max_bytes } => {
                write!(out, "{queue_bytes} of {max_bytes} bytes wait for the disk: the connection is left unread")
            }
            Self::QueueRelieved { seconds } => write!(out, "reading again after {seconds:.1} s"),
            Self::BillingPaused { text, since_us: since, probe_seconds } => {
                write!(out, "paused since {since} for lack of credits, next try in {probe_seconds:.0} s: {text}")
            }
            Self::BillingResumed { seconds } => {
                write!(out, "served again after a pause of {seconds:.0} s")
            }
            Self::IdentityRefused { text, last: true } => {
                write!(out, "the server refuses our identity, stopping: {text}")
            }
            Self::IdentityRefused { text, last: false } => {
                write!(out, "the server refuses our identity, trying once more: {text}")
            }
            Self::StreamRejected { stream, text } => {
                write!(out, "stream {stream} rejected: {text}")
            }
            Self::StreamDisabled { stream, text } => {
                write!(out, "stream {stream} disabled: {text}")
            }
            Self::StreamTrouble { stream, text, retry_seconds } => {
                write!(out, "stream {stream} not served, asking again in {retry_seconds:.0} s: {text}")
            }
            Self::TooManySubscriptions { active, overflow, text } => {
                write!(out, "the connection is full with {active} streams, {overflow} are left out: {text}")
            }
            Self::AcknowledgementMissing { streams, stream } => {
                write!(out, "{streams} subscriptions unanswered, asking again, among them {stream}")
            }
            Self::RequestRefused { text, sent } => {
                write!(out, "the server refuses what we sent ({sent}): {text}")
            }
            Self::Unattributed { text } => {
                write!(out, "a stream was refused but not named, connecting anew: {text}")
            }
            Self::Capacity { text } => write!(out, "the service is full: {text}"),
            Self::ConnectionTrouble { text } => {
                write!(out, "the server has trouble with the connection: {text}")
            }
            Self::Silence { seconds } => {
                write!(out, "nothing came for {seconds:.0} s, connecting anew")
            }
            Self::Suspended { seconds } => {
                write!(out, "stood still for {seconds:.0} s, connecting anew")
            }
            Self::UnknownStatus { status, text } => write!(out, "unknown {status} message: {text}"),
            Self::FrameQuarantined { reason, bytes } => {
                write!(out, "{bytes} bytes put into quarantine: {reason}")
            }
            Self::QuarantineFull { max_bytes } => {
                write!(out, "the quarantine holds {max_bytes} bytes and is full, an unreadable frame is lost")
            }
            Self::OversizeFrame { limit } => write!(out, "a message above {limit} bytes is lost"),
            Self::ForeignInteraction { stream } => {
                write!(out, "message of the stream {stream}, which is not wanted")
            }
            Self::DeleteUnmatched { stream } => {
                write!(out, "a deletion in stream {stream} names no interaction")
            }
            Self::GapOpened { stream: Some(stream), cause, since_us: since, .. } => {
                write!(out, "gap in stream {stream} since {since} ({cause})")
            }
            Self::GapOpened { streams, cause, since_us: since, .. } => {
                write!(out, "gap in {streams} streams since {since} ({cause})")
            }
            Self::GapClosed { stream: Some(stream), .. } => {
                write!(out, "gap in stream {stream} has ended")
            }
            Self::GapClosed { streams, .. } => write!(out, "gaps in {streams} streams have ended"),
            Self::GapFilled { gap, stream, rows, .. } => {
                write!(out, "gap {} of stream {stream} is filled, {rows} rows were new", gap.0)
            }
            Self::GapUnfillable { gap, stream, why, .. } => {
                write!(out, "gap {} of stream {stream} cannot be filled: {why}", gap.0)
            }
            Self::BackfillPlanned { jobs, gaps, credits, milliunits } => {
                write!(
                    out,
                    "{jobs} jobs would fill {gaps} gaps for about {credits} credits and {}.{:03} units",
                    milliunits / 1000,
                    milliunits % 1000
                )
            }
            Self::BackfillStarted { job, streams, stream } => {
                write!(out, "job {} fills {}", job.0, of(*streams, stream.as_deref()))
            }
            Self::BackfillFailed { job, streams, stream, why, rows } => {
                let of = of(*streams, stream.as_deref());
                write!(out, "job {} for {of} ended short, {rows} rows were new: {why}", job.0)
            }
            Self::BackfillTrouble { text, retry_seconds } => {
                write!(out, "the archive cannot be asked, next try in {retry_seconds:.0} s: {text}")
            }
            Self::BackfillPaused { text } => write!(out, "the archive refuses us, backfill pauses: {text}"),
            Self::BackfillResumed { reason } => write!(out, "the archive answers again; it had refused us: {reason}"),
            Self::CrashFound { streams, since_us: since } => {
                write!(out, "the daemon died: {streams} streams have a gap since {since} or later")
            }
            Self::Reloaded { added, removed, changed } => write!(
                out,
                "reloaded: {} streams added, {} removed, {} settings changed",
                added.len(),
                removed.len(),
                changed.len()
            ),
            Self::ReloadRefused { faults } => {
                write!(out, "reload refused, the old settings stay: {faults}")
            }
            Self::StorageFull { detail } => {
                write!(out, "no space for the archive, what comes waits in memory: {detail}")
            }
            Self::StorageTrouble { detail } => {
                write!(out, "the archive cannot be written, what comes waits in memory: {detail}")
            }
            Self::StorageRecovered { seconds } => {
                write!(out, "the archive is written again after {seconds:.1} s")
            }
            Self::LogHeldBack { wal_bytes } => {
                write!(out, "a reader holds the write-ahead log at {wal_bytes} bytes")
            }
            Self::ClockStepped { seconds } => {
                write!(out, "the system's clock was set by {seconds:.3} s")
            }
            Self::NoticesOmitted { name, count } => {
                write!(out, "{count} more notices {name} within a minute")
            }
            Self::LogLost { count } => write!(out, "{count} log lines were lost"),
            Self::State { state, active, wanted, open_gaps, .. } => {
                write!(out, "{state}: {active} of {wanted} streams active, {open_gaps} gaps open")
            }
            Self::Pruned { rows, before_us: before, .. } => {
                write!(out, "{rows} interactions from before {before} were older or more than is kept and are removed")
            }
            Self::RetentionBehind { seconds, why } => {
                write!(out, "retention has not come to its end for {seconds:.0} s: {why}")
            }
            Self::Summary {
                state,
                per_second,
                active,
                wanted,
                open_gaps,
                backfill_pending,
                backfill_running,
                backfill_filled,
                backfill_failed,
                ..
            } => {
                write!(out, "{state}: {per_second:.1} interactions/s, {active} of {wanted} streams active, ")?;
                write!(out, "{open_gaps} gaps open; backfill: {backfill_pending} gaps wait, ")?;
                write!(out, "{backfill_running} jobs run, {backfill_filled} gaps filled, {backfill_failed} jobs failed")
            }
            Self::Stopping { reason } => write!(out, "stopping: {reason}"),
            Self::Stopped { reason, interactions } => {
                write!(out, "stopped ({reason}), {interactions} interactions taken in")
            }
        }
    }
}

/// The one stream, or how many there are.
fn of(streams: usize, stream: Option<&str>) -> String {
    stream.map_or_else(|| format!("{streams} streams"), |stream| format!("stream {stream}"))
}
