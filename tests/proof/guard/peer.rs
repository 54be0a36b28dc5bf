//! A server that does as it is told, and keeps every byte that it hears.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::scene::{Scene, Stage};

/// A line that says nothing for so long is given up.
const PATIENCE: Duration = Duration::from_mins(1);

/// The server; it serves one connection after the other until the test ends.
pub(super) struct Peer {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// One connection to it.
pub(super) struct Line {
    stream: TcpStream,
    /// How many came before.
    pub(super) number: usize,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Peer {
    /// Serves each connection with this. What it cannot read or write ends that connection and nothing else.
    pub(super) fn new(serve: impl Fn(&mut Line) -> io::Result<()> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, heard) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let kept = Arc::clone(&heard);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                kept.lock().unwrap().push(Vec::new());
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.set_write_timeout(Some(PATIENCE)).unwrap();
                let mut line = Line { stream, number, heard: Arc::clone(&kept) };
                // A reset would take back what was sent: the other side hears all of it, then the end.
                if serve(&mut line).is_ok() && line.stream.shutdown(Shutdown::Write).is_ok() {
                    listen(&mut line).ok();
                }
            }
        });
        Self { address, heard }
    }

    pub(super) fn url(&self, scheme: &str, host: &str) -> String {
        format!("{scheme}://{host}:{}/multi", self.address.port())
    }

    /// What was heard on each connection, as it came over the wire.
    pub(super) fn heard(&self) -> Vec<Vec<u8>> {
        self.heard.lock().unwrap().clone()
    }
}

impl Line {
    /// Writes down something as heard.
    pub(super) fn note(&self, bytes: &[u8]) {
        self.heard.lock().unwrap()[self.number].extend_from_slice(bytes);
    }
}

impl Read for Line {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(into)?;
        self.note(&into[..read]);
        Ok(read)
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A scene whose daemon is led to this address.
pub(super) fn against(url: &str, stage: Stage) -> Scene {
    let mut scene = stage.open();
    scene.lead(url);
    scene
}

/// Reads a request of HTTP.
pub(super) fn request(line: &mut impl Read) -> io::Result<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        line.read_exact(&mut byte)?;
        text.extend_from_slice(&byte);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Accepts the upgrade.
pub(super) fn upgrade(line: &mut (impl Read + Write)) -> io::Result<()> {
    let request = request(line)?;
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or_default();
    let accept = derive_accept_key(key.trim().as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    line.write_all(answer.as_bytes())
}

/// Refuses the upgrade with this status, these headers and this body.
pub(super) fn refuse(line: &mut (impl Read + Write), status: &str, headers: &str, body: &str) -> io::Result<()> {
    request(line)?;
    let length = body.len();
    line.write_all(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}").as_bytes())
}

pub(super) const TEXT: u8 = 0x81;
pub(super) const CLOSE: u8 = 0x88;
pub(super) const PING: u8 = 0x89;

/// A frame of RFC 6455, section 5.2, with this first byte.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short), _) if short < 126 => bytes.push(short),
        (_, Ok(middle)) => {
            bytes.push(126);
            bytes.extend_from_slice(&middle.to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend_from_slice(&u64::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// A close frame with a code and a reason.
pub(super) fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// Reads until the other side has nothing more to say.
pub(super) fn listen(line: &mut impl Read) -> io::Result<()> {
    io::copy(line, &mut io::sink()).map(|_| ())
}
