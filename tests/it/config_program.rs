//! Sixty ways to get settings wrong, as an operator meets them: what `siftd check` prints, and that `siftd run` says
//! the same, ends with 78, and touches nothing.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};

use expect_test::expect;

use crate::config::HASH;

/// Settings that hold; every case spoils them in one way.
const GOOD: &str = r#"[source]
url = "wss://stream.example.com/multi"
username = "acme"
streams_file = "streams.txt"
[archive]
path = "archive.db"
"#;

const SECRET: &str = "canary0123456789";

/// A folder as an operator has it, and the program.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.write("daemon.toml", GOOD, 0o640);
        desk.write("api-key", format!("{SECRET}\n"), 0o600);
        desk.write("streams.txt", format!("{HASH} acme\n"), 0o640);
        desk
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>, mode: u32) {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn list(&self, text: impl AsRef<[u8]>) {
        self.write("streams.txt", text, 0o640);
    }

    fn key(&self, text: impl AsRef<[u8]>) {
        self.write("api-key", text, 0o600);
    }

    fn settings(&self, text: impl AsRef<[u8]>) {
        self.write("daemon.toml", text, 0o640);
    }

    /// The good settings and these.
    fn more(&self, text: &str) {
        self.settings(format!("{GOOD}{text}"));
    }

    /// The good settings with one word replaced.
    fn other(&self, from: &str, to: &str) {
        assert!(GOOD.contains(from), "{from}");
        self.settings(GOOD.replacen(from, to, 1));
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path().join(name)).unwrap();
    }

    fn link(&self, target: &str, name: &str) {
        self.remove(name);
        symlink(target, self.path().join(name)).unwrap();
    }

    fn folder(&self, name: &str) {
        self.remove(name);
        fs::create_dir(self.path().join(name)).unwrap();
    }

    fn siftd(&self, command: &str, variables: &[(&str, &str)]) -> Output {
        let mut siftd = Command::new(env!("CARGO_BIN_EXE_siftd"));
        siftd.args([command, "--config"]).arg(self.path().join("daemon.toml"));
        siftd.env_remove("CREDENTIALS_DIRECTORY").envs(variables.iter().copied()).output().unwrap()
    }
}

type Case = (&'static str, fn(&Desk));

/// What is no daemon.toml, or has names that nothing has.
const SETTINGS: &[Case] = &[
    ("daemon.toml is missing", |desk| desk.remove("daemon.toml")),
    ("daemon.toml is a folder", |desk| desk.folder("daemon.toml")),
    ("daemon.toml is a link to nowhere", |desk| desk.link("nowhere", "daemon.toml")),
    ("daemon.toml is a link to itself", |desk| desk.link("daemon.toml", "daemon.toml")),
    ("daemon.toml is empty", |desk| desk.settings("")),
    ("daemon.toml is a comment", |desk| desk.settings("# later\n")),
    ("daemon.toml is not UTF-8", |desk| desk.settings(b"[source]\nusername = \"caf\xe9\"\n")),
    ("daemon.toml holds a NUL", |desk| desk.settings("[source]\nusername = \"a\0\"\n")),
    ("daemon.toml was written half", |desk| desk.settings(&GOOD[..GOOD.len() / 2])),
    ("a quote is not closed", |desk| desk.other("\"acme\"", "\"acme")),
    ("a value has no quotes", |desk| desk.other("\"acme\"", "acme")),
    ("a bracket is not closed", |desk| desk.other("[archive]", "[archive")),
    ("a key comes twice", |desk| desk.other("username", "url = \"wss://h/\"\nusername")),
    ("a section comes twice", |desk| desk.more("[source]\nmax_streams = 3\n")),
    ("a section is mistyped", |desk| desk.other("[archive]", "[archiv]")),
    ("a key is mistyped", |desk| desk.other("username", "usrname")),
    ("a key stands in no section", |desk| desk.settings(format!("level = \"info\"\n{GOOD}"))),
    ("a key belongs elsewhere", |desk| desk.more("silence = \"65s\"\n")),
];

/// What is wrong with a value.
const VALUES: &[Case] = &[
    ("the kind is unknown", |desk| desk.other("url", "kind = \"gnip\"\nurl")),
    ("a number is a text", |desk| desk.other("url", "max_streams = \"7\"\nurl")),
    ("a number is a fraction", |desk| desk.other("url", "max_streams = 7.5\nurl")),
    ("a number is negative", |desk| desk.other("url", "max_streams = -1\nurl")),
    ("a number is too large", |desk| desk.other("url", "max_streams = 5001\nurl")),
    ("a number is too large to count", |desk| desk.other("url", "max_streams = 99999999999999999999\nurl")),
    ("a duration has no unit", |desk| desk.more("[gap]\nmargin = 3\n")),
    ("a duration has a foreign unit", |desk| desk.more("[gap]\nmargin = \"3 Sekunden\"\n")),
    ("a duration is negative", |desk| desk.more("[gap]\nmargin = \"-3s\"\n")),
    ("a size has a foreign unit", |desk| desk.more("[queue]\nmax_bytes = \"64MB\"\n")),
    ("a truth is a text", |desk| desk.other("url", "allow_insecure = \"yes\"\nurl")),
    ("a level is unknown", |desk| desk.more("[log]\nlevel = \"warning\"\n")),
    ("the queue is smaller than a frame", |desk| desk.more("[queue]\nmax_bytes = \"1MiB\"\n")),
    ("the address is of another protocol", |desk| desk.other("wss://", "https://")),
    ("the address is unencrypted", |desk| desk.other("wss://", "ws://")),
    ("the address holds the key", |desk| desk.other("/multi", "/multi?api_key=canary0123456789")),
    ("the address holds a password", |desk| desk.other("wss://", "wss://acme:canary0123456789@")),
    ("the key stands in the settings", |desk| desk.other("url", "api_key = \"canary0123456789\"\nurl")),
    ("the key stands for its file", |desk| desk.other("url", "api_key_file = \"canary0123456789\"\nurl")),
    ("the user is empty", |desk| desk.other("acme", "")),
    ("the authorities are missing", |desk| desk.more("[tls]\nca_file = \"ca.pem\"\n")),
    ("two files and three keys at once", |desk| {
        desk.list("short\n");
        desk.key("");
        desk.settings(
            "[source]\nurl = 7\nusernam = \"a\"\nstreams_file = \"streams.txt\"\n[gap]\nmargin = \"2\"\n[gpa]\n",
        );
    }),
];

/// What is wrong in the list of streams.
const LISTS: &[Case] = &[
    ("the list is missing", |desk| desk.remove("streams.txt")),
    ("the list is a folder", |desk| desk.folder("streams.txt")),
    ("the list is empty", |desk| desk.list("")),
    ("the list holds comments only", |desk| desk.list("# none\n\n  # yet\n")),
    ("the list has NULs at its end", |desk| desk.list(format!("{HASH}\n\0\0\0"))),
    ("the list was written half", |desk| desk.list(&format!("{HASH}\n{HASH}")[..50])),
    ("a hash is too short", |desk| desk.list("4f3af38ad1c31646561bc814c3e69af\n")),
    ("a hash is too long", |desk| desk.list(format!("{HASH}5\n"))),
    ("a hash has a foreign character", |desk| desk.list("4f3af38ad1c31646561bc814c3e69a_5\n")),
    ("a hash is a sentence", |desk| desk.list("'; DROP TABLE interaction; --\n")),
    ("a hash would steer a terminal", |desk| desk.list("\u{1b}]0;owned\u{7}\n")),
    ("a stream is listed twice", |desk| desk.list(format!("{HASH} one\n\n{HASH} two\n"))),
    ("a stream is listed twice in another case", |desk| desk.list(format!("{HASH}\n{}\n", HASH.to_uppercase()))),
    ("a stream is in the list and in place", |desk| {
        desk.other("url", "streams = [\"4f3af38ad1c31646561bc814c3e69af5\"]\nurl");
    }),
    ("a label would steer a terminal", |desk| desk.list(format!("{HASH} a\u{1b}[2Jb\n"))),
    ("there are 5,001 streams", |desk| {
        desk.list((0..5_001).map(|number| format!("{number:032x}\n")).collect::<Vec<_>>().concat());
    }),
    ("three lines of five are wrong", |desk| {
        desk.list(format!("{HASH}\nx\n\n# fine\n{HASH} again\n{} z\n", &HASH[1..]));
    }),
];

/// What is wrong with the secret.
const SECRETS: &[Case] = &[
    ("the key is missing", |desk| desk.remove("api-key")),
    ("the key is a folder", |desk| desk.folder("api-key")),
    ("the key is a link to nowhere", |desk| desk.link("nowhere", "api-key")),
    ("the key is empty", |desk| desk.key("")),
    ("the key is a newline", |desk| desk.key("\n")),
    ("the key has two lines", |desk| desk.key("canary0123456789\ncanary0123456789\n")),
    ("the key has a space behind it", |desk| desk.key("canary0123456789 \n")),
    ("the key is in quotes and has a name", |desk| desk.key("api_key = \"canary0123456789\"\n")),
    ("the key is not UTF-8", |desk| desk.key(b"canary\xff\xfe")),
    ("the key is large", |desk| desk.key("canary".repeat(1_000))),
    ("the world may read the key", |desk| desk.write("api-key", SECRET, 0o644)),
    ("the world may write the key", |desk| desk.write("api-key", SECRET, 0o602)),
];

/// What the program says to these cases, each in a folder of its own.
fn told(cases: &[Case]) -> String {
    let told = cases.iter().map(|(name, spoil)| {
        let desk = Desk::new();
        spoil(&desk);
        let plain = |output: &Output| {
            let text = String::from_utf8(output.stderr.clone()).unwrap();
            assert!(!text.contains("canary"), "{name}: {text}");
            assert_eq!(output.status.code(), Some(78), "{name}: {text}");
            assert_eq!(output.stdout, b"", "{name}");
            text.replace(&format!("{}/", desk.path().display()), "")
        };
        let check = plain(&desk.siftd("check", &[]));
        assert_eq!(plain(&desk.siftd("run", &[])), format!("siftd: {check}"), "{name}");
        assert!(!desk.path().join("archive.db").exists(), "{name}: nothing is changed on the disk");
        let lines: Vec<_> = check.lines().map(|line| format!("  {line}\n")).collect();
        format!("{name}\n{}", lines.concat())
    });
    told.collect::<Vec<_>>().concat()
}

#[test]
fn faulty_settings() {
    expect![[r#"
        daemon.toml is missing
          daemon.toml: the file does not exist; create it or correct the name
        daemon.toml is a folder
          daemon.toml: the file is a directory; name a file of text
        daemon.toml is a link to nowhere
          daemon.toml: the file does not exist; create it or correct the name
        daemon.toml is a link to itself
          daemon.toml: the file cannot be read: too many levels of symbolic links
        daemon.toml is empty
          daemon.toml:1:1: source.streams_file: no stream is listed; list at least one in source.streams_file or source.streams
          daemon.toml:1:1: source.url: is missing; write `url = "…"` below [source]
          daemon.toml:1:1: source.username: is missing; write `username = "…"` below [source]
        daemon.toml is a comment
          daemon.toml:1:1: source.streams_file: no stream is listed; list at least one in source.streams_file or source.streams
          daemon.toml:1:1: source.url: is missing; write `url = "…"` below [source]
          daemon.toml:1:1: source.username: is missing; write `username = "…"` below [source]
        daemon.toml is not UTF-8
          daemon.toml:2:16: the file is not UTF-8; save it as UTF-8
        daemon.toml holds a NUL
          daemon.toml:2:14: invalid basic string, expected non-double-quote visible characters, `\`
        daemon.toml was written half
          daemon.toml:3:15: invalid basic string, expected `"`
        a quote is not closed
          daemon.toml:3:17: invalid basic string, expected `"`
        a value has no quotes
          daemon.toml:3:12: string values must be quoted, expected literal string; texts, durations and sizes stand in quotes, true and false in small letters
        a bracket is not closed
          daemon.toml:5:9: unclosed table, expected `]`
          daemon.toml:6:1: path: there is no such section; there are source, archive, log, reconnect, liveness, queue, gap, backfill, retention, tls
        a key comes twice
          daemon.toml:3:1: duplicate key
        a section comes twice
          daemon.toml:7:2: duplicate key
        a section is mistyped
          daemon.toml:5:2: archiv: there is no such section; did you mean [archive]?
        a key is mistyped
          daemon.toml:1:2: source.username: is missing; write `username = "…"` below [source]
          daemon.toml:3:1: source.usrname: there is no such key; did you mean `username`?
        a key stands in no section
          daemon.toml:1:1: level: stands in no section; did you mean `level` below [log]?
        a key belongs elsewhere
          daemon.toml:7:1: archive.silence: there is no such key; did you mean `liveness.silence`?
    "#]].assert_eq(&told(SETTINGS));
}

#[test]
fn faulty_values() {
    expect![[r#"
        the kind is unknown
          daemon.toml:2:8: source.kind: must be datasift, not `gnip`
        a number is a text
          daemon.toml:2:15: source.max_streams: must be a whole number, not text; write 7 without quotes
        a number is a fraction
          daemon.toml:2:15: source.max_streams: must be a whole number, not a fraction
        a number is negative
          daemon.toml:2:15: source.max_streams: must lie between 1 and 5000
        a number is too large
          daemon.toml:2:15: source.max_streams: must lie between 1 and 5000
        a number is too large to count
          daemon.toml:2:15: source.max_streams: must lie between 1 and 5000
        a duration has no unit
          daemon.toml:8:10: gap.margin: must be a whole number with its unit (ms, s, m, h or d), and `3` has none; write "3s"
        a duration has a foreign unit
          daemon.toml:8:10: gap.margin: must be a whole number with its unit (ms, s, m, h or d), not `3 Sekunden`; write for example "65s"
        a duration is negative
          daemon.toml:8:10: gap.margin: must be a whole number with its unit (ms, s, m, h or d), not `-3s`; write for example "65s"
        a size has a foreign unit
          daemon.toml:8:13: queue.max_bytes: must be a whole number with its unit (B, KiB, MiB or GiB), not `64MB`; write for example "64MiB"
        a truth is a text
          daemon.toml:2:18: source.allow_insecure: must be true or false, not text
        a level is unknown
          daemon.toml:8:9: log.level: must be error, warn, info, debug or trace, not `warning`
        the queue is smaller than a frame
          daemon.toml:8:13: queue.max_bytes: is smaller than source.max_frame (20MiB): the largest frame could not wait for the disk; write at least "20MiB", or lower source.max_frame
        the address is of another protocol
          daemon.toml:2:7: source.url: must begin with wss:// or ws://; write it as wss://HOST[:PORT]/PATH
        the address is unencrypted
          daemon.toml:2:7: source.url: would send the API key unencrypted to another host; write wss://, or set source.allow_insecure = true if the way there is safe
        the address holds the key
          daemon.toml:2:7: source.url: has a query (`?`), where a key could be printed with it; siftd writes the query itself; the key belongs in the file that source.api_key_file names
        the address holds a password
          daemon.toml:2:7: source.url: holds a user name or a password; they belong in source.username and in the file that source.api_key_file names
        the key stands in the settings
          daemon.toml:2:1: source.api_key: a secret is never a value here, where many may read it; write it into a file that only siftd can read and name that file with source.api_key_file
        the key stands for its file
          daemon.toml:2:16: source.api_key_file: names no file, and looks like the key itself; write the key into a file of its own and name that file here
        the user is empty
          daemon.toml:3:12: source.username: is empty
        the authorities are missing
          daemon.toml:8:11: tls.ca_file: ca.pem does not exist; create it or correct the name
        two files and three keys at once
          daemon.toml:1:2: source.api_key_file: api-key is empty; write the API key into it
          daemon.toml:1:2: source.username: is missing; write `username = "…"` below [source]
          daemon.toml:2:7: source.url: must be text in quotes, not a number
          daemon.toml:3:1: source.usernam: there is no such key; did you mean `username`?
          daemon.toml:6:10: gap.margin: must be a whole number with its unit (ms, s, m, h or d), and `2` has none; write "2s"
          daemon.toml:7:2: gpa: there is no such section; did you mean [gap]?
          streams.txt:1:1: source.streams_file: `short` is no stream hash: that is 32 letters and digits, and here there are 5
    "#]].assert_eq(&told(VALUES));
}

#[test]
fn faulty_lists() {
    expect![[r#"
        the list is missing
          daemon.toml:4:16: source.streams_file: streams.txt does not exist; create it or correct the name
        the list is a folder
          daemon.toml:4:16: source.streams_file: streams.txt is a directory; name a file of text
        the list is empty
          daemon.toml:4:16: source.streams_file: no stream is listed; list at least one in source.streams_file or source.streams
        the list holds comments only
          daemon.toml:4:16: source.streams_file: no stream is listed; list at least one in source.streams_file or source.streams
        the list has NULs at its end
          streams.txt:2:1: source.streams_file: `\u{0}\u{0}\u{0}` is no stream hash: that is 32 letters and digits, and here something else is among them
        the list was written half
          streams.txt:2:1: source.streams_file: `4f3af38ad1c316465` is no stream hash: that is 32 letters and digits, and here there are 17
        a hash is too short
          streams.txt:1:1: source.streams_file: `4f3af38ad1c31646561bc814c3e69af` is no stream hash: that is 32 letters and digits, and here there are 31
        a hash is too long
          streams.txt:1:1: source.streams_file: `4f3af38ad1c31646561bc814c3e69af55` is no stream hash: that is 32 letters and digits, and here there are 33
        a hash has a foreign character
          streams.txt:1:31: source.streams_file: `4f3af38ad1c31646561bc814c3e69a_5` is no stream hash: that is 32 letters and digits, and here something else is among them
        a hash is a sentence
          streams.txt:1:1: source.streams_file: `';` is no stream hash: that is 32 letters and digits, and here something else is among them
        a hash would steer a terminal
          streams.txt:1:1: source.streams_file: `\u{1b}]0;owned\u{7}` is no stream hash: that is 32 letters and digits, and here something else is among them
        a stream is listed twice
          streams.txt:3:1: source.streams_file: the stream `4f3af38ad1c31646561bc814c3e69af5` is listed twice, first at streams.txt:1:1; remove one of the two
        a stream is listed twice in another case
          streams.txt:2:1: source.streams_file: the stream `4f3af38ad1c31646561bc814c3e69af5` is listed twice, first at streams.txt:1:1; remove one of the two
        a stream is in the list and in place
          streams.txt:1:1: source.streams_file: the stream `4f3af38ad1c31646561bc814c3e69af5` is listed twice, first at daemon.toml:2:12; remove one of the two
        a label would steer a terminal
          streams.txt:1:35: source.streams_file: the label holds a control character; write it with spaces and printable characters
        there are 5,001 streams
          streams.txt:5001:1: source.max_streams: 5001 streams are listed and 5000 are allowed; this is the first beyond; list fewer
        three lines of five are wrong
          streams.txt:2:1: source.streams_file: `x` is no stream hash: that is 32 letters and digits, and here there are 1
          streams.txt:5:1: source.streams_file: the stream `4f3af38ad1c31646561bc814c3e69af5` is listed twice, first at streams.txt:1:1; remove one of the two
          streams.txt:6:1: source.streams_file: `f3af38ad1c31646561bc814c3e69af5` is no stream hash: that is 32 letters and digits, and here there are 31
    "#]].assert_eq(&told(LISTS));
}

#[test]
fn faulty_secrets() {
    expect![[r#"
        the key is missing
          daemon.toml:1:2: source.api_key_file: api-key does not exist; create it or correct the name
        the key is a folder
          daemon.toml:1:2: source.api_key_file: api-key is a directory; name a file of text
        the key is a link to nowhere
          daemon.toml:1:2: source.api_key_file: api-key does not exist; create it or correct the name
        the key is empty
          daemon.toml:1:2: source.api_key_file: api-key is empty; write the API key into it
        the key is a newline
          daemon.toml:1:2: source.api_key_file: api-key is empty; write the API key into it
        the key has two lines
          daemon.toml:1:2: source.api_key_file: api-key holds white space, control characters or no text where a key should stand; the file holds the API key and nothing else, on one line
        the key has a space behind it
          daemon.toml:1:2: source.api_key_file: api-key holds white space, control characters or no text where a key should stand; the file holds the API key and nothing else, on one line
        the key is in quotes and has a name
          daemon.toml:1:2: source.api_key_file: api-key holds white space, control characters or no text where a key should stand; the file holds the API key and nothing else, on one line
        the key is not UTF-8
          daemon.toml:1:2: source.api_key_file: api-key holds white space, control characters or no text where a key should stand; the file holds the API key and nothing else, on one line
        the key is large
          daemon.toml:1:2: source.api_key_file: api-key is larger than 4KiB; is it the right file?
        the world may read the key
          daemon.toml:1:2: source.api_key_file: api-key is open to other users; run: chmod o-rwx api-key
        the world may write the key
          daemon.toml:1:2: source.api_key_file: api-key is open to other users; run: chmod o-rwx api-key
    "#]].assert_eq(&told(SECRETS));
}

#[test]
fn good_settings_pass_and_a_newline_after_the_key_is_no_part_of_it() {
    let desk = Desk::new();
    for key in [SECRET.to_owned(), format!("{SECRET}\n"), format!("{SECRET}\r\n")] {
        desk.key(key);
        let checked = desk.siftd("check", &[]);
        let text = String::from_utf8(checked.stdout).unwrap();
        assert_eq!(checked.status.code(), Some(0), "{text}");
        assert!(text.ends_with("1 stream\nok\n") && !text.contains("canary"), "{text}");
    }
    let environment = [("SIFTD__GAP__MARGIN", "3"), ("SIFTD__SOURCE__API_KEY", SECRET)];
    let checked = desk.siftd("check", &environment);
    let text = String::from_utf8(checked.stderr).unwrap();
    assert_eq!(checked.status.code(), Some(78), "{text}");
    assert!(text.contains("SIFTD__GAP__MARGIN: gap.margin: ") && !text.contains("canary"), "{text}");
}

#[test]
fn what_check_passes_finds_its_authorities_when_it_starts() {
    let desk = Desk::new();
    let nothing = tempfile::tempdir().unwrap();
    let folder = nothing.path().to_str().unwrap();
    for command in ["check", "run"] {
        let output = desk.siftd(command, &[("SSL_CERT_DIR", folder), ("SSL_CERT_FILE", "")]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{command}: {said}");
        assert!(said.contains("install ca-certificates, or name a PEM file in tls.ca_file"), "{command}: {said}");
    }
}
