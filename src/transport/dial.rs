//! From an address to a WebSocket: name, TCP, TLS, upgrade. No redirect is followed: the key goes to one host only.

use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response};
use tokio_tungstenite::tungstenite::http::header::{DATE, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use tokio_tungstenite::tungstenite::http::{HeaderMap, Uri};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self};

use super::stream::Stream;
use super::websocket::{Socket, fault_of};
use crate::fault::Fault;
use crate::limits::WRITE_BUFFER_MAX;
use crate::peer_text::{Mask, PeerText};
use crate::time::Time;

/// All that is needed to connect.
#[derive(Clone, Debug)]
pub struct Dialer {
    /// With the identity in it.
    pub url: SecretString,
    pub timeout: Duration,
    /// Bytes of one message above which it is not read.
    pub max_frame: usize,
    /// Hides the identity in what the server says.
    pub mask: Mask,
    /// For `wss`.
    pub tls: Arc<ClientConfig>,
}

/// A connection that stands.
#[derive(Debug)]
pub struct Dialed {
    pub socket: Socket,
    /// The server's clock, in whole seconds, as its answer to the upgrade says.
    pub told: Option<Time>,
}

/// An attempt that failed.
#[derive(Clone, Debug)]
pub struct DialError {
    pub fault: Fault,
    /// The server's answer, where it answered with something other than an upgrade.
    pub body: String,
    /// When it wants us back, where it said so by a date and did not say what time it has.
    pub back_at: Option<Time>,
}

impl From<Fault> for DialError {
    fn from(fault: Fault) -> Self {
        Self { fault, body: String::new(), back_at: None }
    }
}

/// The trust that `wss` rests on: these authorities only, or, if there are none, the system's trust store.
///
/// # Errors
/// A sentence, if the system's trust store cannot be used.
pub fn tls(authorities: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = if authorities.is_empty() {
        builder.with_platform_verifier().map_err(|error| no_authorities(&error))?
    } else {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.iter().cloned());
        builder.with_root_certificates(roots)
    };
    Ok(Arc::new(builder.with_no_client_auth()))
}

fn no_authorities(error: &rustls::Error) -> String {
    format!(
        "the system's trust store cannot be used ({error}): install ca-certificates, or name a PEM file in tls.ca_file"
    )
}

impl Dialer {
    /// Connects, or says why not, within the time-out.
    ///
    /// # Errors
    /// The fault, and what the server answered.
    pub async fn dial(&self) -> Result<Dialed, DialError> {
        match tokio::time::timeout(self.timeout, self.connect()).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                let seconds = self.timeout.as_secs_f64();
                Err(Fault::Unreachable(format!("no connection within {seconds} s")).into())
            }
        }
    }

    async fn connect(&self) -> Result<Dialed, DialError> {
        let mut request = self.url.expose_secret().into_client_request().map_err(|_secret| no_address())?;
        let agent = HeaderValue::from_static(concat!("siftd/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(USER_AGENT, agent);
        let stream = self.reach(request.uri()).await?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(self.max_frame))
            .max_frame_size(Some(self.max_frame))
            .max_write_buffer_size(WRITE_BUFFER_MAX);
        let upgrade: Request = request;
        match client_async_with_config(upgrade, stream, Some(config)).await {
            Ok((socket, response)) => {
                let socket = Socket::new(socket, self.max_frame, self.mask.clone());
                Ok(Dialed { socket, told: told(response.headers()) })
            }
            Err(tungstenite::Error::Http(response)) => Err(refused(&response, &self.mask)),
            Err(error) => Err(fault_of(&error, self.max_frame, &self.mask).into()),
        }
    }

    /// The stream under the WebSocket.
    async fn reach(&self, uri: &Uri) -> Result<Stream, DialError> {
        let host = uri.host().ok_or_else(no_address)?;
        let secure = uri.scheme_str() == Some("wss");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Ok(Stream::open(host, port, secure.then_some(&self.tls)).await?)
    }
}

fn no_address() -> DialError {
    Fault::Unreachable("source.url is not an address".to_owned()).into()
}

/// The server answered, but not with an upgrade.
fn refused(response: &Response, mask: &Mask) -> DialError {
    let body = String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()).into_owned();
    let text = message_of(&body).unwrap_or_else(|| body.lines().next().unwrap_or_default().to_owned());
    let (wait, now) = (header(response.headers(), &RETRY_AFTER), told(response.headers()));
    let retry_after = wait.and_then(|wait| retry_after(wait, now));
    let back_at = wait.filter(|_| now.is_none()).and_then(http_date);
    let (status, text) = (response.status().as_u16(), PeerText::of(&mask.hide(text)).into());
    DialError { fault: Fault::Refused { status, retry_after, class: None, text }, body, back_at }
}

/// The message in a JSON answer.
fn message_of(body: &str) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_str(body).ok()?;
    ["message", "error"].iter().find_map(|key| Some(answer.get(key)?.as_str()?.to_owned()))
}

/// `Retry-After`: seconds, or a date, which is compared with the answer's own (RFC 9110, 10.2.3).
fn retry_after(wait: &str, now: Option<Time>) -> Option<Duration> {
    if let Ok(seconds) = wait.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    Some(http_date(wait)?.since(now?))
}

/// The server's clock, in whole seconds.
pub(super) fn told(headers: &HeaderMap) -> Option<Time> {
    http_date(header(headers, &DATE)?)
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// A date of HTTP in its usual form (RFC 9110, 5.6.7), which is also one of mail.
fn http_date(text: &str) -> Option<Time> {
    let stamp = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(Time::from_micros(stamp.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_http_are_read() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Time::from_seconds(784_111_777)));
        assert_eq!(http_date("yesterday"), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_by_the_servers_clock() {
        let now = http_date("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(retry_after("120", now), Some(Duration::from_mins(2)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:07 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
    }
}
