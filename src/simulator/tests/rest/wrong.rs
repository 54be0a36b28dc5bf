//! Everything that can be wrong with a job, a page and an answer.

use super::super::client::{PATIENCE, Stage, of};
use super::{BRISK, Prepared, drain, due, get, ids, past, post, prepare, raw, second_of, start};
use serde_json::json;
use std::time::Duration;
use tokio::net::TcpStream;

#[tokio::test]
async fn jobs_that_find_less_say_so_each_in_its_way() {
    // Without deletes: of ten that are lost, one that was deleted would not have come anyway.
    let world = BRISK.replace("[rest.jobs]\n", "[rest.jobs]\nchunk = \"1s\"\nrepeats = 0\n");
    let (stage, from, until) = past(&world.replace("deletes = 0.05", "deletes = 0")).await;
    let due = due(&stage, (from, until));
    let change = |number: u64, what: &str| stage.cue(&format!(r#"{{"rest":{{"job":{{"job":{number},{what}}}}}}}"#));
    let prepared = async |what: &str, number: u64| {
        let job = prepare(&stage, (from, until), "").await;
        change(number, what);
        stage.journaled("cue", usize::try_from(number).unwrap() + 1).await;
        post(&stage, "historics/start", &format!("id={}", job.job)).await;
        job
    };
    let lossy = prepared(r#""lose":10"#, 1).await;
    assert_eq!(drain(&stage, &lossy.delivery).await.len(), due.len() + count_of_duplicates(&stage, from, until) - 10);
    assert_eq!(get(&stage, &format!("push/get?id={}", lossy.delivery)).await.json()["lost_data"], true);
    let log = get(&stage, &format!("push/log?id={}", lossy.delivery)).await.json();
    assert_eq!(log["log_entries"][0]["success"], false);
    let chunkless = prepared(r#""fail_chunk":true"#, 2).await;
    assert!(ids(&drain(&stage, &chunkless.delivery).await).len() < due.len());
    let document = get(&stage, &format!("historics/get?id={}", chunkless.job)).await.json();
    assert_eq!(
        (&document["chunks"][0]["status"], &document["chunks"][1]["status"]),
        (&json!("failed"), &json!("succeeded"))
    );
    let failing = prepared(r#""fail":true"#, 3).await;
    drain(&stage, &failing.delivery).await;
    assert_eq!(get(&stage, &format!("historics/get?id={}", failing.job)).await.json()["status"], "failed");
    assert_eq!(get(&stage, &format!("push/get?id={}", failing.delivery)).await.json()["status"], "failed");
    let sampled = prepared(r#""sample":10"#, 4).await;
    assert!(ids(&drain(&stage, &sampled.delivery).await).len() < due.len() / 2);
    assert_eq!(get(&stage, &format!("historics/get?id={}", sampled.job)).await.json()["sample"], 10);
    let sourceless = prepared(r#""without_source":"twitter""#, 5).await;
    let rows = drain(&stage, &sourceless.delivery).await;
    assert!(!rows.is_empty() && rows.iter().all(|row| row["interaction"]["type"] != "twitter"));
    let vanished = prepared(r#""delivery_status":"resting""#, 6).await;
    assert_eq!(get(&stage, &format!("push/get?id={}", vanished.delivery)).await.json()["status"], "resting");
    change(6, r#""vanish":true"#);
    stage.journaled("cue", 8).await;
    assert_eq!(get(&stage, &format!("pull?id={}", vanished.delivery)).await.status, 404);
}

/// Repetitions in the window of what the archive still holds.
fn count_of_duplicates(stage: &Stage, from: i64, until: i64) -> usize {
    let hash = stage.hash(0);
    let due = due(stage, (from, until));
    let made = of(&stage.journal(), "produced");
    let inside = made.iter().filter(|line| line["stream"] == hash && (from..until).contains(&second_of(line)));
    let all = inside.filter(|line| line["kind"] != "delete" && due.contains(line["id"].as_str().unwrap())).count();
    all - due.len()
}

#[tokio::test]
async fn pages_hold_on_order_what_does_not_belong_there() {
    let (stage, from, until) = past(BRISK).await;
    let Prepared { delivery, .. } = start(&stage, (from, until), "").await;
    stage.cue(r#"{"rest":{"pages":{"outside":2,"foreign":3,"deletes":1,"garbled":1,"reworded":true}}}"#);
    stage.cue(r#"{"rest":{"pages":{"same":true}}}"#);
    stage.cue(r#"{"rest":{"pages":{"rewind":true}}}"#);
    stage.journaled("cue", 4).await;
    let pull = format!("pull?id={delivery}&size=5000");
    let strange = get(&stage, &pull).await;
    let rows = strange.rows();
    assert_eq!(rows.iter().filter(|row| row["hash"] == "f".repeat(32)).count(), 3);
    assert_eq!(rows.iter().filter(|row| row["deleted"] == true).count(), 1);
    assert_eq!(rows.iter().filter(|row| row["interaction"]["content"] == "a post that nobody asked for").count(), 2);
    assert!(rows[0]["reworded"] == true);
    let lines = strange.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    assert_eq!(lines, rows.len() + 1, "one is cut");
    let same = get(&stage, &pull).await;
    assert_eq!(same.header("x-datasift-cursor-current"), strange.header("x-datasift-cursor-current"));
    let rewound = get(&stage, &pull).await;
    assert_eq!(rewound.header("x-datasift-cursor-current"), strange.header("x-datasift-cursor-current"));
    assert_eq!(stage.journaled("served", 1).await[0]["doctored"]["outside"], 2);
}

#[tokio::test]
async fn answers_are_spoilt_in_every_way_and_only_as_ordered() {
    let stage = Stage::of("[world]\nrate = 0\n");
    let fail = |what: &str| stage.cue(&format!(r#"{{"rest":{{"fail":{{{what}}}}}}}"#));
    fail(r#""call":"push/get","after":1,"how":{"status":{"status":503,"retry_after":"7"}}"#);
    stage.journaled("cue", 1).await;
    assert_eq!(get(&stage, "push/get").await.status, 200);
    assert_eq!(get(&stage, "historics/get").await.status, 200);
    let refused = get(&stage, "push/get").await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "7"));
    assert_eq!(get(&stage, "push/get").await.status, 200);
    let mut cues = 1;
    for (how, expected) in [
        (r#""html""#, "HTTP/1.1 200"),
        (r#"{"redirect":{"status":302,"location":"http://elsewhere/"}}"#, "HTTP/1.1 302"),
        (r#""bad_gzip""#, "HTTP/1.1 200"),
        (r#"{"bomb":"1MiB"}"#, "HTTP/1.1 200"),
        (r#"{"oversized":"64KiB"}"#, "HTTP/1.1 200"),
        (r#""cut""#, "HTTP/1.1 200"),
        (r#"{"length":5}"#, "HTTP/1.1 200"),
        (r#"{"slow":{"pause":"1ms"}}"#, "HTTP/1.1 200"),
        (r#""reset""#, ""),
        (r#""close""#, ""),
    ] {
        fail(&format!(r#""how":{how}"#));
        cues += 1;
        stage.journaled("cue", cues).await;
        let request = "GET /push/get HTTP/1.1\r\nConnection: close\r\n\r\n";
        let read = String::from_utf8_lossy(&raw(&stage, request).await).into_owned();
        assert!(read.starts_with(expected), "{how}: {read:.100}");
        assert_eq!(read.is_empty(), expected.is_empty(), "{how}: {read:.100}");
        let (head, body) = read.split_once("\r\n\r\n").unwrap_or_default();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse::<usize>().ok());
        match how {
            r#""html""# => assert!(body.starts_with("<html>")),
            r#""cut""# | r#"{"length":5}"# => assert!(length > Some(body.len())),
            r#"{"oversized":"64KiB"}"# => assert!(body.len() > 65_536),
            _ => {}
        }
    }
    let spoilt = of(&stage.end().0, "call").iter().filter(|line| !line["spoilt"].is_null()).count();
    assert_eq!(spoilt, cues);
}

#[tokio::test]
async fn a_lost_answer_may_have_had_its_effect() {
    let (stage, from, until) = past(BRISK).await;
    for acts in [false, true] {
        stage.cue(&format!(r#"{{"rest":{{"fail":{{"call":"historics/prepare","acts":{acts},"how":"close"}}}}}}"#));
        stage.journaled("cue", if acts { 3 } else { 2 }).await;
        let body = format!("hash={}&start={from}&end={until}&name=n&sources=twitter", stage.hash(0));
        let length = body.len();
        let request = format!("POST /v1.6/historics/prepare HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}");
        assert!(raw(&stage, &request).await.is_empty());
        assert_eq!(get(&stage, "historics/get").await.json()["count"], u64::from(acts));
    }
    stage.cue(r#"{"rest":"stop_listening"}"#);
    stage.journaled("cue", 4).await;
    let url = stage.running().rest_url();
    let address = url.trim_start_matches("http://").trim_end_matches("/v1.6").to_owned();
    let refused = async {
        while TcpStream::connect(&address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("nobody listens");
    stage.cue(r#"{"rest":"listen"}"#);
    stage.journaled("cue", 5).await;
    let back = async {
        while TcpStream::connect(&address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, back).await.expect("it listens again");
}

#[tokio::test]
async fn what_is_not_fetched_in_time_is_dropped_and_said_to_be_lost() {
    let text = BRISK.replace("[rest.deliveries]\n", "[rest.deliveries]\nretention = \"1ms\"\n");
    let (stage, from, until) = past(&text).await;
    let Prepared { delivery, .. } = start(&stage, (from, until), "").await;
    tokio::time::timeout(PATIENCE, async {
        while get(&stage, &format!("push/get?id={delivery}")).await.json()["lost_data"] != true {}
    })
    .await
    .expect("it is too late");
    assert_eq!(get(&stage, &format!("pull?id={delivery}")).await.status, 204);
    assert_eq!(get(&stage, &format!("push/get?id={delivery}")).await.json()["status"], "finished");
}
