//! The HTTP client against a server of a few lines that answers byte for byte as it is told.

use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use secrecy::SecretString;
use siftd::peer_text::Mask;
use siftd::time::Time;
use siftd::transport::http::{Answer, Client, HttpFault, Request, Settings};
use siftd::transport::tls;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

const CANARY: &str = "canary0123456789";

/// What the server does with one connection: an answer to each request, then this end.
#[derive(Clone, Copy)]
enum End {
    Close,
    Hang,
    Reset,
}

/// What is heard last of a connection.
const CLOSED: &str = "closed";

type Conversation = (Vec<Vec<u8>>, End);

/// A server for these connections, one after another; the requests that it heard come out behind.
async fn serve(conversations: Vec<Conversation>) -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heard, requests) = mpsc::channel(64);
    tokio::spawn(async move {
        for (answers, end) in conversations {
            let (mut socket, _) = listener.accept().await.unwrap();
            for answer in answers {
                heard.send(hear(&mut socket).await).await.unwrap();
                socket.write_all(&answer).await.ok();
            }
            match end {
                End::Close => drop(socket),
                End::Hang => std::future::pending().await,
                End::Reset => {
                    socket.set_zero_linger().unwrap();
                    drop(socket);
                }
            }
            heard.send(CLOSED.to_owned()).await.ok();
        }
    });
    (port, requests)
}

/// One request: its head, and a body as long as the head says.
async fn hear(socket: &mut (impl AsyncRead + Unpin)) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        if socket.read_buf(&mut read).await.unwrap_or(0) == 0 {
            return text;
        }
    }
}

fn settings(url: &str) -> Settings {
    Settings {
        url: url.to_owned(),
        allow_insecure: false,
        authorization: SecretString::from(format!("acme:{CANARY}")),
        timeout: Duration::from_secs(20),
        body_max: 1000,
        headers: &["x-datasift-cursor-next", "retry-after"],
        mask: Mask::of([CANARY]),
        tls: tls(&[]).unwrap(),
    }
}

fn client(port: u16) -> Client {
    Client::new(settings(&format!("http://127.0.0.1:{port}/v1.6/"))).unwrap()
}

async fn get(client: &mut Client) -> Result<Answer, HttpFault> {
    client.call(&Request { method: "GET", path: "pull", form: &[("id", "a b&c=ü".to_owned())] }).await
}

/// What comes of one call that is answered so.
async fn outcome(answer: &[u8], end: End) -> Result<Answer, HttpFault> {
    let (port, _requests) = serve(vec![(vec![answer.to_vec()], end)]).await;
    let outcome = get(&mut client(port)).await;
    if let Err(fault) = &outcome {
        assert!(!format!("{fault} {fault:?}").contains(CANARY), "{fault:?}");
    }
    outcome
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[tokio::test]
async fn a_call_carries_its_form_and_the_key_in_one_header() {
    let ok = answer("200 OK", "", "{}");
    let (port, mut requests) = serve(vec![(vec![ok.clone(), ok.clone(), ok], End::Close)]).await;
    let mut client = client(port);
    get(&mut client).await.unwrap();
    let form = [("name", "siftd 1/2".to_owned()), ("start", "5".to_owned())];
    client.call(&Request { method: "POST", path: "/historics/prepare", form: &form }).await.unwrap();
    client.call(&Request { method: "PUT", path: "historics/start", form: &[] }).await.unwrap();
    let (first, second, third) =
        (requests.recv().await.unwrap(), requests.recv().await.unwrap(), requests.recv().await.unwrap());
    assert!(first.starts_with("GET /v1.6/pull?id=a%20b%26c%3D%C3%BC HTTP/1.1\r\n"), "{first}");
    assert!(first.to_lowercase().contains(&format!("\r\nhost: 127.0.0.1:{port}\r\n")), "{first}");
    assert!(first.to_lowercase().contains("\r\naccept-encoding: gzip\r\n"), "{first}");
    assert!(second.starts_with("POST /v1.6/historics/prepare HTTP/1.1\r\n"), "{second}");
    assert!(second.ends_with("\r\n\r\nname=siftd%201%2F2&start=5"), "{second}");
    assert!(third.starts_with("PUT /v1.6/historics/start HTTP/1.1\r\n"), "{third}");
    assert!(third.to_lowercase().contains("\r\ncontent-length: 0\r\n"), "{third}");
    for request in [first, second, third] {
        assert_eq!(request.matches(CANARY).count(), 1, "{request}");
        assert!(request.to_lowercase().contains(&format!("\r\nauthorization: acme:{CANARY}\r\n")), "{request}");
    }
    assert!(!format!("{client:?}").contains(CANARY));
}

#[tokio::test]
async fn an_answer_is_a_fact_whatever_its_status() {
    let headers =
        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nX-DataSift-Cursor-Next: abc\r\nRETRY-AFTER: 5\r\nServer: x\r\n";
    let answered = outcome(&answer("503 Service Unavailable", headers, "<html>"), End::Close).await.unwrap();
    let expected = Answer {
        status: 503,
        headers: vec![
            ("x-datasift-cursor-next".to_owned(), "abc".to_owned()),
            ("retry-after".to_owned(), "5".to_owned()),
        ],
        told: Some(Time::from_seconds(784_111_777)),
        body: b"<html>".to_vec(),
    };
    assert_eq!(answered, expected);
    let empty = outcome(b"HTTP/1.1 204 No Content\r\n\r\n", End::Close).await.unwrap();
    assert_eq!((empty.status, empty.told, empty.body.len()), (204, None, 0));
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n1\r\n\n\r\n0\r\n\r\n";
    assert_eq!(outcome(chunked, End::Hang).await.unwrap().body, b"{}\n");
    let until_the_end = b"HTTP/1.0 200 OK\r\n\r\n{}";
    assert_eq!(outcome(until_the_end, End::Close).await.unwrap().body, b"{}");
}

#[tokio::test]
async fn what_is_not_whole_is_no_answer() {
    let garbled =
        |outcome: Result<Answer, HttpFault>| assert!(matches!(outcome, Err(HttpFault::Garbled(_))), "{outcome:?}");
    let broken =
        |outcome: Result<Answer, HttpFault>| assert!(matches!(outcome, Err(HttpFault::Broken(_))), "{outcome:?}");
    broken(outcome(b"", End::Close).await);
    broken(outcome(b"HTTP/1.1 200", End::Close).await);
    broken(outcome(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", End::Close).await);
    broken(outcome(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}", End::Close).await);
    broken(outcome(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", End::Reset).await);
    garbled(outcome(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n{}", End::Close).await);
    garbled(outcome(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", End::Close).await);
    garbled(outcome(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", End::Close).await);
    let head = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &vec![b'x'; 200_000], b"\r\n\r\n"].concat();
    garbled(outcome(&head, End::Close).await);
    let headers = "X: y\r\n".repeat(1000);
    garbled(outcome(&answer("200 OK", &headers, ""), End::Close).await);
    garbled(outcome(&answer("200 OK", "Content-Encoding: gzip\r\n", "{}"), End::Close).await);
}

#[tokio::test]
async fn a_body_beyond_its_bound_is_not_read() {
    let too_much = Err(HttpFault::Oversize { limit: 1000 });
    assert_eq!(outcome(&answer("200 OK", "", &"x".repeat(1001)), End::Close).await, too_much);
    assert_eq!(outcome(&answer("200 OK", "", &"x".repeat(1000)), End::Close).await.unwrap().body.len(), 1000);
    // It says how long it will be, and nothing of it comes.
    assert_eq!(outcome(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999\r\n\r\n", End::Hang).await, too_much);
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let elsewhere = format!("Location: http://elsewhere.example/?key={CANARY}\r\n");
    for status in [301, 302, 303, 307, 308] {
        let outcome = outcome(&answer(&format!("{status} Elsewhere"), &elsewhere, ""), End::Close).await;
        let location = Some("http://elsewhere.example/?key=***".to_owned());
        assert_eq!(outcome, Err(HttpFault::Redirected { status, location }));
    }
}

#[tokio::test]
async fn patience_ends() {
    let (port, mut requests) = serve(vec![(vec![b"HTTP/1.1 200 OK\r\n".to_vec()], End::Hang)]).await;
    let timeout = Duration::from_millis(300);
    let mut client = Client::new(Settings { timeout, ..settings(&format!("http://127.0.0.1:{port}")) }).unwrap();
    assert_eq!(get(&mut client).await, Err(HttpFault::Late(timeout)));
    assert!(requests.recv().await.unwrap().starts_with("GET /pull?"));
}

#[tokio::test]
async fn a_connection_is_kept_and_replaced_when_the_server_has_closed_it() {
    let say = |word: &str| answer("200 OK", "", word);
    let conversations = vec![(vec![say("one"), say("two")], End::Close), (vec![say("three")], End::Close)];
    let (port, mut requests) = serve(conversations).await;
    let mut client = client(port);
    for word in ["one", "two", "three"] {
        if word == "three" {
            while requests.recv().await.unwrap() != CLOSED {}
        }
        assert_eq!(get(&mut client).await.unwrap().body, word.as_bytes());
    }
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_no_answer_for_the_next() {
    let slow = (vec![b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nol".to_vec()], End::Close);
    let (port, mut requests) = serve(vec![slow, (vec![answer("200 OK", "", "new")], End::Hang)]).await;
    let mut client = client(port);
    tokio::select! {
        _ = get(&mut client) => {}
        heard = requests.recv() => assert!(heard.is_some()),
    }
    assert_eq!(get(&mut client).await.unwrap().body, b"new");
}

#[tokio::test]
async fn nobody_there_is_told_before_anything_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let fault = get(&mut client(port)).await.unwrap_err();
    assert!(
        matches!(&fault, HttpFault::Unreachable(why) if why.starts_with(&format!("127.0.0.1 port {port}: "))),
        "{fault}"
    );
    assert!(!fault.may_have_acted());
}

#[test]
fn an_address_that_would_betray_the_key_is_refused_and_not_repeated() {
    for (url, allow_insecure) in [
        ("http://canary.example/v1.6", false),
        ("ftp://canary.example", true),
        ("https://canary:canary@localhost", true),
        ("https://localhost/?canary", true),
        ("canary", true),
        ("https://", true),
    ] {
        let refused = Client::new(Settings { allow_insecure, ..settings(url) }).unwrap_err();
        assert!(!refused.contains("canary"), "{refused}");
    }
    for (url, allow_insecure) in [
        ("https://api.example", false),
        ("http://localhost:80/v1", false),
        ("http://[::1]", false),
        ("http://a.example", true),
    ] {
        Client::new(Settings { allow_insecure, ..settings(url) }).unwrap();
    }
    let broken = Settings { authorization: SecretString::from("canary\n"), ..settings("https://api.example") };
    assert!(!Client::new(broken).unwrap_err().contains("canary"));
}

/// One connection with TLS that answers, whatever it is asked.
async fn over_tls(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut stream = stream;
    hear(&mut stream).await;
    stream.write_all(&answer("200 OK", "", "{}")).await.unwrap();
    stream.flush().await.unwrap();
    hear(&mut stream).await;
}

#[tokio::test]
async fn tls_rests_on_the_authorities_that_are_given() {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = issued.cert.der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der()));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            // A client that does not trust us leaves here.
            if let Ok(stream) = acceptor.accept(tcp).await {
                over_tls(stream).await;
            }
        }
    });
    let mut stranger = Client::new(settings(&url)).unwrap();
    let fault = get(&mut stranger).await.unwrap_err();
    assert!(matches!(fault, HttpFault::Tls(_)), "{fault:?}");
    let mut friend = Client::new(Settings { tls: tls(&[certificate]).unwrap(), ..settings(&url) }).unwrap();
    assert_eq!(get(&mut friend).await.unwrap().body, b"{}");
}
