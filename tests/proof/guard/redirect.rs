//! An answer that leads elsewhere is not followed: the key goes to one host only, and never in clear to another.

use super::peer::{Peer, against, refuse};
use crate::scene::{KEY, Stage};

#[test]
fn no_redirect_is_followed_whatever_its_status() {
    let elsewhere = Peer::new(super::peer::listen);
    let statuses = [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
        "300 Choose",
        "201 Created",
    ];
    let target = elsewhere.url("ws", "127.0.0.1");
    let peer = Peer::new(move |line| {
        let status = statuses[line.number % statuses.len()];
        let headers =
            format!("Location: {target}?username=acme\r\nRefresh: 0; url={target}\r\nContent-Location: {target}\r\n");
        refuse(line, status, &headers, "gone elsewhere")
    });
    let settings = "[reconnect]\ntrouble_first = \"100ms\"\ntrouble_max = \"200ms\"\nnetwork_step = \"100ms\"\n";
    let mut scene = against(&peer.url("ws", "127.0.0.1"), Stage::new("[world]\nstreams = 1\n").settings(settings));
    scene.launch();
    for status in statuses {
        let told = scene.until("connect-failed");
        assert!(told["detail"].as_str().unwrap().contains(&status[..3]), "{told}");
    }
    assert_eq!(elsewhere.heard().len(), 0, "somebody else was asked");
    assert!(peer.heard().iter().all(|bytes| bytes.starts_with(b"GET /multi?username=acme&api_key=")));
    assert!(!scene.daemon().said.iter().any(|line| line.contains(KEY)));
}

#[test]
fn an_unencrypted_way_to_another_host_is_refused_before_anything_is_sent() {
    let peer = Peer::new(super::peer::listen);
    // This machine under a name that does not say so: what is judged is the address, before anybody is asked.
    let url = peer.url("ws", "127.0.0.1.example.invalid");
    let mut scene = against(&url, Stage::new("[world]\nstreams = 1\n").starts_badly());
    let checked = scene.answer("check");
    scene.launch();
    let (code, _) = scene.daemon().end();
    assert_eq!((checked.status.code(), code), (Some(78), Some(78)));
    assert!(String::from_utf8_lossy(&checked.stderr).contains("would send the API key unencrypted to another host"));
    assert_eq!(peer.heard().len(), 0);
}
