//! The simulator's doors: how a run is started, steered and ended.

mod door;
mod run;

use super::cue::Cue;
use super::node::{Node, Totals};
use super::scenario::Scenario;
use door::Door;
use run::run;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

/// Orders that may wait for the node.
const ORDERS_MAX: usize = 1024;

/// The simulator. [`Server::start`] is the way in for tests and for the demo.
#[derive(Debug)]
pub struct Server;

/// A running simulator; dropping it ends the run.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    rest_address: SocketAddr,
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
    /// The scenario is faulty, the address cannot be listened on, the journal cannot be created, or the TLS files are not what they should be.
    pub fn start(scenario: Scenario, journal: &Path) -> io::Result<Running> {
        scenario.check().map_err(|fault| io::Error::new(io::ErrorKind::InvalidInput, fault))?;
        let address = address(&scenario.node.listen)?;
        let rest_address = self::address(&scenario.rest.listen)?;
        let tls = tls(&scenario)?;
        let is_tls = tls.is_some();
        let journal = journal.to_owned();
        let (orders, waiting) = mpsc::channel(ORDERS_MAX);
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("simulator".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let _inside = runtime.enter();
            let open = |address, buffer| {
                Door::open(address, buffer)
                    .map_err(|fault| io::Error::new(fault.kind(), format!("cannot listen on {address}: {fault}")))
            };
            let door = open(address, scenario.node.socket_buffer)?;
            let rest_door = open(rest_address, None)?;
            let node = Node::new(scenario, &journal).map_err(|fault| {
                io::Error::new(fault.kind(), format!("cannot create the journal {}: {fault}", journal.display()))
            })?;
            // Nobody waits any more only if start() itself has given up.
            if ready.send((door.address, rest_door.address, node.streams())).is_err() {
                return Ok(Totals::default());
            }
            run(&runtime, node, (door, rest_door), tls, waiting)
        })?;
        match started.recv() {
            Ok((address, rest_address, streams)) => Ok(Running {
                address,
                rest_address,
                tls: is_tls,
                streams,
                orders: Orders(orders),
                thread: Some(thread),
            }),
            Err(_) => Err(joined(thread).err().unwrap_or_else(|| io::Error::other("the simulator did not start"))),
        }
    }
}

fn address(listen: &str) -> io::Result<SocketAddr> {
    let fault = |fault| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{listen:?} is not an address to listen on: {fault}"))
    };
    listen.parse().map_err(fault)
}

/// A certificate is for a name, not for an address.
fn host(address: SocketAddr, tls: bool) -> String {
    if tls { format!("localhost:{}", address.port()) } else { address.to_string() }
}

fn stream_url(address: SocketAddr, tls: bool) -> String {
    format!("{}://{}/multi", if tls { "wss" } else { "ws" }, host(address, tls))
}

fn rest_url(address: SocketAddr, tls: bool) -> String {
    format!("{}://{}/v1.6", if tls { "https" } else { "http" }, host(address, tls))
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
        stream_url(self.address, self.tls)
    }

    /// The REST side: `http://127.0.0.1:PORT/v1.6`, or `https://localhost:PORT/v1.6` with TLS.
    pub fn rest_url(&self) -> String {
        rest_url(self.rest_address, self.tls)
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
