//! The key is nowhere but in its file and in the request: not in a log, an error, an answer, the archive, or /proc.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use rustix::process::Signal;

use super::peer::{Peer, TEXT, against, close, frame, listen, refuse, request, upgrade};
use crate::scene::{KEY, Scene, Stage};

/// The key as it stands in the address.
pub(super) const SENT: &str = "c4n4ry%2Bkey%2Fof%25the%26scenes";

/// Every form in which the key must not be found, in lower case.
fn forms() -> Vec<Vec<u8>> {
    let user = format!("acme:{KEY}");
    let encoded =
        [BASE64.encode(KEY.as_bytes()), BASE64URL_NOPAD.encode(KEY.as_bytes()), BASE64.encode(user.as_bytes())];
    let forms = [KEY.to_owned(), SENT.to_owned()].into_iter().chain(encoded);
    // The end of what Base64 makes hangs on what follows the key.
    forms.map(|form| form[..form.len() - 4].to_ascii_lowercase().into_bytes()).collect()
}

/// Fails if a form of the key is in there.
pub(super) fn assert_clean(place: &str, bytes: &[u8]) {
    let lower = bytes.to_ascii_lowercase();
    for form in forms() {
        let found = lower.windows(form.len()).position(|window| window == form);
        let around = found
            .map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(80)..(at + 80).min(bytes.len())]).into_owned());
        assert!(around.is_none(), "{place} tells the key: …{}…", around.unwrap_or_default());
    }
}

/// Ways in which a server or a proxy tells what it was asked; each is a connection.
fn echoes() -> Vec<(&'static str, String, Vec<u8>)> {
    let url = format!("/multi?username=acme&api_key={SENT}&statuses=true");
    let lower = url.replace("%2B", "%2b").replace("%2F", "%2f");
    let status = |message: &str| serde_json::json!({ "status": "failure", "message": message }).to_string();
    let said = |text: &str| frame(TEXT, text.as_bytes());
    let named = format!(r#"{{"hash":"{KEY}","data":{{"interaction":{{"id":"x"}}}}}}"#);
    vec![
        ("420 Enhance Your Calm", format!(r#"{{"message":"no access with {KEY}"}}"#), Vec::new()),
        ("503 Service Unavailable", format!("<h1>proxy error: GET {url}</h1>"), Vec::new()),
        ("502 Bad Gateway", format!("cannot reach {lower}"), Vec::new()),
        ("418 I'm a teapot", format!(r#"{{"error":"{url}"}}"#), Vec::new()),
        ("", String::new(), close(4000, &format!("bad key {KEY}"))),
        ("", String::new(), close(1008, &lower)),
        ("", String::new(), said(&status(&format!("something new about {KEY}")))),
        ("", String::new(), said(&status(&format!("At full capacity, {}", KEY.to_uppercase())))),
        (
            "",
            String::new(),
            said(
                &named
                    .replace(r#""interaction""#, r#""deleted":true,"interaction""#)
                    .replace(r#","interaction":{"id":"x"}"#, ""),
            ),
        ),
        ("", String::new(), said(&named)),
        (
            "",
            String::new(),
            said(&format!(r#"{{"status":"failure","hash":"{KEY}","message":"{KEY} is an invalid hash"}}"#)),
        ),
    ]
}

/// A peer that tells what it was asked, in each of these ways in turn.
fn mirror(echoes: Vec<(&'static str, String, Vec<u8>)>) -> Peer {
    Peer::new(move |line| {
        let (status, body, frames) = &echoes[line.number % echoes.len()];
        if frames.is_empty() {
            return refuse(line, status, "", body);
        }
        upgrade(line)?;
        line.write_all(frames)?;
        listen(line)
    })
}

const HASTY: &str = "[reconnect]\ntrouble_first = \"50ms\"\ntrouble_max = \"100ms\"\nnetwork_step = \"50ms\"\nnetwork_max = \"100ms\"\n\
     identity_retry = \"100ms\"\n[liveness]\nsilence = \"1s\"\n";

/// What an operator or a neighbour can see of a scene, by its place.
pub(super) fn visible(scene: &mut Scene, pid: Option<u32>) -> Vec<(String, Vec<u8>)> {
    let mut places = vec![("the log".to_owned(), scene.daemon().said.join("\n").into_bytes())];
    for (name, arguments) in [
        ("check", ""),
        ("status", ""),
        ("status", "--json"),
        ("streams", ""),
        ("streams", "--json"),
        ("gaps", "--json"),
    ] {
        let output = scene.siftd(name).args(arguments.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "{name} {arguments}: {}", String::from_utf8_lossy(&output.stderr));
        places.push((format!("{name} {arguments}"), [output.stdout, output.stderr].concat()));
    }
    for name in ["cmdline", "environ", "maps", "status", "stack"] {
        let path = pid.map(|pid| format!("/proc/{pid}/{name}"));
        places.extend(path.and_then(|path| Some((path.clone(), fs::read(path).ok()?))));
    }
    places
}

/// The files of an archive.
pub(super) fn files(archive: &Path) -> Vec<(String, Vec<u8>)> {
    let names = ["", "-wal", "-shm", ".lock"].map(|suffix| format!("{}{suffix}", archive.display()));
    names.into_iter().map(|name| (name.clone(), fs::read(&name).unwrap())).collect()
}

#[test]
fn the_key_is_told_to_nobody_however_often_a_server_repeats_it() {
    let echoes = echoes();
    let count = echoes.len();
    let peer = mirror(echoes);
    let mut scene = against(&peer.url("ws", "127.0.0.1"), Stage::new("[world]\nstreams = 2\n").settings(HASTY));
    scene.launch();
    // Twice around, so that each way was answered and told.
    crate::scene::wait("every way of telling it", || (peer.heard().len() > 2 * count).then_some(()));
    let pid = scene.daemon().pid();
    scene.daemon().signal(Signal::USR1);
    scene.until("state");
    for (place, bytes) in visible(&mut scene, Some(pid)).into_iter().chain(files(&scene.archive())) {
        assert_clean(&place, &bytes);
    }
    let log = scene.daemon().said.join("\n");
    for told in [
        "no access with ***",
        "api_key=***&",
        "cannot reach",
        "bad key ***",
        "something new about ***",
        "At full capacity, ***",
    ] {
        assert!(log.contains(told), "the server's words about {told:?} are missing:\n{log}");
    }
    // The search finds what there is to find.
    assert!(peer.heard().iter().all(|heard| String::from_utf8_lossy(heard).contains(SENT)));
    assert!(std::panic::catch_unwind(|| assert_clean("a control", KEY.as_bytes())).is_err());
    assert!(std::panic::catch_unwind(|| assert_clean("a control", BASE64.encode(KEY.as_bytes()).as_bytes())).is_err());
}

#[test]
fn a_refused_identity_is_told_without_the_key() {
    let status =
        serde_json::json!({ "status": "failure", "message": format!("Invalid API key given: {KEY}") }).to_string();
    for (code, frames) in [("403 Forbidden", Vec::new()), ("", frame(TEXT, status.as_bytes()))] {
        let peer = mirror(vec![(code, status.clone(), frames)]);
        let mut scene = against(&peer.url("ws", "127.0.0.1"), Stage::new("[world]\nstreams = 1\n").settings(HASTY));
        scene.launch();
        let refused = scene.until("identity-refused");
        assert!(refused["text"].as_str().unwrap().contains("Invalid API key given: ***"), "{refused}");
        let (exit, log) = scene.daemon().end();
        assert_eq!(exit, Some(77), "{log}");
        assert_clean("the log", log.as_bytes());
        for (place, bytes) in files(&scene.archive()) {
            assert_clean(&place, &bytes);
        }
    }
}

#[test]
fn a_frame_that_repeats_the_key_keeps_it_and_nothing_else_does() {
    let echo = format!("{KEY} is no JSON");
    let peer = Peer::new(move |line| {
        upgrade(line)?;
        line.write_all(&frame(TEXT, echo.as_bytes()))?;
        listen(line)
    });
    let mut scene = against(&peer.url("ws", "127.0.0.1"), Stage::new("[world]\nstreams = 1\n"));
    scene.launch();
    scene.until("frame-quarantined");
    scene.holds("SELECT count(*) FROM quarantine");
    for (place, bytes) in visible(&mut scene, None) {
        assert_clean(&place, &bytes);
    }
    let kept = scene.number(&format!(
        "SELECT count(*) FROM quarantine WHERE instr(frame, '{KEY}') > 0 AND instr(reason, '{KEY}') = 0"
    ));
    assert_eq!(kept, 1, "a frame is kept byte for byte: docs/security.md says so");
}

#[test]
fn what_is_wrong_with_the_settings_never_repeats_a_key() {
    let scene = Stage::new("[world]\nstreams = 1\n").starts_badly().open();
    let good = fs::read_to_string(scene.path("daemon.toml")).unwrap();
    let url = good.lines().find(|line| line.starts_with("url")).unwrap().to_owned();
    let wrong = [
        good.replace(&url, &format!("url = \"wss://acme:{KEY}@stream.example/multi\"")),
        good.replace(&url, &format!("url = \"wss://stream.example/multi?api_key={SENT}\"")),
        good.replace(&url, &format!("{url}\napi_key = \"{KEY}\"")),
        good.replace(&url, &format!("{url}\napi_key = {KEY}")),
        good.replace(&url, &format!("{url}\ntoken = [\"{KEY}\", ")),
        good.replace(&url, &format!("{url}\napi_key_file = \"c4n4rykeyofthescenesinonelongword\"")),
    ];
    for text in wrong {
        fs::write(scene.path("daemon.toml"), &text).unwrap();
        for command in ["check", "run", "status", "reload"] {
            let output = scene.answer(command);
            assert!(!output.status.success(), "{command} accepts\n{text}");
            let said = [output.stdout, output.stderr].concat();
            assert_clean(command, &said);
            assert!(
                !String::from_utf8_lossy(&said).contains("c4n4rykeyofthe"),
                "{command} repeats what looks like a key"
            );
        }
    }
}

#[test]
fn the_key_is_in_the_request_and_only_there() {
    let peer = Peer::new(|line| {
        request(line)?;
        listen(line)
    });
    let mut scene = against(&peer.url("ws", "127.0.0.1"), Stage::new("[world]\nstreams = 1\n"));
    scene.launch();
    crate::scene::wait("the request", || peer.heard().iter().any(|heard| heard.ends_with(b"\r\n\r\n")).then_some(()));
    let heard = String::from_utf8_lossy(&peer.heard()[0]).into_owned();
    let (first, headers) = heard.split_once("\r\n").unwrap();
    assert!(first.contains(&format!("api_key={SENT}&")), "{first}");
    assert_clean("a header", headers.as_bytes());
    assert_eq!(scene.number("SELECT count(*) FROM connections"), 0);
}
