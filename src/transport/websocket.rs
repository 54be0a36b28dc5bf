//! One WebSocket: what comes in, and what goes out without waiting for it.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{FutureExt as _, Sink as _, Stream as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};

use super::stream::Stream;
use crate::fault::Fault;
use crate::peer_text::{Mask, PeerText};

/// A WebSocket that stands.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<Stream>,
    /// Something of ours waits to be sent.
    unsent: bool,
    max_frame: usize,
    mask: Mask,
}

/// What came.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Text(Utf8Bytes),
    Binary(Bytes),
    /// A ping or a pong, this many bytes long.
    Control(usize),
    /// Nothing more comes.
    Lost(Fault),
}

impl Socket {
    pub(super) fn new(stream: WebSocketStream<Stream>, max_frame: usize, mask: Mask) -> Self {
        Self { stream, unsent: false, max_frame, mask }
    }

    /// Waits for what comes next, and sends meanwhile what waits to be sent. Nothing is lost if the wait is given up.
    pub async fn next(&mut self) -> Event {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// What has come already, if anything has.
    pub fn next_now(&mut self) -> Option<Event> {
        self.next().now_or_never()
    }

    /// How many bytes have come, in frames and in parts of frames.
    pub fn arrived(&self) -> u64 {
        self.stream.get_ref().arrived()
    }

    /// Puts a message into the buffer of what is sent; the next wait sends it.
    ///
    /// # Errors
    /// The connection is gone, or does not take what we send.
    pub fn send(&mut self, text: String) -> Result<(), Fault> {
        self.unsent = true;
        let sent = Pin::new(&mut self.stream).start_send(Message::text(text));
        sent.map_err(|error| fault_of(&error, self.max_frame, &self.mask))
    }

    /// Says farewell. What the server still sends can be read until it answers.
    pub fn close(&mut self) {
        self.unsent = true;
        // If the farewell cannot be said the connection is gone, and reading will tell.
        Pin::new(&mut self.stream).start_send(Message::Close(None)).ok();
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if self.unsent {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.unsent = false,
                // What cannot be sent shows when reading; what was received before must not be lost for it.
                Poll::Ready(Err(_)) | Poll::Pending => {}
            }
        }
        let Poll::Ready(item) = Pin::new(&mut self.stream).poll_next(cx) else { return Poll::Pending };
        Poll::Ready(match item {
            Some(Ok(Message::Text(text))) => Event::Text(text),
            Some(Ok(Message::Binary(bytes))) => Event::Binary(bytes),
            // A ping is answered by the library, when it reads on.
            Some(Ok(Message::Ping(bytes) | Message::Pong(bytes))) => Event::Control(bytes.len()),
            Some(Ok(Message::Close(frame))) => Event::Lost(match frame {
                Some(frame) => {
                    let reason = PeerText::of(&self.mask.hide(frame.reason.as_str())).into();
                    Fault::Closed { code: Some(frame.code.into()), reason }
                }
                None => Fault::Closed { code: None, reason: String::new() },
            }),
            Some(Ok(Message::Frame(_))) => Event::Control(0),
            Some(Err(error)) => Event::Lost(fault_of(&error, self.max_frame, &self.mask)),
            None => Event::Lost(Fault::Broken("the connection has ended".to_owned())),
        })
    }
}

/// What an error of the library means. None of its texts can hold the address, but some hold what the server said.
pub(super) fn fault_of(error: &Error, max_frame: usize, mask: &Mask) -> Fault {
    let told = || PeerText::of(&mask.hide(error.to_string())).into();
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => Fault::Broken("the connection has ended".to_owned()),
        Error::Io(error) => Fault::Broken(in_words(error)),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            Fault::Broken("ended without a close frame".to_owned())
        }
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Fault::Oversize { limit: max_frame },
        Error::Tls(_) => Fault::Tls(told()),
        Error::WriteBufferFull(_) => Fault::Broken("the server does not take what we send".to_owned()),
        Error::Url(_) => Fault::Unreachable("source.url is not an address".to_owned()),
        Error::Capacity(_)
        | Error::Protocol(_)
        | Error::Utf8(_)
        | Error::AttackAttempt
        | Error::Http(_)
        | Error::HttpFormat(_) => Fault::Garbled(told()),
    }
}

fn in_words(error: &io::Error) -> String {
    let kind = error.kind();
    if kind == io::ErrorKind::ConnectionReset {
        "reset by the other side".to_owned()
    } else if kind == io::ErrorKind::UnexpectedEof {
        "ended without a close frame".to_owned()
    } else {
        PeerText::of(&error.to_string()).into()
    }
}
