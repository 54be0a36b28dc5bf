//! The upgrade: who is let in, how others are refused, and where nobody listens.

use super::client::{Client, PATIENCE, Stage};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::http::Response;

const SILENT: &str = "[world]\nrate = 0\n";

async fn refused(url: &str) -> Response<Option<Vec<u8>>> {
    match Client::connect(url).await {
        Err(Error::Http(response)) => *response,
        Err(other) => panic!("a refusal was due, not {other}"),
        Ok(_) => panic!("a refusal was due"),
    }
}

#[tokio::test]
async fn upgrades_are_refused_with_status_body_and_headers() {
    let stage = Stage::of(&format!("[node]\ndate_skew = \"-24h\"\n{SILENT}"));
    stage.cue(r#"{"refuse":{"status":503,"retry_after":"7","message":"full-capacity"}}"#);
    stage.cue(r#"{"refuse":{"status":301,"location":"ws://elsewhere.example/"}}"#);
    stage.journaled("cue", 2).await;
    let url = stage.running().url();
    let response = refused(&url).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "7");
    assert!(response.headers().contains_key("date"));
    let body = String::from_utf8(response.into_body().unwrap_or_default()).unwrap();
    assert_eq!(body, r#"{"status":"failure","message":"The streaming API is currently at full capacity"}"#);
    let response = refused(&url).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["location"]),
        (301, &"ws://elsewhere.example/".parse().unwrap())
    );
    Client::connect(&url).await.expect("the third is let in");
    let (_, totals) = stage.end();
    assert_eq!((totals.refused, totals.connections), (2, 1));
}

#[tokio::test]
async fn only_the_right_identity_is_let_in_and_the_key_stays_out_of_the_journal() {
    let account = "[account]\nusername = \"acme\"\napi_key = \"s3cret-canary\"\n";
    let stage = Stage::of(&format!("{account}{SILENT}"));
    let url = stage.running().url();
    let body =
        |response: Response<Option<Vec<u8>>>| String::from_utf8(response.into_body().unwrap_or_default()).unwrap();
    let nobody = refused(&url).await;
    assert_eq!(nobody.status(), 401);
    assert!(body(nobody).contains("A username and API key are both required"));
    assert!(body(refused(&format!("{url}?username=acme&api_key=wrong")).await).contains("is not correct"));
    Client::connect(&format!("{url}?username=acme&api_key=s3cret-canary")).await.expect("let in");
    let (journal, _) = stage.end();
    let text: String = journal.iter().map(ToString::to_string).collect();
    assert!(text.contains("api_key=***") && !text.contains("canary"));
}

#[tokio::test]
async fn an_identity_may_be_refused_in_a_frame() {
    let stage = Stage::of(&format!("[account]\nusername = \"acme\"\nrefusal = \"frame\"\n{SILENT}"));
    let mut client = stage.client().await;
    let (texts, end) = client.rest().await;
    assert_eq!(texts, [r#"{"status":"failure","message":"A username and API key are both required"}"#]);
    assert!(matches!(end, Some(Ok(message)) if message.is_close()));
}

#[tokio::test]
async fn nobody_listens_for_a_while() {
    let stage = Stage::of(SILENT);
    let url = stage.running().url();
    stage.cue(r#"{"stop_listening":{}}"#);
    let shut = async { while let Ok(_open) = Client::connect(&url).await {} };
    tokio::time::timeout(PATIENCE, shut).await.expect("the door closes");
    stage.cue(r#""listen""#);
    let open = async {
        while Client::connect(&url).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, open).await.expect("the door opens");
}

#[tokio::test]
async fn a_handshake_may_be_slow() {
    let stage = Stage::of(SILENT);
    stage.cue(r#"{"slow_handshake":{"pause":"2ms"}}"#);
    let fired = stage.journaled("cue", 1).await.remove(0);
    // By hand: the library gives up on a peer that answers so slowly, as it should.
    let mut tcp = tokio::net::TcpStream::connect(stage.running().address()).await.unwrap();
    let request = "GET /multi HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    tcp.write_all(request.as_bytes()).await.unwrap();
    let connected = stage.journaled("connected", 1).await.remove(0);
    let took = connected["at_us"].as_i64().unwrap() - fired["at_us"].as_i64().unwrap();
    assert!(took > 150_000, "150 bytes or more, each 2 ms after the other: {took} us");
}

#[tokio::test]
async fn tls_is_spoken_when_a_certificate_is_given() {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, signed.cert.pem()).unwrap();
    std::fs::write(&key, signed.signing_key.serialize_pem()).unwrap();
    let mut scenario = super::super::Scenario::parse(SILENT).unwrap();
    scenario.node.tls_cert = Some(cert);
    scenario.node.tls_key = Some(key);
    let stage = Stage::set(scenario);
    assert!(stage.running().url().starts_with("wss://localhost:"));

    let mut roots = rustls::RootCertStore::empty();
    roots.add(signed.cert.der().clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = tokio::net::TcpStream::connect(stage.running().address()).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let tls = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config)).connect(name, tcp).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(stage.running().url(), tls).await.unwrap();
    stage.cue(r#"{"say":{"message":"maintenance"}}"#);
    let said = futures_util::StreamExt::next(&mut socket).await.unwrap().unwrap();
    assert!(said.to_text().unwrap().contains("closing for maintenance"));
}

#[test]
fn a_start_that_cannot_be_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let scenario = |listen: &str| {
        let mut scenario = super::super::Scenario::default();
        listen.clone_into(&mut scenario.node.listen);
        scenario
    };
    let said = |listen: &str, journal: &std::path::Path| {
        super::super::Server::start(scenario(listen), journal).unwrap_err().to_string()
    };
    assert!(said("nowhere", &journal).contains("\"nowhere\" is not an address to listen on"));
    assert!(said("127.0.0.1:0", &folder.path().join("no/such")).contains("cannot create the journal"));
    let first = super::super::Server::start(scenario("127.0.0.1:0"), &journal).unwrap();
    assert!(said(&first.address().to_string(), &folder.path().join("other")).contains("cannot listen on"));
}

#[tokio::test]
async fn a_key_is_rotated_while_the_run_is_on() {
    let stage = Stage::of(&format!("[account]\napi_key = \"old-canary\"\n{SILENT}"));
    let url = |key: &str| format!("{}?username=acme&api_key={key}", stage.running().url());
    let mut connected = Client::connect(&url("old-canary")).await.expect("let in");
    stage.cue(r#"{"account":{"api_key":"new-canary"}}"#);
    stage.journaled("cue", 1).await;
    assert_eq!(refused(&url("old-canary")).await.status(), 401);
    Client::connect(&url("new-canary")).await.expect("let in");
    connected.subscribe(&stage.hash(0)).await;
    assert_eq!(connected.status().await["status"], "success", "who is connected stays");
    let (journal, _) = stage.end();
    assert!(!journal.iter().any(|line| line.to_string().contains("canary")));
}
