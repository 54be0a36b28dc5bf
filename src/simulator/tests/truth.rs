//! The journal is the truth: what clients received, and what they could not have.

use super::super::{Scenario, digest};
use super::client::{Client, Stage, of};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};

#[derive(serde::Deserialize)]
struct Frame<'a> {
    hash: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Stream, digest and size of every interaction among the texts, in order.
fn received(texts: &[String]) -> Vec<(String, String, u64)> {
    texts
        .iter()
        .filter_map(|text| serde_json::from_str::<Frame<'_>>(text).ok())
        .map(|frame| {
            let data = frame.data.get();
            (frame.hash, digest(data.as_bytes()), u64::try_from(data.len()).unwrap())
        })
        .collect()
}

/// The same of every message that the journal says was sent.
fn sent(journal: &[Value]) -> Vec<(String, String, u64)> {
    let overridden: BTreeSet<u64> = of(journal, "fate")
        .iter()
        .filter(|line| line["fate"] == "dropped")
        .filter_map(|line| line["seq"].as_u64())
        .collect();
    of(journal, "produced")
        .iter()
        .filter(|line| line["fate"] == "sent" && !overridden.contains(&line["seq"].as_u64().unwrap()))
        .map(|line| {
            let text = |field: &str| line[field].as_str().unwrap().to_owned();
            (text("stream"), text("digest"), line["bytes"].as_u64().unwrap())
        })
        .collect()
}

const LIVELY: &str = "[world]\nstreams = 12\nrate = 3000\nshared = 0.2\nduplicates = 0.1\ndeletes = 0.1\nlarge = 0.005\nhuge = 0.0005\ndata_first = 0.3\ndelete_forms = [\"short\", \"top_level\"]\n";

#[tokio::test]
async fn the_journal_and_the_client_agree_byte_for_byte() {
    let stage = Stage::of(LIVELY);
    let mut client = stage.client().await;
    // The last two are left out on purpose.
    for place in 0..10 {
        client.subscribe(&stage.hash(place)).await;
    }
    let mut texts = Vec::new();
    while received(&texts).len() < 2000 {
        for _ in 0..500 {
            texts.push(client.text().await);
        }
    }
    stage.cue(r#"{"close":{}}"#);
    texts.extend(client.rest().await.0);
    stage.journaled("gone", 1).await;
    let (journal, totals) = stage.end();
    assert_eq!(received(&texts), sent(&journal), "in the same order, too");
    assert_eq!(totals.written, u64::try_from(received(&texts).len()).unwrap());
    let mut fates = BTreeMap::new();
    for line in of(&journal, "produced") {
        *fates.entry(line["fate"].to_string()).or_insert(0) += 1;
    }
    for fate in ["\"sent\"", "\"unsubscribed\"", "\"not_connected\""] {
        assert!(fates.get(fate).is_some_and(|count| *count > 0), "{fate}: {fates:?}");
    }
}

#[tokio::test]
async fn lines_are_in_order_and_the_last_has_the_sums() {
    let stage = Stage::of(LIVELY);
    let mut client = stage.client().await;
    client.subscribe(&stage.hash(0)).await;
    client.json().await;
    let (journal, totals) = stage.end();
    let numbered: Vec<u64> =
        journal.iter().filter(|line| line["event"] != "fate").filter_map(|line| line["seq"].as_u64()).collect();
    assert!(numbered.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(journal[0]["event"], "listening");
    let end = journal.last().unwrap();
    assert_eq!((&end["event"], end["produced"].as_u64()), (&Value::from("end"), Some(totals.produced)));
    assert_eq!(of(&journal, "produced").len(), usize::try_from(totals.produced).unwrap());
    assert_eq!(
        totals.written + totals.dropped + totals.unsubscribed + totals.not_connected,
        totals.produced,
        "every message has one fate: {totals:?}"
    );
}

#[tokio::test]
async fn cues_wait_for_their_count_of_messages() {
    let cue = "[[cue]]\nname = \"here\"\nwhen = { after_messages = 100, times = 2 }\ndo = { say = { message = \"maintenance\" } }\n";
    let stage = Stage::of(&format!("[world]\nrate = 2000\n{cue}"));
    stage.journaled("cue", 2).await;
    let (journal, _) = stage.end();
    let counts: Vec<usize> = journal
        .iter()
        .enumerate()
        .filter(|(_, line)| line["event"] == "cue" && line["name"] == "here")
        .map(|(at, _)| of(&journal[..at], "produced").len())
        .collect();
    // A message for several streams is several lines, and a cue comes after all of them.
    assert!(matches!(counts[..], [100..=103, 200..=203]), "{counts:?}");
}

#[tokio::test]
async fn a_flood_is_as_fast_as_its_client_and_rests_without_one() {
    let stage = Stage::of("[world]\nstreams = 4\nrate = \"max\"\nhuge = 0\n");
    let mut client = stage.client().await;
    for place in 0..4 {
        client.subscribe(&stage.hash(place)).await;
    }
    let mut texts = Vec::new();
    while texts.len() < 5000 {
        texts.push(client.text().await);
    }
    drop(client);
    stage.journaled("gone", 1).await;
    let made = of(&stage.journal(), "produced").len();
    let (journal, totals) = stage.end();
    assert_eq!(of(&journal, "produced").len(), made, "nothing is made while nobody takes it");
    assert!(of(&journal, "warning").is_empty(), "a flood does not drown its client");
    assert!(totals.produced >= 4900);
}

#[tokio::test]
async fn the_world_goes_on_while_a_client_does_not_read() {
    let stage = Stage::of("[node]\nsocket_buffer = \"64KiB\"\n[world]\nstreams = 2\nrate = 4000\nhuge = 0\n");
    let mut lazy = stage.client().await;
    lazy.subscribe(&stage.hash(0)).await;
    let mut keen = stage.client().await;
    keen.subscribe(&stage.hash(1)).await;
    for _ in 0..1500 {
        keen.text().await;
    }
    drop(lazy);
}

#[test]
fn a_scenario_with_a_fault_says_where_and_what() {
    let said = |text: &str| Scenario::parse(text).unwrap_err();
    assert!(said("[world]\nraet = 5\n").contains("unknown field `raet`"));
    assert!(said("[world]\nraet = 5\n").contains("line 2"));
    assert!(said("[node]\nlag = 5\n").contains("line 2"));
    assert!(said("[node]\nslow_warning = \"5 apples\"\n").contains("is not a size"));
    assert!(said("[world]\nrate = \"fast\"\n").contains("is not a rate"));
    let unnamed = said("[[cue]]\ndo = { say = { message = \"maintenence\" } }\n");
    assert!(unnamed.starts_with("cue 1: no message is called \"maintenence\"; the names are: subscribed, tick, "));
    assert!(said("[[stream]]\nstream = 20\nbehaviour = \"invalid\"\n").contains("no stream 20 in a world of 20"));
    assert!(said("[world]\nhashes = [\"x\"]\n").contains("\"x\" is not a hash"));
    assert!(said("[world]\ndeletes = 2.0\n").contains("world.deletes is a share from 0 to 1"));
    assert!(said("[[cue]]\nwhen = { at = \"1s\", on_connect = 1 }\ndo = \"exit\"\n").contains("give one of"));
    assert!(said("[[cue]]\ndo = { close = { hwo = \"reset\" } }\n").contains("unknown field `hwo`"));
}

#[tokio::test]
async fn a_stream_falls_in_the_midst_of_its_interactions() {
    let stage = Stage::of("[world]\nstreams = 1\nrate = 500\n");
    let hash = stage.hash(0);
    let mut client = Client::connect(&format!("{}?hashes={hash}", stage.running().url())).await.unwrap();
    client.status().await;
    client.json().await;
    stage.cue(r#"{"disable":{"stream":0}}"#);
    assert_eq!(client.status().await["message"], format!("The stream {hash} has been disabled"));
    client.subscribe(&hash).await;
    assert_eq!(client.status().await["message"], format!("The stream {hash} has been disabled"));
    stage.cue(r#"{"restore":{"stream":0}}"#);
    stage.journaled("cue", 2).await;
    client.subscribe(&hash).await;
    assert_eq!(client.status().await["status"], "success");
    client.json().await;
}

#[tokio::test]
async fn a_crafted_message_is_journaled_as_it_is_sent() {
    let stage = Stage::of("[world]\nstreams = 2\nrate = \"1/h\"\n");
    let mut client = stage.client().await;
    for place in 0..2 {
        client.subscribe(&stage.hash(place)).await;
        client.json().await;
    }
    let data = r#"{"interaction":{"id":7,"x":1e999}}"#;
    let craft = |more: &str| stage.cue(&format!(r#"{{"craft":{{"data":{},"stream":1{more}}}}}"#, Value::from(data)));
    craft("");
    craft(r#","id":"seven\n","delete":true,"frame":"[<DATA>, \"<HASH>\"]""#);
    let hash = stage.hash(1);
    assert_eq!(client.text().await, format!(r#"{{"hash":"{hash}","data":{data}}}"#));
    assert_eq!(client.text().await, format!(r#"[{data}, "{hash}"]"#));
    let (journal, _) = stage.end();
    let made = of(&journal, "produced");
    let seen: Vec<_> = made.iter().map(|line| (line["id"].clone(), line["kind"].clone())).collect();
    assert_eq!(seen, [(Value::Null, "interaction".into()), ("seven\n".into(), "delete".into())]);
    assert!(made.iter().all(|line| line["digest"] == digest(data.as_bytes()) && line["stream"] == hash));
}

#[tokio::test]
async fn a_repetition_has_the_id_and_an_altered_one_other_bytes() {
    let stage = Stage::of("[world]\nstreams = 1\nrate = \"1/h\"\n");
    let mut client = stage.client().await;
    client.subscribe(&stage.hash(0)).await;
    client.json().await;
    stage.cue(r#"{"burst":{"messages":1}}"#);
    stage.cue(r#"{"repeats":{"count":1}}"#);
    stage.cue(r#"{"repeats":{"count":1,"altered":true}}"#);
    let texts = [client.text().await, client.text().await, client.text().await];
    assert_eq!(texts[0], texts[1]);
    let (journal, _) = stage.end();
    assert_eq!(received(&texts), sent(&journal));
    let made = of(&journal, "produced");
    assert!(made.iter().all(|line| line["id"] == made[0]["id"]));
    assert_eq!(made[2]["kind"], "duplicate");
    assert_ne!(made[2]["digest"], made[0]["digest"]);
}

#[tokio::test]
async fn an_unsubscribe_may_be_left_without_effect() {
    let stage = Stage::of("[answers]\nunsubscribe = \"ignore\"\n[world]\nstreams = 1\nrate = 100\n");
    let mut client = stage.client().await;
    let hash = stage.hash(0);
    client.subscribe(&hash).await;
    client.json().await;
    client.send(&format!(r#"{{"action":"unsubscribe","hash":"{hash}"}}"#)).await;
    stage.journaled("ignored", 1).await;
    stage.cue(r#"{"craft":{"data":"{}"}}"#);
    while client.text().await != format!(r#"{{"hash":"{hash}","data":{{}}}}"#) {}
}
