//! Where a measurement takes place: a folder on a real disk, the server, the daemon as a user runs it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::clock;
use super::frames::{Ids, stream_name};
use super::process::Process;

/// The program as it is shipped, built with the benchmark.
pub(crate) const SIFTD: &str = env!("CARGO_BIN_EXE_siftd");

/// Where everything lies that a run makes: beside what is built, and so on the same disk.
pub(crate) fn home() -> PathBuf {
    let home = Path::new(SIFTD).parent().and_then(Path::parent).unwrap().join("bench");
    std::fs::create_dir_all(&home).unwrap();
    home
}

/// This program in another role.
pub(crate) fn role(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(words);
    command
}

/// An empty folder that goes with its measurement.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
}

/// What differs from the shipped settings.
#[derive(Clone, Debug)]
pub(crate) struct Trim {
    pub(crate) synchronous: &'static str,
    pub(crate) streams: usize,
    pub(crate) tls: bool,
    pub(crate) ids: Ids,
    /// The size of every message, instead of 1.5 to 3 KiB.
    pub(crate) size: Option<usize>,
    /// Lines of daemon.toml besides, in sections of their own.
    pub(crate) more: &'static str,
    /// An archive to go on with.
    pub(crate) archive: Option<PathBuf>,
    /// What the daemon is run by: `valgrind`, say.
    pub(crate) behind: Vec<String>,
}

impl Default for Trim {
    fn default() -> Self {
        Self {
            synchronous: "full",
            streams: super::loops::STREAMS,
            tls: false,
            ids: Ids::Ordered,
            size: None,
            more: "",
            archive: None,
            behind: Vec::new(),
        }
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir_in(home()).unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the server; says where it listens.
    pub(crate) fn server(&self, trim: &Trim) -> (Process, u16) {
        let mut command = role(&["generate", "--streams", &trim.streams.to_string()]);
        command.args(["--ids", if trim.ids == Ids::Ordered { "ordered" } else { "random" }]);
        if let Some(size) = trim.size {
            command.args(["--size", &size.to_string()]);
        }
        if trim.tls {
            self.certify();
            command.arg("--tls").arg(self.folder.path());
        }
        let mut server = Process::start(&mut command);
        let port = server.hear("listening")["port"].as_u64().unwrap();
        (server, u16::try_from(port).unwrap())
    }

    /// An authority of our own that is a server too.
    fn certify(&self) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(self.path("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(self.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    }

    /// The daemon, with a settings file as a user writes it: what is not named is as shipped.
    pub(crate) fn daemon(&self, trim: &Trim, port: u16) -> Process {
        self.write(trim, port);
        self.spawn(trim)
    }

    /// What the daemon reads.
    pub(crate) fn write(&self, trim: &Trim, port: u16) {
        let list: String = (0..trim.streams).map(|place| stream_name(place) + "\n").collect();
        std::fs::write(self.path("streams.txt"), list).unwrap();
        std::fs::write(self.path("api-key"), "0123456789abcdef0123456789abcdef").unwrap();
        std::fs::set_permissions(self.path("api-key"), std::fs::Permissions::from_mode(0o600)).unwrap();
        let (scheme, tls) = if trim.tls { ("wss", "[tls]\nca_file = \"cert.pem\"\n") } else { ("ws", "") };
        let settings = format!(
            "[source]\nkind = \"datasift\"\nurl = \"{scheme}://localhost:{port}/multi\"\nusername = \"acme\"\n\
             api_key_file = \"api-key\"\nstreams_file = \"streams.txt\"\n[archive]\npath = {:?}\nsynchronous = {:?}\n\
             [log]\nformat = \"json\"\n{tls}{}",
            self.archive(trim).display().to_string(),
            trim.synchronous,
            trim.more
        );
        std::fs::write(self.path("daemon.toml"), settings).unwrap();
    }

    /// The daemon itself.
    pub(crate) fn spawn(&self, trim: &Trim) -> Process {
        let words: Vec<&str> = trim.behind.iter().map(String::as_str).chain([SIFTD, "run", "--config"]).collect();
        Process::start_log(Command::new(words[0]).args(&words[1..]).arg(self.path("daemon.toml")))
    }

    /// The archive that the daemon writes.
    pub(crate) fn archive(&self, trim: &Trim) -> PathBuf {
        trim.archive.clone().unwrap_or_else(|| self.path("archive.db"))
    }
}

/// The server and the daemon, with all streams acknowledged.
pub(crate) struct Running {
    pub(crate) server: Process,
    pub(crate) daemon: Process,
    pub(crate) archive: PathBuf,
}

impl Running {
    pub(crate) fn start(stage: &Stage, trim: &Trim) -> Self {
        let (server, port) = stage.server(trim);
        let mut daemon = stage.daemon(trim, port);
        daemon.hear("subscribed");
        Self { server, daemon, archive: stage.archive(trim) }
    }

    pub(crate) fn send(&mut self, messages: usize, rate: usize) {
        self.server.order(&format!("send {messages} {rate}"));
    }

    /// Waits until so many messages of the present connection are committed, as another connection sees it. Says when
    /// that was, and how long the log was at most.
    pub(crate) fn committed(&mut self, messages: usize) -> (i64, f64) {
        let look = Look::at(&self.archive);
        let mut longest = 0.0_f64;
        let at = clock::until("the commits", Duration::from_millis(2), Duration::from_hours(1), || {
            longest = longest.max(size(&log_of(&self.archive)));
            (look.interactions() >= messages).then(clock::now)
        });
        (at, longest)
    }

    /// Stops both in order.
    pub(crate) fn stop(mut self) {
        self.daemon.terminate();
        self.server.end();
    }
}

/// The write-ahead log of an archive.
pub(crate) fn log_of(archive: &Path) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// A file's size in MiB.
pub(crate) fn size(path: &Path) -> f64 {
    let bytes = std::fs::metadata(path).map_or(0, |about| about.len());
    f64::from(u32::try_from(bytes / 1024).unwrap()) / 1024.0
}

/// A connection beside the daemon's.
pub(crate) struct Look(pub(crate) Connection);

impl Look {
    pub(crate) fn at(archive: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = clock::until("an archive", Duration::from_millis(2), Duration::from_secs(30), || {
            Connection::open_with_flags(archive, flags).ok()
        });
        db.busy_timeout(Duration::from_secs(10)).unwrap();
        Self(db)
    }

    /// Interactions of the newest connection; none before its first row is committed.
    pub(crate) fn interactions(&self) -> usize {
        let sql = "SELECT coalesce(max(interactions), 0) FROM (SELECT interactions FROM connections ORDER BY id DESC LIMIT 1)";
        usize::try_from(self.0.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()).unwrap()
    }
}
