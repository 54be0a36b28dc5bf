//! The log in a real journal: fields, priority, catalogue, and a journal that stands still.
//!
//! Needs root, `unshare` and systemd's journal daemon, which runs with folders of its own, out of sight of the
//! machine's.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde_json::Value;
use siftd::config::{self, LogFormat, LogLevel};
use siftd::coverage::Cause;
use siftd::host::log;
use siftd::notice::Notice;
use siftd::peer_text::PeerText;
use siftd::record::ConnectionId;
use siftd::time::Time;

const JOURNAL: &str = "/lib/systemd/systemd-journald";
const INSIDE: &str = "SIFTD_TEST_JOURNAL";
const SOON: Duration = Duration::from_secs(20);
const AT: Time = Time::from_micros(1_795_323_600_123_456);

#[test]
fn a_notice_in_the_journal_has_its_fields_and_its_explanation_and_a_stopped_journal_stops_nobody() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let separable = || Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success());
    if !geteuid().is_root() || !Path::new(JOURNAL).exists() || !separable() {
        crate::archive_house::skipped(&format!("a journal of our own needs root, unshare and {JOURNAL}"));
        return;
    }
    let name = "journal::a_notice_in_the_journal_has_its_fields_and_its_explanation_and_a_stopped_journal_stops_nobody";
    let mut child = Command::new("unshare");
    child.args(["--mount", "--propagation", "private"]).arg(std::env::current_exe().unwrap());
    let output = child.args(["--exact", name, "--nocapture"]).env(INSIDE, "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{name} is not the name of this test");
}

/// A journal that is seen by nobody else.
struct Journal(Child);

impl Drop for Journal {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Journal {
    fn start() -> Self {
        run("mount", &["-t", "tmpfs", "tmpfs", "/run"]);
        fs::create_dir_all("/run/systemd/journal").unwrap();
        fs::create_dir_all("/run/systemd/journald.conf.d").unwrap();
        let settings = "[Journal]\nStorage=volatile\nAudit=no\nReadKMsg=no\nRateLimitIntervalSec=0\n";
        fs::write("/run/systemd/journald.conf.d/test.conf", settings).unwrap();
        let ready = UnixDatagram::bind("/run/ready").unwrap();
        ready.set_read_timeout(Some(SOON)).unwrap();
        let journal = Self(Command::new(JOURNAL).env("NOTIFY_SOCKET", "/run/ready").spawn().unwrap());
        let mut word = [0; 4096];
        while !String::from_utf8_lossy(&word).contains("READY=1") {
            ready.recv(&mut word).unwrap();
        }
        journal
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// The lines of siftd with a notice of this name.
    fn lines(notice: &str) -> Vec<Value> {
        run("journalctl", &["--sync"]);
        let name = format!("SIFTD_NOTICE={notice}");
        let text =
            run("journalctl", &["--directory=/run/log/journal", "--output=json", "SYSLOG_IDENTIFIER=siftd", &name]);
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// What a program says; it must not fail.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What is tested, in a process whose `/run` is its own.
fn inside() {
    let journal = Journal::start();
    let log = log::start(&config::Log { format: LogFormat::Journald, level: LogLevel::Info }).unwrap();
    let hash = "4f3af38ad1c31646561bc814c3e69af5";
    let hostile = PeerText::of("no\nPRIORITY=0\nMESSAGE=forged");
    log.say(AT, &Notice::StreamRejected { stream: hash.into(), text: hostile });
    log.say(AT, &Notice::Reloaded { added: vec![hash.into()], removed: vec![], changed: vec![] });
    assert!(log.flush(SOON));
    has_its_fields(hash);
    is_explained();
    stands_still(&journal, &log);
}

fn has_its_fields(hash: &str) {
    let lines = Journal::lines("stream-rejected");
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    let message = format!("stream {hash} rejected: no\\u{{a}}PRIORITY=0\\u{{a}}MESSAGE=forged");
    for (field, value) in [
        ("MESSAGE", message.as_str()),
        ("PRIORITY", "3"),
        ("SIFTD_STREAM", hash),
        ("SIFTD_AT", "2026-11-22T05:00:00.123456Z"),
        ("SIFTD_TEXT", "no\\u{a}PRIORITY=0\\u{a}MESSAGE=forged"),
    ] {
        assert_eq!(line.get(field).and_then(Value::as_str), Some(value), "{field}");
    }
    let reloaded = Journal::lines("reloaded");
    let added = reloaded.first().and_then(|line| line.get("SIFTD_ADDED")).and_then(Value::as_str);
    assert_eq!(added, Some(format!("[\"{hash}\"]").as_str()));
}

/// `journalctl -x`, with the shipped catalogue in place of the machine's.
fn is_explained() {
    let root = tempfile::tempdir().unwrap();
    let catalogues = root.path().join("usr/lib/systemd/catalog");
    fs::create_dir_all(&catalogues).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/siftd.catalog");
    fs::copy(shipped, catalogues.join("siftd.catalog")).unwrap();
    run("journalctl", &["--update-catalog", &format!("--root={}", root.path().display())]);
    let made = root.path().join("var/lib/systemd/catalog");
    run("mount", &["--bind", made.to_str().unwrap(), "/var/lib/systemd/catalog"]);
    let text = run("journalctl", &["--directory=/run/log/journal", "-x", "SIFTD_NOTICE=stream-rejected"]);
    assert!(text.contains("Subject: siftd: stream-rejected"), "{text}");
    assert!(text.contains("What to do: Check the hash in the stream list"), "{text}");
    run("umount", &["/var/lib/systemd/catalog"]);
}

fn stands_still(journal: &Journal, log: &log::Log) {
    let disconnected = Notice::Disconnected {
        connection: ConnectionId(7),
        cause: Cause::Network,
        detail: "reset".into(),
        seconds: 1.5,
    };
    journal.signal(Signal::STOP);
    let mut said = 0_u32;
    while log.lost() == 0 {
        log.say(AT, &disconnected);
        said += 1;
        assert!(said < 1_000_000, "the queue has no bound");
    }
    journal.signal(Signal::CONT);
    assert!(log.flush(SOON));
    log.say(AT, &Notice::DrainLeft { seconds: 1.0 });
    assert!(log.flush(SOON));
    let lost = Journal::lines("log-lost");
    let counts: Vec<_> = lost.iter().filter_map(|line| line.get("SIFTD_COUNT")?.as_str()).collect();
    assert_eq!(counts, ["1"]);
    assert_eq!(Journal::lines("disconnected").len(), usize::try_from(said - 1).unwrap());
    assert_eq!(Journal::lines("drain-left").len(), 1);
}
