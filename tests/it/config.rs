//! What is wrong with a daemon.toml, fault by fault: where, which key, what, and the way out.

use std::fmt::Display;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use expect_test::{Expect, expect};
use siftd::config::{Faults, Loaded, Surroundings, load_in};

pub(crate) const HASH: &str = "4f3af38ad1c31646561bc814c3e69af5";

/// Sets who may do what with a file.
pub(crate) fn close_to(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode is set");
}

/// A folder with a key and a list of streams, as an operator has it.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        folder.write("api-key", "canary0123456789\n");
        folder.write("streams.txt", format!("{HASH} acme\n"));
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, contents).expect("the file is written");
        close_to(&path, 0o600);
        path
    }

    /// The working folder, and nothing in the environment.
    pub(crate) fn surroundings(&self) -> Surroundings {
        Surroundings::default().within(self.path())
    }

    pub(crate) fn load(&self) -> Result<Loaded, Faults> {
        load_in(None, &self.surroundings())
    }

    /// Text without the name of the folder, which differs from run to run.
    pub(crate) fn plain(&self, text: &dyn Display) -> String {
        text.to_string().replace(&format!("{}/", self.path().display()), "")
    }

    /// The faults of this daemon.toml.
    pub(crate) fn faults(&self, config: impl AsRef<[u8]>) -> String {
        self.write("daemon.toml", config);
        self.plain(&self.load().expect_err("the file is wrong"))
    }
}

/// A transcript: cases apart by a blank line, each a daemon.toml and, marked with `!`, its faults.
///
/// What has no default is set in the environment, so that a case is as short as its fault.
pub(crate) fn check(transcript: &Expect) {
    judge(transcript, |surroundings| {
        surroundings
            .with("SIFTD__SOURCE__URL", "wss://stream.example.com/multi")
            .with("SIFTD__SOURCE__USERNAME", "acme")
            .with("SIFTD__SOURCE__STREAMS", HASH)
    });
}

/// The same with nothing in the environment.
fn check_bare(transcript: &Expect) {
    judge(transcript, |surroundings| surroundings);
}

fn judge(transcript: &Expect, around: impl Fn(Surroundings) -> Surroundings) {
    let folder = Folder::new();
    let cases = transcript.data().trim().split("\n\n").map(|case| {
        let lines = case.lines().map(str::trim).filter(|line| !line.starts_with('!'));
        let config = lines.collect::<Vec<_>>().join("\n");
        folder.write("daemon.toml", &config);
        let faults = load_in(None, &around(folder.surroundings())).expect_err(&config);
        let faults = folder.plain(&faults);
        assert!(!faults.contains("canary"), "{faults}");
        let faults: Vec<_> = faults.lines().map(|line| format!("! {line}")).collect();
        format!("{config}\n{}\n", faults.join("\n"))
    });
    transcript.assert_eq(&cases.collect::<Vec<_>>().join("\n"));
}

#[test]
fn what_is_no_toml() {
    check(&expect![[r#"
        [source]
        max_streams =
        ! daemon.toml:2:14: string values must be quoted, expected literal string

        [gap
        ! daemon.toml:1:5: unclosed table, expected `]`

        margin "3s"
        ! daemon.toml:1:8: key with no value, expected `=`

        [gap]
        margin = "3s
        ! daemon.toml:2:13: invalid basic string, expected `"`

        [source]
        max_streams = 1
        max_streams = 2
        ! daemon.toml:3:1: duplicate key

        [gap]
        [gap]
        ! daemon.toml:2:2: duplicate key

        [source]
        max_streams = 5_000_
        ! daemon.toml:2:20: `_` may only go between digits, expected nothing

        [log]
        level = info
        ! daemon.toml:2:9: invalid float, expected `inf`; texts, durations and sizes stand in quotes, true and false in small letters

        [gap]
        margin = 2s
        ! daemon.toml:2:10: string values must be quoted, expected literal string; texts, durations and sizes stand in quotes, true and false in small letters

        [source]
        allow_insecure = True
        ! daemon.toml:2:18: invalid boolean, expected `true`; texts, durations and sizes stand in quotes, true and false in small letters
    "#]]);
}

#[test]
fn every_unknown_name_is_told_at_once() {
    check(&expect![[r#"
        [source]
        max_stream = 5
        [archiv]
        [gap]
        margn = "3s"
        strating = "60s"
        [log]
        lvl = "info"
        [tls]
        ca = "x"
        ! daemon.toml:2:1: source.max_stream: there is no such key; did you mean `max_streams`?
        ! daemon.toml:3:2: archiv: there is no such section; did you mean [archive]?
        ! daemon.toml:5:1: gap.margn: there is no such key; did you mean `margin`?
        ! daemon.toml:6:1: gap.strating: there is no such key; did you mean `starting`?
        ! daemon.toml:8:1: log.lvl: there is no such key; did you mean `level`?
        ! daemon.toml:10:1: tls.ca: there is no such key; [tls] has ca_file
    "#]]);
}

#[test]
fn a_name_that_is_near_is_proposed() {
    check(&expect![[r#"
        [backfil]
        x = 1
        ! daemon.toml:1:2: backfil: there is no such section; did you mean [backfill]?

        [Archive]
        ! daemon.toml:1:2: Archive: there is no such section; did you mean [archive]?

        [queue]
        max-bytes = "64MiB"
        ! daemon.toml:2:1: queue.max-bytes: there is no such key; did you mean `max_bytes`?

        [gap]
        silence = "65s"
        ! daemon.toml:2:1: gap.silence: there is no such key; did you mean `liveness.silence`?

        [archive]
        pth = "a.db"
        ! daemon.toml:2:1: archive.pth: there is no such key; did you mean `path`?

        [archive]
        zzz = 1
        ! daemon.toml:2:1: archive.zzz: there is no such key; [archive] has path, synchronous, quarantine_max, max_wal

        [archive.sqlite]
        path = "a.db"
        ! daemon.toml:1:10: archive.sqlite: there is no such key; [archive] has path, synchronous, quarantine_max, max_wal

        "\u001b[2J\u202e" = 1
        ! daemon.toml:1:1: \u{1b}[2J\u{202e}: stands in no section; write it below the heading of its section

        [gap]
        "a\nb" = 1
        ! daemon.toml:2:1: gap.a\u{a}b: there is no such key; [gap] has margin, starting

        path = "a.db"
        ! daemon.toml:1:1: path: stands in no section; did you mean `path` below [archive]?
    "#]]);
}

#[test]
fn a_section_is_a_heading() {
    check(&expect![[r#"
        [[gap]]
        ! daemon.toml:1:3: gap: is a section, not a key; write the heading [gap] on a line of its own and its keys below

        log = "info"
        ! daemon.toml:1:1: log: is a section, not a key; write the heading [log] on a line of its own and its keys below
    "#]]);
}

#[test]
fn a_secret_is_never_a_value() {
    check(&expect![[r#"
        [source]
        api_key = "canary"
        ! daemon.toml:2:1: source.api_key: a secret is never a value here, where many may read it; write it into a file that only siftd can read and name that file with source.api_key_file

        [tls]
        password = "canary"
        ! daemon.toml:2:1: tls.password: a secret is never a value here, where many may read it; write it into a file that only siftd can read and name that file with source.api_key_file

        [api-key]
        value = "canary"
        ! daemon.toml:1:2: api-key: a secret is never a value here, where many may read it; write it into a file that only siftd can read and name that file with source.api_key_file

        [source]
        apikey = "canary
        ! daemon.toml:2:17: invalid basic string, expected `"`

        [log]
        Token = ["canary"]
        ! daemon.toml:2:1: log.Token: a secret is never a value here, where many may read it; write it into a file that only siftd can read and name that file with source.api_key_file

        secret = "canary"
        ! daemon.toml:1:1: secret: a secret is never a value here, where many may read it; write it into a file that only siftd can read and name that file with source.api_key_file

        [source]
        api_key_file = "canary0123456789abcdef0123456789"
        ! daemon.toml:2:16: source.api_key_file: names no file, and looks like the key itself; write the key into a file of its own and name that file here
    "#]]);
}

#[test]
fn settings_agree_with_one_another() {
    check(&expect![[r#"
        [reconnect]
        network_step = "20s"
        trouble_first = "321s"
        ! daemon.toml:2:16: reconnect.network_step: is longer than reconnect.network_max; the first wait cannot exceed the longest
        ! daemon.toml:3:17: reconnect.trouble_first: is longer than reconnect.trouble_max; the first wait cannot exceed the longest

        [queue]
        max_bytes = "19MiB"
        [archive]
        quarantine_max = "1MiB"
        ! daemon.toml:2:13: queue.max_bytes: is smaller than source.max_frame (20MiB): the largest frame could not wait for the disk; write at least "20MiB", or lower source.max_frame
        ! daemon.toml:4:18: archive.quarantine_max: is smaller than source.max_frame (20MiB): the largest frame could not be kept if it is unreadable; write at least "20MiB", or lower source.max_frame

        [source]
        max_frame = "33MiB"
        ! daemon.toml:1:1: queue.max_bytes: is smaller than source.max_frame (33MiB): the largest frame could not wait for the disk; write at least "33MiB", or lower source.max_frame

        [source]
        max_frame = 33
        [queue]
        max_bytes = "1MiB"
        ! daemon.toml:2:13: source.max_frame: must be a whole number with its unit (B, KiB, MiB or GiB), and `33` has none; write "33MiB"
    "#]]);
}

#[test]
fn faults_of_all_kinds_come_together() {
    check(&expect![[r#"
        [source]
        max_streams = "5"
        streams_file = "none.txt"
        api_key_file = "none"
        [gap]
        margin = 3
        [tls]
        ca_file = "none.pem"
        [reconnect]
        network_step = "17s"
        [nonsense]
        ! daemon.toml:2:15: source.max_streams: must be a whole number, not text; write 5 without quotes
        ! daemon.toml:3:16: source.streams_file: none.txt does not exist; create it or correct the name
        ! daemon.toml:4:16: source.api_key_file: none does not exist; create it or correct the name
        ! daemon.toml:6:10: gap.margin: must be a whole number with its unit (ms, s, m, h or d), and `3` has none; write "3s"
        ! daemon.toml:8:11: tls.ca_file: none.pem does not exist; create it or correct the name
        ! daemon.toml:10:16: reconnect.network_step: is longer than reconnect.network_max; the first wait cannot exceed the longest
        ! daemon.toml:11:2: nonsense: there is no such section; there are source, archive, log, reconnect, liveness, queue, gap, backfill, retention, tls
    "#]]);
}

#[test]
fn what_is_required_is_missed() {
    check_bare(&expect![[r##"
        # nothing
        ! daemon.toml:1:1: source.streams_file: no stream is listed; list at least one in source.streams_file or source.streams
        ! daemon.toml:1:1: source.url: is missing; write `url = "…"` below [source]
        ! daemon.toml:1:1: source.username: is missing; write `username = "…"` below [source]

        [source]
        ! daemon.toml:1:2: source.streams_file: no stream is listed; list at least one in source.streams_file or source.streams
        ! daemon.toml:1:2: source.url: is missing; write `url = "…"` below [source]
        ! daemon.toml:1:2: source.username: is missing; write `username = "…"` below [source]

        # nothing
        [gap]
        margin = "3s"
        ! daemon.toml:1:1: source.streams_file: no stream is listed; list at least one in source.streams_file or source.streams
        ! daemon.toml:1:1: source.url: is missing; write `url = "…"` below [source]
        ! daemon.toml:1:1: source.username: is missing; write `username = "…"` below [source]

        [source]
        url = "wss://h/"
        username = ""
        streams = []
        ! daemon.toml:1:2: source.streams_file: no stream is listed; list at least one in source.streams_file or source.streams
        ! daemon.toml:3:12: source.username: is empty
    "##]]);
}

#[test]
fn the_address_is_safe_and_holds_no_secret() {
    check_bare(&expect![[r#"
        [source]
        username = "u"
        streams_file = "streams.txt"
        url = "https://h/"
        ! daemon.toml:4:7: source.url: must begin with wss:// or ws://; write it as wss://HOST[:PORT]/PATH

        [source]
        username = "u"
        streams_file = "streams.txt"
        url = "h"
        ! daemon.toml:4:7: source.url: is no full address; write it as wss://HOST[:PORT]/PATH

        [source]
        username = "u"
        streams_file = "streams.txt"
        url = "ws://h/"
        ! daemon.toml:4:7: source.url: would send the API key unencrypted to another host; write wss://, or set source.allow_insecure = true if the way there is safe

        [source]
        username = "u"
        streams_file = "streams.txt"
        url = "wss://u:canary@h/"
        ! daemon.toml:4:7: source.url: holds a user name or a password; they belong in source.username and in the file that source.api_key_file names

        [source]
        username = "u"
        streams_file = "streams.txt"
        url = "wss://h/?api_key=canary&x=1"
        ! daemon.toml:4:7: source.url: has a query (`?`), where a key could be printed with it; siftd writes the query itself; the key belongs in the file that source.api_key_file names

        [source]
        username = "u"
        streams_file = "streams.txt"
        url = "ws://h:0/#canary"
        ! daemon.toml:4:7: source.url: has a fragment (`#`); remove what follows the `#`
        ! daemon.toml:4:7: source.url: has no host, or a colon without a port of 1 to 65535; write it as wss://HOST[:PORT]/PATH
        ! daemon.toml:4:7: source.url: would send the API key unencrypted to another host; write wss://, or set source.allow_insecure = true if the way there is safe

        [source]
        username = "u"
        streams_file = "streams.txt"
        url = "wss://h:99999/"
        ! daemon.toml:4:7: source.url: has no host, or a colon without a port of 1 to 65535; write it as wss://HOST[:PORT]/PATH

        [source]
        username = "u"
        streams_file = "streams.txt"
        url = ""
        ! daemon.toml:4:7: source.url: is empty
    "#]]);
}
