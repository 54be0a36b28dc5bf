//! The listening socket, which cues may close and open again.

use crate::simulator::scenario::Size;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// The listening socket, which cues may close and open again.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) address: SocketAddr,
    buffer: Option<Size>,
    listener: Option<TcpListener>,
}

impl Door {
    /// Accepted sockets inherit the size of the send buffer.
    pub(super) fn open(address: SocketAddr, buffer: Option<Size>) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        if let Some(buffer) = buffer {
            socket.set_send_buffer_size(u32::try_from(buffer.0).unwrap_or(u32::MAX))?;
        }
        socket.bind(address)?;
        let listener = socket.listen(1024)?;
        Ok(Self { address: listener.local_addr()?, buffer, listener: Some(listener) })
    }

    pub(super) fn shut(&mut self) {
        self.listener = None;
    }

    /// Opens it again at the same address, unless it is open.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if self.listener.is_none() {
            *self = Self::open(self.address, self.buffer)?;
        }
        Ok(())
    }

    /// The next connection; none ever while it is shut.
    pub(super) async fn next(&self) -> io::Result<TcpStream> {
        match &self.listener {
            Some(listener) => Ok(listener.accept().await?.0),
            None => pending().await,
        }
    }
}
