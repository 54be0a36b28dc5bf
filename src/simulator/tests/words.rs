//! What the node says without being asked: ticks, pings, warnings, and whatever a cue puts into its mouth.

use super::super::message::MESSAGES;
use super::client::Stage;
use serde_json::json;
use std::collections::BTreeSet;
use tokio_tungstenite::tungstenite::{Error, Message};

const SILENT: &str = "[world]\nrate = 0\n";

#[tokio::test]
async fn silence_is_broken_by_ticks_that_carry_the_clock() {
    let stage = Stage::of(&format!("[node]\ntick_every = \"50ms\"\nclock_skew = \"1h\"\n{SILENT}"));
    let mut client = stage.client().await;
    let tick = client.json().await;
    assert_eq!((&tick["status"], &tick["message"]), (&json!("connected"), &json!("Waiting for data")));
    let line = stage.journaled("tick", 1).await.remove(0);
    assert_eq!(line["at_us"].as_i64().unwrap() / 1_000_000, tick["tick"].as_i64().unwrap());
    assert_eq!(line["at_us"].as_i64().unwrap() - line["true_us"].as_i64().unwrap(), 3_600_000_000);
}

#[tokio::test]
async fn ticks_lie_when_told_to() {
    let stage = Stage::of(SILENT);
    let mut client = stage.client().await;
    stage.cue(r#"{"ticks":{"value":"9223372036854775808","now":true}}"#);
    assert_eq!(client.json().await["tick"], json!(9_223_372_036_854_775_808_u64));
    stage.cue(r#"{"ticks":{"value":"-1","now":true}}"#);
    assert_eq!(client.json().await["tick"], json!(-1));
}

#[tokio::test]
async fn pings_come_and_pongs_are_noted() {
    let stage = Stage::of(&format!("[node]\nping_every = \"30ms\"\n{SILENT}"));
    let mut client = stage.client().await;
    for _ in 0..3 {
        match client.next().await {
            Some(Ok(Message::Ping(payload))) => assert!(payload.starts_with(b"ping")),
            other => panic!("a ping was due, not {other:?}"),
        }
    }
    assert_eq!(stage.journaled("pong", 1).await[0]["connection"], 1);
}

#[tokio::test]
async fn every_message_is_said_word_for_word() {
    let stage = Stage::of(SILENT);
    let mut client = stage.client().await;
    for message in MESSAGES {
        stage.cue(&format!(r#"{{"say":{{"message":"{}","stream":4}}}}"#, message.name));
        assert_eq!(client.text().await, message.text.replace("<HASH>", &stage.hash(4)));
    }
    let fired = stage.journaled("cue", MESSAGES.len()).await;
    assert_eq!(fired.iter().filter(|line| line["connections"] == json!([1])).count(), MESSAGES.len());
}

#[tokio::test]
async fn a_slow_client_is_warned_and_then_disconnected() {
    let stage = Stage::of(
        "[node]\nslow_warning = \"1MiB\"\nslow_disconnect = \"4MiB\"\nsocket_buffer = \"64KiB\"\nclose_grace = \"10s\"\n\
         [world]\nstreams = 1\nrate = 0\n",
    );
    let mut client = stage.client().await;
    client.subscribe(&stage.hash(0)).await;
    assert_eq!(client.json().await["status"], "success");
    // More than both buffers and what the kernel takes; nothing is read until the node has given up.
    stage.cue(r#"{"burst":{"messages":20000}}"#);
    let closed = stage.journaled("closed", 1).await.remove(0);
    assert_eq!((&closed["by"], &closed["why"]), (&json!("server"), &json!("slow")));
    let (texts, end) = client.rest().await;
    let said: Vec<&String> = texts.iter().filter(|text| text.contains("too slowly")).collect();
    assert_eq!(
        said,
        [
            r#"{"status":"warning","message":"You are consuming data too slowly. If you do not consume data faster you will be disconnected."}"#,
            r#"{"status":"failure","message":"You are consuming data too slowly and have been disconnected"}"#,
        ]
    );
    assert!(matches!(end, Some(Ok(message)) if message.is_close()));
    let received = texts.iter().filter(|text| text.starts_with(r#"{"hash""#) || text.starts_with(r#"{"data""#)).count();
    stage.journaled("gone", 1).await;
    let (journal, totals) = stage.end();
    assert_eq!(totals.written, u64::try_from(received).unwrap());
    assert_eq!(totals.written + totals.dropped + totals.unsubscribed + totals.not_connected, totals.produced);
    assert_eq!(super::client::of(&journal, "warning").len(), 2);
}

#[tokio::test]
async fn garbage_reaches_the_client_as_what_it_is() {
    let stage = Stage::of("[world]\nstreams = 1\nrate = 0\n");
    for (kind, fatal) in [
        ("not_json", false),
        ("broken_json", false),
        ("deep_json", false),
        ("wide_json", false),
        ("unknown_json", false),
        ("odd_json", false),
        ("unknown_status", false),
        ("empty", false),
        ("byte_order_mark", false),
        ("stray_hash", false),
        ("binary", false),
        ("pong", false),
        ("invalid_utf8", true),
        ("reserved_bits", true),
        ("unknown_opcode", true),
        ("masked", true),
        ("long_ping", true),
        ("bad_close", true),
        ("continuation", true),
    ] {
        let mut client = stage.client().await;
        stage.cue(&format!(r#"{{"garbage":{{"kind":"{kind}"}}}}"#));
        let met = client.next().await;
        let refused = matches!(met, Some(Err(Error::Protocol(_) | Error::Utf8(_) | Error::Capacity(_))));
        assert_eq!(refused, fatal, "{kind}: {met:?}");
    }
}

#[tokio::test]
async fn several_interactions_share_a_frame_and_each_has_its_line() {
    let stage = Stage::of("[world]\nstreams = 1\nrate = 0\n");
    let mut client = stage.client().await;
    client.subscribe(&stage.hash(0)).await;
    client.status().await;
    let ids = |values: &[serde_json::Value]| -> BTreeSet<String> {
        values.iter().map(|value| value["data"]["interaction"]["id"].as_str().unwrap().to_owned()).collect()
    };
    stage.cue(r#"{"garbage":{"kind":"array"}}"#);
    let mut received: BTreeSet<String> = ids(client.json().await.as_array().expect("an array"));
    stage.cue(r#"{"garbage":{"kind":"lines"}}"#);
    let lines: Vec<serde_json::Value> =
        client.text().await.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    received.extend(ids(&lines));
    stage.cue(r#"{"garbage":{"kind":"no_id"}}"#);
    assert!(client.json().await["data"]["interaction"].get("id").is_none());
    let produced = stage.journaled("produced", 5).await;
    let journaled: BTreeSet<String> =
        produced.iter().filter_map(|line| line["id"].as_str()).map(str::to_owned).collect();
    assert_eq!(received, journaled);
    assert_eq!(received.len(), 4);
}

#[tokio::test]
async fn large_frames_and_fragments_arrive_whole() {
    let stage = Stage::of("[world]\nstreams = 1\nrate = 0\n");
    let mut client = stage.client().await;
    client.subscribe(&stage.hash(0)).await;
    client.status().await;
    stage.cue(r#"{"giant":{"bytes":"20MiB"}}"#);
    assert!(client.text().await.len() > 20 << 20);
    stage.cue(r#"{"fragments":{"pieces":100,"pings":true}}"#);
    let mut pings = 0;
    let text = loop {
        match client.next().await {
            Some(Ok(Message::Ping(_))) => pings += 1,
            Some(Ok(Message::Text(text))) => break text,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(pings, 99);
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
}

#[tokio::test]
async fn a_header_that_claims_too_much_is_followed_by_nothing() {
    let stage = Stage::of("[world]\nstreams = 1\nrate = 100\n");
    let mut client = stage.client().await;
    client.subscribe(&stage.hash(0)).await;
    client.status().await;
    stage.cue(r#"{"claim":{"bytes":"4611686018427387904"}}"#);
    let (_, end) = client.rest().await;
    assert!(matches!(end, Some(Err(Error::Capacity(_)))), "{end:?}");
}

#[tokio::test]
async fn bytes_can_be_put_between_frames() {
    let stage = Stage::of(SILENT);
    let mut client = stage.client().await;
    stage.cue(r#"{"raw":{"hex":"81 02 6869"}}"#);
    assert_eq!(client.text().await, "hi");
}
