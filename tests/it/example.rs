//! An archive as a daemon leaves it, made by the migrations and plain INSERTs, with settings beside it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::Parser;
use rusqlite::{Connection, FileControl, MAIN_DB};
use siftd::archive::reading::lock_path;
use siftd::command::{self, Cli};
use siftd::time::Time;
use tempfile::TempDir;

mod migrations {
    refinery::embed_migrations!("migrations");
}

/// 2026-11-22T05:00:00Z: the moment at which the examples are looked at.
pub(crate) const NOW: Time = Time::from_seconds(1_795_323_600);

pub(crate) struct Example {
    folder: TempDir,
    pub(crate) writer: Connection,
}

impl Example {
    /// An archive of which no daemon has ever made use.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("daemon.toml"), "[archive]\npath = \"archive.db\"\n").unwrap();
        let mut writer = Connection::open(folder.path().join("archive.db")).unwrap();
        writer.execute_batch("PRAGMA page_size = 32768; PRAGMA journal_mode = WAL").unwrap();
        migrations::migrations::runner().run(&mut writer).unwrap();
        Self { folder, writer }
    }

    /// Five streams and their story: a crash, a maintenance, a stream that is refused and one that is switched off.
    pub(crate) fn filled() -> Self {
        let example = Self::empty();
        example.writer.execute_batch(include_str!("example.sql")).unwrap();
        example
    }

    pub(crate) fn sql(&self, statements: &str) {
        self.writer.execute_batch(statements).unwrap();
    }

    /// Closes the archive as a daemon does that stops in order; its folder lives on.
    pub(crate) fn close(self) -> TempDir {
        self.writer.file_control(Some(MAIN_DB), FileControl::PersistWal(&mut 1)).unwrap();
        self.writer.close().unwrap();
        self.folder
    }

    /// The columns of a view, in its order.
    pub(crate) fn columns(&self, view: &str) -> Vec<String> {
        let mut names = self.writer.prepare("SELECT name FROM pragma_table_info(?1)").unwrap();
        names.query_map([view], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.folder.path().join("archive.db")
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.folder.path().join("daemon.toml")
    }

    /// Holds the archive as a daemon does, in the name of `pid`, until the file is dropped.
    pub(crate) fn held_by(&self, pid: u32) -> File {
        let path = lock_path(&self.archive());
        fs::write(&path, format!("{pid}\n")).unwrap();
        let lock = File::open(path).unwrap();
        lock.try_lock().unwrap();
        lock
    }

    /// What the program answers.
    pub(crate) fn siftd(&self, arguments: &[&str]) -> Output {
        siftd(&self.settings()).args(arguments).output().unwrap()
    }

    /// What a command answers at [`NOW`].
    pub(crate) fn answer(&self, arguments: &[&str]) -> String {
        answer(&self.settings(), NOW, arguments)
    }
}

/// A status without its line on files, which may take two rows: their sizes and the disk are this machine's.
pub(crate) fn without_files(screen: &str) -> String {
    let mut files = false;
    let rows = screen.lines().filter(|row| {
        files = row.starts_with("archive ") || (files && row.starts_with("  "));
        !files
    });
    rows.flat_map(|row| [row, "\n"]).collect()
}

/// What a command answers at `now`.
pub(crate) fn answer(settings: &Path, now: Time, arguments: &[&str]) -> String {
    let command = Cli::try_parse_from(["siftd"].iter().chain(arguments)).unwrap().command;
    let (settings, mut out) = (Some(settings), Vec::new());
    let answered = if let command::Command::Status(args) = &command {
        command::status::run(args, settings, now, &mut out)
    } else if let command::Command::Streams(args) = &command {
        command::streams::run(args, settings, &mut out)
    } else if let command::Command::Gaps(args) = &command {
        command::gaps::run(args, settings, now, &mut out)
    } else {
        panic!("{command:?} is not asked here")
    };
    answered.unwrap();
    String::from_utf8(out).unwrap()
}

/// The program with its settings, ready for more arguments.
pub(crate) fn siftd(settings: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_siftd"));
    command.arg("--config").arg(settings).env_remove("NO_COLOR");
    command
}
