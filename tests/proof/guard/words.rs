//! A server's words that would forge a line, steer a terminal or command the service manager: wherever they come out,
//! they are harmless.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::Value;
use siftd::peer_text::is_harmful;

use super::peer::{CLOSE, Peer, TEXT, against, close, frame, listen, refuse, upgrade};
use crate::scene::{Scene, Stage, wait};

/// What text can do to a line, a terminal, a reader's eyes, a service manager, a query.
const HOSTILE: &str = "x\n<0>2026-01-01T00:00:00.000000Z ERROR stopped | forged\r\n\u{1b}]52;c;aGVsbG8=\u{7}\u{1b}]8;;http://evil\u{1b}\\\u{9b}31m\
     \0\u{202e}\u{2066}\u{2028}\u{feff}\nMAINPID=1\nWATCHDOG=trigger\n'; DROP TABLE stream; -- %s%n {\"notice\":\"stopped\"}";

const HASTY: &str = "[reconnect]\ntrouble_first = \"50ms\"\ntrouble_max = \"100ms\"\nnetwork_step = \"50ms\"\nnetwork_max = \"100ms\"\n\
     identity_retry = \"200ms\"\n[liveness]\nsilence = \"1s\"\n";

/// A frame of these fields.
fn said(fields: &Value) -> Vec<u8> {
    frame(TEXT, fields.to_string().as_bytes())
}

/// A server that says hostile things in every way that it has.
fn hostile(stream: &str) -> Peer {
    let long = "y".repeat(1 << 20);
    let status = |word: &str, text: &str| said(&serde_json::json!({ "status": word, "message": text }));
    let about = |text: &str| {
        said(&serde_json::json!({ "status": "failure", "hash": stream, "message": format!("{text} {HOSTILE}") }))
    };
    let message = |id: &str| {
        said(
            &serde_json::json!({ "hash": stream, "data": { "interaction": { "id": id, "type": HOSTILE, "author": {"name": HOSTILE} } } }),
        )
    };
    let connections: Vec<Vec<u8>> = vec![
        [
            said(&serde_json::json!({ "status": "success", "hash": stream, "message": HOSTILE })),
            message("1"),
            message(HOSTILE),
            status("failure", HOSTILE),
        ]
        .concat(),
        [
            status("warning", HOSTILE),
            status(HOSTILE, HOSTILE),
            status("warning", &format!("consuming data too slowly {HOSTILE}{long}")),
        ]
        .concat(),
        status("failure", &format!("at full capacity {HOSTILE}")),
        about("problem starting your stream"),
        [
            frame(TEXT, HOSTILE.as_bytes()),
            frame(0x82, b"\xff\0\x1b]52;c;\x07"),
            frame(TEXT, format!("{{\"{HOSTILE}\":").as_bytes()),
        ]
        .concat(),
        close(4001, "go\n<0>\u{1b}]52;c;aGVsbG8=\u{7}\u{202e}\nMAINPID=1"),
        frame(CLOSE, &[&[0x0f, 0xa1], "\u{1b}[2J".as_bytes()].concat()),
        said(&serde_json::json!({ "hash": HOSTILE, "data": { "deleted": true } })),
        said(&serde_json::json!({ "hash": HOSTILE, "data": { "interaction": { "id": "2" } } })),
        status("error", &format!("too many subscriptions {HOSTILE}")),
        about("has been disabled"),
        about("is an invalid hash"),
    ];
    Peer::new(move |line| {
        let turn = line.number % (connections.len() + 2);
        match turn.checked_sub(2).map(|at| &connections[at]) {
            Some(frames) => {
                upgrade(line)?;
                line.write_all(frames)?;
                listen(line)
            }
            None if turn == 0 => refuse(
                line,
                "503 \u{1b}[2J",
                "Retry-After: \u{1b}]0;x\u{7}\r\n",
                &serde_json::json!({ "message": HOSTILE }).to_string(),
            ),
            None => refuse(line, "500 x", "X: \u{202e}\r\n", HOSTILE),
        }
    })
}

const CONNECTIONS: usize = 14;

/// The stream of a world of one, whose label is hostile too, as far as a label may be.
fn scene(form: &str, folder: &std::path::Path) -> (Scene, Peer, Told) {
    let manager = folder.join("notify");
    let told = listening(UnixDatagram::bind(&manager).unwrap());
    let stream = "0123456789abcdef0123456789abcdef";
    let peer = hostile(stream);
    let scene = against(
        &peer.url("ws", "127.0.0.1"),
        Stage::new("[world]\nstreams = 1\n")
            .settings(&format!("{HASTY}[log]\nformat = \"{form}\"\n"))
            .environment("NOTIFY_SOCKET", manager.to_str().unwrap())
            .environment("WATCHDOG_USEC", "2000000"),
    );
    fs::write(scene.path("streams.txt"), format!("{stream} '; DROP TABLE stream; -- %s \u{202e}{{x}}\n")).unwrap();
    (scene, peer, told)
}

/// Fails if a text could do anything but be read.
fn assert_harmless(place: &str, text: &str) {
    let found = text.chars().find(|character| *character != '\n' && is_harmful(*character));
    assert_eq!(found, None, "{place} lets it through: {text:?}");
    for line in text.lines() {
        assert!(
            !line.starts_with("<0>") && !line.starts_with("MAINPID") && !line.starts_with("2026-01-01"),
            "{place}: a forged line: {line}"
        );
    }
}

/// Every answer of every command.
fn answers(scene: &Scene) -> Vec<(String, String)> {
    let commands = [
        "check",
        "status",
        "status --json",
        "streams",
        "streams --json",
        "gaps",
        "gaps --json",
        "gaps --state open",
        "explain unknown-status",
    ];
    let answer = |command: &str| {
        let mut words = command.split_whitespace();
        let output = scene.siftd(words.next().unwrap()).args(words).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        (command.to_owned(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    commands.iter().map(|command| answer(command)).collect()
}

/// What the service manager was told, line by line.
type Told = Arc<Mutex<Vec<String>>>;

/// Takes what comes as a service manager would, at once: a socket that nobody reads takes ten messages.
fn listening(socket: UnixDatagram) -> Told {
    let told = Told::default();
    let lines = Arc::clone(&told);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length) = socket.recv(&mut buffer) {
            let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
            lines.lock().unwrap().extend(text.split('\n').map(str::to_owned));
        }
    });
    told
}

#[test]
fn in_json_in_the_archive_in_every_answer_and_to_the_service_manager() {
    let folder = tempfile::tempdir().unwrap();
    let (mut scene, peer, manager) = scene("json", folder.path());
    scene.launch();
    wait("every hostile word", || (peer.heard().len() > CONNECTIONS + 1).then_some(()));
    for notice in [
        "unknown-status",
        "connect-failed",
        "disconnected",
        "frame-quarantined",
        "foreign-interaction",
        "delete-unmatched",
        "capacity",
        "stream-trouble",
        "slow-consumer-warning",
        "stream-rejected",
        "stream-disabled",
    ] {
        let heard = scene.daemon().said.iter().any(|line| line.contains(&format!("\"{notice}\"")));
        if !heard {
            scene.until(notice);
        }
    }
    scene.holds("SELECT count(*) FROM quarantine");
    for (command, answer) in answers(&scene) {
        assert_harmless(&command, &answer);
    }
    scene.daemon().signal(Signal::TERM);
    let (code, log) = scene.daemon().end();
    // The server may have refused us for good by now.
    assert_eq!(code, Some(0), "{log}");
    assert_harmless("the log", &log);
    assert!(log.contains("\\\\u{1b}]52;c;"), "the words are there, and escaped: {log}");
    for line in log.lines() {
        let notice: Value = serde_json::from_str(line).unwrap();
        assert!(
            line.len() < 16 * 1024 && notice["notice"] != "stopped" || notice["interactions"].is_number(),
            "{line}"
        );
    }
    for query in [
        "SELECT message || detail FROM notices",
        "SELECT detail FROM gaps",
        "SELECT reason FROM streams",
        "SELECT closed_because FROM connections",
        "SELECT reason FROM quarantine",
    ] {
        let archive = Connection::open(scene.archive()).unwrap();
        let mut statement = archive.prepare(query).unwrap();
        let rows: Vec<Option<String>> =
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert!(!rows.is_empty(), "{query} has nothing to look at");
        rows.iter().flatten().for_each(|text| assert_harmless(query, text));
    }
    assert_eq!(
        scene.number("SELECT count(*) FROM streams WHERE label LIKE '''; DROP TABLE stream; -- \\%s %' ESCAPE '\\'"),
        1
    );
    let heard = wait("the manager's last word", || {
        let heard = manager.lock().unwrap().clone();
        heard.contains(&"STOPPING=1".to_owned()).then_some(heard)
    });
    let known =
        ["READY=1", "WATCHDOG=1", "STOPPING=1", "STATUS=", "RELOADING=1", "MONOTONIC_USEC=", "EXTEND_TIMEOUT_USEC="];
    for line in &heard {
        assert!(known.iter().any(|word| line.starts_with(word)), "the service manager is told {line:?}");
        assert_harmless("STATUS", line);
        assert!(!line.contains("evil") && !line.contains("MAINPID"), "a server's words in {line:?}");
    }
    for word in ["READY=1", "STATUS=", "WATCHDOG=1", "STOPPING=1"] {
        assert!(heard.iter().any(|line| line.starts_with(word)), "{word} was never told: {heard:?}");
    }
}

#[test]
fn in_a_log_of_text_every_line_is_ours() {
    let folder = tempfile::tempdir().unwrap();
    let (scene, peer, _manager) = scene("text", folder.path());
    let mut child = scene.siftd("run").stderr(Stdio::piped()).spawn().unwrap();
    wait("every hostile word", || (peer.heard().len() > CONNECTIONS + 1).then_some(()));
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM).unwrap();
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(child.wait().unwrap().success(), "{log}");
    assert_harmless("the log", &log);
    assert!(log.contains("u{1b}]52;c;"), "{log}");
    for line in log.lines() {
        let mut words = line.split_whitespace();
        let (at, level, notice) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        assert!(at.parse::<jiff::Timestamp>().is_ok() && ["ERROR", "WARN", "INFO", "DEBUG"].contains(&level), "{line}");
        assert!(siftd::notice::TABLE.iter().any(|entry| entry.name == notice) && line.contains(" | "), "{line}");
    }
    assert_eq!(
        log.lines().filter(|line| line.split_whitespace().nth(2) == Some("stopped")).count(),
        1,
        "forged: {log}"
    );
}

#[test]
fn out_of_an_archive_that_somebody_has_written_into() {
    let mut scene = Stage::new("[world]\nstreams = 2\nrate = 50\n").open();
    scene.start();
    scene.holds("SELECT count(*) > 10 FROM interactions");
    drop(scene.stop());
    let archive = Connection::open(scene.archive()).unwrap();
    for change in [
        "UPDATE notice SET message = ?1, notice = ?1, detail = json_object('x', ?1), level = 'error'",
        "UPDATE gap SET detail = ?1",
        "UPDATE stream SET label = ?1, reason = ?1, name = name || ?1, state = 'rejected'",
        "UPDATE connection SET closed_because = ?1, url = ?1",
        "UPDATE state SET version = ?1",
    ] {
        assert!(archive.execute(change, [HOSTILE.replace('\0', "")]).unwrap() > 0, "{change}");
    }
    drop(archive);
    for (command, answer) in answers(&scene) {
        assert_harmless(&command, &answer);
    }
    let streams = &answers(&scene)[3].1;
    assert!(streams.contains("u{1b}"), "the words are shown, and escaped: {streams}");
}
