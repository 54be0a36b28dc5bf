//! The REST side as its clients meet it: a client, and a world whose past can be asked for.

mod life;
mod wrong;

use super::client::{PATIENCE, Stage, of};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer: status, headers with names in lower case, body.
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|fault| panic!("{fault}: {:?}", self.body))
    }

    fn rows(&self) -> Vec<Value> {
        self.body.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }
}

/// One request over a connection of its own; what came until the server had no more to say.
async fn raw(stage: &Stage, request: &str) -> Vec<u8> {
    let url = stage.running().rest_url();
    let address = url.trim_start_matches("http://").trim_end_matches("/v1.6");
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut read = Vec::new();
    // A reset is an end, too.
    tokio::time::timeout(PATIENCE, socket.read_to_end(&mut read)).await.expect("an end within 20 s").ok();
    read
}

async fn call(stage: &Stage, method: &str, target: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "{method} /v1.6/{target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: gzip\r\nAuthorization: me:key\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let read = raw(stage, &request).await;
    let split = read.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&read[..split]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let mut body = read[split + 4..].to_vec();
    if headers.get("content-encoding").is_some_and(|packing| packing == "gzip") {
        let mut unpacked = Vec::new();
        if flate2::read::GzDecoder::new(body.as_slice()).read_to_end(&mut unpacked).is_ok() {
            body = unpacked;
        }
    }
    Answer { status, headers, body }
}

async fn get(stage: &Stage, target: &str) -> Answer {
    call(stage, "GET", target, "").await
}

async fn post(stage: &Stage, target: &str, body: &str) -> Answer {
    call(stage, "POST", target, body).await
}

const ALL: &str =
    "twitter,tumblr,facebook,facebook_page,instagram,youtube,wordpress,disqus,reddit,board,wikipedia,bitly";

/// A brisk world whose archive does not lag, and whose jobs are done at once.
const BRISK: &str = "[world]\nstreams = 3\nrate = 500\nhuge = 0\nlarge = 0\ndeletes = 0.05\nold = 0\n\
    [rest.archive]\nlag = \"0s\"\n[rest.jobs]\nstart_delay = \"0s\"\nduration = \"0s\"\n\
    [rest.deliveries]\npulls_per_second = 0\n";

fn second_of(line: &Value) -> i64 {
    line["at_us"].as_i64().unwrap().div_euclid(1_000_000)
}

/// Waits until the world is two whole seconds old and silent: the stage, and the seconds of its window.
async fn past(text: &str) -> (Stage, i64, i64) {
    let stage = Stage::of(text);
    let first = stage.journaled("produced", 1).await;
    let start = second_of(&first[0]) + 1;
    let made = async {
        while of(&stage.journal(), "produced").last().map(second_of) < Some(start + 2) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, made).await.expect("a world that goes on");
    stage.cue(r#"{"rate":0}"#);
    stage.journaled("cue", 1).await;
    (stage, start, start + 2)
}

struct Prepared {
    job: String,
    delivery: String,
}

async fn prepare(stage: &Stage, (start, end): (i64, i64), extra: &str) -> Prepared {
    let hash = stage.hash(0);
    let form = format!("hash={hash}&start={start}&end={end}&name=a+job&sources={ALL}");
    let prepared = post(stage, "historics/prepare", &form).await;
    assert_eq!(prepared.status, 202, "{:?}", String::from_utf8_lossy(&prepared.body));
    let job = prepared.json()["id"].as_str().unwrap().to_owned();
    let created = post(stage, "push/create", &format!("historics_id={job}&name=d&output_type=pull{extra}")).await;
    assert_eq!(created.status, 200, "{:?}", String::from_utf8_lossy(&created.body));
    Prepared { delivery: created.json()["id"].as_str().unwrap().to_owned(), job }
}

async fn start(stage: &Stage, window: (i64, i64), extra: &str) -> Prepared {
    let prepared = prepare(stage, window, extra).await;
    assert_eq!(post(stage, "historics/start", &format!("id={}", prepared.job)).await.status, 204);
    prepared
}

/// All rows of a delivery, page by page.
async fn drain(stage: &Stage, delivery: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    loop {
        let page = get(stage, &format!("pull?id={delivery}&size=20000")).await;
        if page.status == 204 {
            return rows;
        }
        assert_eq!(page.status, 200);
        rows.extend(page.rows());
    }
}

fn ids(rows: &[Value]) -> BTreeSet<String> {
    rows.iter().filter_map(|row| row["interaction"]["id"].as_str().map(str::to_owned)).collect()
}

/// What the archive must hold of the first stream's window, by the journal.
fn due(stage: &Stage, (start, end): (i64, i64)) -> BTreeSet<String> {
    let made = of(&stage.journal(), "produced");
    let id = |line: &Value| line["id"].as_str().unwrap().to_owned();
    let deleted: BTreeSet<String> = made.iter().filter(|line| line["kind"] == "delete").map(id).collect();
    let hash = stage.hash(0);
    let inside = made.iter().filter(|line| line["stream"] == hash && (start..end).contains(&second_of(line)));
    inside.filter(|line| line["kind"] != "delete").map(id).filter(|id| !deleted.contains(id)).collect()
}
