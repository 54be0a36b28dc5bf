//! Every way in which a connection ends or stands still.

use super::client::Stage;
use std::time::Duration;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::{Error, Message};

const SILENT: &str = "[world]\nrate = 0\n";

#[tokio::test]
async fn a_clean_close_has_its_code_and_reason() {
    let stage = Stage::of(SILENT);
    let mut client = stage.client().await;
    stage.cue(r#"{"close":{"code":1001,"reason":"maintenance"}}"#);
    match client.next().await {
        Some(Ok(Message::Close(Some(frame)))) => {
            assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1001, "maintenance"));
        }
        other => panic!("a close was due, not {other:?}"),
    }
    assert!(matches!(client.next().await, None | Some(Err(Error::ConnectionClosed))));
    stage.journaled("gone", 1).await;
}

#[tokio::test]
async fn a_bare_close_has_no_frame() {
    let stage = Stage::of(SILENT);
    let mut client = stage.client().await;
    stage.cue(r#"{"close":{"how":"bare"}}"#);
    let met = client.next().await;
    assert!(matches!(met, Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)))), "{met:?}");
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let stage = Stage::of(SILENT);
    let mut client = stage.client().await;
    stage.cue(r#"{"close":{"how":"reset"}}"#);
    match client.next().await {
        Some(Err(Error::Io(fault))) => assert_eq!(fault.kind(), std::io::ErrorKind::ConnectionReset),
        other => panic!("a reset was due, not {other:?}"),
    }
}

#[tokio::test]
async fn a_half_open_connection_is_silent_and_open() {
    let stage = Stage::of("[node]\ntick_every = \"10ms\"\nping_every = \"10ms\"\n[world]\nstreams = 1\nrate = 200\n");
    let mut client = stage.client().await;
    client.subscribe(&stage.hash(0)).await;
    client.status().await;
    stage.cue(r#"{"close":{"how":"half_open"}}"#);
    stage.journaled("closed", 1).await;
    let silence = Duration::from_millis(300);
    while let Ok(met) = tokio::time::timeout(silence, client.next()).await {
        assert!(matches!(met, Some(Ok(_))), "{met:?}");
    }
    client.send("{}").await;
    let (journal, _) = stage.end();
    let after = journal.iter().skip_while(|line| line["event"] != "closed");
    let fates: Vec<_> = after.filter(|line| line["event"] == "produced").map(|line| line["fate"].clone()).collect();
    assert!(fates.len() > 30 && fates.iter().all(|fate| fate == "dropped"), "{fates:?}");
}

#[tokio::test]
async fn a_close_loses_what_the_server_still_held() {
    let stage = Stage::of("[node]\nlag = \"10s\"\n[world]\nstreams = 1\nrate = 0\n");
    let mut client = stage.client().await;
    client.subscribe(&stage.hash(0)).await;
    client.status().await;
    stage.cue(r#"{"burst":{"messages":50}}"#);
    stage.cue(r#"{"close":{}}"#);
    let (texts, _) = client.rest().await;
    assert!(texts.is_empty(), "nothing of it was sent");
    stage.journaled("gone", 1).await;
    let (journal, totals) = stage.end();
    assert_eq!((totals.produced, totals.dropped), (50, 50));
    assert_eq!(super::client::of(&journal, "fate").len(), 50);
}

#[tokio::test]
async fn a_drained_close_loses_nothing() {
    let stage = Stage::of("[node]\nlag = \"10s\"\n[world]\nstreams = 1\nrate = 0\n");
    let mut client = stage.client().await;
    client.subscribe(&stage.hash(0)).await;
    client.status().await;
    stage.cue(r#"{"burst":{"messages":50}}"#);
    stage.cue(r#"{"close":{"drain":true}}"#);
    let (texts, _) = client.rest().await;
    assert_eq!(texts.len(), 50);
}

#[tokio::test]
async fn a_stalled_sender_says_nothing_until_its_time_is_over() {
    let stage = Stage::of("[world]\nstreams = 1\nrate = 0\n");
    let mut client = stage.client().await;
    client.subscribe(&stage.hash(0)).await;
    client.status().await;
    stage.cue(r#"{"stall":{"what":"sending","lasts":"400ms"}}"#);
    let fired = stage.journaled("cue", 1).await.remove(0);
    stage.cue(r#"{"burst":{"messages":1}}"#);
    client.text().await;
    let written = stage.journaled("written", 2).await.pop().unwrap();
    let waited = written["at_us"].as_i64().unwrap() - fired["at_us"].as_i64().unwrap();
    assert!(waited >= 400_000, "{waited} us");
}

#[tokio::test]
async fn a_stalled_reader_hears_later() {
    let stage = Stage::of(SILENT);
    let mut client = stage.client().await;
    stage.cue(r#"{"stall":{"what":"reading","lasts":"300ms"}}"#);
    let fired = stage.journaled("cue", 1).await.remove(0);
    client.subscribe(&stage.hash(0)).await;
    client.status().await;
    let heard = stage.journaled("subscribed", 1).await.remove(0);
    assert!(heard["at_us"].as_i64().unwrap() - fired["at_us"].as_i64().unwrap() >= 300_000);
}

#[tokio::test]
async fn words_wait_behind_the_interactions_when_they_may_not_overtake() {
    for overtake in [true, false] {
        let stage =
            Stage::of(&format!("[node]\nlag = \"200ms\"\novertake = {overtake}\n[world]\nstreams = 1\nrate = 0\n"));
        let mut client = stage.client().await;
        client.subscribe(&stage.hash(0)).await;
        client.status().await;
        stage.cue(r#"{"burst":{"messages":3}}"#);
        stage.cue(r#"{"say":{"message":"maintenance"}}"#);
        let first = client.json().await;
        assert_eq!(first.get("status").is_some(), overtake, "{first}");
    }
}

#[tokio::test]
async fn a_new_connection_may_end_the_older_one() {
    let stage = Stage::of(&format!("[account]\nevict = true\n{SILENT}"));
    let mut first = stage.client().await;
    let mut second = stage.client().await;
    assert!(matches!(first.rest().await.1, Some(Ok(Message::Close(_)))));
    second.subscribe(&stage.hash(0)).await;
    assert_eq!(second.status().await["status"], "success");
}

#[tokio::test]
async fn connections_are_told_apart() {
    let stage = Stage::of("[world]\nstreams = 1\nrate = 100\n");
    let mut first = stage.client().await;
    let mut second = stage.client().await;
    for client in [&mut first, &mut second] {
        client.subscribe(&stage.hash(0)).await;
        client.status().await;
    }
    let cue = r#"{"connection":1,"do":{"close":{"code":1012}}}"#;
    stage.running().cue(super::super::Cue::parse(cue).unwrap()).unwrap();
    let (_, end) = first.rest().await;
    assert!(matches!(end, Some(Ok(Message::Close(_)))));
    assert!(second.json().await.get("data").is_some(), "the other goes on");
}
