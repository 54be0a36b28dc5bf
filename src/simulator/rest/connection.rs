//! One connection to the REST side: requests and their answers, one after another.

use super::reply::{Manner, Reply};
use super::request::Request;
use crate::simulator::node::Node;
use crate::simulator::socket::Socket;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// A client that asks nothing for so long is let go.
const IDLE_MAX: Duration = Duration::from_mins(1);

/// Serves one accepted connection to its end.
pub(in crate::simulator) async fn serve(node: Rc<RefCell<Node>>, tcp: TcpStream, tls: Option<TlsAcceptor>) {
    // A client that leaves is no event of a run.
    let Ok(Ok(mut socket)) = timeout(IDLE_MAX, Socket::accept(tcp, tls)).await else { return };
    let mut read = Vec::new();
    while let Ok(Ok(Some(request))) = timeout(IDLE_MAX, ask(&mut socket, &mut read)).await {
        let reply = node.borrow_mut().answer_rest(&request);
        match give(&mut socket, &reply).await {
            Ok(()) if !reply.closes() => {}
            Ok(()) | Err(_) => break,
        }
    }
}

/// The next request; nothing if the client has left or speaks no HTTP.
async fn ask(socket: &mut Socket, read: &mut Vec<u8>) -> io::Result<Option<Request>> {
    loop {
        match Request::take(read) {
            Ok(Some(request)) => return Ok(Some(request)),
            Ok(None) => {}
            Err(_unreadable) => return Ok(None),
        }
        if socket.read_buf(read).await? == 0 {
            return Ok(None);
        }
    }
}

async fn give(socket: &mut Socket, reply: &Reply) -> io::Result<()> {
    let (head, body) = reply.bytes();
    match reply.manner {
        Manner::Whole => {
            socket.write_all(&head).await?;
            socket.write_all(body).await?;
        }
        Manner::Slow(pause) => {
            for byte in head.iter().chain(body) {
                socket.write_all(std::slice::from_ref(byte)).await?;
                socket.flush().await?;
                tokio::time::sleep(pause).await;
            }
        }
        Manner::Cut => {
            socket.write_all(&head).await?;
            let half = body.get(..body.len() / 2).unwrap_or_default();
            socket.write_all(half).await?;
        }
        Manner::Endless => {
            socket.write_all(&head).await?;
            return more_and_more(socket, body).await;
        }
        Manner::Hang => return until_left(socket).await,
        Manner::Reset => return socket.tcp().set_zero_linger(),
        Manner::Close => {}
    }
    socket.flush().await?;
    if reply.closes() { socket.shutdown().await } else { Ok(()) }
}

/// Silence until the client has had enough.
async fn until_left(socket: &mut Socket) -> io::Result<()> {
    let mut ignored = Vec::new();
    while socket.read_buf(&mut ignored).await? > 0 {
        ignored.clear();
    }
    Ok(())
}

/// The body again and again, in chunks, until the client has had enough.
async fn more_and_more(socket: &mut Socket, body: &[u8]) -> io::Result<()> {
    let piece = if body.is_empty() { b"[]".as_slice() } else { body };
    let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
    loop {
        socket.write_all(&chunk).await?;
        socket.flush().await?;
        tokio::task::yield_now().await;
    }
}
