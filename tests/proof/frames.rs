//! What comes over the wire is too much, too large, in pieces, or against the rules of WebSocket (RFC 6455). Rows 15 to
//! 18 of the catalogue (docs/proof.md).

use crate::network::settle;
use crate::scene::{Scene, Stage};
use serde_json::Value;

const WORLD: &str = "[world]\nstreams = 10\nrate = 100\n";

/// No peer may make the daemon larger than this, in KiB: the largest frame, a few times over.
const MEMORY_MAX: i64 = 400 << 10;

fn in_full_swing() -> Scene {
    let mut scene = Stage::new(WORLD).open();
    scene.start();
    settle(&scene);
    scene.watch();
    scene
}

/// The line of a message that the world makes by this order, while it makes no other.
fn made_alone(scene: &Scene, order: &str) -> Value {
    scene.cue(r#"{"do":{"rate":"0/s"}}"#, "cue");
    let made = scene.cue(&format!(r#"{{"do":{order}}}"#), "produced");
    scene.cue(r#"{"do":{"rate":"100/s"}}"#, "cue");
    made
}

fn stored(scene: &Scene, made: &Value) {
    let id = made["id"].as_str().unwrap();
    scene.holds(&format!("SELECT count(*) FROM interactions WHERE interaction_id = '{id}'"));
}

fn without_a_gap(mut scene: Scene) {
    let peak = scene.daemon().peak_kib();
    assert!(peak < MEMORY_MAX, "{peak} KiB");
    assert_eq!(scene.number("SELECT count(*) FROM connections"), 1);
    let report = scene.finish(&["stored"]);
    assert!(report.causes.keys().all(|cause| cause == "shutdown"), "{report}");
}

/// Row 15: every ping is answered, or at least the newest; nothing piles up.
#[test]
fn a_flood_of_pings() {
    let scene = in_full_swing();
    let lines = scene.lines();
    scene.cue(r#"{"do":{"pings":{"count":50000}}}"#, "cue");
    scene.line(lines, |line| line["event"] == "pong");
    settle(&scene);
    scene.holds("SELECT count(*) > 400 FROM interactions");
    without_a_gap(scene);
}

/// Row 15: pongs that nobody asked for, and no pings at all.
#[test]
fn unasked_pongs_and_no_pings() {
    let mut scene = Stage::new(&format!("[node]\nping_every = \"0s\"\n{WORLD}")).open();
    scene.start();
    scene.watch();
    scene.cue(r#"{"do":{"garbage":{"kind":"pong","copies":1000}}}"#, "cue");
    settle(&scene);
    scene.holds("SELECT count(*) > 400 FROM interactions");
    assert_eq!(scene.count(0, "ping"), 0);
    without_a_gap(scene);
}

/// Row 16: a message in 10,000 pieces with a ping between each two is one message.
#[test]
fn a_message_in_pieces() {
    let scene = in_full_swing();
    let made = scene.cue(r#"{"do":{"fragments":{"pieces":10000,"pings":true,"stream":1}}}"#, "produced");
    scene
        .holds(&format!("SELECT count(*) FROM interactions WHERE interaction_id = '{}'", made["id"].as_str().unwrap()));
    without_a_gap(scene);
}

/// To make 20 MiB takes the simulator a while, in which it is silent.
fn patient() -> Scene {
    let mut scene = Stage::new(WORLD).settings("[liveness]\nsilence = \"65s\"\n").open();
    scene.start();
    settle(&scene);
    scene
}

/// Row 17: up to the limit a frame is taken in whole.
#[test]
fn frames_up_to_the_limit() {
    let scene = patient();
    // 20 MiB are the limit for the frame; around the JSON there are some more bytes.
    for bytes in ["19MiB", "20971400B"] {
        let made = made_alone(&scene, &format!(r#"{{"giant":{{"bytes":"{bytes}","stream":1}}}}"#));
        stored(&scene, &made);
    }
    without_a_gap(scene);
}

/// Row 17: above it the loss is a gap, and the memory stays bounded, whatever is claimed.
#[test]
fn frames_above_the_limit() {
    let mut scene = patient();
    for order in [
        r#"{"giant":{"bytes":"21MiB","stream":1}}"#,
        r#"{"claim":{"bytes":"20971521"}}"#,
        r#"{"claim":{"bytes":"9223372036854775807"}}"#,
        r#"{"claim":{"bytes":"18446744073709551615"}}"#,
    ] {
        // A header that sets the highest bit is against the rules (RFC 6455, 5.2), not only too large.
        let fault = scene.fault(order, &["oversize_frame", "server_error"]);
        let cue = scene.cue(&format!(r#"{{"do":{order}}}"#), "cue");
        scene.until("disconnected");
        scene.until("subscribed");
        scene.over(fault, &cue);
    }
    let peak = scene.daemon().peak_kib();
    assert!(peak < MEMORY_MAX, "{peak} KiB");
    scene.finish(&["stored", "in_gap"]);
}

/// Row 17: a frame may take longer than the silence limit, as long as its bytes come.
#[test]
fn a_frame_slower_than_the_silence_limit() {
    let world = "[node]\ntick_every = \"0s\"\nping_every = \"0s\"\n[world]\nstreams = 1\nrate = \"0/s\"\n";
    let mut scene = Stage::new(world).settings("[liveness]\nsilence = \"6s\"\n").open();
    scene.start();
    // Text of fourteen bytes, one a second; it is not JSON, so it is kept where it can be seen.
    scene.cue(r#"{"do":{"raw":{"hex":"81 0e"}}}"#, "cue");
    scene.order(r#"{"when":{"delay":"1s","every":"1s","times":14},"do":{"raw":{"hex":"78"}}}"#);
    scene.holds("SELECT count(*) FROM quarantine WHERE frame = CAST('xxxxxxxxxxxxxx' AS BLOB)");
    scene.cue(r#"{"do":{"ticks":{"every":"1s","now":true}}}"#, "cue");
    scene.cue(r#"{"do":{"burst":{"messages":5}}}"#, "produced");
    without_a_gap(scene);
}

/// Row 18: what WebSocket does not allow ends the connection; what it allows and nobody can read is kept.
#[test]
fn against_the_rules() {
    let mut scene = in_full_swing();
    for kind in ["invalid_utf8", "reserved_bits", "unknown_opcode", "masked", "long_ping", "continuation"] {
        let fault = scene.fault(kind, &["server_error"]);
        let cue = scene.cue(&format!(r#"{{"do":{{"garbage":{{"kind":"{kind}"}}}}}}"#), "cue");
        let ended = scene.until("disconnected");
        assert_eq!(ended["cause"], "server_error", "{kind}: {ended}");
        scene.until("subscribed");
        scene.over(fault, &cue);
    }
    scene.finish(&["stored", "in_gap"]);
}

/// Row 18: bytes without any meaning. They may look like anything: a frame that is never whole, or one of 2^60 bytes.
#[test]
fn noise() {
    let mut scene = in_full_swing();
    let fault = scene.fault("noise", &["server_error", "server_closed", "oversize_frame", "silence", "network"]);
    let cue = scene.cue(r#"{"do":{"garbage":{"kind":"noise"}}}"#, "cue");
    scene.until("disconnected");
    scene.until("subscribed");
    scene.over(fault, &cue);
    scene.finish(&["stored"]);
}

/// Row 18: a binary frame breaks no rule of WebSocket; it is kept where unreadable frames are kept.
#[test]
fn a_binary_frame() {
    let scene = in_full_swing();
    scene.cue(r#"{"do":{"garbage":{"kind":"binary"}}}"#, "cue");
    scene.holds("SELECT count(*) FROM quarantine WHERE frame = x'000102fffe'");
    without_a_gap(scene);
}
