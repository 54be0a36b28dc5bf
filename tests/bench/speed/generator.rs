//! The server of the benchmark, a process of its own: it costs less for a message than any consumer.
//!
//! It says on its standard output what happens, one JSON object a line, and does what its standard input says:
//! `send MESSAGES RATE` (0: as fast as it is taken), `close`, `quit`.

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::clock;
use super::frames::{Frames, Ids, date_of, head};

/// Bytes that are handed to the kernel at once.
const STRETCH: usize = 256 * 1024;

/// How often a quiet server shows that it is there.
const TICK_EVERY: Duration = Duration::from_secs(20);

/// What the generator is asked to be.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Nature {
    #[arg(long, default_value_t = 5_000)]
    pub(crate) streams: usize,
    #[arg(long, value_enum, default_value = "ordered")]
    pub(crate) ids: Ids,
    /// The size of every message, instead of 1.5 to 3 KiB.
    #[arg(long)]
    pub(crate) size: Option<usize>,
    /// A folder with `cert.pem` and `key.pem`: TLS.
    #[arg(long)]
    pub(crate) tls: Option<PathBuf>,
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

type Reader = ReadHalf<Box<dyn Duplex>>;
type Writer = WriteHalf<Box<dyn Duplex>>;

enum Order {
    Send {
        messages: usize,
        rate: usize,
    },
    Close,
    /// Answers to what came on this connection.
    Answer(u32, Vec<u8>),
    /// The consumer of this connection has gone.
    Gone(u32),
}

/// Serves one consumer after the other until standard input ends.
pub(crate) fn run(nature: &Nature) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(serve(nature));
}

async fn serve(nature: &Nature) {
    let mut frames = Frames::build(nature.streams, nature.ids, nature.size, 7, clock::now());
    let tls = nature.tls.as_ref().map(|folder| acceptor(folder));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (orders, mut ordered) = mpsc::channel(64);
    let said = orders.clone();
    std::thread::spawn(move || listen(&said));
    tell(&serde_json::json!({ "event": "listening", "port": listener.local_addr().unwrap().port() }));
    let mut place = 0;
    for number in 0_u32.. {
        let (tcp, _) = listener.accept().await.unwrap();
        let accepted = clock::now();
        tcp.set_nodelay(true).unwrap();
        let mut stream: Box<dyn Duplex> = match &tls {
            None => Box::new(tcp),
            Some(tls) => Box::new(tls.accept(tcp).await.unwrap()),
        };
        upgrade(&mut stream).await;
        tell(&serde_json::json!({ "event": "opened", "accepted": accepted, "at": clock::now() }));
        let (reader, mut writer) = tokio::io::split(stream);
        tokio::spawn(answer(number, reader, orders.clone(), nature.streams));
        while let Some(bytes) = attend(number, &mut ordered, &mut frames, &mut place, &mut writer).await {
            if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() {
                break;
            }
        }
        writer.shutdown().await.ok();
    }
}

/// Does the next thing; what it gives is still to be written. Nothing if the connection is over.
async fn attend(
    number: u32,
    ordered: &mut mpsc::Receiver<Order>,
    frames: &mut Frames,
    place: &mut usize,
    writer: &mut Writer,
) -> Option<Vec<u8>> {
    match tokio::time::timeout(TICK_EVERY, ordered.recv()).await {
        Err(_quiet) => {
            let text = format!(r#"{{"tick":{},"status":"connected"}}"#, clock::now() / 1_000_000);
            Some([head(text.len()), text.into_bytes()].concat())
        }
        Ok(Some(Order::Answer(of, bytes))) => Some(if of == number { bytes } else { Vec::new() }),
        Ok(Some(Order::Send { messages, rate })) => {
            send(frames, place, writer, messages, rate).await.ok()?;
            Some(Vec::new())
        }
        Ok(Some(Order::Close)) => {
            tell(&serde_json::json!({ "event": "closing", "at": clock::now() }));
            // 1001: going away.
            writer.write_all(&[0x88, 2, 3, 0xe9]).await.ok()?;
            writer.flush().await.ok()?;
            None
        }
        // One that had gone before is news of no use.
        Ok(Some(Order::Gone(of))) => (of != number).then(Vec::new),
        Ok(None) => None,
    }
}

/// Sends so many messages a second, or as fast as they are taken.
async fn send(
    frames: &mut Frames,
    place: &mut usize,
    writer: &mut Writer,
    messages: usize,
    rate: usize,
) -> std::io::Result<()> {
    let (begun, first, spent) = (clock::start(), clock::now(), clock::spent());
    let (mut sent, mut bytes) = (0, 0);
    while sent < messages {
        let due = if rate == 0 {
            messages
        } else {
            let due = usize::try_from(begun.elapsed().as_micros()).unwrap() * rate / 1_000_000 + 1;
            due.min(messages)
        };
        if due <= sent {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        let (range, count) = frames.stretch(*place, due - sent, STRETCH, clock::now());
        bytes += range.len();
        writer.write_all(&frames.bytes[range]).await?;
        writer.flush().await?;
        *place += count;
        sent += count;
    }
    let spent = clock::spent().checked_sub(spent).unwrap_or_default().as_secs_f64();
    tell(
        &serde_json::json!({ "event": "sent", "first": first, "at": clock::now(), "messages": sent, "bytes": bytes, "cpu": spent }),
    );
    Ok(())
}

/// Takes orders from standard input; its end is the end.
fn listen(orders: &mpsc::Sender<Order>) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        let order = match words.as_slice() {
            ["send", messages, rate] => {
                Order::Send { messages: messages.parse().unwrap(), rate: rate.parse().unwrap() }
            }
            ["close"] => Order::Close,
            _ => break,
        };
        if orders.blocking_send(order).is_err() {
            break;
        }
    }
    end();
}

#[expect(clippy::exit, reason = "a server whose master has gone has nothing to wait for")]
fn end() {
    std::process::exit(0);
}

#[expect(clippy::print_stdout, reason = "what happens is told to the process that started this one")]
fn tell(event: &serde_json::Value) {
    println!("{event}");
    std::io::stdout().flush().unwrap();
}

fn acceptor(folder: &std::path::Path) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// The server's part of the upgrade (RFC 6455, 4.2).
async fn upgrade(stream: &mut Box<dyn Duplex>) {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        asked.extend(byte);
    }
    let asked = String::from_utf8(asked).unwrap();
    let key = asked.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim().to_owned())
    });
    let accept = derive_accept_key(key.unwrap().as_bytes());
    let date = date_of(clock::now()).replace("+0000", "GMT");
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nDate: {date}\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

/// Reads what the consumer asks for and has it acknowledged; says when all streams are.
async fn answer(number: u32, mut reader: Reader, orders: mpsc::Sender<Order>, streams: usize) {
    let (mut read, mut subscribed, mut begun) = (Vec::new(), 0, 0);
    while let Ok(1..) = reader.read_buf(&mut read).await {
        let (mut answers, mut start) = (Vec::new(), 0);
        while let Some((text, length)) = frame(&read[start..]) {
            start += length;
            let Some(hash) = text.split("\"hash\":\"").nth(1).and_then(|rest| rest.get(..32)) else { continue };
            begun = if subscribed == 0 { clock::now() } else { begun };
            subscribed += 1;
            let told =
                format!(r#"{{"status":"success","message":"Successfully subscribed to hash {hash}","hash":"{hash}"}}"#);
            answers.extend(head(told.len()));
            answers.extend(told.as_bytes());
        }
        read.drain(..start);
        if !answers.is_empty() && orders.send(Order::Answer(number, answers)).await.is_err() {
            return;
        }
        if subscribed >= streams && begun > 0 {
            tell(&serde_json::json!({ "event": "subscribed", "first": begun, "at": clock::now() }));
            begun = 0;
        }
    }
    orders.send(Order::Gone(number)).await.ok();
}

/// The first of the consumer's frames, if it is whole, and its length. All that it sends is short and masked.
fn frame(bytes: &[u8]) -> Option<(String, usize)> {
    let length = usize::from(*bytes.get(1)? & 0x7f);
    let (body, length) = if length == 126 {
        (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])))
    } else {
        (2, length)
    };
    let (mask, text) = (bytes.get(body..body + 4)?, bytes.get(body + 4..body + 4 + length)?);
    let text = text.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some((String::from_utf8(text).unwrap_or_default(), body + 4 + length))
}
