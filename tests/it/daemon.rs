//! The daemon as a program, against the simulator: how it starts, is asked, is refused, and ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use siftd::simulator::{Cue, Running, Scenario, Server};
use tempfile::TempDir;

/// A test that waits longer than this for a notice has failed.
const PATIENCE: Duration = Duration::from_mins(1);

const KEY: &str = "c4n4ry+key/of%the&tests";

/// A folder with settings, a server to connect to, and what the daemon needs.
struct Place {
    folder: TempDir,
    server: Running,
}

impl Place {
    fn new(scenario: &str) -> Self {
        Self::with(Scenario::parse(scenario).unwrap(), "")
    }

    fn with(scenario: Scenario, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(scenario, &folder.path().join("journal.jsonl")).unwrap();
        let place = Self { folder, server };
        fs::write(place.path("api-key"), KEY).unwrap();
        fs::set_permissions(place.path("api-key"), fs::Permissions::from_mode(0o600)).unwrap();
        place.list(place.server.streams().len());
        place.settings(more);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts the first streams of the server's world into the list.
    fn list(&self, count: usize) {
        let streams = self.server.streams().iter().take(count);
        let lines: Vec<String> = streams.map(|(hash, label)| format!("{hash} {label}\n")).collect();
        fs::write(self.path("streams.txt"), lines.concat()).unwrap();
    }

    fn settings(&self, more: &str) {
        let text = format!(
            "[source]\nkind = \"datasift\"\nurl = \"{}\"\nusername = \"acme\"\nstreams_file = \"streams.txt\"\n\
             [archive]\npath = \"archive.db\"\n[log]\nformat = \"json\"\nlevel = \"trace\"\n{more}",
            self.server.url()
        );
        fs::write(self.path("daemon.toml"), text).unwrap();
    }

    fn siftd(&self, command: &str) -> Command {
        let mut siftd = Command::new(env!("CARGO_BIN_EXE_siftd"));
        siftd.args([command, "--config"]).arg(self.path("daemon.toml"));
        siftd
    }

    fn answer(&self, command: &str) -> Output {
        self.siftd(command).output().unwrap()
    }

    fn daemon(&self) -> Daemon {
        let mut child = self.siftd("run").stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (into, notices) = sync_channel(10_000);
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| into.send(line)).ok());
        Daemon { child, notices, said: Vec::new() }
    }

    fn cue(&self, line: &str) {
        self.server.cue(Cue::parse(line).unwrap()).unwrap();
    }

    fn number(&self, query: &str) -> i64 {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let archive = Connection::open_with_flags(self.path("archive.db"), flags).unwrap();
        archive.query_row(query, [], |row| row.get(0)).unwrap()
    }
}

struct Daemon {
    child: Child,
    notices: Receiver<String>,
    said: Vec<String>,
}

impl Daemon {
    /// Waits until the daemon says this.
    fn until(&mut self, name: &str) -> Value {
        loop {
            let line = self.notices.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no {name} after:\n{}", self.said.join("\n")));
            self.said.push(line.clone());
            let notice: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if notice["notice"] == name {
                return notice;
            }
        }
    }

    /// What it says until it has been silent for so long.
    fn overheard(&self, silence: Duration) -> Vec<String> {
        std::iter::from_fn(|| self.notices.recv_timeout(silence).ok()).collect()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end, and says how it was and all that was said.
    fn end(&mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        self.said.extend(self.notices.iter());
        (code, self.said.join("\n"))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has ended already if the test went well.
        drop(self.child.kill());
    }
}

const BUSY: &str = "[world]\nstreams = 50\nrate = 500\n";

#[test]
fn it_stops_in_order_under_load_and_keeps_what_it_took_in() {
    let place = Place::new(BUSY);
    let mut daemon = place.daemon();
    daemon.until("subscribed");
    daemon.signal(Signal::TERM);
    daemon.signal(Signal::TERM);
    let stopped = daemon.until("stopped");
    let (code, said) = daemon.end();
    assert_eq!(code, Some(0));
    // A connection that stands is told of by its address, without what opens it.
    assert!(said.contains("127.0.0.1") && !said.contains("c4n4ry"), "{said}");
    assert_eq!(place.number("SELECT count(*) FROM connections WHERE url LIKE '%c4n4ry%' OR url LIKE '%?%'"), 0);
    assert_eq!(place.number("SELECT state = 'stopped' FROM daemon"), 1);
    let took: i64 = stopped["interactions"].as_i64().unwrap();
    // Duplicates are one row, deleted ones none.
    assert!(place.number("SELECT count(*) FROM interactions") <= took);
    assert_eq!(place.number("SELECT count(*) FROM gaps WHERE cause = 'shutdown' AND state = 'open'"), 50);
    let modes = ["archive.db", "archive.db-wal", "archive.db-shm", "archive.db.lock"]
        .map(|name| fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777);
    assert_eq!(modes, [0o640; 4]);
}

#[test]
fn a_stop_waits_until_everything_is_stored() {
    let place = Place::new(BUSY);
    let mut daemon = place.daemon();
    daemon.until("subscribed");
    let other = Connection::open(place.path("archive.db")).unwrap();
    other.busy_timeout(PATIENCE).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    daemon.signal(Signal::TERM);
    daemon.until("stopping");
    // Nothing can be stored now, and nobody says that it was, for longer than the last words may take.
    let said = daemon.overheard(Duration::from_secs(3));
    assert!(!said.iter().any(|line| line.contains(r#""notice":"stopped""#)), "{said:?}");
    assert_eq!(daemon.child.try_wait().unwrap(), None, "it has ended before it could store anything");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(daemon.end().0, Some(0));
    assert_eq!(place.number("SELECT state = 'stopped' FROM daemon"), 1);
}

#[test]
fn a_second_daemon_names_the_first_and_leaves() {
    let place = Place::new(BUSY);
    let mut daemon = place.daemon();
    daemon.until("subscribed");
    let second = place.answer("run");
    let sentence = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(75), "{sentence}");
    assert!(sentence.contains(&format!("process {}", daemon.child.id())), "{sentence}");
}

#[test]
fn a_reload_changes_the_streams_of_the_living_connection() {
    let place = Place::new(BUSY);
    place.list(30);
    let mut daemon = place.daemon();
    daemon.until("subscribed");
    place.list(40);
    place.settings("[gap]\nmargin = \"3s\"\n");
    let answer = place.answer("reload");
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    assert_eq!(answer.status.code(), Some(0), "{}", String::from_utf8_lossy(&answer.stderr));
    assert!(text.contains("10 streams added") && text.contains("gap.margin"), "{text}");
    let reloaded = daemon.until("reloaded");
    assert_eq!(reloaded["added"].as_array().unwrap().len(), 10);

    fs::write(place.path("streams.txt"), "half a li").unwrap();
    let answer = place.answer("reload");
    let text = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert_eq!(answer.status.code(), Some(78), "{text}");
    assert!(text.contains("streams.txt:1:"), "{text}");
    daemon.until("reload-refused");
    daemon.signal(Signal::INT);
    assert_eq!(daemon.end().0, Some(0));
    assert_eq!(place.number("SELECT count(*) FROM connections"), 1, "no reconnect");
    assert_eq!(place.number("SELECT count(*) FROM streams WHERE state <> 'retired'"), 40);
    assert_eq!(place.number("SELECT count(*) FROM gaps WHERE cause <> 'shutdown'"), 0);
}

#[test]
fn a_refused_identity_ends_it_with_77_and_the_key_is_never_told() {
    let place =
        Place::new("[world]\nstreams = 3\nrate = \"1/m\"\n[account]\nusername = \"acme\"\napi_key = \"another\"\n");
    let mut daemon = place.daemon();
    daemon.until("identity-refused");
    let (code, said) = daemon.end();
    assert_eq!(code, Some(77), "{said}");
    let mut places = said.into_bytes();
    for file in ["archive.db", "archive.db-wal", "journal.jsonl"] {
        places.extend(fs::read(place.path(file)).unwrap());
    }
    for form in [KEY, "c4n4ry%2Bkey%2Fof%25the%26tests", "c4n4ry"] {
        assert!(!places.windows(form.len()).any(|window| window == form.as_bytes()), "{form}");
    }
}

#[test]
fn after_maintenance_it_is_back_at_once_and_the_gap_says_why() {
    let place = Place::new("[node]\ntick_every = \"1s\"\n[world]\nstreams = 20\nrate = 100\n");
    let mut daemon = place.daemon();
    daemon.until("subscribed");
    // A server that sends us away within ten seconds is not hurried back to; a stall of the test does no harm.
    place.cue(r#"{"when":{"at":"11s"},"do":{"say":{"message":"maintenance"}}}"#);
    daemon.until("maintenance");
    let again = daemon.until("reconnecting");
    assert_eq!(again["seconds"].as_f64(), Some(0.0));
    daemon.until("subscribed");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
    assert_eq!(place.number("SELECT count(*) FROM gaps WHERE cause = 'maintenance' AND state = 'closed'"), 20);
}

#[test]
fn tls_rests_on_the_authorities_that_are_named_and_on_no_other() {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certs = tempfile::tempdir().unwrap();
    let (cert, key) = (certs.path().join("cert.pem"), certs.path().join("key.pem"));
    fs::write(&cert, signed.cert.pem()).unwrap();
    fs::write(&key, signed.signing_key.serialize_pem()).unwrap();
    let mut scenario = Scenario::parse(BUSY).unwrap();
    (scenario.node.tls_cert, scenario.node.tls_key) = (Some(cert.clone()), Some(key));

    let place = Place::with(scenario, &format!("[tls]\nca_file = \"{}\"\n", cert.display()));
    let mut daemon = place.daemon();
    daemon.until("subscribed");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
    assert!(place.number("SELECT count(*) FROM interactions") >= 0);

    // Another authority of the same name: refused, and nothing is sent.
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&cert, other.cert.pem()).unwrap();
    let mut daemon = place.daemon();
    let failed = daemon.until("connect-failed");
    assert!(failed["detail"].as_str().unwrap().starts_with("TLS refused: "), "{failed}");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.end().0, Some(0));
}

#[test]
fn nobody_reads_its_words_and_its_exit_code_is_the_same() {
    let place = Place::new(BUSY);
    fs::write(place.path("daemon.toml"), "[source]\nkind = \"nonsense\"\n").unwrap();
    for command in ["run", "check"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = place.siftd(command).stderr(writer).status().unwrap();
        assert_eq!(status.code(), Some(78), "{command}");
    }
    assert!(!place.path("archive.db").exists(), "nothing is changed on the disk");
}
