//! A job from its preparation to its end, and what calls and jobs cost.

use super::super::client::{PATIENCE, Stage, of};
use super::{BRISK, Prepared, call, drain, due, get, ids, past, post, prepare, second_of, start};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[tokio::test]
async fn a_job_delivers_what_the_world_made_and_nobody_heard() {
    let (stage, from, until) = past(BRISK).await;
    let Prepared { job, delivery } = start(&stage, (from, until), "").await;
    let rows = drain(&stage, &delivery).await;
    let due = due(&stage, (from, until));
    assert!(due.len() > 100, "{}", due.len());
    assert_eq!(ids(&rows), due);
    assert!(rows.len() > due.len(), "some of it comes twice: {}", rows.len());
    let described = get(&stage, &format!("historics/get?id={job}&with_estimate=1")).await.json();
    assert_eq!((&described["status"], &described["progress"]), (&json!("succeeded"), &json!(100)));
    assert_eq!(described["definition_id"], stage.hash(0));
    let finished = get(&stage, &format!("push/get?id={delivery}")).await.json();
    assert_eq!((&finished["status"], &finished["lost_data"]), (&json!("finished"), &json!(false)));
    assert_eq!(finished["hash"], job);
    assert_eq!(call(&stage, "DELETE", &format!("push/delete?id={delivery}"), "").await.status, 204);
    assert_eq!(call(&stage, "DELETE", &format!("historics/delete?id={job}"), "").await.status, 204);
    let again = call(&stage, "DELETE", &format!("historics/delete?id={job}"), "").await;
    assert_eq!((again.status, again.json()), (404, json!({"error": format!("No historics found with the ID {job} ")})));
    let gone = get(&stage, &format!("historics/get?id={job}")).await;
    assert_eq!(gone.json(), json!({"error": format!("No historic found with the ID {job} ")}));
    assert_eq!(
        get(&stage, &format!("push/get?id={delivery}")).await.json(),
        json!({"error": "Subscription not found"})
    );
    let (journal, totals) = stage.end();
    let served: usize = of(&journal, "served").iter().map(|page| page["ids"].as_array().unwrap().len()).sum();
    assert_eq!(u64::try_from(served).unwrap(), totals.served);
    assert_eq!(rows.len(), served);
    let lives: Vec<Value> = of(&journal, "job").iter().map(|line| line["status"].clone()).collect();
    assert_eq!(lives, ["init", "succeeded", "deleted"]);
    assert_eq!(
        of(&journal, "call")
            .iter()
            .filter(|line| line["call"] == "pull")
            .map(|line| line["cost"].as_u64().unwrap())
            .sum::<u64>(),
        0
    );
    assert!(!serde_json::to_string(&journal).unwrap().contains("me:key"));
}

#[tokio::test]
async fn the_same_bytes_come_that_were_sent_live_in_each_format() {
    let (stage, from, until) = past(BRISK).await;
    let mut pages = Vec::new();
    for format in ["json_new_line", "json_array", "json_meta"] {
        let extra = format!("&output_params.format={format}");
        let Prepared { delivery, .. } = start(&stage, (from, until), &extra).await;
        let page = get(&stage, &format!("pull?id={delivery}")).await;
        assert_eq!(page.header("x-datasift-format"), format);
        pages.push((page, delivery));
    }
    let lines = pages[0].0.rows();
    let array = pages[1].0.json();
    let meta = pages[2].0.json();
    assert_eq!(ids(array.as_array().unwrap()), ids(&lines));
    assert_eq!(ids(meta["interactions"].as_array().unwrap()), ids(&lines));
    assert_eq!((&meta["id"], &meta["hash_type"]), (&json!(pages[2].1), &json!("historic")));
    let digests: BTreeSet<String> =
        of(&stage.journal(), "produced").iter().map(|line| line["digest"].as_str().unwrap().to_owned()).collect();
    for line in pages[0].0.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        assert!(digests.contains(&crate::simulator::digest(line)));
    }
}

#[tokio::test]
async fn cursors_go_on_and_back_and_chunks_come_out_of_order() {
    let text = BRISK.replace("[rest.jobs]\n", "[rest.jobs]\nchunk = \"1s\"\nrepeats = 0\n");
    let (stage, from, until) = past(&text).await;
    let Prepared { delivery, job } = start(&stage, (from, until), "").await;
    let first = get(&stage, &format!("pull?id={delivery}&size=9000")).await;
    let second = get(&stage, &format!("pull?id={delivery}&size=9000")).await;
    assert_eq!(second.header("x-datasift-cursor-current"), first.header("x-datasift-cursor-next"));
    let cursor = first.header("x-datasift-cursor-current");
    assert_eq!(cursor.len(), 32);
    let rewound = get(&stage, &format!("pull?id={delivery}&size=9000&cursor={cursor}")).await;
    assert_eq!(rewound.body, first.body);
    // The position went back with it.
    assert_eq!(get(&stage, &format!("pull?id={delivery}&size=9000")).await.body, second.body);
    assert_eq!(get(&stage, &format!("pull?id={delivery}&cursor=nonsense")).await.status, 400);
    let left: usize = second.header("x-datasift-bytes-remaining").parse().unwrap();
    assert!(left > 0);
    let rest = drain(&stage, &delivery).await;
    assert!(!rest.is_empty());
    let nothing = get(&stage, &format!("pull?id={delivery}")).await;
    assert_eq!((nothing.status, nothing.header("x-datasift-cursor-next")), (204, ""));
    assert_eq!(nothing.header("x-datasift-cursor-current").len(), 32);
    let all: Vec<Value> = [first.rows(), second.rows(), rest].concat();
    let made = of(&stage.journal(), "produced");
    let seconds: BTreeMap<&str, i64> =
        made.iter().map(|line| (line["id"].as_str().unwrap(), second_of(line))).collect();
    let order: Vec<i64> = all.iter().map(|row| seconds[row["interaction"]["id"].as_str().unwrap()]).collect();
    assert!(order.first() > order.last(), "the last second comes first");
    let chunks = get(&stage, &format!("historics/get?id={job}")).await.json();
    assert_eq!(chunks["chunks"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_the_recorded_texts() {
    let (stage, from, until) = past(BRISK).await;
    let hash = stage.hash(0);
    let asked = |name: &str, value: &str| {
        let mut form: BTreeMap<&str, String> = BTreeMap::from([
            ("hash", hash.clone()),
            ("name", "n".to_owned()),
            ("start", from.to_string()),
            ("end", until.to_string()),
            ("sources", "twitter".to_owned()),
        ]);
        form.insert(name, value.to_owned());
        form.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    };
    for (name, value, status, text) in [
        ("name", "", 400, "Missing param 'name'"),
        ("hash", "nonsense", 400, "hash must be a valid hash"),
        ("end", "2000000000", 400, "end must be at least 1 hour in the past"),
        ("end", "1300000000", 400, "end must be after start"),
        ("start", "1000000000", 400, "start cannot be before 2010"),
        ("start", "1400000000", 400, "The time between start and end is too long"),
        ("sources", "myspace", 400, "The source myspace is not available"),
        ("sample", "50", 400, "sample is invalid; valid values are: 10,100"),
    ] {
        let answer = post(&stage, "historics/prepare", &asked(name, value)).await;
        assert_eq!((answer.status, answer.json()), (status, json!({"error": text})), "{name}={value}");
    }
    assert_eq!(get(&stage, "historics/nonsense").await.status, 404);
    let day = get(&stage, "historics/status?start=1325376000&end=1325462400&sources=tumblr").await.json();
    assert_eq!(day[0]["start"], "1325376000");
    assert_eq!(day[0]["end"], 1_325_462_400);
    assert_eq!(day[0]["sources"]["tumblr"]["status"], 100);
    let busy = "[account]\nusername = \"me\"\napi_key = \"other\"\n";
    let strict = Stage::of(busy);
    assert_eq!(get(&strict, "push/get").await.status, 401);
}

#[tokio::test]
async fn credits_are_counted_and_run_out_and_the_headers_may_lie() {
    let (stage, from, until) = past(BRISK).await;
    let first = get(&stage, "push/get").await;
    let header = |name: &str| first.header(&format!("x-ratelimit-{name}")).parse::<i64>().unwrap();
    assert_eq!((header("limit"), header("remaining"), header("cost")), (10_000, 9_999, 1));
    assert_eq!(header("reset-ttl"), 3600);
    stage.cue(r#"{"rest":{"fees":{"left":24,"exhausted":429,"reset_skew":"-2h"}}}"#);
    stage.journaled("cue", 2).await;
    let refused = get(&stage, "historics/get").await;
    assert_eq!((refused.status, refused.header("x-ratelimit-remaining")), (429, "24"));
    assert_eq!(refused.header("x-ratelimit-reset-ttl").parse::<i64>().unwrap() / 60, -60);
    assert_eq!(get(&stage, "push/get").await.status, 200);
    stage.cue(r#"{"rest":{"fees":{"left":10000,"dpu_per_hour":3600,"dpus":3}}}"#);
    stage.journaled("cue", 3).await;
    let Prepared { job, .. } = prepare(&stage, (from, until), "").await;
    assert_eq!(post(&stage, "historics/start", &format!("id={job}")).await.status, 204);
    let Prepared { job, .. } = prepare(&stage, (from, until), "").await;
    assert_eq!(post(&stage, "historics/start", &format!("id={job}")).await.status, 403, "2.5 of 3 are spent");
    let (journal, _) = stage.end();
    assert_eq!(of(&journal, "charged")[0]["dpus"], 2.5);
}

#[tokio::test]
async fn lists_come_in_pages_and_leave_out_what_is_finished_unless_asked() {
    let (stage, from, until) = past(&BRISK.replace("[rest.deliveries]\n", "[rest.deliveries]\nmax = 2\n")).await;
    let done = start(&stage, (from, until), "").await;
    drain(&stage, &done.delivery).await;
    let open = prepare(&stage, (from, until), "").await;
    let shown = get(&stage, &format!("push/get?historics_id={}", done.job)).await.json();
    assert_eq!(shown["count"], 0);
    let shown = get(&stage, "push/get?include_finished=1&per_page=1&page=2").await.json();
    assert_eq!((&shown["count"], &shown["subscriptions"][0]["id"]), (&json!(2), &json!(done.delivery)));
    assert_eq!(get(&stage, "push/get").await.json()["subscriptions"][0]["id"], open.delivery);
    let jobs = get(&stage, "historics/get?max=1&page=2").await.json();
    assert_eq!((&jobs["count"], &jobs["data"][0]["id"]), (&json!(2), &json!(done.job)));
    prepare(&stage, (from, until), "").await;
    let form = format!("historics_id={}&name=d&output_type=pull", open.job);
    assert_eq!(post(&stage, "push/create", &form).await.status, 403, "two are open");
    let stopped = call(&stage, "PUT", "push/stop", &format!("id={}", open.delivery)).await.json();
    assert_eq!(stopped["status"], "finished");
    assert_eq!(post(&stage, "push/create", &form).await.status, 200);
}

#[tokio::test]
async fn a_job_takes_its_time_and_can_be_held_stopped_and_stuck() {
    let text =
        BRISK.replace("start_delay = \"0s\"\nduration = \"0s\"", "start_delay = \"200ms\"\nduration = \"400ms\"");
    let (stage, from, until) = past(&text).await;
    let job = start(&stage, (from, until), "").await;
    stage.journaled("job", 5).await;
    let lives: Vec<Value> = of(&stage.journal(), "job").iter().map(|line| line["status"].clone()).collect();
    assert_eq!(lives, ["init", "queued", "submitted", "running", "succeeded"]);
    assert_eq!(ids(&drain(&stage, &job.delivery).await), due(&stage, (from, until)));
    stage.cue(r#"{"rest":{"job":{"stuck_at":50,"status":"delayed"}}}"#);
    stage.journaled("cue", 2).await;
    let stuck = start(&stage, (from, until), "").await;
    let half = async {
        loop {
            let document = get(&stage, &format!("historics/get?id={}", stuck.job)).await.json();
            if document["progress"] == 50 {
                return document;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert_eq!(tokio::time::timeout(PATIENCE, half).await.unwrap()["status"], "delayed");
    let some = drain(&stage, &stuck.delivery).await;
    assert!(!some.is_empty() && ids(&some).len() < due(&stage, (from, until)).len());
    assert_eq!(get(&stage, &format!("push/get?id={}", stuck.delivery)).await.json()["status"], "active");
    assert_eq!(post(&stage, "historics/pause", &format!("id={}", stuck.job)).await.status, 204);
    assert_eq!(post(&stage, "historics/resume", &format!("id={}", stuck.job)).await.status, 204);
    assert_eq!(post(&stage, "historics/stop", &format!("id={}&reason=x", stuck.job)).await.status, 204);
    let stopped = get(&stage, &format!("historics/get?id={}", stuck.job)).await.json();
    assert_eq!(stopped["status"], "stopped");
    assert_eq!(get(&stage, &format!("push/get?id={}", stuck.delivery)).await.json()["status"], "finished");
}
