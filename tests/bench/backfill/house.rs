//! The daemon and the server that are measured, each a process of the real program, in a folder of their own.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use crate::wait;

use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Whatever takes longer than this has failed.
const PATIENCE: Duration = Duration::from_mins(5);
/// How long the network stays cut: what is made meanwhile is there to be healed.
const CUT: &str = "3s";
/// The kernel counts processor time in these.
const TICKS_A_SECOND: f64 = 100.0;

const SOURCES: &str = "bitly, board, disqus, facebook, facebook_page, instagram, reddit, tumblr, twitter, wikipedia, \
                       wordpress, youtube";

pub(crate) struct House {
    program: PathBuf,
    folder: TempDir,
    daemon: Child,
    server: Child,
    orders: ChildStdin,
    archive: Connection,
    streams: u32,
}

impl House {
    pub(crate) fn open(program: &Path, streams: u32, rate: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let scenario = format!(
            "about = \"flood\"\n[world]\nstreams = {streams}\nrate = {rate}\n[rest.archive]\nlag = \"0s\"\n\
             [rest.jobs]\nstart_delay = \"0s\"\nduration = \"1s\"\nchunk = \"1s\"\n\
             [rest.fees]\ncalls = 100000000\n"
        );
        fs::write(path("scenario.toml"), scenario).unwrap();
        let mut server = Command::new(program);
        server.arg("simulate").arg("--scenario").arg(path("scenario.toml")).arg("--journal").arg("/dev/null");
        server.args(["--listen", "127.0.0.1:0", "--control", "stdin", "--streams-file", "-"]);
        let mut server = server.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut words = BufReader::new(server.stdout.take().unwrap()).lines();
        let mut word = |before: &str| words.next().unwrap().unwrap().strip_prefix(before).unwrap().to_owned();
        let (url, rest) = (word("listening on "), word("REST on "));
        let hashes: String = (0..streams).map(|_| word("") + "\n").collect();
        fs::write(path("streams.txt"), hashes).unwrap();
        std::thread::spawn(move || words.count());
        fs::write(path("api-key"), "0123456789abcdef0123456789abcdef").unwrap();
        fs::set_permissions(path("api-key"), fs::Permissions::from_mode(0o600)).unwrap();
        let settings = format!(
            "[source]\nurl = \"{url}\"\nusername = \"bench\"\nstreams_file = \"streams.txt\"\n\
             [archive]\npath = \"archive.db\"\n[log]\nformat = \"json\"\n\
             [backfill]\nurl = \"{rest}\"\nlag = \"0s\"\noverlap = \"0s\"\nsources = \"{SOURCES}\"\n\
             credits_a_day = 100000000\nunits_an_hour = 0\n"
        );
        fs::write(path("daemon.toml"), settings).unwrap();
        let daemon = started(program, folder.path());
        let archive = opened(&path("archive.db"));
        let orders = server.stdin.take().unwrap();
        let house = Self { program: program.to_owned(), folder, daemon, server, orders, archive, streams };
        house.until("every stream is active", |house| {
            house.number("SELECT count(*) FROM streams WHERE state = 'active'") >= f64::from(streams)
        });
        house
    }

    /// Stops the daemon in order and starts it again with these settings at the end of the old ones.
    pub(crate) fn again(&mut self, more: &str) {
        kill_process(Pid::from_child(&self.daemon), Signal::TERM).unwrap();
        assert!(self.daemon.wait().unwrap().success(), "the daemon did not stop in order");
        let place = self.folder.path().join("daemon.toml");
        let settings = fs::read_to_string(&place).unwrap();
        let settings = settings.split("[retention]").next().unwrap_or_default();
        fs::write(place, format!("{settings}{more}")).unwrap();
        self.daemon = started(&self.program, self.folder.path());
        let live = format!("SELECT state = 'live' AND pid = {} FROM daemon", self.daemon.id());
        self.until("the daemon is live again", |house| house.number(&live) > 0.5);
    }

    /// Waits until nothing is older than so many seconds.
    pub(crate) fn nothing_older(&self, seconds: u64) {
        let query = format!(
            "SELECT coalesce(min(received_us), 0) > (unixepoch() - {seconds}) * 1000000
               FROM (SELECT received_us FROM interactions ORDER BY received_us LIMIT 1)"
        );
        self.until("what is too old is gone", |house| house.number(&query) > 0.5);
    }

    /// Interactions that are stored.
    pub(crate) fn stored(&self) -> f64 {
        self.number("SELECT sum(interactions) FROM streams")
    }

    /// Cuts the network; returns when every stream has a gap that can be filled.
    pub(crate) fn tear_gaps(&mut self) {
        let order = |orders: &mut ChildStdin, what: &str| writeln!(orders, "{what}").unwrap();
        order(&mut self.orders, &format!(r#"{{"name":"it stays cut","do":{{"stop_listening":{{"lasts":"{CUT}"}}}}}}"#));
        order(&mut self.orders, r#"{"name":"it is cut","do":{"close":{"how":"reset"}}}"#);
        self.until("every stream has a gap", |house| {
            house.number("SELECT count(*) FROM gaps WHERE state = 'closed'") >= f64::from(house.streams)
        });
        // The second in which the gaps ended is over, and what waited meanwhile is taken in.
        wait::nap(Duration::from_secs(3));
    }

    /// Has the gaps filled; returns when rows come.
    pub(crate) fn heal(&self) -> Child {
        let before = self.rows_healed();
        let mut backfill = Command::new(&self.program);
        backfill.arg("--config").arg(self.folder.path().join("daemon.toml")).arg("backfill");
        let backfill = backfill.stdout(Stdio::null()).spawn().unwrap();
        self.until("rows come", |house| house.rows_healed() > before);
        backfill
    }

    /// Waits until all gaps are filled.
    pub(crate) fn healed(&self, mut backfill: Child) {
        assert!(backfill.wait().unwrap().success(), "the backfill failed");
        let left = self.number("SELECT count(*) FROM gaps WHERE state IN ('closed', 'filling', 'partial')");
        assert!(left < 0.5, "{left} gaps are not filled");
    }

    /// Interactions that came live and are committed.
    pub(crate) fn live(&self) -> f64 {
        self.number("SELECT coalesce(sum(interactions), 0) FROM connections")
    }

    /// Rows that backfill stored, or found there.
    pub(crate) fn rows_healed(&self) -> f64 {
        self.number("SELECT coalesce(sum(stored + known), 0) FROM backfills")
    }

    /// Processor time of the daemon so far, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.daemon.id())).unwrap();
        let fields = stat.rsplit(')').next().unwrap().split_whitespace();
        fields.skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS_A_SECOND
    }

    fn number(&self, question: &str) -> f64 {
        self.archive.query_row(question, [], |row| row.get::<_, i64>(0)).map_or(0.0, |number| {
            // Counts of a run are far below where a float loses units.
            f64::from(u32::try_from(number).unwrap_or(u32::MAX))
        })
    }

    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let begun = wait::start();
        while !holds(self) {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "it never came about that {what}:\n{}", log());
            wait::nap(Duration::from_millis(20));
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for child in [&mut self.daemon, &mut self.server] {
            // One that has ended already made the measurement fail before.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn started(program: &Path, folder: &Path) -> Child {
    let log = fs::File::create(folder.join("log")).unwrap();
    let mut daemon = Command::new(program);
    daemon.arg("--config").arg(folder.join("daemon.toml")).arg("run").stderr(log).stdin(Stdio::null());
    daemon.spawn().unwrap()
}

/// The archive, as soon as the daemon has made it.
fn opened(path: &Path) -> Connection {
    wait::until("the archive", Duration::from_millis(20), PATIENCE, || {
        let archive = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
        let known = archive.query_row("SELECT count(*) FROM backfills", [], |_| Ok(())).is_ok();
        known.then_some(archive)
    })
}
