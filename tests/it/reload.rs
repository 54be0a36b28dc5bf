//! `siftd reload`, against a process that holds the archive and answers SIGHUP as the daemon does.

use std::thread;
use std::time::Duration;

use expect_test::expect;
use rusqlite::Connection;
use signal_hook::consts::SIGHUP;
use signal_hook::iterator::Signals;

use crate::example::Example;

/// What the holder writes when SIGHUP comes.
const ANSWERS: [(&str, &str); 3] = [
    (
        "reloaded",
        r#"{"added":["4f3af38ad1c31646561bc814c3e69af5"],"removed":[],"changed":["gap.margin: \"2s\" is now \"3s\""]}"#,
    ),
    ("reloaded", r#"{"added":[],"removed":[],"changed":[]}"#),
    (
        "reload-refused",
        r#"{"faults":"daemon.toml:3:1: gap.margn: unknown key\nstreams.txt:9:1: not a hash: \u001b[2J"}"#,
    ),
];

/// Signals are the whole process's, so this one test asks everything that needs one.
#[test]
fn a_daemon_that_answers_is_heard() {
    let example = Example::filled();
    let _lock = example.held_by(std::process::id());
    let archive = example.archive();
    let mut signals = Signals::new([SIGHUP]).unwrap();
    let stop = signals.handle();
    let daemon = thread::spawn(move || {
        let writer = Connection::open(archive).unwrap();
        for ((notice, detail), _) in ANSWERS.iter().zip(signals.forever()) {
            let say = "INSERT INTO notice (at, level, notice, message, detail) VALUES (1, 'info', ?1, '', ?2)";
            writer.execute(say, [notice, detail]).unwrap();
        }
        // One more is heard and not answered.
        signals.forever().next();
    });

    let ask = || {
        let output = example.siftd(&["reload"]);
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        format!("{said}{}\n", output.status.code().unwrap())
    };
    expect![[r#"
        reloaded
          1 stream added:
            4f3af38ad1c31646561bc814c3e69af5
          gap.margin: "2s" is now "3s"
        0
    "#]]
    .assert_eq(&ask());
    expect![[r#"
        reloaded: nothing has changed
        0
    "#]]
    .assert_eq(&ask());
    expect![[r#"
        siftd: the daemon refuses the new settings and keeps the old ones:
        daemon.toml:3:1: gap.margn: unknown key
        streams.txt:9:1: not a hash: \u{1b}[2J
        78
    "#]]
    .assert_eq(&ask());

    let settings = example.settings();
    let unanswered = siftd::command::reload::run(Some(&settings), Duration::from_millis(100), &mut Vec::new());
    expect!["the daemon has not answered within 0 s; it may still follow: look at `siftd status`"]
        .assert_eq(&unanswered.unwrap_err().to_string());
    stop.close();
    daemon.join().unwrap();
}

fn refused(example: &Example) -> (Option<i32>, String) {
    let output = example.siftd(&["reload"]);
    let folder = example.archive().parent().unwrap().display().to_string();
    (output.status.code(), String::from_utf8(output.stderr).unwrap().replace(&folder, "FOLDER"))
}

#[test]
fn without_a_daemon_nothing_is_signalled() {
    let example = Example::filled();
    drop(example.held_by(std::process::id()));
    let (code, said) = refused(&example);
    expect![[r#"
        siftd: no daemon runs on FOLDER/archive.db: nothing to reload; the settings are read when it starts
    "#]]
    .assert_eq(&said);
    assert_eq!(code, Some(75));
}

#[test]
fn a_process_that_holds_no_lock_is_not_signalled() {
    let example = Example::filled();
    let mut innocent = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let _lock = example.held_by(innocent.id());
    let (code, said) = refused(&example);
    assert!(said.contains("is not the daemon as seen from here"), "{said}");
    assert_eq!(code, Some(74));
    assert!(innocent.try_wait().unwrap().is_none(), "it lives");
    innocent.kill().unwrap();
    innocent.wait().unwrap();
}
