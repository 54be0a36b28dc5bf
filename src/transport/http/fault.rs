//! Every way in which a call over HTTP can end without a whole answer, as facts.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::time::Duration;

use crate::fault::Fault;
use crate::peer_text::PeerText;

/// Why there is no whole answer. Texts of a peer are escaped and cut; none can hold the key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HttpFault {
    /// No way to the server: name, route, refusal, time-out. Nothing was sent.
    Unreachable(String),
    /// The server's certificate or its TLS is not acceptable. Nothing was sent.
    Tls(String),
    /// The request went out, and the answer was not whole within this span.
    Late(Duration),
    /// The connection broke before the answer was whole.
    Broken(String),
    /// What came is not HTTP, has a head beyond all bounds, or is not packed as it says.
    Garbled(String),
    /// A body of more than so many bytes; the rest was not read.
    Oversize { limit: usize },
    /// The server sends us elsewhere.
    Redirected { status: u16, location: Option<String> },
}

impl HttpFault {
    /// Whether the server may have heard the request, so that a request that must not be made twice leaves a doubt.
    pub const fn may_have_acted(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Tls(_) | Self::Redirected { .. } => false,
            Self::Late(_) | Self::Broken(_) | Self::Garbled(_) | Self::Oversize { .. } => true,
        }
    }
}

impl fmt::Display for HttpFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(out, "cannot reach the server: {why}"),
            Self::Tls(why) => write!(out, "TLS refused: {why}"),
            Self::Late(span) => write!(out, "no whole answer within {} s", span.as_secs_f64()),
            Self::Broken(why) => write!(out, "the connection broke before the answer was whole: {why}"),
            Self::Garbled(why) => write!(out, "the server broke the rules of HTTP: {why}"),
            Self::Oversize { limit } => write!(out, "an answer above {limit} bytes"),
            Self::Redirected { status, location: Some(location) } => {
                write!(out, "the server answered {status} and sends us to {location}")
            }
            Self::Redirected { status, location: None } => {
                write!(out, "the server answered {status} and sends us elsewhere")
            }
        }
    }
}

impl std::error::Error for HttpFault {}

/// What [`Stream::open`](crate::transport::stream::Stream::open) has to tell.
impl From<Fault> for HttpFault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unreachable(why) => Self::Unreachable(why),
            Fault::Tls(why) => Self::Tls(why),
            Fault::Refused { .. }
            | Fault::Closed { .. }
            | Fault::Broken(_)
            | Fault::Garbled(_)
            | Fault::Oversize { .. }
            | Fault::Silent(_)
            | Fault::Suspended(_) => Self::Unreachable(fault.to_string()),
        }
    }
}

/// What an error of the library means. None of its texts can hold the request.
pub(super) fn of(error: &hyper::Error) -> HttpFault {
    match io_kind(error) {
        Some(io::ErrorKind::UnexpectedEof) => HttpFault::Broken("ended in the midst".to_owned()),
        Some(io::ErrorKind::ConnectionReset) => HttpFault::Broken("reset by the other side".to_owned()),
        // A chunk whose length is no number, and the like.
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => garbled(error),
        None if error.is_parse() => garbled(error),
        None if error.is_incomplete_message() => HttpFault::Broken("ended in the midst".to_owned()),
        Some(_) | None => HttpFault::Broken(PeerText::of(&error.to_string()).into()),
    }
}

/// The kind of the input/output error at the root of it, if there is one.
fn io_kind(error: &hyper::Error) -> Option<io::ErrorKind> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

fn garbled(error: &hyper::Error) -> HttpFault {
    HttpFault::Garbled(PeerText::of(&error.to_string()).into())
}
