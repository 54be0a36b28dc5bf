//! A TCP proxy between the daemon and the simulator: it delays, holds, swallows, and cuts.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Sleep;

/// Chunks that may be on their way in one direction.
const CHUNKS_MAX: usize = 1024;
const CHUNK: usize = 16 << 10;
const BUFFER: u32 = 64 << 10;

/// What happens to the bytes of one direction.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Mode {
    #[default]
    Pass,
    /// They wait; whoever sends feels it when the buffers are full.
    Hold,
    /// They vanish, and the sender does not notice.
    Swallow,
}

/// How a connection is cut, on the side of the daemon.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cut {
    Fin,
    Reset,
}

/// What happens to a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Way {
    /// From the daemon to the server.
    pub(crate) up: Mode,
    /// From the server to the daemon.
    pub(crate) down: Mode,
    /// On the way down.
    pub(crate) delay: Duration,
    pub(crate) cut: Option<Cut>,
    /// It is reset when so many bytes more have gone down.
    pub(crate) left: Option<usize>,
}

#[derive(Debug, Default)]
struct Sums {
    opened: AtomicU64,
    passed: AtomicU64,
    swallowed_up: AtomicU64,
    swallowed_down: AtomicU64,
}

/// A running proxy; it ends with the test.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    lines: Arc<Mutex<Vec<watch::Sender<Way>>>>,
    later: Arc<Mutex<Way>>,
    sums: Arc<Sums>,
    /// Dropped with the proxy, and the thread ends.
    _end: oneshot::Sender<()>,
}

impl Proxy {
    /// Listens on `at` (port 0: any) and leads to `to`.
    pub(crate) fn new(at: &str, to: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind(at)).unwrap();
        let (lines, later, sums) = (Lines::default(), Arc::<Mutex<Way>>::default(), Arc::<Sums>::default());
        let address = listener.local_addr().unwrap();
        let (end, ended) = oneshot::channel();
        let accepting = accept(listener, to, Arc::clone(&lines), Arc::clone(&later), Arc::clone(&sums));
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! { () = accepting => {}, _ = ended => {} }
            });
        });
        Self { address, lines, later, sums, _end: end }
    }

    /// Changes the ways of all connections that there are.
    pub(crate) fn set(&self, change: impl Fn(&mut Way)) {
        for line in self.lines.lock().unwrap().iter() {
            line.send_modify(&change);
        }
    }

    /// What connections to come begin with.
    pub(crate) fn set_later(&self, change: impl Fn(&mut Way)) {
        change(&mut self.later.lock().unwrap());
    }

    /// What it did, as the proof that a fault fired.
    pub(crate) fn told(&self) -> Value {
        let Sums { opened, passed, swallowed_up, swallowed_down } = &*self.sums;
        let [opened, passed, up, down] =
            [opened, passed, swallowed_up, swallowed_down].map(|sum| sum.load(Ordering::Relaxed));
        json!({"opened": opened, "passed": passed, "swallowed_up": up, "swallowed_down": down})
    }
}

type Lines = Arc<Mutex<Vec<watch::Sender<Way>>>>;

async fn accept(listener: TcpListener, to: SocketAddr, lines: Lines, later: Arc<Mutex<Way>>, sums: Arc<Sums>) {
    while let Ok((client, _)) = listener.accept().await {
        let way = *later.lock().unwrap();
        let (change, ways) = watch::channel(way);
        lines.lock().unwrap().push(change);
        sums.opened.fetch_add(1, Ordering::Relaxed);
        let sums = Arc::clone(&sums);
        tokio::spawn(async move {
            // A server that does not listen is one that hangs up at once.
            if let Ok(server) = connect(to).await {
                serve(client, server, ways, &sums).await;
            }
        });
    }
}

/// A small buffer, so that a server soon feels that nobody reads.
async fn connect(to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(BUFFER)?;
    socket.connect(to).await
}

async fn serve(client: TcpStream, server: TcpStream, ways: watch::Receiver<Way>, sums: &Sums) {
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let cut = tokio::select! {
        cut = pump(&from_client, to_server, ways.clone(), sums, false) => cut,
        cut = pump(&from_server, to_client, ways, sums, true) => cut,
    };
    if cut == Some(Cut::Reset) {
        drop(from_client.as_ref().set_zero_linger());
    }
}

/// Moves the bytes of one direction until one side ends or the connection is cut.
async fn pump(
    from: &OwnedReadHalf,
    to: OwnedWriteHalf,
    mut ways: watch::Receiver<Way>,
    sums: &Sums,
    down: bool,
) -> Option<Cut> {
    let (send, waiting) = mpsc::channel::<(Pin<Box<Sleep>>, Vec<u8>)>(CHUNKS_MAX);
    let writer = tokio::spawn(write(to, waiting));
    let mut chunk = vec![0; CHUNK];
    // Since its way was last changed.
    let mut gone = 0;
    let cut = loop {
        let way = *ways.borrow_and_update();
        if way.cut.is_some() {
            break way.cut;
        }
        let mode = if down { way.down } else { way.up };
        let readable = tokio::select! {
            changed = ways.changed() => {
                if changed.is_err() {
                    break None;
                }
                gone = 0;
                continue;
            }
            readable = from.readable(), if mode != Mode::Hold => readable,
        };
        let read = readable.and_then(|()| from.try_read(&mut chunk));
        let count = match read {
            Ok(0) => break Some(Cut::Fin),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => break Some(Cut::Reset),
        };
        if mode == Mode::Swallow {
            let sum = if down { &sums.swallowed_down } else { &sums.swallowed_up };
            sum.fetch_add(u64::try_from(count).unwrap(), Ordering::Relaxed);
            continue;
        }
        let left = way.left.filter(|_| down).map_or(usize::MAX, |left| left.saturating_sub(gone));
        gone += count;
        let passed = chunk.get(..count.min(left)).unwrap_or_default().to_vec();
        sums.passed.fetch_add(u64::try_from(passed.len()).unwrap(), Ordering::Relaxed);
        let delay = if down { way.delay } else { Duration::ZERO };
        if send.send((Box::pin(tokio::time::sleep(delay)), passed)).await.is_err() {
            break Some(Cut::Reset);
        }
        if count >= left {
            break Some(Cut::Reset);
        }
    };
    drop(send);
    // A cut loses what is on its way; an end by the peer does not.
    match cut {
        Some(Cut::Reset) => writer.abort(),
        Some(Cut::Fin) | None => drop(writer.await),
    }
    cut
}

async fn write(mut to: OwnedWriteHalf, mut waiting: mpsc::Receiver<(Pin<Box<Sleep>>, Vec<u8>)>) {
    while let Some((moment, chunk)) = waiting.recv().await {
        moment.await;
        if to.write_all(&chunk).await.is_err() {
            return;
        }
    }
}
