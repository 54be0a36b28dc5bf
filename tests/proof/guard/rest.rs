//! The key on the side of the archive: whatever a server or a proxy answers, it is in the one header and nowhere else.

use std::io::Write as _;

use data_encoding::BASE64;
use serde_json::json;

use super::canary::{SENT, assert_clean, files, visible};
use super::peer::{Peer, listen, request};
use crate::heal;
use crate::scene::{KEY, wait};

/// Answers that repeat what was asked, each with its headers.
fn echoes(elsewhere: &str) -> Vec<(&'static str, String, String)> {
    let said = json!({ "error": format!("no access with {KEY}") }).to_string();
    let lower = SENT.replace("%2B", "%2b").replace("%2F", "%2f");
    let asked = format!("GET /v1.6/historics/prepare?api_key={lower} Authorization: acme:{KEY}");
    let html = "Content-Type: text/html\r\n".to_owned();
    let to = |way: &str| format!("Location: {elsewhere}{way}\r\nRefresh: 0; url={elsewhere}{way}\r\n");
    // The key stands where the text is cut.
    let long: Vec<String> = (225..245).map(|before| format!("{}{KEY}", "x".repeat(before))).collect();
    let mut echoes = vec![
        ("401 Unauthorized", String::new(), said.clone()),
        ("403 Forbidden", String::new(), said.to_uppercase()),
        ("420 Enhance Your Calm", String::new(), format!(r#"{{"message":"{SENT}"}}"#)),
        ("503 Service Unavailable", html.clone(), format!("<h1>proxy error</h1> {asked}")),
        ("502 Bad Gateway", html.clone(), asked.clone()),
        ("302 Found", to(&format!("/v1.6?username=acme&api_key={SENT}")), String::new()),
        ("307 Temporary Redirect", to(&format!("/{KEY}")), said.clone()),
        ("200 OK", html, format!("<p>{asked}</p>")),
        ("200 OK", String::new(), format!(r#"{{"id":"{KEY}","dpus":0.1}}"#)),
        ("200 OK", String::new(), format!(r#"{{"data":[{{"id":"x","name":"{SENT}","status":7}}],"count":1}}"#)),
        ("200 OK", String::new(), asked),
        ("400 Bad Request", String::new(), said),
    ];
    echoes.extend(long.into_iter().map(|text| ("502 Bad Gateway", String::new(), text)));
    echoes
}

#[test]
fn an_archive_that_repeats_the_key_makes_nobody_else_tell_it() {
    let elsewhere = Peer::new(listen);
    let echoes = echoes(&elsewhere.url("http", "127.0.0.1").replace("/multi", ""));
    let count = echoes.len();
    let peer = Peer::new(move |line| {
        request(line)?;
        let (status, headers, body) = &echoes[line.number % echoes.len()];
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}");
        line.write_all(answer.as_bytes())
    });
    let mut scene = heal::stage("[world]\nstreams = 2\n").open();
    scene.lead_rest(&peer.url("http", "127.0.0.1").replace("/multi", "/v1.6"));
    scene.start();
    scene.holds("SELECT count(*) > 20 FROM interactions");
    heal::cut(&mut scene, "1s");
    // Twice around, so that each answer came and was told.
    wait("every answer", || {
        heal::reload(&mut scene);
        std::thread::park_timeout(std::time::Duration::from_millis(100));
        (peer.heard().len() > 2 * count).then_some(())
    });
    let pid = scene.daemon().pid();
    let mut places = visible(&mut scene, Some(pid));
    let plan = scene.siftd("backfill").arg("--dry-run").output().unwrap();
    places.push(("backfill --dry-run".to_owned(), [plan.stdout, plan.stderr].concat()));
    for (place, bytes) in places.into_iter().chain(files(&scene.archive())) {
        assert_clean(&place, &bytes);
        let lower = bytes.to_ascii_lowercase();
        let half = KEY.as_bytes().get(..10).unwrap_or_default();
        assert!(!lower.windows(half.len()).any(|window| window == half), "{place} tells half of the key");
    }
    let log = scene.daemon().said.join("\n");
    for told in ["no access with ***", "NO ACCESS WITH ***", "proxy error", "api_key=***"] {
        assert!(log.contains(told), "the server's words about {told:?} are missing:\n{log}");
    }
    assert!(elsewhere.heard().is_empty(), "somebody else was asked");
    // It went to the server, in its header, and in no address.
    for heard in peer.heard() {
        let heard = String::from_utf8_lossy(&heard).into_owned();
        let (first, headers) = heard.split_once("\r\n").unwrap();
        assert!(headers.contains(&format!("authorization: acme:{KEY}\r\n")), "{headers}");
        assert_clean("an address", first.as_bytes());
        assert!(!headers.contains(&BASE64.encode(KEY.as_bytes())));
    }
}

#[test]
fn a_way_to_another_host_is_not_followed_and_backfill_pauses() {
    let elsewhere = Peer::new(listen);
    let target = elsewhere.url("http", "127.0.0.1").replace("/multi", "/v1.6/pull");
    let mut scene = heal::stage("[world]\nstreams = 1\n").open();
    scene.start();
    scene.holds("SELECT count(*) > 60 FROM interactions");
    heal::cut(&mut scene, "1s");
    for status in [301, 302, 303, 307, 308] {
        let how = json!({"redirect": {"status": status, "location": target}});
        heal::spoil(&scene, &format!(r#""how":{how}"#));
        let from = scene.lines();
        let told = heal::provoked(&mut scene, from, "backfill-paused");
        assert!(told["text"].as_str().unwrap().contains(&format!("{status} and sends us to {target}")), "{told}");
    }
    heal::reload(&mut scene);
    heal::filled(&scene);
    assert!(elsewhere.heard().is_empty(), "somebody else was asked");
    scene.finish(&["stored", "healed"]);
}
