//! One connection that HTTP is spoken over, driven by whoever waits for its answers: no task of its own outlives a call.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;

use super::fault::{self, HttpFault};
use crate::limits::{HTTP_HEAD_BYTES_MAX, HTTP_HEADERS_MAX};
use crate::transport::stream::Stream;

type Body = Full<Bytes>;
type Driven = Pin<Box<Connection<TokioIo<Stream>, Body>>>;

/// A connection, and the way to ask over it.
pub(super) struct Line {
    sender: SendRequest<Body>,
    /// Nothing once it has ended.
    connection: Option<Driven>,
}

impl Line {
    pub(super) async fn dial(host: &str, port: u16, tls: Option<&Arc<ClientConfig>>) -> Result<Self, HttpFault> {
        let stream = Stream::open(host, port, tls).await?;
        let handshake = Builder::new()
            .max_headers(HTTP_HEADERS_MAX)
            .max_buf_size(HTTP_HEAD_BYTES_MAX)
            .handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(|error| fault::of(&error))?;
        Ok(Self { sender, connection: Some(Box::pin(connection)) })
    }

    /// Whether the server has kept it open since the last answer.
    pub(super) async fn is_open(&mut self) -> bool {
        // Others have their turn meanwhile: the runtime, too, which hears from the socket.
        self.beside(tokio::task::yield_now()).await;
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Asks, and waits for the head of the answer. Of a failure, whether the request is still in our hands.
    pub(super) async fn send(
        &mut self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, (Option<Request<Body>>, HttpFault)> {
        let answer = self.sender.try_send_request(request);
        self.beside(answer).await.map_err(|mut error| (error.take_message(), fault::of(error.error())))
    }

    /// Does the work while the connection moves bytes.
    pub(super) async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|cx| {
            let ended = self.connection.as_mut().is_some_and(|connection| connection.as_mut().poll(cx).is_ready());
            if ended {
                // What went wrong is told by the work that it went wrong for.
                self.connection = None;
            }
            work.as_mut().poll(cx)
        })
        .await
    }
}
