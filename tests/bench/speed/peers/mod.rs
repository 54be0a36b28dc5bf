//! Other programs that do the same, written as a good user of each library would, and how they are installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::stage;

/// A program to compare with.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// By how much fewer messages it gets, as it is slow.
    pub(crate) slow: usize,
    /// It writes a file, and no rows.
    pub(crate) to_file: bool,
    /// What installs it, in the home of the peers.
    install: &'static [&'static [&'static str]],
    /// What is there once it is installed.
    shows: &'static str,
    /// What runs it: home, address, the file to store into.
    pub(crate) command: fn(&Path, &str, &Path) -> Command,
}

/// Where pyenv holds several Pythons, it must be told which one is meant.
const PYENV: &str = "PYENV_VERSION";
const PYTHON2: &str = "2.7.18";

const VENV: &[&str] = &["python3", "-m", "venv", "venv"];

/// In the order of the report. Versions are pinned, so that two runs a year apart compare.
pub(crate) const PEERS: &[Peer] = &[
    Peer {
        name: "picows",
        what: "Python 3, picows 2.3.1, orjson 3.13.0, sqlite3",
        slow: 1,
        to_file: false,
        install: &[VENV, &["venv/bin/pip", "install", "-q", "picows==2.3.1", "orjson==3.13.0"]],
        shows: "venv/lib/*/site-packages/picows",
        command: |home, url, stored| python(home, include_str!("with_picows.py"), url, stored),
    },
    Peer {
        name: "websockets",
        what: "Python 3, websockets 17.4, orjson 3.13.0, sqlite3",
        slow: 1,
        to_file: false,
        install: &[VENV, &["venv/bin/pip", "install", "-q", "websockets==17.4", "orjson==3.13.0"]],
        shows: "venv/lib/*/site-packages/websockets",
        command: |home, url, stored| python(home, include_str!("with_websockets.py"), url, stored),
    },
    Peer {
        name: "node-ws",
        what: "Node, ws 8.23.0, better-sqlite3 12.11.1",
        slow: 1,
        to_file: false,
        install: &[&["npm", "install", "--silent", "--no-audit", "--no-fund", "ws@8.23.0", "better-sqlite3@12.11.1"]],
        shows: "node_modules/better-sqlite3/build/Release/better_sqlite3.node",
        command: |home, url, stored| {
            let mut command = Command::new("node");
            command.current_dir(home).args(["-e", include_str!("with_ws.js"), "--", url]).arg(stored);
            command
        },
    },
    Peer {
        name: "websocat",
        what: "websocat 1.14.1 into a file: neither reads the messages nor knows one again",
        slow: 1,
        to_file: true,
        install: &[&["cargo", "install", "--quiet", "websocat@1.14.1", "--root", "websocat"]],
        shows: "websocat/bin/websocat",
        command: |home, url, stored| {
            let mut command = Command::new(home.join("websocat/bin/websocat"));
            command.args(["--text", "-u", url, &format!("writefile:{}", stored.display())]);
            command
        },
    },
    Peer {
        name: "official",
        what: "the official client: datasift 2.12.1 for Python 2.7, with sqlite3",
        slow: 20,
        to_file: false,
        install: &[&["python2.7", "-m", "pip", "install", "-q", "--target", "python2", "datasift==2.12.1"]],
        shows: "python2/datasift",
        command: |home, url, stored| {
            let mut command = Command::new("python2.7");
            command
                .env(PYENV, PYTHON2)
                .args(["-c", include_str!("with_datasift.py"), url])
                .arg(stored)
                .arg(home.join("python2"));
            command
        },
    },
];

fn python(home: &Path, program: &str, url: &str, stored: &Path) -> Command {
    let mut command = Command::new(home.join("venv/bin/python"));
    command.args(["-c", program, url]).arg(stored);
    command
}

/// Where they are installed.
pub(crate) fn home() -> PathBuf {
    let home = stage::home().join("peers");
    std::fs::create_dir_all(&home).unwrap();
    home
}

impl Peer {
    pub(crate) fn is_there(&self) -> bool {
        let (folder, rest) = self.shows.split_once("/*/").unwrap_or((self.shows, ""));
        let folder = home().join(folder);
        if rest.is_empty() {
            return folder.exists();
        }
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path().join(rest)).any(|path| path.exists())
    }

    /// Installs it, or says what could not be done.
    pub(crate) fn install(&self) -> Result<(), String> {
        if self.is_there() {
            return Ok(());
        }
        for words in self.install {
            let line = words.join(" ");
            let [program, arguments @ ..] = words else { continue };
            // A path with a folder in it is one of home; a bare name is looked up.
            let program = if program.contains('/') { home().join(program) } else { program.into() };
            let mut command = Command::new(program);
            command.args(arguments).current_dir(home()).env_remove("RUSTFLAGS").stdin(Stdio::null());
            if line.starts_with("python2") {
                command.env(PYENV, PYTHON2);
            }
            let done = command.status().map_err(|error| format!("`{line}`: {error}"))?;
            if !done.success() {
                return Err(format!("`{line}`: {done}"));
            }
        }
        if self.is_there() { Ok(()) } else { Err(format!("{} is not there after all", self.shows)) }
    }
}
