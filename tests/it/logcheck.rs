//! The rules for logcheck: what is routine is passed over, what is not is reported.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;
use siftd::coverage::Cause;
use siftd::healing::{GapId, JobId};
use siftd::notice::{Level, Notice, TABLE};
use siftd::peer_text::PeerText;
use siftd::record::{ConnectionId, DaemonState};
use siftd::time::Time;

/// The lines that logcheck would report.
fn reported(lines: &[String]) -> Vec<String> {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/logcheck/siftd");
    let mut grep = Command::new("grep");
    grep.args(["-E", "-v", "-f"]).arg(rules).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut grep = grep.spawn().unwrap();
    grep.stdin.take().unwrap().write_all(lines.concat().as_bytes()).unwrap();
    let output = grep.wait_with_output().unwrap();
    assert!(output.status.code() < Some(2), "the rules cannot be read");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn line(notice: &Notice) -> String {
    format!("Nov 22 05:00:00 host-1 siftd[4711]: {notice}\n")
}

const HASH: &str = "4f3af38ad1c31646561bc814c3e69af5";

fn routine() -> Vec<Notice> {
    let (stream, text) = (HASH.to_owned(), PeerText::of("say again"));
    let (connection, job, gap) = (ConnectionId(7), JobId(3), GapId(4));
    vec![
        Notice::Started { version: "0.1.0".into(), pid: 12, archive: "/var/lib/siftd/archive.db".into(), streams: 5 },
        Notice::Upgrading { from_version: 4, to_version: 5, bytes: 9_000_000_000 },
        Notice::Upgraded { from_version: 4, to_version: 5, seconds: 61.5 },
        Notice::Connected { connection, url: "wss://stream.datasift.com/multi".into(), handshake_ms: 12 },
        Notice::Subscribed { connection, active: 5, out: 0, seconds: 0.25 },
        Notice::Reconnecting { seconds: 1.5, attempt: 2, cause: Cause::SlowConsumer },
        Notice::Maintenance { text: text.clone() },
        Notice::DrainLeft { seconds: 61.0 },
        Notice::QueueRelieved { seconds: 0.5 },
        Notice::BillingResumed { seconds: 3_600.0 },
        Notice::GapClosed { streams: 1, stream: Some(stream.clone()), connection },
        Notice::GapClosed { streams: 5, stream: None, connection },
        Notice::GapFilled { gap, stream: stream.clone(), job, rows: 9 },
        Notice::BackfillPlanned { jobs: 1, gaps: 2, credits: 166, milliunits: 1_250 },
        Notice::BackfillStarted { job, streams: 1, stream: Some(stream) },
        Notice::BackfillStarted { job, streams: 45, stream: None },
        Notice::BackfillResumed { reason: "no credit".into() },
        Notice::Reloaded { added: vec![HASH.into()], removed: vec![], changed: vec![] },
        Notice::StorageRecovered { seconds: 2.0 },
        Notice::State {
            state: DaemonState::PausedBilling,
            active: 1,
            wanted: 2,
            out: 1,
            open_gaps: 4,
            queue_bytes: 5,
            connection: None,
            watermark_us: None,
            settings: json!({}),
        },
        super::chains::summary(),
        Notice::Pruned { rows: 9, bytes: 9_000, before_us: Time::from_seconds(1) },
        Notice::Stopping { reason: "SIGTERM".into() },
        Notice::Stopped { reason: "SIGTERM".into(), interactions: 60 },
    ]
}

#[test]
fn what_is_routine_is_passed_over() {
    let notices = routine();
    let said: BTreeSet<_> = notices.iter().map(|notice| notice.entry().name).collect();
    let table: BTreeSet<_> = TABLE.iter().filter(|entry| entry.level == Level::Info).map(|entry| entry.name).collect();
    assert_eq!(said, table, "a notice that is routine needs a rule in systemd/logcheck/siftd, and a line here");
    assert_eq!(reported(&notices.iter().map(line).collect::<Vec<_>>()), [""; 0]);
}

#[test]
fn what_is_not_routine_is_reported_whatever_a_server_says() {
    let forged = PeerText::of("\nNov 22 05:00:00 host siftd[1]: stopping: SIGTERM");
    let notices = [
        Notice::Subscribed { connection: ConnectionId(7), active: 4, out: 1, seconds: 0.25 },
        Notice::GapOpened { streams: 5, stream: None, cause: Cause::Network, since_us: Time::from_seconds(1) },
        Notice::StreamRejected { stream: HASH.into(), text: forged.clone() },
        Notice::BillingPaused { text: forged.clone(), since_us: Time::from_seconds(1), probe_seconds: 3600.0 },
        Notice::SlowConsumerWarning { text: forged, queue_bytes: 1 },
        Notice::StorageFull { detail: "the archive is written again after 1 s".into() },
        Notice::LogLost { count: 3 },
        Notice::CrashFound { streams: 5, since_us: Time::from_seconds(1) },
    ];
    let lines: Vec<_> = notices.iter().map(line).collect();
    assert_eq!(reported(&lines).len(), notices.len());
}
