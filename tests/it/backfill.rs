//! `siftd backfill` as a program, against the simulator: beside the daemon, without one, and on a terminal.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use siftd::archive::reading::{Holder, holder};
use siftd::simulator::{Cue, Running, Scenario, Server};
use tempfile::TempDir;

/// A test that waits longer than this has failed.
const PATIENCE: Duration = Duration::from_mins(2);

/// A world whose archive is there at once, and whose jobs take a second.
const QUICK: &str = "[node]\ntick_every = \"1s\"\n[world]\nstreams = 4\nrate = 40\n\
    [rest.archive]\nlag = \"1s\"\n[rest.jobs]\nstart_delay = \"0s\"\nduration = \"1s\"\nchunk = \"1s\"\n\
    [rest.deliveries]\npulls_per_second = 0\n[rest.fees]\ncalls = 1000000\n";

/// Settings for it: the jobs begin when an operator says so.
const APPROVE: &str = "combine = 1\nlag = \"1s\"\noverlap = \"0s\"\ncool_down = \"1s\"\nsources = \"bitly, board, disqus, facebook, facebook_page, instagram, reddit, tumblr, twitter, wikipedia, wordpress, youtube\"\n";

/// A folder with settings, and a server.
struct Place {
    folder: TempDir,
    server: Running,
}

impl Place {
    fn new(scenario: &str, backfill: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(Scenario::parse(scenario).unwrap(), &folder.path().join("journal.jsonl")).unwrap();
        let place = Self { folder, server };
        fs::write(place.path("api-key"), "0123456789abcdef0123456789abcdef").unwrap();
        fs::set_permissions(place.path("api-key"), fs::Permissions::from_mode(0o600)).unwrap();
        let lines: Vec<String> = place.server.streams().iter().map(|(hash, _)| format!("{hash}\n")).collect();
        fs::write(place.path("streams.txt"), lines.concat()).unwrap();
        let text = format!(
            "[source]\nurl = \"{}\"\nusername = \"acme\"\nstreams_file = \"streams.txt\"\n[archive]\npath = \"archive.db\"\n\
             [log]\nformat = \"json\"\n[gap]\nmargin = \"250ms\"\n[backfill]\nurl = \"{}\"\n{backfill}",
            place.server.url(),
            place.server.rest_url(),
        );
        fs::write(place.path("daemon.toml"), text).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn siftd(&self) -> Command {
        let mut siftd = Command::new(env!("CARGO_BIN_EXE_siftd"));
        siftd.arg("--config").arg(self.path("daemon.toml"));
        siftd
    }

    fn answer(&self, arguments: &[&str]) -> Output {
        self.siftd().args(arguments).output().unwrap()
    }

    fn cue(&self, line: &str) {
        self.server.cue(Cue::parse(line).unwrap()).unwrap();
    }

    fn daemon(&self) -> Daemon {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        Daemon(self.siftd().arg("run").stderr(log).stdout(Stdio::null()).spawn().unwrap())
    }

    fn number(&self, question: &str) -> i64 {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let archive = Connection::open_with_flags(self.path("archive.db"), flags);
        archive.and_then(|archive| archive.query_row(question, [], |row| row.get(0))).unwrap_or(0)
    }

    /// Waits until the archive answers a question with a number above 0.
    fn until(&self, question: &str) {
        let (glance, mut waited) = (Duration::from_millis(50), Duration::ZERO);
        while self.number(question) == 0 {
            assert!(waited < PATIENCE, "{question}\n{}", self.log());
            std::thread::park_timeout(glance);
            waited += glance;
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Every stream has a gap that has ended, and the daemon runs on.
    fn with_gaps(scenario: &str, backfill: &str) -> (Self, Daemon) {
        let place = Self::new(scenario, backfill);
        let daemon = place.daemon();
        place.until("SELECT count(*) FROM interactions");
        place.cue(r#"{"name":"it stays cut","do":{"stop_listening":{"lasts":"1s"}}}"#);
        place.cue(r#"{"name":"it is cut","do":{"close":{"how":"reset"}}}"#);
        place.until("SELECT count(*) >= 4 FROM gaps WHERE cause = 'network' AND state = 'closed'");
        // The world goes on for as long as the archive lags, so that the gaps can be asked for.
        place.until(
            "SELECT max(received_us) > 4000000 + (SELECT max(ended_us) FROM gaps WHERE state = 'closed') FROM interactions",
        );
        (place, daemon)
    }

    fn stopped(scenario: &str, backfill: &str) -> Self {
        let (place, daemon) = Self::with_gaps(scenario, backfill);
        daemon.stop();
        place
    }

    fn filled(&self) -> i64 {
        self.number("SELECT count(*) FROM gaps WHERE cause = 'network' AND state = 'filled'")
    }
}

struct Daemon(Child);

impl Daemon {
    fn stop(mut self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has ended already if the test went well.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_daemon_fills_what_is_asked_and_the_command_waits_for_it() {
    let (place, daemon) = Place::with_gaps(QUICK, APPROVE);
    assert_eq!(place.filled(), 0, "nothing is spent before an operator says so");
    let (code, out, err) = said(&place.answer(&["backfill"]));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}\n{}", place.log());
    assert_eq!(place.filled(), 4, "{out}");
    assert!(out.contains("4 jobs: 4 complete, 0 not; ") && out.contains(": fetching, 0 rows new"), "{out}");
    assert!(out.contains("no gap that has ended waits to be filled"), "{out}");
    assert!(!out.contains('\u{1b}'), "no terminal, no escapes: {out:?}");
    assert!(!place.path("archive.db.backfill").exists() && !place.path("archive.db.backfill-taken").exists());
    let status: Value = serde_json::from_slice(&place.answer(&["status", "--json"]).stdout).unwrap();
    let healing = &status["backfill"];
    assert_eq!((&healing["filled"], &healing["pending"], &healing["running"]), (&4.into(), &0.into(), &0.into()));
    daemon.stop();
}

#[test]
fn a_request_that_the_daemon_has_taken_outlives_it() {
    // One job at a time: of the others only the request is left when the daemon is killed.
    let (scenario, backfill) =
        (QUICK.replace("duration = \"1s\"", "duration = \"2s\""), format!("{APPROVE}jobs = 1\n"));
    let (place, daemon) = Place::with_gaps(&scenario, &backfill);
    let mut command = place.siftd().arg("backfill").stdout(Stdio::null()).spawn().unwrap();
    place.until("SELECT count(*) FROM backfills WHERE stage = 'fetching'");
    drop(daemon);
    assert_eq!(command.wait().unwrap().code(), Some(75), "the daemon is gone");
    assert!(place.path("archive.db.backfill-taken").exists());
    assert!(place.filled() < 3, "something is left that nobody has begun");
    let daemon = place.daemon();
    place.until("SELECT count(*) = 4 FROM gaps WHERE cause = 'network' AND state = 'filled'");
    daemon.stop();
}

#[test]
fn without_a_daemon_the_command_fills_the_gaps_itself() {
    let place = Place::stopped(QUICK, APPROVE);
    let since = place.number("SELECT since_us FROM daemon");
    let before = place.number("SELECT count(*) FROM interactions");
    let (code, out, err) = said(&place.answer(&["backfill"]));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert_eq!(place.filled(), 4, "{out}");
    assert!(out.contains("4 jobs: 4 complete, 0 not; "), "{out}");
    let found = place.number("SELECT count(*) FROM interactions WHERE origin = 'backfill'");
    assert!(found > 0 && place.number("SELECT count(*) FROM interactions") == before + found, "{out}");
    assert_eq!(place.number("SELECT count(*) FROM notices WHERE notice = 'gap-filled'"), 4);
    // The daemon's own row is as the daemon left it, and so is its gap, which still grows.
    assert_eq!(place.number("SELECT since_us FROM daemon WHERE state = 'stopped'"), since);
    assert_eq!(place.number("SELECT count(*) FROM gaps WHERE cause = 'shutdown' AND state = 'open'"), 4);
    // A daemon that follows has nothing to complain of.
    let daemon = place.daemon();
    place.until("SELECT count(*) = 4 FROM gaps WHERE cause = 'shutdown' AND state = 'closed'");
    assert_eq!(place.number("SELECT count(*) FROM notices WHERE notice = 'crash-found'"), 0);
    daemon.stop();
}

#[test]
fn only_the_stream_and_the_time_that_are_named_are_filled() {
    let place = Place::stopped(QUICK, APPROVE);
    let streams = fs::read_to_string(place.path("streams.txt")).unwrap();
    let stream = streams.lines().nth(2).unwrap();
    let (code, out, err) = said(&place.answer(&["backfill", "--stream", stream]));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let of_it = format!("SELECT count(*) FROM gaps WHERE state = 'filled' AND stream = '{stream}'");
    assert_eq!((place.filled(), place.number(&of_it)), (1, 1), "{out}");
    let ended = place.number("SELECT max(ended_us) / 1000000 + 1 FROM gaps WHERE cause = 'network'");
    let since = jiff::Timestamp::from_second(ended).unwrap().to_string();
    let (code, out, _) = said(&place.answer(&["backfill", "--since", &since]));
    assert_eq!((code, place.filled()), (Some(0), 1), "{out}");
    let (code, out, _) = said(&place.answer(&["backfill", "--since", "24h"]));
    assert_eq!((code, place.filled()), (Some(0), 4), "{out}");
}

#[test]
fn a_plan_names_what_is_asked_for_together_and_its_price() {
    let place = Place::stopped(QUICK, &APPROVE.replace("combine = 1", "combine = 45"));
    let (code, plan, _) = said(&place.answer(&["backfill", "--dry-run"]));
    assert_eq!(code, Some(0));
    let job = plan.lines().find(|line| line.contains("4 streams")).unwrap_or_else(|| panic!("no such job:\n{plan}"));
    // Prepare, deliver, start, ask, clear away, sixty looks, and one compilation.
    assert_eq!(job.split_whitespace().rev().nth(1), Some("171"), "{plan}");
    assert!(plan.contains("\n1 job for about 171 credits"), "{plan}");
    assert_eq!(place.number("SELECT count(*) FROM backfills"), 0, "a plan is not a job");
}

#[test]
fn ctrl_c_leaves_the_jobs_to_whoever_comes_next() {
    let slow = QUICK.replace("duration = \"1s\"", "duration = \"3s\"");
    let place = Place::stopped(&slow, APPROVE);
    let mut command = place.siftd().arg("backfill").stdout(Stdio::piped()).spawn().unwrap();
    place.until("SELECT count(*) FROM backfills WHERE stage = 'fetching'");
    // No daemon runs, and no other program may write.
    assert_eq!(holder(&place.path("archive.db")), Holder::Nobody);
    let (code, _, err) = said(&place.answer(&["run"]));
    assert_eq!(code, Some(75), "{err}");
    assert!(err.contains(&format!("process {}", command.id())), "{err}");
    kill_process(Pid::from_child(&command), Signal::INT).unwrap();
    let mut out = String::new();
    command.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(command.wait().unwrap().code(), Some(0), "{out}");
    assert!(out.contains("stopped: open jobs go on"), "{out}");
    assert!(place.filled() < 4, "{out}");
    let begun = place.number("SELECT count(*) FROM backfills");
    let (code, out, err) = said(&place.answer(&["backfill"]));
    assert_eq!((code, place.filled()), (Some(0), 4), "{out}\n{err}");
    assert_eq!(place.number("SELECT count(*) FROM backfills"), begun.max(4), "no job is begun twice: {out}");
}

#[test]
fn a_kill_leaves_them_too() {
    let place = Place::stopped(QUICK, APPROVE);
    let mut command = place.siftd().arg("backfill").stdout(Stdio::null()).spawn().unwrap();
    place.until("SELECT count(*) FROM backfills WHERE stage = 'fetching'");
    command.kill().unwrap();
    command.wait().unwrap();
    let (code, out, err) = said(&place.answer(&["backfill"]));
    assert_eq!((code, place.filled()), (Some(0), 4), "{out}\n{err}");
    assert_eq!(place.number("SELECT count(DISTINCT asked_from_us || stream) = count(*) FROM backfills"), 1);
}

#[test]
fn a_server_that_refuses_us_ends_it() {
    let place = Place::stopped(QUICK, APPROVE);
    place.cue(r#"{"name":"no rights","do":{"rest":{"fail":{"call":"historics/prepare","times":9,"how":{"status":{"status":402}}}}}}"#);
    let (code, out, err) = said(&place.answer(&["backfill"]));
    assert_eq!(code, Some(75), "{out}\n{err}");
    assert!(err.starts_with("siftd: the server's archive refuses us: "), "{err}");
    assert_eq!(place.number("SELECT count(*) FROM notices WHERE notice = 'backfill-paused'"), 1);
    let (_, status, _) = said(&place.answer(&["status"]));
    assert!(status.contains("backfill is paused: "), "{status}");
}

#[test]
fn a_terminal_shows_bars_and_no_more_than_fit() {
    let many = QUICK.replace("streams = 4", "streams = 30").replace("rate = 40", "rate = 90");
    let place = Place::stopped(&many, &format!("{APPROVE}jobs = 30\n"));
    let shell = format!(
        "stty rows 14 cols 100; '{}' --config '{}' backfill",
        env!("CARGO_BIN_EXE_siftd"),
        place.path("daemon.toml").display()
    );
    let mut script = Command::new("script");
    script.args(["-qec", &shell, "/dev/null"]).env("TERM", "xterm").stdin(Stdio::null());
    let (code, out, err) = said(&script.output().unwrap());
    assert_eq!(code, Some(0), "{out}\n{err}");
    assert_eq!(place.number("SELECT count(*) FROM gaps WHERE cause = 'network' AND state = 'filled'"), 30, "{out}");
    assert!(out.contains("\u{1b}["), "bars move the cursor: {out:?}");
    assert!(out.contains(" of 30 gaps  "), "a bar over all: {out:?}");
    assert!(out.contains(" more jobs run"), "not all of them have a bar of their own: {out:?}");
    for said in ["fetching, ", "complete, ", "30 jobs: 30 complete, 0 not; "] {
        assert!(out.contains(said), "{said}: {out:?}");
    }
    // Between two places to which the cursor goes back there is never more than a screen.
    let tallest = out.split("\u{1b}[").map(|part| part.matches('\n').count()).max().unwrap_or_default();
    assert!(tallest <= 14, "{tallest}: {out:?}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let place = Place::stopped(QUICK, APPROVE);
    let (code, _, err) = said(&place.answer(&["backfill", "--since", "2126-01-01"]));
    assert_eq!(
        (code, err.as_str()),
        (Some(64), "siftd: --since: 2126-01-01T00:00:00Z lies ahead: no gap has reached beyond it yet\n")
    );
    let settings = fs::read_to_string(place.path("daemon.toml")).unwrap();
    fs::write(place.path("daemon.toml"), format!("{settings}mode = \"off\"\n")).unwrap();
    let (code, _, err) = said(&place.answer(&["backfill"]));
    assert_eq!(code, Some(78), "{err}");
    assert!(err.contains("backfill.mode is \"off\""), "{err}");
    assert_eq!(place.number("SELECT count(*) FROM backfills"), 0);
}

#[test]
fn the_page_names_every_setting_every_notice_and_every_stage() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/backfill.md")).unwrap();
    let settings = fs::read_to_string(root.join("daemon.toml")).unwrap();
    let section = settings.split("[backfill]").nth(1).unwrap().split("\n[").next().unwrap();
    let keys = section.lines().filter_map(|line| line.split_once(" = ")).filter(|(key, _)| !key.starts_with('#'));
    let mut names: Vec<String> = keys.map(|(key, _)| key.to_owned()).collect();
    assert!(names.len() > 15, "{names:?}");
    names.extend(siftd::healing::Stage::ALL.map(|stage| stage.word().to_owned()));
    let notices = siftd::notice::TABLE.iter().map(|entry| entry.name.to_owned());
    names.extend(notices.filter(|name| name.contains("backfill") || name.starts_with("gap-") && name.contains("fill")));
    for name in names {
        assert!(page.contains(&format!("`{name}`")), "docs/backfill.md lacks {name}");
    }
}
