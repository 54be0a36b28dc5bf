//! What goes back over the wire: a well-made answer, or one that was spoilt on order.

use super::delivery::Format;
use crate::simulator::cue::{Fail, Redirect, Spoil, Status};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;
use tokio_tungstenite::tungstenite::http::StatusCode;

const PAGE_FOR_PEOPLE: &str = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center></body>\r\n</html>\r\n";

/// What came of a call.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) cost: u64,
    pub(super) job: Option<u64>,
    pub(super) delivery: Option<String>,
    pub(super) error: Option<String>,
}

/// A call that was refused.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    text: String,
}

impl Refusal {
    pub(super) fn new(status: u16, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }
}

impl From<Refusal> for Outcome {
    fn from(Refusal { status, text }: Refusal) -> Self {
        Self { error: Some(text.clone()), ..Self::json(status, &json!({"error": text})) }
    }
}

impl Outcome {
    pub(super) fn json(status: u16, document: &Value) -> Self {
        Self { status, body: document.to_string().into_bytes(), ..Self::default() }
    }

    pub(super) fn empty() -> Self {
        Self { status: 204, ..Self::default() }
    }

    /// A page of a delivery, or the answer that nothing is there.
    pub(super) fn page(status: u16, body: Vec<u8>, format: Format) -> Self {
        Self { status, body, headers: vec![("X-DataSift-Format", format.name().to_owned())], ..Self::default() }
    }

    #[must_use]
    pub(super) fn of_job(self, number: u64) -> Self {
        Self { job: Some(number), ..self }
    }

    #[must_use]
    pub(super) fn of_delivery(self, id: &str) -> Self {
        Self { delivery: Some(id.to_owned()), ..self }
    }
}

impl Fail {
    /// Whether the call has its effect. Where the answer itself is needed, it has.
    pub(super) fn acts(&self) -> bool {
        match self.how {
            Spoil::Cut | Spoil::Length(_) | Spoil::Endless | Spoil::BadGzip | Spoil::Slow(_) => true,
            Spoil::Status(_)
            | Spoil::Html
            | Spoil::Oversized(_)
            | Spoil::Bomb(_)
            | Spoil::Redirect(_)
            | Spoil::Hang
            | Spoil::Reset
            | Spoil::Close => self.acts,
        }
    }
}

/// How an answer is written to the socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Manner {
    Whole,
    /// So long between two bytes.
    Slow(Duration),
    /// Half of it, then the end of the connection.
    Cut,
    /// All of it, then more and more of the same.
    Endless,
    Hang,
    Reset,
    Close,
}

/// An answer as bytes.
#[derive(Debug)]
pub(in crate::simulator) struct Reply {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// What the head says of the body's length, if that is not the truth; nothing in a body of chunks.
    length: Option<i64>,
    pub(super) manner: Manner,
    /// The connection goes on.
    pub(super) keeps: bool,
}

impl Reply {
    pub(super) fn new(outcome: &Outcome, date: &str, gzip: bool) -> Self {
        let kind = if outcome.status == 204 { "text/html; charset=UTF-8" } else { "application/json" };
        let mut reply = Self {
            status: outcome.status,
            headers: standing(date, kind),
            body: outcome.body.clone(),
            length: None,
            manner: Manner::Whole,
            keeps: true,
        };
        reply.headers.push(("X-API-Version".to_owned(), "1.6".to_owned()));
        reply.headers.extend(outcome.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        if gzip && !reply.body.is_empty() {
            reply.body = packed(&reply.body);
            reply.headers.push(("Content-Encoding".to_owned(), "gzip".to_owned()));
        }
        reply
    }

    /// Spoils it.
    pub(super) fn spoil(&mut self, how: &Spoil, date: &str) {
        match how {
            Spoil::Status(status) => self.become_status(status, date),
            Spoil::Html => self.become_body(200, "text/html", PAGE_FOR_PEOPLE.as_bytes().to_vec(), date),
            Spoil::Cut => self.manner = Manner::Cut,
            Spoil::Length(by) => self.length = Some(*by),
            Spoil::Endless => self.manner = Manner::Endless,
            Spoil::Oversized(size) => {
                let body = format!(r#"{{"padding":"{}"}}"#, "x".repeat(size.0)).into_bytes();
                self.become_body(200, "application/json", body, date);
            }
            Spoil::BadGzip => {
                self.headers.retain(|(name, _)| name != "Content-Encoding");
                self.headers.push(("Content-Encoding".to_owned(), "gzip".to_owned()));
                self.body = b"\x1f\x8b\x08\x00this is no gzip".to_vec();
            }
            Spoil::Bomb(size) => {
                self.become_body(200, "application/json", packed(&vec![b' '; size.0]), date);
                self.headers.push(("Content-Encoding".to_owned(), "gzip".to_owned()));
            }
            Spoil::Redirect(Redirect { status, location }) => {
                self.become_body(*status, "text/html", Vec::new(), date);
                self.headers.push(("Location".to_owned(), location.clone()));
            }
            Spoil::Slow(slow) => self.manner = Manner::Slow(slow.pause),
            Spoil::Hang => self.manner = Manner::Hang,
            Spoil::Reset => self.manner = Manner::Reset,
            Spoil::Close => self.manner = Manner::Close,
        }
    }

    fn become_status(&mut self, Status { status, body, html, retry_after }: &Status, date: &str) {
        let (kind, usual) = if *html {
            ("text/html", PAGE_FOR_PEOPLE.to_owned())
        } else {
            ("application/json", json!({"error": reason(*status)}).to_string())
        };
        let body = body.clone().unwrap_or(usual);
        // An answer of these statuses has no body.
        let body = if matches!(status, 204 | 304) { Vec::new() } else { body.into_bytes() };
        self.become_body(*status, kind, body, date);
        let wait = retry_after.iter().map(|wait| ("Retry-After".to_owned(), wait.clone()));
        self.headers.extend(wait);
    }

    fn become_body(&mut self, status: u16, kind: &str, body: Vec<u8>, date: &str) {
        self.status = status;
        self.headers = standing(date, kind);
        self.body = body;
    }

    /// Head and body.
    pub(super) fn bytes(&self) -> (Vec<u8>, &[u8]) {
        let length = i64::try_from(self.body.len()).unwrap_or(i64::MAX);
        let length = match (self.manner, self.status) {
            (Manner::Endless, _) => "Transfer-Encoding: chunked\r\n".to_owned(),
            (_, 204 | 304) => String::new(),
            (_, _) => format!("Content-Length: {}\r\n", length.saturating_add(self.length.unwrap_or(0)).max(0)),
        };
        let keeps = if self.closes() { "close" } else { "keep-alive" };
        let headers: Vec<String> = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let status = self.status;
        let head =
            format!("HTTP/1.1 {status} {}\r\n{}{length}Connection: {keeps}\r\n\r\n", reason(status), headers.concat());
        (head.into_bytes(), &self.body)
    }

    /// Whether the connection ends with it.
    pub(super) fn closes(&self) -> bool {
        !self.keeps || self.length.is_some() || !matches!(self.manner, Manner::Whole | Manner::Slow(_))
    }
}

/// The headers of every answer.
fn standing(date: &str, kind: &str) -> Vec<(String, String)> {
    [("Date", date), ("Server", "siftd-simulator"), ("Content-Type", kind)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

fn packed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // A Vec takes every write.
    if encoder.write_all(body).is_err() {
        return Vec::new();
    }
    encoder.finish().unwrap_or_default()
}

fn reason(status: u16) -> &'static str {
    StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Refused")
}
