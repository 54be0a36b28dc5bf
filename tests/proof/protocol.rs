//! The server says what servers say when things go wrong. Rows 13, 14 and 19 to 24 of the catalogue (docs/proof.md).

use crate::network::settle;
use crate::oracle::Report;
use crate::scene::{Mode, Scene, Stage, wait};
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::Duration;

const WORLD: &str = "[world]\nstreams = 10\nrate = 100\n";

fn in_full_swing(scenario: &str) -> Scene {
    let mut scene = Stage::new(scenario).open();
    scene.start();
    settle(&scene);
    scene.watch();
    scene
}

/// The answers to an upgrade other than 101, and the cause that each has.
const REFUSALS: &[(u16, &str)] = &[
    (404, "server_error"),
    (410, "server_error"),
    (420, "capacity"),
    (429, "capacity"),
    (500, "server_error"),
    (502, "server_error"),
    (503, "server_error"),
    (504, "server_error"),
    (403, "auth"),
    (401, "auth"),
];

/// Row 13: each is answered by its own ladder, and the daemon is back when the server is.
#[test]
fn refused_upgrades() {
    let mut scene = in_full_swing(WORLD);
    for (status, cause) in REFUSALS {
        let fault = scene.fault(&format!("HTTP {status}"), &["network", cause]);
        scene.cue(&format!(r#"{{"do":{{"refuse":{{"status":{status},"times":1}}}}}}"#), "cue");
        let lines = scene.lines();
        scene.order(r#"{"do":{"close":{"how":"reset"}}}"#);
        let refused = scene.line(lines, |line| line["event"] == "refused");
        assert_eq!(refused["status"], *status);
        scene.until("subscribed");
        scene.over(fault, &refused);
    }
    scene.finish(&["stored", "in_gap"]);
}

/// Row 13: `Retry-After` is obeyed.
#[test]
fn a_refusal_that_says_when_to_come_back() {
    let mut scene = in_full_swing(WORLD);
    let fault = scene.fault("HTTP 503", &["network", "server_error"]);
    scene.cue(r#"{"do":{"refuse":{"status":503,"times":1,"retry_after":"5"}}}"#, "cue");
    scene.order(r#"{"do":{"close":{"how":"reset"}}}"#);
    let failed = scene.until("connect-failed");
    let again = scene.until("reconnecting");
    assert!(again["seconds"].as_f64().unwrap() >= 5.0, "{again}");
    scene.until("subscribed");
    scene.over(fault, &failed);
    scene.finish(&["stored", "in_gap"]);
}

/// Row 13: a redirect is not followed, so the key goes nowhere else.
#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let place = format!("http://{}/multi", elsewhere.local_addr().unwrap());
    let mut scene = in_full_swing(WORLD);
    for status in [301, 302, 307, 308] {
        let fault = scene.fault(&format!("HTTP {status}"), &["network", "server_error"]);
        let refuse = json!({"do": {"refuse": {"status": status, "times": 1, "location": place}}});
        scene.cue(&refuse.to_string(), "cue");
        let lines = scene.lines();
        scene.order(r#"{"do":{"close":{"how":"reset"}}}"#);
        let refused = scene.line(lines, |line| line["event"] == "refused");
        scene.until("subscribed");
        scene.over(fault, &refused);
    }
    assert_eq!(elsewhere.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "somebody came");
    scene.finish(&["stored", "in_gap"]);
}

/// Row 13: an identity that was good and is refused is tried once more, and no further.
#[test]
fn a_refused_identity_is_not_hammered() {
    let mut scene = in_full_swing(WORLD);
    let fault = scene.fault("HTTP 401", &["network", "auth"]);
    scene.cue(r#"{"do":{"refuse":{"status":401,"times":100}}}"#, "cue");
    let lines = scene.lines();
    scene.order(r#"{"do":{"close":{"how":"reset"}}}"#);
    let refused = scene.line(lines, |line| line["event"] == "refused");
    scene.ended_with(77);
    assert_eq!(scene.count(lines, "refused"), 2, "one more try, and no more");
    scene.over(fault, &refused);
    scene.finish_as_it_is(&["stored", "in_gap"]);
}

/// Row 14: whatever the close code, the daemon comes back, and the gap says that it was the server.
#[test]
fn close_codes() {
    let mut scene = in_full_swing(WORLD);
    // 1005, 1006 and 1015 must not be sent: a server that sends them breaks the protocol.
    let codes =
        [1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 1015, 3000, 4000, 4999];
    for code in codes {
        let fault = scene.fault(&format!("close {code}"), &["server_closed", "server_error"]);
        let order = format!(r#"{{"do":{{"close":{{"code":{code},"reason":"row 14 \u001b[2J"}}}}}}"#);
        let closed = scene.cue(&order, "closed");
        assert_eq!(closed["code"], code);
        scene.until("subscribed");
        scene.over(fault, &closed);
    }
    let fault = scene.fault("a reason that is not UTF-8", &["server_error", "server_closed"]);
    let cue = scene.cue(r#"{"do":{"garbage":{"kind":"bad_close"}}}"#, "cue");
    scene.until("disconnected");
    scene.until("subscribed");
    scene.over(fault, &cue);
    scene.finish(&["stored", "in_gap"]);
}

/// The forms of acknowledgements, each of which must do: coverage begins with it.
const ACKNOWLEDGEMENTS: &[(&str, &str)] = &[
    ("text only", "ack = \"text\""),
    ("a hash", "ack = \"hash\""),
    ("a list of hashes", "ack = \"hashes\""),
    ("no text", "ack = \"bare\""),
    ("late", "ack_delay = \"1500ms\""),
    ("twice", "ack_copies = 2"),
    ("for a hash that nobody asked for", "ack_stray_every = 2"),
    ("in another order", "ack_shuffle = 5"),
    ("none: the first interaction tells", "ack = \"none\""),
];

/// Row 19.
#[test]
fn acknowledgements_of_every_form() {
    let scenes = ACKNOWLEDGEMENTS.iter().map(|(form, answers)| {
        std::thread::spawn(move || {
            let mut scene = Stage::new(&format!("{WORLD}shared = 0\n[answers]\n{answers}\n")).open();
            scene.launch();
            scene.holds("SELECT count(DISTINCT stream) = 10 FROM coverage");
            scene.watch();
            settle(&scene);
            let report = scene.finish(&["stored"]);
            assert!(report.causes.keys().all(|cause| cause == "shutdown"), "{form}: {report}");
        })
    });
    let scenes: Vec<_> = scenes.collect();
    for scene in scenes {
        scene.join().unwrap();
    }
}

/// Row 19: a stream that is never answered and never served is not covered, and is asked for again.
#[test]
fn an_acknowledgement_that_never_comes() {
    let ignored = "[[stream]]\nstream = 3\nbehaviour = \"ignored\"\n";
    let mut scene = Stage::new(&format!("{WORLD}{ignored}")).settings("[gap]\nstarting = \"4s\"\n").open();
    let fault = scene.fault("never acknowledged", &["starting"]);
    scene.only(&fault, 3..4);
    scene.launch();
    let missing = scene.until("acknowledgement-missing");
    assert_eq!(missing["stream"], scene.streams[3].0.as_str());
    scene.holds("SELECT count(*) = 1 FROM gaps WHERE cause = 'starting'");
    scene.until("acknowledgement-missing");
    scene.over(fault, &missing);
    assert_eq!(scene.number("SELECT count(DISTINCT stream) FROM coverage"), 9);
    let report = scene.finish(&["stored", "in_gap"]);
    assert_eq!(report.faults["never acknowledged"].gaps, 1, "{report}");
}

/// Row 20: one bad hash among 5,000.
#[test]
fn one_bad_hash_among_5000() {
    let scenario = "[world]\nstreams = 5000\nrate = 300\n[[stream]]\nstream = 17\nbehaviour = \"invalid\"\n";
    let mut scene = Stage::new(scenario).open();
    let fault = scene.fault("a bad hash", &["rejected"]);
    scene.only(&fault, 17..18);
    scene.launch();
    let rejected = scene.until("stream-rejected");
    assert_eq!(rejected["stream"], scene.streams[17].0.as_str());
    scene.until("subscribed");
    scene.over(fault, &rejected);
    scene.holds("SELECT count(*) = 4999 FROM streams WHERE state = 'active'");
    let report = scene.finish(&["stored"]);
    assert_eq!(report.faults["a bad hash"].gaps, 1, "{report}");
    assert_eq!(report.causes.len(), 2, "{report}");
}

/// Row 21: one stream fails in mid-stream; the others go on, on the same connection.
#[test]
fn a_failure_of_one_stream() {
    let mut scene = in_full_swing(WORLD);
    for (what, notice, cause) in
        [("invalidate", "stream-rejected", "rejected"), ("disable", "stream-disabled", "disabled")]
    {
        let place = usize::from(what == "disable");
        let fault = scene.fault(what, &[cause]);
        scene.only(&fault, place..place + 1);
        scene.cue(&format!(r#"{{"do":{{"{what}":{{"stream":{place}}}}}}}"#), "unsubscribed");
        let said = scene.until(notice);
        assert_eq!(said["stream"], scene.streams[place].0.as_str());
        scene.over(fault, &said);
    }
    settle(&scene);
    assert_eq!(scene.number("SELECT count(*) FROM connections"), 1);
    let report = scene.finish(&["stored"]);
    assert_eq!((report.causes["rejected"].gaps, report.causes["disabled"].gaps), (1, 1), "{report}");
}

/// Messages about the connection, and the cause that each leaves.
const TROUBLES: &[(&str, &str)] = &[
    ("connection-trouble", "server_error"),
    ("keep-alive-trouble", "server_error"),
    ("username-error", "server_error"),
    ("account-error", "server_error"),
    ("credit-balance-trouble", "server_error"),
    ("full-capacity", "capacity"),
];

/// Row 21: the server has trouble with the connection.
#[test]
fn a_failure_of_the_connection() {
    let mut scene = in_full_swing(WORLD);
    for (name, cause) in TROUBLES {
        said_away(&mut scene, &json!({"message": name}), cause);
    }
    said_away(
        &mut scene,
        &json!({"text": r#"{"status":"failure","message":"The moon is in the wrong house"}"#}),
        "server_error",
    );
    scene.finish(&["stored"]);
}

/// Has the server say something that ends the connection; returns how long the wait was.
fn said_away(scene: &mut Scene, say: &Value, cause: &str) -> f64 {
    let fault = scene.fault(&say.to_string(), &[cause]);
    let cue = scene.cue(&json!({"do": {"say": say}}).to_string(), "cue");
    let gone = scene.until("disconnected");
    assert_eq!(gone["cause"], cause, "{gone}");
    let again = scene.until("reconnecting");
    scene.until("subscribed");
    scene.over(fault, &json!([cue, gone]));
    again["seconds"].as_f64().unwrap()
}

/// Row 22: the daemon does not read, the server's buffer fills, it warns, and then it has had enough.
#[test]
fn too_slow_a_consumer() {
    let node = "[node]\nsocket_buffer = \"8KiB\"\nslow_warning = \"512KiB\"\nslow_disconnect = \"1MiB\"\n";
    let world = "[world]\nstreams = 10\nrate = 100\nlarge = 0\nhuge = 0\n";
    let mut scene = Stage::new(&format!("{node}{world}")).settings("[liveness]\nsilence = \"60s\"\n").open();
    let proxy = scene.proxy("127.0.0.1:0");
    scene.start();
    settle(&scene);
    scene.watch();
    let fault = scene.fault("the daemon is slow", &["slow_consumer"]);
    proxy.set(|way| way.down = Mode::Hold);
    let warned = scene.line(0, |line| line["event"] == "warning" && line["what"] == "slow-warning");
    let cut = scene.line(0, |line| line["event"] == "warning" && line["what"] == "slow-disconnected");
    proxy.set(|way| way.down = Mode::Pass);
    scene.until("slow-consumer-warning");
    scene.until("subscribed");
    scene.over(fault, &json!([warned, cut]));
    scene.finish(&["stored", "in_gap"]);
}

/// Row 22: after a warning nothing more is proven on that connection, although data flows on.
#[test]
fn a_warning_alone() {
    let mut scene = in_full_swing(WORLD);
    let fault = scene.fault("a warning", &["slow_consumer"]);
    let said = scene.cue(r#"{"do":{"say":{"message":"slow-warning"}}}"#, "cue");
    scene.until("slow-consumer-warning");
    // The daemon catches up, for a minute at least, before it renews the connection.
    scene.bound(&fault, Duration::from_secs(90));
    scene.over(fault, &said);
    scene.until("subscribed");
    let report = scene.finish(&["stored"]);
    assert_eq!(report.faults["a warning"].gaps, 10, "{report}");
}

/// Row 23: the server asks us to come back at once; we do.
#[test]
fn asked_to_reconnect() {
    let mut scene = in_full_swing(WORLD);
    let asked = [
        (json!({"message": "maintenance"}), "maintenance"),
        (json!({"text": r#"{"reconnect":"true"}"#}), "maintenance"),
        (json!({"message": "stopped"}), "server_closed"),
    ];
    for (connection, (say, cause)) in (1..).zip(asked) {
        // A server that sends us away within ten seconds is not hurried back to. The log may be ahead of the archive, so
        // the newest connection there need not be this one.
        scene.holds(&format!(
            "SELECT EXISTS (SELECT 1 FROM connections c, daemon WHERE c.id = {connection} AND told_us > opened_us + 11000000)"
        ));
        let waited = said_away(&mut scene, &say, cause);
        assert!(waited == 0.0, "{say}: {waited} s");
    }
    let again = said_away(&mut scene, &json!({"message": "maintenance"}), "maintenance");
    assert!(again > 0.1, "a server that says so again is not hammered: {again} s");
    let report = scene.finish(&["stored"]);
    assert!(report.causes["maintenance"].excess_max_us < 10_000_000, "{report}");
}

/// Row 24: while pings come, a connection without ticks is not dead, whatever the limit.
#[test]
fn pings_without_ticks() {
    let mut scene = Stage::new("[node]\nping_every = \"1s\"\n[world]\nstreams = 10\nrate = 100\n").open();
    scene.start();
    settle(&scene);
    scene.watch();
    scene.cue(r#"{"do":{"rate":"0/s"}}"#, "cue");
    scene.cue(r#"{"do":{"ticks":{"every":"0s"}}}"#, "cue");
    let ticks = scene.count(0, "tick");
    let pings = scene.count(0, "pong");
    // The limit is six seconds.
    wait("ten answered pings", || (scene.count(0, "pong") >= pings + 10).then_some(()));
    assert_eq!(scene.count(0, "tick"), ticks);
    assert_eq!(scene.number("SELECT count(*) FROM connections"), 1);
    scene.cue(r#"{"do":{"ticks":{"every":"1s","now":true}}}"#, "tick");
    scene.order(r#"{"do":{"rate":"100/s"}}"#);
    settle(&scene);
    peaceful(&scene.finish(&["stored"]));
}

/// Row 24: a stream that has nothing to say is no fault.
#[test]
fn a_silent_stream_among_others() {
    let mut scene = Stage::new("[world]\nstreams = 10\nrate = 100\nsilent_streams = 0.3\n").open();
    scene.start();
    scene.watch();
    settle(&scene);
    scene.holds("SELECT count(*) > 900 FROM interactions");
    assert!(scene.number("SELECT count(*) FROM streams WHERE interactions = 0") >= 2);
    peaceful(&scene.finish(&["stored"]));
}

fn peaceful(report: &Report) {
    assert!(report.causes.keys().all(|cause| cause == "shutdown"), "{report}");
}
