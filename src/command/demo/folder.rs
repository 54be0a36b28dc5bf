//! The folder of a demo: everything that it writes lies there.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::time::Time;

/// A key is 32 hexadecimal digits (DataSift, Authentication).
const KEY_DIGITS: usize = 32;

/// The folder, by its absolute path.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes the folder, for this user alone; `chosen` may be there already if it is empty.
    pub(super) fn make(chosen: Option<&Path>, now: Time) -> Result<Self, Failure> {
        let path = match chosen {
            Some(chosen) => chosen.to_owned(),
            None => std::env::temp_dir().join(format!("siftd-demo-{}-{}", stamp(now), std::process::id())),
        };
        let failed = |error| Failure::Folder { path: path.clone(), error };
        let absolute = std::path::absolute(&path).map_err(failed)?;
        DirBuilder::new().recursive(true).mode(0o700).create(&absolute).map_err(failed)?;
        if fs::read_dir(&absolute).map_err(failed)?.next().is_some() {
            return Err(Failure::NotEmpty(absolute));
        }
        Ok(Self(absolute))
    }

    /// Writes what the daemon needs: its settings, a key of nobody's, and the list of streams.
    pub(super) fn furnish(&self, url: &str, rest_url: &str, streams: &str, now: Time) -> Result<(), Failure> {
        // No account has it, so chance from the clock will do.
        let mut chance = fastrand::Rng::with_seed(now.micros().unsigned_abs());
        let key: String = (0..KEY_DIGITS).map(|_| chance.digit(16)).collect();
        self.write("api-key", 0o600, &key)?;
        self.write("streams.txt", 0o644, streams)?;
        self.write("daemon.toml", 0o644, &settings(url, rest_url))
    }

    fn write(&self, name: &str, mode: u32, text: &str) -> Result<(), Failure> {
        let path = self.0.join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| Failure::Folder { path, error })
    }

    /// A log, to be written on at its end.
    pub(super) fn open_log(path: &Path) -> io::Result<fs::File> {
        OpenOptions::new().append(true).create(true).open(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn archive(&self) -> PathBuf {
        self.0.join("archive.db")
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.0.join("journal.jsonl")
    }

    pub(super) fn settings(&self) -> PathBuf {
        self.0.join("daemon.toml")
    }

    /// The daemon's log.
    pub(super) fn log(&self) -> PathBuf {
        self.0.join("siftd.log")
    }

    /// What `siftd backfill` tells.
    pub(super) fn backfill_log(&self) -> PathBuf {
        self.0.join("backfill.log")
    }

    /// The simulator's complaints.
    pub(super) fn simulator_log(&self) -> PathBuf {
        self.0.join("simulator.log")
    }
}

/// A moment as a part of a file's name.
fn stamp(now: Time) -> String {
    now.to_string().chars().take_while(|character| *character != '.').filter(|character| *character != ':').collect()
}

fn settings(url: &str, rest_url: &str) -> String {
    format!(
        r#"# The settings of a demo: the simulated server of this host instead of the real one.

[source]
url = "{url}"
username = "demo"
api_key_file = "api-key"
streams_file = "streams.txt"

[archive]
path = "archive.db"

[log]
format = "json"

[gap]
# Server and daemon share a clock and there is no network between them: less than the default keeps the gaps short.
margin = "250ms"

[backfill]
# The simulated archive is there at once and costs nothing; a real one is an hour late and has its price.
url = "{rest_url}"
sources = "bitly, board, disqus, facebook, facebook_page, instagram, reddit, tumblr, twitter, wikipedia, wordpress, youtube"
lag = "0s"
overlap = "0s"
jobs = 200
credits_a_day = 100000000
units_an_hour = 0
rows_a_second = 1000000
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_demo_overwrites_nothing_and_keeps_its_key_to_itself() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b");
        let folder = Folder::make(Some(&path), Time::from_seconds(0)).unwrap();
        folder.furnish("ws://127.0.0.1:1/multi", "http://127.0.0.1:1/v1.6", "", Time::from_seconds(0)).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join("api-key"))), (0o700, 0o600));
        assert_eq!(fs::read_to_string(path.join("api-key")).unwrap().len(), KEY_DIGITS);
        let again = Folder::make(Some(&path), Time::from_seconds(0));
        assert!(matches!(again, Err(Failure::NotEmpty(_))), "{again:?}");
    }

    #[test]
    fn a_stamp_has_no_colon() {
        assert_eq!(stamp(Time::from_seconds(1_311_694_603)), "2011-07-26T153643");
    }
}
