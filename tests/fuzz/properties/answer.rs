//! Any bytes as a server: its answer to the upgrade, and what follows; the way ends in one fault, told without the key.

use std::cell::Cell;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use siftd::fault::Fault;
use siftd::protocol::Protocol as _;
use siftd::transport::{DialError, Dialer, Event, tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{KEY, KEY_SENT, assert_tellable, decoder};

/// A message above this is not read.
const FRAME_MAX: usize = 64 * 1024;

thread_local! {
    static LOOP: Runtime = Builder::new_current_thread().enable_all().build().unwrap();
    static DOOR: TcpListener = LOOP.with(|runtime| runtime.block_on(TcpListener::bind("0.0.0.0:0"))).unwrap();
    /// Made once: it reads the certificates of the whole system.
    static TRUST: Arc<ClientConfig> = tls(&[]).unwrap();
    static VISITS: Cell<u32> = const { Cell::new(0) };
}

/// The first byte chooses between a raw answer, an answer with a status, and frames after a good upgrade; `\x01` and
/// `\x02` stand for the key, as it is and as it was sent.
pub(crate) fn holds(input: &[u8]) {
    let Some((form, rest)) = input.split_first() else { return };
    let bytes = told(rest);
    let server = match form % 3 {
        0 => Server::Raw(bytes),
        1 => Server::Raw([b"HTTP/1.1 ".as_slice(), &bytes].concat()),
        _ => Server::Upgrades(bytes),
    };
    LOOP.with(|runtime| DOOR.with(|door| runtime.block_on(visit(door, server))));
}

fn told(rest: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for byte in rest {
        match byte {
            1 => bytes.extend_from_slice(KEY.as_bytes()),
            2 => bytes.extend_from_slice(KEY_SENT.as_bytes()),
            other => bytes.push(*other),
        }
    }
    bytes
}

enum Server {
    Raw(Vec<u8>),
    Upgrades(Vec<u8>),
}

impl Server {
    async fn serve(self, mut stream: TcpStream) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") && stream.read_buf(&mut request).await.is_ok_and(|read| read > 0) {}
        let bytes = match self {
            Self::Raw(bytes) => bytes,
            Self::Upgrades(frames) => {
                let request = String::from_utf8_lossy(&request).into_owned();
                let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or_default();
                let accept = derive_accept_key(key.trim().as_bytes());
                let head = format!(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Accept: {accept}\r\n\r\n"
                );
                [head.into_bytes(), frames].concat()
            }
        };
        // The other side may have left already.
        if stream.write_all(&bytes).await.is_ok() && stream.shutdown().await.is_ok() {
            // What it still says is read, else the kernel takes back what it has not read yet.
            tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.ok();
        }
    }
}

async fn visit(door: &TcpListener, server: Server) {
    // Another address each time: ports that were used wait a minute until they can be used again.
    let visit = VISITS.with(|visits| visits.replace(visits.get().wrapping_add(1)));
    let host = Ipv4Addr::from(0x7f00_0001 + (visit & 0x00ff_fffe));
    let url = format!("ws://{host}:{}/multi", door.local_addr().unwrap().port());
    let address = siftd::protocol::DataSift::new(&url, "acme", KEY.to_owned().into()).address();
    let dialer = Dialer {
        url: address.secret,
        timeout: Duration::from_secs(20),
        max_frame: FRAME_MAX,
        mask: address.mask,
        tls: TRUST.with(Arc::clone),
    };
    let serving = async {
        let (stream, _) = door.accept().await.unwrap();
        server.serve(stream).await;
    };
    tokio::join!(serving, call(&dialer));
}

async fn call(dialer: &Dialer) {
    let mut socket = match dialer.dial().await {
        Ok(dialed) => dialed.socket,
        Err(DialError { fault, body, .. }) => {
            assert_tellable(&fault.to_string());
            assert!(body.len() < 256 * 1024, "an answer without end");
            decoder().class_of(&body);
            assert!(!matches!(fault, Fault::Unreachable(_)), "{fault}");
            return;
        }
    };
    loop {
        match socket.next().await {
            Event::Text(text) => assert!(text.len() <= FRAME_MAX),
            Event::Binary(bytes) => assert!(bytes.len() <= FRAME_MAX),
            Event::Control(bytes) => assert!(bytes <= 125),
            Event::Lost(fault) => return assert_tellable(&fault.to_string()),
        }
    }
}
