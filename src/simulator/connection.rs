//! One TCP connection: the handshake, then reading and writing side by side until one of them ends it.

use super::clock::instant;
use super::cue::How;
use super::node::{Answer, Ending, Line, Node, Step};
use super::socket::Socket;
use super::wire;
use std::cell::RefCell;
use std::future::pending;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Bytes;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse;
use tokio_tungstenite::tungstenite::handshake::server::Request;

/// A client that has not asked for its upgrade by then is let go.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// 5,000 hashes in a query are 165 kB.
const REQUEST_MAX: usize = 256 << 10;
const LAST_WORD: Duration = Duration::from_millis(100);
const READ_CHUNK: usize = 16 << 10;

/// Serves one accepted connection to its end.
pub(super) async fn serve(node: Rc<RefCell<Node>>, tcp: TcpStream, tls: Option<TlsAcceptor>) {
    // A client that leaves or falls silent during the handshake is no event of a run.
    let Ok(Ok(Some((mut socket, read, request)))) = timeout(REQUEST_TIMEOUT, ask(tcp, tls)).await else { return };
    if let Ok(Some(id)) = admit(&node, &mut socket, &request).await {
        converse(&node, socket, read, id).await;
    }
}

type Asked = (Socket, Vec<u8>, Request);

/// TLS, then the request and what came with it; nothing if the client left before it was whole.
async fn ask(tcp: TcpStream, tls: Option<TlsAcceptor>) -> io::Result<Option<Asked>> {
    let mut socket = Socket::accept(tcp, tls).await?;
    let mut read = Vec::new();
    loop {
        if socket.read_buf(&mut read).await? == 0 || read.len() > REQUEST_MAX {
            return Ok(None);
        }
        match Request::try_parse(&read) {
            Ok(Some((length, request))) => {
                read.drain(..length);
                return Ok(Some((socket, read, request)));
            }
            Ok(None) => {}
            Err(fault) => return Err(io::Error::other(fault)),
        }
    }
}

/// Answers the request; a client that is let in gets its number.
async fn admit(node: &Rc<RefCell<Node>>, socket: &mut Socket, request: &Request) -> io::Result<Option<u64>> {
    let answer = node.borrow_mut().admit(request);
    write_answer(socket, &answer).await?;
    let Some(admission) = answer.admission else {
        socket.shutdown().await?;
        return Ok(None);
    };
    let id = node.borrow_mut().connect(&admission);
    Ok(Some(id))
}

async fn write_answer(socket: &mut Socket, answer: &Answer) -> io::Result<()> {
    let Some(pause) = answer.pause else {
        socket.write_all(&answer.bytes).await?;
        return socket.flush().await;
    };
    for byte in &answer.bytes {
        socket.write_all(std::slice::from_ref(byte)).await?;
        socket.flush().await?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

/// Reads and writes until either side has ended, then takes the socket down as was ordered.
async fn converse(node: &Rc<RefCell<Node>>, socket: Socket, read: Vec<u8>, id: u64) {
    let (mut reading, mut writing) = split(socket);
    let why = tokio::select! {
        why = listen(node, &mut reading, read, id) => why,
        why = speak(node, &mut writing, id) => why,
    };
    let socket = reading.unsplit(writing);
    let ending = |node: &Rc<RefCell<Node>>| node.borrow().line(id).and_then(Line::ending);
    let changed = node.borrow().line(id).map(Line::wakers);
    while let (Some(Ending { how: How::HalfOpen, .. }), Some((_, wake))) = (ending(node), &changed) {
        wake.notified().await;
    }
    if ending(node).is_some_and(|ending| ending.how == How::Reset) && socket.tcp().set_zero_linger().is_err() {
        node.borrow_mut()
            .note("trouble", serde_json::json!({"connection": id, "what": "the socket refused to be reset"}));
    }
    drop(socket);
    node.borrow_mut().gone(id, &why);
}

/// Takes in what the client sends.
async fn listen(node: &Rc<RefCell<Node>>, socket: &mut ReadHalf<Socket>, mut read: Vec<u8>, id: u64) -> String {
    let Some((_, wake)) = node.borrow().line(id).map(Line::wakers) else { return String::new() };
    loop {
        loop {
            match wire::take(&mut read) {
                Ok(Some(heard)) => {
                    node.borrow_mut().hear(id, heard);
                    if node.borrow().line(id).is_none_or(Line::is_over) {
                        return String::new();
                    }
                }
                Ok(None) => break,
                Err(fault) => return fault.to_string(),
            }
        }
        let until = node.borrow().line(id).and_then(|line| line.unread_until(instant()));
        if let Some(until) = until {
            tokio::select! { () = wake.notified() => {}, () = sleep_until(until) => {} }
            continue;
        }
        read.reserve(READ_CHUNK);
        let got = tokio::select! { () = wake.notified() => continue, got = socket.read_buf(&mut read) => got };
        match got {
            Ok(0) => return "eof".to_owned(),
            Ok(_) => {}
            Err(fault) => return fault.kind().to_string(),
        }
    }
}

/// Sends what the node has for the client.
async fn speak(node: &Rc<RefCell<Node>>, socket: &mut WriteHalf<Socket>, id: u64) -> String {
    let Some((wake, _)) = node.borrow().line(id).map(Line::wakers) else { return String::new() };
    loop {
        let Some(step) = node.borrow_mut().step(id, instant()) else { return String::new() };
        match step {
            Step::Wait(until) => {
                let alarm = async {
                    match until {
                        Some(until) => sleep_until(until).await,
                        None => pending().await,
                    }
                };
                tokio::select! { () = wake.notified() => {}, () = alarm => {} }
            }
            Step::Finish(ending) => {
                finish(node, socket, id, ending).await;
                return String::new();
            }
            Step::Write(batch) => {
                let slices: Vec<IoSlice<'_>> = batch.iter().map(|bytes| IoSlice::new(bytes)).collect();
                if batch.iter().all(Bytes::is_empty) {
                    node.borrow_mut().wrote(id, 0);
                    continue;
                }
                let ending = node.borrow().line(id).and_then(Line::ending).is_some();
                // An end first: it drops what this batch holds, so not one byte more of it may go out.
                let written = tokio::select! {
                    biased;
                    () = wake_when_ending(node, &wake, id, ending) => continue,
                    written = write(socket, &slices) => written,
                };
                match written {
                    Ok(bytes) => node.borrow_mut().wrote(id, bytes),
                    Err(fault) => return fault.kind().to_string(),
                }
            }
        }
    }
}

/// TLS keeps what it is given until it is flushed.
async fn write(socket: &mut WriteHalf<Socket>, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let bytes = socket.write_vectored(slices).await?;
    if bytes == 0 {
        return Err(io::ErrorKind::WriteZero.into());
    }
    Ok(bytes)
}

/// While a write waits for the client, only an ordered end matters: a new one at once, one that the batch is part of
/// when its time is up.
async fn wake_when_ending(node: &Rc<RefCell<Node>>, wake: &tokio::sync::Notify, id: u64, known: bool) {
    loop {
        let ending = node.borrow().line(id).and_then(Line::ending);
        match ending {
            Some(Ending { how: How::Reset | How::HalfOpen, .. }) => return,
            Some(_) if !known => return,
            Some(Ending { by, .. }) => return sleep_until(by).await,
            None => wake.notified().await,
        }
    }
}

/// The end of the TCP connection: our half is closed, and the client gets the rest of the grace to close its own.
async fn finish(node: &Rc<RefCell<Node>>, socket: &mut WriteHalf<Socket>, id: u64, ending: Ending) {
    let polite = matches!(ending.how, How::Clean | How::Bare);
    // TLS has a last word of its own, which a client that reads nothing holds up.
    let patience = ending.by.max(instant() + LAST_WORD);
    let shut = async { timeout_at(patience, socket.shutdown()).await.is_ok_and(|shut| shut.is_ok()) };
    if polite && shut.await && !node.borrow().line(id).is_none_or(Line::is_over) {
        sleep_until(ending.by).await;
    }
}
