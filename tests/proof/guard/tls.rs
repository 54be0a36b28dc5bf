//! Certificates and records that must not be accepted: the notice says why, and nobody ever hears the key.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use super::peer::{Line, Peer, TEXT, against, frame, request, upgrade};
use crate::scene::{KEY, Scene, Stage};

const QUIET: &str = "[world]\nstreams = 1\nrate = \"1/h\"\n";

/// An authority of this name.
fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server's certificate for this name, changed by `change`.
fn certified(
    issuer: &CertifiedIssuer<'static, KeyPair>,
    name: &str,
    change: impl Fn(&mut CertificateParams),
) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.subject_alt_names.push(SanType::DnsName(name.try_into().unwrap()));
    change(&mut params);
    let certificate = params.signed_by(&key, issuer).unwrap();
    config(certificate.der().to_vec(), &key)
}

fn config(certificate: Vec<u8>, key: &KeyPair) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_no_client_auth().with_single_cert(vec![certificate.into()], key).unwrap())
}

/// TLS over a line, as the server of it.
fn encrypted<'l>(line: &'l mut Line, config: &Arc<ServerConfig>) -> StreamOwned<ServerConnection, &'l mut Line> {
    StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), line)
}

/// A daemon whose server is this peer, and which trusts this authority.
fn scene(peer: &Peer, trusted: &CertifiedIssuer<'static, KeyPair>) -> (Scene, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    fs::write(&file, trusted.pem()).unwrap();
    let stage = Stage::new(QUIET).settings(&trusting(&file));
    (against(&peer.url("wss", "localhost"), stage), folder)
}

fn trusting(file: &Path) -> String {
    format!("[tls]\nca_file = {:?}\n", file.display().to_string())
}

/// What the daemon says to the second attempt at a peer that it must not accept. Every byte that the peer heard belongs
/// to TLS, and nothing of the request is among them.
fn refused(peer: &Peer, trusted: &CertifiedIssuer<'static, KeyPair>) -> String {
    let (mut scene, _folder) = scene(peer, trusted);
    scene.launch();
    let told = scene
        .daemon()
        .until_that("a second attempt", |notice| notice["attempt"] == 2 && notice["detail"] != Value::Null);
    assert_eq!((told["notice"].as_str(), told["cause"].as_str()), (Some("connect-failed"), Some("network")), "{told}");
    let heard = peer.heard();
    assert!(heard.len() >= 2);
    for bytes in heard.iter().filter(|bytes| !bytes.is_empty()) {
        assert!(
            bytes.starts_with(&[0x16, 0x03]),
            "something other than TLS was said: {:?}",
            String::from_utf8_lossy(bytes)
        );
        for part in [KEY.as_bytes(), b"api_key", b"GET "] {
            assert!(!bytes.windows(part.len()).any(|window| window == part), "the request was sent in clear");
        }
    }
    told["detail"].as_str().unwrap().to_owned()
}

/// A peer that shows this certificate. A request that comes through TLS is written down as if it had come in clear.
fn shows(config: Arc<ServerConfig>) -> Peer {
    Peer::new(move |line| {
        let told = request(&mut encrypted(line, &config))?;
        line.note(told.as_bytes());
        Ok(())
    })
}

#[test]
fn a_certificate_that_is_not_good_is_refused_before_the_key_is_told() {
    let (ours, other) = (authority("ours"), authority("other"));
    let cases = [
        ("expired", certified(&ours, "localhost", |params| params.not_after = date_time_ymd(2020, 1, 1)), "expired"),
        (
            "not yet valid",
            certified(&ours, "localhost", |params| params.not_before = date_time_ymd(2090, 1, 1)),
            "not valid yet",
        ),
        ("wrong name", certified(&ours, "elsewhere.example", |_| {}), "not valid for name"),
        ("a name that steers terminals", certified(&ours, "\u{1b}]52;c;AAAA\u{7}\n<0>x", |_| {}), "not valid for"),
        ("unknown authority", certified(&other, "localhost", |_| {}), "UnknownIssuer"),
        ("self-signed", self_signed(), "UnknownIssuer"),
        ("an authority's own", config(other.der().to_vec(), other.key()), "CaUsedAsEndEntity"),
    ];
    std::thread::scope(|scope| {
        for (name, config, why) in cases {
            let ours = &ours;
            scope.spawn(move || {
                let detail = refused(&shows(config), ours);
                assert!(detail.starts_with("TLS refused: ") && detail.contains(why), "{name}: {detail}");
            });
        }
    });
}

fn self_signed() -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    config(certificate.der().to_vec(), &key)
}

/// The answer of a server that speaks TLS 1.1 and nothing newer (RFC 4346, 7.4.1.3).
fn old_hello() -> Vec<u8> {
    let mut hello = vec![3, 2];
    hello.extend_from_slice(&[7; 32]);
    hello.extend_from_slice(&[0, 0xc0, 0x13, 0]);
    let length = u8::try_from(hello.len()).unwrap();
    [&[0x16, 3, 2, 0, length + 4, 2, 0, 0, length], hello.as_slice()].concat()
}

#[test]
fn what_is_no_tls_of_our_time_is_refused_without_falling_back() {
    let ours = authority("ours");
    let answers: [(&str, Vec<u8>, &str); 5] = [
        ("TLS 1.1", old_hello(), "incompatible"),
        ("a plaintext server", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec(), "corrupt"),
        ("an alert", vec![0x15, 3, 3, 0, 2, 2, 40], "alert"),
        ("a record cut short", vec![0x16, 3, 3, 0x10, 0, 2, 0], "eof"),
        ("nothing", Vec::new(), "eof"),
    ];
    std::thread::scope(|scope| {
        for (name, answer, why) in answers {
            let ours = &ours;
            scope.spawn(move || {
                let peer = Peer::new(move |line| {
                    let mut hello = [0; 5];
                    line.read_exact(&mut hello)?;
                    line.write_all(&answer)
                });
                let detail = refused(&peer, ours).to_lowercase();
                assert!(detail.starts_with("tls refused: ") && detail.contains(why), "{name}: {detail}");
            });
        }
    });
}

#[test]
fn a_good_certificate_is_accepted_and_a_record_that_was_tampered_with_ends_the_connection() {
    let ours = authority("ours");
    let good = certified(&ours, "localhost", |_| {});
    // After the upgrade: a record cut short, and one that nobody encrypted.
    let peer = Peer::new(move |line| {
        let mut stream = encrypted(line, &good);
        upgrade(&mut stream)?;
        // It has asked for its stream: what comes now comes to a connection that stands.
        stream.read_exact(&mut [0])?;
        stream.write_all(&frame(TEXT, br#"{"tick":1}"#))?;
        stream.flush()?;
        let forged = if stream.sock.number == 0 {
            vec![0x17, 3, 3, 0x40, 0, 1, 2, 3]
        } else {
            [&[0x17, 3, 3, 0, 40], frame(TEXT, br#"{"status":"warning","message":"forged"}"#).as_slice()].concat()
        };
        stream.sock.write_all(&forged)
    });
    let (mut scene, _folder) = scene(&peer, &ours);
    scene.launch();
    for _ in 0..2 {
        scene.until("connected");
        let lost = scene.until("disconnected");
        assert_eq!(lost["cause"], "network", "{lost}");
    }
    assert!(!scene.daemon().said.iter().any(|line| line.contains("forged")));
    assert_eq!(scene.number("SELECT count(*) FROM quarantine"), 0);
    for bytes in peer.heard() {
        assert!(!bytes.windows(7).any(|window| window == b"api_key"), "the request was not encrypted");
    }
}
