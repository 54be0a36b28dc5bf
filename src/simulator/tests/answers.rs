//! Subscribing, and what it is answered with.

use super::client::{Stage, of};
use serde_json::json;

const SILENT: &str = "[world]\nrate = 0\n";

#[tokio::test]
async fn a_subscription_is_acknowledged_and_then_fed() {
    let stage = Stage::of("[world]\nstreams = 1\nrate = 200\ndeletes = 0\nshared = 0\n");
    let mut client = stage.client().await;
    let hash = stage.hash(0);
    client.subscribe(&hash).await;
    let message = format!("Successfully subscribed to hash {hash}");
    assert_eq!(client.json().await, json!({"status": "success", "message": message}));
    let interaction = client.json().await;
    assert_eq!(interaction["hash"], hash.as_str());
    assert!(interaction["data"]["interaction"]["id"].is_string());
}

#[tokio::test]
async fn an_acknowledgement_takes_each_of_its_forms() {
    for (form, field) in [("hash", "hash"), ("hashes", "hashes"), ("bare", "hash")] {
        let stage = Stage::of(&format!("[answers]\nack = \"{form}\"\n{SILENT}"));
        let mut client = stage.client().await;
        let hash = stage.hash(3);
        client.subscribe(&hash).await;
        let said = client.json().await;
        let expected = if field == "hashes" { json!([hash]) } else { json!(hash) };
        assert_eq!(said[field], expected, "{form}");
        assert_eq!(said.get("message").is_none(), form == "bare", "{form}");
    }
}

#[tokio::test]
async fn acknowledgements_come_late_twice_shuffled_and_for_strangers() {
    let text = "[answers]\nack_delay = \"150ms\"\nack_copies = 2\nack_shuffle = 8\nack_stray_every = 8\n";
    let stage = Stage::of(&format!("{text}{SILENT}"));
    let mut client = stage.client().await;
    for place in 0..8 {
        client.subscribe(&stage.hash(place)).await;
    }
    let mut said = Vec::new();
    for _ in 0..17 {
        let status = client.status().await;
        said.push(status["message"].as_str().unwrap().rsplit(' ').next().unwrap().to_owned());
    }
    assert_eq!(said.pop().unwrap(), "f".repeat(32), "the stranger");
    let order: Vec<String> = said.chunks(2).map(|pair| pair[0].clone()).collect();
    assert!(said.chunks(2).all(|pair| pair[0] == pair[1]));
    let asked: Vec<String> = (0..8).map(|place| stage.hash(place)).collect();
    assert_ne!(order, asked, "in another order");
    let (journal, totals) = stage.end();
    assert_eq!(totals.acknowledged, 8);
    for line in of(&journal, "acknowledged") {
        let held = line["due_us"].as_i64().unwrap() - line["at_us"].as_i64().unwrap();
        assert!((149_000..=150_000).contains(&held), "{line}");
    }
}

#[tokio::test]
async fn without_acknowledgements_interactions_come_all_the_same() {
    let stage = Stage::of("[answers]\nack = \"none\"\n[world]\nstreams = 1\nrate = 100\n");
    let mut client = stage.client().await;
    client.subscribe(&stage.hash(0)).await;
    assert!(client.json().await.get("data").is_some());
}

#[tokio::test]
async fn the_subscription_after_the_last_is_one_too_many() {
    let stage = Stage::of("[world]\nstreams = 5001\nrate = 0\n");
    let mut client = stage.client().await;
    for place in 0..5000 {
        client.subscribe(&stage.hash(place)).await;
        assert_eq!(client.status().await["status"], "success", "stream {place}");
    }
    client.subscribe(&stage.hash(5000)).await;
    assert_eq!(client.json().await, json!({"status": "failure", "message": "You have too many subscriptions"}));
    client.send(&format!(r#"{{"action":"unsubscribe","hash":"{}"}}"#, stage.hash(7))).await;
    client.subscribe(&stage.hash(5000)).await;
    assert_eq!(client.status().await["status"], "success", "room has been made");
}

#[tokio::test]
async fn bad_streams_are_refused_by_name_or_without() {
    let streams = "[[stream]]\nstream = 0\nbehaviour = \"invalid\"\n[[stream]]\nstream = 1\nbehaviour = \"disabled\"\n";
    let named = Stage::of(&format!("{SILENT}{streams}"));
    let anonymous = Stage::of(&format!("[answers]\nrefusal = \"anonymous\"\n{SILENT}{streams}"));
    let field = Stage::of(&format!("[answers]\nrefusal = \"hash\"\n{SILENT}{streams}"));
    let (invalid, disabled) = (named.hash(0), named.hash(1));
    let mut said = Vec::new();
    for stage in [&named, &anonymous, &field] {
        let mut client = stage.client().await;
        for hash in [&invalid, &disabled] {
            client.subscribe(hash).await;
            said.push(client.json().await);
        }
    }
    let failure = |message: &str| json!({"status": "failure", "message": message});
    assert_eq!(said[0], failure(&format!("{invalid} is an invalid hash")));
    assert_eq!(said[1], failure(&format!("The stream {disabled} has been disabled")));
    assert_eq!(said[2]["message"], "You did not send a valid hash to subscribe to");
    assert_eq!(said[3], failure("The stream you are trying to use is currently disabled"));
    assert_eq!(said[4]["hash"], invalid.as_str());
}

#[tokio::test]
async fn trouble_passes_after_its_times() {
    let stage = Stage::of(&format!("{SILENT}[[stream]]\nstream = 0\nbehaviour = {{ trouble = {{ times = 2 }} }}\n"));
    let mut client = stage.client().await;
    for expected in ["There was a problem starting your stream"; 2] {
        client.subscribe(&stage.hash(0)).await;
        assert_eq!(client.json().await["message"], expected);
    }
    client.subscribe(&stage.hash(0)).await;
    assert_eq!(client.json().await["status"], "success");
}

#[tokio::test]
async fn what_makes_no_sense_is_answered_as_the_page_says() {
    let stage = Stage::of(SILENT);
    let mut client = stage.client().await;
    let stranger = "0".repeat(32);
    for (sent, expected) in [
        ("{\"action\"".to_owned(), "The JSON received from the message was invalid".to_owned()),
        (r#"{"action":"dance"}"#.to_owned(), "An invalid action was received".to_owned()),
        (r#"{"action":"subscribe"}"#.to_owned(), "You did not send a valid hash to subscribe to".to_owned()),
        (
            r#"{"action":"unsubscribe","hash":"x"}"#.to_owned(),
            "You did not send a valid hash to unsubscribe to".to_owned(),
        ),
        (format!(r#"{{"action":"subscribe","hash":"{stranger}"}}"#), format!("{stranger} is an invalid hash")),
        (
            format!(r#"{{"action":"unsubscribe","hash":"{}"}}"#, stage.hash(0)),
            "You aren't currently subscribed to the hash ".to_owned(),
        ),
    ] {
        client.send(&sent).await;
        assert_eq!(client.json().await["message"], expected.as_str(), "{sent}");
    }
}

#[tokio::test]
async fn a_subscription_that_comes_too_soon_may_go_unheard() {
    let stage = Stage::of(&format!("[answers]\ndeaf_for = \"10s\"\n{SILENT}"));
    let mut client = stage.client().await;
    client.subscribe(&stage.hash(0)).await;
    stage.journaled("ignored", 1).await;
    let (journal, totals) = stage.end();
    assert_eq!((totals.acknowledged, of(&journal, "subscribed").len()), (0, 0));
}

#[tokio::test]
async fn a_stop_is_confirmed_with_a_failure_and_a_close() {
    let stage = Stage::of(SILENT);
    let mut client = stage.client().await;
    client.send(r#"{"action":"stop"}"#).await;
    let (texts, end) = client.rest().await;
    assert_eq!(
        texts,
        [r#"{"status":"failure","message":"A stop message was received. You will now be disconnected"}"#]
    );
    assert!(matches!(end, Some(Ok(message)) if message.is_close()));
}

#[tokio::test]
async fn hashes_in_the_address_are_subscribed_at_once() {
    let stage = Stage::of(SILENT);
    let url = stage.running().url();
    let (first, second) = (stage.hash(0), stage.hash(1));
    let mut client = super::client::Client::connect(&format!("{url}?hashes={first},{second}")).await.unwrap();
    for hash in [first, second] {
        assert_eq!(client.json().await["message"], format!("Successfully subscribed to hash {hash}"));
    }
    let none = "a".repeat(32);
    let mut client = super::client::Client::connect(&format!("{url}?hashes={none}")).await.unwrap();
    assert_eq!(client.json().await["message"], format!("{none} is an invalid hash"));
    assert_eq!(client.json().await["message"], "None of the supplied hashes were valid");
}

#[tokio::test]
async fn a_world_may_take_strangers_in() {
    let stage = Stage::of("[answers]\nunknown = \"adopt\"\n[world]\nstreams = 0\nrate = 100\n");
    let mut client = stage.client().await;
    let stranger = "4f3af38ad1c31646561bc814c3e69af5";
    client.subscribe(stranger).await;
    assert_eq!(client.json().await["status"], "success");
    assert_eq!(client.json().await["hash"], stranger);
}
