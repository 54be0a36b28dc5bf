//! Every way in which a connection can fail to come about or come to an end, as facts.

use std::fmt;
use std::time::Duration;

use crate::coverage::Cause;
use crate::signal::Class;

/// Why there is no connection, or no longer one. Texts of a peer are escaped and cut where they are made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// No way to the server: name, route, refusal, time-out.
    Unreachable(String),
    /// The server's certificate or its TLS is not acceptable.
    Tls(String),
    /// The server answered the upgrade with something other than 101.
    Refused {
        /// The HTTP status code.
        status: u16,
        /// `Retry-After`, if it was said.
        retry_after: Option<Duration>,
        /// The class of the message in the answer's body, if it is a known one.
        class: Option<Class>,
        /// What the server said.
        text: String,
    },
    /// The server closed with a close frame.
    Closed { code: Option<u16>, reason: String },
    /// The connection broke: reset, end of stream, input/output error.
    Broken(String),
    /// The server broke the rules of WebSocket.
    Garbled(String),
    /// A message above the bound on its size, in bytes: it is lost.
    Oversize { limit: usize },
    /// No frame of any kind for this long.
    Silent(Duration),
    /// We ourselves did not run for this long.
    Suspended(Duration),
}

impl Fault {
    /// The cause to write into a gap record, where nothing better is known.
    pub fn cause(&self) -> Cause {
        match self {
            Self::Unreachable(_) | Self::Tls(_) | Self::Broken(_) => Cause::Network,
            Self::Refused { status: 401 | 403, .. } => Cause::Auth,
            Self::Refused { status: 420 | 429, .. } => Cause::Capacity,
            Self::Refused { .. } | Self::Garbled(_) => Cause::ServerError,
            Self::Closed { .. } => Cause::ServerClosed,
            Self::Oversize { .. } => Cause::OversizeFrame,
            Self::Silent(_) => Cause::Silence,
            Self::Suspended(_) => Cause::Suspended,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(out, "cannot reach the server: {why}"),
            Self::Tls(why) => write!(out, "TLS refused: {why}"),
            Self::Refused { status, text, .. } if text.is_empty() => {
                write!(out, "the server answered {status}")
            }
            Self::Refused { status, text, .. } => {
                write!(out, "the server answered {status}: {text}")
            }
            Self::Closed { code: Some(code), reason } if reason.is_empty() => {
                write!(out, "the server closed with code {code}")
            }
            Self::Closed { code: Some(code), reason } => {
                write!(out, "the server closed with code {code}: {reason}")
            }
            Self::Closed { code: None, .. } => write!(out, "the server closed"),
            Self::Broken(why) => write!(out, "the connection broke: {why}"),
            Self::Garbled(why) => write!(out, "the server broke the protocol: {why}"),
            Self::Oversize { limit } => write!(out, "a message above {limit} bytes"),
            Self::Silent(span) => write!(out, "no sign of life for {} s", span.as_secs()),
            Self::Suspended(span) => {
                write!(out, "this machine stood still for {} s", span.as_secs())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_what_the_server_said_if_it_said_anything() {
        let refused =
            |text: &str| Fault::Refused { status: 503, retry_after: None, class: None, text: text.to_owned() };
        let closed = |code, reason: &str| Fault::Closed { code, reason: reason.to_owned() };
        assert_eq!(refused("").to_string(), "the server answered 503");
        assert_eq!(refused("full").to_string(), "the server answered 503: full");
        assert_eq!(closed(None, "").to_string(), "the server closed");
        assert_eq!(closed(Some(1001), "").to_string(), "the server closed with code 1001");
        assert_eq!(closed(Some(1001), "bye").to_string(), "the server closed with code 1001: bye");
        assert_eq!(closed(None, "bye").to_string(), "the server closed", "without a code there is no reason");
    }

    #[test]
    fn each_fault_has_its_words_and_the_cause_of_its_gap() {
        let why = || "why".to_owned();
        for (fault, words, cause) in [
            (Fault::Unreachable(why()), "cannot reach the server: why", Cause::Network),
            (Fault::Tls(why()), "TLS refused: why", Cause::Network),
            (Fault::Broken(why()), "the connection broke: why", Cause::Network),
            (Fault::Garbled(why()), "the server broke the protocol: why", Cause::ServerError),
            (Fault::Closed { code: None, reason: why() }, "the server closed", Cause::ServerClosed),
            (Fault::Oversize { limit: 17 }, "a message above 17 bytes", Cause::OversizeFrame),
            (Fault::Silent(Duration::from_millis(61_900)), "no sign of life for 61 s", Cause::Silence),
            (Fault::Suspended(Duration::from_hours(1)), "this machine stood still for 3600 s", Cause::Suspended),
        ] {
            assert_eq!((fault.to_string().as_str(), fault.cause()), (words, cause));
        }
    }

    #[test]
    fn the_status_of_a_refusal_is_the_cause_of_its_gap() {
        for (cause, statuses) in [
            (Cause::Auth, vec![401, 403]),
            (Cause::Capacity, vec![420, 429]),
            (Cause::ServerError, vec![200, 301, 400, 402, 404, 419, 421, 428, 430, 500, 503]),
        ] {
            for status in statuses {
                let fault = Fault::Refused { status, retry_after: None, class: None, text: String::new() };
                assert_eq!(fault.cause(), cause, "{status}");
            }
        }
    }
}
