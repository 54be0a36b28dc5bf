//! The settings as a whole: the shipped file, the files that it names, the environment, `check`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use expect_test::expect;
use proptest::prelude::*;
use siftd::command::check;
use siftd::config::{Kind, Loaded, LogFormat, StreamEntry, Surroundings, Synchronous, archive_path_in, load_in};
use siftd::exit::Exit;
use siftd::peer_text::is_harmful;

use crate::config::{Folder, HASH, close_to};

const SHIPPED: &str = include_str!("../../daemon.toml");

/// A daemon.toml that holds, with its list of streams.
const GOOD: &str = r#"[source]
url = "wss://stream.example.com/multi"
username = "acme"
streams_file = "streams.txt"
"#;

/// The shipped file with this line changed, and what `load` says to it.
fn shipped_with(folder: &Folder, number: usize, line: &str) -> String {
    let lines: Vec<_> = SHIPPED.lines().enumerate().map(|(n, old)| if n == number { line } else { old }).collect();
    folder.faults(lines.join("\n"))
}

#[test]
fn the_shipped_file_holds() {
    let folder = Folder::new();
    folder.write("daemon.toml", SHIPPED);
    let loaded = folder.load().unwrap();
    let settings = loaded.settings;
    assert_eq!(loaded.path, folder.path().join("daemon.toml"));
    assert_eq!(loaded.warnings, []);
    assert_eq!(settings.source.kind, Kind::DataSift);
    assert_eq!(settings.source.api_key.expose(), "canary0123456789");
    let label = Some("acme".to_owned());
    assert_eq!(settings.source.streams, [StreamEntry { name: HASH.to_owned(), label, ..StreamEntry::default() }]);
    assert_eq!(settings.source.max_frame, 20 << 20);
    assert_eq!(settings.archive.path, Path::new("/var/lib/siftd/archive.db"));
    assert_eq!(settings.archive.synchronous, Synchronous::Full);
    assert_eq!(settings.log.format, LogFormat::Auto);
    assert_eq!(settings.liveness.silence, Duration::from_secs(65));
    assert_eq!(settings.retention.tombstones, Duration::from_hours(90 * 24));
}

#[test]
fn the_shipped_values_are_the_defaults() {
    let folder = Folder::new();
    folder.write("daemon.toml", SHIPPED);
    let shipped = folder.load().unwrap();
    folder.write("daemon.toml", "[source]\nstreams_file = \"streams.txt\"");
    let bare = folder.surroundings().with("SIFTD__SOURCE__USERNAME", "acme");
    let bare = load_in(None, &bare.with("SIFTD__SOURCE__URL", &shipped.settings.source.url));
    assert_eq!(bare.unwrap().settings, shipped.settings);
}

#[test]
fn a_typo_in_any_line_of_the_shipped_file_is_found_where_it_stands() {
    let folder = Folder::new();
    for (number, line) in SHIPPED.lines().enumerate() {
        let is_key = line.split_once(" = ").is_some();
        let line = if is_key { line.trim_start_matches("# ") } else { line };
        let (typo, column) = match line.strip_prefix('[') {
            Some(heading) => (format!("[x{heading}"), 2),
            None if is_key => (format!("x{line}"), 1),
            None => continue,
        };
        let faults = shipped_with(&folder, number, &typo);
        let expected = format!("daemon.toml:{}:{column}: ", number + 1);
        let found = faults.lines().find(|fault| fault.starts_with(&expected));
        assert!(found.is_some_and(|fault| fault.contains("did you mean")), "{typo}: {faults}");
    }
}

#[test]
fn an_optional_line_of_the_shipped_file_needs_only_its_mark_removed() {
    let folder = Folder::new();
    folder.write("streams.txt", "af3af38ad1c31646561bc814c3e69af5\n");
    let certificate = rcgen::generate_simple_self_signed(["ca.example.com".to_owned()]).unwrap();
    folder.write("ca.pem", certificate.cert.pem());
    let lines = SHIPPED.lines().map(|line| match line.strip_prefix("# ") {
        Some(key) if key.contains(" = ") => key,
        _ => line,
    });
    folder.write("daemon.toml", lines.collect::<Vec<_>>().join("\n"));
    let settings = folder.load().unwrap().settings;
    assert_eq!(settings.source.streams.len(), 2);
    assert_eq!(settings.tls.authorities, [certificate.cert.der().clone()]);
}

/// What these lists of streams yield, one after the other.
fn faults_of_lists(lists: &[&[u8]]) -> String {
    let folder = Folder::new();
    let faults = lists.iter().map(|list| {
        folder.write("streams.txt", list);
        folder.faults(GOOD)
    });
    faults.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_list_of_streams_is_judged_line_by_line() {
    let faults = faults_of_lists(&[
        b"# none of these\n\n  4f3af38ad1c31646561bc814c3e69af50 long\n4f3af38ad1c31646\n",
        b"\t4f3af38ad1c3-646561bc814c3e69af5\n\xf0\x9f\x98\x80\n",
        b"4f3af38ad1c31646561bc814c3e69af5 one\n4F3AF38AD1C31646561BC814C3E69AF5 two # again\r\n",
        b"4f3af38ad1c31646561bc814c3e69af5 a\x1b[2J\n",
        format!("{HASH} {}\n", "x".repeat(201)).as_bytes(),
        b"4f3af38ad1c31646561bc814c3e69af5 caf\xe9\n",
        b"# nothing but a comment\n",
        b"",
        // Read while it is written: the last line is not whole.
        b"4f3af38ad1c31646561bc814c3e69af5\n4f3af38ad1c316465",
    ]);
    expect![[r#"
        streams.txt:3:3: source.streams_file: `4f3af38ad1c31646561bc814c3e69af50` is no stream hash: that is 32 letters and digits, and here there are 33
        streams.txt:4:1: source.streams_file: `4f3af38ad1c31646` is no stream hash: that is 32 letters and digits, and here there are 16
        streams.txt:1:14: source.streams_file: `4f3af38ad1c3-646561bc814c3e69af5` is no stream hash: that is 32 letters and digits, and here something else is among them
        streams.txt:2:1: source.streams_file: `😀` is no stream hash: that is 32 letters and digits, and here something else is among them
        streams.txt:2:1: source.streams_file: the stream `4f3af38ad1c31646561bc814c3e69af5` is listed twice, first at streams.txt:1:1; remove one of the two
        streams.txt:1:35: source.streams_file: the label holds a control character; write it with spaces and printable characters
        streams.txt:1:34: source.streams_file: the label is longer than 200 characters
        streams.txt:1:37: source.streams_file: the line is not UTF-8
        daemon.toml:4:16: source.streams_file: no stream is listed; list at least one in source.streams_file or source.streams
        daemon.toml:4:16: source.streams_file: no stream is listed; list at least one in source.streams_file or source.streams
        streams.txt:2:1: source.streams_file: `4f3af38ad1c316465` is no stream hash: that is 32 letters and digits, and here there are 17"#]].assert_eq(&faults);
}

#[test]
fn a_list_of_streams_may_come_from_any_editor() {
    let folder = Folder::new();
    let upper = "AF3AF38AD1C31646561BC814C3E69AF5";
    folder.write("streams.txt", format!("\u{feff}# ours\r\n\r\n {HASH}\tacme  news # daily\r\n{upper}#\r\n# end"));
    folder.write("daemon.toml", format!("\u{feff}{}", GOOD.replace('\n', "\r\n")));
    let streams = folder.load().unwrap().settings.source.streams;
    let acme = StreamEntry { name: HASH.to_owned(), label: Some("acme  news".to_owned()), ..StreamEntry::default() };
    assert_eq!(streams, [acme, StreamEntry { name: upper.to_lowercase(), label: None, ..StreamEntry::default() }]);
}

#[test]
fn streams_beyond_the_limit_and_twice_are_found_across_places() {
    let folder = Folder::new();
    let list: Vec<_> = (0..5_001).map(|number| format!("{number:032}")).collect();
    folder.write("streams.txt", list.join("\n"));
    expect!["streams.txt:5001:1: source.max_streams: 5001 streams are listed and 5000 are allowed; this is the first beyond; list fewer"].assert_eq(&folder.faults(GOOD));
    let both = format!("{GOOD}streams = [\n  \"{}\", \"short\"\n]\nmax_streams = 2\n", "0".repeat(32));
    folder.write("streams.txt", list.get(..3).unwrap().join("\n"));
    expect![[r#"
        daemon.toml:6:39: source.streams: `short` is no stream hash: that is 32 letters and digits, and here there are 5
        streams.txt:1:1: source.streams_file: the stream `00000000000000000000000000000000` is listed twice, first at daemon.toml:6:3; remove one of the two
        streams.txt:3:1: source.max_streams: 3 streams are listed and 2 are allowed; this is the first beyond; raise source.max_streams or list fewer"#]].assert_eq(&folder.faults(both));
}

#[test]
fn what_is_no_file_of_text_is_told() {
    let folder = Folder::new();
    let pipe = folder.path().join("pipe.toml");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    fs::create_dir(folder.path().join("folder.toml")).unwrap();
    symlink("nowhere", folder.path().join("daemon.toml")).unwrap();
    folder.write("latin.toml", b"[log]\nlevel = \"caf\xe9\"\n");
    folder.write("huge.toml", vec![b'#'; (1 << 20) + 1]);
    let names = ["none.toml", "pipe.toml", "folder.toml", "latin.toml", "huge.toml"];
    // A link that leads nowhere is not replaced by the file of the system.
    let faults = names.map(Some).into_iter().chain([None]).map(|name| {
        let result = load_in(name.map(Path::new), &folder.surroundings());
        folder.plain(&result.expect_err("no file of text"))
    });
    expect![[r#"
        none.toml: the file does not exist; create it or correct the name
        pipe.toml: the file is no regular file; name a file of text
        folder.toml: the file is a directory; name a file of text
        latin.toml:2:13: the file is not UTF-8; save it as UTF-8
        huge.toml: the file is larger than 1MiB; is it the right file?
        daemon.toml: the file does not exist; create it or correct the name"#]]
    .assert_eq(&faults.collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_key_file_holds_a_key_and_is_closed_to_others() {
    let folder = Folder::new();
    let faults = [
        ("canary", 0o604),
        ("canary", 0o602),
        ("", 0o600),
        ("\n", 0o600),
        ("canary\ncanary\n", 0o600),
        ("canary \n", 0o600),
        ("canary\0", 0o600),
        (&"canary".repeat(1_000), 0o600),
    ]
    .map(|(key, mode)| {
        close_to(&folder.write("api-key", key), mode);
        folder.faults(GOOD)
    });
    let faults = faults.join("\n");
    assert!(!faults.contains("canary"), "{faults}");
    expect![[r#"
        daemon.toml:1:2: source.api_key_file: api-key is open to other users; run: chmod o-rwx api-key
        daemon.toml:1:2: source.api_key_file: api-key is open to other users; run: chmod o-rwx api-key
        daemon.toml:1:2: source.api_key_file: api-key is empty; write the API key into it
        daemon.toml:1:2: source.api_key_file: api-key is empty; write the API key into it
        daemon.toml:1:2: source.api_key_file: api-key holds white space, control characters or no text where a key should stand; the file holds the API key and nothing else, on one line
        daemon.toml:1:2: source.api_key_file: api-key holds white space, control characters or no text where a key should stand; the file holds the API key and nothing else, on one line
        daemon.toml:1:2: source.api_key_file: api-key holds white space, control characters or no text where a key should stand; the file holds the API key and nothing else, on one line
        daemon.toml:1:2: source.api_key_file: api-key is larger than 4KiB; is it the right file?"#]].assert_eq(&faults);
}

#[test]
fn a_key_loses_one_newline_and_nothing_else() {
    let folder = Folder::new();
    folder.write("daemon.toml", GOOD);
    for written in ["canary", "canary\n", "canary\r\n"] {
        let path = folder.write("api-key", written);
        close_to(&path, 0o640);
        let loaded = folder.load().unwrap();
        assert_eq!(loaded.settings.source.api_key.expose(), "canary");
        assert!(!format!("{loaded:?} {loaded:#?}").contains("canary"), "no way to print the key");
    }
}

#[test]
fn the_key_of_the_service_manager_comes_first() {
    let folder = Folder::new();
    let credentials = Folder::new();
    let path = credentials.write("api-key", "from-the-service-manager");
    close_to(&path, 0o444);
    folder.write("daemon.toml", GOOD);
    let with = |value: &Path| folder.surroundings().with("CREDENTIALS_DIRECTORY", value);
    let key =
        |surroundings: &Surroundings| load_in(None, surroundings).unwrap().settings.source.api_key.expose().to_owned();
    assert_eq!(key(&with(credentials.path())), "from-the-service-manager");
    fs::remove_file(path).unwrap();
    assert_eq!(key(&with(credentials.path())), "canary0123456789");
}

#[test]
fn a_file_of_authorities_holds_certificates() {
    let folder = Folder::new();
    let config = format!("{GOOD}[tls]\nca_file = \"ca.pem\"\n");
    folder.write("ca.pem", "-----BEGIN PRIVATE KEY-----\nY2FuYXJ5\n-----END PRIVATE KEY-----\n");
    expect!["daemon.toml:6:11: tls.ca_file: ca.pem holds no certificate in PEM form; it should have a -----BEGIN CERTIFICATE----- block for each authority"].assert_eq(&folder.faults(&config));
    folder.write("ca.pem", "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n");
    expect!["daemon.toml:6:11: tls.ca_file: certificate 1 of ca.pem cannot be read as an authority; export it once more, in PEM form"].assert_eq(&folder.faults(&config));
}

#[test]
fn the_environment_overrides_the_file() {
    let folder = Folder::new();
    folder.write("daemon.toml", format!("{GOOD}max_streams = 7\n"));
    let other = "0".repeat(32);
    let surroundings = folder
        .surroundings()
        .with("SIFTD__SOURCE__MAX_STREAMS", "8")
        .with("SIFTD__SOURCE__USERNAME", "0123")
        .with("SIFTD__SOURCE__STREAMS", format!("{other}, "))
        .with("SIFTD__SOURCE__ALLOW_INSECURE", "true")
        .with("SIFTD__RECONNECT__JITTER", "0.25")
        .with("SIFTD__GAP__MARGIN", "5s")
        .with("SIFTD_GAP_MARGIN", "of no concern");
    let settings = load_in(None, &surroundings).unwrap().settings;
    assert_eq!(settings.source.max_streams, 8);
    assert_eq!(settings.source.username, "0123", "digits are a name as well");
    let names: Vec<_> = settings.source.streams.iter().map(|stream| &stream.name).collect();
    assert_eq!(names, [&other, HASH]);
    assert!((settings.reconnect.jitter - 0.25).abs() < f64::EPSILON);
    assert_eq!(settings.gap.margin, Duration::from_secs(5));
}

#[test]
fn a_fault_of_the_environment_names_the_variable() {
    let folder = Folder::new();
    folder.write("daemon.toml", GOOD);
    let mut surroundings = folder.surroundings();
    for (name, value) in [
        ("SIFTD__GAP__MARGN", "3s"),
        ("SIFTD__GAPP__MARGIN", "3s"),
        ("SIFTD__GAP__MARGIN", "3"),
        ("SIFTD__GAP", "3s"),
        ("SIFTD__SOURCE__API_KEY", "canary"),
        ("SIFTD__SOURCE__URL", "ws://h/"),
        ("SIFTD__SOURCE__STREAMS", "4f3a"),
        ("SIFTD__SOURCE__MAX_STREAMS", "many"),
        ("SIFTD__SOURCE__ALLOW_INSECURE", "yes"),
        ("SIFTD__LOG__LEVEL", "loud\n"),
        ("SIFTD__TLS__CA_FILE", "none.pem"),
    ] {
        surroundings = surroundings.with(name, value);
    }
    let faults = folder.plain(&load_in(None, &surroundings).expect_err("many faults"));
    assert!(!faults.contains("canary"), "{faults}");
    expect![[r#"
        SIFTD__GAP: gap: names no key; write SIFTD__SECTION__KEY
        SIFTD__GAPP__MARGIN: gapp.margin: there is no such section; did you mean [gap]?
        SIFTD__GAP__MARGIN: gap.margin: must be a whole number with its unit (ms, s, m, h or d), and `3` has none; write "3s"
        SIFTD__GAP__MARGN: gap.margn: there is no such key; did you mean `margin`?
        SIFTD__LOG__LEVEL: log.level: must be error, warn, info, debug or trace, not `loud\u{a}`
        SIFTD__SOURCE__ALLOW_INSECURE: source.allow_insecure: must be true or false, not text
        SIFTD__SOURCE__API_KEY: source.api_key: a secret is never a value here, where many may read it; write it into a file that only siftd can read and name that file with source.api_key_file
        SIFTD__SOURCE__MAX_STREAMS: source.max_streams: must be a whole number, not text
        SIFTD__SOURCE__STREAMS: source.streams: `4f3a` is no stream hash: that is 32 letters and digits, and here there are 4
        SIFTD__SOURCE__URL: source.url: would send the API key unencrypted to another host; write wss://, or set source.allow_insecure = true if the way there is safe
        SIFTD__TLS__CA_FILE: tls.ca_file: none.pem does not exist; create it or correct the name"#]].assert_eq(&faults);
}

#[test]
fn what_is_unwise_is_a_warning() {
    let folder = Folder::new();
    let unwise = "allow_insecure = true\n[liveness]\nsilence = \"30s\"\n[backfill]\nlag = \"59m\"\n";
    folder.write("daemon.toml", format!("{GOOD}{unwise}"));
    let warnings: Vec<_> = folder.load().unwrap().warnings.iter().map(|warning| folder.plain(warning)).collect();
    expect![[r#"
        daemon.toml:5:18: source.allow_insecure: allows an unencrypted way to another host; whoever sees the traffic has the API key
        daemon.toml:7:11: liveness.silence: is no longer than the 30s between two ticks; healthy connections will be closed; write at least "65s"
        daemon.toml:9:7: backfill.lag: is less than the hour after which the server's archive may be asked; jobs will be refused; write at least "1h""#]]
        .assert_eq(&warnings.join("\n"));
}

#[test]
fn the_archive_is_found_whatever_else_is_wrong() {
    let folder = Folder::new();
    let find = |config: &str| {
        folder.write("daemon.toml", config);
        archive_path_in(None, &folder.surroundings())
    };
    let config = "[source]\napi_key_file = \"none\"\nstreams_file = \"none\"\n[archive]\npath = \"a.db\"\n[gapp]";
    assert_eq!(find(config).unwrap(), folder.path().join("a.db"));
    assert_eq!(find("").unwrap(), Path::new("/var/lib/siftd/archive.db"));
    let memory = find("[archive]\npath = \":memory:\"").unwrap();
    assert!(memory.is_absolute(), "no file name has a meaning of its own");
    let faults = find("[archive]\npth = \"a.db\"\n[gapp]").expect_err("the path is mistyped");
    expect!["daemon.toml:2:1: archive.pth: there is no such key; did you mean `path`?"]
        .assert_eq(&folder.plain(&faults));
    let faults = find("[archiv]\npath = \"a.db\"").expect_err("the section is mistyped");
    expect!["daemon.toml:1:2: archiv: there is no such section; did you mean [archive]?"]
        .assert_eq(&folder.plain(&faults));
    let faults = find("[archive").expect_err("no TOML");
    expect!["daemon.toml:1:9: unclosed table, expected `]`"].assert_eq(&folder.plain(&faults));
}

fn load(folder: &Folder, config: &str) -> Loaded {
    folder.write("daemon.toml", config);
    folder.load().expect("the file holds")
}

#[test]
fn a_reload_tells_what_has_changed_and_when_it_applies() {
    let folder = Folder::new();
    let old = load(&folder, GOOD).settings;
    assert_eq!(old.difference(&old), []);
    folder.write("api-key", "canary-two");
    let new = GOOD.replace("acme", "bolt") + "[gap]\nmargin = \"3s\"\n[archive]\nmax_wal = \"1GiB\"\npath = \"/b\"\n";
    let changes = old.difference(&load(&folder, &new).settings);
    let lines = changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(!lines.contains("canary"), "{lines}");
    expect![[r#"
        source.username: "acme" -> "bolt", with the next connection
        archive.path: "/var/lib/siftd/archive.db" -> "/b", after a restart
        archive.max_wal: "64MiB" -> "1GiB", after a restart
        gap.margin: "2s" -> "3s", with the next connection
        source.api_key_file: (what the file held) -> (what it holds now), with the next connection"#]]
    .assert_eq(&lines);
}

#[test]
fn check_prints_what_takes_effect_and_where_it_comes_from() {
    let folder = Folder::new();
    folder.write("daemon.toml", format!("{GOOD}[log]\nlevel = \"debug\"\n"));
    let surroundings = folder.surroundings().with("SIFTD__GAP__MARGIN", "180s");
    let text = check::effective(&load_in(None, &surroundings).unwrap());
    assert!(!text.contains("canary"), "{text}");
    expect![[r#"
        [source]
        kind = "datasift"                        # default
        url = "wss://stream.example.com/multi"   # daemon.toml:2
        username = "acme"                        # daemon.toml:3
        api_key_file = "(read from api-key)" # default
        streams_file = "streams.txt" # daemon.toml:4
        max_streams = 5000                       # default
        subscribe_window = 1000                  # default
        connect_timeout = "10s"                  # default
        max_frame = "20MiB"                      # default
        allow_insecure = false                   # default

        [archive]
        path = "/var/lib/siftd/archive.db"       # default
        synchronous = "full"                     # default
        quarantine_max = "64MiB"                 # default
        max_wal = "64MiB"                        # default

        [log]
        format = "auto"                          # default
        level = "debug"                          # daemon.toml:6

        [reconnect]
        network_step = "1s"                      # default
        network_max = "16s"                      # default
        trouble_first = "10s"                    # default
        trouble_max = "320s"                     # default
        jitter = 0.1                             # default
        billing_probe = "1h"                     # default
        identity_retry = "1m"                    # default
        disabled_probe = "1d"                    # default

        [liveness]
        silence = "65s"                          # default
        acknowledgement = "10s"                  # default

        [queue]
        max_bytes = "32MiB"                      # default

        [gap]
        margin = "3m"                            # SIFTD__GAP__MARGIN
        starting = "1m"                          # default

        [backfill]
        mode = "approve"                         # default
        url = "https://api.datasift.com/v1.6"    # default
        sources = "bitly, disqus, intensedebate, tumblr, wordpress" # default
        timeout = "1m"                           # default
        lag = "65m"                              # default
        overlap = "2s"                           # default
        join = "10m"                             # default
        combine = 45                             # default
        smallest = "1s"                          # default
        cool_down = "1h"                         # default
        tries = 5                                # default
        order = "oldest"                         # default
        credits_a_day = 5000                     # default
        units_a_day = 100.0                      # default
        units_an_hour = 1.25                     # default
        jobs = 20                                # default
        deadline = "5d"                          # default
        page = "2MiB"                            # default
        rows_a_second = 1000                     # default

        [retention]
        tombstones = "90d"                       # default
        notices = "365d"                         # default

        1 stream
        ok
    "#]]
    .assert_eq(&folder.plain(&text));
}

#[test]
fn check_ends_with_the_code_of_its_finding() {
    let folder = Folder::new();
    let path = folder.write("daemon.toml", GOOD);
    assert_eq!(check::run(Some(&path)), Exit::Stopped);
    folder.write("daemon.toml", "[source");
    assert_eq!(check::run(Some(&path)), Exit::Config);
}

/// What stands in a file that someone else may have written.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let toml = "[\\[\\]a-z_=\"#{}.,0-9\n \u{1b}\u{202e}\u{9b}é]{0,80}";
    prop_oneof![prop::collection::vec(any::<u8>(), 0..200), toml.prop_map(String::into_bytes)]
}

/// Every fault on a line of its own, and nothing that could steer a terminal.
fn is_tame(faults: &str) -> bool {
    faults.lines().all(|line| !line.is_empty() && !line.contains(is_harmful))
}

proptest! {
    #[test]
    fn no_bytes_in_a_daemon_toml_do_harm(noise in hostile(), at in 0..SHIPPED.len()) {
        let folder = Folder::new();
        let (before, after) = SHIPPED.as_bytes().split_at(at);
        for config in [noise.clone(), [before, &noise, after].concat()] {
            folder.write("daemon.toml", config);
            if let Err(faults) = folder.load() {
                prop_assert!(is_tame(&faults.to_string()), "{faults}");
            }
        }
    }

    #[test]
    fn no_bytes_in_a_list_of_streams_do_harm(noise in hostile(), after in hostile()) {
        let folder = Folder::new();
        folder.write("daemon.toml", GOOD);
        folder.write("streams.txt", [noise, HASH.into(), after].concat());
        match folder.load() {
            Ok(loaded) => {
                let labels = loaded.settings.source.streams.into_iter().filter_map(|s| s.label);
                prop_assert!(labels.into_iter().all(|label| !label.contains(char::is_control)));
            }
            Err(faults) => prop_assert!(is_tame(&faults.to_string()), "{faults}"),
        }
    }
}
