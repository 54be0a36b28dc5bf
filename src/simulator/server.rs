//! A run: the thread that the node lives on, its listening socket and its clocks.

use super::clock::instant;
use super::connection::serve;
use super::cue::Cue;
use super::node::{Node, Totals};
use super::scenario::{Rate, Scenario, Size};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use std::cell::RefCell;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

/// Orders that may wait for the node.
const ORDERS_MAX: usize = 1024;
/// How often the journal is handed over, and the world looks what is due.
const REPORT_EVERY: Duration = Duration::from_millis(20);
const PACE: Duration = Duration::from_millis(2);
/// How long a client may take over the last goodbye.
const GOODBYE: Duration = Duration::from_millis(500);
const RETRY_LISTEN: Duration = Duration::from_millis(100);
/// Messages made at one go at [`Rate::Max`], before the connections get their turn.
const BURST: usize = 64;
/// After a pause of the machine, no more than this is caught up on.
const CATCH_UP: Duration = Duration::from_secs(1);

/// The simulator. [`Server::start`] is the way in for tests and for the demo.
#[derive(Debug)]
pub struct Server;

/// A running simulator; dropping it ends the run.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    tls: bool,
    streams: Vec<(String, String)>,
    orders: Orders,
    thread: Option<JoinHandle<io::Result<Totals>>>,
}

/// Hands cues to a run, from any thread.
#[derive(Clone, Debug)]
pub struct Orders(mpsc::Sender<Order>);

#[derive(Debug)]
enum Order {
    Cue(Box<Cue>),
    Stop,
}

impl Server {
    /// Listens, creates the journal and starts the run on a thread of its own.
    ///
    /// # Errors
    /// The address cannot be listened on, the journal cannot be created, or the TLS files are not what they should be.
    pub fn start(scenario: Scenario, journal: &Path) -> io::Result<Running> {
        let listen = &scenario.node.listen;
        let address: SocketAddr = listen.parse().map_err(|fault| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("{listen:?} is not an address to listen on: {fault}"))
        })?;
        let tls = tls(&scenario)?;
        let is_tls = tls.is_some();
        let journal = journal.to_owned();
        let (orders, waiting) = mpsc::channel(ORDERS_MAX);
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("simulator".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let _inside = runtime.enter();
            let door = Door::open(address, scenario.node.socket_buffer)
                .map_err(|fault| io::Error::new(fault.kind(), format!("cannot listen on {address}: {fault}")))?;
            let node = Node::new(scenario, &journal).map_err(|fault| {
                io::Error::new(fault.kind(), format!("cannot create the journal {}: {fault}", journal.display()))
            })?;
            // Nobody waits any more only if start() itself has given up.
            if ready.send((door.address, node.streams())).is_err() {
                return Ok(Totals::default());
            }
            run(&runtime, node, door, tls, waiting)
        })?;
        match started.recv() {
            Ok((address, streams)) => {
                Ok(Running { address, tls: is_tls, streams, orders: Orders(orders), thread: Some(thread) })
            }
            Err(_) => Err(joined(thread).err().unwrap_or_else(|| io::Error::other("the simulator did not start"))),
        }
    }
}

fn joined(thread: JoinHandle<io::Result<Totals>>) -> io::Result<Totals> {
    thread.join().unwrap_or_else(|_| Err(io::Error::other("the simulator came to a sudden end")))
}

impl Orders {
    /// Arms a cue; its times count from now.
    ///
    /// # Errors
    /// The cue is faulty, the run has ended, or a thousand orders already wait.
    pub fn cue(&self, cue: Cue) -> io::Result<()> {
        cue.check().map_err(|fault| io::Error::new(io::ErrorKind::InvalidInput, fault))?;
        self.0.try_send(Order::Cue(Box::new(cue))).map_err(io::Error::other)
    }

    /// Asks the run to end; nothing happens if it has ended.
    pub fn stop(&self) {
        // A full queue means a thousand cues in a row: the order to stop may then be given again.
        drop(self.0.try_send(Order::Stop));
    }
}

impl Running {
    /// `ws://127.0.0.1:PORT/multi`, or `wss://localhost:PORT/multi` with TLS.
    pub fn url(&self) -> String {
        if self.tls {
            format!("wss://localhost:{}/multi", self.address.port())
        } else {
            format!("ws://{}/multi", self.address)
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hash and label of every stream of the world, in order.
    pub fn streams(&self) -> &[(String, String)] {
        &self.streams
    }

    /// See [`Orders::cue`].
    pub fn cue(&self, cue: impl Into<Cue>) -> io::Result<()> {
        self.orders.cue(cue.into())
    }

    /// A handle that other threads may keep.
    pub fn orders(&self) -> Orders {
        self.orders.clone()
    }

    /// Ends the run; the journal is complete when this returns.
    pub fn stop(mut self) -> io::Result<Totals> {
        self.orders.stop();
        self.finished()
    }

    /// Waits until the run ends by itself.
    pub fn wait(mut self) -> io::Result<Totals> {
        self.finished()
    }

    fn finished(&mut self) -> io::Result<Totals> {
        self.thread.take().map_or_else(|| Ok(Totals::default()), joined)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.orders.stop();
        // A test that fails has other things to say; what the journal lacks shows in its missing last line.
        drop(self.finished());
    }
}

fn tls(scenario: &Scenario) -> io::Result<Option<TlsAcceptor>> {
    let (Some(cert), Some(key)) = (&scenario.node.tls_cert, &scenario.node.tls_key) else { return Ok(None) };
    let wrong = |path: &Path, fault: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: {fault}", path.display()))
    };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(cert).and_then(Iterator::collect).map_err(|fault| wrong(cert, &fault))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|fault| wrong(key, &fault))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|fault| wrong(cert, &fault))?;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn run(
    runtime: &Runtime,
    node: Node,
    door: Door,
    tls: Option<TlsAcceptor>,
    orders: mpsc::Receiver<Order>,
) -> io::Result<Totals> {
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    let url = format!("{scheme}://{}/multi", door.address);
    let node = Rc::new(RefCell::new(node));
    let seed = node.borrow().scenario().seed;
    node.borrow_mut().note("listening", json!({"url": url, "seed": seed}));
    LocalSet::new().block_on(runtime, async {
        let tasks = [
            spawn_local(accept(Rc::clone(&node), door, tls)),
            spawn_local(produce(Rc::clone(&node))),
            spawn_local(report(Rc::clone(&node))),
            spawn_local(direct(Rc::clone(&node))),
        ];
        until_stopped(&node, orders).await;
        node.borrow_mut().stop();
        // Who does not hear the goodbye in time is left without it.
        drop(timeout(GOODBYE, deserted(&node)).await);
        for task in tasks {
            task.abort();
        }
    });
    node.borrow_mut().finish()
}

async fn deserted(node: &Rc<RefCell<Node>>) {
    let gone = node.borrow().bells().gone;
    while !node.borrow().is_deserted() {
        gone.notified().await;
    }
}

/// Takes orders until one of them, the time, a cue or a broken journal ends the run.
async fn until_stopped(node: &Rc<RefCell<Node>>, mut orders: mpsc::Receiver<Order>) {
    let end = node.borrow().scenario().run_for.map(|run_for| instant() + run_for);
    let mut look = interval(REPORT_EVERY);
    loop {
        let order = tokio::select! {
            order = orders.recv() => order,
            _ = look.tick() => {
                if node.borrow().is_stopping() || end.is_some_and(|end| instant() >= end) {
                    return;
                }
                continue;
            }
        };
        match order {
            Some(Order::Cue(cue)) => node.borrow_mut().arm(*cue),
            Some(Order::Stop) | None => return,
        }
    }
}

/// The listening socket, which cues may close and open again.
#[derive(Debug)]
struct Door {
    address: SocketAddr,
    buffer: Option<Size>,
    listener: Option<TcpListener>,
}

impl Door {
    /// Accepted sockets inherit the size of the send buffer.
    fn open(address: SocketAddr, buffer: Option<Size>) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        if let Some(buffer) = buffer {
            socket.set_send_buffer_size(u32::try_from(buffer.0).unwrap_or(u32::MAX))?;
        }
        socket.bind(address)?;
        let listener = socket.listen(1024)?;
        Ok(Self { address: listener.local_addr()?, buffer, listener: Some(listener) })
    }

    async fn next(&self) -> io::Result<TcpStream> {
        match &self.listener {
            Some(listener) => Ok(listener.accept().await?.0),
            None => pending().await,
        }
    }
}

async fn accept(node: Rc<RefCell<Node>>, mut door: Door, tls: Option<TlsAcceptor>) {
    let bell = node.borrow().bells().door;
    loop {
        let listening = node.borrow().is_listening();
        if !listening {
            door.listener = None;
        } else if door.listener.is_none() {
            match Door::open(door.address, door.buffer) {
                Ok(open) => door = open,
                Err(fault) => {
                    let what = format!("cannot listen again: {fault}");
                    node.borrow_mut().note("trouble", json!({"what": what}));
                    tokio::time::sleep(RETRY_LISTEN).await;
                    continue;
                }
            }
        }
        let accepted = tokio::select! { () = bell.notified() => continue, accepted = door.next() => accepted };
        match accepted {
            Ok(tcp) => drop(spawn_local(serve(Rc::clone(&node), tcp, tls.clone()))),
            // Out of file descriptors, say: the next one may fare better.
            Err(_) => tokio::time::sleep(REPORT_EVERY).await,
        }
    }
}

/// The world goes on, at its pace or at that of its clients.
async fn produce(node: Rc<RefCell<Node>>) {
    let room = node.borrow().bells().room;
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut rate = node.borrow().rate();
    let (mut since, mut made) = (instant(), 0);
    loop {
        let now = node.borrow().rate();
        if now != rate {
            (rate, since, made) = (now, instant(), 0);
        }
        if rate == Rate::Max {
            if !node.borrow().has_room() {
                room.notified().await;
                continue;
            }
            for _ in 0..BURST {
                node.borrow_mut().produce_next();
            }
            tokio::task::yield_now().await;
            continue;
        }
        pace.tick().await;
        let mut node = node.borrow_mut();
        let due = rate.due(since.elapsed());
        made = made.max(due.saturating_sub(rate.due(CATCH_UP).max(1)));
        while made < due && node.rate() == rate {
            node.produce_next();
            made += 1;
        }
    }
}

/// Keeps the journal no further than 20 ms behind.
async fn report(node: Rc<RefCell<Node>>) {
    let mut every = interval(REPORT_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        node.borrow_mut().report();
    }
}

/// Fires the timeline's cues at their times.
async fn direct(node: Rc<RefCell<Node>>) {
    let changed = node.borrow().bells().timeline;
    loop {
        node.borrow_mut().run_due(instant());
        let deadline = node.borrow().cue_deadline();
        match deadline {
            Some(deadline) => tokio::select! { () = sleep_until(deadline) => {}, () = changed.notified() => {} },
            None => changed.notified().await,
        }
    }
}
