//! HTTP, one call at a time: a request goes out, and a bounded answer or a fact comes back. Decides nothing.
//!
//! No redirect is followed, since the key belongs to one host; nothing is asked twice unless nothing of the first
//! request can have left; no proxy is looked for. The key is in one header, and no error can print it.

mod body;
mod fault;
mod line;

pub use fault::HttpFault;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use body::Intake;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, LOCATION,
    USER_AGENT,
};
use hyper::{Method, Response, StatusCode, Uri};
use line::Line;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustls::ClientConfig;
use secrecy::{ExposeSecret as _, SecretString};

use super::dial::told;
use crate::peer_text::{Mask, PeerText};
use crate::time::Time;

/// All that is needed to call.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://HOST[:PORT][/PATH]`; `http://` only to this host, unless `allow_insecure`.
    pub url: String,
    pub allow_insecure: bool,
    /// What stands in the `Authorization` header: for DataSift `USERNAME:KEY`, without a scheme (DataSift, API
    /// Authentication).
    pub authorization: SecretString,
    /// For one call, from looking the name up to the last byte.
    pub timeout: Duration,
    /// Bytes of an answer's body, packed or unpacked, above which it is not read.
    pub body_max: usize,
    /// The headers that an answer keeps, in lower case.
    pub headers: &'static [&'static str],
    /// Hides the identity in what the server says.
    pub mask: Mask,
    /// For `https`.
    pub tls: Arc<ClientConfig>,
}

/// One request. The identity is not in it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'r str,
    /// Below the server's address, with or without a slash at its head.
    pub path: &'r str,
    /// Behind a `?` for `GET` and `DELETE`, as a form in the body otherwise.
    pub form: &'r [(&'r str, String)],
}

/// An answer as it came, whatever its status.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answer {
    pub status: u16,
    /// Those that were asked for and are text, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The server's clock, in whole seconds, if the answer says it.
    pub told: Option<Time>,
    /// Unpacked, and whole.
    pub body: Vec<u8>,
}

/// The way to one HTTP server. It keeps its connection from one call to the next.
pub struct Client {
    settings: Settings,
    secure: bool,
    host: String,
    port: u16,
    /// As the `Host` header names it.
    authority: HeaderValue,
    /// The address's own path, without a slash at its end.
    base: String,
    authorization: HeaderValue,
    line: Option<Line>,
}

impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Client").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that has not connected yet.
    ///
    /// # Errors
    /// A sentence, if the address cannot be called or would send the key unencrypted to another host. It repeats
    /// neither.
    pub fn new(settings: Settings) -> Result<Self, String> {
        const FORM: &str = "the address of the REST service must be https://HOST[:PORT][/PATH]";
        let uri: Uri = settings.url.parse().map_err(|_secret| FORM.to_owned())?;
        let (Some(host), Some(authority)) = (uri.host(), uri.authority()) else { return Err(FORM.to_owned()) };
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(format!("{FORM}, without an identity and without a query"));
        }
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if settings.allow_insecure || is_loopback(host) => false,
            Some("http") => return Err("http:// would send the API key unencrypted to another host".to_owned()),
            Some(_) | None => return Err(FORM.to_owned()),
        };
        let mut authorization = HeaderValue::from_str(settings.authorization.expose_secret())
            .map_err(|_secret| "the identity holds characters that HTTP cannot carry".to_owned())?;
        authorization.set_sensitive(true);
        Ok(Self {
            secure,
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_invalid| FORM.to_owned())?,
            base: uri.path().trim_end_matches('/').to_owned(),
            authorization,
            line: None,
            settings,
        })
    }

    /// Makes one call. Giving up the wait closes the connection and leaves the client fit for the next call.
    ///
    /// # Errors
    /// Why there is no whole answer; [`HttpFault::may_have_acted`] says whether the server may have heard.
    pub async fn call(&mut self, request: &Request<'_>) -> Result<Answer, HttpFault> {
        let (mut sent, timeout) = (false, self.settings.timeout);
        match tokio::time::timeout(timeout, self.exchange(request, &mut sent)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) if sent => Err(HttpFault::Late(timeout)),
            Err(_elapsed) => Err(HttpFault::Unreachable(format!("no connection within {} s", timeout.as_secs_f64()))),
        }
    }

    async fn exchange(&mut self, request: &Request<'_>, sent: &mut bool) -> Result<Answer, HttpFault> {
        let mut outgoing = self.outgoing(request)?;
        // Whatever goes wrong from here on, the connection goes with it.
        if let Some(mut line) = self.line.take() {
            *sent = line.is_open().await;
            if *sent {
                match line.send(outgoing).await {
                    Ok(response) => return self.take_in(line, response).await,
                    Err((Some(unsent), _)) => outgoing = unsent,
                    Err((None, fault)) => return Err(fault),
                }
            }
        }
        *sent = false;
        let tls = self.secure.then_some(&self.settings.tls);
        let mut line = Line::dial(&self.host, self.port, tls).await?;
        *sent = true;
        let response = line.send(outgoing).await.map_err(|(_, fault)| fault)?;
        self.take_in(line, response).await
    }

    /// The request in the form that leaves.
    fn outgoing(&self, request: &Request<'_>) -> Result<hyper::Request<Full<Bytes>>, HttpFault> {
        let unusable = |what: &str| HttpFault::Unreachable(format!("{what} cannot be asked for over HTTP"));
        let method: Method = request.method.parse().map_err(|_invalid| unusable("this method"))?;
        let form = encoded(request.form);
        let in_body = method == Method::POST || method == Method::PUT;
        let mut target = format!("{}/{}", self.base, request.path.trim_start_matches('/'));
        if !in_body && !form.is_empty() {
            target = format!("{target}?{form}");
        }
        let mut builder = hyper::Request::builder()
            .method(method)
            .uri(target)
            .header(HOST, &self.authority)
            .header(AUTHORIZATION, &self.authorization)
            .header(USER_AGENT, concat!("siftd/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT_ENCODING, "gzip");
        let body = if in_body { form } else { String::new() };
        if in_body {
            builder = builder
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(CONTENT_LENGTH, body.len().to_string());
        }
        builder.body(Full::new(Bytes::from(body))).map_err(|_invalid| unusable("this path"))
    }

    /// The answer, to its last byte.
    async fn take_in(&mut self, mut line: Line, response: Response<Incoming>) -> Result<Answer, HttpFault> {
        let (head, mut incoming) = response.into_parts();
        if let Some(status) = redirects(head.status) {
            let location = head.headers.get(LOCATION).map(|value| String::from_utf8_lossy(value.as_bytes()));
            let location = location.map(|value| PeerText::of(&self.settings.mask.hide(value)).into());
            return Err(HttpFault::Redirected { status, location });
        }
        let limit = self.settings.body_max;
        if usize::try_from(incoming.size_hint().lower()).map_or(true, |announced| announced > limit) {
            return Err(HttpFault::Oversize { limit });
        }
        let packing = head.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
        let mut intake = Intake::of(packing, limit)?;
        while let Some(frame) = line.beside(incoming.frame()).await {
            let frame = frame.map_err(|error| fault::of(&error))?;
            if let Some(piece) = frame.data_ref() {
                intake.take(piece)?;
            }
        }
        let named = |name: &&str| {
            let value = head.headers.get(*name)?.to_str().ok()?;
            Some(((*name).to_owned(), value.to_owned()))
        };
        let headers = self.settings.headers.iter().filter_map(named).collect();
        let body = intake.whole()?;
        if head.status != StatusCode::SWITCHING_PROTOCOLS {
            self.line = Some(line);
        }
        Ok(Answer { status: head.status.as_u16(), headers, told: told(&head.headers), body })
    }
}

/// The statuses that send a client elsewhere (RFC 9110, 15.4).
fn redirects(status: StatusCode) -> Option<u16> {
    Some(status.as_u16()).filter(|status| matches!(status, 301 | 302 | 303 | 307 | 308))
}

/// `localhost`, 127.0.0.0/8 or `[::1]`: what is sent there does not leave the host.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn encoded(form: &[(&str, String)]) -> String {
    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    let escaped = |text| utf8_percent_encode(text, ESCAPED);
    let pairs: Vec<_> = form.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
    pairs.join("&")
}
