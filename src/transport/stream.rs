//! A connection, with TLS or without.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::fault::Fault;
use crate::peer_text::PeerText;

/// What WebSocket and HTTP are spoken over.
#[derive(Debug)]
pub(super) struct Stream {
    way: Way,
    /// Bytes read so far.
    arrived: u64,
}

#[derive(Debug)]
enum Way {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Connects; with settings for TLS, by TLS. The name is looked up anew at each attempt. An address of IPv6 may
    /// stand in brackets.
    ///
    /// # Errors
    /// The server cannot be reached, or its TLS is not acceptable.
    pub(super) async fn open(host: &str, port: u16, tls: Option<&Arc<ClientConfig>>) -> Result<Self, Fault> {
        let host = host.trim_matches(['[', ']']);
        let unreachable = |error: &io::Error| Fault::Unreachable(format!("{host} port {port}: {error}"));
        let addresses = look_up(host, port).await.map_err(|error| unreachable(&error))?;
        let tcp = TcpStream::connect(addresses.as_slice()).await.map_err(|error| unreachable(&error))?;
        tcp.set_nodelay(true).map_err(|error| unreachable(&error))?;
        let Some(tls) = tls else { return Ok(Way::Plain(tcp).into()) };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_invalid| Fault::Unreachable(format!("{host} is no name that a certificate could be for")))?;
        match TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await {
            Ok(stream) => Ok(Way::Tls(Box::new(stream)).into()),
            Err(error) => Err(Fault::Tls(PeerText::of(&error.to_string()).into())),
        }
    }

    pub(super) const fn arrived(&self) -> u64 {
        self.arrived
    }
}

impl From<Way> for Stream {
    fn from(way: Way) -> Self {
        Self { way, arrived: 0 }
    }
}

/// The addresses of a name. The system's own look-up waits, so it has a thread of its own; tokio would end the process
/// where none can be started.
async fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (answer, answered) = oneshot::channel();
    let name = (host.to_owned(), port);
    std::thread::Builder::new().name("look-up".to_owned()).spawn(move || {
        // Nobody waits any more: the attempt was given up.
        drop(answer.send(name.to_socket_addrs().map(Iterator::collect)));
    })?;
    answered.await.map_err(io::Error::other)?
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { way, arrived } = self.get_mut();
        let before = into.filled().len();
        let read = match way {
            Way::Plain(stream) => Pin::new(stream).poll_read(cx, into),
            Way::Tls(stream) => Pin::new(stream).poll_read(cx, into),
        };
        let bytes = into.filled().len().saturating_sub(before);
        *arrived = arrived.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().way {
            Way::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Way::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().way {
            Way::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Way::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().way {
            Way::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Way::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
